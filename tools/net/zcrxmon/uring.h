/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one place that includes io_uring. The kernel's headers have to come before
 * liburing's: it has copies with mainline's form of notifications, under the same
 * include guards.
 */
#ifndef ZCRXMON_URING_H
#define ZCRXMON_URING_H

#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#ifdef LINUX_IO_URING_ZCRX_NOTIF_H
/*
 * liburing has other names for the descriptor and the statistics, which are the
 * same. Its answer to the query is shorter, and its types are numbers.
 */
struct io_uring_query_zcrx_event;
#define zcrx_event_desc			zcrx_notification_desc
#define zcrx_stats			io_uring_zcrx_notif_stats
#define ZCRX_EVENT_DESC_FLAG_STATS	ZCRX_NOTIF_DESC_FLAG_STATS
#endif
#include <liburing.h>

#ifdef LINUX_IO_URING_ZCRX_NOTIF_H
/* Mainline 7.3 has this, and a program that is built here can run there. */
#define ZCRX_CTRL_ADD_AREA		3
#else
/*
 * Mainline's headers (7.2 and later) have other names, and there a type is the
 * number of a bit. Events stand for notifications.
 */
#define zcrx_notification_desc		zcrx_event_desc
#define notif_desc			event_desc
#define io_uring_zcrx_notif_stats	zcrx_stats
#define no_buffers_count		alloc_fail_count
#define ZCRX_FEATURE_NOTIFICATION	ZCRX_FEATURE_EVENT
#define IO_URING_QUERY_ZCRX_NOTIF	IO_URING_QUERY_ZCRX_EVENT

enum {
	ZCRX_NOTIF_NO_BUFFERS		= 1U << ZCRX_EVENT_ALLOC_FAIL,
	ZCRX_NOTIF_COPY			= 1U << ZCRX_EVENT_COPY,
};
#endif

#endif /* ZCRXMON_URING_H */
