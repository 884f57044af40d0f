// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications and statistics of zero-copy receive.
 *
 * The receive path raises two types of events: the area had no buffer, or
 * payload had to be copied. The kernel counts each event in memory shared with
 * the application. An event of an armed type posts a CQE on the creator ring, i.e.
 * the ring that registered the ifq. Then the type is silent until armed again:
 *
 *	armed -> pending -> fired -> armed
 *
 * A pending type has no CQE yet: its task work is queued, or waits until the ifq
 * is registered and the ring enabled. A fired one has a CQE, in the CQ or on the
 * overflow list. If the CQE cannot be posted, the type goes back to armed, and
 * the events up to then are only counted.
 *
 * Locking
 * -------
 *
 * ->lock protects the states of the types, ->in_flight and ->ctx. No other lock is
 * taken under it, because events are raised from softirq while CQEs are posted
 * under locks that are not softirq safe. It is taken with interrupts off, which is
 * cheaper than with softirqs off. ->armed is also read without it.
 *
 * The task work holds ->post_mutex from taking the pending types to marking
 * them as fired; arming holds it, too. An importer, which doesn't hold the
 * uring_lock of the creator, can see the CQE before the type has fired. Arming
 * must not fail then. The mutex nests inside of the uring_lock of any ring, and
 * no uring_lock is taken under it.
 *
 * ->stats, ->stats_size, ->req and ->user_data are constant once the ifq is
 * visible to others. Only atomic operations touch the statistics.
 *
 * Ordering
 * --------
 *
 * An application that arms a type and then compares the counter with an earlier
 * value must not miss an event: either the event finds the type armed, or the
 * counter has moved when the arming returns. That's store buffering, so there
 * is a full barrier after counting, and at the end of zcrx_notif_arm().
 *
 * Lifetime
 * --------
 *
 * The ifq doesn't hold a reference to the creator: the creator could then never
 * go away. ->ctx is valid because the creator detaches when its zcrx instances
 * are terminated, before it is freed. Until then a killed reference shows that
 * it is dying. Queued task work holds a reference to the ring; the ring holds
 * the ifq. The task work always runs: a dying ring moves it to fallback work.
 *
 * Adding to the list of deferred task work reads the request in front under
 * RCU, so the request comes from the type stable cache of requests.
 */
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "io_uring.h"
#include "memmap.h"
#include "tw.h"
#include "zcrx_notif.h"

/* The ABI is the same for 32-bit and 64-bit applications. */
static_assert(sizeof(struct zcrx_notification_desc) == 96);
static_assert(offsetof(struct zcrx_notification_desc, stats_offset) == 16);
static_assert(offsetof(struct zcrx_notification_desc, stats_size) == 24);
static_assert(sizeof(struct io_uring_zcrx_ifq_reg) == 96);
static_assert(offsetof(struct io_uring_zcrx_ifq_reg, notif_desc) == 72);
static_assert(sizeof(struct zcrx_ctrl_arm_notif) == 48);
static_assert(sizeof(struct io_uring_zcrx_notif_stats) == 24);
static_assert(__alignof__(struct io_uring_zcrx_notif_stats) == 8);

struct zcrx_notif_cmd {
	struct file		*file;
	struct zcrx_notif	*notif;
};

/**
 * zcrx_notif_check_desc - check what doesn't depend on the region
 * @desc: descriptor given by user space
 *
 * Return: 0 or -EINVAL.
 */
int zcrx_notif_check_desc(const struct zcrx_notification_desc *desc)
{
	if (desc->type_mask & ~ZCRX_NOTIF_TYPES ||
	    desc->flags & ~ZCRX_NOTIF_DESC_FLAG_STATS || desc->__resv1 ||
	    !mem_is_zero(desc->__resv2, sizeof(desc->__resv2)))
		return -EINVAL;
	if (!(desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS))
		return desc->stats_offset || desc->stats_size ? -EINVAL : 0;
	if (!IS_ALIGNED(desc->stats_offset, ZCRX_NOTIF_STATS_ALIGN) ||
	    !IS_ALIGNED(desc->stats_size, sizeof(u64)) ||
	    zcrx_notif_stats_size(desc) < ZCRX_NOTIF_STATS_MIN_SIZE)
		return -EINVAL;
	return 0;
}

/* -ERANGE if the statistics touch the refill queue or reach past the region */
int zcrx_notif_check_stats(const struct zcrx_notification_desc *desc,
			   u64 rq_end, u64 region_size)
{
	u64 end, size = zcrx_notif_stats_size(desc);

	if (!(desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS))
		return 0;
	if (desc->stats_offset < rq_end ||
	    check_add_overflow(desc->stats_offset, size, &end) ||
	    end > region_size)
		return -ERANGE;
	return 0;
}

/**
 * zcrx_notif_setup - prepare for the events that a descriptor asks for
 * @n: notification state, initialised and not visible to others yet
 * @desc: descriptor that passed zcrx_notif_check_desc()
 * @region: the refill queue region, kept by the ifq
 * @rq_end: offset in bytes of the end of the refill queue entries
 *
 * From here on the kernel counts and remembers events.
 *
 * Return: 0, -ERANGE if the statistics would touch the refill queue or reach past
 * the region, or -ENOMEM; zcrx_notif_free() cleans up after each.
 */
int zcrx_notif_setup(struct zcrx_notif *n,
		     const struct zcrx_notification_desc *desc,
		     struct io_mapped_region *region, u64 rq_end)
{
	struct io_kiocb *req;

	if (zcrx_notif_check_stats(desc, rq_end, io_region_size(region)))
		return -ERANGE;
	if (desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS) {
		n->stats = io_region_get_ptr(region) + desc->stats_offset;
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

/* Nobody refers to the ifq any more. */
void zcrx_notif_free(struct zcrx_notif *n)
{
	WARN_ON_ONCE(n->in_flight || n->ctx);

	if (n->req)
		kmem_cache_free(req_cachep, n->req);
	mutex_destroy(&n->post_mutex);
}

/* After this there is no ring to notify. */
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
 * Post the pending types in one CQE. A type raised meanwhile queues the request
 * again. Cancelled task work counts as failed to post: its ring may live on.
 */
static void zcrx_notif_task_work(struct io_tw_req tw_req, io_tw_token_t tw)
{
	struct io_kiocb *req = tw_req.req;
	struct zcrx_notif *n = io_kiocb_to_cmd(req, struct zcrx_notif_cmd)->notif;
	struct io_ring_ctx *ctx = req->ctx;
	bool posted;
	u32 types;

	lockdep_assert_held(&ctx->uring_lock);

	scoped_guard(mutex, &n->post_mutex) {
		scoped_guard(spinlock_irqsave, &n->lock) {
			n->in_flight = false;
			types = n->pending;
			n->pending = 0;
		}
		posted = types && !tw.cancel &&
			 io_post_aux_cqe(ctx, n->user_data, types, 0);
		scoped_guard(spinlock_irqsave, &n->lock) {
			if (posted)
				n->fired |= types;
			else
				WRITE_ONCE(n->armed, n->armed | types);
		}
	}
	percpu_ref_put(&ctx->refs);
}

/*
 * True if a type is pending and its ring can be notified. Then the caller must
 * queue the request, which holds a reference to the ring.
 */
static bool zcrx_notif_start_flight(struct zcrx_notif *n)
	__must_hold(&n->lock)
{
	struct io_ring_ctx *ctx = n->ctx;

	lockdep_assert_held(&n->lock);

	if (!ctx || !n->pending || n->in_flight)
		return false;
	/*
	 * A ring that isn't enabled has no ->submitter_task to wake. Enabling
	 * queues the pending types. Pairs with io_register_enable_rings().
	 */
	if (smp_load_acquire(&ctx->flags) & IORING_SETUP_R_DISABLED)
		return false;
	if (!percpu_ref_tryget_live(&ctx->refs))
		return false;

	n->in_flight = true;
	return true;
}

/* Slow path of zcrx_notif_raise(), and zcrx_notif_queue() with @type 0. */
void __zcrx_notif_raise(struct zcrx_notif *n, u32 type)
{
	scoped_guard(spinlock_irqsave, &n->lock) {
		type &= n->armed;
		WRITE_ONCE(n->armed, n->armed & ~type);
		n->pending |= type;
		if (!zcrx_notif_start_flight(n))
			return;
	}
	io_req_task_work_add_remote(n->req, IOU_F_TWQ_LAZY_WAKE);
}

/**
 * zcrx_notif_attach - start to notify a ring
 * @n: notification state of an ifq whose registration has succeeded
 * @ctx: the creator ring
 *
 * It also queues the types that are pending since zcrx_notif_setup().
 *
 * Context: Process context, @ctx->uring_lock is held.
 */
void zcrx_notif_attach(struct zcrx_notif *n, struct io_ring_ctx *ctx)
{
	lockdep_assert_held(&ctx->uring_lock);

	if (!n->req)
		return;
	n->req->ctx = ctx;
	n->req->io_task_work.func = zcrx_notif_task_work;
	scoped_guard(spinlock_irqsave, &n->lock)
		n->ctx = ctx;
	zcrx_notif_queue(n);
}

/**
 * zcrx_notif_detach - a ring that has the ifq goes away
 * @n: notification state
 * @ctx: the ring
 *
 * If it is the creator, no CQE is posted and no type can be armed any more. The
 * statistics go on.
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

/**
 * zcrx_notif_arm - arm types that have fired
 * @n: notification state
 * @arm: argument of ZCRX_CTRL_ARM_NOTIFICATION
 *
 * Context: Process context, with the uring_lock of any ring that has the ifq
 *	held. Waits for task work of the creator that is posting.
 * Return: 0, or -EINVAL if a type is unknown or has not fired, the creator is
 * closed, or a reserved field is set. Then no type was armed.
 */
int zcrx_notif_arm(struct zcrx_notif *n, const struct zcrx_ctrl_arm_notif *arm)
{
	u32 types = arm->type_mask;

	if (!mem_is_zero(arm->__resv, sizeof(arm->__resv)))
		return -EINVAL;

	guard(mutex)(&n->post_mutex);
	scoped_guard(spinlock_irqsave, &n->lock) {
		/* closed, but its exit work hasn't got to detach yet */
		if (n->ctx && percpu_ref_is_dying(&n->ctx->refs))
			zcrx_notif_forget(n);
		if (types & ~n->fired)
			return -EINVAL;
		n->fired &= ~types;
		WRITE_ONCE(n->armed, n->armed | types);
	}
	/*
	 * The application reads the counters next. Pairs with the barrier
	 * between counting and reading ->armed.
	 */
	smp_mb();
	return 0;
}
