// SPDX-License-Identifier: GPL-2.0
/*
 * A buffer given back through the refill queue is free for every user, whatever
 * other entries the queue has.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	16
#define RQ_ENTRIES	64

FIXTURE(refill)
{
	struct zn_ifq q;
	struct zn_events ev;
};

/* Receive until the buffers are used up; what the receive ended with. */
static int use_up(struct zn_ifq *q, struct zn_events *ev)
{
	/* more than they hold */
	ssize_t ret = zn_send(q, 2 * q->area_size);

	if (ret < 0)
		return ret;
	ev->recv_ended = false;
	zn_recv(q, 0);
	return zn_reap_end(q, ev) ?: ev->recv_end_res;
}

/* All buffers are held. */
FIXTURE_SETUP(refill)
{
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.rq_entries = RQ_ENTRIES,
	};

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	ASSERT_EQ(-ENOMEM, use_up(&self->q, &self->ev));
	ASSERT_EQ(AREA_PAGES, self->q.nr_held);
}

FIXTURE_TEARDOWN(refill)
{
	EXPECT_EQ(0, self->ev.bad);
	zn_close(&self->q);
}

/* Write an entry, and flush nothing. */
static void write_entry(struct zn_rq *rq, __u64 off, __u32 pad)
{
	__u32 tail = *rq->ktail;

	rq->rqes[tail & (rq->entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = off,
		.__pad = pad,
	};
	__atomic_store_n(rq->ktail, tail + 1, __ATOMIC_RELEASE);
}

/* Give back @n of the held buffers, the oldest first. */
static void give_back(struct zn_ifq *q, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		write_entry(&q->rq, q->held[i].off, 0);
	q->nr_held -= n;
	memmove(q->held, q->held + n, q->nr_held * sizeof(*q->held));
}

TEST_F(refill, copies_use_what_was_given_back_without_a_flush)
{
	struct zn_ifq *q = &self->q;

	give_back(q, q->nr_held);
	EXPECT_EQ(-ENOMEM, use_up(q, &self->ev));
	EXPECT_EQ(AREA_PAGES, q->nr_held);
	EXPECT_EQ(*q->rq.ktail, *q->rq.khead);
}

TEST_F(refill, copies_step_over_bad_entries)
{
	struct zn_ifq *q = &self->q;

	/* more than are looked at in one go */
	for (int i = 0; i < 40; i++)
		write_entry(&q->rq, 0, 1);
	give_back(q, q->nr_held);
	EXPECT_EQ(-ENOMEM, use_up(q, &self->ev));
	EXPECT_EQ(AREA_PAGES, q->nr_held);
}

TEST_F(refill, copies_end_with_an_error_behind_bad_entries_alone)
{
	struct zn_ifq *q = &self->q;

	for (int i = 0; i < RQ_ENTRIES; i++)
		write_entry(&q->rq, 0, 1);
	EXPECT_EQ(-ENOMEM, use_up(q, &self->ev));
	EXPECT_EQ(AREA_PAGES, q->nr_held);
	EXPECT_EQ(*q->rq.ktail, *q->rq.khead);
}

/* One flush takes all entries, wherever among them a bad one is. */
TEST_F(refill, flush_steps_over_bad_entries)
{
	struct zn_ifq *q = &self->q;

	for (unsigned int at = 0; at <= AREA_PAGES; at++) {
		give_back(q, at);
		write_entry(&q->rq, at % 2 ? 0 : -1ULL, at % 2);
		give_back(q, AREA_PAGES - at);
		ASSERT_EQ(0, zn_flush_rq(q));
		EXPECT_EQ(*q->rq.ktail, *q->rq.khead) {
			TH_LOG("with the bad entry behind %u", at);
		}
		ASSERT_EQ(-ENOMEM, use_up(q, &self->ev));
		ASSERT_EQ(AREA_PAGES, q->nr_held);
	}
}

TEST_HARNESS_MAIN
