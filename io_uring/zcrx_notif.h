/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IOU_ZCRX_NOTIF_H
#define IOU_ZCRX_NOTIF_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/io_uring_types.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>

#include <uapi/linux/io_uring/zcrx.h>

#define ZCRX_NOTIF_TYPES	(ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY)
#define ZCRX_NOTIF_DESC_FLAGS	ZCRX_NOTIF_DESC_FLAG_STATS
#define ZCRX_NOTIF_STATS_ALIGN	sizeof(u64)
/* the first form of the statistics: copy_count and copy_bytes */
#define ZCRX_NOTIF_STATS_MIN_SIZE \
	offsetofend(struct io_uring_zcrx_notif_stats, copy_bytes)

/*
 * The state of an ifq's notifications, one word that changes as a whole: of each
 * type one of three bits, or none if it was not asked for, and three flags.
 */
/* the next event queues a notification */
#define ZCRX_NOTIF_ARMED(types)		(types)
/* happened, and has no CQE yet */
#define ZCRX_NOTIF_PENDING(types)	((types) << 8)
/* has a CQE, and was not armed since */
#define ZCRX_NOTIF_FIRED(types)		((types) << 16)
/* the request is queued, or its task work runs */
#define ZCRX_NOTIF_IN_FLIGHT		BIT(24)
/* the task work is posting what is pending, the CQE can be seen already */
#define ZCRX_NOTIF_POSTING		BIT(25)
/* arming waits for the end of that */
#define ZCRX_NOTIF_WAITED		BIT(26)

/*
 * Notification state of one ifq, embedded in it. Locking, ordering and lifetime
 * are described at the top of zcrx_notif.c.
 */
struct zcrx_notif {
	/* ZCRX_NOTIF_ARMED() and the others above */
	atomic_t				state;
	/* room of the statistics in bytes, 0 if there are none */
	u32					stats_size;
	/* in the refill queue region, shared with the application */
	struct io_uring_zcrx_notif_stats	*stats;

	/* protects ->ctx, and ->state against all but task work and waiting */
	spinlock_t				lock;
	/* creator ring, NULL until attached and again once detached */
	struct io_ring_ctx			*ctx;
	/* the one task work request, NULL if no type was asked for */
	struct io_kiocb				*req;
	u64					user_data;
};

void zcrx_notif_init(struct zcrx_notif *n);
int zcrx_notif_check_desc(const struct zcrx_notification_desc *desc);
int zcrx_notif_check_stats(const struct zcrx_notification_desc *desc,
			   u64 rq_end, u64 region_size);
int zcrx_notif_setup(struct zcrx_notif *n,
		     const struct zcrx_notification_desc *desc, void *region);
void zcrx_notif_free(struct zcrx_notif *n);

void zcrx_notif_attach(struct zcrx_notif *n, struct io_ring_ctx *ctx);
void zcrx_notif_detach(struct zcrx_notif *n, struct io_ring_ctx *ctx);
int zcrx_notif_arm(struct zcrx_notif *n, const struct zcrx_ctrl_arm_notif *arm);
void __zcrx_notif_raise(struct zcrx_notif *n, u32 type);

/*
 * Notify of one event. Callable from softirq and process context. Not asked
 * for, on its way or already fired: one relaxed load and a branch.
 */
static inline void zcrx_notif_raise(struct zcrx_notif *n, u32 type)
{
	if (unlikely(atomic_read(&n->state) & ZCRX_NOTIF_ARMED(type)))
		__zcrx_notif_raise(n, type);
}

static inline void zcrx_notif_stat_add(__u64 *counter, u64 val)
{
	BUILD_BUG_ON(sizeof(atomic64_t) != sizeof(*counter));

	atomic64_add(val, (atomic64_t *)counter);
}

/**
 * zcrx_notif_no_buffers - count and notify of a failed attempt to get a buffer
 * @n: notification state of the ifq that had no buffer
 *
 * Context: Softirq (page pool) and process context (copy fallback). Takes
 *	@n->lock, but only if the type is armed.
 */
static inline void zcrx_notif_no_buffers(struct zcrx_notif *n)
{
	if (n->stats_size >= offsetofend(struct io_uring_zcrx_notif_stats,
					 no_buffers_count)) {
		zcrx_notif_stat_add(&n->stats->no_buffers_count, 1);
		/* count before looking at what is armed, see zcrx_notif_arm() */
		smp_mb__after_atomic();
	}
	zcrx_notif_raise(n, ZCRX_NOTIF_NO_BUFFERS);
}

/**
 * zcrx_notif_copied - count and notify of copied payload
 * @n: notification state of the ifq that received the payload
 * @bytes: bytes copied of one page fragment or linear part, not 0
 *
 * Context: Process context, with the uring_lock of the receiving ring held,
 *	which is not always the creator. Takes @n->lock, but only if the type
 *	is armed.
 */
static inline void zcrx_notif_copied(struct zcrx_notif *n, size_t bytes)
{
	if (n->stats_size >= ZCRX_NOTIF_STATS_MIN_SIZE) {
		zcrx_notif_stat_add(&n->stats->copy_count, 1);
		zcrx_notif_stat_add(&n->stats->copy_bytes, bytes);
		/* count before looking at what is armed, see zcrx_notif_arm() */
		smp_mb__after_atomic();
	}
	zcrx_notif_raise(n, ZCRX_NOTIF_COPY);
}

#endif
