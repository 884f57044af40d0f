/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications without loss. The kernel notifies of each type once and then
 * stays silent until it is armed again, so events between the two show in the
 * counters only.
 */
#ifndef ZCRXMON_NOTIF_H
#define ZCRXMON_NOTIF_H

#include <stdbool.h>

#include "zcrx.h"

enum {
	NOTIF_I_NO_BUFFERS,
	NOTIF_I_COPY,
	NR_NOTIF,
};

extern const char * const notif_names[NR_NOTIF];

/* "NO_BUFFERS", "COPY" or "NO_BUFFERS|COPY" */
const char *notif_mask_name(__u32 types);

/*
 * What to do about events of the types in the mask. by_counter: their counters
 * have moved without a notification.
 */
typedef int (*notif_handler)(void *arg, __u32 types, bool by_counter);

struct notif {
	struct zcrx		*z;
	bool			arm;		/* false: --no-arm */
	__u32			fired;		/* notified, not yet handled */
	unsigned long long	cqes;
	unsigned long long	notified[NR_NOTIF];
	unsigned long long	armed[NR_NOTIF];
	unsigned long long	by_counter[NR_NOTIF];
};

/* Take note of a notification completion. */
void notif_cqe(struct notif *n, const struct io_uring_cqe *cqe);

/*
 * Handle what notif_cqe() noted, and arm it again. Call it once a batch of
 * completions is through: the handler gives buffers back, and all completions
 * that brought some should have been seen before.
 */
int notif_handle(struct notif *n, notif_handler handler, void *arg);

#endif /* ZCRXMON_NOTIF_H */
