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
 * ->state holds all of that in one word and only changes as a whole, by atomic
 * operations. ->lock is held for that, except by the task work, which takes no
 * lock of this file to post, and to set the flag that arming waits for it.
 * ->lock protects ->ctx, too. It nests inside of everything and nothing is
 * called under it, because events are raised from softirq while CQEs are
 * posted under locks that are not softirq safe. Interrupts are off under it,
 * so that it doesn't matter where an event comes from. What is armed is also
 * read without the lock, as the fast exit of raising.
 *
 * The task work marks what it has posted as fired. An importer, which doesn't hold
 * the uring_lock of the creator, can see the CQE before that, and must not fail to
 * arm what it tells of. So arming a type that is pending waits while the task work
 * is posting. That is not the case where the CQE is still on its way.
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
 * there is a full barrier on both sides: between counting and reading what is
 * armed in zcrx_notif_no_buffers() and zcrx_notif_copied(), and with the change
 * of the state in zcrx_notif_arm().
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
#include <linux/wait_bit.h>

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

/* each state has room for as many types */
static_assert(ZCRX_NOTIF_TYPES <= U8_MAX);

#define ZCRX_NOTIF_FLAGS \
	(ZCRX_NOTIF_IN_FLIGHT | ZCRX_NOTIF_POSTING | ZCRX_NOTIF_WAITED)

static u32 zcrx_notif_pending(u32 state)
{
	return state / ZCRX_NOTIF_PENDING(1) & ZCRX_NOTIF_TYPES;
}

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
	atomic_set(&n->state, ZCRX_NOTIF_ARMED(desc->type_mask));
	return 0;
}

/**
 * zcrx_notif_free - release what the notification state owns
 * @n: notification state of an ifq that nobody refers to any more
 */
void zcrx_notif_free(struct zcrx_notif *n)
{
	WARN_ON_ONCE(atomic_read(&n->state) & ZCRX_NOTIF_IN_FLIGHT || n->ctx);

	if (n->req)
		kmem_cache_free(req_cachep, n->req);
}

/* From now on there is nobody to notify. */
static void zcrx_notif_forget(struct zcrx_notif *n)
	__must_hold(&n->lock)
{
	lockdep_assert_held(&n->lock);

	n->ctx = NULL;
	atomic_and(ZCRX_NOTIF_FLAGS, &n->state);
}

/*
 * Tell of @types what has become of them, then post what happened meanwhile,
 * until nothing is pending. Apart from zcrx_notif_post(), which saves no registers
 * for what seldom happens.
 */
static noinline void zcrx_notif_settle(struct zcrx_notif *n,
				       struct io_ring_ctx *ctx, u32 types,
				       bool posted)
{
	int old = atomic_read(&n->state), new;

	while (1) {
		do {
			/* not those that were forgotten since */
			types &= zcrx_notif_pending(old);
			new = old & ~(ZCRX_NOTIF_PENDING(types) |
				      ZCRX_NOTIF_WAITED);
			new |= posted ? ZCRX_NOTIF_FIRED(types) :
					ZCRX_NOTIF_ARMED(types);
			if (!zcrx_notif_pending(new))
				new &= ~ZCRX_NOTIF_FLAGS;
		} while (!atomic_try_cmpxchg(&n->state, &old, new));

		if (old & ZCRX_NOTIF_WAITED)
			wake_up_var(&n->state);
		types = zcrx_notif_pending(new);
		if (!types)
			return;
		posted = io_post_aux_cqe(ctx, n->user_data, types, 0);
		old = new;
	}
}

/*
 * Post what is pending. It is what was so when the request was queued, if not
 * more, unless it was forgotten.
 */
static void zcrx_notif_post(struct zcrx_notif *n, struct io_ring_ctx *ctx)
{
	int old, new;
	bool posted;
	u32 types;

	atomic_or(ZCRX_NOTIF_POSTING, &n->state);
	old = atomic_read(&n->state) & ~ZCRX_NOTIF_WAITED;
	types = zcrx_notif_pending(old);
	posted = types && io_post_aux_cqe(ctx, n->user_data, types, 0);

	/* the usual case, in which nothing happened meanwhile and nobody waits */
	new = old & ~(ZCRX_NOTIF_PENDING(ZCRX_NOTIF_TYPES) | ZCRX_NOTIF_FLAGS);
	new |= ZCRX_NOTIF_FIRED(types);
	if (unlikely(!posted || !atomic_try_cmpxchg(&n->state, &old, new)))
		zcrx_notif_settle(n, ctx, types, posted);
}

/* The ring can't receive CQEs any more, because its task or itself is exiting. */
static noinline void zcrx_notif_cancel(struct zcrx_notif *n)
{
	guard(spinlock_irqsave)(&n->lock);
	zcrx_notif_forget(n);
	atomic_andnot(ZCRX_NOTIF_IN_FLIGHT, &n->state);
}

static void zcrx_notif_task_work(struct io_tw_req tw_req, io_tw_token_t tw)
{
	struct io_kiocb *req = tw_req.req;
	struct zcrx_notif *n = io_kiocb_to_cmd(req, struct zcrx_notif_cmd)->notif;
	struct io_ring_ctx *ctx = req->ctx;

	lockdep_assert_held(&ctx->uring_lock);

	if (unlikely(tw.cancel))
		zcrx_notif_cancel(n);
	else
		zcrx_notif_post(n, ctx);
	percpu_ref_put(&ctx->refs);
}

/*
 * Take the one request for queueing, together with the reference that it holds,
 * if there is something to say and somebody to say it to.
 */
static bool zcrx_notif_get_req(struct zcrx_notif *n)
	__must_hold(&n->lock)
{
	u32 state = atomic_read(&n->state);

	lockdep_assert_held(&n->lock);

	/* what is in flight tells of all that is pending when it ends */
	if (!n->ctx || !zcrx_notif_pending(state) ||
	    state & ZCRX_NOTIF_IN_FLIGHT)
		return false;
	if (!percpu_ref_tryget_live(&n->ctx->refs))
		return false;

	n->req->ctx = n->ctx;
	n->req->io_task_work.func = zcrx_notif_task_work;
	atomic_or(ZCRX_NOTIF_IN_FLIGHT, &n->state);
	return true;
}

/* Slow path of zcrx_notif_raise(). */
void __zcrx_notif_raise(struct zcrx_notif *n, u32 type)
{
	bool queue;

	scoped_guard(spinlock_irqsave, &n->lock) {
		int old = atomic_read(&n->state), new;

		do {
			if (!(old & ZCRX_NOTIF_ARMED(type)))
				return;
			new = old & ~ZCRX_NOTIF_ARMED(type);
			new |= ZCRX_NOTIF_PENDING(type);
		} while (!atomic_try_cmpxchg(&n->state, &old, new));
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

	scoped_guard(spinlock_irqsave, &n->lock) {
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

	guard(spinlock_irqsave)(&n->lock);
	if (n->ctx == ctx)
		zcrx_notif_forget(n);
}

/*
 * Whether a CQE of some of @types is just being posted. If it is, the end of that
 * wakes who waits.
 */
static bool zcrx_notif_is_posting(struct zcrx_notif *n, u32 types)
{
	int old = atomic_read(&n->state);

	do {
		if (!(old & ZCRX_NOTIF_POSTING) ||
		    !(old & ZCRX_NOTIF_PENDING(types)))
			return false;
	} while (!atomic_try_cmpxchg(&n->state, &old, old | ZCRX_NOTIF_WAITED));
	return true;
}

/**
 * zcrx_notif_arm - arm types that have fired
 * @n: notification state
 * @arm: argument of ZCRX_CTRL_ARM_NOTIFICATION
 *
 * Context: Process context, with the uring_lock of any ring that has the ifq
 *	held. Waits for task work of the creator that is just posting, which
 *	needs no lock that an importer could hold.
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

	wait_var_event(&n->state, !zcrx_notif_is_posting(n, types));
	scoped_guard(spinlock_irqsave, &n->lock) {
		int old, new;

		/* closed, but its exit work hasn't got to detach yet */
		if (n->ctx && percpu_ref_is_dying(&n->ctx->refs))
			zcrx_notif_forget(n);
		old = atomic_read(&n->state);
		do {
			if (ZCRX_NOTIF_FIRED(types) & ~old)
				return -EINVAL;
			new = old & ~ZCRX_NOTIF_FIRED(types);
			new |= ZCRX_NOTIF_ARMED(types);
			/*
			 * The application looks at the counters next: this is a
			 * full barrier, which pairs with the one between counting
			 * and reading what is armed.
			 */
		} while (!atomic_try_cmpxchg(&n->state, &old, new));
	}
	return 0;
}
