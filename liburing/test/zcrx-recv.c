/* SPDX-License-Identifier: MIT */
/*
 * Description: receive 16 MiB over the loopback device with zero copy receive,
 *		without a NIC. Hold all buffers until the instance runs out of
 *		them, add an area, hold on until it runs out again, and give the
 *		buffers back from then on. It does what the man pages say, and
 *		was written from them alone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "liburing.h"
#include "helpers.h"

#define TOTAL		(16UL << 20)
#define AREA_SIZE	(1UL << 20)
#define RQ_ENTRIES	1024	/* more than the buffers of two areas */
#define CQ_ENTRIES	4096
#define WAIT_SECS	2
#define MAX_STALLS	10
#define MAX_SECS	300
#define ALLOC_FAIL	ZCRX_EVENT_ALLOC_FAIL
#define COPY		ZCRX_EVENT_COPY
#define TYPES		(1U << ALLOC_FAIL | 1U << COPY)
#define NR_TYPES	(ALLOC_FAIL > COPY ? ALLOC_FAIL + 1 : COPY + 1)

#define fail(fmt, ...)							\
	do {								\
		fprintf(stderr, "FAIL line %d: " fmt "\n", __LINE__,	\
			##__VA_ARGS__);					\
		exit(T_EXIT_FAIL);					\
	} while (0)
#define check(cond)	do { if (!(cond)) fail("not so: %s", #cond); } while (0)
#define check_ret(call)							\
	do {								\
		long ret_ = (call);					\
		if (ret_ < 0)						\
			fail("%s: %s", #call, strerror(-ret_));		\
	} while (0)

enum { UD_RECV = 1, UD_EVENT };

/* What is done when the instance has run out of buffers */
enum phase { ADD_AREA, GIVE_BACK, RECYCLE };

static unsigned char pattern[TOTAL];
static struct sockaddr_in addr;

static struct io_uring ring;
static struct io_uring_zcrx_ifq_reg reg;
static struct io_uring_zcrx_area_reg areas[2];
static unsigned int nr_areas;
static struct io_uring_zcrx_rq rq;
static const struct zcrx_stats *stats;
static bool counts_failures;	/* the kernel keeps alloc_fail_count */

static enum phase phase;
static __u64 held[RQ_ENTRIES];
static unsigned int nr_held;
static bool active, starved, eof, pending[NR_TYPES];
static unsigned long nr_events[NR_TYPES], handled[NR_TYPES];
static unsigned long pos, in_area[2], nr_enomem;

static void skip(const char *why)
{
	fprintf(stderr, "SKIP: %s\n", why);
	exit(T_EXIT_SKIP);
}

static __u64 map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(p != MAP_FAILED);
	return (uintptr_t)p;
}

static void *sender(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t done = 0;
	ssize_t ret;

	check(fd >= 0);
	check(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	while (done < TOTAL) {
		ret = send(fd, pattern + done, TOTAL - done, MSG_NOSIGNAL);
		check(ret > 0);
		done += ret;
	}
	check(!close(fd));
	return arg;
}

/* A query that fails leaves 0 everywhere, which lacks what is looked for. */
static void check_features(void)
{
	struct io_uring_query_zcrx_event qe;
	struct io_uring_query_zcrx q;

	io_uring_zcrx_query(&q);
	io_uring_zcrx_query_event(&qe);
	if (!(q.register_flags & ZCRX_REG_NODEV))
		skip("no zcrx, or no instances without a device");
	if (!(q.features & ZCRX_FEATURE_EVENT) || (qe.event_flags & TYPES) != TYPES)
		skip("no zcrx events, or a type is missing");
	if (q.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		skip("zcrx areas can't be added");
}

static void give_back(void)
{
	int ret;

	if (!nr_held)
		return;
	while (nr_held) {
		ret = io_uring_zcrx_rq_add(&rq, held[nr_held - 1]);
		if (ret == -EAGAIN) {
			io_uring_zcrx_rq_advance(&rq);
			check_ret(io_uring_zcrx_flush_rq(&ring, reg.zcrx_id));
			check(io_uring_zcrx_rq_space_left(&rq));
			continue;
		}
		check_ret(ret);
		nr_held--;
	}
	io_uring_zcrx_rq_advance(&rq);
	check_ret(io_uring_zcrx_flush_rq(&ring, reg.zcrx_id));
}

static void take_payload(const struct io_uring_cqe *cqe)
{
	__u64 off = io_uring_zcrx_cqe_off(cqe);
	int i = io_uring_zcrx_find_area(areas, nr_areas, off);
	unsigned char *p;

	check_ret(i);
	p = io_uring_zcrx_area_ptr(&areas[i], off);
	check(cqe->res > 0 && (size_t)cqe->res <= TOTAL - pos);
	check((uintptr_t)p >= areas[i].addr);
	check((uintptr_t)p + cqe->res <= areas[i].addr + areas[i].len);
	if (memcmp(p, pattern + pos, cqe->res))
		fail("wrong payload in %d bytes at %lu", cqe->res, pos);
	pos += cqe->res;
	in_area[i] += cqe->res;
	check(nr_held < RQ_ENTRIES);
	held[nr_held++] = off;
}

static unsigned long count(int type)
{
	return io_uring_zcrx_read_counter(type == COPY ? &stats->copy_count :
					  &stats->alloc_fail_count);
}

static void take_end(const struct io_uring_cqe *cqe)
{
	active = false;
	if (cqe->res == -ENOMEM) {
		nr_enomem++;
		/* an event that was handled before needs nothing more */
		starved = !counts_failures || count(ALLOC_FAIL) != handled[ALLOC_FAIL];
		/* without the count, events are hints, and this is one */
		if (!counts_failures)
			pending[ALLOC_FAIL] = true;
	} else if (cqe->res != -ENOSPC) {
		check_ret(cqe->res);
		eof = true;
	}
}

static void drain(void)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&ring, &cqe)) {
		if (cqe->user_data == UD_EVENT) {
			check(cqe->res == ALLOC_FAIL || cqe->res == COPY);
			pending[cqe->res] = true;
			nr_events[cqe->res]++;
		} else if (cqe->flags & IORING_CQE_F_MORE) {
			take_payload(cqe);
		} else {
			take_end(cqe);
		}
		io_uring_cqe_seen(&ring, cqe);
	}
	if (phase == RECYCLE)
		give_back();
}

static void act(int type)
{
	drain();
	if (type == COPY)
		return;		/* expected: there is no NIC */
	if (phase == ADD_AREA) {
		areas[1].addr = map(AREA_SIZE);
		areas[1].len = AREA_SIZE;
		check_ret(io_uring_zcrx_add_area(&ring, reg.zcrx_id, &areas[1]));
		nr_areas = 2;
		phase = GIVE_BACK;
	} else {
		phase = RECYCLE;
		give_back();
	}
	starved = false;
}

/* The lossless order of io_uring_zcrx(7): count, handle, arm, count again */
static void handle(int type)
{
	bool hint = type == ALLOC_FAIL && !counts_failures;
	unsigned long before = count(type);
	int ret;

	pending[type] = false;
	if (!hint)
		act(type);
	ret = io_uring_zcrx_arm_event(&ring, reg.zcrx_id, type);
	if (!hint || ret != -EINVAL)
		check_ret(ret);
	handled[type] = count(type);
	if (hint || handled[type] != before)
		act(type);
}

static void receive(int fd)
{
	struct __kernel_timespec ts = { .tv_sec = WAIT_SECS };
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int ret, type, stalls = 0;

	while (!eof) {
		if (!active && !starved) {
			sqe = io_uring_get_sqe(&ring);
			check(sqe);
			io_uring_prep_recv_zc(sqe, fd, 0, reg.zcrx_id);
			io_uring_sqe_set_data64(sqe, UD_RECV);
			active = true;
		}
		ret = io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL);
		if (ret == -ETIME) {
			if (++stalls > MAX_STALLS)
				fail("stalled at %lu, starved %d", pos, starved);
			for (type = 0; type < NR_TYPES && !counts_failures; type++)
				io_uring_zcrx_arm_event(&ring, reg.zcrx_id, type);
		} else if (ret != -EINTR) {
			check_ret(ret);
		}
		drain();
		for (type = 0; type < NR_TYPES; type++)
			if (pending[type])
				handle(type);
	}
}

static void check_end(void)
{
	printf("payload %lu + %lu, ENOMEM %lu, events: alloc fail %lu, copy %lu\n",
	       in_area[0], in_area[1], nr_enomem, nr_events[ALLOC_FAIL], nr_events[COPY]);
	printf("counted: alloc fail %lu, copy %lu, bytes %lu\n", count(ALLOC_FAIL),
	       count(COPY), io_uring_zcrx_read_counter(&stats->copy_bytes));

	check(pos == TOTAL && in_area[0] && in_area[1]);
	check(phase == RECYCLE && nr_enomem);
	/* without a NIC, all payload is copied; other kernels count less of it */
	if (counts_failures)
		check(io_uring_zcrx_read_counter(&stats->copy_bytes) == TOTAL);
	check(count(COPY) && count(COPY) >= nr_events[COPY]);
	if (counts_failures) {
		check(nr_events[ALLOC_FAIL] && nr_events[COPY]);
		check(count(ALLOC_FAIL) >= nr_events[ALLOC_FAIL]);
		check(count(ALLOC_FAIL) >= nr_enomem);
	}
	/* the last flush has taken all entries */
	check(io_uring_zcrx_rq_space_left(&rq) == reg.rq_entries);
}

int main(int argc, char *argv[])
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};
	struct io_uring_region_desc region = { .flags = IORING_MEM_REGION_TYPE_USER };
	struct zcrx_event_desc desc = { .user_data = UD_EVENT, .type_mask = TYPES };
	socklen_t len = sizeof(addr);
	pthread_t thread;
	ssize_t size;
	void *mem;
	int lfd, fd, ret;

	if (argc > 1)
		return T_EXIT_SKIP;
	alarm(MAX_SECS);
	check_features();
	srandom(1);
	for (size_t i = 0; i < TOTAL; i++)
		pattern[i] = random() >> 8;

	check_ret(io_uring_queue_init_params(8, &ring, &p));
	size = io_uring_zcrx_region_size_stats(RQ_ENTRIES, &desc);
	check_ret(size);
	region.size = size;
	counts_failures = desc.stats_size;
	region.user_addr = map(region.size);
	mem = (void *)(uintptr_t)region.user_addr;
	areas[0].addr = map(AREA_SIZE);
	areas[0].len = AREA_SIZE;
	reg.flags = ZCRX_REG_NODEV;
	reg.rq_entries = RQ_ENTRIES;
	reg.area_ptr = (uintptr_t)&areas[0];
	reg.region_ptr = (uintptr_t)&region;
	reg.event_desc = (uintptr_t)&desc;
	ret = io_uring_register_ifq(&ring, &reg);
	if (ret == -EOPNOTSUPP)
		skip("the kernel is built without zcrx");
	if (ret == -EPERM)
		skip("needs CAP_NET_ADMIN");
	check_ret(ret);
	nr_areas = 1;
	check_ret(io_uring_zcrx_rq_init(&rq, mem, &reg));
	stats = io_uring_zcrx_stats(mem, &desc);
	check(stats);

	lfd = socket(AF_INET, SOCK_STREAM, 0);
	check(lfd >= 0);
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(!bind(lfd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(lfd, 1));
	check(!getsockname(lfd, (struct sockaddr *)&addr, &len));
	check(!pthread_create(&thread, NULL, sender, NULL));
	fd = accept(lfd, NULL, NULL);
	check(fd >= 0);

	receive(fd);
	give_back();
	check_end();

	check(!pthread_join(thread, NULL) && !close(fd) && !close(lfd));
	io_uring_queue_exit(&ring);
	check(!munmap(mem, region.size));
	check(!munmap((void *)(uintptr_t)areas[0].addr, AREA_SIZE));
	check(!munmap((void *)(uintptr_t)areas[1].addr, AREA_SIZE));
	return T_EXIT_PASS;
}
