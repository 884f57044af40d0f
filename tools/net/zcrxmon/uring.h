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

/*
 * Mainline's headers (7.2 and later) have other names for the same structures.
 * There a type is the number of a bit, and events stand for notifications.
 */
#ifndef LINUX_IO_URING_ZCRX_NOTIF_H
#define zcrx_notification_desc		zcrx_event_desc
#define notif_desc			event_desc
#define io_uring_zcrx_notif_stats	zcrx_stats
#define no_buffers_count		alloc_fail_count
#define ZCRX_NOTIF_DESC_FLAG_STATS	ZCRX_EVENT_DESC_FLAG_STATS
#define ZCRX_FEATURE_NOTIFICATION	ZCRX_FEATURE_EVENT
#define ZCRX_CTRL_ARM_NOTIFICATION	ZCRX_CTRL_ARM_EVENT
#define IO_URING_QUERY_ZCRX_NOTIF	IO_URING_QUERY_ZCRX_EVENT
#define zc_arm_notif			zc_arm_event
#define arm_word			event_type
#define add_area_ptr			zc_area.area_ptr

enum {
	ZCRX_NOTIF_NO_BUFFERS		= 1U << ZCRX_EVENT_ALLOC_FAIL,
	ZCRX_NOTIF_COPY			= 1U << ZCRX_EVENT_COPY,
};
#else
#define arm_word			type_mask
/* Mainline 7.3 has this, and a program that is built here can run there. */
#define ZCRX_CTRL_ADD_AREA		3
#define add_area_ptr			zc_flush.__resv[0]
#endif

#endif /* ZCRXMON_URING_H */
