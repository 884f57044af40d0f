// SPDX-License-Identifier: GPL-2.0
/* Rings, without liburing: it refuses calls that we want to try. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

struct ring rings[NR_RINGS] = {
	[0 ... NR_RINGS - 1] = { .fd = -1 },
};

int sys_register(int fd, unsigned int op, void *arg, unsigned int nr)
{
	int ret = syscall(__NR_io_uring_register, fd, op, arg, nr);

	return ret < 0 ? -errno : ret;
}

/* These flags need more setup than there is here, or threads. */
#define FLAGS_LEFT_OUT	(IORING_SETUP_NO_MMAP | IORING_SETUP_ATTACH_WQ | \
			 IORING_SETUP_REGISTERED_FD_ONLY | IORING_SETUP_SQPOLL | \
			 IORING_SETUP_SQ_REWIND)

static unsigned int *at(const struct ring *r, unsigned int off)
{
	return (unsigned int *)((char *)r->map + off);
}

static unsigned int cqe_step(const struct ring *r)
{
	return r->flags & IORING_SETUP_CQE32 ? 32 : 16;
}

static unsigned int sqe_size(const struct ring *r)
{
	return r->flags & IORING_SETUP_SQE128 ? 128 : 64;
}

/* Map the parts that @p names, after setup or a resize. */
static void ring_map(struct ring *r, const struct io_uring_params *p)
{
	size_t sq_end, cq_end;

	r->sq = p->sq_off;
	r->cq = p->cq_off;
	sq_end = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	cq_end = p->cq_off.cqes + (size_t)p->cq_entries * cqe_step(r);
	r->map_size = sq_end > cq_end ? sq_end : cq_end;
	r->sqes_size = (size_t)p->sq_entries * sqe_size(r);
	r->map = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->sqes_size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (r->map == MAP_FAILED || r->sqes == MAP_FAILED)
		finding("a ring cannot be mapped: errno %d", errno);
}

int ring_setup(struct ring *r, uint32_t flags, uint32_t sq, uint32_t cq)
{
	static unsigned int gen;
	struct io_uring_params p = {
		.flags = flags & ~FLAGS_LEFT_OUT,
		.cq_entries = flags & IORING_SETUP_CQSIZE ? cq & 0xffff : 0,
	};
	int fd;

	/* the kernel refuses fewer entries than those of the SQ */
	if (p.flags & IORING_SETUP_CQSIZE && p.cq_entries < (sq & 0xfff))
		p.cq_entries = sq & 0xfff;
	ring_close(r);
	fd = syscall(__NR_io_uring_setup, sq & 0xfff, &p);
	if (fd < 0)
		return -errno;
	memset(r, 0, sizeof(*r));
	r->fd = fd;
	r->flags = p.flags;
	r->gen = ++gen;
	r->tid = gettid();
	ring_map(r, &p);
	return 0;
}

int ring_resize(struct ring *r, uint32_t sq, uint32_t cq)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.sq_entries = sq & 0xfff,
		.cq_entries = cq & 0xffff,
	};
	int ret;

	if (r->fd < 0 || r->foreign)
		return 0;
	ret = sys_register(r->fd, IORING_REGISTER_RESIZE_RINGS, &p, 1);
	if (ret)
		return ret;
	munmap(r->map, r->map_size);
	munmap(r->sqes, r->sqes_size);
	ring_map(r, &p);
	/* The kernel keeps the SQEs, and leaves the array to us. */
	for (unsigned int i = 0; i < p.sq_entries; i++)
		if (!(r->flags & IORING_SETUP_NO_SQARRAY))
			at(r, r->sq.array)[i] = i;
	return 0;
}

int ring_restrict(struct ring *r, unsigned int forbid, uint32_t bad)
{
	const uint8_t ifq = forbid & FORBID_REGISTER ? IORING_REGISTER_EVENTFD :
						       IORING_REGISTER_ZCRX_IFQ;
	const uint8_t ctrl = forbid & FORBID_CTRL ? IORING_REGISTER_EVENTFD :
						    IORING_REGISTER_ZCRX_CTRL;
	const uint8_t recv = forbid & FORBID_RECV ? IORING_OP_NOP :
						    IORING_OP_RECV_ZC;
	struct io_uring_restriction res[] = {
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = ifq },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = ctrl },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = recv },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = 0xff },
	};
	int ret;

	if (r->fd < 0 || r->foreign)
		return 0;
	if (bad)
		res[bad % ARRAY_SIZE(res)].opcode = bad;
	ret = sys_register(r->fd, IORING_REGISTER_RESTRICTIONS, res,
			   ARRAY_SIZE(res));
	if (ret)
		return ret;
	r->restricted |= bad || forbid & (FORBID_REGISTER | FORBID_CTRL);
	r->forbidden = bad ? 0 : forbid;
	return 0;
}

bool ring_forbids(const struct ring *r, unsigned int what)
{
	return r->forbidden & what && !(r->flags & IORING_SETUP_R_DISABLED);
}

void ring_close(struct ring *r)
{
	if (r->fd < 0)
		return;
	close(r->fd);
	r->fd = -1;
	if (r->map) {
		munmap(r->map, r->map_size);
		munmap(r->sqes, r->sqes_size);
	}
	r->map = NULL;
}

void rings_share_all(void)
{
	for (unsigned int i = 0; i < NR_RINGS; i++)
		if (rings[i].flags & IORING_SETUP_R_DISABLED)
			rings[i].restricted = true;
}

struct io_uring_sqe *ring_sqe(struct ring *r)
{
	struct io_uring_sqe *sqe;
	unsigned int tail, head, mask;

	if (r->fd < 0 || r->foreign)
		return NULL;
	mask = *at(r, r->sq.ring_mask);
	tail = *at(r, r->sq.tail);
	head = __atomic_load_n(at(r, r->sq.head), __ATOMIC_ACQUIRE);
	if (tail - head > mask)
		return NULL;
	sqe = (void *)(r->sqes + (size_t)(tail & mask) * sqe_size(r));
	memset(sqe, 0, sqe_size(r));
	if (!(r->flags & IORING_SETUP_NO_SQARRAY))
		at(r, r->sq.array)[tail & mask] = tail & mask;
	__atomic_store_n(at(r, r->sq.tail), tail + 1, __ATOMIC_RELEASE);
	r->queued++;
	return sqe;
}

int ring_enter(struct ring *r, unsigned int nr, unsigned int ms)
{
	struct __kernel_timespec ts = { .tv_nsec = ms * 1000000LL };
	struct io_uring_getevents_arg arg = { .ts = (unsigned long)&ts };
	int ret;

	if (r->fd < 0)
		return -EBADF;
	ret = syscall(__NR_io_uring_enter, r->fd, r->queued, nr,
		      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
		      sizeof(arg));
	if (ret < 0)
		return -errno;
	r->queued -= (unsigned int)ret < r->queued ? (unsigned int)ret : r->queued;
	return ret;
}

unsigned int ring_reap(struct ring *r, unsigned int max,
		       void (*fn)(struct ring *r, const struct io_uring_cqe *cqe))
{
	unsigned int head, mask, step, n = 0;

	if (r->fd < 0 || r->foreign)
		return 0;
	head = *at(r, r->cq.head);
	mask = *at(r, r->cq.ring_mask);
	step = cqe_step(r);
	while (n < max &&
	       head != __atomic_load_n(at(r, r->cq.tail), __ATOMIC_ACQUIRE)) {
		const struct io_uring_cqe *cqe;
		bool big;

		cqe = (void *)((char *)r->map + r->cq.cqes +
			       (size_t)(head & mask) * step);
		big = r->flags & IORING_SETUP_CQE_MIXED &&
		      cqe->flags & IORING_CQE_F_32;
		/* A mixed ring fills up its end when 32 bytes do not fit. */
		if (!(cqe->flags & IORING_CQE_F_SKIP)) {
			fn(r, cqe);
			n++;
		}
		head += 1 + big;
		__atomic_store_n(at(r, r->cq.head), head, __ATOMIC_RELEASE);
	}
	return n;
}

bool ring_overflown(const struct ring *r)
{
	return r->fd >= 0 && *at(r, r->sq.flags) & IORING_SQ_CQ_OVERFLOW;
}
