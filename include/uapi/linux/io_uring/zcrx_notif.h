/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Notifications and statistics of io_uring zero-copy receive (zcrx).
 *
 * <linux/io_uring/zcrx.h> includes this file; applications include zcrx.h.
 */
#ifndef LINUX_IO_URING_ZCRX_NOTIF_H
#define LINUX_IO_URING_ZCRX_NOTIF_H

#include <linux/types.h>

/**
 * enum zcrx_notification_type - types of notifications
 * @ZCRX_NOTIF_NO_BUFFERS: The page pool of the receive queue, or the copy
 *	fallback, asked for a buffer and the area had none. Packets are dropped,
 *	or receive requests fail with -ENOMEM, until buffers are given back
 *	through the refill queue. The copy fallback does not raise it for a
 *	dma-buf area: the kernel cannot copy into one at all.
 * @ZCRX_NOTIF_COPY: Received payload was copied into a buffer instead of being
 *	delivered zero-copy.
 *
 * The values are bits of &struct zcrx_notification_desc.type_mask, of
 * &struct zcrx_ctrl_arm_notif.type_mask and of the ``res`` field of the
 * notification CQE, which can carry several of them.
 */
enum zcrx_notification_type {
	ZCRX_NOTIF_NO_BUFFERS		= 1 << 0,
	ZCRX_NOTIF_COPY			= 1 << 1,
};

/**
 * enum zcrx_notification_desc_flags - flags of a notification descriptor
 * @ZCRX_NOTIF_DESC_FLAG_STATS: Keep &struct io_uring_zcrx_notif_stats up to
 *	date in the refill queue region, at
 *	&struct zcrx_notification_desc.stats_offset.
 */
enum zcrx_notification_desc_flags {
	ZCRX_NOTIF_DESC_FLAG_STATS	= 1 << 0,
};

/**
 * struct zcrx_notification_desc - types to notify of, and place to count
 * @user_data: Copied into every notification CQE.
 * @type_mask: Mask of enum zcrx_notification_type to be notified of. 0 asks for
 *	no CQEs, which makes sense together with ZCRX_NOTIF_DESC_FLAG_STATS.
 * @flags: Mask of enum zcrx_notification_desc_flags.
 * @stats_offset: Offset in bytes of the statistics from the start of the
 *	refill queue region, a multiple of
 *	&struct io_uring_query_zcrx_notif.notif_stats_off_alignment and outside
 *	of the refill queue's header and entries. 0 without
 *	ZCRX_NOTIF_DESC_FLAG_STATS.
 * @stats_size: Room in bytes for the statistics, a multiple of 8 and at least
 *	16; 0 means 16. Registration zeroes all of it; the kernel keeps each
 *	counter that lies wholly in it up to date. 0 without
 *	ZCRX_NOTIF_DESC_FLAG_STATS.
 * @__resv1: Must be 0.
 * @__resv2: Must be 0.
 *
 * Passed through &struct io_uring_zcrx_ifq_reg.notif_desc.
 */
struct zcrx_notification_desc {
	__u64	user_data;
	__u32	type_mask;
	__u32	flags;
	__u64	stats_offset;
	__u32	stats_size;
	__u32	__resv1;
	__u64	__resv2[8];
};

/**
 * struct zcrx_ctrl_arm_notif - argument of ZCRX_CTRL_ARM_NOTIFICATION
 * @type_mask: Mask of enum zcrx_notification_type to arm again. Each of them
 *	must have fired: its CQE was posted or waits on the overflow list.
 *	Otherwise the call fails with -EINVAL and arms none.
 * @__resv: Must be 0.
 */
struct zcrx_ctrl_arm_notif {
	__u32	type_mask;
	__u32	__resv[11];
};

/**
 * struct io_uring_zcrx_notif_stats - counters shared with the application
 * @copy_count: Page fragments and linear parts of received packets that were
 *	copied. It does not count CQEs: a fragment larger than a buffer counts
 *	once but takes several CQEs; a fragment that is copied in two goes,
 *	because buffers or CQ space ran out in between, counts twice.
 * @copy_bytes: Bytes copied.
 * @no_buffers_count: Failed attempts to get a buffer: one for each time the
 *	page pool or the copy fallback asked and the area had none.
 *
 * The kernel writes them with atomic 64-bit additions; the application reads
 * them with 64-bit loads. Each is 8-byte aligned on every architecture.
 * The structure may only grow at its end; how much of it the kernel fills is
 * &struct io_uring_query_zcrx_notif.notif_stats_size.
 */
struct io_uring_zcrx_notif_stats {
	__aligned_u64	copy_count;
	__aligned_u64	copy_bytes;
	__aligned_u64	no_buffers_count;
};

#endif /* LINUX_IO_URING_ZCRX_NOTIF_H */
