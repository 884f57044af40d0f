// SPDX-License-Identifier: GPL-2.0
/* The room for the statistics: what of it the kernel takes and writes. */
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "zcrx_notif_request.h"

FIXTURE(room)
{
	struct zn_ifq	q;
	__u64		header;
	__u64		offset;
};

FIXTURE_VARIANT(room)
{
	__u32	stats_size;
	__u32	zeroed;		/* how much the kernel takes for its own */
};

FIXTURE_VARIANT_ADD(room, size_0) { .stats_size = 0, .zeroed = 16 };
FIXTURE_VARIANT_ADD(room, size_16) { .stats_size = 16, .zeroed = 16 };
FIXTURE_VARIANT_ADD(room, size_24) { .stats_size = 24, .zeroed = 24 };
FIXTURE_VARIANT_ADD(room, size_32) { .stats_size = 32, .zeroed = 32 };
FIXTURE_VARIANT_ADD(room, size_1024) { .stats_size = 1024, .zeroed = 1024 };
/* Across pages that need not lie next to each other in the kernel. */
FIXTURE_VARIANT_ADD(room, size_9000) { .stats_size = 9000, .zeroed = 9000 };

#define FILL	0xa5

FIXTURE_SETUP(room)
{
	struct zcrx_notification_desc desc = good_case.desc;
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.rq_entries = 8,
		.desc = &desc,
		.region_extra_pages = 3,
		.region_fill = FILL,
	};

	ASSERT_EQ(0, header_size(&self->header));
	self->offset = self->header + 8 * sizeof(struct io_uring_zcrx_rqe) + 40;
	desc.stats_offset = self->offset;
	desc.stats_size = variant->stats_size;
	ASSERT_EQ(0, zn_open(&self->q, &o));
}

FIXTURE_TEARDOWN(room)
{
	zn_close(&self->q);
}

static bool all_are(const unsigned char *p, size_t n, unsigned char value)
{
	while (n--)
		if (*p++ != value)
			return false;
	return true;
}

TEST_F(room, zeroed_and_not_a_byte_more)
{
	const unsigned char *region = self->q.region;
	size_t end = self->offset + variant->zeroed;

	EXPECT_TRUE(all_are(region + self->header,
			    self->offset - self->header, FILL));
	EXPECT_TRUE(all_are(region + self->offset, variant->zeroed, 0));
	EXPECT_TRUE(all_are(region + end, self->q.region_size - end, FILL));
}

/* Both counters of the first form move, and no_buffers_count if it has room. */
TEST_F(room, only_counters_with_room_are_written)
{
	const unsigned char *region = self->q.region;
	struct zn_events ev = {};
	size_t known = 24, end = self->offset + variant->zeroed;

	ASSERT_EQ(0, zn_connect(&self->q));
	zn_recv(&self->q, 0);
	ASSERT_LT(0, zn_send(&self->q, 2 * AREA_SIZE));
	while (!ev.recv_ended)
		ASSERT_LE(0, zn_reap(&self->q, &ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(-ENOMEM, ev.recv_end_res);
	EXPECT_EQ(0, ev.bad);

	EXPECT_NE(0, zn_load(&self->q.stats->copy_count));
	EXPECT_EQ(ev.bytes, zn_load(&self->q.stats->copy_bytes));
	if (variant->zeroed >= known) {
		EXPECT_NE(0, zn_load(&self->q.stats->no_buffers_count));
		EXPECT_TRUE(all_are(region + self->offset + known,
				    variant->zeroed - known, 0));
	}
	EXPECT_TRUE(all_are(region + end, self->q.region_size - end, FILL));
}

TEST_HARNESS_MAIN
