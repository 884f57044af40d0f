// SPDX-License-Identifier: GPL-2.0
/* ZCRX_CTRL_ARM_NOTIFICATION: the types, rings and times that it accepts. */
#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	4

/* An ifq with an importer, of which nothing has fired yet. */
FIXTURE(arm)
{
	struct zn_ifq		q;
	struct zn_ifq		imp;
	struct zn_events	ev;
};

/* The ring that arms; the creator gets the notifications in either case. */
FIXTURE_VARIANT(arm)
{
	bool importer;
};

FIXTURE_VARIANT_ADD(arm, creator) { .importer = false };
FIXTURE_VARIANT_ADD(arm, importer) { .importer = true };

#define ARMER()	(variant->importer ? &self->imp : &self->q)

FIXTURE_SETUP(arm)
{
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	ASSERT_EQ(0, zn_open_imported(&self->q, &self->imp, &o));
	ASSERT_EQ(0, zn_connect(&self->q));
}

FIXTURE_TEARDOWN(arm)
{
	zn_close(&self->imp);
	zn_close(&self->q);
}

/* Run task work; how many notifications that brought. */
static int new_notifs(struct zn_ifq *q, struct zn_events *ev)
{
	unsigned int before = ev->notifs;
	int ret = zn_reap(q, ev, 0, 0);

	return ret < 0 ? ret : (int)(ev->notifs - before);
}

/* Take all buffers. */
static int exhaust(struct zn_ifq *q, struct zn_events *ev)
{
	while (q->nr_held < AREA_PAGES) {
		int ret = zn_make_copy(q, ev);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Fire @mask, of an ifq on which all of it is armed and all buffers free. */
static int fire(struct zn_ifq *q, struct zn_events *ev, __u32 mask)
{
	int ret = 0;

	if (mask & ZCRX_NOTIF_COPY)
		ret = zn_make_copy(q, ev);
	if (!ret && mask & ZCRX_NOTIF_NO_BUFFERS)
		ret = exhaust(q, ev) ?: zn_make_no_buffers(q, ev);
	return ret ?: zn_reap(q, ev, 0, 0);
}

TEST_F(arm, what_has_not_fired_is_refused)
{
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZN_ALL_TYPES));

	/* Nothing has changed: each type still fires once. */
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	ASSERT_EQ(0, exhaust(&self->q, &self->ev));
	ASSERT_EQ(0, zn_make_no_buffers(&self->q, &self->ev));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	EXPECT_EQ(2, self->ev.notifs);
	EXPECT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
}

TEST_F(arm, armed_type_fires_again)
{
	for (int i = 1; i <= 10; i++) {
		ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
		ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
		ASSERT_EQ(i, self->ev.notifs);
		ASSERT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
		zn_refill(&self->q, ~0U);
	}
	EXPECT_EQ(ZCRX_NOTIF_COPY, self->ev.notif_mask);
}

TEST_F(arm, twice_is_refused)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZN_ALL_TYPES));
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZN_ALL_TYPES));
}

TEST_F(arm, both_in_one_call)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZN_ALL_TYPES));
	ASSERT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
	zn_refill(&self->q, ~0U);
	ASSERT_EQ(0, zn_arm(ARMER(), ZN_ALL_TYPES));

	memset(&self->ev, 0, sizeof(self->ev));
	/* The byte that found no buffer before is still in the socket. */
	ASSERT_LE(0, fire(&self->q, &self->ev, ZN_ALL_TYPES));
	EXPECT_EQ(ZN_ALL_TYPES, self->ev.notif_mask);
	EXPECT_EQ(0, zn_arm(ARMER(), ZN_ALL_TYPES));
}

/* All or nothing: one fired, the other not. */
TEST_F(arm, copy_stays_silent_when_no_buffers_has_not_fired)
{
	if (!ZN_TYPES_SHARE)
		SKIP(return, "each type has its CQE here, and is armed by a call");
	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZN_ALL_TYPES));

	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);

	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	EXPECT_EQ(2, self->ev.notifs);
}

TEST_F(arm, no_buffers_stays_silent_when_copy_has_not_fired)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZN_ALL_TYPES));
	ASSERT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	memset(&self->ev, 0, sizeof(self->ev));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZN_ALL_TYPES));

	ASSERT_EQ(0, zn_make_no_buffers(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(0, self->ev.notifs);

	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	ASSERT_EQ(0, zn_make_no_buffers(&self->q, &self->ev));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(ZCRX_NOTIF_NO_BUFFERS, self->ev.notif_mask);
}

TEST_F(arm, unknown_bit_is_refused_and_nothing_changes)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	for (int bit = 2; bit < 32; bit++) {
		EXPECT_EQ(-EINVAL, zn_arm(ARMER(), 1U << bit));
		EXPECT_EQ(-EINVAL,
			  zn_arm(ARMER(), ZCRX_NOTIF_COPY | 1U << bit));
	}
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ~0U));
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
}

TEST_F(arm, reserved_field_is_refused_and_nothing_changes)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	for (__u32 mask = 0; mask <= ZCRX_NOTIF_COPY; mask += ZCRX_NOTIF_COPY) {
		for (int i = 0; i < 11; i++) {
			struct zcrx_ctrl c =
				zn_arm_ctrl(ARMER()->zcrx_id, mask);

			c.zc_arm_notif.__resv[i] = 1U << (i * 3 % 32);
			EXPECT_EQ(-EINVAL, zn_ctrl(ARMER()->ring.ring_fd, &c));
		}
	}
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
}

TEST_F(arm, mask_0_succeeds_and_nothing_changes)
{
	EXPECT_EQ(0, zn_arm(ARMER(), 0));
	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	EXPECT_EQ(1, self->ev.notifs);

	EXPECT_EQ(0, zn_arm(ARMER(), 0));
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(1, self->ev.notifs);

	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	EXPECT_EQ(0, zn_arm(ARMER(), 0));
	ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	EXPECT_EQ(2, self->ev.notifs);
}

TEST_F(arm, arming_posts_nothing_for_earlier_events)
{
	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, zn_make_copy(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	EXPECT_EQ(-ETIME, zn_reap(&self->q, &self->ev, 1, ZN_SILENCE));
	EXPECT_EQ(1, self->ev.notifs);
}

TEST_F(arm, unknown_id_is_refused)
{
	struct zn_ifq *q = ARMER();
	__u32 id = q->zcrx_id;

	ASSERT_LE(0, fire(&self->q, &self->ev, ZCRX_NOTIF_COPY));
	for (q->zcrx_id = id + 1; q->zcrx_id; q->zcrx_id <<= 1) {
		EXPECT_EQ(-ENXIO, zn_arm(q, ZCRX_NOTIF_COPY));
		if (ZN_TYPES_SHARE)
			EXPECT_EQ(-ENXIO, zn_arm(q, 0));
	}
	q->zcrx_id = id;
	EXPECT_EQ(0, zn_arm(q, ZCRX_NOTIF_COPY));
}

/* The creator does not enter its ring: its task work is held up. */
TEST_F(arm, refused_while_the_cqe_is_on_its_way)
{
	struct zn_events imp_ev = {};

	ASSERT_EQ(0, zn_make_copy(&self->imp, &imp_ev));
	EXPECT_EQ(0, io_uring_cq_ready(&self->q.ring));
	EXPECT_EQ(-EINVAL, zn_arm(ARMER(), ZCRX_NOTIF_COPY));

	ASSERT_EQ(1, new_notifs(&self->q, &self->ev));
	EXPECT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_COPY));
	/* None of it on the ring that received. */
	EXPECT_EQ(0, imp_ev.notifs);
	EXPECT_EQ(0, imp_ev.others);
}

/* A type that fires while the other's CQE is on its way joins it or follows. */
TEST_F(arm, second_type_notifies_too)
{
	struct zn_events imp_ev = {};

	ASSERT_EQ(0, exhaust(&self->imp, &imp_ev));
	ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &imp_ev));
	EXPECT_EQ(0, io_uring_cq_ready(&self->q.ring));
	ASSERT_LE(0, zn_reap(&self->q, &self->ev, 0, 0));
	while (self->ev.notif_mask != ZN_ALL_TYPES)
		ASSERT_LE(0, zn_reap(&self->q, &self->ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(0, zn_arm(ARMER(), ZN_ALL_TYPES));
}

/* A type that the creator did not ask for never fires: arming it fails. */
FIXTURE(unasked)
{
	struct zn_ifq q;
};

FIXTURE_VARIANT(unasked)
{
	__u32	asked;
	bool	no_desc;
};

FIXTURE_VARIANT_ADD(unasked, copy) { .asked = ZCRX_NOTIF_NO_BUFFERS };
FIXTURE_VARIANT_ADD(unasked, no_buffers) { .asked = ZCRX_NOTIF_COPY };
FIXTURE_VARIANT_ADD(unasked, both) { .asked = 0 };
FIXTURE_VARIANT_ADD(unasked, without_descriptor) { .no_desc = true };

FIXTURE_SETUP(unasked)
{
	const struct zcrx_notification_desc desc = {
		.user_data = ZN_USER_DATA,
		.type_mask = variant->asked,
	};
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.desc = variant->no_desc ? NULL : &desc,
	};

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
}

FIXTURE_TEARDOWN(unasked)
{
	zn_close(&self->q);
}

TEST_F(unasked, type_cannot_be_armed)
{
	struct zn_events ev = {};

	ASSERT_LE(0, fire(&self->q, &ev, ZN_ALL_TYPES));
	EXPECT_EQ(variant->asked, ev.notif_mask);
	for (__u32 mask = 1; mask <= ZN_ALL_TYPES; mask++) {
		if (mask == variant->asked ||
		    (mask == ZN_ALL_TYPES && !ZN_TYPES_SHARE))
			continue;
		EXPECT_EQ(-EINVAL, zn_arm(&self->q, mask));
	}
	EXPECT_EQ(0, zn_arm(&self->q, 0));
	if (variant->asked)
		EXPECT_EQ(0, zn_arm(&self->q, variant->asked));
}

/* An event between giving buffers back and arming shows in the counter. */
TEST_F(arm, counter_tells_of_an_event_before_arming)
{
	__u64 *counter = &self->q.stats->no_buffers_count, seen;

	ASSERT_LE(0, fire(&self->q, &self->ev, ZN_ALL_TYPES));
	seen = zn_load(counter);
	zn_refill(&self->q, ~0U);
	ASSERT_EQ(0, exhaust(&self->q, &self->ev));
	ASSERT_EQ(0, zn_make_no_buffers(&self->q, &self->ev));
	EXPECT_EQ(0, new_notifs(&self->q, &self->ev));
	ASSERT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_LT(seen, zn_load(counter));
}

/*
 * The lossless pattern carries a transfer that is far larger than the area:
 * buffers are given back for no other reason than a notification or, after
 * arming, a counter that moved.
 */
TEST_F(arm, lossless_pattern_never_gets_stuck)
{
	__u64 *counter = &self->q.stats->no_buffers_count, seen = 0;
	const __u64 total = 1 << 20;
	struct zn_events *ev = &self->ev;
	unsigned int handled = 0;

	ev->recv_ended = true;
	while (ev->bytes < total) {
		ASSERT_LE(0, zn_send(&self->q, total - self->q.sent));
		if (ev->recv_ended) {
			ev->recv_ended = false;
			zn_recv(&self->q, 0);
		}
		ASSERT_LT(0, zn_reap(&self->q, ev, 1, ZN_TIMEOUT));
		if (ev->recv_ended)
			ASSERT_EQ(-ENOMEM, ev->recv_end_res);
		if (ev->notifs == handled ||
		    !(ev->notif_mask & ZCRX_NOTIF_NO_BUFFERS))
			continue;

		ASSERT_EQ(0, ev->bad);
		handled = ev->notifs;
		ev->notif_mask = 0;
		zn_refill(&self->q, ~0U);
		ASSERT_EQ(0, zn_arm(ARMER(), ZCRX_NOTIF_NO_BUFFERS));
		while (zn_load(counter) != seen) {
			seen = zn_load(counter);
			zn_refill(&self->q, ~0U);
		}
	}
	EXPECT_EQ(total, ev->bytes);
	EXPECT_EQ(total, zn_load(&self->q.stats->copy_bytes));
	EXPECT_LT(1, ev->notifs);
}

TEST_HARNESS_MAIN
