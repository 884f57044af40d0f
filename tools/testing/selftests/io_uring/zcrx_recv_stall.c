// SPDX-License-Identifier: GPL-2.0
/*
 * A multishot zero-copy receive that cannot go on part way, for want of buffers
 * or of room in the CQ, delivers what it has got and then ends with the error,
 * however it came to run: it never goes silent with data left in the socket. Nor
 * does it when that arrives while it runs.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	4
#define SMALL_CQ	8

FIXTURE(stall)
{
	struct zn_ifq q;
	struct zn_events ev;
	size_t area;
};

FIXTURE_VARIANT(stall)
{
	/* The receive waits in poll when the data comes; or it comes later. */
	bool polled;
};

FIXTURE_VARIANT_ADD(stall, polled) { .polled = true };
FIXTURE_VARIANT_ADD(stall, data_first) { .polled = false };

FIXTURE_SETUP(stall)
{
	self->area = AREA_PAGES * page_size();
}

FIXTURE_TEARDOWN(stall)
{
	zn_close(&self->q);
}

/* A connection on which @n bytes meet a receive of @len. */
static void __start(struct __test_metadata *_metadata, struct zn_ifq *q,
		    bool polled, size_t n, unsigned int len)
{
	struct zn_events none = {};

	ASSERT_EQ(0, zn_connect(q));
	if (polled) {
		zn_recv(q, len);
		ASSERT_EQ(-ETIME, zn_reap(q, &none, 1, ZN_SILENCE));
	}
	ASSERT_EQ(0, zn_send_all(q, n));
	if (!polled)
		zn_recv(q, len);
}

#define start(n, len) \
	__start(_metadata, &self->q, variant->polled, n, len)

/* Wait until @total arrived or the receive ended. */
static int reap_until(struct zn_ifq *q, struct zn_events *ev, __u64 total)
{
	return zn_reap_bytes(q, ev, total - ev->bytes);
}

#define open_small_area() do { \
	const struct zn_opts o = { .area_pages = AREA_PAGES }; \
	ASSERT_EQ(0, zn_open(&self->q, &o)); \
} while (0)

/* The area is full: the receive ended with -ENOMEM, no byte is lost. */
#define check_out_of_buffers(total) do { \
	EXPECT_TRUE(self->ev.recv_ended); \
	EXPECT_EQ(-ENOMEM, self->ev.recv_end_res); \
	EXPECT_EQ(0, self->ev.bad); \
	EXPECT_EQ((total) - self->ev.bytes, zn_unread(&self->q)); \
} while (0)

TEST_F(stall, out_of_buffers)
{
	const size_t total = 4 * self->area;
	unsigned int rounds = 0;

	open_small_area();
	start(total, 0);
	ASSERT_EQ(0, reap_until(&self->q, &self->ev, total));
	EXPECT_LT(0, self->ev.bytes);
	EXPECT_GE(self->area, self->ev.bytes);
	EXPECT_EQ(AREA_PAGES, self->ev.data_cqes);
	check_out_of_buffers(total);

	/* Buffers back and a new receive: the rest comes, as it was sent. */
	while (self->ev.bytes < total) {
		ASSERT_LE(++rounds, 2 * total / self->area);
		ASSERT_EQ(AREA_PAGES, zn_refill(&self->q, AREA_PAGES));
		self->ev.recv_ended = false;
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, reap_until(&self->q, &self->ev, total));
		if (self->ev.recv_ended)
			check_out_of_buffers(total);
	}
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_EQ(0, zn_unread(&self->q));
}

TEST_F(stall, out_of_buffers_within_a_limited_receive)
{
	const size_t total = 4 * self->area;

	open_small_area();
	start(total, 2 * self->area);
	ASSERT_EQ(0, reap_until(&self->q, &self->ev, total));
	EXPECT_EQ(AREA_PAGES, self->ev.data_cqes);
	check_out_of_buffers(total);
}

TEST_F(stall, out_of_buffers_before_the_end_of_the_stream)
{
	const size_t total = 2 * self->area;
	unsigned int rounds = 0;

	open_small_area();
	ASSERT_EQ(0, zn_connect(&self->q));
	if (variant->polled) {
		zn_recv(&self->q, 0);
		ASSERT_EQ(-ETIME, zn_reap(&self->q, &self->ev, 1, ZN_SILENCE));
	}
	ASSERT_EQ(0, zn_send_all(&self->q, total));
	ASSERT_EQ(0, shutdown(self->q.client_fd, SHUT_WR));
	if (!variant->polled)
		zn_recv(&self->q, 0);
	ASSERT_EQ(0, reap_until(&self->q, &self->ev, total + 1));
	check_out_of_buffers(total);

	/* The end of the stream is told after the last byte only. */
	while (self->ev.recv_end_res == -ENOMEM) {
		ASSERT_LE(++rounds, 2 * total / self->area);
		zn_refill(&self->q, AREA_PAGES);
		self->ev.recv_ended = false;
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, reap_until(&self->q, &self->ev, total + 1));
		ASSERT_TRUE(self->ev.recv_ended);
	}
	EXPECT_EQ(0, self->ev.recv_end_res);
	EXPECT_EQ(total, self->ev.bytes);
	EXPECT_EQ(0, self->ev.bad);
}

TEST_F(stall, area_empty_already)
{
	const size_t page = self->area / AREA_PAGES;
	struct zn_events ev = {};

	open_small_area();
	ASSERT_EQ(0, zn_connect(&self->q));
	zn_recv(&self->q, 0);
	/* One buffer a page: a segment of its own for each of them. */
	for (unsigned int i = 0; i < AREA_PAGES; i++) {
		ASSERT_EQ(page / 2, zn_send(&self->q, page / 2));
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, page / 2));
	}
	ASSERT_EQ(AREA_PAGES, self->ev.data_cqes);
	ASSERT_FALSE(self->ev.recv_ended);

	ASSERT_EQ(0, zn_send_all(&self->q, page));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &ev, page));
	if (!variant->polled) {
		ASSERT_TRUE(ev.recv_ended);
		ev.recv_ended = false;
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, zn_reap_bytes(&self->q, &ev, page));
	}
	EXPECT_TRUE(ev.recv_ended);
	EXPECT_EQ(-ENOMEM, ev.recv_end_res);
	EXPECT_EQ(0, ev.data_cqes);
	EXPECT_EQ(page, zn_unread(&self->q));
}

TEST_F(stall, cq_full)
{
	const struct zn_opts o = {
		.area_pages = 16 * AREA_PAGES,
		.cq_entries = SMALL_CQ,
	};
	const size_t total = 4 * self->area;
	unsigned int rounds = 0;

	ASSERT_EQ(0, zn_open(&self->q, &o));
	start(total, 0);
	ASSERT_EQ(0, reap_until(&self->q, &self->ev, total));
	/*
	 * It ends when it finds the CQ full, and goes on when room was made
	 * before it looked again.
	 */
	while (self->ev.recv_ended) {
		ASSERT_LE(++rounds, total / SMALL_CQ);
		EXPECT_EQ(-ENOSPC, self->ev.recv_end_res);
		EXPECT_EQ(total - self->ev.bytes, zn_unread(&self->q));
		self->ev.recv_ended = false;
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, reap_until(&self->q, &self->ev, total));
	}
	EXPECT_EQ(total, self->ev.bytes);
	EXPECT_LT(SMALL_CQ, self->ev.data_cqes);
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_EQ(0, zn_unread(&self->q));
}

/* Beyond what poll counts, and beyond the first congestion window. */
#define MANY_EVENTS	150
#define MANY_SEGMENTS	40

/*
 * Poll counts the events that it couldn't tell of yet, up to a limit, behind
 * which it only remembers that there were more. Here so many wait when the
 * receive gets to run, and what it reads is acknowledged, so that the sender
 * goes on and the rest arrives while the receive is at work.
 */
TEST(data_that_arrives_while_a_receive_with_many_events_runs)
{
	const struct zn_opts o = { .area_pages = 256, .cq_entries = 1024 };
	struct zn_events ev = {};
	struct zn_ifq q;
	unsigned int i;

	ASSERT_EQ(0, zn_open_connected(&q, &o));
	zn_recv(&q, 0);
	ASSERT_EQ(-ETIME, zn_reap(&q, &ev, 1, ZN_SILENCE));
	for (i = 0; i < MANY_EVENTS; i++)
		ASSERT_EQ(0, zn_send_all(&q, 1));
	for (i = 0; i < MANY_SEGMENTS; i++)
		ASSERT_EQ(1, zn_send(&q, 1));

	EXPECT_EQ(0, zn_reap_bytes(&q, &ev, q.sent));
	EXPECT_EQ(q.sent, ev.bytes);
	EXPECT_EQ(0, zn_unread(&q));
	EXPECT_EQ(0, ev.bad);
	EXPECT_FALSE(ev.recv_ended);
	zn_close(&q);
}

TEST_HARNESS_MAIN
