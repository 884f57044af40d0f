// SPDX-License-Identifier: GPL-2.0
/*
 * What notifications need of io_uring itself: a CQE that is posted is seen once,
 * also in a ring with CQEs of two sizes, and a region of any size that
 * user space can think of is an error, and no reason for the kernel to complain.
 */
#include <errno.h>
#include <stdio.h>

#include "kselftest_harness.h"
#include "zcrx_notif_request.h"

#define TAINT_WARN	9	/* a bit */

static bool kernel_has_warned(void)
{
	unsigned long taint = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");

	if (!f)
		return false;
	if (fscanf(f, "%lu", &taint) != 1)
		taint = 0;
	fclose(f);
	return taint >> TAINT_WARN & 1;
}

#define NR_NOPS		3

FIXTURE(mixed)
{
	struct io_uring	ring;
	unsigned int	seen[NR_NOPS + 1];	/* by user_data */
	unsigned int	strange;
};

FIXTURE_SETUP(mixed)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQE_MIXED | IORING_SETUP_CQSIZE,
		.cq_entries = 2,
	};

	ASSERT_EQ(0, io_uring_queue_init_params(2, &self->ring, &p));
}

FIXTURE_TEARDOWN(mixed)
{
	io_uring_queue_exit(&self->ring);
}

static int nop(struct io_uring *ring, __u64 user_data, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_nop(sqe);
	sqe->nop_flags = flags;
	sqe->user_data = user_data;
	return io_uring_submit_and_get_events(ring);
}

/* By hand, as liburing would hide the CQEs to skip. */
static void reap(struct io_uring *ring, unsigned int *seen,
		 unsigned int *strange)
{
	unsigned int head = *ring->cq.khead;

	while (head != io_uring_smp_load_acquire(ring->cq.ktail)) {
		struct io_uring_cqe *cqe;

		cqe = &ring->cq.cqes[head & ring->cq.ring_mask];
		if (!(cqe->flags & IORING_CQE_F_SKIP)) {
			if (cqe->user_data <= NR_NOPS)
				seen[cqe->user_data]++;
			else
				(*strange)++;
		}
		head += cqe->flags & IORING_CQE_F_32 ? 2 : 1;
		io_uring_smp_store_release(ring->cq.khead, head);
	}
}

/*
 * The second CQE fits neither into the last slot, which is skipped, nor behind
 * it, where the first one has not been reaped when it is posted.
 */
static void __each_once(struct __test_metadata *_metadata, struct io_uring *ring,
			unsigned int *seen, unsigned int *strange)
{
	ASSERT_EQ(1, nop(ring, 2, IORING_NOP_CQE32));
	ASSERT_EQ(1, nop(ring, 3, 0));
	for (int i = 0; i < 4; i++) {
		reap(ring, seen, strange);
		io_uring_get_events(ring);
	}
	for (int i = 1; i <= NR_NOPS; i++) {
		EXPECT_EQ(1, seen[i]) {
			TH_LOG("of the CQE %d", i);
		}
	}
	EXPECT_EQ(0, seen[0]);
	EXPECT_EQ(0, *strange);
}

#define each_once() \
	__each_once(_metadata, &self->ring, self->seen, &self->strange)

TEST_F(mixed, cqe_behind_a_full_cq_is_seen_once)
{
	ASSERT_EQ(1, nop(&self->ring, 1, 0));
	each_once();
}

TEST_F(mixed, cqe_behind_a_skipped_slot_is_seen_once)
{
	ASSERT_EQ(1, nop(&self->ring, 1, 0));
	reap(&self->ring, self->seen, &self->strange);
	each_once();
}

FIXTURE(huge)
{
	struct io_uring	ring;
	void		*area;
	void		*region;
	bool		warned;
};

FIXTURE_VARIANT(huge)
{
	__u64 size;
};

/*
 * Not between these two: the kernel takes up to 2 GiB for the array of pages
 * before it sees that there are none.
 */
FIXTURE_VARIANT_ADD(huge, region_of_16_gib) { .size = 1ULL << 34 };
FIXTURE_VARIANT_ADD(huge, region_of_1_tib) { .size = 1ULL << 40 };
FIXTURE_VARIANT_ADD(huge, region_of_8_tib) { .size = 1ULL << 43 };

FIXTURE_SETUP(huge)
{
	const struct zn_opts o = {};

	if (sizeof(size_t) == 4)
		SKIP(return, "an address space of 32 bits has no such size");
	self->warned = kernel_has_warned();
	self->area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->area);
	self->region = map(page_size());
	ASSERT_NE(NULL, self->region);
	ASSERT_EQ(0, zn_open_ring(&self->ring, &o));
}

FIXTURE_TEARDOWN(huge)
{
	if (self->ring.ring_fd)
		io_uring_queue_exit(&self->ring);
}

/* A registration that asks for no notifications: the fixes stand without them. */
static int make_plain_request(struct request *r, void *area, void *region)
{
	int ret = make_request(r, &good_case, area, region);

	r->reg.notif_desc = 0;
	return ret;
}

TEST_F(huge, is_refused_and_the_kernel_does_not_complain)
{
	struct request r;
	int ret;

	ASSERT_EQ(0, make_plain_request(&r, self->area, self->region));
	r.rd.size = variant->size;
	ret = zn_raw_register(self->ring.ring_fd, &r.reg);
	/* too many pages, no memory for their array, or nothing is mapped */
	EXPECT_TRUE(ret == -E2BIG || ret == -ENOMEM || ret == -EFAULT) {
		TH_LOG("it returned %d", ret);
	}
	EXPECT_EQ(self->warned, kernel_has_warned());

	/* and it left the ring as it was */
	ASSERT_EQ(0, make_plain_request(&r, self->area, self->region));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r.reg));
}

TEST_HARNESS_MAIN
