// SPDX-License-Identifier: GPL-2.0
/* Events that notify, the form of their CQE, and events that stay silent. */
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	4

/* Every kind of ring that zcrx takes. */
FIXTURE(event)
{
	struct zn_ifq		q;
	struct zn_events	ev;
	size_t			page;
};

FIXTURE_VARIANT(event)
{
	unsigned int	ring_flags;
	bool		stats;
};

FIXTURE_VARIANT_ADD(event, cqe32) { .ring_flags = 0 };
FIXTURE_VARIANT_ADD(event, mixed) { .ring_flags = IORING_SETUP_CQE_MIXED };
FIXTURE_VARIANT_ADD(event, cqe32_stats) { .ring_flags = 0, .stats = true };

FIXTURE_VARIANT_ADD(event, mixed_stats)
{
	.ring_flags = IORING_SETUP_CQE_MIXED, .stats = true,
};

FIXTURE_SETUP(event)
{
	self->page = page_size();
}

FIXTURE_TEARDOWN(event)
{
	zn_close(&self->q);
}

/* An ifq that asks for @mask, connected and receiving. */
static int start(struct zn_ifq *q, const struct zn_opts *opts, __u32 mask)
{
	struct zn_opts o = *opts;
	int ret;

	o.types = mask;
	ret = zn_open(q, &o) ?: zn_connect(q);
	if (!ret)
		zn_recv(q, 0);
	return ret;
}

#define OPTS(pages) {							\
	.area_pages = (pages),						\
	.ring_flags = variant->ring_flags,				\
	.stats = variant->stats,					\
}

/* Whether everything that was going to happen has been seen. */
static int settle(struct zn_ifq *q, struct zn_events *ev)
{
	int ret = zn_reap(q, ev, ~0U, ZN_SILENCE);

	return ret == -ETIME ? 0 : ret;
}

TEST_F(event, copy_is_notified_once_until_armed)
{
	const struct zn_opts o = OPTS(64);

	ASSERT_EQ(0, start(&self->q, &o, ZCRX_NOTIF_COPY));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(0, self->ev.notifs);

	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(100, zn_send(&self->q, 100));
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100));
		ASSERT_EQ(0, settle(&self->q, &self->ev));
		EXPECT_EQ(1, self->ev.notifs);
	}
	EXPECT_EQ(ZCRX_NOTIF_COPY, self->ev.notif_mask);

	EXPECT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_COPY));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(100, zn_send(&self->q, 100));
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100));
		ASSERT_EQ(0, settle(&self->q, &self->ev));
		EXPECT_EQ(2, self->ev.notifs);
	}
	EXPECT_EQ(ZCRX_NOTIF_COPY, self->ev.notif_mask);
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_EQ(0, self->ev.others);
	EXPECT_EQ(1000, self->ev.bytes);
}

TEST_F(event, exhaustion_is_notified_and_ends_the_receive)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	ASSERT_EQ(0, start(&self->q, &o, ZCRX_NOTIF_NO_BUFFERS));
	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));

	EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_NO_BUFFERS, self->ev.notif_mask);
	/* All buffers are with the application, none got lost. */
	EXPECT_EQ(AREA_PAGES, self->q.nr_held);
	EXPECT_EQ(0, self->ev.bad);
}

TEST_F(event, exhaustion_is_silent_until_armed)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	ASSERT_EQ(0, start(&self->q, &o, ZCRX_NOTIF_NO_BUFFERS));
	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));

	for (int i = 0; i < 3; i++) {
		self->ev.recv_ended = false;
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
		EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
	}
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);

	EXPECT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_NO_BUFFERS));
	self->ev.recv_ended = false;
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(2, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_NO_BUFFERS, self->ev.notif_mask);
}

/*
 * The data is in the socket before the receive starts, so that both events
 * happen in its first go, before any task work runs.
 */
TEST_F(event, both_types_share_a_cqe)
{
	struct zn_opts o = OPTS(AREA_PAGES);

	o.types = ZN_ALL_TYPES;
	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));

	EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
	EXPECT_EQ(zn_nr_cqes(ZN_ALL_TYPES), self->ev.notifs);
	EXPECT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
	EXPECT_EQ(0, self->ev.bad);
}

TEST_F(event, each_type_has_its_own_cqe_when_apart)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	ASSERT_EQ(0, start(&self->q, &o, ZN_ALL_TYPES));
	ASSERT_EQ(100, zn_send(&self->q, 100));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_COPY, self->ev.notif_last);

	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(2, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_NO_BUFFERS, self->ev.notif_last);
}

TEST_F(event, type_not_asked_for_is_silent)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	for (__u32 mask = 1; mask <= ZCRX_NOTIF_COPY; mask <<= 1) {
		struct zn_events ev = {};

		/* Both events happen, one notifies. */
		ASSERT_EQ(0, start(&self->q, &o, mask));
		ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
		ASSERT_EQ(0, zn_reap_end(&self->q, &ev));
		ASSERT_EQ(0, settle(&self->q, &ev));
		EXPECT_LT(0, ev.data_cqes);
		EXPECT_EQ(-ENOMEM, ev.recv_end_res);
		EXPECT_EQ(1, ev.notifs);
		EXPECT_EQ(mask, ev.notif_mask);
		EXPECT_EQ(0, ev.others);
		zn_close(&self->q);
	}
}

TEST_F(event, type_mask_0_is_silent)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	ASSERT_EQ(0, start(&self->q, &o, 0));
	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
	EXPECT_EQ(0, self->ev.notifs);
	EXPECT_EQ(0, self->ev.others);
	if (variant->stats) {
		EXPECT_NE(0, zn_load(&self->q.stats->copy_count));
		EXPECT_NE(0, zn_load(&self->q.stats->no_buffers_count));
	}
}

TEST_F(event, cqe_has_no_flags_and_takes_one_slot)
{
	const struct zn_opts o = OPTS(AREA_PAGES);

	ASSERT_EQ(0, start(&self->q, &o, ZN_ALL_TYPES));
	ASSERT_LT(0, zn_send(&self->q, 4 * AREA_PAGES * self->page));
	ASSERT_EQ(0, zn_reap_end(&self->q, &self->ev));
	ASSERT_EQ(0, settle(&self->q, &self->ev));
	ASSERT_LT(0, self->ev.notifs);
	EXPECT_EQ(0, self->ev.notif_flags);
	EXPECT_EQ(self->ev.notifs, self->ev.notif_slots);
	EXPECT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
}

/* In a small ring 16 and 32 byte CQEs meet at its end in every way. */
TEST_F(event, cqes_stay_in_step_around_the_ring)
{
	struct zn_opts o = OPTS(64);

	o.cq_entries = 8;
	ASSERT_EQ(0, start(&self->q, &o, ZCRX_NOTIF_COPY));
	for (unsigned int i = 1; i <= 50; i++) {
		ASSERT_EQ(100, zn_send(&self->q, 100));
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100));
		if (self->ev.notifs < i)
			ASSERT_EQ(1, zn_reap(&self->q, &self->ev, 1,
					     ZN_TIMEOUT));
		ASSERT_EQ(i, self->ev.notifs);
		ASSERT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_COPY));
		zn_refill(&self->q, ~0U);
	}
	EXPECT_EQ(0, self->ev.notif_flags);
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_EQ(0, self->ev.others);
	EXPECT_FALSE(self->ev.recv_ended);
}

FIXTURE(user_data)
{
	struct zn_ifq q;
};

FIXTURE_VARIANT(user_data)
{
	__u64 value;
};

FIXTURE_VARIANT_ADD(user_data, one) { .value = 1 };
FIXTURE_VARIANT_ADD(user_data, bit_32) { .value = 1ULL << 32 };
FIXTURE_VARIANT_ADD(user_data, bit_63) { .value = 1ULL << 63 };
FIXTURE_VARIANT_ADD(user_data, all_bits) { .value = ~0ULL };
FIXTURE_VARIANT_ADD(user_data, zero) { .value = 0 };

FIXTURE_SETUP(user_data)
{
}

FIXTURE_TEARDOWN(user_data)
{
	zn_close(&self->q);
}

TEST_F(user_data, comes_back_unchanged)
{
	const struct zcrx_notification_desc desc = {
		.user_data = variant->value,
		.type_mask = ZCRX_NOTIF_COPY,
	};
	const struct zn_opts o = { .desc = &desc };
	struct zn_events ev = {};

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	zn_recv(&self->q, 0);
	ASSERT_EQ(1, zn_send(&self->q, 1));
	ASSERT_LE(2, zn_reap(&self->q, &ev, 2, ZN_TIMEOUT));
	EXPECT_EQ(1, ev.bytes);
	/* The helpers do not know a notification with 0 from other CQEs. */
	EXPECT_EQ(1, variant->value ? ev.notifs : ev.others);
	EXPECT_EQ(0, variant->value ? ev.others : ev.notifs);
}

/* As without the series: nothing but data and the end of the receive. */
TEST(without_descriptor_nothing_is_posted)
{
	const struct zn_opts o = { .area_pages = AREA_PAGES };
	struct io_uring_query_zcrx zq = {};
	struct zn_events ev = {};
	struct zn_ifq q;

	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX, &zq, sizeof(zq), NULL));
	ASSERT_NE(0, zq.features & ZCRX_FEATURE_NOTIFICATION);
	ASSERT_EQ(0, zn_open_connected(&q, &o));
	ASSERT_LT(0, zn_send(&q, 4 * AREA_PAGES * page_size()));
	zn_recv(&q, 0);
	ASSERT_EQ(0, zn_reap_end(&q, &ev));
	ASSERT_EQ(0, settle(&q, &ev));
	EXPECT_EQ(-ENOMEM, ev.recv_end_res);
	EXPECT_EQ(0, ev.notifs);
	EXPECT_EQ(0, ev.others);
	EXPECT_EQ(0, ev.bad);
	zn_close(&q);
}

TEST(an_ifq_without_events_stays_silent)
{
	struct zcrx_notification_desc desc = {
		.user_data = 1111,
		.type_mask = ZCRX_NOTIF_COPY,
	};
	const struct zn_opts o = { .desc = &desc };
	struct zn_events ev[2] = {};
	struct zn_ifq q[2];

	for (int i = 0; i < 2; i++, desc.user_data++) {
		ASSERT_EQ(0, zn_open_connected(&q[i], &o));
		zn_recv(&q[i], 0);
	}
	ASSERT_EQ(10, zn_send(&q[1], 10));
	ASSERT_EQ(0, zn_reap_bytes(&q[1], &ev[1], 10));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, settle(&q[i], &ev[i]));
	EXPECT_EQ(0, ev[0].notifs);
	EXPECT_EQ(1, ev[1].notifs);
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, ev[i].others);
		zn_close(&q[i]);
	}
}

TEST_HARNESS_MAIN
