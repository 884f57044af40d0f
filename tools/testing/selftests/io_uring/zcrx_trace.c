// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints of zcrx tell of a copy, of a failed attempt to get a buffer and
 * of a notification, once each and with its figures.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zcrx_notif_fault.h"

#define NR_BUFFERS	2
#define CQ_ENTRIES	8
/* An instance of our own: nobody else writes to it or reads it. */
#define INSTANCE	"/sys/kernel/tracing/instances/zcrx_trace"
#define EVENTS		INSTANCE "/events/io_uring/io_uring_zcrx_"

static const char * const events[] = { "copy", "no_buffers", "notify" };

static int switch_events(const char *value)
{
	char path[128];
	int ret = 0;

	for (unsigned int i = 0; !ret && i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), EVENTS "%s/enable", events[i]);
		ret = write_setting(path, value);
	}
	return ret;
}

static int forget_trace(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	return fd < 0 ? -errno : close(fd);
}

/*
 * Returns the number of lines of @event in the trace that are of this process and
 * end with @text, or -EBADMSG if there are other lines.
 */
static int traced(const char *event, const char *text)
{
	char line[512], task[32], name[64];
	FILE *f = fopen(INSTANCE "/trace", "r");
	int nr = 0;

	if (!f)
		return -errno;
	/* the name of the program is not always known */
	snprintf(task, sizeof(task), "-%d ", getpid());
	snprintf(name, sizeof(name), ": io_uring_zcrx_%s: ", event);
	while (nr >= 0 && fgets(line, sizeof(line), f)) {
		char *end = line + strcspn(line, "\n");

		*end = '\0';
		if (line[0] == '#')
			continue;
		if (strstr(line, task) && strstr(line, name) &&
		    end - line > strlen(text) && !strcmp(end - strlen(text), text)) {
			nr++;
		} else {
			printf("# unexpected: %s\n", line);
			nr = -EBADMSG;
		}
	}
	fclose(f);
	return nr;
}

/* What a notification of @types is traced as. */
static int notified(__u32 types, bool posted)
{
	char text[128];

	snprintf(text, sizeof(text), ", user_data 0x%llx, types 0x%x, posted %d",
		 ZN_USER_DATA, types, posted);
	return traced("notify", text);
}

FIXTURE(trace)
{
	struct zn_ifq		q, imp;
	struct zn_events	ev, data;
};

FIXTURE_SETUP(trace)
{
	const struct zn_opts o = {
		.area_pages = NR_BUFFERS,
		.cq_entries = CQ_ENTRIES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		SKIP(return, "no tracefs: it takes CONFIG_ENABLE_DEFAULT_TRACERS");
	ASSERT_EQ(0, switch_events("1"));
	ASSERT_EQ(0, forget_trace());
	ASSERT_EQ(0, zn_open_imported(&self->q, &self->imp, &o));
}

FIXTURE_TEARDOWN(trace)
{
	zn_close(&self->imp);
	zn_close(&self->q);
	EXPECT_EQ(0, switch_events("0"));
	EXPECT_EQ(0, rmdir(INSTANCE));
}

/* The creator has not run its task work, so there is no notification yet. */
TEST_F(trace, copy_is_traced_with_its_bytes)
{
	ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	EXPECT_EQ(1, traced("copy", "ifindex 0, queue 0, bytes 1"));
}

TEST_F(trace, failed_attempt_is_traced)
{
	for (int i = 0; i < NR_BUFFERS; i++)
		ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	ASSERT_EQ(0, forget_trace());
	ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &self->data));
	EXPECT_EQ(1, traced("no_buffers", "ifindex 0, queue 0, from copy"));
}

TEST_F(trace, notification_is_traced_with_its_types)
{
	for (int i = 0; i < NR_BUFFERS; i++)
		ASSERT_EQ(0, zn_make_copy(&self->imp, &self->data));
	ASSERT_EQ(0, zn_make_no_buffers(&self->imp, &self->data));
	ASSERT_EQ(0, forget_trace());
	ASSERT_EQ(1, zn_reap(&self->q, &self->ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(1, notified(ZN_ALL_TYPES, true));
}

/* The CQ is full, and there is no memory for the overflow list. */
TEST_F_TIMEOUT(trace, notification_that_is_not_posted_is_traced_as_that, SWEEP_TIME)
{
	bool injected = true;
	int refused = 0;

	if (missing)
		SKIP(return, "%s", missing);
	ASSERT_EQ(0, fi_open());
	for (unsigned int n = 1; injected && !refused && n < MAX_FAULTS; n++) {
		ASSERT_EQ(0, zn_fill_cq(&self->q, CQ_ENTRIES));
		ASSERT_EQ(0, zn_make_event(&self->imp, &self->data, ZCRX_NOTIF_COPY));
		ASSERT_EQ(0, forget_trace());
		fi_nth(n);
		io_uring_get_events(&self->q.ring);
		injected = fi_off();
		/* a fault elsewhere leaves it posted, or for later */
		refused = notified(ZCRX_NOTIF_COPY, false);
		if (refused < 0)
			refused = 0;
		memset(&self->ev, 0, sizeof(self->ev));
		zn_reap(&self->q, &self->ev, 0, 0);
		zn_reap(&self->q, &self->ev, 0, 0);
		if (self->ev.notifs)
			ASSERT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_COPY));
	}
	EXPECT_EQ(1, refused);
}

int main(int argc, char **argv)
{
	return run_with_faults(argc, argv);
}
