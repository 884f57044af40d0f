// SPDX-License-Identifier: GPL-2.0
/*
 * fdinfo of a ring has a line for each zcrx instance of the ring, with figures
 * that equal the application's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	8
#define COPY		ZCRX_NOTIF_COPY
#define NO_BUFFERS	ZCRX_NOTIF_NO_BUFFERS
#define NOBODY		65534

struct line {
	unsigned int		id;
	char			where[64];
	unsigned int		buffers, free;
	unsigned long long	copy_count, copy_bytes, no_buffers_count;
	unsigned int		armed, fired;
};

/* The lines of @ring, up to @max; returns how many there are. */
static int read_lines(const struct io_uring *ring, struct line *lines, int max)
{
	static const char figures[] =
		" copy_count=%llu copy_bytes=%llu no_buffers_count=%llu armed=0x%x fired=0x%x%n";
	char path[64], text[512];
	int nr = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ring->ring_fd);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (fgets(text, sizeof(text), f)) {
		struct line l = {};
		int end = 0, end2 = 0;

		if (strncmp(text, "Zcrx:", 5))
			continue;
		if (sscanf(text, "Zcrx:\tid=%u %63[^b] buffers=%u free=%u%n", &l.id,
			   l.where, &l.buffers, &l.free, &end) != 4 ||
		    sscanf(text + end, figures, &l.copy_count, &l.copy_bytes,
			   &l.no_buffers_count, &l.armed, &l.fired, &end2) != 5 ||
		    strcmp(text + end + end2, "\n")) {
			nr = -EBADMSG;
			break;
		}
		if (nr < max)
			lines[nr] = l;
		nr++;
	}
	fclose(f);
	return nr;
}

/* The one line of @q, which has to be there. */
#define LINE(q) ({							\
	struct line _line = {};						\
									\
	ASSERT_EQ(1, read_lines(&(q)->ring, &_line, 1));		\
	EXPECT_STREQ("nodev ", _line.where);				\
	EXPECT_EQ(AREA_PAGES, _line.buffers);				\
	_line;								\
})

/* Two rings, so that nothing runs the creator's task work until it is reaped. */
FIXTURE(fdinfo)
{
	struct zn_ifq		q, imp;
	struct zn_events	ev, data;
};

FIXTURE_VARIANT(fdinfo)
{
	__u32	types;
	bool	stats;
	bool	small;		/* room for the counters of copies alone */
};

FIXTURE_VARIANT_ADD(fdinfo, without_descriptor) { };
FIXTURE_VARIANT_ADD(fdinfo, types) { .types = ZN_ALL_TYPES };
FIXTURE_VARIANT_ADD(fdinfo, statistics) { .stats = true };
FIXTURE_VARIANT_ADD(fdinfo, both) { .types = ZN_ALL_TYPES, .stats = true };
FIXTURE_VARIANT_ADD(fdinfo, small_statistics) { .small = true };

FIXTURE_SETUP(fdinfo)
{
	const struct zcrx_notification_desc small = {
		.flags = ZCRX_NOTIF_DESC_FLAG_STATS,
		/* behind the 64 entries of the refill queue */
		.stats_offset = 2048,
		.stats_size = 16,
	};
	const struct zn_opts o = {
		.area_pages = AREA_PAGES,
		.desc = variant->small ? &small : NULL,
		.types = variant->types,
		.stats = variant->stats,
	};

	ASSERT_EQ(0, zn_open_imported(&self->q, &self->imp, &o));
}

FIXTURE_TEARDOWN(fdinfo)
{
	zn_close(&self->imp);
	zn_close(&self->q);
}

TEST_F(fdinfo, counters_and_free_buffers_follow_the_events)
{
	struct line l = LINE(&self->q);

	EXPECT_EQ(AREA_PAGES, l.free);
	EXPECT_EQ(0, l.copy_count + l.copy_bytes + l.no_buffers_count);

	for (int i = 0; i < AREA_PAGES; i++)
		ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &self->data));
	l = LINE(&self->q);
	EXPECT_EQ(0, l.free);
	EXPECT_EQ(AREA_PAGES, l.copy_count);
	EXPECT_EQ(AREA_PAGES, l.copy_bytes);
	EXPECT_EQ(3, l.no_buffers_count);
	if (self->q.stats) {
		EXPECT_EQ(zn_load(&self->q.stats->copy_count), l.copy_count);
		EXPECT_EQ(zn_load(&self->q.stats->copy_bytes), l.copy_bytes);
		if (!variant->small)
			EXPECT_EQ(zn_load(&self->q.stats->no_buffers_count),
				  l.no_buffers_count);
	}

	ASSERT_EQ(5, zn_refill(&self->imp, 5));
	l = LINE(&self->q);
	EXPECT_EQ(5, l.free);
}

TEST_F(fdinfo, types_go_from_armed_to_fired_and_back)
{
	struct line l = LINE(&self->q);

	EXPECT_EQ(variant->types, l.armed);
	EXPECT_EQ(0, l.fired);
	if (!variant->types)
		return;
	ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	/* on its way */
	l = LINE(&self->q);
	EXPECT_EQ(NO_BUFFERS, l.armed);
	EXPECT_EQ(0, l.fired);
	ASSERT_EQ(1, zn_reap(&self->q, &self->ev, 1, ZN_TIMEOUT));
	l = LINE(&self->q);
	EXPECT_EQ(NO_BUFFERS, l.armed);
	EXPECT_EQ(COPY, l.fired);
	ASSERT_EQ(0, zn_arm(&self->q, COPY));
	l = LINE(&self->q);
	EXPECT_EQ(ZN_ALL_TYPES, l.armed);
	EXPECT_EQ(0, l.fired);
}

TEST_F(fdinfo, importer_shows_the_same_and_goes_on_alone)
{
	struct line creator, importer;

	ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	creator = LINE(&self->q);
	importer = LINE(&self->imp);
	EXPECT_EQ(creator.free, importer.free);
	EXPECT_EQ(creator.copy_count, importer.copy_count);
	EXPECT_EQ(creator.armed, importer.armed);

	zn_close_ring(&self->q);
	ASSERT_TRUE(zn_rings_freed());
	ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	importer = LINE(&self->imp);
	EXPECT_EQ(AREA_PAGES - 2, importer.free);
	EXPECT_EQ(2, importer.copy_count);
	EXPECT_EQ(2, importer.copy_bytes);
	/* nobody is notified any more */
	EXPECT_EQ(0, importer.armed | importer.fired);
}

TEST(each_instance_has_a_line)
{
	const struct zn_opts first = { .area_pages = AREA_PAGES };
	struct line lines[2];
	struct zn_ifq q, q2;
	struct zn_opts second = { .area_pages = 2 * AREA_PAGES };

	ASSERT_EQ(0, zn_open(&q, &first));
	second.ring = &q.ring;
	ASSERT_EQ(0, zn_open(&q2, &second));
	ASSERT_EQ(2, read_lines(&q.ring, lines, 2));
	EXPECT_EQ(q.zcrx_id, lines[0].id);
	EXPECT_EQ(AREA_PAGES, lines[0].buffers);
	EXPECT_EQ(q2.zcrx_id, lines[1].id);
	EXPECT_EQ(2 * AREA_PAGES, lines[1].buffers);
	zn_close(&q2);
	zn_close(&q);
}

TEST(line_is_shown_without_privileges)
{
	const struct zn_opts o = { .area_pages = AREA_PAGES };
	struct zn_ifq q;

	ASSERT_EQ(0, zn_open(&q, &o));
	/* a user id that is not 0 has no capabilities */
	ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	LINE(&q);
	zn_close(&q);
}

TEST(ring_without_instance_has_no_line)
{
	const struct zn_opts o = {};
	struct io_uring ring;

	ASSERT_EQ(0, zn_open_ring(&ring, &o));
	EXPECT_EQ(0, read_lines(&ring, NULL, 0));
	io_uring_queue_exit(&ring);
}

TEST_HARNESS_MAIN
