/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The UAPI of events for tests that are written for notifications, whose types
 * are the bits of a mask: an event type is the number of the bit.
 */
#ifndef ZCRX_ABI_H
#define ZCRX_ABI_H

int zn_ctrl(int ring_fd, struct zcrx_ctrl *c);

#define zcrx_notification_desc		zcrx_event_desc
#define notif_desc			event_desc
#define zc_arm_notif			zc_arm_event
#define ZCRX_FEATURE_NOTIFICATION	ZCRX_FEATURE_EVENT
#define ZCRX_NOTIF_DESC_FLAG_STATS	ZCRX_EVENT_DESC_FLAG_STATS

enum {
	ZCRX_NOTIF_NO_BUFFERS		= 1U << ZCRX_EVENT_ALLOC_FAIL,
	ZCRX_NOTIF_COPY			= 1U << ZCRX_EVENT_COPY,
};

#define io_uring_zcrx_notif_stats	zcrx_stats
#define no_buffers_count		alloc_fail_count

#define IO_URING_QUERY_ZCRX_NOTIF	IO_URING_QUERY_ZCRX_EVENT
#define io_uring_query_zcrx_notif	io_uring_query_zcrx_event
#define notif_stats_size		stats_size
#define notif_stats_off_alignment	stats_off_alignment

/* Each type has its CQE, and is armed by a call. */
#define ZN_TYPES_SHARE			false

/* The request that posts events is part of the ifq. */
#define ZN_ALLOCATES_REQUEST		false

/* CQEs of @types that happened before task work ran */
static inline unsigned int zn_nr_cqes(__u32 types)
{
	return __builtin_popcount(types);
}

/* The type that a CQE notifies of, as a mask. */
static inline __u32 zn_types_of(const struct io_uring_cqe *cqe)
{
	return cqe->res >= 0 && cqe->res < 32 ? 1U << cqe->res : 0;
}

/* The control that arms the last of @types. */
static inline struct zcrx_ctrl zn_arm_ctrl(__u32 zcrx_id, __u32 types)
{
	return (struct zcrx_ctrl) {
		.zcrx_id = zcrx_id,
		.op = ZCRX_CTRL_ARM_EVENT,
		.zc_arm_event.event_type = types ? 31 - __builtin_clz(types) : 0,
	};
}

/* One type after the other, the last one first: that is the unknown one. */
static inline int zn_arm_types(int ring_fd, __u32 zcrx_id, __u32 types)
{
	while (types) {
		struct zcrx_ctrl c = zn_arm_ctrl(zcrx_id, types);
		int ret = zn_ctrl(ring_fd, &c);

		if (ret)
			return ret;
		types &= ~(1U << c.zc_arm_event.event_type);
	}
	return 0;
}

#endif
