// SPDX-License-Identifier: GPL-2.0
/* A registration that fails late, or is refused often, leaves nothing. */
#include <errno.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_request.h"

/* Which of the structures of a request lies in memory that is not writable. */
FIXTURE(late)
{
	struct request	*r;	/* on a page of its own */
	struct request	*ro;	/* on one that cannot be written */
	void		*area;
	void		*region;
	long		vmpin;
	struct io_uring	ring;
};

FIXTURE_VARIANT(late)
{
	bool	reg;
	bool	rd;
	bool	area;
	bool	desc;
	bool	kernel_region;
	int	ret;
};

FIXTURE_VARIANT_ADD(late, reg) { .reg = true, .ret = -EFAULT };

FIXTURE_VARIANT_ADD(late, reg_kernel_region)
{
	.reg = true, .kernel_region = true, .ret = -EFAULT,
};

FIXTURE_VARIANT_ADD(late, region_desc) { .rd = true, .ret = -EFAULT };
FIXTURE_VARIANT_ADD(late, area_reg) { .area = true, .ret = -EFAULT };

/* The kernel only reads the descriptor. */
FIXTURE_VARIANT_ADD(late, notif_desc_is_fine) { .desc = true, .ret = 0 };

FIXTURE_SETUP(late)
{
	const struct zn_opts o = {};

	self->r = map(page_size());
	self->ro = map(page_size());
	self->area = map(AREA_SIZE);
	self->region = map(page_size());
	ASSERT_NE(NULL, self->r);
	ASSERT_NE(NULL, self->ro);
	ASSERT_NE(NULL, self->area);
	ASSERT_NE(NULL, self->region);
	self->vmpin = vmpin_kb();
	ASSERT_EQ(0, zn_open_ring(&self->ring, &o));
}

FIXTURE_TEARDOWN(late)
{
	io_uring_queue_exit(&self->ring);
	EXPECT_TRUE(zn_wait_until(vmpin_is, &self->vmpin, ZN_TIMEOUT));
	munmap(self->r, page_size());
	munmap(self->ro, page_size());
	munmap(self->area, AREA_SIZE);
	munmap(self->region, page_size());
}

TEST_F(late, fault_leaves_nothing)
{
	void *region = variant->kernel_region ? NULL : self->region;
	struct request *r = self->r, *ro = self->ro;
	struct io_uring_zcrx_ifq_reg *reg;

	ASSERT_EQ(0, make_request(r, &good_case, self->area, region));
	if (variant->rd)
		r->reg.region_ptr = (unsigned long)&ro->rd;
	if (variant->area)
		r->reg.area_ptr = (unsigned long)&ro->area;
	if (variant->desc)
		r->reg.notif_desc = (unsigned long)&ro->desc;
	*ro = *r;
	ASSERT_EQ(0, mprotect(ro, page_size(), PROT_READ));
	reg = variant->reg ? &ro->reg : &r->reg;

	if (!variant->ret) {
		EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, reg));
		return;
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(variant->ret,
			  zn_raw_register(self->ring.ring_fd, reg));
		EXPECT_EQ(self->vmpin, vmpin_kb());
		EXPECT_EQ(-ENXIO, flush_id(self->ring.ring_fd, 0));
		*r = *ro;
	}
	EXPECT_EQ(0, io_uring_cq_ready(&self->ring));
	ASSERT_EQ(0, make_request(r, &good_case, self->area, region));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r->reg));
	EXPECT_EQ(0, r->reg.zcrx_id);
}

FIXTURE(unreadable)
{
	char		*mem;	/* a page, then one that cannot be read */
	struct request	r;
	void		*area;
	struct io_uring	ring;
};

FIXTURE_VARIANT(unreadable)
{
	__u64	addr;		/* absolute, or: */
	size_t	readable;	/* bytes of the descriptor */
};

FIXTURE_VARIANT_ADD(unreadable, address_1) { .addr = 1 };
FIXTURE_VARIANT_ADD(unreadable, kernel_address) { .addr = -4096ULL };
FIXTURE_VARIANT_ADD(unreadable, high_address) { .addr = 1ULL << 63 };
FIXTURE_VARIANT_ADD(unreadable, all_bytes) { .readable = 0 };
FIXTURE_VARIANT_ADD(unreadable, last_64_bytes) { .readable = 32 };
FIXTURE_VARIANT_ADD(unreadable, last_byte) { .readable = 95 };

FIXTURE_SETUP(unreadable)
{
	const struct zn_opts o = {};

	self->mem = map(2 * page_size());
	self->area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->mem);
	ASSERT_NE(NULL, self->area);
	ASSERT_EQ(0, mprotect(self->mem + page_size(), page_size(),
			      PROT_NONE));
	ASSERT_EQ(0, zn_open_ring(&self->ring, &o));
}

FIXTURE_TEARDOWN(unreadable)
{
	io_uring_queue_exit(&self->ring);
	munmap(self->mem, 2 * page_size());
	munmap(self->area, AREA_SIZE);
}

TEST_F(unreadable, descriptor_is_a_fault_and_leaves_nothing)
{
	long vmpin = vmpin_kb();
	struct request *r = &self->r;

	ASSERT_EQ(0, make_request(r, &good_case, self->area, NULL));
	r->reg.notif_desc = variant->addr ?:
		(unsigned long)self->mem + page_size() - variant->readable;
	EXPECT_EQ(-EFAULT, zn_raw_register(self->ring.ring_fd, &r->reg));
	EXPECT_EQ(vmpin, vmpin_kb());
	EXPECT_EQ(-ENXIO, flush_id(self->ring.ring_fd, 0));

	ASSERT_EQ(0, make_request(r, &good_case, self->area, NULL));
	EXPECT_EQ(0, zn_raw_register(self->ring.ring_fd, &r->reg));
	EXPECT_EQ(0, r->reg.zcrx_id);
}

TEST(descriptor_may_end_at_the_last_readable_byte)
{
	char *mem = map(2 * page_size());
	void *area = map(AREA_SIZE);
	const struct zn_opts o = {};
	struct io_uring ring;
	struct request r;
	char *desc;

	ASSERT_NE(NULL, mem);
	ASSERT_NE(NULL, area);
	ASSERT_EQ(0, mprotect(mem + page_size(), page_size(), PROT_NONE));
	ASSERT_EQ(0, zn_open_ring(&ring, &o));
	ASSERT_EQ(0, make_request(&r, &good_case, area, NULL));
	desc = mem + page_size() - sizeof(r.desc);
	memcpy(desc, &r.desc, sizeof(r.desc));
	r.reg.notif_desc = (unsigned long)desc;
	EXPECT_EQ(0, zn_raw_register(ring.ring_fd, &r.reg));
	io_uring_queue_exit(&ring);
	munmap(mem, 2 * page_size());
	munmap(area, AREA_SIZE);
}

/* An import takes the instance as it is: nothing can be asked for. */
TEST(import_with_a_descriptor_is_refused)
{
	struct zcrx_notification_desc desc = good_case.desc;
	const unsigned long ptr = (unsigned long)&desc;
	const struct io_uring_zcrx_ifq_reg wrong[] = {
		{ .notif_desc = ptr },
		{ .if_rxq = 1 },
		{ .rq_entries = 64 },
		{ .area_ptr = ptr },
		{ .region_ptr = ptr },
	};
	struct io_uring_zcrx_ifq_reg reg = {};
	const struct zn_opts o = {};
	struct zn_ifq q = {};
	struct io_uring ring;
	int fd;

	desc.flags = 0;
	ASSERT_EQ(0, zn_open(&q, &(struct zn_opts){ .desc = &desc }));
	fd = zn_export(&q);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, zn_open_ring(&ring, &o));

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		reg = wrong[i];
		reg.if_idx = fd;
		reg.flags = ZCRX_REG_IMPORT;
		EXPECT_EQ(-EINVAL, zn_raw_register(ring.ring_fd, &reg))
			TH_LOG("field %d", i);
		EXPECT_EQ(-ENXIO, flush_id(ring.ring_fd, 0));
	}

	reg = (struct io_uring_zcrx_ifq_reg){
		.if_idx = fd,
		.flags = ZCRX_REG_IMPORT,
	};
	EXPECT_EQ(0, zn_raw_register(ring.ring_fd, &reg));
	EXPECT_EQ(0, reg.zcrx_id);

	io_uring_queue_exit(&ring);
	close(fd);
	zn_close(&q);
}

/*
 * Accounted memory: the least RLIMIT_MEMLOCK with which a ring registers, after
 * refusals. Each user of RLIMIT_MEMLOCK has an own account, so each measurement
 * takes a user that nobody else has.
 */
static long least_limit(uid_t uid, void *area, int nr_refusals)
{
	struct rlimit rl = { .rlim_cur = 64 << 20, .rlim_max = 64 << 20 };
	static const struct desc_case bad[] = {
		{ .desc.type_mask = 1U << 2 },
		{ STATS(0), AT(REGION_END, -8) },
		{ STATS(17), AT(RQ_END, 0) },
	};
	const struct zn_opts o = {};
	struct request *ro = map(page_size());
	struct io_uring ring;
	struct request r;

	if (!ro || setrlimit(RLIMIT_MEMLOCK, &rl))
		return -errno;
	if (zn_drop_caps(uid) || zn_open_ring(&ring, &o))
		return -1;
	make_request(ro, &good_case, area, NULL);
	if (mprotect(ro, page_size(), PROT_READ))
		return -errno;
	for (int i = 0; i < nr_refusals; i++) {
		make_request(&r, &bad[i % ARRAY_SIZE(bad)], area, NULL);
		if (zn_raw_register(ring.ring_fd, &r.reg) >= 0)
			return -2;
		if (zn_raw_register(ring.ring_fd, &ro->reg) != -EFAULT)
			return -3;
	}
	for (long pages = 0; pages < 1024; pages++) {
		int ret;

		rl.rlim_cur = pages * page_size();
		if (setrlimit(RLIMIT_MEMLOCK, &rl))
			return -errno;
		make_request(&r, &good_case, area, NULL);
		ret = zn_raw_register(ring.ring_fd, &r.reg);
		if (!ret)
			return pages;
		if (ret != -ENOMEM)
			return ret;
	}
	return -4;
}

/* The same in a child of its own, number @i of a test. */
static long least_limit_of_user(int i, void *area, int nr_refusals)
{
	long limit, *pages = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (pages == MAP_FAILED)
		return -errno;
	pid = fork();
	if (!pid) {
		*pages = least_limit(1000000 + 2 * getppid() + i, area,
				     nr_refusals);
		_exit(0);
	}
	limit = waitpid(pid, NULL, 0) == pid ? *pages : -ECHILD;
	munmap(pages, page_size());
	return limit;
}

TEST(memlock_is_given_back_by_refusals)
{
	void *area = map(AREA_SIZE);
	long limit;

	ASSERT_NE(NULL, area);
	if (geteuid())
		SKIP(return, "needs root to become other users");
	limit = least_limit_of_user(0, area, 0);
	/* At least the area and the region are accounted. */
	EXPECT_LT(AREA_PAGES, limit);
	EXPECT_EQ(limit, least_limit_of_user(1, area, 60));
	munmap(area, AREA_SIZE);
}

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define HUGE_SIZE	(2UL << 20)

TEST(memlock_counts_all_of_a_huge_page)
{
	void *area = map(AREA_SIZE), *huge;
	char before[16];
	long limit;

	ASSERT_NE(NULL, area);
	if (geteuid())
		SKIP(return, "needs root to become other users");
	read_setting(NR_HUGEPAGES, before, sizeof(before));
	if (write_number(NR_HUGEPAGES, atoi(before) + 1))
		SKIP(return, "the kernel has no huge pages");
	huge = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB,
		    -1, 0);
	if (huge == MAP_FAILED)
		SKIP(goto out, "no huge page of 2 MiB: %s", strerror(errno));
	limit = least_limit_of_user(0, area, 0);
	EXPECT_LT(AREA_PAGES, limit);
	/* with less it fails again and again, which leaves nothing behind */
	EXPECT_EQ(limit - AREA_PAGES + HUGE_SIZE / page_size(),
		  least_limit_of_user(1, huge, 0));
	munmap(huge, HUGE_SIZE);
out:
	write_setting(NR_HUGEPAGES, before);
	munmap(area, AREA_SIZE);
}

#define CGROUPS		"/sys/fs/cgroup"
#define CONTROL		CGROUPS "/cgroup.subtree_control"

/* In the cgroup, where nobody can be killed for memory. Returns what failed. */
static int register_at_the_limit(const char *procs)
{
	struct desc_case c = good_case;
	const struct zn_opts o = {};
	void *area = map(AREA_SIZE);
	struct io_uring ring;
	struct request r;
	long vmpin;

	if (!area || zn_open_ring(&ring, &o) ||
	    write_setting("/proc/self/oom_score_adj", "-1000") ||
	    write_setting(procs, "0"))
		return 1;
	vmpin = vmpin_kb();
	c.region_pages = (4 << 20) / page_size();
	for (int i = 0; i < 5; i++) {
		make_request(&r, &c, area, NULL);
		if (zn_raw_register(ring.ring_fd, &r.reg) != -ENOMEM)
			return 2;
		if (vmpin_kb() != vmpin || flush_id(ring.ring_fd, 0) != -ENXIO)
			return 3;
	}
	/* had they left a part, there would be no room for this */
	c.region_pages /= 4;
	make_request(&r, &c, area, NULL);
	return zn_raw_register(ring.ring_fd, &r.reg) ? 4 : 0;
}

TEST(memory_limit_of_a_cgroup_is_an_error_and_leaves_nothing)
{
	char before[256], dir[64], file[96];
	int status;
	pid_t pid;

	read_setting(CONTROL, before, sizeof(before));
	if (write_setting(CONTROL, "+memory"))
		SKIP(return, "no memory controller at " CGROUPS);
	snprintf(dir, sizeof(dir), CGROUPS "/zcrx_notif.%d", getpid());
	ASSERT_EQ(0, mkdir(dir, 0700));
	snprintf(file, sizeof(file), "%s/memory.max", dir);
	EXPECT_EQ(0, write_setting(file, "2M"));
	snprintf(file, sizeof(file), "%s/cgroup.procs", dir);
	pid = fork();
	if (!pid)
		_exit(register_at_the_limit(file));
	EXPECT_LT(0, pid);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(dir));
	if (!strstr(before, "memory"))
		EXPECT_EQ(0, write_setting(CONTROL, "-memory"));
}

TEST_HARNESS_MAIN
