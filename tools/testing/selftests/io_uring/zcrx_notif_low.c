// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_NOTIF_LOW_BUFFERS is notified when no more buffers are left than the
 * descriptor says, and before there are none.
 */
#include <limits.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

/* The entries that the kernel takes off in one go, and several times that */
#define BATCH		32
#define AREA_PAGES	128
#define LOW		ZCRX_NOTIF_LOW_BUFFERS
#define NO_BUFFERS	ZCRX_NOTIF_NO_BUFFERS

/* Two rings, so that nothing runs the creator's task work until it is reaped. */
FIXTURE(low)
{
	struct zn_ifq		q, imp;
	struct zn_events	ev, data;
};

FIXTURE_VARIANT(low)
{
	__u32	threshold;
};

FIXTURE_VARIANT_ADD(low, one) { .threshold = 1 };
FIXTURE_VARIANT_ADD(low, half) { .threshold = AREA_PAGES / 2 };
FIXTURE_VARIANT_ADD(low, all_but_one) { .threshold = AREA_PAGES - 1 };

static int open_low(struct zn_ifq *q, struct zn_ifq *imp, __u32 types,
		    __u32 threshold)
{
	const struct zcrx_notification_desc desc = {
		.user_data = ZN_USER_DATA,
		.type_mask = types,
		.low_buffers = threshold,
	};
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.rq_entries = AREA_PAGES,
		.desc = &desc,
		.stats = true,
	};

	return zn_open_imported(q, imp, &o);
}

FIXTURE_SETUP(low)
{
	ASSERT_EQ(0, open_low(&self->q, &self->imp, LOW | NO_BUFFERS,
			      variant->threshold));
}

FIXTURE_TEARDOWN(low)
{
	zn_close(&self->imp);
	zn_close(&self->q);
}

/* Take buffers until @left are free. */
static int take(struct zn_ifq *imp, struct zn_events *data, __u32 left)
{
	int ret = 0;

	while (ret >= 0 && AREA_PAGES - imp->nr_held > left)
		ret = zn_make_copy(imp, data);
	return ret;
}

/* Give all buffers back, and don't flush. */
static int give_all(struct zn_ifq *imp)
{
	int ret = 0;

	while (!ret && imp->nr_held) {
		imp->nr_held--;
		ret = zn_give_back(imp, imp->held[imp->nr_held].off,
				   imp->held[imp->nr_held].len);
	}
	return ret;
}

/*
 * Give all buffers back, and make a copy. Return how many of them it took off the
 * refill queue.
 */
static int give_and_copy(struct zn_ifq *imp, struct zn_events *data)
{
	__u32 head;
	int ret;

	ret = give_all(imp);
	if (ret)
		return ret;
	head = io_uring_smp_load_acquire(imp->rq.khead);
	ret = zn_make_copy(imp, data);
	if (ret < 0)
		return ret;
	return io_uring_smp_load_acquire(imp->rq.khead) - head;
}

/* All that was notified so far. */
static __u32 notified(struct zn_ifq *q, struct zn_events *ev)
{
	*ev = (struct zn_events) {};
	zn_reap(q, ev, 1, ZN_SILENCE);
	return ev->notif_mask;
}

TEST_F(low, is_notified_at_the_threshold_and_before_buffers_run_out)
{
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold + 1));
	EXPECT_EQ(0, notified(&self->q, &self->ev));
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(0, zn_load(&self->q.stats->no_buffers_count));
	EXPECT_EQ(0, self->data.bad);
}

TEST_F(low, is_silent_until_armed)
{
	ASSERT_LE(0, take(&self->imp, &self->data, 1));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	EXPECT_EQ(0, notified(&self->q, &self->ev));
}

TEST_F(low, condition_that_holds_after_arming_is_notified_with_the_next_buffer)
{
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	EXPECT_EQ(0, notified(&self->q, &self->ev));
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold - 1));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
}

TEST_F(low, buffers_given_back_end_the_condition)
{
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_LT(0, zn_refill(&self->imp, AREA_PAGES));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold + 1));
	EXPECT_EQ(0, notified(&self->q, &self->ev));
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
}

TEST_F(low, buffers_given_back_in_time_keep_it_silent)
{
	if (variant->threshold == AREA_PAGES - 1)
		SKIP(return, "each buffer reaches this threshold");
	/* nobody flushes: the kernel looks into the refill queue itself */
	for (int i = 0; i < 3 * AREA_PAGES; i++) {
		ASSERT_LE(0, zn_make_copy(&self->imp, &self->data));
		ASSERT_EQ(1, self->imp.nr_held);
		ASSERT_EQ(0, give_all(&self->imp));
	}
	EXPECT_EQ(0, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_load(&self->q.stats->no_buffers_count));
}

/* All of the refill queue is looked at before a copy warns. */
TEST_F(low, buffers_in_the_refill_queue_are_counted_first)
{
	bool always = variant->threshold == AREA_PAGES - 1;

	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	ASSERT_EQ(0, give_all(&self->imp));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	ASSERT_LE(0, zn_make_copy(&self->imp, &self->data));
	EXPECT_EQ(always ? LOW : 0, notified(&self->q, &self->ev));
}

/* A warning that nobody gets is not worth going through all of the queue. */
TEST_F(low, search_ends_with_the_first_buffers_once_it_was_notified)
{
	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(BATCH, give_and_copy(&self->imp, &self->data));
}

/* To search the queue would take buffers from the page pool for nothing. */
TEST_F(low, copy_of_a_free_buffer_leaves_the_queue_alone_once_it_was_notified)
{
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, give_and_copy(&self->imp, &self->data));
}

TEST_F(low, copy_of_a_free_buffer_leaves_the_queue_alone_without_the_creator)
{
	ASSERT_LE(0, take(&self->imp, &self->data, variant->threshold));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	zn_close_ring(&self->q);
	/* the closed ring is off the ifq once this has returned */
	EXPECT_EQ(-EINVAL, zn_arm(&self->imp, LOW));
	EXPECT_EQ(0, give_and_copy(&self->imp, &self->data));
}

/* A failed attempt takes no buffer. */
TEST_F(low, failed_attempt_to_get_a_buffer_is_notified_as_that_alone)
{
	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &self->data));
	EXPECT_EQ(NO_BUFFERS, notified(&self->q, &self->ev));
}

/* The pending types share the CQE. */
TEST_F(low, is_notified_together_with_other_types)
{
	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &self->data));
	EXPECT_EQ(LOW | NO_BUFFERS, notified(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(0, zn_arm(&self->q, LOW | NO_BUFFERS));
}

/* A copy that finds the free list empty flushes the refill queue itself. */
TEST_F(low, buffer_off_the_refill_queue_counts)
{
	ASSERT_LE(0, take(&self->imp, &self->data, 0));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(&self->q, LOW));
	ASSERT_EQ(0, zn_give_back(&self->imp, self->imp.held[0].off,
				  self->imp.held[0].len));
	ASSERT_LE(0, zn_make_copy(&self->imp, &self->data));
	EXPECT_EQ(LOW, notified(&self->q, &self->ev));
	EXPECT_EQ(0, zn_load(&self->q.stats->no_buffers_count));
}

TEST(threshold_is_checked)
{
	static const struct {
		__u32	types, threshold;
		int	ret;
	} rows[] = {
		{ LOW, 1 },
		{ LOW, AREA_PAGES - 1 },
		{ LOW | NO_BUFFERS, 1 },
		{ LOW, 0, -EINVAL },
		{ 0, 1, -EINVAL },
		{ NO_BUFFERS, 1, -EINVAL },
		{ LOW, AREA_PAGES, -EINVAL },
		{ LOW, UINT_MAX, -EINVAL },
	};

	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		struct zn_ifq q, imp = {};

		EXPECT_EQ(rows[i].ret, open_low(&q, &imp, rows[i].types,
						rows[i].threshold))
			TH_LOG("row %d", i);
		zn_close(&imp);
		zn_close(&q);
	}
}

/* A type that nobody asked for is not notified, and can't be armed. */
TEST(unwanted_type_is_silent)
{
	struct zn_events ev = {}, data = {};
	struct zn_ifq q, imp = {};

	ASSERT_EQ(0, open_low(&q, &imp, NO_BUFFERS, 0));
	EXPECT_LE(0, take(&imp, &data, 0));
	EXPECT_EQ(0, notified(&q, &ev));
	EXPECT_EQ(-EINVAL, zn_arm(&q, LOW));
	zn_close(&imp);
	zn_close(&q);
}

TEST_HARNESS_MAIN
