// SPDX-License-Identifier: GPL-2.0
/*
 * The size of a region: every wrong size that a program can name is an error,
 * and the kernel does not warn about it.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_request.h"

#define TAINT_WARN	9	/* a bit */

static bool kernel_has_warned(void)
{
	char taint[32];

	read_setting("/proc/sys/kernel/tainted", taint, sizeof(taint));
	return strtoul(taint, NULL, 10) >> TAINT_WARN & 1;
}

/* 0 if there is no such size: arrays have less than 2 GiB. */
static __u64 size_beyond_memory(void)
{
	__u64 array = (__u64)sysconf(_SC_PHYS_PAGES) * page_size() + page_size();

	return array > INT_MAX ? 0 : array / sizeof(void *) * page_size();
}

FIXTURE(huge)
{
	struct io_uring	ring;
	void		*area;
	void		*region;
	bool		warned;
	__u64		size;
};

FIXTURE_VARIANT(huge)
{
	__u64 size;	/* 0: its array of pages is larger than the memory */
};

/*
 * Not between these two: the kernel takes up to 2 GiB for the array of pages
 * before it sees that there are none.
 */
FIXTURE_VARIANT_ADD(huge, region_of_16_gib) { .size = 1ULL << 34 };
FIXTURE_VARIANT_ADD(huge, region_of_1_tib) { .size = 1ULL << 40 };
FIXTURE_VARIANT_ADD(huge, region_of_8_tib) { .size = 1ULL << 43 };
FIXTURE_VARIANT_ADD(huge, region_with_more_pages_than_memory_can_list) {};

FIXTURE_SETUP(huge)
{
	const struct zn_opts o = {};

	if (sizeof(size_t) == 4)
		SKIP(return, "an address space of 32 bits has no such size");
	self->size = variant->size ?: size_beyond_memory();
	if (!self->size)
		SKIP(return, "an array of that size is refused first");
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
	r.rd.size = self->size;
	ret = zn_raw_register(self->ring.ring_fd, &r.reg);
	/* too many pages, no memory for their array, or nothing is mapped */
	EXPECT_TRUE(ret == -E2BIG || ret == -EOVERFLOW || ret == -ENOMEM ||
		    ret == -EFAULT) {
		TH_LOG("it returned %d", ret);
	}
	EXPECT_EQ(self->warned, kernel_has_warned());

	/* and the ring is unchanged */
	ASSERT_EQ(0, make_plain_request(&r, self->area, self->region));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r.reg));
}

TEST_HARNESS_MAIN
