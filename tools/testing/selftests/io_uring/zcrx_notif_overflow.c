// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications for which the CQ has no room: they wait on the overflow list,
 * count as fired from then on, and arrive in order and without loss. A
 * notification that task work has not handled yet is on its way, and its type
 * cannot be armed.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define CQ_ENTRIES	8
#define MAX_CQES	64

struct seen {
	__u64 user_data;
	__s32 res;
	__u32 types;	/* of a notification */
	__u32 flags;
};

/* The creator @q has a small CQ, the events are made by the importer @imp. */
struct pair {
	struct zn_ifq q;
	struct zn_ifq imp;
	struct zn_events imp_ev;
	struct seen cqes[MAX_CQES];
	unsigned int nr_cqes;
};

FIXTURE(overflow)
{
	struct pair p;
};

FIXTURE_VARIANT(overflow)
{
	__u32 ring_flags;
	/* CQ entries that a data CQE takes. */
	unsigned int data_slots;
};

FIXTURE_VARIANT_ADD(overflow, cqe32)
{
	.ring_flags = IORING_SETUP_CQE32,
	.data_slots = 1,
};

FIXTURE_VARIANT_ADD(overflow, cqe_mixed)
{
	.ring_flags = IORING_SETUP_CQE_MIXED,
	.data_slots = 2,
};

FIXTURE_SETUP(overflow)
{
	const struct zn_opts o = {
		.area_pages = 1,
		.ring_flags = variant->ring_flags,
		.cq_entries = CQ_ENTRIES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	ASSERT_EQ(0, zn_open_imported(&self->p.q, &self->p.imp, &o));
}

FIXTURE_TEARDOWN(overflow)
{
	/* An importer gets no notifications, whatever happens. */
	EXPECT_EQ(0, self->p.imp_ev.notifs);
	EXPECT_EQ(0, self->p.imp_ev.others);
	EXPECT_EQ(0, self->p.imp_ev.bad);
	zn_close(&self->p.imp);
	zn_close(&self->p.q);
}

#define fill_cq(nr) ASSERT_EQ(0, zn_fill_cq(&self->p.q, nr))

/* Run the creator's task work. Nothing is reaped. */
static int run_task_work(struct zn_ifq *q)
{
	return io_uring_get_events(&q->ring);
}

static bool has_overflow(struct zn_ifq *q)
{
	return IO_URING_READ_ONCE(*q->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW;
}

/* COPY fires when @i is even, NO_BUFFERS when it is odd. */
static __u32 type_of(unsigned int i)
{
	return i % 2 ? ZCRX_NOTIF_NO_BUFFERS : ZCRX_NOTIF_COPY;
}

static int make_event(struct pair *p, unsigned int i)
{
	return zn_make_event(&p->imp, &p->imp_ev, type_of(i));
}

/* Note down all CQEs, also those from the overflow list. */
static void reap_all(struct pair *p)
{
	struct io_uring_cqe *cqe;

	while (p->nr_cqes < MAX_CQES) {
		io_uring_get_events(&p->q.ring);
		if (io_uring_peek_cqe(&p->q.ring, &cqe))
			break;
		p->cqes[p->nr_cqes++] = (struct seen){
			.user_data = cqe->user_data,
			.res = cqe->res,
			.types = zn_types_of(cqe),
			.flags = cqe->flags,
		};
		io_uring_cqe_seen(&p->q.ring, cqe);
	}
}

static bool is_nop(const struct seen *s, unsigned int i)
{
	return s->user_data == ZN_NOP + i && s->res == 0 && s->flags == 0;
}

static bool is_notif(const struct seen *s, __u32 types)
{
	return s->user_data == ZN_USER_DATA && s->types == types && s->flags == 0;
}

TEST_F(overflow, waits_for_room)
{
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(0, make_event(&self->p, 0));
	ASSERT_FALSE(has_overflow(&self->p.q));
	run_task_work(&self->p.q);
	EXPECT_TRUE(has_overflow(&self->p.q));
	EXPECT_EQ(CQ_ENTRIES, io_uring_cq_ready(&self->p.q.ring));

	reap_all(&self->p);
	ASSERT_EQ(CQ_ENTRIES + 1, self->p.nr_cqes);
	for (unsigned int i = 0; i < CQ_ENTRIES; i++)
		EXPECT_TRUE(is_nop(&self->p.cqes[i], i));
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES], ZCRX_NOTIF_COPY));
	EXPECT_FALSE(has_overflow(&self->p.q));
}

TEST_F(overflow, counts_as_fired)
{
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(0, make_event(&self->p, 0));
	run_task_work(&self->p.q);
	ASSERT_TRUE(has_overflow(&self->p.q));
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));

	/* The type stays fired after the application has seen the CQE. */
	ASSERT_EQ(0, make_event(&self->p, 1));
	run_task_work(&self->p.q);
	reap_all(&self->p);
	ASSERT_EQ(CQ_ENTRIES + 2, self->p.nr_cqes);
	EXPECT_EQ(0, zn_arm(&self->p.q, ZCRX_NOTIF_NO_BUFFERS));
}

TEST_F(overflow, silent_until_armed)
{
	fill_cq(CQ_ENTRIES);
	for (unsigned int i = 0; i < 6; i++) {
		ASSERT_EQ(0, make_event(&self->p, i));
		run_task_work(&self->p.q);
	}
	reap_all(&self->p);
	ASSERT_EQ(CQ_ENTRIES + 2, self->p.nr_cqes);
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES], type_of(0)));
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES + 1], type_of(1)));
	EXPECT_EQ(3, zn_load(&self->p.q.stats->copy_count));
	EXPECT_EQ(3, zn_load(&self->p.q.stats->no_buffers_count));
}

/* @nr events behind a full CQ, of both types in turn, each armed again. */
static void __overflow_with(struct __test_metadata *_metadata, struct pair *p,
			    unsigned int nr)
{
	ASSERT_EQ(0, zn_fill_cq(&p->q, CQ_ENTRIES));
	for (unsigned int i = 0; i < nr; i++) {
		ASSERT_EQ(0, make_event(p, i));
		run_task_work(&p->q);
		ASSERT_EQ(0, zn_arm(&p->q, type_of(i)));
	}
}

#define overflow_with(nr) __overflow_with(_metadata, &self->p, nr)

static void __all_in_order(struct __test_metadata *_metadata, struct pair *p,
			   unsigned int nr)
{
	reap_all(p);
	ASSERT_EQ(CQ_ENTRIES + nr, p->nr_cqes);
	for (unsigned int i = 0; i < CQ_ENTRIES; i++)
		EXPECT_TRUE(is_nop(&p->cqes[i], i));
	for (unsigned int i = 0; i < nr; i++)
		EXPECT_TRUE(is_notif(&p->cqes[CQ_ENTRIES + i], type_of(i)));
	EXPECT_FALSE(has_overflow(&p->q));
}

#define all_in_order(nr) __all_in_order(_metadata, &self->p, nr)

TEST_F(overflow, keeps_the_order_and_loses_none)
{
	/* More than fit into the CQ, so that flushing takes several goes. */
	const unsigned int nr = 3 * CQ_ENTRIES + 1;

	overflow_with(nr);
	all_in_order(nr);

	/* All are armed, and work as ever. */
	self->p.nr_cqes = 0;
	ASSERT_EQ(0, make_event(&self->p, 0));
	reap_all(&self->p);
	ASSERT_EQ(1, self->p.nr_cqes);
	EXPECT_TRUE(is_notif(&self->p.cqes[0], ZCRX_NOTIF_COPY));
}

/* All of them fit into the larger CQ, behind those that it takes over. */
TEST_F(overflow, waits_for_a_larger_cq)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE,
		.sq_entries = 8,
		.cq_entries = 4 * CQ_ENTRIES,
	};
	const unsigned int nr = 3 * CQ_ENTRIES;
	struct zn_ifq *q = &self->p.q;

	overflow_with(nr);
	ASSERT_EQ(0, io_uring_resize_rings(&q->ring, &params));
	run_task_work(q);
	EXPECT_EQ(CQ_ENTRIES + nr, io_uring_cq_ready(&q->ring));
	all_in_order(nr);
}

TEST_F(overflow, both_types_in_one)
{
	if (!ZN_TYPES_SHARE)
		SKIP(return, "each type has its CQE here, and is armed by a call");
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(0, make_event(&self->p, 0));
	ASSERT_EQ(0, make_event(&self->p, 1));
	run_task_work(&self->p.q);
	reap_all(&self->p);
	ASSERT_EQ(CQ_ENTRIES + 1, self->p.nr_cqes);
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES], ZN_ALL_TYPES));
	EXPECT_EQ(0, zn_arm(&self->p.q, ZN_ALL_TYPES));
}

/* Also with room in the CQ: what matters is that it is not there yet. */
TEST_F(overflow, not_fired_while_on_its_way)
{
	ASSERT_EQ(0, make_event(&self->p, 0));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.q, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.imp, ZN_ALL_TYPES));
	EXPECT_EQ(0, zn_arm(&self->p.q, 0));
	EXPECT_EQ(0, io_uring_cq_ready(&self->p.q.ring));

	/* Refusing changed nothing: it arrives, once. */
	run_task_work(&self->p.q);
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));
	reap_all(&self->p);
	ASSERT_EQ(1, self->p.nr_cqes);
	EXPECT_TRUE(is_notif(&self->p.cqes[0], ZCRX_NOTIF_COPY));
}

TEST_F(overflow, not_fired_while_on_its_way_to_a_full_cq)
{
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(0, make_event(&self->p, 0));
	ASSERT_EQ(0, make_event(&self->p, 1));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.q, ZN_ALL_TYPES));
	EXPECT_EQ(-EINVAL, zn_arm(&self->p.imp, ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_FALSE(has_overflow(&self->p.q));
	run_task_work(&self->p.q);
	EXPECT_TRUE(has_overflow(&self->p.q));
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZN_ALL_TYPES));
	reap_all(&self->p);
	EXPECT_EQ(CQ_ENTRIES + zn_nr_cqes(ZN_ALL_TYPES), self->p.nr_cqes);
}

/* One type is armed again while the other waits on the overflow list. */
TEST_F(overflow, types_do_not_mix)
{
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(0, make_event(&self->p, 0));
	run_task_work(&self->p.q);
	ASSERT_EQ(0, make_event(&self->p, 1));
	/* COPY has fired, NO_BUFFERS is on its way: all or nothing. */
	if (ZN_TYPES_SHARE)
		EXPECT_EQ(-EINVAL, zn_arm(&self->p.imp, ZN_ALL_TYPES));
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));
	run_task_work(&self->p.q);
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZCRX_NOTIF_NO_BUFFERS));
	reap_all(&self->p);
	ASSERT_EQ(CQ_ENTRIES + 2, self->p.nr_cqes);
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES], ZCRX_NOTIF_COPY));
	EXPECT_TRUE(is_notif(&self->p.cqes[CQ_ENTRIES + 1],
			     ZCRX_NOTIF_NO_BUFFERS));
}

/* The creator's own data takes the last room there is. */
TEST_F(overflow, behind_own_data)
{
	const unsigned int nops = CQ_ENTRIES - variant->data_slots;
	const struct seen *data, *notif;

	ASSERT_EQ(0, zn_connect(&self->p.q));
	zn_recv(&self->p.q, 0);
	run_task_work(&self->p.q);
	fill_cq(nops);
	ASSERT_EQ(100, zn_send(&self->p.q, 100));
	run_task_work(&self->p.q);
	run_task_work(&self->p.q);
	EXPECT_TRUE(has_overflow(&self->p.q));
	EXPECT_EQ(0, zn_arm(&self->p.imp, ZCRX_NOTIF_COPY));

	reap_all(&self->p);
	ASSERT_EQ(nops + 2, self->p.nr_cqes);
	data = &self->p.cqes[nops];
	notif = &self->p.cqes[nops + 1];
	EXPECT_EQ(ZN_RECV, data->user_data);
	EXPECT_EQ(100, data->res);
	EXPECT_TRUE(is_notif(notif, ZCRX_NOTIF_COPY));
}

TEST_F(overflow, together_with_the_end_of_own_receive)
{
	unsigned int notifs = 0, ends = 0;

	ASSERT_EQ(0, zn_connect(&self->p.q));
	/* The one buffer goes to the importer. */
	ASSERT_EQ(0, make_event(&self->p, 0));
	run_task_work(&self->p.q);
	reap_all(&self->p);
	ASSERT_EQ(1, self->p.nr_cqes);

	zn_recv(&self->p.q, 0);
	run_task_work(&self->p.q);
	fill_cq(CQ_ENTRIES);
	ASSERT_EQ(100, zn_send(&self->p.q, 100));
	run_task_work(&self->p.q);
	run_task_work(&self->p.q);
	reap_all(&self->p);
	ASSERT_EQ(1 + CQ_ENTRIES + 2, self->p.nr_cqes);
	for (unsigned int i = 1 + CQ_ENTRIES; i < self->p.nr_cqes; i++) {
		const struct seen *s = &self->p.cqes[i];

		notifs += is_notif(s, ZCRX_NOTIF_NO_BUFFERS);
		ends += s->user_data == ZN_RECV && s->res == -ENOMEM &&
			!(s->flags & IORING_CQE_F_MORE);
	}
	EXPECT_EQ(1, notifs);
	EXPECT_EQ(1, ends);
}

TEST_HARNESS_MAIN
