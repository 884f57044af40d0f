// SPDX-License-Identifier: GPL-2.0
#include "notif.h"

const char * const notif_names[NR_NOTIF] = {
	[NOTIF_I_NO_BUFFERS]	= "NO_BUFFERS",
	[NOTIF_I_COPY]		= "COPY",
};

static const __u32 notif_bits[NR_NOTIF] = {
	[NOTIF_I_NO_BUFFERS]	= ZCRX_NOTIF_NO_BUFFERS,
	[NOTIF_I_COPY]		= ZCRX_NOTIF_COPY,
};

const char *notif_mask_name(__u32 types)
{
	switch (types) {
	case ZCRX_NOTIF_NO_BUFFERS:
		return "NO_BUFFERS";
	case ZCRX_NOTIF_COPY:
		return "COPY";
	case ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY:
		return "NO_BUFFERS|COPY";
	default:
		return "unknown";
	}
}

static void count(unsigned long long *counts, __u32 types)
{
	int i;

	for (i = 0; i < NR_NOTIF; i++)
		if (types & notif_bits[i])
			counts[i]++;
}

/* One completion can carry several types: res is a mask. */
void notif_cqe(struct notif *n, const struct io_uring_cqe *cqe)
{
	n->cqes++;
	n->fired |= cqe->res;
	count(n->notified, cqe->res);
}

static __u32 moved(const struct io_uring_zcrx_notif_stats *before,
		   const struct io_uring_zcrx_notif_stats *after)
{
	__u32 types = 0;

	if (after->no_buffers_count != before->no_buffers_count)
		types |= ZCRX_NOTIF_NO_BUFFERS;
	if (after->copy_count != before->copy_count)
		types |= ZCRX_NOTIF_COPY;
	return types;
}

int notif_handle(struct notif *n, notif_handler handler, void *arg)
{
	struct io_uring_zcrx_notif_stats last, now;
	__u32 types = n->fired, again;
	int ret;

	if (!types)
		return 0;

	/* Look before handling: what happens from here on is seen below */
	zcrx_stats(n->z, &last);
	ret = handler(arg, types, false);
	if (ret || !n->arm) {
		n->fired = 0;
		return ret;
	}

	ret = zcrx_arm(n->z, types);
	if (ret)
		return ret;
	n->fired = 0;
	count(n->armed, types);

	/*
	 * From here on an event brings a completion again. What happened
	 * between the look and arming did not, and has moved its counter. Once
	 * is enough: what comes after this look is after arming, too.
	 */
	zcrx_stats(n->z, &now);
	again = moved(&last, &now) & types;
	if (!again)
		return 0;
	count(n->by_counter, again);
	return handler(arg, again, true);
}
