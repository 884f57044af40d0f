/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test has to leave as it was: all of it comes from /proc, so a program
 * may look at any time.
 */
#ifndef LEAKS_H
#define LEAKS_H

/* Pinned memory of this process in KiB, or -errno. */
long vmpin_kb(void);
/* Open files of this process, and one for looking; or -errno. */
int open_fds(void);
/* The file descriptor that is free next, or -errno. */
int next_fd(void);
/*
 * Kernel workers that are busy with freeing rings, or -errno. A ring that is
 * never freed keeps one.
 */
int iou_exit_workers(void);

#endif /* LEAKS_H */
