// SPDX-License-Identifier: GPL-2.0
/*
 * Registration of notifications: accepted and refused requests, and their
 * effects. Each check of the values in the descriptor has a row or a test here.
 * Where KUnit tests these checks, too, it tries more values.
 */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_request.h"

static const struct named_case {
	const char		*name;
	struct desc_case	c;
} cases[] = {
	{ "asks for nothing", { .ret = 0 } },
	{ "types alone", { .desc.type_mask = ZN_ALL_TYPES } },
	{ "right behind the entries", { STATS(0), AT(RQ_END, 0) } },
	{ "behind 5 entries, rounded up to 8",
	  { STATS(0), AT(RQ_END, 0), .rq_entries = 5, .rq_rounded = 8 } },
	{ "behind as many entries as there can be",
	  { STATS(0), AT(RQ_END, 0), CLAMPED } },
	{ "up to the end of many pages",
	  { STATS(24), AT(REGION_END, -24), .region_pages = 33 } },
	{ "undefined type", { .desc.type_mask = 1U << 2, .ret = -EINVAL } },
	{ "undefined flag", { .desc.flags = 1U << 1, .ret = -EINVAL } },
	{ "first reserved bit", { .desc.__resv1 = 1, .ret = -EINVAL } },
	{ "last reserved bit",
	  { .desc.__resv2[7] = 1ULL << 63, .ret = -EINVAL } },
	{ "reserved word of the registration",
	  { STATS(0), AT(RQ_END, 0), .resv_in_reg = true, .ret = -EINVAL } },
	{ "offset without statistics", { AT(RQ_END, 0), .ret = -EINVAL } },
	{ "size without statistics",
	  { .desc.stats_size = FIRST_SIZE, .ret = -EINVAL } },
	{ "size of one counter", { STATS(8), AT(RQ_END, 0), .ret = -EINVAL } },
	{ "odd size", { STATS(17), AT(RQ_END, 0), .ret = -EINVAL } },
	{ "from the header to the entries",
	  { STATS(0), AT(HEADER_END, -8), .ret = -ERANGE } },
	{ "half of the last entry",
	  { STATS(0), AT(RQ_END, -8), .ret = -ERANGE } },
	{ "last of 5 entries, rounded up to 8",
	  { STATS(0), AT(RQ_END, -8), .rq_entries = 5, .rq_rounded = 8,
	    .ret = -ERANGE } },
	{ "last of as many entries as there can be",
	  { STATS(0), AT(RQ_END, -8), CLAMPED, .ret = -ERANGE } },
	{ "past the region", { STATS(0), AT(REGION_END, -8), .ret = -ERANGE } },
	{ "last counter past the region",
	  { STATS(24), AT(REGION_END, -16), .ret = -ERANGE } },
	{ "free place, in 32 bits",
	  { STATS(0), AT(RQ_END, 1ULL << 32), .ret = -ERANGE } },
	{ "end in a free place, in 64 bits",
	  { STATS(0xfffffff8), AT(RQ_END, -0xfffffff8ULL + 64),
	    .ret = -ERANGE } },
};

FIXTURE(registration)
{
};

FIXTURE_VARIANT(registration)
{
	bool kernel_region;
};

FIXTURE_VARIANT_ADD(registration, with_user_region) {};
FIXTURE_VARIANT_ADD(registration, with_kernel_region) { .kernel_region = true };

FIXTURE_SETUP(registration)
{
}

FIXTURE_TEARDOWN(registration)
{
}

/* A refused registration leaves nothing, and the ring unchanged. */
static void try_case(struct __test_metadata *_metadata,
		     const struct desc_case *c, bool kernel_region)
{
	const struct zn_opts o = { .ring_flags = c->ring_flags };
	void *area = map(AREA_SIZE), *region = map(region_size(c));
	void *used = kernel_region ? NULL : region;
	long vmpin = vmpin_kb();
	struct io_uring ring;
	struct request r;

	ASSERT_NE(NULL, area);
	ASSERT_NE(NULL, region);
	ASSERT_EQ(0, zn_open_ring(&ring, &o));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, make_request(&r, c, area, used));
		EXPECT_EQ(c->ret, zn_raw_register(ring.ring_fd, &r.reg));
		if (!c->ret)
			break;
		EXPECT_EQ(vmpin, vmpin_kb());
		EXPECT_EQ(-ENXIO, flush_id(ring.ring_fd, 0));
		EXPECT_EQ(0, io_uring_cq_ready(&ring));
	}
	/* A ring can have several. */
	ASSERT_EQ(0, make_request(&r, &good_case, area, used));
	EXPECT_EQ(0, zn_raw_register(ring.ring_fd, &r.reg));
	EXPECT_EQ(!c->ret, r.reg.zcrx_id);
	EXPECT_EQ(0, flush_id(ring.ring_fd, r.reg.zcrx_id));
	if (c->ret)
		EXPECT_EQ(vmpin + AREA_SIZE / 1024, vmpin_kb());

	io_uring_queue_exit(&ring);
	EXPECT_TRUE(zn_wait_until(vmpin_is, &vmpin, ZN_TIMEOUT));
	munmap(region, region_size(c));
	munmap(area, AREA_SIZE);
}

TEST_F(registration, is_taken_or_leaves_nothing)
{
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		try_case(_metadata, &cases[i].c, variant->kernel_region);
		if (!__test_passed(_metadata)) {
			TH_LOG("of: %s", cases[i].name);
			break;
		}
	}
}

TEST(stats_offset_is_a_multiple_of_the_reported_alignment)
{
	struct io_uring_query_zcrx_notif nq = {};
	const struct zn_opts o = {};
	void *area = map(AREA_SIZE);
	struct io_uring ring;

	ASSERT_NE(NULL, area);
	ASSERT_EQ(0, zn_query(IO_URING_QUERY_ZCRX_NOTIF, &nq, sizeof(nq),
			      NULL));
	ASSERT_NE(0, nq.notif_stats_off_alignment);
	ASSERT_EQ(0, zn_open_ring(&ring, &o));
	for (__u32 off = 0; off <= 2 * nq.notif_stats_off_alignment; off++) {
		bool fine = off % nq.notif_stats_off_alignment == 0;
		struct desc_case c = good_case;
		struct request r;

		c.delta = off;
		ASSERT_EQ(0, make_request(&r, &c, area, NULL));
		EXPECT_EQ(fine ? 0 : -EINVAL,
			  zn_raw_register(ring.ring_fd, &r.reg)) {
			TH_LOG("offset %u", off);
		}
	}
	io_uring_queue_exit(&ring);
	munmap(area, AREA_SIZE);
}

TEST_HARNESS_MAIN
