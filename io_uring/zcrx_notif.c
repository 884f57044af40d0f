// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications and statistics of zero-copy receive.
 *
 * The receive path raises two types of events: the area had no buffer, payload
 * had to be copied. Each is counted in memory shared with the application, and
 * a CQE on the creator ring, i.e. the ring that registered the ifq, tells of
 * the first one. A type is then silent until the application arms it again:
 *
 *	armed -> pending -> fired -> armed
 *
 * pending:	the event happened, the CQE is on its way through task work, or
 *		waits for the end of the registration.
 * fired:	the CQE is posted or sits on the overflow list.
 *
 * A type that was not asked for is in none of these states. A type whose CQE
 * cannot be posted goes back to armed, so that the next event tries again.
 *
 * Locking
 * -------
 *
 * ->lock protects ->armed, ->pending, ->fired, ->in_flight and ->ctx. It nests
 * inside of everything and nothing is called under it, because events are
 * raised from softirq while CQEs are posted under locks that are not softirq
 * safe. ->armed is also read without it, as the fast exit of raising.
 *
 * ->post_lock is held from taking the pending types to marking them as fired,
 * and for arming. Without it an importer, which doesn't hold the uring_lock of
 * the creator, could see the CQE and fail to arm what it tells of. It nests
 * inside of uring_lock.
 *
 * ->stats, ->stats_size, ->req and ->user_data are constant once the ifq is
 * visible to others. The statistics are only ever touched by atomic
 * operations, and nothing is concluded from their values.
 *
 * Ordering
 * --------
 *
 * An application that arms a type and then compares the counter with what it
 * saw before must not miss an event: either the event finds the type armed, or
 * the counter has moved when the arming returns. That's store buffering, so
 * there is a full barrier on both sides: between counting and reading ->armed
 * in zcrx_notif_no_buffers() and zcrx_notif_copied(), and between writing
 * ->armed and returning to user space in zcrx_notif_arm().
 *
 * Lifetime
 * --------
 *
 * The ifq doesn't hold a reference to the creator, which could then never go
 * away. ->ctx is valid because the creator detaches before it is freed, when
 * its zcrx instances are terminated. A ring that is dying, but not yet detached,
 * is recognised by its reference being killed.
 *
 * A queued request holds a reference to the ring, dropped when the task work
 * runs. That keeps the ifq as well, which the ring lets go of only when it is
 * freed. Task work always runs: a ring on its way out moves what is left to the
 * fallback work, so the reference doesn't keep it.
 *
 * The list of deferred task work is peeked at under RCU by others that add to
 * it, so the request comes from the type stable cache of requests.
 */
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/io_uring.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "io_uring.h"
#include "tw.h"
#include "zcrx_notif.h"

/* ABI: the same for 32-bit and 64-bit applications */
static_assert(sizeof(struct zcrx_notification_desc) == 96);
static_assert(offsetof(struct zcrx_notification_desc, user_data) == 0);
static_assert(offsetof(struct zcrx_notification_desc, type_mask) == 8);
static_assert(offsetof(struct zcrx_notification_desc, flags) == 12);
static_assert(offsetof(struct zcrx_notification_desc, stats_offset) == 16);
static_assert(offsetof(struct zcrx_notification_desc, stats_size) == 24);
static_assert(offsetof(struct zcrx_notification_desc, __resv1) == 28);
static_assert(offsetof(struct zcrx_notification_desc, __resv2) == 32);
static_assert(sizeof(struct io_uring_zcrx_ifq_reg) == 96);
static_assert(offsetof(struct io_uring_zcrx_ifq_reg, notif_desc) == 72);
static_assert(sizeof(struct zcrx_ctrl_arm_notif) == 48);
static_assert(sizeof(struct io_uring_zcrx_notif_stats) == 24);
static_assert(__alignof__(struct io_uring_zcrx_notif_stats) == 8);
static_assert(offsetof(struct io_uring_zcrx_notif_stats, copy_count) == 0);
static_assert(offsetof(struct io_uring_zcrx_notif_stats, copy_bytes) == 8);
static_assert(offsetof(struct io_uring_zcrx_notif_stats, no_buffers_count) == 16);

struct zcrx_notif_cmd {
	struct file		*file;
	struct zcrx_notif	*notif;
};

/**
 * zcrx_notif_init - make the state of an ifq that has no descriptor
 * @n: zeroed notification state
 */
void zcrx_notif_init(struct zcrx_notif *n)
{
	spin_lock_init(&n->lock);
	mutex_init(&n->post_lock);
}

/**
 * zcrx_notif_check_desc - check what doesn't depend on the region
 * @desc: descriptor given by user space
 *
 * Return: 0 or -EINVAL.
 */
int zcrx_notif_check_desc(const struct zcrx_notification_desc *desc)
{
	if (desc->type_mask & ~ZCRX_NOTIF_TYPES)
		return -EINVAL;
	if (desc->flags & ~ZCRX_NOTIF_DESC_FLAGS)
		return -EINVAL;
	if (desc->__resv1 || !mem_is_zero(desc->__resv2, sizeof(desc->__resv2)))
		return -EINVAL;

	if (!(desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS)) {
		if (desc->stats_offset || desc->stats_size)
			return -EINVAL;
		return 0;
	}
	if (!IS_ALIGNED(desc->stats_offset, ZCRX_NOTIF_STATS_ALIGN))
		return -EINVAL;
	if (desc->stats_size && (desc->stats_size < ZCRX_NOTIF_STATS_MIN_SIZE ||
				 !IS_ALIGNED(desc->stats_size, sizeof(u64))))
		return -EINVAL;
	return 0;
}

static u32 zcrx_notif_stats_size(const struct zcrx_notification_desc *desc)
{
	return desc->stats_size ?: ZCRX_NOTIF_STATS_MIN_SIZE;
}

/**
 * zcrx_notif_check_stats - check where the statistics are to lie
 * @desc: descriptor that passed zcrx_notif_check_desc()
 * @rq_end: offset in bytes of the end of the refill queue entries
 * @region_size: size of the region in bytes
 *
 * Return: 0, or -ERANGE if the statistics would touch the refill queue or
 * reach past the region.
 */
int zcrx_notif_check_stats(const struct zcrx_notification_desc *desc,
			   u64 rq_end, u64 region_size)
{
	u64 end;

	if (!(desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS))
		return 0;
	if (desc->stats_offset < rq_end)
		return -ERANGE;
	if (check_add_overflow(desc->stats_offset,
			       (u64)zcrx_notif_stats_size(desc), &end))
		return -ERANGE;
	if (end > region_size)
		return -ERANGE;
	return 0;
}

/**
 * zcrx_notif_setup - prepare for the events that a descriptor asks for
 * @n: notification state, initialised and not visible to others yet
 * @desc: descriptor that passed both checks
 * @region: kernel address of the refill queue region, kept by the ifq
 *
 * From here on events are counted and remembered, and nothing is posted before
 * zcrx_notif_attach().
 *
 * Return: 0 or -ENOMEM; zcrx_notif_free() cleans up after either.
 */
int zcrx_notif_setup(struct zcrx_notif *n,
		     const struct zcrx_notification_desc *desc, void *region)
{
	struct io_kiocb *req;

	if (desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS) {
		n->stats = region + desc->stats_offset;
		n->stats_size = zcrx_notif_stats_size(desc);
		memset(n->stats, 0, n->stats_size);
	}
	if (!desc->type_mask)
		return 0;

	req = kmem_cache_alloc(req_cachep, GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO);
	if (!req)
		return -ENOMEM;
	req->opcode = IORING_OP_NOP;
	io_kiocb_to_cmd(req, struct zcrx_notif_cmd)->notif = n;

	n->req = req;
	n->user_data = desc->user_data;
	n->armed = desc->type_mask;
	return 0;
}

/**
 * zcrx_notif_free - release what the notification state owns
 * @n: notification state of an ifq that nobody refers to any more
 */
void zcrx_notif_free(struct zcrx_notif *n)
{
	WARN_ON_ONCE(n->in_flight || n->ctx);

	if (n->req)
		kmem_cache_free(req_cachep, n->req);
	mutex_destroy(&n->post_lock);
}

/* From now on there is nobody to notify. */
static void zcrx_notif_forget(struct zcrx_notif *n)
	__must_hold(&n->lock)
{
	lockdep_assert_held(&n->lock);

	n->ctx = NULL;
	n->pending = 0;
	n->fired = 0;
	WRITE_ONCE(n->armed, 0);
}

/*
 * Post what is pending. @ctx is the ring that the task work runs for, @cancel
 * says that it can't receive CQEs any more, because its task or itself is
 * exiting.
 */
static void zcrx_notif_post(struct zcrx_notif *n, struct io_ring_ctx *ctx,
			    bool cancel)
{
	guard(mutex)(&n->post_lock);

	while (1) {
		u32 types;
		bool posted;

		scoped_guard(spinlock_bh, &n->lock) {
			if (cancel)
				zcrx_notif_forget(n);
			types = n->pending;
			if (!types) {
				n->in_flight = false;
				return;
			}
		}

		posted = io_post_aux_cqe(ctx, n->user_data, types, 0);

		scoped_guard(spinlock_bh, &n->lock) {
			n->pending &= ~types;
			if (posted)
				n->fired |= types;
			else
				WRITE_ONCE(n->armed, n->armed | types);
		}
	}
}

static void zcrx_notif_task_work(struct io_tw_req tw_req, io_tw_token_t tw)
{
	struct io_kiocb *req = tw_req.req;
	struct zcrx_notif *n = io_kiocb_to_cmd(req, struct zcrx_notif_cmd)->notif;
	struct io_ring_ctx *ctx = req->ctx;

	lockdep_assert_held(&ctx->uring_lock);

	zcrx_notif_post(n, ctx, tw.cancel);
	percpu_ref_put(&ctx->refs);
}

/*
 * Take the one request for queueing, together with the reference that it holds,
 * if there is something to say and somebody to say it to.
 */
static bool zcrx_notif_get_req(struct zcrx_notif *n)
	__must_hold(&n->lock)
{
	lockdep_assert_held(&n->lock);

	if (!n->ctx || !n->pending || n->in_flight)
		return false;
	if (!percpu_ref_tryget_live(&n->ctx->refs))
		return false;

	n->req->ctx = n->ctx;
	n->req->io_task_work.func = zcrx_notif_task_work;
	n->in_flight = true;
	return true;
}

/* Slow path of zcrx_notif_raise(). */
void __zcrx_notif_raise(struct zcrx_notif *n, u32 type)
{
	bool queue;

	scoped_guard(spinlock_bh, &n->lock) {
		if (!(n->armed & type))
			return;
		WRITE_ONCE(n->armed, n->armed & ~type);
		n->pending |= type;
		queue = zcrx_notif_get_req(n);
	}

	if (queue)
		io_req_task_work_add_remote(n->req, IOU_F_TWQ_LAZY_WAKE);
}

/**
 * zcrx_notif_attach - start to notify a ring
 * @n: notification state of an ifq whose registration has succeeded
 * @ctx: the creator ring
 *
 * Also queues what happened since zcrx_notif_setup(). Does nothing if no type
 * was asked for.
 *
 * Context: Process context, @ctx->uring_lock is held.
 */
void zcrx_notif_attach(struct zcrx_notif *n, struct io_ring_ctx *ctx)
{
	bool queue;

	lockdep_assert_held(&ctx->uring_lock);

	if (!n->req)
		return;

	scoped_guard(spinlock_bh, &n->lock) {
		n->ctx = ctx;
		queue = zcrx_notif_get_req(n);
	}

	if (queue)
		io_req_task_work_add_remote(n->req, IOU_F_TWQ_LAZY_WAKE);
}

/**
 * zcrx_notif_detach - a ring that has the ifq goes away
 * @n: notification state
 * @ctx: the ring
 *
 * If it is the creator, nothing is posted any more and nothing can be armed.
 * Statistics go on. Nothing happens for an importer, nor the second time.
 *
 * Context: Process context, @ctx->uring_lock is held.
 */
void zcrx_notif_detach(struct zcrx_notif *n, struct io_ring_ctx *ctx)
{
	lockdep_assert_held(&ctx->uring_lock);

	guard(spinlock_bh)(&n->lock);
	if (n->ctx == ctx)
		zcrx_notif_forget(n);
}

/**
 * zcrx_notif_arm - arm types that have fired
 * @n: notification state
 * @arm: argument of ZCRX_CTRL_ARM_NOTIFICATION
 *
 * Context: Process context, with the uring_lock of any ring that has the ifq
 *	held.
 * Return: 0, or -EINVAL if a type is unknown or has not fired or a reserved
 * field is set. Then nothing was armed.
 */
int zcrx_notif_arm(struct zcrx_notif *n, const struct zcrx_ctrl_arm_notif *arm)
{
	u32 types = arm->type_mask;

	if (types & ~ZCRX_NOTIF_TYPES)
		return -EINVAL;
	if (!mem_is_zero(arm->__resv, sizeof(arm->__resv)))
		return -EINVAL;

	scoped_guard(mutex, &n->post_lock) {
		guard(spinlock_bh)(&n->lock);

		/* closed, but its exit work hasn't got to detach yet */
		if (n->ctx && percpu_ref_is_dying(&n->ctx->refs))
			zcrx_notif_forget(n);
		if (types & ~n->fired)
			return -EINVAL;
		n->fired &= ~types;
		WRITE_ONCE(n->armed, n->armed | types);
	}

	/*
	 * The application looks at the counters next. Pairs with the barrier
	 * between counting and reading ->armed.
	 */
	smp_mb();
	return 0;
}
