/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The features of the kernel. IO_URING_QUERY needs neither a ring nor
 * privileges.
 */
#ifndef ZCRXMON_PROBE_H
#define ZCRXMON_PROBE_H

#include <stdbool.h>

#include "uring.h"

enum notif_form {
	NOTIF_NO,	/* the kernel cannot notify */
	NOTIF_MASK,	/* a completion has a mask of types, so has arming */
	NOTIF_EVENT,	/* mainline 7.2: both have the number of one type */
	NOTIF_UNKNOWN,	/* something else under the same numbers */
};

/* The answer in the longer of the two forms; the beginning is the same */
struct notif_query {
	__u32	types;
	__u32	stats_size;
	__u32	stats_off_alignment;
	__u32	__resv[21];
};

struct probe {
	int				error;	/* of the query call itself */
	bool				has_zcrx;
	struct io_uring_query_zcrx	zcrx;
	enum notif_form			form;
	unsigned int			notif_query_size;
	struct notif_query		notif;
};

void probe_kernel(struct probe *p);

static inline bool probe_notifies(const struct probe *p)
{
	return p->form == NOTIF_MASK || p->form == NOTIF_EVENT;
}

/* Whether it counts failed allocations, in the last of the statistics */
static inline bool probe_counts_all(const struct probe *p)
{
	return p->notif.stats_size >= sizeof(struct io_uring_zcrx_notif_stats);
}

static inline bool probe_adds_areas(const struct probe *p)
{
	/* In the other form the number is free for another operation */
	return p->form == NOTIF_EVENT &&
	       p->zcrx.nr_ctrl_opcodes > ZCRX_CTRL_ADD_AREA;
}

#endif /* ZCRXMON_PROBE_H */
