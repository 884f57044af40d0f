/* SPDX-License-Identifier: MIT */
/*
 * Description: events, statistics and areas of zero copy receive, and the
 *		helpers for them
 *
 * It needs no NIC. With LIBURING_TEST_NETIF=name and LIBURING_TEST_NETRXQ=number
 * it registers that queue instead. Payload comes over the loopback device, so
 * all of it is copied there, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_xdp.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "liburing.h"
#include "helpers.h"

#ifndef AF_XDP
#define AF_XDP		44
#endif
#ifndef SOL_XDP
#define SOL_XDP		283
#endif

#define RING_FLAGS	(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)
#define USER_DATA	0xfedcba9876543210ULL
#define ALLOC_FAIL	(1U << ZCRX_EVENT_ALLOC_FAIL)
#define COPY		(1U << ZCRX_EVENT_COPY)
#define NR_TYPES	2
#define PAGES		16
/* The queue of a NIC takes buffers for itself. */
#define NIC_PAGES	4096
#define MAX_HELD	(4 * NIC_PAGES)
#define MAX_AREAS	4
/* Not a power of two, and prime: no two pages look the same. */
#define PERIOD		65521
#define SECONDS		60

static struct io_uring_query_zcrx zq;
static struct io_uring_query_zcrx_event eq;
static unsigned char pattern[2 * PERIOD];
static unsigned if_idx, if_rxq;
static size_t page;
static const char *case_name;

#define fail(...) ({							\
	fprintf(stderr, "%s: line %d: ", case_name, __LINE__);		\
	fprintf(stderr, __VA_ARGS__);					\
	fprintf(stderr, "\n");						\
	T_EXIT_FAIL;							\
})

#define skip(reason) ({							\
	printf("%s: skip: %s\n", case_name, reason);			\
	T_EXIT_SKIP;							\
})

#define CHECK(cond) do {						\
	if (!(cond))							\
		return fail("%s", #cond);				\
} while (0)

#define CHECK_EQ(is, wanted) do {					\
	long long __is = (is), __wanted = (wanted);			\
									\
	if (__is != __wanted)						\
		return fail("%s is %lld, not %lld", #is, __is, __wanted); \
} while (0)

struct zcrx {
	struct io_uring ring;
	struct io_uring_zcrx_rq rq;
	struct io_uring_zcrx_ifq_reg reg;
	struct io_uring_region_desc region;
	struct zcrx_event_desc desc;
	struct io_uring_zcrx_area_reg areas[MAX_AREAS];
	const struct zcrx_stats *stats;
	unsigned nr_areas;
	int fds[2];
	__u64 sent, received;
	/* what look() has seen */
	unsigned events[NR_TYPES], strange;
	__u64 held[MAX_HELD];
	unsigned nr_held;
	bool ended;
	int end;
};

struct setup {
	unsigned ring_flags, type_mask, entries, pages, cq_entries;
	bool no_desc, no_stats;
};

static bool nodev(void)
{
	return !if_idx;
}

/* Faults of Linux 7.2 and 7.3 are mended where there is the third counter. */
static bool counts_alloc_fail(void)
{
	return eq.stats_size >= sizeof(struct zcrx_stats);
}

static void *map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		t_error(1, errno, "mmap");
	return p;
}

static void prepare_area(struct io_uring_zcrx_area_reg *area, unsigned pages)
{
	memset(area, 0, sizeof(*area));
	area->len = pages * page;
	area->addr = uring_ptr_to_u64(map(area->len));
	madvise((void *) (uintptr_t) area->addr, area->len, MADV_NOHUGEPAGE);
}

/* Fill in what registration takes. */
static int prepare(struct zcrx *z, const struct setup *s)
{
	unsigned entries = s->entries ? s->entries : 2 * MAX_HELD;
	ssize_t size;

	memset(z, 0, sizeof(*z));
	z->fds[0] = z->fds[1] = -1;
	z->desc.user_data = USER_DATA;
	z->desc.type_mask = s->type_mask;
	if (s->no_stats)
		size = io_uring_zcrx_region_size(entries);
	else
		size = io_uring_zcrx_region_size_stats(entries, &z->desc);
	if (size < 0)
		return size;

	z->region.user_addr = uring_ptr_to_u64(map(size));
	z->region.size = size;
	z->region.flags = IORING_MEM_REGION_TYPE_USER;
	prepare_area(&z->areas[0], (s->pages ? s->pages : PAGES) +
				   (nodev() ? 0 : NIC_PAGES));
	z->nr_areas = 1;
	z->reg.rq_entries = entries;
	z->reg.area_ptr = uring_ptr_to_u64(z->areas);
	z->reg.region_ptr = uring_ptr_to_u64(&z->region);
	if (!s->no_desc)
		z->reg.event_desc = uring_ptr_to_u64(&z->desc);
	if (nodev()) {
		z->reg.flags = ZCRX_REG_NODEV;
	} else {
		z->reg.if_idx = if_idx;
		z->reg.if_rxq = if_rxq;
	}
	return 0;
}

static int create_ring_cq(struct io_uring *ring, unsigned flags,
			  unsigned cq_entries)
{
	struct io_uring_params p = { };

	if (!(flags & IORING_SETUP_CQE_MIXED))
		flags |= IORING_SETUP_CQE32;
	p.flags = flags | RING_FLAGS | IORING_SETUP_CQSIZE;
	p.cq_entries = cq_entries ? cq_entries : 4096;
	return io_uring_queue_init_params(p.cq_entries < 64 ? 8 : 64, ring, &p);
}

static int create_ring(struct io_uring *ring, unsigned flags)
{
	return create_ring_cq(ring, flags, 0);
}

/* The queue of a NIC is free a while after the ring before was closed. */
static int do_register(struct zcrx *z)
{
	int i, ret;

	for (i = 0; i < 100; i++) {
		ret = io_uring_register_ifq(&z->ring, &z->reg);
		if (nodev() || (ret != -EEXIST && ret != -EBUSY))
			break;
		usleep(50000);
	}
	return ret;
}

static int connect_pair(struct zcrx *z)
{
	int ret = t_create_socket_pair(z->fds, true);

	if (!ret)
		t_set_nonblock(z->fds[1]);
	return ret;
}

static int open_zcrx(struct zcrx *z, const struct setup *s)
{
	void *region;
	int ret;

	ret = prepare(z, s);
	if (!ret)
		ret = create_ring_cq(&z->ring, s->ring_flags, s->cq_entries);
	if (!ret)
		ret = do_register(z);
	if (ret)
		return ret;

	region = (void *) (uintptr_t) z->region.user_addr;
	ret = io_uring_zcrx_rq_init(&z->rq, region, &z->reg);
	if (ret)
		return ret;
	if (!s->no_desc)
		z->stats = io_uring_zcrx_stats(region, &z->desc);
	return connect_pair(z);
}

/* A ring @z that shares the instance of @from, with a connection of its own */
static int open_import(struct zcrx *z, struct zcrx *from)
{
	int fd, ret;

	memset(z, 0, sizeof(*z));
	ret = create_ring(&z->ring, 0);
	if (ret)
		return ret;
	fd = io_uring_zcrx_export(&from->ring, from->reg.zcrx_id);
	if (fd < 0)
		return fd;
	ret = io_uring_zcrx_import(&z->ring, fd, &z->reg);
	close(fd);
	if (ret)
		return ret;
	memcpy(z->areas, from->areas, sizeof(z->areas));
	z->nr_areas = from->nr_areas;
	return connect_pair(z);
}

static void close_zcrx(struct zcrx *z)
{
	io_uring_queue_exit(&z->ring);
	if (z->fds[0] >= 0) {
		close(z->fds[0]);
		close(z->fds[1]);
	}
}

static void start(struct zcrx *z)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&z->ring);

	io_uring_prep_recv_zc(sqe, z->fds[0], 0, z->reg.zcrx_id);
	z->ended = false;
	io_uring_submit(&z->ring);
}

/* Send what the socket takes, @n bytes at most. */
static size_t put(struct zcrx *z, size_t n)
{
	ssize_t ret;
	size_t done = 0;

	while (done < n) {
		size_t len = n - done < PERIOD ? n - done : PERIOD;

		ret = send(z->fds[1], pattern + z->sent % PERIOD, len,
			   MSG_NOSIGNAL);
		if (ret <= 0)
			break;
		z->sent += ret;
		done += ret;
	}
	return done;
}

static void look_at(struct zcrx *z, struct io_uring_cqe *cqe)
{
	int area;
	__u64 off;

	if (cqe->user_data == USER_DATA) {
		if ((unsigned) cqe->res < NR_TYPES && !cqe->flags)
			z->events[cqe->res]++;
		else
			z->strange++;
		return;
	}
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		z->ended = true;
		z->end = cqe->res;
		return;
	}
	off = io_uring_zcrx_cqe_off(cqe);
	area = io_uring_zcrx_find_area(z->areas, z->nr_areas, off);
	if (area < 0 || cqe->res <= 0 || z->nr_held == MAX_HELD ||
	    memcmp(io_uring_zcrx_area_ptr(&z->areas[area], off),
		   pattern + z->received % PERIOD, cqe->res))
		z->strange++;
	z->received += cqe->res;
	if (z->nr_held < MAX_HELD)
		z->held[z->nr_held++] = off;
}

/* Look at all CQEs that there are, without waiting. */
static void look(struct zcrx *z)
{
	struct io_uring_cqe *cqe;

	io_uring_get_events(&z->ring);
	while (!io_uring_peek_cqe(&z->ring, &cqe)) {
		look_at(z, cqe);
		io_uring_cqe_seen(&z->ring, cqe);
	}
}

/* What doesn't come in this time doesn't come. */
static void look_longer(struct zcrx *z)
{
	int i;

	for (i = 0; i < 10; i++) {
		look(z);
		usleep(5000);
	}
}

/* Look until @cond. The alarm ends what takes too long. */
#define LOOK_UNTIL(z, cond) do {					\
	look(z);							\
	while (!(cond)) {						\
		if ((z)->strange)					\
			return fail("a CQE as none should be");		\
		usleep(1000);						\
		look(z);						\
	}								\
} while (0)

/* Send @n bytes, and receive them. A request has to be there. */
#define TRANSFER(z, n) do {						\
	size_t __n = (n);						\
									\
	CHECK_EQ(put(z, __n), __n);					\
	LOOK_UNTIL(z, (z)->received == (z)->sent || (z)->ended);	\
	CHECK_EQ((z)->received, (z)->sent);				\
} while (0)

/* Receive without giving back, until the request ends. */
static void exhaust(struct zcrx *z)
{
	while (!z->ended) {
		put(z, PERIOD);
		look(z);
	}
}

static int give_back(struct zcrx *z)
{
	int ret = 0;

	while (z->nr_held && !ret) {
		ret = io_uring_zcrx_rq_add(&z->rq, z->held[z->nr_held - 1]);
		if (!ret)
			z->nr_held--;
	}
	io_uring_zcrx_rq_advance(&z->rq);
	return ret ? ret : io_uring_zcrx_flush_rq(&z->ring, z->reg.zcrx_id);
}

static int arm(struct zcrx *z, int type)
{
	return io_uring_zcrx_arm_event(&z->ring, z->reg.zcrx_id, type);
}

static const struct setup both = { .type_mask = ALLOC_FAIL | COPY };

/* Too large for the stack */
static struct zcrx a, b;

static int test_query(void)
{
	struct io_uring_query_zcrx q;
	struct io_uring_query_zcrx_event e;
	struct io_uring_query_hdr hdr = {
		.query_op = ~0U,
		.query_data = uring_ptr_to_u64(&q),
		.size = sizeof(q),
	};

	memset(&q, 0xff, sizeof(q));
	memset(&e, 0xff, sizeof(e));
	CHECK_EQ(io_uring_zcrx_query(&q), 0);
	CHECK_EQ(io_uring_zcrx_query_event(&e), 0);
	CHECK(q.features & ZCRX_FEATURE_EVENT);
	CHECK(q.nr_ctrl_opcodes > ZCRX_CTRL_ARM_EVENT);
	CHECK((e.event_flags & (ALLOC_FAIL | COPY)) == (ALLOC_FAIL | COPY));
	CHECK(e.stats_size >= 16 && e.stats_size % 8 == 0);
	CHECK(e.stats_off_alignment);
	CHECK_EQ(e.stats_off_alignment & (e.stats_off_alignment - 1), 0);
	/* what a kernel says of a query that it doesn't know */
	CHECK_EQ(io_uring_register_query(&hdr), 0);
	CHECK_EQ(hdr.result, -EOPNOTSUPP);
	return T_EXIT_PASS;
}

/* Make queries fail as on a kernel that has none, which says @error. */
static int forbid_queries(unsigned error)
{
	/* the operation is the lower half of the second argument */
	unsigned op = offsetof(struct seccomp_data, args[1]) +
		      (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_register, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, op),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IORING_REGISTER_QUERY, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
		.len = ARRAY_SIZE(filter),
		.filter = filter,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int test_no_query(void)
{
	/* of the operation, and of an older kernel for the descriptor */
	static const unsigned errors[] = { EINVAL, EBADF };
	struct io_uring_query_zcrx q;
	struct io_uring_query_zcrx_event e;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (forbid_queries(errors[i]))
			return skip("no seccomp");
		memset(&q, 0xff, sizeof(q));
		memset(&e, 0xff, sizeof(e));
		memset(&a.desc, 0, sizeof(a.desc));
		CHECK_EQ(io_uring_zcrx_query(&q), -EOPNOTSUPP);
		CHECK_EQ(io_uring_zcrx_query_event(&e), -EOPNOTSUPP);
		CHECK_EQ(q.register_flags | q.features | q.nr_ctrl_opcodes, 0);
		CHECK_EQ(e.event_flags | e.stats_size, 0);
		CHECK_EQ(io_uring_zcrx_region_size(8), -EOPNOTSUPP);
		CHECK_EQ(io_uring_zcrx_region_size_stats(8, &a.desc),
			 -EOPNOTSUPP);
		CHECK_EQ(a.desc.flags, 0);
	}
	/* other errors are left alone */
	CHECK_EQ(forbid_queries(ENOSYS), 0);
	CHECK_EQ(io_uring_zcrx_query(&q), -ENOSYS);
	return T_EXIT_PASS;
}

static int test_region_size(void)
{
	static const unsigned entries[] = { 1, 3, 16, 100, 128, 255, 4096, 32768 };
	unsigned i;

	CHECK_EQ(io_uring_zcrx_region_size(0), -EINVAL);
	CHECK_EQ(io_uring_zcrx_region_size_stats(0, &a.desc), -EINVAL);
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		struct setup s = { .entries = entries[i], .no_stats = true };
		ssize_t size = io_uring_zcrx_region_size(entries[i]);

		CHECK(size > 0 && size % page == 0);
		CHECK_EQ(open_zcrx(&a, &s), 0);
		CHECK(a.rq.ring_entries >= entries[i]);
		CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), a.rq.ring_entries);
		CHECK(a.reg.offsets.rqes + a.rq.ring_entries *
		      sizeof(struct io_uring_zcrx_rqe) <= (size_t) size);
		CHECK(!a.stats);
		close_zcrx(&a);

		s.no_stats = false;
		CHECK_EQ(open_zcrx(&a, &s), 0);
		CHECK(a.stats);
		CHECK(a.desc.flags & ZCRX_EVENT_DESC_FLAG_STATS);
		CHECK_EQ(a.desc.stats_size, counts_alloc_fail() ? 24 : 0);
		CHECK(a.desc.stats_offset + sizeof(*a.stats) <= a.region.size);
		CHECK_EQ(a.desc.stats_offset % 64, 0);
		close_zcrx(&a);
	}
	return T_EXIT_PASS;
}

static int test_descriptor(void)
{
	enum { TYPE, FLAG, OFF_NOFLAG, SIZE_NOFLAG, UNALIGNED, SIZE_20, SIZE_8,
	       RESV1, RESV2, OFF_0, LAST_8, BEHIND, FAR, POINTER, NR };
	static const int wanted[NR] = {
		[OFF_0] = -ERANGE, [LAST_8] = -ERANGE, [BEHIND] = -ERANGE,
		[FAR] = -ERANGE, [POINTER] = -EFAULT,
	};
	int i;

	for (i = 0; i < NR; i++) {
		struct zcrx_event_desc *d = &a.desc;

		CHECK_EQ(prepare(&a, &both), 0);
		switch (i) {
		case TYPE: d->type_mask |= 1U << 31; break;
		case FLAG: d->flags |= 2; break;
		case OFF_NOFLAG: d->flags = 0; d->stats_size = 0; break;
		case SIZE_NOFLAG:
			d->flags = 0;
			d->stats_offset = 0;
			d->stats_size = 24;
			break;
		case UNALIGNED: d->stats_offset += 4; break;
		case SIZE_20: d->stats_size = 20; break;
		case SIZE_8: d->stats_size = 8; break;
		case RESV1: d->__resv1 = 1; break;
		case RESV2: d->__resv2[7] = 1; break;
		case OFF_0: d->stats_offset = 0; break;
		case LAST_8: d->stats_offset = a.region.size - 8; break;
		case BEHIND: d->stats_offset = a.region.size; break;
		case FAR: d->stats_offset += 1ULL << 32; break;
		case POINTER: a.reg.event_desc = page / 2; break;
		}
		CHECK_EQ(create_ring(&a.ring, 0), 0);
		if (do_register(&a) != (wanted[i] ? wanted[i] : -EINVAL))
			return fail("bad descriptor %d", i);
		look(&a);
		CHECK_EQ(a.events[0] + a.events[1] + a.strange, 0);
		close_zcrx(&a);
	}
	return T_EXIT_PASS;
}

static int test_no_descriptor(void)
{
	static const struct setup s = { .no_desc = true, .no_stats = true };

	CHECK_EQ(open_zcrx(&a, &s), 0);
	start(&a);
	TRANSFER(&a, 3 * page);
	look_longer(&a);
	CHECK_EQ(a.events[0] + a.events[1] + a.strange, 0);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), -EINVAL);
	return T_EXIT_PASS;
}

static int test_copy_once(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	start(&a);
	TRANSFER(&a, page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	TRANSFER(&a, page);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_COPY], 1);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), 0);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_COPY], 1);
	TRANSFER(&a, page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY] == 2);
	CHECK_EQ(a.events[ZCRX_EVENT_ALLOC_FAIL], 0);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_type_mask(void)
{
	static const struct setup s = { .type_mask = ALLOC_FAIL };

	CHECK_EQ(open_zcrx(&a, &s), 0);
	start(&a);
	TRANSFER(&a, page);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_COPY], 0);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), -EINVAL);
	CHECK(io_uring_zcrx_read_counter(&a.stats->copy_count));
	return T_EXIT_PASS;
}

static int test_stats(void)
{
	static const struct setup s = { };
	__u64 sum;

	CHECK_EQ(prepare(&a, &s), 0);
	a.stats = io_uring_zcrx_stats((void *) (uintptr_t) a.region.user_addr,
				      &a.desc);
	/* registration zeroes what was there */
	memset((void *) a.stats, 0xff, 16);
	CHECK_EQ(create_ring(&a.ring, 0), 0);
	CHECK_EQ(do_register(&a), 0);
	CHECK_EQ(io_uring_zcrx_rq_init(&a.rq, (void *) (uintptr_t)
				       a.region.user_addr, &a.reg), 0);
	CHECK_EQ(io_uring_zcrx_read_counter(&a.stats->copy_count), 0);
	CHECK_EQ(io_uring_zcrx_read_counter(&a.stats->copy_bytes), 0);
	CHECK_EQ(io_uring_zcrx_read_counter(&a.stats->alloc_fail_count), 0);

	CHECK_EQ(connect_pair(&a), 0);
	start(&a);
	for (sum = 1; sum < 20000; sum += 1000) {
		TRANSFER(&a, sum);
		CHECK_EQ(io_uring_zcrx_read_counter(&a.stats->copy_bytes),
			 a.received);
		CHECK_EQ(give_back(&a), 0);
	}
	CHECK(io_uring_zcrx_read_counter(&a.stats->copy_count) >= 20);
	CHECK_EQ(io_uring_zcrx_read_counter(&a.stats->alloc_fail_count), 0);
	look_longer(&a);
	CHECK_EQ(a.events[0] + a.events[1] + a.strange, 0);
	return T_EXIT_PASS;
}

/* A 32-bit program gets the lower half. */
static int test_counter(void)
{
	static const __u64 counter = 0x123456789abcdef0ULL;

	CHECK(io_uring_zcrx_read_counter(&counter) == (unsigned long) counter);
	return T_EXIT_PASS;
}

static int test_mixed(void)
{
	static const struct setup s = {
		.type_mask = ALLOC_FAIL | COPY,
		.ring_flags = IORING_SETUP_CQE_MIXED,
	};
	unsigned i;

	CHECK_EQ(open_zcrx(&a, &s), 0);
	start(&a);
	for (i = 1; i <= 5; i++) {
		/* look_at() takes a flag of an event for strange */
		TRANSFER(&a, page);
		LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY] == i);
		CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), 0);
	}
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_alloc_fail(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	start(&a);
	exhaust(&a);
	CHECK_EQ(a.end, -ENOMEM);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_ALLOC_FAIL], 1);

	/* the remedy: nothing of the stream is lost */
	CHECK_EQ(give_back(&a), 0);
	start(&a);
	LOOK_UNTIL(&a, a.received == a.sent || a.ended);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_alloc_fail_again(void)
{
	unsigned i;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	for (i = 1; i <= 3; i++) {
		start(&a);
		exhaust(&a);
		CHECK_EQ(a.end, -ENOMEM);
		look_longer(&a);
		CHECK_EQ(a.events[ZCRX_EVENT_ALLOC_FAIL], i);
		CHECK_EQ(give_back(&a), 0);
		CHECK_EQ(arm(&a, ZCRX_EVENT_ALLOC_FAIL), 0);
	}
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_alloc_fail_count(void)
{
	unsigned long seen;

	if (!counts_alloc_fail())
		return skip("no alloc_fail_count");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	start(&a);
	exhaust(&a);
	CHECK_EQ(a.end, -ENOMEM);
	seen = io_uring_zcrx_read_counter(&a.stats->alloc_fail_count);
	CHECK(seen);
	/* counted while the type is silent */
	start(&a);
	exhaust(&a);
	CHECK_EQ(a.end, -ENOMEM);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_ALLOC_FAIL], 1);
	CHECK(io_uring_zcrx_read_counter(&a.stats->alloc_fail_count) > seen);
	return T_EXIT_PASS;
}

static int test_flush(void)
{
	if (!nodev())
		return skip("a NIC looks at the refill queue itself");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(io_uring_zcrx_flush_rq(&a.ring, a.reg.zcrx_id), 0);
	start(&a);
	exhaust(&a);
	CHECK_EQ(a.end, -ENOMEM);

	/* entries stay in the queue until they are flushed */
	while (a.nr_held)
		CHECK_EQ(io_uring_zcrx_rq_add(&a.rq, a.held[--a.nr_held]), 0);
	io_uring_zcrx_rq_advance(&a.rq);
	CHECK(io_uring_zcrx_rq_space_left(&a.rq) < a.rq.ring_entries);
	start(&a);
	LOOK_UNTIL(&a, a.ended);
	CHECK_EQ(a.end, -ENOMEM);

	CHECK_EQ(io_uring_zcrx_flush_rq(&a.ring, a.reg.zcrx_id), 0);
	CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), a.rq.ring_entries);
	start(&a);
	LOOK_UNTIL(&a, a.ended || a.received == a.sent);
	CHECK(a.nr_held);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_rq_room(void)
{
	static const struct setup s = { .entries = 8, .pages = 32 };
	struct io_uring_zcrx_ifq_reg reg;
	unsigned i;

	if (!nodev())
		return skip("a NIC looks at the refill queue itself");
	CHECK_EQ(open_zcrx(&a, &s), 0);
	start(&a);
	TRANSFER(&a, 12 * page);
	CHECK(a.nr_held >= 9);
	for (i = 0; i < 8; i++) {
		CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), 8 - i);
		CHECK_EQ(io_uring_zcrx_rq_add(&a.rq, a.held[--a.nr_held]), 0);
	}
	CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), 0);
	CHECK_EQ(io_uring_zcrx_rq_add(&a.rq, a.held[0]), -EAGAIN);
	/* the kernel has seen nothing so far */
	CHECK_EQ(io_uring_zcrx_flush_rq(&a.ring, a.reg.zcrx_id), 0);
	CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), 0);
	io_uring_zcrx_rq_advance(&a.rq);
	CHECK_EQ(io_uring_zcrx_flush_rq(&a.ring, a.reg.zcrx_id), 0);
	CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), 8);
	CHECK_EQ(io_uring_zcrx_rq_add(&a.rq, a.held[--a.nr_held]), 0);

	/* a second writer goes on where the first one was */
	io_uring_zcrx_rq_advance(&a.rq);
	CHECK_EQ(io_uring_zcrx_rq_init(&b.rq, a.rq.ring_ptr, &a.reg), 0);
	CHECK_EQ(b.rq.rq_tail, a.rq.rq_tail);
	CHECK_EQ(io_uring_zcrx_rq_space_left(&b.rq), 7);
	reg = a.reg;
	reg.rq_entries = 0;
	CHECK_EQ(io_uring_zcrx_rq_init(&b.rq, a.rq.ring_ptr, &reg), -EINVAL);
	reg.rq_entries = 12;
	CHECK_EQ(io_uring_zcrx_rq_init(&b.rq, a.rq.ring_ptr, &reg), -EINVAL);
	return T_EXIT_PASS;
}

static int test_add_area(void)
{
	struct io_uring_zcrx_area_reg swapped[2];
	__u64 off;

	if (zq.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		return skip("no ZCRX_CTRL_ADD_AREA");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	start(&a);
	exhaust(&a);
	CHECK_EQ(a.end, -ENOMEM);

	prepare_area(&a.areas[1], 2 * PAGES);
	/* what a call before may have left is no matter */
	a.areas[1].rq_area_token = 1;
	CHECK_EQ(io_uring_zcrx_add_area(&a.ring, a.reg.zcrx_id, &a.areas[1]), 0);
	CHECK(a.areas[1].rq_area_token != a.areas[0].rq_area_token);
	a.nr_areas = 2;
	start(&a);
	LOOK_UNTIL(&a, a.ended || a.received == a.sent);
	CHECK_EQ(a.strange, 0);

	/* the data is in the new area */
	off = a.held[a.nr_held - 1];
	CHECK_EQ(off & IORING_ZCRX_AREA_MASK, a.areas[1].rq_area_token);
	CHECK_EQ(io_uring_zcrx_find_area(a.areas, 2, off), 1);
	CHECK_EQ(io_uring_zcrx_find_area(a.areas, 1, off), -ENOENT);
	CHECK_EQ(io_uring_zcrx_find_area(a.areas, 0, off), -ENOENT);
	CHECK_EQ(io_uring_zcrx_find_area(a.areas, 2, ~0ULL), -ENOENT);
	/* the application's order need not be the kernel's */
	swapped[0] = a.areas[1];
	swapped[1] = a.areas[0];
	CHECK_EQ(io_uring_zcrx_find_area(swapped, 2, off), 0);

	/* buffers of both go back by one queue */
	CHECK_EQ(give_back(&a), 0);
	CHECK_EQ(io_uring_zcrx_rq_space_left(&a.rq), a.rq.ring_entries);
	if (a.ended)
		start(&a);
	LOOK_UNTIL(&a, a.ended || a.received == a.sent);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_add_area_errors(void)
{
	struct io_uring_zcrx_area_reg area;
	struct zcrx_ctrl ctrl;
	__u32 id;

	if (zq.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		return skip("no ZCRX_CTRL_ADD_AREA");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	id = a.reg.zcrx_id;
#define BAD_AREA(change, wanted) do {					\
	prepare_area(&area, PAGES);					\
	change;								\
	CHECK_EQ(io_uring_zcrx_add_area(&a.ring, id, &area), wanted);	\
} while (0)
	BAD_AREA(area.len = 0, -EFAULT);
	BAD_AREA(area.addr = page * 4, -EFAULT);
	BAD_AREA(area.addr += page / 2, -EINVAL);
	BAD_AREA(area.len -= page / 2, -EINVAL);
	BAD_AREA(area.flags = 1U << 31, -EINVAL);
	BAD_AREA(area.dmabuf_fd = 1, -EINVAL);
	BAD_AREA(area.__resv2[1] = 1, -EINVAL);
	BAD_AREA(mprotect((void *) (uintptr_t) area.addr, area.len, PROT_READ),
		 -EFAULT);
	BAD_AREA(area.flags = IORING_ZCRX_AREA_DMABUF, -EINVAL);
	BAD_AREA(id = 77, -ENXIO);
	id = a.reg.zcrx_id;
	memset(&ctrl, 0, sizeof(ctrl));
	ctrl.zcrx_id = id;
	ctrl.op = ZCRX_CTRL_ADD_AREA;
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EFAULT);
	prepare_area(&area, PAGES);
	area.rq_area_token = 1;
	ctrl.zc_area.area_ptr = uring_ptr_to_u64(&area);
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EINVAL);
	/* a kernel of 32 bits says -EFAULT */
	prepare_area(&area, PAGES);
	area.len = -2ULL * page;
	CHECK(io_uring_zcrx_add_area(&a.ring, id, &area) < 0);
	/* none of these was added */
	BAD_AREA((void) 0, 0);
	start(&a);
	TRANSFER(&a, page);
	return T_EXIT_PASS;
}

/* There is a limit, and it does no harm. */
static int test_add_area_limit(void)
{
	struct io_uring_zcrx_area_reg area;
	int ret = 0;
	unsigned i;

	if (zq.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		return skip("no ZCRX_CTRL_ADD_AREA");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	for (i = 1; i <= 1 << 16; i++) {
		prepare_area(&area, 1);
		ret = io_uring_zcrx_add_area(&a.ring, a.reg.zcrx_id, &area);
		if (ret)
			break;
	}
	CHECK_EQ(ret, -EINVAL);
	CHECK(i > 1);
	start(&a);
	TRANSFER(&a, page);
	return T_EXIT_PASS;
}

#define HUGE_PAGE	(2U << 20)

static int prepare_huge_area(struct io_uring_zcrx_area_reg *area, unsigned nr)
{
	void *p = mmap(NULL, nr * HUGE_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	memset(area, 0, sizeof(*area));
	area->addr = uring_ptr_to_u64(p);
	area->len = nr * HUGE_PAGE;
	return 0;
}

/* All areas of an instance have buffers of one size. */
static int test_large_buffers(void)
{
	struct io_uring_zcrx_area_reg area;
	int ret;

	if (nodev())
		return skip("no queue of a NIC");
	if (!(zq.features & ZCRX_FEATURE_RX_PAGE_SIZE))
		return skip("no large buffers");
	CHECK_EQ(prepare(&a, &both), 0);
	if (prepare_huge_area(&a.areas[0], 4))
		return skip("no huge pages");
	a.reg.rx_buf_len = 16 * page;
	CHECK_EQ(create_ring(&a.ring, 0), 0);
	ret = do_register(&a);
	if (ret == -EOPNOTSUPP)
		return skip("the NIC has no large buffers");
	CHECK_EQ(ret, 0);

	if (zq.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		return T_EXIT_PASS;
	prepare_area(&area, 256);
	CHECK_EQ(io_uring_zcrx_add_area(&a.ring, a.reg.zcrx_id, &area), -ERANGE);
	CHECK_EQ(prepare_huge_area(&area, 1), 0);
	CHECK_EQ(io_uring_zcrx_add_area(&a.ring, a.reg.zcrx_id, &area), 0);
	return T_EXIT_PASS;
}

/* Lose the capability that makes RLIMIT_MEMLOCK of no matter. */
static int drop_ipc_lock(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(__NR_capget, &hdr, data))
		return -1;
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	return syscall(__NR_capset, &hdr, data);
}

static int test_memlock(void)
{
	struct io_uring_zcrx_area_reg area;
	struct rlimit limit;

	CHECK_EQ(drop_ipc_lock(), 0);
	CHECK_EQ(prepare(&a, &both), 0);
	CHECK_EQ(create_ring(&a.ring, 0), 0);
	CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	limit.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	CHECK_EQ(do_register(&a), -ENOMEM);
	limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return skip("RLIMIT_MEMLOCK can't be raised");
	CHECK_EQ(do_register(&a), 0);

	if (zq.nr_ctrl_opcodes <= ZCRX_CTRL_ADD_AREA)
		return T_EXIT_PASS;
	limit.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	prepare_area(&area, PAGES);
	CHECK_EQ(io_uring_zcrx_add_area(&a.ring, a.reg.zcrx_id, &area), -ENOMEM);
	return T_EXIT_PASS;
}

static int test_arm(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	/* armed from the start */
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), -EINVAL);
	CHECK_EQ(arm(&a, ZCRX_EVENT_ALLOC_FAIL), -EINVAL);
	CHECK_EQ(arm(&a, NR_TYPES), -EINVAL);
	CHECK_EQ(arm(&a, -1), -EINVAL);
	CHECK_EQ(io_uring_zcrx_arm_event(&a.ring, 77, ZCRX_EVENT_COPY), -ENXIO);
	start(&a);
	TRANSFER(&a, page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	/* one type doesn't arm the other */
	CHECK_EQ(arm(&a, ZCRX_EVENT_ALLOC_FAIL), -EINVAL);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), 0);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), -EINVAL);
	return T_EXIT_PASS;
}

static int test_share(void)
{
	unsigned long bytes;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	/* an importer isn't told how large the queue is */
	CHECK_EQ(io_uring_zcrx_rq_init(&b.rq, a.rq.ring_ptr, &b.reg), -EINVAL);
	start(&a);
	start(&b);
	TRANSFER(&b, 2 * page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	CHECK_EQ(b.events[ZCRX_EVENT_COPY], 0);
	TRANSFER(&a, page);
	bytes = io_uring_zcrx_read_counter(&a.stats->copy_bytes);
	CHECK_EQ(bytes, 3 * page);
	/* each ring can arm, and one of them succeeds */
	CHECK_EQ(arm(&b, ZCRX_EVENT_COPY), 0);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), -EINVAL);
	CHECK_EQ(io_uring_zcrx_flush_rq(&b.ring, b.reg.zcrx_id), 0);
	TRANSFER(&b, page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY] == 2);
	CHECK_EQ(b.events[ZCRX_EVENT_COPY], 0);
	CHECK_EQ(a.strange + b.strange, 0);
	return T_EXIT_PASS;
}

static int test_arm_pending(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	start(&b);
	TRANSFER(&b, page);
	/* it happened, and the creator hasn't entered the kernel since */
	CHECK_EQ(arm(&b, ZCRX_EVENT_COPY), -EINVAL);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	CHECK_EQ(arm(&b, ZCRX_EVENT_COPY), 0);
	look_longer(&a);
	CHECK_EQ(a.events[ZCRX_EVENT_COPY], 1);
	return T_EXIT_PASS;
}

static int test_arm_closed(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	start(&b);
	TRANSFER(&b, page);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	close_zcrx(&a);
	/* the ring is torn down a moment later */
	sleep(1);
	CHECK_EQ(arm(&b, ZCRX_EVENT_COPY), -EINVAL);
	/* the importer goes on */
	TRANSFER(&b, page);
	CHECK_EQ(b.events[ZCRX_EVENT_COPY] + b.strange, 0);
	return T_EXIT_PASS;
}

static int test_disabled(void)
{
	static const struct setup s = {
		.type_mask = COPY, .ring_flags = IORING_SETUP_R_DISABLED,
	};

	/* a case that crashes the kernel helps nobody */
	if (!counts_alloc_fail())
		return skip("Linux 7.2 and 7.3 can panic");
	CHECK_EQ(open_zcrx(&a, &s), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	start(&b);
	TRANSFER(&b, page);
	CHECK_EQ(io_uring_enable_rings(&a.ring), 0);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), 0);
	return T_EXIT_PASS;
}

static int test_overflow(void)
{
	struct io_uring_cqe *cqe;
	unsigned i, entries;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	entries = a.ring.cq.ring_entries;
	for (i = 0; i < entries; i += 64) {
		unsigned j;

		for (j = 0; j < 64; j++)
			io_uring_prep_nop(io_uring_get_sqe(&a.ring));
		CHECK_EQ(io_uring_submit(&a.ring), 64);
	}
	start(&b);
	TRANSFER(&b, page);
	io_uring_get_events(&a.ring);
	CHECK(io_uring_cq_has_overflow(&a.ring));
	/* it has fired: its CQE was posted, to the overflow list */
	for (i = 0; i < entries; i++) {
		CHECK_EQ(io_uring_peek_cqe(&a.ring, &cqe), 0);
		CHECK(cqe->user_data != USER_DATA);
		io_uring_cqe_seen(&a.ring, cqe);
	}
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	CHECK_EQ(arm(&a, ZCRX_EVENT_COPY), 0);
	return T_EXIT_PASS;
}

static int test_wake(void)
{
	struct pollfd pfd = { .events = POLLIN };
	eventfd_t value;
	int efd;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	CHECK_EQ(open_import(&b, &a), 0);
	efd = eventfd(0, EFD_NONBLOCK);
	CHECK(efd >= 0);
	CHECK_EQ(io_uring_register_eventfd(&a.ring, efd), 0);
	pfd.fd = a.ring.ring_fd;
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	start(&b);
	TRANSFER(&b, page);
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	pfd.fd = efd;
	CHECK_EQ(poll(&pfd, 1, 5000), 1);
	CHECK_EQ(eventfd_read(efd, &value), 0);
	LOOK_UNTIL(&a, a.events[ZCRX_EVENT_COPY]);
	return T_EXIT_PASS;
}

/* more than all buffers hold */
static __u64 lossless_bytes(void)
{
	return nodev() ? 1 << 20 : (__u64) 2 * NIC_PAGES * page;
}

static void *lossless_sender(void *arg)
{
	while (a.sent < lossless_bytes()) {
		size_t left = lossless_bytes() - a.sent;

		if (!put(&a, left < PERIOD ? left : PERIOD))
			usleep(100);
	}
	return NULL;
}

static int remedy(void)
{
	look(&a);
	CHECK_EQ(give_back(&a), 0);
	if (a.ended) {
		CHECK_EQ(a.end, -ENOMEM);
		start(&a);
	}
	return 0;
}

/*
 * Give back only when an event asks for it, in the lossless order. If one is
 * lost, this waits until the alarm.
 */
static int test_lossless(void)
{
	struct io_uring_cqe *cqe;
	unsigned long seen;
	pthread_t sender;
	int handled = 0;

	if (!counts_alloc_fail())
		return skip("no alloc_fail_count");
	CHECK_EQ(open_zcrx(&a, &both), 0);
	start(&a);
	CHECK_EQ(pthread_create(&sender, NULL, lossless_sender, NULL), 0);
	while (a.received < lossless_bytes()) {
		if (!a.events[ZCRX_EVENT_ALLOC_FAIL]) {
			CHECK_EQ(io_uring_wait_cqe(&a.ring, &cqe), 0);
			look(&a);
			continue;
		}
		a.events[ZCRX_EVENT_ALLOC_FAIL] = 0;
		handled++;
		seen = io_uring_zcrx_read_counter(&a.stats->alloc_fail_count);
		CHECK_EQ(remedy(), 0);
		CHECK_EQ(arm(&a, ZCRX_EVENT_ALLOC_FAIL), 0);
		if (io_uring_zcrx_read_counter(&a.stats->alloc_fail_count) != seen)
			CHECK_EQ(remedy(), 0);
	}
	pthread_join(sender, NULL);
	CHECK(handled);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

/* The caller isn't the task of the ring. */
static void *control_elsewhere(void *arg)
{
	struct io_uring_zcrx_area_reg area;
	struct io_uring_zcrx_ifq_reg reg;
	__u32 id = a.reg.zcrx_id;
	int *ret = arg;

	prepare_area(&area, 1);
	ret[0] = io_uring_zcrx_flush_rq(&a.ring, id);
	ret[1] = io_uring_zcrx_export(&a.ring, id);
	ret[2] = io_uring_zcrx_arm_event(&a.ring, id, ZCRX_EVENT_COPY);
	ret[3] = io_uring_zcrx_add_area(&a.ring, id, &area);
	ret[4] = io_uring_zcrx_import(&a.ring, -1, &reg);
	ret[5] = io_uring_register_ifq(&a.ring, &a.reg);
	return NULL;
}

static int test_control_errors(void)
{
	struct zcrx_ctrl ctrl;
	struct rlimit limit;
	pthread_t thread;
	int fd, ret[6], i;
	__u32 id;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	id = a.reg.zcrx_id;
	CHECK_EQ(io_uring_zcrx_flush_rq(&a.ring, 77), -ENXIO);
	CHECK_EQ(io_uring_zcrx_export(&a.ring, 77), -ENXIO);
	CHECK_EQ(pthread_create(&thread, NULL, control_elsewhere, ret), 0);
	pthread_join(thread, NULL);
	for (i = 0; i < 6; i++)
		CHECK_EQ(ret[i], -EEXIST);
	/* the queue of a NIC has one instance */
	if (!nodev())
		CHECK_EQ(open_zcrx(&b, &both), -EEXIST);

	memset(&ctrl, 0, sizeof(ctrl));
	ctrl.zcrx_id = id;
	ctrl.op = 1U << 30;
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EOPNOTSUPP);
	ctrl.op = ZCRX_CTRL_FLUSH_RQ;
	ctrl.__resv[1] = 1;
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EFAULT);
	ctrl.__resv[1] = 0;
	ctrl.zc_flush.__resv[5] = 1;
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EINVAL);
	memset(&ctrl.zc_flush, 0, sizeof(ctrl.zc_flush));
	ctrl.op = ZCRX_CTRL_EXPORT;
	ctrl.zc_export.zcrx_fd = 1;
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, &ctrl), -EINVAL);
	CHECK_EQ(io_uring_register_zcrx_ctrl(&a.ring, NULL), -EFAULT);

	fd = io_uring_zcrx_export(&a.ring, id);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	CHECK_EQ(io_uring_zcrx_export(&a.ring, id), -EMFILE);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return T_EXIT_PASS;
}

/* Register what @change makes of a good registration. */
#define BAD_REG(change, wanted) do {					\
	CHECK_EQ(prepare(&a, &both), 0);				\
	change;								\
	CHECK_EQ(create_ring(&a.ring, 0), 0);				\
	CHECK_EQ(do_register(&a), wanted);				\
	io_uring_queue_exit(&a.ring);					\
} while (0)

static int test_register_errors(void)
{
	BAD_REG(a.reg.rq_entries = 0, -EINVAL);
	BAD_REG(a.reg.rq_entries = 32769, -EINVAL);
	BAD_REG(a.reg.flags |= 1U << 31, -EINVAL);
	BAD_REG(a.reg.zcrx_id = 1, -EINVAL);
	BAD_REG(a.reg.rx_buf_len = page / 2, -EINVAL);
	BAD_REG(a.reg.rx_buf_len = 3 * page, -EINVAL);
	BAD_REG(a.reg.area_ptr = 0, -EFAULT);
	BAD_REG(a.reg.region_ptr = 0, -EFAULT);
	BAD_REG(a.areas[0].len = 0, -EFAULT);
	BAD_REG(a.areas[0].len -= page / 2, -EINVAL);
	BAD_REG(a.region.size = page, -EINVAL);
	BAD_REG(a.reg.flags = 0; a.reg.if_idx = 0x7fffffff, -ENODEV);
	if (nodev()) {
		BAD_REG(a.reg.rx_buf_len = 2 * page, -EOPNOTSUPP);
	} else {
		BAD_REG(a.reg.if_rxq = 1 << 20, -ERANGE);
		/* these pages are not that contiguous */
		BAD_REG(a.reg.rx_buf_len = 256 * page, -ERANGE);
	}

	/* root of another user namespace has no such capability */
	if (unshare(CLONE_NEWUSER))
		return skip("no user namespace");
	BAD_REG((void) 0, -EPERM);
	return T_EXIT_PASS;
}

static int test_import_errors(void)
{
	struct io_uring_zcrx_ifq_reg reg;
	struct io_uring_params p = { .flags = IORING_SETUP_CQE32 };
	struct io_uring ring;
	int fd;

	CHECK_EQ(open_zcrx(&a, &both), 0);
	fd = io_uring_zcrx_export(&a.ring, a.reg.zcrx_id);
	CHECK(fd >= 0);

	CHECK_EQ(io_uring_queue_init_params(8, &ring, &p), 0);
	CHECK_EQ(io_uring_zcrx_import(&ring, fd, &reg), -EINVAL);
	io_uring_queue_exit(&ring);
	CHECK_EQ(io_uring_queue_init(8, &ring, RING_FLAGS), 0);
	CHECK_EQ(io_uring_zcrx_import(&ring, fd, &reg), -EINVAL);
	io_uring_queue_exit(&ring);

	CHECK_EQ(create_ring(&ring, 0), 0);
	CHECK_EQ(io_uring_zcrx_import(&ring, -1, &reg), -EBADF);
	CHECK_EQ(io_uring_zcrx_import(&ring, a.fds[0], &reg), -EBADF);
	memset(&reg, 0, sizeof(reg));
	reg.flags = ZCRX_REG_IMPORT;
	reg.if_idx = fd;
	reg.event_desc = uring_ptr_to_u64(&a.desc);
	CHECK_EQ(io_uring_register_ifq(&ring, &reg), -EINVAL);

	if (!geteuid()) {
		CHECK_EQ(seteuid(65534), 0);
		CHECK_EQ(io_uring_zcrx_import(&ring, fd, &reg), -EPERM);
		CHECK_EQ(seteuid(0), 0);
	}
	/* what the struct had before is no matter */
	memset(&reg, 0xff, sizeof(reg));
	CHECK_EQ(io_uring_zcrx_import(&ring, fd, &reg), 0);
	CHECK_EQ(reg.rq_entries, 0);
	CHECK(reg.offsets.rqes);
	return T_EXIT_PASS;
}

/* Let AF_XDP use the queue. */
static int bind_xdp(int fd)
{
	struct xdp_umem_reg umem = {
		.len = PAGES * page,
		.chunk_size = 2048,
	};
	struct sockaddr_xdp addr = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_idx,
		.sxdp_queue_id = if_rxq,
	};
	int entries = 16;

	umem.addr = uring_ptr_to_u64(map(umem.len));
	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) ||
	       setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries,
			  sizeof(entries)) ||
	       setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries,
			  sizeof(entries)) ||
	       setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)) ||
	       bind(fd, (struct sockaddr *) &addr, sizeof(addr));
}

static int test_af_xdp(void)
{
	int fd, i, ret;

	if (nodev())
		return skip("no queue of a NIC");
	fd = socket(AF_XDP, SOCK_RAW, 0);
	if (fd < 0)
		return skip("no AF_XDP");
	if (bind_xdp(fd)) {
		perror("AF_XDP");
		return skip("AF_XDP can't use the queue");
	}
	CHECK_EQ(prepare(&a, &both), 0);
	CHECK_EQ(create_ring(&a.ring, 0), 0);
	/* the instance of the case before ends a while after it */
	for (i = 0; i < 100; i++) {
		ret = io_uring_register_ifq(&a.ring, &a.reg);
		if (ret != -EEXIST)
			break;
		usleep(50000);
	}
	CHECK_EQ(ret, -EBUSY);
	close(fd);
	CHECK_EQ(do_register(&a), 0);
	return T_EXIT_PASS;
}

static void start_with(int fd, unsigned len, unsigned id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&a.ring);

	io_uring_prep_recv_zc(sqe, fd, len, id);
	sqe->user_data = 1;
	a.ended = false;
	io_uring_submit(&a.ring);
}

#define BAD_RECV(fd, id, wanted) do {					\
	start_with(fd, 0, id);						\
	LOOK_UNTIL(&a, a.ended);					\
	CHECK_EQ(a.end, wanted);					\
} while (0)

static int test_prep(void)
{
	CHECK_EQ(open_zcrx(&a, &both), 0);
	BAD_RECV(a.fds[0], 77, -EINVAL);
	BAD_RECV(socket(AF_INET, SOCK_DGRAM, 0), a.reg.zcrx_id, -EPROTONOSUPPORT);
	BAD_RECV(socket(AF_INET, SOCK_STREAM, 0), a.reg.zcrx_id, -ENOTCONN);

	/* a length ends the request when it is received */
	start_with(a.fds[0], 2 * page, a.reg.zcrx_id);
	CHECK_EQ(put(&a, 3 * page), 3 * page);
	LOOK_UNTIL(&a, a.ended);
	CHECK_EQ(a.end, 0);
	CHECK_EQ(a.received, 2 * page);
	start(&a);
	LOOK_UNTIL(&a, a.received == 3 * page);
	CHECK_EQ(shutdown(a.fds[1], SHUT_WR), 0);
	LOOK_UNTIL(&a, a.ended);
	CHECK_EQ(a.end, 0);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

static int test_cq_full(void)
{
	static const struct setup s = { .cq_entries = 8 };
	unsigned restarts = 0;

	CHECK_EQ(open_zcrx(&a, &s), 0);
	CHECK_EQ(put(&a, 12 * page), 12 * page);
	start(&a);
	while (a.received < a.sent) {
		look(&a);
		if (a.ended) {
			CHECK_EQ(a.end, -ENOSPC);
			restarts++;
			start(&a);
		}
	}
	CHECK(restarts);
	CHECK_EQ(a.strange, 0);
	return T_EXIT_PASS;
}

#define CASE(name) { #name, test_ ## name }

static const struct {
	const char *name;
	int (*run)(void);
} cases[] = {
	CASE(query),
	CASE(no_query),
	CASE(region_size),
	CASE(descriptor),
	CASE(no_descriptor),
	CASE(copy_once),
	CASE(type_mask),
	CASE(stats),
	CASE(counter),
	CASE(mixed),
	CASE(alloc_fail),
	CASE(alloc_fail_again),
	CASE(alloc_fail_count),
	CASE(flush),
	CASE(rq_room),
	CASE(add_area),
	CASE(add_area_errors),
	CASE(add_area_limit),
	CASE(large_buffers),
	CASE(memlock),
	CASE(arm),
	CASE(share),
	CASE(arm_pending),
	CASE(arm_closed),
	CASE(disabled),
	CASE(overflow),
	CASE(wake),
	CASE(lossless),
	CASE(control_errors),
	CASE(register_errors),
	CASE(import_errors),
	CASE(af_xdp),
	CASE(prep),
	CASE(cq_full),
};

/* Each case has a process of its own, so that one that hangs or dies is one. */
static int run_case(unsigned i)
{
	int status;
	pid_t pid;

	case_name = cases[i].name;
	if (getenv("LIBURING_TEST_VERBOSE"))
		printf("%s\n", case_name);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		t_error(1, errno, "fork");
	if (!pid) {
		alarm(SECONDS);
		status = cases[i].run();
		fflush(stdout);
		_exit(status);
	}
	if (waitpid(pid, &status, 0) != pid)
		t_error(1, errno, "waitpid");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WTERMSIG(status) == SIGALRM)
		return fail("takes more than %d seconds", SECONDS);
	return fail("ended by signal %d", WTERMSIG(status));
}

static int unsupported(const char *reason)
{
	printf("zcrx-event: skip: %s\n", reason);
	return T_EXIT_SKIP;
}

static int check_support(void)
{
	static const struct setup s = { };
	const char *name = getenv("LIBURING_TEST_NETIF");
	const char *queue = getenv("LIBURING_TEST_NETRXQ");
	int ret;

	if (io_uring_zcrx_query(&zq))
		return unsupported("the kernel has no query of zcrx");
	ret = io_uring_zcrx_query_event(&eq);
	if (ret) {
		memset(&a.desc, 0, sizeof(a.desc));
		if (ret != -EOPNOTSUPP || eq.stats_size ||
		    io_uring_zcrx_region_size_stats(8, &a.desc) != ret ||
		    a.desc.flags || a.desc.stats_offset)
			return fail("query of events: %s", strerror(-ret));
		return unsupported("the kernel has no events of zcrx");
	}
	if (!(zq.features & ZCRX_FEATURE_EVENT))
		return unsupported("the kernel has no ZCRX_FEATURE_EVENT");
	if (!(zq.register_flags & ZCRX_REG_IMPORT))
		return unsupported("the kernel has no ZCRX_REG_IMPORT");
	if (name) {
		if_idx = if_nametoindex(name);
		if_rxq = queue ? atoi(queue) : 0;
		if (!if_idx)
			return unsupported("there is no such interface");
	} else if (!(zq.register_flags & ZCRX_REG_NODEV)) {
		return unsupported("the kernel has no ZCRX_REG_NODEV");
	}

	ret = open_zcrx(&a, &s);
	if (ret == -EPERM)
		return unsupported("CAP_NET_ADMIN is missing");
	if (ret == -EOPNOTSUPP)
		return unsupported("the kernel or the NIC has no zcrx");
	if (ret)
		return fail("registration: %s", strerror(-ret));
	close_zcrx(&a);
	return T_EXIT_PASS;
}

int main(int argc, char *argv[])
{
	unsigned i, failed = 0;
	int ret;

	if (argc > 1)
		return T_EXIT_SKIP;

	page = sysconf(_SC_PAGESIZE);
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % PERIOD * 2654435761U >> 24;
	case_name = "support";
	ret = check_support();
	if (ret)
		return ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ret = run_case(i);
		failed += ret != T_EXIT_PASS && ret != T_EXIT_SKIP;
	}
	return failed ? T_EXIT_FAIL : T_EXIT_PASS;
}
