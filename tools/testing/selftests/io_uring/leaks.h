/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values that a test must leave unchanged. All of them come from /proc, so a
 * program can read them at any time.
 */
#ifndef LEAKS_H
#define LEAKS_H

#include <stdbool.h>
#include <stddef.h>

/* Pinned memory of this process in KiB, or -errno. */
long vmpin_kb(void);
/* Whether it is what @kb, a long, says. */
bool vmpin_is(void *kb);
/* Open files of this process, and one for looking; or -errno. */
int open_fds(void);
/* The file descriptor that is free next, or -errno. */
int next_fd(void);
/*
 * Kernel workers that are busy with freeing rings, or -errno. A ring that is
 * never freed keeps one.
 */
int iou_exit_workers(void);

/*
 * A setting in /proc or /sys; the first line of @size bytes at most. 0 or a
 * negative errno, and the empty string then.
 */
int read_setting(const char *file, char *value, size_t size);
int write_setting(const char *file, const char *value);
int write_number(const char *file, unsigned long n);

#endif /* LEAKS_H */
