// SPDX-License-Identifier: GPL-2.0
/* Registration of notifications: what is taken, what is refused, what stays. */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_request.h"

struct ground {
	struct io_uring	ring;
	void		*area;
	void		*region;
	long		vmpin;
};

FIXTURE(refused)
{
	struct ground g;
};

FIXTURE_VARIANT(refused)
{
	struct desc_case c;
};

#define REFUSED(err, ...)	.c = { .ret = (err), __VA_ARGS__ }

/* Bits that mean nothing. */
FIXTURE_VARIANT_ADD(refused, type_mask_bit_2)
{
	REFUSED(-EINVAL, .desc.type_mask = 1U << 2),
};

FIXTURE_VARIANT_ADD(refused, type_mask_bit_31)
{
	REFUSED(-EINVAL, .desc.type_mask = 1U << 31),
};

FIXTURE_VARIANT_ADD(refused, type_mask_all)
{
	REFUSED(-EINVAL, .desc.type_mask = ~0U),
};

FIXTURE_VARIANT_ADD(refused, flags_bit_1)
{
	REFUSED(-EINVAL, .desc.flags = 1U << 1),
};

FIXTURE_VARIANT_ADD(refused, flags_bit_31)
{
	REFUSED(-EINVAL, .desc.flags = 1U << 31),
};

FIXTURE_VARIANT_ADD(refused, flags_with_stats)
{
	REFUSED(-EINVAL, .desc.flags = 3, .desc.user_data = 1, AT(RQ_END, 0)),
};

/* Reserved fields. */
FIXTURE_VARIANT_ADD(refused, resv1)
{
	REFUSED(-EINVAL, .desc.__resv1 = 1),
};

FIXTURE_VARIANT_ADD(refused, resv1_high)
{
	REFUSED(-EINVAL, .desc.__resv1 = 1U << 31),
};

FIXTURE_VARIANT_ADD(refused, resv2_first)
{
	REFUSED(-EINVAL, .desc.__resv2[0] = 1),
};

FIXTURE_VARIANT_ADD(refused, resv2_middle)
{
	REFUSED(-EINVAL, .desc.__resv2[4] = 1ULL << 32),
};

FIXTURE_VARIANT_ADD(refused, resv2_last)
{
	REFUSED(-EINVAL, .desc.__resv2[7] = 1ULL << 63),
};

FIXTURE_VARIANT_ADD(refused, resv2_last_with_stats)
{
	REFUSED(-EINVAL, .desc.flags = 1, .desc.__resv2[7] = 1, AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, resv_of_reg)
{
	REFUSED(-EINVAL, STATS(0), AT(RQ_END, 0), .resv_in_reg = true),
};

/* A place for statistics that are not asked for. */
FIXTURE_VARIANT_ADD(refused, offset_without_stats)
{
	REFUSED(-EINVAL, .desc.type_mask = ZN_ALL_TYPES, AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, offset_high_without_stats)
{
	REFUSED(-EINVAL, AT(ABSOLUTE, 1ULL << 32)),
};

FIXTURE_VARIANT_ADD(refused, size_without_stats)
{
	REFUSED(-EINVAL, .desc.stats_size = FIRST_SIZE),
};

/* Alignment and size; the place would be free. */
FIXTURE_VARIANT_ADD(refused, offset_plus_1)
{
	REFUSED(-EINVAL, STATS(0), AT(RQ_END, 1)),
};

FIXTURE_VARIANT_ADD(refused, offset_plus_2)
{
	REFUSED(-EINVAL, STATS(0), AT(RQ_END, 2)),
};

FIXTURE_VARIANT_ADD(refused, offset_plus_4)
{
	REFUSED(-EINVAL, STATS(0), AT(RQ_END, 4)),
};

FIXTURE_VARIANT_ADD(refused, offset_plus_7)
{
	REFUSED(-EINVAL, STATS(0), AT(RQ_END, 7)),
};

FIXTURE_VARIANT_ADD(refused, size_1)
{
	REFUSED(-EINVAL, STATS(1), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_8)
{
	REFUSED(-EINVAL, STATS(8), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_15)
{
	REFUSED(-EINVAL, STATS(15), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_17)
{
	REFUSED(-EINVAL, STATS(17), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_20)
{
	REFUSED(-EINVAL, STATS(20), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_31)
{
	REFUSED(-EINVAL, STATS(31), AT(RQ_END, 0)),
};

/* Into the header and the entries. */
FIXTURE_VARIANT_ADD(refused, at_header)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, 0)),
};

FIXTURE_VARIANT_ADD(refused, at_header_all_counters)
{
	REFUSED(-ERANGE, STATS(24), AT(ABSOLUTE, 0)),
};

FIXTURE_VARIANT_ADD(refused, end_of_header)
{
	REFUSED(-ERANGE, STATS(0), AT(HEADER_END, -FIRST_SIZE)),
};

FIXTURE_VARIANT_ADD(refused, header_and_entries)
{
	REFUSED(-ERANGE, STATS(0), AT(HEADER_END, -8)),
};

FIXTURE_VARIANT_ADD(refused, first_entry)
{
	REFUSED(-ERANGE, STATS(0), AT(HEADER_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, last_entry)
{
	REFUSED(-ERANGE, STATS(0), AT(RQ_END, -16)),
};

FIXTURE_VARIANT_ADD(refused, half_of_last_entry)
{
	REFUSED(-ERANGE, STATS(0), AT(RQ_END, -8)),
};

FIXTURE_VARIANT_ADD(refused, end_of_5_entries_of_8)
{
	REFUSED(-ERANGE, STATS(0), .rq_entries = 5, .rq_rounded = 5,
		AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, before_end_of_5_rounded_up)
{
	REFUSED(-ERANGE, STATS(0), .rq_entries = 5, .rq_rounded = 8,
		AT(RQ_END, -8)),
};

FIXTURE_VARIANT_ADD(refused, before_end_of_clamped)
{
	REFUSED(-ERANGE, STATS(0), .rq_entries = 40000, .rq_rounded = 32768,
		.ring_flags = IORING_SETUP_CLAMP, .region_pages = 130,
		AT(RQ_END, -8)),
};

/* Past the region. */
FIXTURE_VARIANT_ADD(refused, past_by_8)
{
	REFUSED(-ERANGE, STATS(0), AT(REGION_END, -8)),
};

FIXTURE_VARIANT_ADD(refused, all_counters_past_by_8)
{
	REFUSED(-ERANGE, STATS(24), AT(REGION_END, -16)),
};

FIXTURE_VARIANT_ADD(refused, at_region_end)
{
	REFUSED(-ERANGE, STATS(0), AT(REGION_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, behind_region_end)
{
	REFUSED(-ERANGE, STATS(0), AT(REGION_END, 4096)),
};

FIXTURE_VARIANT_ADD(refused, size_of_region)
{
	REFUSED(-ERANGE, STATS(4096), AT(RQ_END, 0)),
};

/* Close to 2^32: what 32-bit arithmetic would let through. */
FIXTURE_VARIANT_ADD(refused, offset_2_32)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, 1ULL << 32)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_32_plus_free)
{
	REFUSED(-ERANGE, STATS(0), AT(RQ_END, 1ULL << 32)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_32_minus_8)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, (1ULL << 32) - 8)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_32_minus_16)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, (1ULL << 32) - 16)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_31)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, 1ULL << 31)),
};

FIXTURE_VARIANT_ADD(refused, size_2_32_minus_8)
{
	REFUSED(-ERANGE, STATS(0xfffffff8), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, size_2_31)
{
	REFUSED(-ERANGE, STATS(1U << 31), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(refused, sum_2_32)
{
	REFUSED(-ERANGE, STATS(0xfffffff0), AT(ABSOLUTE, 16)),
};

FIXTURE_VARIANT_ADD(refused, sum_2_32_plus_free)
{
	REFUSED(-ERANGE, STATS(0xfffffff8), AT(RQ_END, 64)),
};

/* Close to 2^64: what u64 arithmetic would let through. */
FIXTURE_VARIANT_ADD(refused, offset_2_64_minus_8)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, -8ULL)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_64_minus_16)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, -16ULL)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_64_minus_24)
{
	REFUSED(-ERANGE, STATS(24), AT(ABSOLUTE, -24ULL)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_63)
{
	REFUSED(-ERANGE, STATS(0), AT(ABSOLUTE, 1ULL << 63)),
};

FIXTURE_VARIANT_ADD(refused, offset_2_63_plus_free)
{
	REFUSED(-ERANGE, STATS(0), AT(RQ_END, 1ULL << 63)),
};

FIXTURE_VARIANT_ADD(refused, sum_wraps_to_free)
{
	REFUSED(-ERANGE, STATS(0xfffffff8), AT(RQ_END, -0xfffffff8ULL + 64)),
};

FIXTURE_VARIANT_ADD(refused, sum_wraps_to_region_end)
{
	REFUSED(-ERANGE, STATS(0xfffffff8), AT(REGION_END, -0xfffffff8ULL)),
};

FIXTURE_SETUP(refused)
{
	const struct zn_opts o = { .ring_flags = variant->c.ring_flags };

	self->g.area = map(AREA_SIZE);
	self->g.region = map(region_size(&variant->c));
	ASSERT_NE(NULL, self->g.area);
	ASSERT_NE(NULL, self->g.region);
	self->g.vmpin = vmpin_kb();
	ASSERT_EQ(0, zn_open_ring(&self->g.ring, &o));
}

FIXTURE_TEARDOWN(refused)
{
	io_uring_queue_exit(&self->g.ring);
	EXPECT_TRUE(zn_wait_until(pinned_is, &self->g.vmpin, ZN_TIMEOUT));
	munmap(self->g.region, region_size(&variant->c));
	munmap(self->g.area, AREA_SIZE);
}

static void refuse_then_register(struct __test_metadata *_metadata,
				 struct ground *g,
				 const struct desc_case *c, void *region)
{
	struct request r;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, make_request(&r, c, g->area, region));
		EXPECT_EQ(c->ret, zn_raw_register(g->ring.ring_fd, &r.reg));
		EXPECT_EQ(g->vmpin, vmpin_kb());
		EXPECT_EQ(-ENXIO, flush_id(g->ring.ring_fd, 0));
		EXPECT_EQ(0, io_uring_cq_ready(&g->ring));
	}
	ASSERT_EQ(0, make_request(&r, &good_case, g->area, region));
	EXPECT_EQ(0, zn_raw_register(g->ring.ring_fd, &r.reg));
	EXPECT_EQ(0, r.reg.zcrx_id);
	EXPECT_EQ(0, flush_id(g->ring.ring_fd, 0));
	EXPECT_EQ(g->vmpin + AREA_SIZE / 1024, vmpin_kb());
}

TEST_F(refused, nothing_left_with_user_region)
{
	refuse_then_register(_metadata, &self->g, &variant->c,
			     self->g.region);
}

TEST_F(refused, nothing_left_with_kernel_region)
{
	refuse_then_register(_metadata, &self->g, &variant->c, NULL);
}

FIXTURE(accepted)
{
	struct io_uring	ring;
	void		*area;
};

FIXTURE_VARIANT(accepted)
{
	struct desc_case c;
};

#define ACCEPTED(...)	.c = { __VA_ARGS__ }

FIXTURE_VARIANT_ADD(accepted, all_zero)
{
	ACCEPTED(.ret = 0),
};

FIXTURE_VARIANT_ADD(accepted, no_buffers_only)
{
	ACCEPTED(.desc.type_mask = ZCRX_NOTIF_NO_BUFFERS),
};

FIXTURE_VARIANT_ADD(accepted, copy_only)
{
	ACCEPTED(.desc.type_mask = ZCRX_NOTIF_COPY),
};

FIXTURE_VARIANT_ADD(accepted, both_types)
{
	ACCEPTED(.desc.type_mask = ZN_ALL_TYPES),
};

FIXTURE_VARIANT_ADD(accepted, any_user_data)
{
	ACCEPTED(.desc.user_data = ~0ULL),
};

FIXTURE_VARIANT_ADD(accepted, stats_only)
{
	ACCEPTED(.desc.flags = ZCRX_NOTIF_DESC_FLAG_STATS, AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(accepted, behind_entries)
{
	ACCEPTED(STATS(0), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(accepted, behind_entries_plus_8)
{
	ACCEPTED(STATS(0), AT(RQ_END, 8)),
};

FIXTURE_VARIANT_ADD(accepted, all_counters)
{
	ACCEPTED(STATS(24), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(accepted, more_than_known)
{
	ACCEPTED(STATS(256), AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(accepted, first_form_ends_region)
{
	ACCEPTED(STATS(0), AT(REGION_END, -16)),
};

FIXTURE_VARIANT_ADD(accepted, size_16_ends_region)
{
	ACCEPTED(STATS(16), AT(REGION_END, -16)),
};

FIXTURE_VARIANT_ADD(accepted, all_counters_end_region)
{
	ACCEPTED(STATS(24), AT(REGION_END, -24)),
};

FIXTURE_VARIANT_ADD(accepted, more_than_known_ends_region)
{
	ACCEPTED(STATS(512), AT(REGION_END, -512)),
};

FIXTURE_VARIANT_ADD(accepted, last_of_many_pages)
{
	ACCEPTED(STATS(24), .region_pages = 33, AT(REGION_END, -24)),
};

FIXTURE_VARIANT_ADD(accepted, behind_5_rounded_up)
{
	ACCEPTED(STATS(0), .rq_entries = 5, .rq_rounded = 8, AT(RQ_END, 0)),
};

FIXTURE_VARIANT_ADD(accepted, behind_clamped)
{
	ACCEPTED(STATS(0), .rq_entries = 40000, .rq_rounded = 32768,
		 .ring_flags = IORING_SETUP_CLAMP, .region_pages = 130,
		 AT(RQ_END, 0)),
};

FIXTURE_SETUP(accepted)
{
	const struct zn_opts o = { .ring_flags = variant->c.ring_flags };

	self->area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->area);
	ASSERT_EQ(0, zn_open_ring(&self->ring, &o));
}

FIXTURE_TEARDOWN(accepted)
{
	io_uring_queue_exit(&self->ring);
	munmap(self->area, AREA_SIZE);
}

TEST_F(accepted, on_user_and_kernel_region)
{
	void *region = map(region_size(&variant->c));
	struct request r;

	ASSERT_NE(NULL, region);
	ASSERT_EQ(0, make_request(&r, &variant->c, self->area, region));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r.reg));
	EXPECT_EQ(0, r.reg.zcrx_id);
	/* A ring can have several. */
	ASSERT_EQ(0, make_request(&r, &variant->c, self->area, NULL));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r.reg));
	EXPECT_EQ(1, r.reg.zcrx_id);
	munmap(region, region_size(&variant->c));
}

TEST(stats_size_is_0_or_a_multiple_of_8_from_16)
{
	const struct zn_opts o = {};
	void *area = map(AREA_SIZE);
	struct io_uring ring;
	__u32 id = 0;

	ASSERT_NE(NULL, area);
	ASSERT_EQ(0, zn_open_ring(&ring, &o));
	for (__u32 size = 0; size <= 40; size++) {
		bool fine = !size || (size >= FIRST_SIZE && size % 8 == 0);
		struct desc_case c = good_case;
		struct request r;

		c.desc.stats_size = size;
		ASSERT_EQ(0, make_request(&r, &c, area, NULL));
		EXPECT_EQ(fine ? 0 : -EINVAL,
			  zn_raw_register(ring.ring_fd, &r.reg)) {
			TH_LOG("size %u", size);
		}
		if (fine)
			EXPECT_EQ(id++, r.reg.zcrx_id);
	}
	io_uring_queue_exit(&ring);
	munmap(area, AREA_SIZE);
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
