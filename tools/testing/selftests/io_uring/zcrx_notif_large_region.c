// SPDX-License-Identifier: GPL-2.0
/*
 * A refill queue region of more than 4 GiB: offset and end of the statistics
 * don't fit in 32 bits, on the whole way from the descriptor to the counters.
 * It is one huge page, mapped over and over again, and from 4 GiB on another one.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "zcrx_notif_request.h"

#define GIB_4		0x100000000ULL
#define FILL		0xa5

FIXTURE(large)
{
	struct io_uring	ring;
	long		hugepages;	/* before the test, -1: as they were */
	size_t		huge;
	void		*area;
	unsigned char	*region;
	size_t		size;
};

/* A line of /proc/meminfo, or -1. */
static long hugepages(const char *format)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long n = -1;

	if (!f)
		return -1;
	while (n < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, format, &n) != 1)
			n = -1;
	fclose(f);
	return n;
}

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

static bool has_free_hugepages(void *arg)
{
	write_number(NR_HUGEPAGES, *(long *)arg + 2);
	return hugepages("HugePages_Free: %ld") >= 2;
}

/* The ring, which has the page, is freed some time after its end. */
static bool hugepages_as_before(void *arg)
{
	write_number(NR_HUGEPAGES, *(long *)arg);
	return hugepages("HugePages_Total: %ld") == *(long *)arg;
}

/* A file of two huge pages, or a negative errno. */
static int huge_file(size_t *size)
{
	int fd = memfd_create("zcrx_notif", MFD_HUGETLB);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || ftruncate(fd, 2 * st.st_blksize)) {
		close(fd);
		return -EIO;
	}
	*size = st.st_blksize;
	return fd;
}

FIXTURE_SETUP(large)
{
	const struct zn_opts o = {};
	size_t reserved;
	char *p;
	int fd;

	self->hugepages = -1;
	if (sizeof(size_t) == 4)
		SKIP(return, "an address space of 32 bits has no room");
	/* vmap() takes no more pages than there are, however often one comes */
	if (sysconf(_SC_PHYS_PAGES) < GIB_4 / page_size() * 9 / 8)
		SKIP(return, "the machine has too little memory, 5 GiB will do");
	fd = huge_file(&self->huge);
	if (fd < 0)
		SKIP(return, "no huge pages: %s", strerror(-fd));
	self->hugepages = hugepages("HugePages_Total: %ld");
	if (!zn_wait_until(has_free_hugepages, &self->hugepages, ZN_TIMEOUT))
		SKIP(goto out, "no memory for huge pages");

	self->size = GIB_4 + self->huge;
	reserved = self->size + self->huge;
	p = mmap(NULL, reserved, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	p = (char *)zn_align((unsigned long)p, self->huge);
	self->region = (unsigned char *)p;
	for (size_t at = 0; at < self->size; at += self->huge) {
		if (mmap(p + at, self->huge, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd,
			 at < GIB_4 ? 0 : self->huge) == MAP_FAILED)
			SKIP(goto out, "mapped %zu bytes: %s", at,
			     strerror(errno));
	}
	memset(self->region, FILL, self->huge);
	memset(self->region + GIB_4, FILL, self->huge);
	self->area = map(AREA_SIZE);
	ASSERT_NE(NULL, self->area);
	ASSERT_EQ(0, zn_open_ring(&self->ring, &o));
out:
	close(fd);
}

FIXTURE_TEARDOWN(large)
{
	if (self->ring.ring_fd)
		io_uring_queue_exit(&self->ring);
	if (self->region)
		munmap(self->region, self->size);
	if (self->hugepages >= 0)
		EXPECT_TRUE(zn_wait_until(hugepages_as_before, &self->hugepages,
					  ZN_TIMEOUT));
}

static int try(struct io_uring *ring, struct desc_case *c, void *area,
	       void *region, size_t size)
{
	struct request r;
	int ret = make_request(&r, c, area, region);

	if (ret)
		return ret;
	r.rd.size = size;
	return zn_raw_register(ring->ring_fd, &r.reg);
}

/* The kernel zeroes the statistics there, and nowhere else. */
static void zeroed(struct __test_metadata *_metadata, unsigned char *region,
		   __u64 offset)
{
	EXPECT_TRUE(zn_all_are(region + offset - 8, 8, FILL));
	EXPECT_TRUE(zn_all_are(region + offset, 24, 0));
	EXPECT_TRUE(zn_all_are(region + offset + 24, 8, FILL));
}

TEST_F(large, statistics_from_4_gib_on)
{
	struct desc_case c = { STATS(24), AT(ABSOLUTE, GIB_4 + 4096) };

	ASSERT_EQ(0, try(&self->ring, &c, self->area, self->region,
			 self->size));
	zeroed(_metadata, self->region, c.delta);
	EXPECT_TRUE(zn_all_are(self->region + 4096, 24, FILL));
}

TEST_F(large, statistics_across_4_gib)
{
	struct desc_case c = { STATS(24), AT(ABSOLUTE, GIB_4 - 8) };

	ASSERT_EQ(0, try(&self->ring, &c, self->area, self->region,
			 self->size));
	zeroed(_metadata, self->region, c.delta);
}

TEST_F(large, statistics_at_the_end)
{
	struct desc_case c = { STATS(24), AT(ABSOLUTE, self->size - 24) };

	EXPECT_EQ(0, try(&self->ring, &c, self->area, self->region,
			 self->size));
}

TEST_F(large, statistics_past_the_end)
{
	struct desc_case c = { STATS(24), AT(ABSOLUTE, self->size - 16) };

	EXPECT_EQ(-ERANGE, try(&self->ring, &c, self->area, self->region,
			       self->size));
}

TEST_HARNESS_MAIN
