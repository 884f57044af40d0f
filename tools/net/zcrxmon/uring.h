/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that includes io_uring. The kernel's headers have to come before
 * liburing's: it has copies without notifications, under the same include
 * guards.
 */
#ifndef ZCRXMON_URING_H
#define ZCRXMON_URING_H

#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <liburing.h>

#ifndef LINUX_IO_URING_ZCRX_NOTIF_H
#error "headers without zcrx notifications: set KHDR to those of a kernel that has them"
#endif

#endif /* ZCRXMON_URING_H */
