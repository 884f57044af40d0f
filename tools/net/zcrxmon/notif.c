// SPDX-License-Identifier: GPL-2.0
#include "notif.h"

static void count(unsigned long long *counts, __u32 types)
{
	int i;

	for (i = 0; i < NR_NOTIF; i++)
		counts[i] += types >> i & 1;
}

void notif_cqe(struct notif *n, const struct io_uring_cqe *cqe)
{
	__u32 types = zcrx_types(n->z, cqe);

	n->cqes++;
	n->fired |= types;
	count(n->notified, types);
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

__u32 notif_take(struct notif *n)
{
	__u32 types = n->fired;

	n->fired = 0;
	if (types)
		zcrx_read_stats(n->z, &n->before);
	return types;
}

void notif_answered(struct notif *n)
{
	struct io_uring_zcrx_notif_stats now;

	zcrx_read_stats(n->z, &now);
	n->before.no_buffers_count = now.no_buffers_count;
}

int notif_arm(struct notif *n, __u32 types)
{
	struct io_uring_zcrx_notif_stats now;
	int ret;

	if (!n->arm)
		return 0;
	ret = zcrx_arm(n->z, types);
	if (ret)
		return ret;
	count(n->armed, types);

	/*
	 * From here on an event brings a completion again. An event between
	 * notif_take() and arming did not, and has moved its counter. One look
	 * is enough: later events come after arming, too.
	 */
	zcrx_read_stats(n->z, &now);
	types &= moved(&n->before, &now);
	count(n->by_counter, types);
	return types;
}
