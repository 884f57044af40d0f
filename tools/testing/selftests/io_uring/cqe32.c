// SPDX-License-Identifier: GPL-2.0
/*
 * CQEs of 32 bytes, in a ring that mixes them with small ones and in a ring of
 * large entries only: the application sees each CQE once, in order and whole,
 * also when the CQ is full or resized.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

/* The user_data of the CQEs in the order in which they are seen. */
struct order {
	__u64		user_data[16];
	unsigned int	nr;
};

FIXTURE(mixed)
{
	struct io_uring	ring;
	struct order	order;
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
static void reap_in_order(struct io_uring *ring, struct order *o,
			  unsigned int most)
{
	unsigned int shift = ring->flags & IORING_SETUP_CQE32 ? 1 : 0;
	unsigned int head = *ring->cq.khead;

	while (most-- && o->nr < 16 &&
	       head != io_uring_smp_load_acquire(ring->cq.ktail)) {
		struct io_uring_cqe *cqe;

		cqe = &ring->cq.cqes[(head & ring->cq.ring_mask) << shift];
		if (!(cqe->flags & IORING_CQE_F_SKIP))
			o->user_data[o->nr++] = cqe->user_data;
		head += cqe->flags & IORING_CQE_F_32 ? 2 : 1;
		io_uring_smp_store_release(ring->cq.khead, head);
	}
}

static void __in_order(struct __test_metadata *_metadata, struct io_uring *ring,
		       struct order *o, unsigned int nr)
{
	for (int i = 0; i < 8; i++) {
		reap_in_order(ring, o, -1);
		io_uring_get_events(ring);
	}
	EXPECT_EQ(nr, o->nr);
	for (unsigned int i = 0; i < o->nr; i++)
		EXPECT_EQ(i + 1, o->user_data[i]);
}

#define in_order(ring, o, nr)	__in_order(_metadata, ring, o, nr)

/*
 * The second CQE fits neither into the last slot, which is skipped, nor behind
 * it, where the first one has not been reaped when it is posted.
 */
TEST_F(mixed, cqe_behind_a_full_cq_is_seen_once)
{
	ASSERT_EQ(1, nop(&self->ring, 1, 0));
	ASSERT_EQ(1, nop(&self->ring, 2, IORING_NOP_CQE32));
	ASSERT_EQ(1, nop(&self->ring, 3, 0));
	in_order(&self->ring, &self->order, 3);
}

TEST_F(mixed, cqe_behind_a_skipped_slot_is_seen_once)
{
	ASSERT_EQ(1, nop(&self->ring, 1, 0));
	reap_in_order(&self->ring, &self->order, 1);
	ASSERT_EQ(1, nop(&self->ring, 2, IORING_NOP_CQE32));
	ASSERT_EQ(1, nop(&self->ring, 3, 0));
	in_order(&self->ring, &self->order, 3);
}

TEST(small_cqe_does_not_overtake_a_large_one_without_room)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQE_MIXED | IORING_SETUP_CQSIZE,
		.cq_entries = 4,
	};
	struct order o = {};
	struct io_uring ring;

	ASSERT_EQ(0, io_uring_queue_init_params(2, &ring, &p));
	for (int i = 1; i <= 4; i++)
		ASSERT_EQ(1, nop(&ring, i, 0));
	/* room for two small ones, then for one, and not at the end */
	reap_in_order(&ring, &o, 2);
	ASSERT_EQ(1, nop(&ring, 5, 0));
	ASSERT_EQ(1, nop(&ring, 6, IORING_NOP_CQE32));
	ASSERT_EQ(1, nop(&ring, 7, 0));
	in_order(&ring, &o, 7);
	io_uring_queue_exit(&ring);
}

/*
 * Each entry of such a ring has 32 bytes: none is too small, none is skipped. The
 * command posts CQEs that are said to be large.
 */
TEST(large_cqe_takes_the_last_entry)
{
	const int types = SOF_TIMESTAMPING_TX_SOFTWARE |
			  SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
			  SOF_TIMESTAMPING_OPT_TSONLY;
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = 2,
	};
	struct zn_ifq q = {};
	struct order o = {};
	struct io_uring ring;
	struct io_uring_sqe *sqe;

	ASSERT_EQ(0, zn_connect(&q));
	ASSERT_EQ(0, setsockopt(q.client_fd, SOL_SOCKET, SO_TIMESTAMPING,
				&types, sizeof(types)));
	ASSERT_EQ(0, io_uring_queue_init_params(2, &ring, &p));
	/* so that the kernel looks for room when the last entry is next */
	ASSERT_EQ(1, nop(&ring, 1, 0));
	ASSERT_EQ(1, nop(&ring, 2, 0));
	reap_in_order(&ring, &o, 1);
	ASSERT_EQ(1, nop(&ring, 3, 0));
	reap_in_order(&ring, &o, -1);
	ASSERT_EQ(3, o.nr);

	ASSERT_EQ(1, zn_send(&q, 1));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_TX_TIMESTAMP, q.client_fd,
			       0, 0, NULL, 0);
	sqe->user_data = 4;
	ASSERT_EQ(1, io_uring_submit(&ring));
	for (int i = 0; i < 100 && o.nr < 4; i++) {
		usleep(10000);
		io_uring_get_events(&ring);
		reap_in_order(&ring, &o, -1);
	}
	EXPECT_EQ(4, o.nr);
	EXPECT_EQ(4, o.user_data[3]);
	io_uring_queue_exit(&ring);
	zn_disconnect(&q);
}

FIXTURE(resize)
{
	struct io_uring ring;
};

FIXTURE_VARIANT(resize)
{
	unsigned int flags;
	unsigned int before;	/* CQEs that were reaped before the large one */
	unsigned int entries;	/* of the CQ then, of 16 */
	bool refused;
};

FIXTURE_VARIANT_ADD(resize, smaller_across_its_end)
{
	.flags = IORING_SETUP_CQE_MIXED,
	.before = 7,
	.entries = 8,
	.refused = true,
};

FIXTURE_VARIANT_ADD(resize, smaller_at_its_start)
{
	.flags = IORING_SETUP_CQE_MIXED,
	.before = 8,
	.entries = 8,
};

FIXTURE_VARIANT_ADD(resize, smaller_at_its_end)
{
	.flags = IORING_SETUP_CQE_MIXED,
	.before = 6,
	.entries = 8,
};

FIXTURE_VARIANT_ADD(resize, larger)
{
	.flags = IORING_SETUP_CQE_MIXED,
	.before = 7,
	.entries = 32,
};

FIXTURE_VARIANT_ADD(resize, smaller_of_large_entries)
{
	.flags = IORING_SETUP_CQE32,
	.before = 7,
	.entries = 8,
};

FIXTURE_SETUP(resize)
{
	struct io_uring_params p = {
		.flags = variant->flags | IORING_SETUP_CQSIZE |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = 16,
	};

	ASSERT_EQ(0, io_uring_queue_init_params(4, &self->ring, &p));
}

FIXTURE_TEARDOWN(resize)
{
	io_uring_queue_exit(&self->ring);
}

/* A large CQE has two words of its own in its second half. */
#define EXTRA1	0x1111111122222222ULL
#define EXTRA2	0x3333333344444444ULL

static int large_nop(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_nop(sqe);
	sqe->nop_flags = IORING_NOP_CQE32;
	sqe->off = EXTRA1;
	sqe->addr = EXTRA2;
	return io_uring_submit_and_get_events(ring);
}

TEST_F(resize, leaves_a_large_cqe_whole)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE,
		.sq_entries = 4,
		.cq_entries = variant->entries,
	};
	struct io_uring *ring = &self->ring;
	struct order o = {};
	struct io_uring_cqe *cqe;
	int ret;

	for (unsigned int i = 0; i < variant->before; i++)
		ASSERT_EQ(1, nop(ring, 0, 0));
	reap_in_order(ring, &o, -1);
	ASSERT_EQ(1, large_nop(ring));

	ret = io_uring_resize_rings(ring, &p);
	EXPECT_EQ(variant->refused ? -EOVERFLOW : 0, ret);
	ASSERT_EQ(0, io_uring_peek_cqe(ring, &cqe));
	EXPECT_EQ(EXTRA1, cqe->big_cqe[0]);
	EXPECT_EQ(EXTRA2, cqe->big_cqe[1]);
	io_uring_cqe_seen(ring, cqe);

	/* nothing is in the way any more */
	if (variant->refused)
		EXPECT_EQ(0, io_uring_resize_rings(ring, &p));
	ASSERT_EQ(1, large_nop(ring));
	ASSERT_EQ(0, io_uring_peek_cqe(ring, &cqe));
	EXPECT_EQ(EXTRA2, cqe->big_cqe[1]);
}

TEST_HARNESS_MAIN
