/* SPDX-License-Identifier: GPL-2.0 */
/* The state of the program, for its output. */
#ifndef ZCRXMON_MONITOR_H
#define ZCRXMON_MONITOR_H

#include "conn.h"
#include "notif.h"
#include "options.h"
#include "probe.h"
#include "refill.h"
#include "zcrx.h"

struct monitor {
	struct options	o;
	struct probe	probe;
	struct zcrx	z;
	struct refill	refill;
	struct notif	notif;
	struct conns	conns;
	double		now;	/* seconds since the start */
	int		sigfd;
	bool		stop;	/* a signal asked for the end */
	bool		grow;	/* areas can still be added */
};

/* The answer to a notification */
struct reaction {
	unsigned int		held, nr_bufs;	/* before it */
	unsigned long long	given;		/* pieces that went back */
	size_t			added;		/* bytes of a new area */
};

#endif /* ZCRXMON_MONITOR_H */
