/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications without loss. The kernel notifies of each type once and then
 * stays silent until it is armed again. Events in between show in the counters
 * only. So, after a batch of completions:
 *
 *	types = notif_take(n);		looks at the counters
 *	handle the types		give buffers back
 *	types = notif_arm(n, types);	arms, and looks again
 *	handle these types, too
 */
#ifndef ZCRXMON_NOTIF_H
#define ZCRXMON_NOTIF_H

#include <stdbool.h>

#include "zcrx.h"

/* Arrays with one entry a type have that of 1 << i at index i. */
#define NR_NOTIF	2

struct notif {
	struct zcrx		*z;
	bool			arm;		/* false: --no-arm */
	__u32			fired;		/* notified, not yet taken */
	struct io_uring_zcrx_notif_stats before;	/* at notif_take() */
	unsigned long long	cqes;
	unsigned long long	notified[NR_NOTIF];
	unsigned long long	armed[NR_NOTIF];
	unsigned long long	by_counter[NR_NOTIF];
};

/* Take note of a notification completion. */
void notif_cqe(struct notif *n, const struct io_uring_cqe *cqe);

/* Returns the mask of the types that were notified, perhaps 0. */
__u32 notif_take(struct notif *n);

/* Failed allocations up to now are answered: new buffers are there. */
void notif_answered(struct notif *n);

/*
 * Returns the mask of the types with events since notif_take() that bring no
 * completion, or a negative error.
 */
int notif_arm(struct notif *n, __u32 types);

#endif /* ZCRXMON_NOTIF_H */
