// SPDX-License-Identifier: GPL-2.0
/*
 * Faults in a registration: it returns an error or copes, and leaves nothing
 * behind. After each fault the same registration succeeds on the same ring with
 * the same result as without the fault, and notifications still come. When all
 * is closed, the ring is freed and no memory stays pinned or accounted.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "zcrx_notif_fault.h"

FIXTURE(registration)
{
	struct reg_call call;
};

FIXTURE_VARIANT(registration)
{
	struct attempt	a;
	struct zn_opts	o;
	bool		no_desc;
	bool		no_types;
	bool		memlock;	/* of a user that has a limit */
	bool		request;	/* the fault is in its allocation */
	unsigned int	copies;
};

/* As a user with just as much RLIMIT_MEMLOCK as it takes. */
FIXTURE_VARIANT_ADD(registration, kernel_region)
{
	.o.kernel_region = true, .o.region_extra_pages = 3,
	.memlock = true,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, user_region)
{
	.o.region_extra_pages = 3,
	.memlock = true,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, second_of_its_ring)
{
	.o.kernel_region = true, .a.crowded = true,
	.copies = 7,
};

/* Large enough for allocations of more than a page. */
FIXTURE_VARIANT_ADD(registration, many_pages)
{
	.o.area_pages = 700, .o.rq_entries = 4096,
	.o.region_extra_pages = 520,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, unpopulated)
{
	.o.area_pages = 4, .o.region_extra_pages = 2,
	.a.unpopulated = true,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, without_descriptor)
{
	.o.kernel_region = true, .no_desc = true,
	.copies = 6,
};

FIXTURE_VARIANT_ADD(registration, copies)
{
	.o.kernel_region = true, .a.what = COPIES,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, copies_counters_alone)
{
	.no_types = true, .a.what = COPIES,
	.copies = 7,
};

FIXTURE_VARIANT_ADD(registration, copies_without_descriptor)
{
	.no_desc = true, .a.what = COPIES,
	.copies = 6,
};

/* The fault comes at each attempt, not once. */
FIXTURE_VARIANT_ADD(registration, no_request)
{
	.o.kernel_region = true,
	.a = { .what = CACHES, .caches = { "io_kiocb" } },
	.request = true,
};

FIXTURE_VARIANT_ADD(registration, no_xarray_node)
{
	.o.kernel_region = true,
	.a = { .what = CACHES, .caches = { "radix_tree_node" } },
};

FIXTURE_SETUP(registration)
{
	if (missing)
		SKIP(return, "%s", missing);
	if (variant->request && !ZN_ALLOCATES_REQUEST)
		SKIP(return, "the request is part of the ifq here");
	ASSERT_EQ(0, fi_open());
	self->call.other_area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->call.other_area);
}

FIXTURE_TEARDOWN(registration)
{
	if (self->call.other_area)
		munmap(self->call.other_area, AREA_SIZE);
}

/* The least RLIMIT_MEMLOCK that lets @o succeed, which stays set. */
static int limit_memlock(const struct zn_opts *o)
{
	struct before before;
	struct zn_ifq q;
	struct rlimit rl;

	if (getrlimit(RLIMIT_MEMLOCK, &rl))
		return -errno;
	/* The ring and the region come on top of the area. */
	for (rl.rlim_cur = (o->area_pages ?: 16) * page_size();
	     rl.rlim_cur < rl.rlim_max; rl.rlim_cur += page_size()) {
		int ret;

		look(&before);
		if (setrlimit(RLIMIT_MEMLOCK, &rl))
			return -errno;
		ret = zn_open(&q, o);
		if (!ret)
			zn_close(&q);
		if (!zn_wait_until(as_before, &before, FREE_TIME))
			return -EBUSY;
		if (ret != -ENOMEM)
			return ret;
	}
	return -ENOMEM;
}

TEST_F_TIMEOUT(registration, is_done_or_undone, SWEEP_TIME)
{
	struct zn_opts o = variant->o;
	struct before before;

	o.stats = !variant->no_desc;
	if (!variant->no_desc && !variant->no_types)
		o.types = ZN_ALL_TYPES;
	if (variant->memlock) {
		ASSERT_EQ(0, zn_drop_caps(2000000 + getpid()));
		ASSERT_EQ(0, prctl(PR_SET_DUMPABLE, 1));
		ASSERT_EQ(0, limit_memlock(&o));
	}
	self->call._metadata = _metadata;
	self->call.a = variant->a;
	self->call.a.n = 1;
	o.do_register = attempt_register;
	o.do_register_arg = &self->call;

	do {
		struct zn_ifq q;
		int ret;

		look(&before);
		ret = zn_open(&q, &o);
		if (self->call.a.unavailable)
			SKIP(return, "cannot fail %s alone",
			     self->call.a.caches[0]);
		ASSERT_EQ(0, ret)
			TH_LOG("with fault %u", self->call.a.n);
		ASSERT_EQ(0, zn_connect(&q));
		if (o.types) {
			check_notifies(_metadata, &q, &q);
		} else {
			struct zn_events ev = {};

			ASSERT_EQ(0, zn_make_copy(&q, &ev));
			EXPECT_EQ(0, ev.notifs + ev.others + ev.bad);
			EXPECT_EQ(-EINVAL, zn_arm(&q, ZCRX_NOTIF_COPY));
		}
		zn_close(&q);
		check_gone(_metadata, &before);
	} while (next(_metadata, &self->call.a));
	check_sweep(_metadata, &self->call.a, variant->copies, true);
}

int main(int argc, char **argv)
{
	return run_with_faults(argc, argv);
}
