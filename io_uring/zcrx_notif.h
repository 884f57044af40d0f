/* SPDX-License-Identifier: GPL-2.0 */
#ifndef IOU_ZCRX_NOTIF_H
#define IOU_ZCRX_NOTIF_H

#include <linux/io_uring_types.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <uapi/linux/io_uring/zcrx.h>

#define ZCRX_NOTIF_TYPES	(ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY)
#define ZCRX_NOTIF_STATS_ALIGN	sizeof(u64)
/* the first form of the statistics: copy_count and copy_bytes */
#define ZCRX_NOTIF_STATS_MIN_SIZE \
	offsetofend(struct io_uring_zcrx_notif_stats, copy_bytes)

/* Notifications of one ifq, embedded in it; the rules are in zcrx_notif.c. */
struct zcrx_notif {
	/* types whose next event queues a notification */
	u32					armed;
	/* room of the statistics in bytes, 0 if there are none */
	u32					stats_size;
	/* in the refill queue region, shared with the application */
	struct io_uring_zcrx_notif_stats	*stats;

	/* for the states of the types, ->in_flight and ->ctx */
	spinlock_t				lock;
	/* types that were raised and have no CQE yet */
	u32					pending;
	/* types that have a CQE and were not armed after it */
	u32					fired;
	/* the request is queued */
	bool					in_flight;
	/* creator ring, NULL until attached and again once detached */
	struct io_ring_ctx			*ctx;
	/* the one task work request, NULL if no type was asked for */
	struct io_kiocb				*req;
	u64					user_data;
	/* held while posting and arming */
	struct mutex				post_mutex;
};

int zcrx_notif_check_desc(const struct zcrx_notification_desc *desc);
int zcrx_notif_check_stats(const struct zcrx_notification_desc *desc,
			   u64 rq_end, u64 region_size);
int zcrx_notif_setup(struct zcrx_notif *n,
		     const struct zcrx_notification_desc *desc,
		     struct io_mapped_region *region, u64 rq_end);
void zcrx_notif_free(struct zcrx_notif *n);

void zcrx_notif_attach(struct zcrx_notif *n, struct io_ring_ctx *ctx);
void zcrx_notif_detach(struct zcrx_notif *n, struct io_ring_ctx *ctx);
int zcrx_notif_arm(struct zcrx_notif *n, const struct zcrx_ctrl_arm_notif *arm);
void __zcrx_notif_raise(struct zcrx_notif *n, u32 type);

/* Initialise the state for an ifq without a descriptor. */
static inline void zcrx_notif_init(struct zcrx_notif *n)
{
	spin_lock_init(&n->lock);
	mutex_init(&n->post_mutex);
}

/* bytes of the statistics that an application has room for */
static inline u32 zcrx_notif_stats_size(const struct zcrx_notification_desc *desc)
{
	return desc->stats_size ?: ZCRX_NOTIF_STATS_MIN_SIZE;
}

/*
 * Notify of one event. Callable from softirq and process context. A type that
 * is not armed costs one relaxed load and a branch.
 */
static inline void zcrx_notif_raise(struct zcrx_notif *n, u32 type)
{
	if (unlikely(READ_ONCE(n->armed) & type))
		__zcrx_notif_raise(n, type);
}

/* Queue the pending types: the ring can be notified now. */
static inline void zcrx_notif_queue(struct zcrx_notif *n)
{
	__zcrx_notif_raise(n, 0);
}

static inline void zcrx_notif_stat_add(__u64 *counter, u64 val)
{
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
 * Context: Process context, with the uring_lock of the receiving ring held.
 *	Takes @n->lock, but only if the type is armed.
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
