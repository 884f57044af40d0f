// SPDX-License-Identifier: GPL-2.0
/* Faults in the system calls of the calling thread, see the header. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_inject.h"
#include "leaks.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define DEBUGFS		"/sys/kernel/debug/"
#define USERCOPY	DEBUGFS "fail_usercopy/"
#define FAILSLAB	DEBUGFS "failslab/"

/* What is changed for the whole program. */
static const struct setting {
	const char	*file;
	const char	*value;
} settings[] = {
	/* Allocations that may sleep fail, too, and those of single pages. */
	{ FAILSLAB "ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "fail_page_alloc/min-order", "0" },
	/* Each fault would leave a trace in the log. */
	{ FAILSLAB "verbose", "0" },
	{ DEBUGFS "fail_page_alloc/verbose", "0" },
	{ USERCOPY "verbose", "0" },
	/* What follows has no effect until a probability is set. */
	{ USERCOPY "task-filter", "Y" },
	{ USERCOPY "interval", "1" },
	{ USERCOPY "times", "1" },
	{ USERCOPY "space", "0" },
	{ USERCOPY "probability", "0" },
	{ FAILSLAB "task-filter", "Y" },
	{ FAILSLAB "interval", "1" },
	{ FAILSLAB "times", "-1" },
	{ FAILSLAB "space", "0" },
	{ FAILSLAB "cache-filter", "N" },
	{ FAILSLAB "probability", "0" },
};

static char before[ARRAY_LEN(settings)][32];
static unsigned int nr_changed;

static enum { OFF, NTH, COPY, CACHES } mode;
static __thread int nth_fd = -1, make_it_fail_fd = -1;
static const char *const *failing;

const char *fi_setup(void)
{
	static char missing[256];

	for (unsigned int i = 0; i < ARRAY_LEN(settings); i++) {
		const struct setting *s = &settings[i];
		int ret;

		ret = read_setting(s->file, before[i], sizeof(before[i]));
		if (!ret)
			ret = write_setting(s->file, s->value);
		if (ret) {
			snprintf(missing, sizeof(missing),
				 "needs fault injection and root, %s: %s",
				 s->file, strerror(-ret));
			fi_restore();
			return missing;
		}
		nr_changed = i + 1;
	}
	if (fi_open()) {
		fi_restore();
		return "needs fault injection and root, no fail-nth in /proc";
	}
	return NULL;
}

void fi_restore(void)
{
	while (nr_changed) {
		nr_changed--;
		write_setting(settings[nr_changed].file, before[nr_changed]);
	}
}

int fi_open(void)
{
	/* Of the program's main thread, if this is a child. */
	if (nth_fd >= 0)
		close(nth_fd);
	if (make_it_fail_fd >= 0)
		close(make_it_fail_fd);
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	make_it_fail_fd = open("/proc/thread-self/make-it-fail",
			       O_RDWR | O_CLOEXEC);
	return nth_fd < 0 || make_it_fail_fd < 0 ? -errno : 0;
}

void fi_nth(unsigned int n)
{
	char value[16];
	int len = snprintf(value, sizeof(value), "%u", n);

	mode = NTH;
	if (pwrite(nth_fd, value, len, 0) != len)
		abort();
}

static void make_it_fail(void)
{
	if (pwrite(make_it_fail_fd, "1", 1, 0) != 1)
		abort();
}

void fi_nth_copy(unsigned int n)
{
	mode = COPY;
	/* A copy has the size 1, so the space is how many of them succeed. */
	if (write_number(USERCOPY "times", 1) ||
	    write_number(USERCOPY "space", n) ||
	    write_number(USERCOPY "probability", 100))
		abort();
	make_it_fail();
}

static int mark_caches(const char *const *caches, const char *value)
{
	int ret = 0;

	for (; *caches; caches++) {
		char file[256];

		snprintf(file, sizeof(file), "/sys/kernel/slab/%s/failslab",
			 *caches);
		ret = write_setting(file, value) ?: ret;
	}
	return ret;
}

int fi_caches(const char *const *caches)
{
	int ret = mark_caches(caches, "1");

	if (ret) {
		mark_caches(caches, "0");
		return ret;
	}
	mode = CACHES;
	failing = caches;
	if (write_setting(FAILSLAB "cache-filter", "Y") ||
	    write_number(FAILSLAB "probability", 100))
		abort();
	make_it_fail();
	return 0;
}

/*
 * The number of places that were left is read before it is copied, so this
 * copy may be the one that fails; then the system call had less of them.
 */
static bool nth_off(void)
{
	char left[16] = "";
	bool injected;

	injected = pread(nth_fd, left, sizeof(left) - 1, 0) > 0 && !atoi(left);
	/* When this fails it has been the last. */
	if (pwrite(nth_fd, "0", 1, 0) != 1 && errno != EFAULT)
		abort();
	return injected;
}

static bool copy_off(void)
{
	char left[32] = "";
	bool injected = true;

	/* The same: the copy that ends it may be the one that fails. */
	while (pwrite(make_it_fail_fd, "0", 1, 0) != 1) {
		if (errno != EFAULT)
			abort();
		injected = false;
	}
	if (read_setting(USERCOPY "times", left, sizeof(left)) ||
	    write_number(USERCOPY "probability", 0))
		abort();
	return injected && !atoi(left);
}

static bool caches_off(void)
{
	if (pwrite(make_it_fail_fd, "0", 1, 0) != 1 ||
	    write_number(FAILSLAB "probability", 0) ||
	    write_setting(FAILSLAB "cache-filter", "N"))
		abort();
	mark_caches(failing, "0");
	return true;
}

bool fi_off(void)
{
	switch (mode) {
	case NTH:
		mode = OFF;
		return nth_off();
	case COPY:
		mode = OFF;
		return copy_off();
	case CACHES:
		mode = OFF;
		return caches_off();
	default:
		return false;
	}
}
