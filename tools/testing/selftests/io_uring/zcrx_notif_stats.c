// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics of a zcrx ifq are exact, for every mask of types and whatever
 * the application does to their memory.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define FILL		0xa5

/*
 * TCP takes the payload of what one task sends from a page of this size, one
 * piece after the other, and fills a packet up to half the window with it. Each
 * test runs in a task of its own and has a connection of its own, so that its
 * first bytes are one fragment if there are no more than ONE_FRAG of them and
 * they are sent in one go.
 */
#define TCP_FRAG	32768
#define ONE_FRAG	28672

#define expect_stats(st, count, bytes, failed) do { \
	const struct io_uring_zcrx_notif_stats *_st = (st); \
	EXPECT_EQ(count, zn_load(&_st->copy_count)); \
	EXPECT_EQ(bytes, zn_load(&_st->copy_bytes)); \
	EXPECT_EQ(failed, zn_load(&_st->no_buffers_count)); \
} while (0)

/* Send @n bytes in one go and receive them. */
static int transfer(struct zn_ifq *q, struct zn_events *ev, size_t n)
{
	ssize_t sent = zn_send(q, n);

	ev->recv_ended = false;
	if (sent < 0)
		return sent;
	if (sent != n)
		return -EMSGSIZE;
	return zn_reap_bytes(q, ev, n);
}

/* Reap until the receive ended, with no data coming. */
static int reap_end(struct zn_ifq *q, struct zn_events *ev)
{
	ev->recv_ended = false;
	return zn_reap_end(q, ev);
}

FIXTURE(stats)
{
	struct zn_ifq q;
	struct zn_ifq imp;
	struct zn_events ev;
};

FIXTURE_SETUP(stats)
{
}

FIXTURE_TEARDOWN(stats)
{
	EXPECT_EQ(0, self->ev.bad);
	zn_close(&self->imp);
	zn_close(&self->q);
}

#define open_and_receive(...) do { \
	const struct zn_opts o = { .stats = true, __VA_ARGS__ }; \
	ASSERT_EQ(0, zn_open_connected(&self->q, &o)); \
	zn_recv(&self->q, 0); \
} while (0)

TEST_F(stats, zero_at_registration)
{
	const struct zn_opts o = { .stats = true, .region_fill = FILL };

	ASSERT_EQ(0, zn_open(&self->q, &o));
	ASSERT_EQ(sizeof(*self->q.stats), self->q.stats_size);
	expect_stats(self->q.stats, 0, 0, 0);
}

TEST_F(stats, sum_of_the_bytes_received)
{
	/* Odd, and with every number of pages up to some. */
	const size_t step = 1237;
	__u64 total = 0;

	open_and_receive(.area_pages = 64);
	for (size_t n = step; n < 16 * step; n += step) {
		ASSERT_EQ(0, transfer(&self->q, &self->ev, n));
		total += n;
		ASSERT_EQ(total, self->ev.bytes);
		ASSERT_EQ(total, zn_load(&self->q.stats->copy_bytes));
		ASSERT_EQ(self->q.nr_held,
			  zn_refill(&self->q, self->q.nr_held));
	}
	EXPECT_EQ(0, zn_load(&self->q.stats->no_buffers_count));
	/* A fragment needs one CQE at least. */
	EXPECT_LE(zn_load(&self->q.stats->copy_count), self->ev.data_cqes);
}

TEST_F(stats, a_megabyte_without_refill)
{
	const size_t n = 1 << 20;

	/* A fragment may end anywhere in a page. */
	open_and_receive(.area_pages = 2 * n / page_size());
	ASSERT_EQ(0, transfer(&self->q, &self->ev, n));
	EXPECT_EQ(n, self->ev.bytes);
	EXPECT_EQ(n, zn_load(&self->q.stats->copy_bytes));
	EXPECT_LE(n / TCP_FRAG, zn_load(&self->q.stats->copy_count));
	EXPECT_GT(self->ev.data_cqes, zn_load(&self->q.stats->copy_count));
	EXPECT_EQ(0, zn_load(&self->q.stats->no_buffers_count));
}

TEST_F(stats, failed_attempts)
{
	const size_t page = page_size();
	const unsigned int attempts = 5;

	open_and_receive(.area_pages = 1);
	ASSERT_EQ(0, transfer(&self->q, &self->ev, page));
	expect_stats(self->q.stats, 1, page, 0);

	/* The area is empty: each receive asks once, and then ends. */
	ASSERT_EQ(100, zn_send(&self->q, 100));
	for (unsigned int i = 1; i <= attempts; i++) {
		ASSERT_EQ(0, reap_end(&self->q, &self->ev));
		EXPECT_EQ(-ENOMEM, self->ev.recv_end_res);
		expect_stats(self->q.stats, 1, page, i);
		zn_recv(&self->q, 0);
	}

	/* And nothing fails once there is a buffer again. */
	ASSERT_EQ(0, reap_end(&self->q, &self->ev));
	ASSERT_EQ(1, zn_refill(&self->q, 1));
	self->ev.recv_ended = false;
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100));
	expect_stats(self->q.stats, 2, page + 100, attempts + 1);
}

TEST_F(stats, fragment_copied_in_two_goes)
{
	const unsigned int pages = 3;
	const size_t half = pages * page_size();
	__u64 failed;

	if (2 * half > ONE_FRAG)
		SKIP(return, "pages are too large for one fragment");
	open_and_receive(.area_pages = pages);
	ASSERT_EQ(2 * half, zn_send(&self->q, 2 * half));
	ASSERT_EQ(0, reap_end(&self->q, &self->ev));
	ASSERT_EQ(-ENOMEM, self->ev.recv_end_res);
	ASSERT_EQ(half, self->ev.bytes);
	/* How often it tries before it gives up is up to the kernel. */
	failed = zn_load(&self->q.stats->no_buffers_count);
	EXPECT_LE(1, failed);
	expect_stats(self->q.stats, 1, half, failed);

	ASSERT_EQ(pages, zn_refill(&self->q, pages));
	self->ev.recv_ended = false;
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, half));
	ASSERT_FALSE(self->ev.recv_ended);
	expect_stats(self->q.stats, 2, 2 * half, failed);
}

TEST_F(stats, scribbled_over)
{
	struct io_uring_zcrx_notif_stats *st;

	open_and_receive(.area_pages = 16);
	st = self->q.stats;
	ASSERT_EQ(0, transfer(&self->q, &self->ev, 1000));

	/* The kernel goes on from there, and around the end. */
	__atomic_store_n(&st->copy_count, 41, __ATOMIC_RELEASE);
	__atomic_store_n(&st->copy_bytes, ~0ULL - 9, __ATOMIC_RELEASE);
	__atomic_store_n(&st->no_buffers_count, 7, __ATOMIC_RELEASE);
	ASSERT_EQ(0, transfer(&self->q, &self->ev, 1000));
	expect_stats(st, 42, 990, 7);
}

struct scribbler {
	void *mem;
	size_t size;
	bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	unsigned int x = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE))
		memset(s->mem, zn_rnd(&x, 256), s->size);
	return NULL;
}

TEST_F(stats, scribbled_over_all_the_time)
{
	struct scribbler s = {};
	unsigned int end_errors = 0;
	pthread_t thread;

	open_and_receive(.area_pages = 8);
	s.mem = self->q.stats;
	s.size = self->q.stats_size;
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &s));

	/* More than the area has, so that all counters are touched. */
	ASSERT_EQ(1 << 20, zn_send(&self->q, 1 << 20));
	while (self->ev.bytes < 1 << 20) {
		if (zn_reap_bytes(&self->q, &self->ev, 1))
			break;
		zn_refill(&self->q, self->q.nr_held);
		if (!self->ev.recv_ended)
			continue;
		end_errors += self->ev.recv_end_res != -ENOMEM;
		self->ev.recv_ended = false;
		zn_recv(&self->q, 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(1 << 20, self->ev.bytes);
	EXPECT_EQ(0, end_errors);

	/* Unhurt: it counts again from what the application last wrote. */
	memset(self->q.stats, 0, self->q.stats_size);
	ASSERT_EQ(0, transfer(&self->q, &self->ev, 5000));
	EXPECT_EQ(5000, zn_load(&self->q.stats->copy_bytes));
}

TEST_F(stats, after_the_creator_closed)
{
	const struct zn_opts o = {};
	struct zn_ifq *q = &self->q, *imp = &self->imp;
	struct zn_events ev = {};
	int fd;

	open_and_receive(.area_pages = 16);
	ASSERT_EQ(0, transfer(q, &self->ev, 1000));
	fd = zn_export(q);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, zn_import(imp, q, fd, &o));
	zn_close_ring(q);
	expect_stats(q->stats, 1, 1000, 0);

	ASSERT_EQ(0, zn_connect(imp));
	zn_recv(imp, 0);
	ASSERT_EQ(0, transfer(imp, &ev, 3000));
	expect_stats(q->stats, 2, 4000, 0);

	/* Even the exported file alone keeps them for who comes next. */
	zn_close(imp);
	memset(&ev, 0, sizeof(ev));
	ASSERT_EQ(0, zn_import(imp, q, fd, &o));
	EXPECT_EQ(0, close(fd));
	ASSERT_EQ(0, zn_connect(imp));
	zn_recv(imp, 0);
	ASSERT_EQ(0, transfer(imp, &ev, 500));
	expect_stats(q->stats, 3, 4500, 0);
	EXPECT_EQ(0, ev.bad);
}

/* A kernel's region cannot move, its mapping takes no address. */
TEST_F(stats, user_memory_moved)
{
	struct io_uring_zcrx_notif_stats *st;
	struct zn_ifq *q = &self->q;
	void *to, *p;
	size_t off;

	open_and_receive(.area_pages = 4);
	ASSERT_EQ(0, transfer(q, &self->ev, 1000));
	to = mmap(NULL, q->region_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	ASSERT_NE(MAP_FAILED, to);
	off = (void *)q->stats - q->region;
	p = mremap(q->region, q->region_size, q->region_size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_EQ(to, p);
	q->region = p;
	st = p + off;
	ASSERT_EQ(0, transfer(q, &self->ev, 500));
	expect_stats(st, 2, 1500, 0);
}

/* What one send of up to ONE_FRAG bytes makes: one fragment. */
FIXTURE(fragment)
{
	struct zn_ifq q;
};

FIXTURE_VARIANT(fragment)
{
	/* bytes = pages * page size + more */
	unsigned int pages;
	int more;
};

FIXTURE_VARIANT_ADD(fragment, byte)
{
	.pages = 0,
	.more = 1,
};

FIXTURE_VARIANT_ADD(fragment, part_of_a_buffer)
{
	.pages = 0,
	.more = 1000,
};

FIXTURE_VARIANT_ADD(fragment, whole_buffer)
{
	.pages = 1,
	.more = 0,
};

FIXTURE_VARIANT_ADD(fragment, buffer_and_a_byte)
{
	.pages = 1,
	.more = 1,
};

FIXTURE_VARIANT_ADD(fragment, two_buffers_less_a_byte)
{
	.pages = 2,
	.more = -1,
};

FIXTURE_VARIANT_ADD(fragment, seven_buffers)
{
	.pages = 7,
	.more = 0,
};

FIXTURE_SETUP(fragment)
{
	const struct zn_opts o = { .stats = true };

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	zn_recv(&self->q, 0);
}

FIXTURE_TEARDOWN(fragment)
{
	zn_close(&self->q);
}

TEST_F(fragment, counts_once)
{
	size_t n = variant->pages * page_size() + variant->more;
	struct zn_events ev = {};

	if (n > ONE_FRAG)
		SKIP(return, "pages are too large for one fragment");
	ASSERT_EQ(0, transfer(&self->q, &ev, n));
	EXPECT_EQ(0, ev.bad);
	EXPECT_EQ(n, ev.bytes);
	EXPECT_EQ(zn_div_up(n, page_size()), ev.data_cqes);
	expect_stats(self->q.stats, 1, n, 0);
}

TEST_F(fragment, each_counts)
{
	size_t n = variant->pages * page_size() + variant->more;
	unsigned int nr = n < 8000 ? 3 : 1;
	struct zn_events ev = {};

	if (nr * n > ONE_FRAG)
		SKIP(return, "pages are too large for one fragment");
	for (unsigned int i = 0; i < nr; i++)
		ASSERT_EQ(0, transfer(&self->q, &ev, n));
	EXPECT_EQ(nr * zn_div_up(n, page_size()), ev.data_cqes);
	expect_stats(self->q.stats, nr, nr * n, 0);
}

/* Counters run for every mask of types, armed or not. */
FIXTURE(types)
{
	struct zn_ifq q;
	struct zn_events ev;
};

FIXTURE_VARIANT(types)
{
	__u32 type_mask;
	bool arm;
};

FIXTURE_VARIANT_ADD(types, none) { .type_mask = 0 };
FIXTURE_VARIANT_ADD(types, copy_fires_once) { .type_mask = ZCRX_NOTIF_COPY };

FIXTURE_VARIANT_ADD(types, no_buffers_fires_once)
{
	.type_mask = ZCRX_NOTIF_NO_BUFFERS,
};

FIXTURE_VARIANT_ADD(types, all_fire_once) { .type_mask = ZN_ALL_TYPES };

FIXTURE_VARIANT_ADD(types, all_armed_each_time)
{
	.type_mask = ZN_ALL_TYPES,
	.arm = true,
};

FIXTURE_SETUP(types)
{
	const struct zn_opts o = {
		.area_pages = 1,
		.types = variant->type_mask,
		.stats = true,
	};

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
}

FIXTURE_TEARDOWN(types)
{
	zn_close(&self->q);
}

TEST_F(types, counters_run)
{
	const unsigned int rounds = 4;
	unsigned int types = __builtin_popcount(variant->type_mask);
	struct zn_events *ev = &self->ev;
	unsigned int fired = 0;

	for (unsigned int i = 1; i <= rounds; i++) {
		/* One buffer: the first bytes are copied, the second fail. */
		zn_recv(&self->q, 0);
		ASSERT_EQ(0, transfer(&self->q, ev, 1000));
		ASSERT_EQ(1, zn_send(&self->q, 1));
		ASSERT_EQ(0, reap_end(&self->q, ev));
		ASSERT_EQ(-ENOMEM, ev->recv_end_res);
		expect_stats(self->q.stats, 2 * i - 1, 1001 * i - 1, i);

		/* The byte goes into the buffer given back. */
		ASSERT_EQ(1, zn_refill(&self->q, 1));
		ev->recv_ended = false;
		zn_recv(&self->q, 1);
		ASSERT_EQ(0, zn_reap_end(&self->q, ev));
		ASSERT_EQ(0, ev->recv_end_res);
		ASSERT_EQ(1, zn_refill(&self->q, 1));
		expect_stats(self->q.stats, 2 * i, 1001 * i, i);

		zn_reap(&self->q, ev, 0, 0);
		if (i == 1 || variant->arm)
			fired += types;
		EXPECT_EQ(variant->type_mask, ev->notif_mask);
		EXPECT_GE(fired, ev->notifs);
		EXPECT_LE(!!fired, ev->notifs);
		if (variant->arm)
			ASSERT_EQ(0, zn_arm(&self->q, variant->type_mask));
	}
	EXPECT_EQ(0, ev->bad);
	EXPECT_EQ(0, ev->others);
}

/* How much of the memory the kernel writes. */
FIXTURE(size)
{
	struct zn_ifq q;
	size_t offset;
};

FIXTURE_VARIANT(size)
{
	__u32 stats_size;
};

FIXTURE_VARIANT_ADD(size, default_is_16) { .stats_size = 0 };
FIXTURE_VARIANT_ADD(size, all_counters) { .stats_size = 24 };
/* Across pages that need not lie next to each other in the kernel. */
FIXTURE_VARIANT_ADD(size, more_than_there_is) { .stats_size = 9000 };

FIXTURE_SETUP(size)
{
	const struct zcrx_notification_desc desc = {
		.flags = ZCRX_NOTIF_DESC_FLAG_STATS,
		.stats_offset = page_size() - 8,
		.stats_size = variant->stats_size,
	};
	const struct zn_opts o = {
		.area_pages = 1,
		.rq_entries = 8,
		.desc = &desc,
		.region_extra_pages = 3,
		.region_fill = FILL,
	};

	self->offset = desc.stats_offset;
	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	zn_recv(&self->q, 0);
}

FIXTURE_TEARDOWN(size)
{
	zn_close(&self->q);
}

TEST_F(size, nothing_around_is_written)
{
	const __u32 size = variant->stats_size ?: 16;
	const struct zn_rq *rq = &self->q.rq;
	const __u64 *words = self->q.region + self->offset;
	const void *before = rq->rqes + rq->entries, *end = words + size / 8;
	const void *region_end = self->q.region + self->q.region_size;
	struct zn_events ev = {};

	EXPECT_TRUE(zn_all_are(words, size, 0));
	ASSERT_EQ(0, transfer(&self->q, &ev, 1000));
	ASSERT_EQ(1, zn_send(&self->q, 1));
	ASSERT_EQ(0, reap_end(&self->q, &ev));
	ASSERT_EQ(-ENOMEM, ev.recv_end_res);

	EXPECT_EQ(1, zn_load(&words[0]));
	EXPECT_EQ(1000, zn_load(&words[1]));
	if (size >= 24) {
		EXPECT_EQ(1, zn_load(&words[2]));
		EXPECT_TRUE(zn_all_are(words + 3, size - 24, 0));
	}
	EXPECT_TRUE(zn_all_are(before, (void *)words - before, FILL));
	EXPECT_TRUE(zn_all_are(end, region_end - end, FILL));
}

/* What the application does to its mapping of the region. */
FIXTURE(mapping)
{
	struct zn_ifq q;
	struct zn_events ev;
};

FIXTURE_VARIANT(mapping)
{
	bool kernel_region;
};

FIXTURE_VARIANT_ADD(mapping, user_memory) { .kernel_region = false };
FIXTURE_VARIANT_ADD(mapping, kernel_memory) { .kernel_region = true };

FIXTURE_SETUP(mapping)
{
	const struct zn_opts o = {
		.area_pages = 64,
		.stats = true,
		.kernel_region = variant->kernel_region,
	};

	ASSERT_EQ(0, zn_open_connected(&self->q, &o));
	zn_recv(&self->q, 0);
	ASSERT_EQ(0, transfer(&self->q, &self->ev, 1000));
}

FIXTURE_TEARDOWN(mapping)
{
	EXPECT_EQ(0, self->ev.bad);
	zn_close(&self->q);
}

TEST_F(mapping, counts)
{
	expect_stats(self->q.stats, 1, 1000, 0);
}

TEST_F(mapping, unmapped_under_traffic)
{
	/* All of it is on its way when the mapping goes. */
	ASSERT_EQ(100000, zn_send(&self->q, 100000));
	ASSERT_EQ(0, munmap(self->q.region, self->q.region_size));
	ASSERT_EQ(0, zn_reap_bytes(&self->q, &self->ev, 100000));
	EXPECT_EQ(101000, self->ev.bytes);

	if (variant->kernel_region) {
		struct io_uring_zcrx_notif_stats *st;
		size_t off = (void *)self->q.stats - self->q.region;
		void *p = mmap(NULL, self->q.region_size,
			       PROT_READ | PROT_WRITE, MAP_SHARED,
			       self->q.ring.ring_fd, self->q.mmap_offset);

		/* Nothing was missed while nobody could look. */
		ASSERT_NE(MAP_FAILED, p);
		st = p + off;
		EXPECT_EQ(101000, zn_load(&st->copy_bytes));
		munmap(p, self->q.region_size);
	}
	self->q.region = NULL;
}

TEST_F(mapping, address_used_for_other_memory)
{
	void *p;

	p = mmap(self->q.region, self->q.region_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(self->q.region, p);
	memset(p, FILL, self->q.region_size);
	ASSERT_EQ(0, transfer(&self->q, &self->ev, 50000));
	EXPECT_TRUE(zn_all_are(p, self->q.region_size, FILL));
}

TEST_HARNESS_MAIN
