// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the states of a notification:
 *
 *	armed -> pending -> fired -> armed
 *
 * and of its way through the task work and the CQ of a ring. The ring has only
 * the parts that these need. The test runs the task work, instead of a task
 * that waits for CQEs, so it can check every step.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/io_uring.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../io_uring.h"
#include "../wait.h"
#include "zcrx_notif_kunit.h"

#define NO_BUFFERS	ZCRX_NOTIF_NO_BUFFERS
#define COPY		ZCRX_NOTIF_COPY
#define BOTH		(NO_BUFFERS | COPY)

#define CQ_ENTRIES	4
#define USER_DATA	0xfedcba9876543210ULL

struct notif_test {
	struct zcrx_notif			notif;
	struct io_uring_zcrx_notif_stats	stats;

	struct io_ring_ctx			*ctx;

	/* an event while a CQE is posted, or in softirq */
	struct wait_queue_entry			waiter;
	struct work_struct			work;
	u32					event_type;
	bool					event_under_mutex;

	/* arming in another thread */
	struct work_struct			arm_work;
	struct completion			arm_started;
	int					arm_ret;
};

/* which types are armed, pending and fired */
#define EXPECT_STATE(test, _armed, _pending, _fired)			\
do {									\
	struct kunit *_test = (test);					\
	struct notif_test *_t = _test->priv;				\
									\
	KUNIT_EXPECT_EQ(_test, _t->notif.armed, _armed);		\
	KUNIT_EXPECT_EQ(_test, _t->notif.pending, _pending);		\
	KUNIT_EXPECT_EQ(_test, _t->notif.fired, _fired);		\
} while (0)

static void ring_released(struct percpu_ref *ref)
{
	struct io_ring_ctx *ctx = container_of(ref, struct io_ring_ctx, refs);

	complete(&ctx->ref_comp);
}

static struct io_ring_ctx *make_ring(struct kunit *test)
{
	struct io_ring_ctx *ctx;
	struct io_rings *rings;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	/* room for CQEs of 32 bytes */
	rings = kunit_kzalloc(test, struct_size(rings, cqes, 2 * CQ_ENTRIES),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, rings);
	/* atomic mode shows at once that the last reference is dropped */
	KUNIT_ASSERT_EQ(test, percpu_ref_init(&ctx->refs, ring_released,
					      PERCPU_REF_INIT_ATOMIC,
					      GFP_KERNEL), 0);

	ctx->flags = IORING_SETUP_DEFER_TASKRUN;
	ctx->int_flags = IO_RING_F_TASK_COMPLETE | IO_RING_F_LOCKLESS_CQ;
	ctx->submitter_task = current;
	ctx->rings = rings;
	rcu_assign_pointer(ctx->rings_rcu, rings);
	ctx->cq_entries = CQ_ENTRIES;
	atomic_set(&ctx->cq_wait_nr, IO_CQ_WAKE_INIT);
	init_llist_head(&ctx->work_llist);
	INIT_LIST_HEAD(&ctx->cq_overflow_list);
	init_waitqueue_head(&ctx->cq_wait);
	init_completion(&ctx->ref_comp);
	spin_lock_init(&ctx->completion_lock);
	mutex_init(&ctx->uring_lock);
	return ctx;
}

static void free_overflow(struct io_ring_ctx *ctx)
{
	struct io_overflow_cqe *ocqe, *tmp;

	list_for_each_entry_safe(ocqe, tmp, &ctx->cq_overflow_list, list)
		kfree(ocqe);
	INIT_LIST_HEAD(&ctx->cq_overflow_list);
}

/* Has the last reference to the killed ring gone? */
static bool ring_is_released(struct io_ring_ctx *ctx)
{
	return completion_done(&ctx->ref_comp);
}

static void kill_ring(struct io_ring_ctx *ctx)
{
	if (!percpu_ref_is_dying(&ctx->refs))
		percpu_ref_kill(&ctx->refs);
}

static void set_up_room(struct kunit *test, u32 type_mask, u32 stats_size)
{
	struct notif_test *t = test->priv;
	struct zcrx_notification_desc desc = {
		.user_data = USER_DATA,
		.type_mask = type_mask,
		.flags = stats_size ? ZCRX_NOTIF_DESC_FLAG_STATS : 0,
		.stats_size = stats_size,
	};

	KUNIT_ASSERT_EQ(test, zcrx_notif_check_desc(&desc), 0);
	KUNIT_ASSERT_EQ(test, setup_in(&t->notif, &desc, &t->stats), 0);
}

static void set_up(struct kunit *test, u32 type_mask)
{
	struct notif_test *t = test->priv;

	set_up_room(test, type_mask, sizeof(t->stats));
}

static void attach(struct notif_test *t)
{
	guard(mutex)(&t->ctx->uring_lock);
	zcrx_notif_attach(&t->notif, t->ctx);
}

static void detach(struct notif_test *t, struct io_ring_ctx *ctx)
{
	guard(mutex)(&ctx->uring_lock);
	zcrx_notif_detach(&t->notif, ctx);
}

static void set_up_and_attach(struct kunit *test, u32 type_mask)
{
	set_up(test, type_mask);
	attach(test->priv);
}

static int arm(struct notif_test *t, u32 type_mask)
{
	struct zcrx_ctrl_arm_notif arg = { .type_mask = type_mask };

	return zcrx_notif_arm(&t->notif, &arg);
}

static void event(struct notif_test *t, u32 type)
{
	if (type == COPY)
		zcrx_notif_copied(&t->notif, 1);
	else
		zcrx_notif_no_buffers(&t->notif);
}

/* How many requests are queued? */
static unsigned int nr_queued(struct notif_test *t)
{
	struct llist_node *node;
	unsigned int nr = 0;

	llist_for_each(node, t->ctx->work_llist.first) {
		nr++;
		/* a request that is queued twice points to itself */
		if (node->next == node)
			return nr + 1;
	}
	return nr;
}

/* Run the queued requests as task work does. */
static void run_queue(struct notif_test *t, bool cancel)
{
	struct llist_node *node = llist_del_all(&t->ctx->work_llist);
	struct io_tw_state ts = { .cancel = cancel };

	guard(mutex)(&t->ctx->uring_lock);
	while (node) {
		struct llist_node *next = node->next;
		struct io_kiocb *req = container_of(node, struct io_kiocb,
						    io_task_work.node);

		req->io_task_work.func((struct io_tw_req){ req }, ts);
		node = next == node ? NULL : next;
	}
}

static unsigned int nr_cqes(struct notif_test *t)
{
	struct io_rings *rings = t->ctx->rings;

	return READ_ONCE(rings->cq.tail) - READ_ONCE(rings->cq.head);
}

/* The application takes the oldest CQE. */
static struct io_uring_cqe *take_cqe(struct kunit *test)
{
	struct notif_test *t = test->priv;
	struct io_rings *rings = t->ctx->rings;
	unsigned int i = rings->cq.head & (CQ_ENTRIES - 1);

	KUNIT_ASSERT_GT(test, nr_cqes(t), 0);
	if (t->ctx->flags & IORING_SETUP_CQE32)
		i *= 2;
	WRITE_ONCE(rings->cq.head, rings->cq.head + 1);
	return &rings->cqes[i];
}

#define EXPECT_CQE(test, _res)						\
do {									\
	struct kunit *_test = (test);					\
	struct io_uring_cqe *_cqe = take_cqe(_test);			\
									\
	KUNIT_EXPECT_EQ(_test, _cqe->user_data, USER_DATA);		\
	KUNIT_EXPECT_EQ(_test, _cqe->res, _res);			\
	KUNIT_EXPECT_EQ(_test, _cqe->flags, 0);				\
} while (0)

/* Fill the CQ with other CQEs. */
static void fill_cq(struct notif_test *t)
{
	guard(mutex)(&t->ctx->uring_lock);
	while (nr_cqes(t) < CQ_ENTRIES && io_post_aux_cqe(t->ctx, 1, 0, 0))
		;
}

static void empty_cq(struct notif_test *t)
{
	WRITE_ONCE(t->ctx->rings->cq.head, t->ctx->rings->cq.tail);
}

static void fire(struct kunit *test, u32 types)
{
	struct notif_test *t = test->priv;
	u32 type;

	for (type = 1; type <= types; type <<= 1)
		if (types & type)
			event(t, type);
	run_queue(t, false);
	KUNIT_ASSERT_EQ(test, t->notif.fired & types, types);
	empty_cq(t);
}

/* Types that the descriptor does not ask for */

static void unwanted_event_is_silent(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, COPY);
	event(t, NO_BUFFERS);

	EXPECT_STATE(test, COPY, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, 1);
}

static void stats_alone_need_no_ring(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, 0);
	event(t, COPY);
	event(t, NO_BUFFERS);

	KUNIT_EXPECT_NULL(test, t->notif.req);
	KUNIT_EXPECT_NULL(test, t->notif.ctx);
	EXPECT_STATE(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_EQ(test, arm(t, 0), 0);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 1);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, 1);
}

/* Notifications don't depend on the statistics. */
static void expect_both_are_notified(struct kunit *test)
{
	struct notif_test *t = test->priv;

	attach(t);
	event(t, NO_BUFFERS);
	run_queue(t, false);
	event(t, COPY);
	run_queue(t, false);

	EXPECT_CQE(test, NO_BUFFERS);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	KUNIT_EXPECT_EQ(test, arm(t, BOTH), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void types_alone_need_no_stats(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_room(test, BOTH, 0);
	expect_both_are_notified(test);

	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 0);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, 0);
}

static void event_without_counter_is_notified(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_room(test, BOTH, offsetof(typeof(t->stats), no_buffers_count));
	expect_both_are_notified(test);

	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 1);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, 0);
}

/* Events before a ring is attached, and attaching */

static void event_before_attach_is_kept(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, BOTH);
	event(t, COPY);

	EXPECT_STATE(test, NO_BUFFERS, COPY, 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 1);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
}

static void attach_queues_what_happened_before(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, BOTH);
	event(t, COPY);
	event(t, NO_BUFFERS);
	event(t, COPY);
	attach(t);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	KUNIT_EXPECT_TRUE(test, t->notif.in_flight);
	run_queue(t, false);
	EXPECT_CQE(test, BOTH);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, 0, 0, BOTH);
}

static void attach_without_event_queues_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);

	KUNIT_EXPECT_PTR_EQ(test, t->notif.ctx, t->ctx);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void attach_of_dying_ring_queues_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, BOTH);
	event(t, COPY);
	/* something else keeps it */
	percpu_ref_get(&t->ctx->refs);
	kill_ring(t->ctx);
	attach(t);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	percpu_ref_put(&t->ctx->refs);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
	detach(t, t->ctx);
	EXPECT_STATE(test, 0, 0, 0);
}

/* armed -> pending */

static void event_queues_a_request(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, NO_BUFFERS);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	KUNIT_EXPECT_TRUE(test, t->notif.in_flight);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, COPY, NO_BUFFERS, 0);
}

static void pending_event_is_not_queued_again(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	event(t, COPY);
	event(t, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 3);
}

static void types_share_the_request_and_the_cqe(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	event(t, NO_BUFFERS);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	EXPECT_STATE(test, 0, BOTH, 0);
	run_queue(t, false);
	EXPECT_CQE(test, BOTH);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
}

static void request_keeps_the_ring(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	kill_ring(t->ctx);
	KUNIT_EXPECT_FALSE(test, ring_is_released(t->ctx));

	run_queue(t, true);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
}

static void event_of_dying_ring_is_not_queued(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	/* something else keeps it */
	percpu_ref_get(&t->ctx->refs);
	kill_ring(t->ctx);
	event(t, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	percpu_ref_put(&t->ctx->refs);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 1);
}

/*
 * An event that saw its type armed takes the lock, and must look again: another
 * event can have been first, or the ring can have detached. The test enters
 * after the first look.
 */
static void event_that_lost_the_race_does_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, COPY);
	__zcrx_notif_raise(&t->notif, NO_BUFFERS);
	EXPECT_STATE(test, COPY, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);

	event(t, COPY);
	__zcrx_notif_raise(&t->notif, COPY);
	EXPECT_STATE(test, 0, COPY, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);

	run_queue(t, false);
	__zcrx_notif_raise(&t->notif, COPY);
	EXPECT_STATE(test, 0, 0, COPY);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);

	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
	detach(t, t->ctx);
	__zcrx_notif_raise(&t->notif, COPY);
	EXPECT_STATE(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
}

static void event_that_lost_the_race_before_attach_does_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, COPY);
	event(t, COPY);
	__zcrx_notif_raise(&t->notif, COPY);
	__zcrx_notif_raise(&t->notif, NO_BUFFERS);
	EXPECT_STATE(test, 0, COPY, 0);
	attach(t);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
}

/* the state of the waiting task after an event, with @nr CQEs waited for */
static unsigned int state_after_event(struct notif_test *t, int nr)
{
	unsigned int state;

	atomic_set(&t->ctx->cq_wait_nr, nr);
	set_current_state(TASK_INTERRUPTIBLE);
	event(t, COPY);
	state = get_current_state();
	__set_current_state(TASK_RUNNING);
	return state;
}

static void event_wakes_who_waits_for_one(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	KUNIT_EXPECT_EQ(test, state_after_event(t, 1), TASK_RUNNING);
}

static void event_does_not_wake_who_waits_for_two(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	KUNIT_EXPECT_EQ(test, state_after_event(t, 2), TASK_INTERRUPTIBLE);
}

/* pending -> fired */

struct layout_row {
	const char	*name;
	unsigned int	flags;
};

static const struct layout_row layout_rows[] = {
	{ "CQEs of 16 bytes", 0 },
	{ "CQEs of 32 bytes", IORING_SETUP_CQE32 },
	{ "mixed CQEs", IORING_SETUP_CQE_MIXED },
};

KUNIT_ARRAY_PARAM_DESC(layout, layout_rows, name);

static void task_work_posts_and_fires(struct kunit *test)
{
	const struct layout_row *row = test->param_value;
	struct notif_test *t = test->priv;

	t->ctx->flags |= row->flags;
	set_up_and_attach(test, BOTH);
	event(t, COPY);
	run_queue(t, false);

	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	event(t, NO_BUFFERS);
	run_queue(t, false);
	EXPECT_STATE(test, 0, 0, BOTH);
	EXPECT_CQE(test, COPY);
	EXPECT_CQE(test, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
}

static void task_work_drops_the_ring(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	run_queue(t, false);
	kill_ring(t->ctx);

	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
}

static void fired_event_is_silent(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, COPY);
	event(t, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 2);
}

static void overflown_cqe_has_fired(struct kunit *test)
{
	struct notif_test *t = test->priv;
	struct io_overflow_cqe *ocqe;

	set_up_and_attach(test, BOTH);
	fill_cq(t);
	event(t, COPY);
	run_queue(t, false);

	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	KUNIT_ASSERT_TRUE(test, list_is_singular(&t->ctx->cq_overflow_list));
	ocqe = list_first_entry(&t->ctx->cq_overflow_list,
				struct io_overflow_cqe, list);
	KUNIT_EXPECT_EQ(test, ocqe->cqe.user_data, USER_DATA);
	KUNIT_EXPECT_EQ(test, ocqe->cqe.res, COPY);
	KUNIT_EXPECT_EQ(test, ocqe->cqe.flags, 0);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
}

/* Run the queue, and have the first allocation that it makes fail. */
static void run_queue_without_memory(struct kunit *test)
{
#ifdef CONFIG_FAILSLAB
	struct notif_test *t = test->priv;
	unsigned int dropped = t->ctx->rings->cq_overflow;

	WRITE_ONCE(current->fail_nth, 1);
	run_queue(t, false);
	WRITE_ONCE(current->fail_nth, 0);
	KUNIT_ASSERT_EQ(test, t->ctx->rings->cq_overflow, dropped + 1);
#else
	kunit_skip(test, "needs CONFIG_FAILSLAB to fail an allocation");
#endif
}

static void failed_post_arms_again(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fill_cq(t);
	event(t, COPY);
	run_queue_without_memory(test);

	EXPECT_STATE(test, BOTH, 0, 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->ctx->cq_overflow_list));
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	kill_ring(t->ctx);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
}

static void event_after_failed_post_is_posted(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fill_cq(t);
	event(t, COPY);
	run_queue_without_memory(test);
	empty_cq(t);
	event(t, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
}

static void failed_post_leaves_fired_types_alone(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, NO_BUFFERS);
	fill_cq(t);
	event(t, COPY);
	run_queue_without_memory(test);

	EXPECT_STATE(test, COPY, 0, NO_BUFFERS);
}

static void failed_post_of_both_arms_both(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fill_cq(t);
	event(t, COPY);
	event(t, NO_BUFFERS);
	run_queue_without_memory(test);

	EXPECT_STATE(test, BOTH, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	empty_cq(t);
	/* only later events notify */
	event(t, NO_BUFFERS);
	run_queue(t, false);
	EXPECT_CQE(test, NO_BUFFERS);
	EXPECT_STATE(test, COPY, 0, NO_BUFFERS);
}

static void failed_post_after_another_arms_again(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fill_cq(t);
	event(t, COPY);
	run_queue_without_memory(test);
	event(t, COPY);
	run_queue_without_memory(test);
	EXPECT_STATE(test, BOTH, 0, 0);

	event(t, COPY);
	run_queue(t, false);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&t->ctx->cq_overflow_list));
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 3);
}

/* Runs at the first CQE, before the type is marked as fired. */
static int cqe_posted(struct wait_queue_entry *wq_entry, unsigned int mode,
		      int flags, void *key)
{
	struct notif_test *t = container_of(wq_entry, struct notif_test, waiter);

	list_del_init(&wq_entry->entry);
	t->event_under_mutex = mutex_is_locked(&t->notif.post_mutex);
	event(t, t->event_type);
	return 0;
}

/*
 * Run the queue with an event that comes between the posting of the CQE and the
 * end of the task work. Arming waits for that end.
 */
static void run_queue_with_event(struct kunit *test, u32 type)
{
	struct notif_test *t = test->priv;

	t->event_type = type;
	t->event_under_mutex = false;
	init_waitqueue_func_entry(&t->waiter, cqe_posted);
	add_wait_queue(&t->ctx->cq_wait, &t->waiter);
	run_queue(t, false);
	KUNIT_ASSERT_TRUE(test, t->event_under_mutex);
}

static void event_work(struct work_struct *work)
{
	struct notif_test *t = container_of(work, struct notif_test, work);

	event(t, t->event_type);
}

/* Raise an event in softirq, as the page pool does. */
static void event_in_softirq(struct notif_test *t, u32 type)
{
	t->event_type = type;
	INIT_WORK(&t->work, event_work);
	queue_work(system_bh_wq, &t->work);
	flush_work(&t->work);
}

static void event_in_softirq_is_queued(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, BOTH);
	event_in_softirq(t, NO_BUFFERS);
	EXPECT_STATE(test, COPY, NO_BUFFERS, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	attach(t);
	run_queue(t, false);
	EXPECT_CQE(test, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, arm(t, NO_BUFFERS), 0);

	event_in_softirq(t, NO_BUFFERS);
	event_in_softirq(t, COPY);
	event_in_softirq(t, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	run_queue(t, false);
	EXPECT_CQE(test, BOTH);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, 0, 0, BOTH);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, 3);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 1);
}

static void event_while_posting_is_posted_too(struct kunit *test)
{
	const struct layout_row *row = test->param_value;
	struct notif_test *t = test->priv;

	t->ctx->flags |= row->flags;
	set_up_and_attach(test, BOTH);
	event(t, COPY);
	run_queue_with_event(test, NO_BUFFERS);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, 0, NO_BUFFERS, COPY);
	run_queue(t, false);
	EXPECT_CQE(test, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, 0, 0, BOTH);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
}

static void each_run_posts_one_cqe(struct kunit *test)
{
	struct notif_test *t = test->priv;
	u32 type = COPY;
	int i;

	set_up_and_attach(test, BOTH);
	event(t, type);
	/* each type is armed and raised again while the other one is posted */
	for (i = 0; i < 8; i++) {
		run_queue_with_event(test, BOTH & ~type);
		EXPECT_CQE(test, type);
		KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
		KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
		KUNIT_EXPECT_EQ(test, arm(t, type), 0);
		type = BOTH & ~type;
	}
}

static void same_event_while_posting_is_silent(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	run_queue_with_event(test, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, 2);
}

/* fired -> armed */

static void armed_type_fires_again(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
	event(t, COPY);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
}

static void arming_alone_queues_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, BOTH);
	event(t, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, BOTH), 0);

	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void armed_type_alone_is_armed(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, BOTH);
	KUNIT_EXPECT_EQ(test, arm(t, NO_BUFFERS), 0);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void arming_no_type_changes_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	KUNIT_EXPECT_EQ(test, arm(t, 0), 0);
	EXPECT_STATE(test, BOTH, 0, 0);
	fire(test, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, 0), 0);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
}

static void arm_work(struct work_struct *work)
{
	struct notif_test *t = container_of(work, struct notif_test, arm_work);

	complete(&t->arm_started);
	WRITE_ONCE(t->arm_ret, arm(t, COPY));
}

/* The CQE is there, and the task work that posted it has not marked it yet. */
static void arming_waits_for_the_end_of_posting(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	t->arm_ret = 1;
	init_completion(&t->arm_started);
	INIT_WORK(&t->arm_work, arm_work);
	scoped_guard(mutex, &t->notif.post_mutex) {
		queue_work(system_dfl_wq, &t->arm_work);
		wait_for_completion(&t->arm_started);
		msleep(50);
		KUNIT_EXPECT_EQ(test, READ_ONCE(t->arm_ret), 1);
		t->notif.armed = NO_BUFFERS;
		t->notif.fired = COPY;
	}
	flush_work(&t->arm_work);
	KUNIT_EXPECT_EQ(test, t->arm_ret, 0);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void arming_an_armed_type_is_refused(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	fire(test, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	EXPECT_STATE(test, BOTH, 0, 0);
}

static void arming_an_unwanted_type_is_refused(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, COPY);
	event(t, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, arm(t, NO_BUFFERS), -EINVAL);
	EXPECT_STATE(test, COPY, 0, 0);
}

static void arming_a_cqe_on_its_way_is_refused(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	EXPECT_STATE(test, NO_BUFFERS, COPY, 0);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), 0);
}

static void refused_arming_arms_none(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, COPY);
	KUNIT_EXPECT_EQ(test, arm(t, BOTH), -EINVAL);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
}

static void arming_an_unknown_type_is_refused(struct kunit *test)
{
	struct notif_test *t = test->priv;
	int bit;

	set_up_and_attach(test, BOTH);
	fire(test, BOTH);
	for (bit = 2; bit < 32; bit++) {
		KUNIT_EXPECT_EQ(test, arm(t, BIT(bit)), -EINVAL);
		KUNIT_EXPECT_EQ(test, arm(t, COPY | BIT(bit)), -EINVAL);
	}
	EXPECT_STATE(test, 0, 0, BOTH);
}

static void arming_with_a_reserved_field_is_refused(struct kunit *test)
{
	struct zcrx_ctrl_arm_notif arg = { .type_mask = COPY };
	struct notif_test *t = test->priv;
	int i;

	set_up_and_attach(test, BOTH);
	fire(test, BOTH);
	for (i = 0; i < ARRAY_SIZE(arg.__resv); i++) {
		arg.__resv[i] = 1;
		KUNIT_EXPECT_EQ_MSG(test, zcrx_notif_arm(&t->notif, &arg),
				    -EINVAL, "__resv[%d]", i);
		arg.__resv[i] = 0;
	}
	EXPECT_STATE(test, 0, 0, BOTH);
}

/* The ring goes away */

struct detach_row {
	const char	*name;
	/* events that are posted, or on their way, when the ring detaches */
	u32		fired;
	u32		pending;
};

static const struct detach_row detach_rows[] = {
	{ "armed", 0, 0 },
	{ "one type pending", 0, COPY },
	{ "both types pending", 0, BOTH },
	{ "one type fired", COPY, 0 },
	{ "both types fired", BOTH, 0 },
	{ "one fired, one pending", NO_BUFFERS, COPY },
};

KUNIT_ARRAY_PARAM_DESC(detach, detach_rows, name);

/* No CQE is posted, no type can be armed, and the statistics go on. */
static void expect_silence(struct kunit *test)
{
	struct notif_test *t = test->priv;
	u64 copies = t->stats.copy_count;
	u64 no_buffers = t->stats.no_buffers_count;

	KUNIT_EXPECT_NULL(test, t->notif.ctx);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	EXPECT_STATE(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	event(t, COPY);
	event(t, NO_BUFFERS);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	EXPECT_STATE(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, t->stats.copy_count, copies + 1);
	KUNIT_EXPECT_EQ(test, t->stats.no_buffers_count, no_buffers + 1);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	KUNIT_EXPECT_EQ(test, arm(t, NO_BUFFERS), -EINVAL);
	KUNIT_EXPECT_EQ(test, arm(t, 0), 0);
	kill_ring(t->ctx);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
}

static void reach(struct kunit *test, const struct detach_row *row)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	if (row->fired)
		fire(test, row->fired);
	if (row->pending & COPY)
		event(t, COPY);
	if (row->pending & NO_BUFFERS)
		event(t, NO_BUFFERS);
	KUNIT_ASSERT_EQ(test, t->notif.pending, row->pending);
	KUNIT_ASSERT_EQ(test, t->notif.fired, row->fired);
}

static void detached_ring_is_left_alone(struct kunit *test)
{
	const struct detach_row *row = test->param_value;
	struct notif_test *t = test->priv;

	reach(test, row);
	detach(t, t->ctx);
	EXPECT_STATE(test, 0, 0, 0);
	/* queued task work still runs */
	run_queue(t, false);
	expect_silence(test);
}

static void second_detach_does_nothing(struct kunit *test)
{
	const struct detach_row *row = test->param_value;
	struct notif_test *t = test->priv;

	reach(test, row);
	detach(t, t->ctx);
	detach(t, t->ctx);
	run_queue(t, false);
	expect_silence(test);
}

static void importer_does_not_detach(struct kunit *test)
{
	const struct detach_row *row = test->param_value;
	struct notif_test *t = test->priv;
	struct io_ring_ctx *importer;

	reach(test, row);
	importer = make_ring(test);
	detach(t, importer);
	percpu_ref_exit(&importer->refs);

	KUNIT_EXPECT_PTR_EQ(test, t->notif.ctx, t->ctx);
	EXPECT_STATE(test, BOTH & ~(row->pending | row->fired), row->pending,
		     row->fired);
	run_queue(t, false);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), row->pending ? 1 : 0);
	EXPECT_STATE(test, BOTH & ~(row->pending | row->fired), 0,
		     row->pending | row->fired);
}

static void detach_before_attach_does_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up(test, BOTH);
	event(t, COPY);
	detach(t, t->ctx);
	EXPECT_STATE(test, NO_BUFFERS, COPY, 0);
}

/* The creator is closed, but its exit work has not detached the ifq yet. */

static void close_ring(struct notif_test *t)
{
	/* what the exit work waits for */
	percpu_ref_get(&t->ctx->refs);
	kill_ring(t->ctx);
}

static void arming_for_a_closed_ring_is_refused(struct kunit *test)
{
	const struct detach_row *row = test->param_value;
	struct notif_test *t = test->priv;

	reach(test, row);
	close_ring(t);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	KUNIT_EXPECT_NULL(test, t->notif.ctx);
	EXPECT_STATE(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, arm(t, NO_BUFFERS), -EINVAL);
	/* queued task work finds no pending type, in any task */
	run_queue(t, false);
	detach(t, t->ctx);
	percpu_ref_put(&t->ctx->refs);
	expect_silence(test);
}

static void arming_no_type_of_a_closed_ring_succeeds(struct kunit *test)
{
	const struct detach_row *row = test->param_value;
	struct notif_test *t = test->priv;

	reach(test, row);
	close_ring(t);
	KUNIT_EXPECT_EQ(test, arm(t, 0), 0);
	EXPECT_STATE(test, 0, 0, 0);
	run_queue(t, true);
	percpu_ref_put(&t->ctx->refs);
	expect_silence(test);
}

static void event_after_close_is_forgotten(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	close_ring(t);
	event(t, COPY);
	EXPECT_STATE(test, NO_BUFFERS, COPY, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_EQ(test, arm(t, COPY), -EINVAL);
	EXPECT_STATE(test, 0, 0, 0);
	percpu_ref_put(&t->ctx->refs);
	expect_silence(test);
}

/* An exiting task or a kernel thread cancels task work; the ring lives on. */

static void cancelled_task_work_posts_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	fire(test, NO_BUFFERS);
	event(t, COPY);
	run_queue(t, true);

	EXPECT_STATE(test, COPY, 0, NO_BUFFERS);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	detach(t, t->ctx);
	expect_silence(test);
}

static void event_after_cancelled_task_work_is_posted(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	run_queue(t, true);
	event(t, COPY);
	run_queue(t, false);
	EXPECT_CQE(test, COPY);
	EXPECT_STATE(test, NO_BUFFERS, 0, COPY);
}

static void cancelled_task_work_after_detach_posts_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	set_up_and_attach(test, BOTH);
	event(t, COPY);
	detach(t, t->ctx);
	run_queue(t, true);
	expect_silence(test);
}

/* A ring that is not enabled yet has no task that runs task work. */

static void disable_ring(struct notif_test *t)
{
	t->ctx->submitter_task = NULL;
	t->ctx->flags |= IORING_SETUP_R_DISABLED;
}

static void enable_ring(struct notif_test *t)
{
	t->ctx->submitter_task = current;
	t->ctx->flags &= ~IORING_SETUP_R_DISABLED;
	zcrx_notif_queue(&t->notif);
}

static void enabled_ring_is_notified_of_what_happened_before(struct kunit *test)
{
	struct notif_test *t = test->priv;

	disable_ring(t);
	set_up(test, BOTH);
	event(t, COPY);
	attach(t);
	event(t, NO_BUFFERS);
	event(t, NO_BUFFERS);
	EXPECT_STATE(test, 0, BOTH, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);

	enable_ring(t);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
	run_queue(t, false);
	EXPECT_CQE(test, BOTH);
	KUNIT_EXPECT_EQ(test, nr_cqes(t), 0);
}

static void enabling_alone_queues_nothing(struct kunit *test)
{
	struct notif_test *t = test->priv;

	disable_ring(t);
	set_up_and_attach(test, BOTH);
	enable_ring(t);
	EXPECT_STATE(test, BOTH, 0, 0);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 0);
	event(t, COPY);
	KUNIT_EXPECT_EQ(test, nr_queued(t), 1);
}

static void ring_that_is_never_enabled_is_released(struct kunit *test)
{
	struct notif_test *t = test->priv;

	disable_ring(t);
	set_up_and_attach(test, BOTH);
	event(t, COPY);
	detach(t, t->ctx);
	expect_silence(test);
}

static int zcrx_notif_test_init(struct kunit *test)
{
	struct notif_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->ctx = make_ring(test);
	zcrx_notif_init(&t->notif);
	test->priv = t;
	return 0;
}

static void zcrx_notif_test_exit(struct kunit *test)
{
	struct notif_test *t = test->priv;

	if (!t)
		return;
	detach(t, t->ctx);
	run_queue(t, true);
	KUNIT_EXPECT_FALSE(test, t->notif.in_flight);
	zcrx_notif_free(&t->notif);

	free_overflow(t->ctx);
	kill_ring(t->ctx);
	KUNIT_EXPECT_TRUE(test, ring_is_released(t->ctx));
	percpu_ref_exit(&t->ctx->refs);
}

static struct kunit_case zcrx_notif_cases[] = {
	KUNIT_CASE(unwanted_event_is_silent),
	KUNIT_CASE(stats_alone_need_no_ring),
	KUNIT_CASE(types_alone_need_no_stats),
	KUNIT_CASE(event_without_counter_is_notified),
	KUNIT_CASE(event_before_attach_is_kept),
	KUNIT_CASE(attach_queues_what_happened_before),
	KUNIT_CASE(attach_without_event_queues_nothing),
	KUNIT_CASE(attach_of_dying_ring_queues_nothing),
	KUNIT_CASE(event_queues_a_request),
	KUNIT_CASE(pending_event_is_not_queued_again),
	KUNIT_CASE(types_share_the_request_and_the_cqe),
	KUNIT_CASE(request_keeps_the_ring),
	KUNIT_CASE(event_of_dying_ring_is_not_queued),
	KUNIT_CASE(event_that_lost_the_race_does_nothing),
	KUNIT_CASE(event_that_lost_the_race_before_attach_does_nothing),
	KUNIT_CASE(event_wakes_who_waits_for_one),
	KUNIT_CASE(event_does_not_wake_who_waits_for_two),
	KUNIT_CASE_PARAM(task_work_posts_and_fires, layout_gen_params),
	KUNIT_CASE(task_work_drops_the_ring),
	KUNIT_CASE(fired_event_is_silent),
	KUNIT_CASE(overflown_cqe_has_fired),
	KUNIT_CASE(failed_post_arms_again),
	KUNIT_CASE(event_after_failed_post_is_posted),
	KUNIT_CASE(failed_post_leaves_fired_types_alone),
	KUNIT_CASE(failed_post_of_both_arms_both),
	KUNIT_CASE(failed_post_after_another_arms_again),
	KUNIT_CASE(event_in_softirq_is_queued),
	KUNIT_CASE_PARAM(event_while_posting_is_posted_too, layout_gen_params),
	KUNIT_CASE(each_run_posts_one_cqe),
	KUNIT_CASE(same_event_while_posting_is_silent),
	KUNIT_CASE(armed_type_fires_again),
	KUNIT_CASE(arming_alone_queues_nothing),
	KUNIT_CASE(armed_type_alone_is_armed),
	KUNIT_CASE(arming_no_type_changes_nothing),
	KUNIT_CASE(arming_an_armed_type_is_refused),
	KUNIT_CASE(arming_waits_for_the_end_of_posting),
	KUNIT_CASE(arming_an_unwanted_type_is_refused),
	KUNIT_CASE(arming_a_cqe_on_its_way_is_refused),
	KUNIT_CASE(refused_arming_arms_none),
	KUNIT_CASE(arming_an_unknown_type_is_refused),
	KUNIT_CASE(arming_with_a_reserved_field_is_refused),
	KUNIT_CASE_PARAM(detached_ring_is_left_alone, detach_gen_params),
	KUNIT_CASE_PARAM(second_detach_does_nothing, detach_gen_params),
	KUNIT_CASE_PARAM(importer_does_not_detach, detach_gen_params),
	KUNIT_CASE(detach_before_attach_does_nothing),
	KUNIT_CASE_PARAM(arming_for_a_closed_ring_is_refused, detach_gen_params),
	KUNIT_CASE_PARAM(arming_no_type_of_a_closed_ring_succeeds, detach_gen_params),
	KUNIT_CASE(event_after_close_is_forgotten),
	KUNIT_CASE(cancelled_task_work_posts_nothing),
	KUNIT_CASE(event_after_cancelled_task_work_is_posted),
	KUNIT_CASE(cancelled_task_work_after_detach_posts_nothing),
	KUNIT_CASE(enabled_ring_is_notified_of_what_happened_before),
	KUNIT_CASE(enabling_alone_queues_nothing),
	KUNIT_CASE(ring_that_is_never_enabled_is_released),
	{}
};

static struct kunit_suite zcrx_notif_suite = {
	.name = "io_uring_zcrx_notif",
	.test_cases = zcrx_notif_cases,
	.init = zcrx_notif_test_init,
	.exit = zcrx_notif_test_exit,
};

kunit_test_suite(zcrx_notif_suite);

MODULE_DESCRIPTION("KUnit tests of the states of zcrx notifications");
MODULE_LICENSE("GPL");
