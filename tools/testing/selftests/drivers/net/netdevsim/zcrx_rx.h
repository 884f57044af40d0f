/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of zcrx_rx, a receiver on io_uring zero-copy receive that a script
 * drives: zcrx_rx.c has the connections, the commands and the events,
 * zcrx_rx_area.c the areas that a zcrx instance can have, zcrx_rx_fault.c
 * registers instances while things fail, zcrx_rx_pause.c holds a registration,
 * and zcrx_rx_visit.c has other rings that come and go.
 */
#ifndef ZCRX_RX_H
#define ZCRX_RX_H

#include "../../../io_uring/zcrx_notif_common.h"

enum area_kind {
	AREA_NORMAL,
	AREA_HUGE,	/* of huge pages */
	AREA_UDMABUF,	/* a dma-buf, made of a memfd */
};

struct options {
	struct zn_opts	ifq;
	enum area_kind	area_kind;
	unsigned int	listeners;
	bool		hold;
	bool		flush;
	bool		faults;		/* fail all that can, one by one */
	const char	*fail_cache;	/* fail allocations of a slab cache */
};

/* Print the event "failed", and end. */
void fail(const char *what, int error);

/* 0 or a negative errno; @what then names the step that failed. */
int open_ifq(struct zn_ifq *q, const struct options *o, const char **what);
/* Before and after looking into the area, which may be a dma-buf. */
void begin_read(struct zn_ifq *q);
void end_read(struct zn_ifq *q);

/*
 * Register with faults, as the options say, and print the results. Each failed
 * registration is tried once more, without a fault.
 */
void register_with_faults(const struct options *o);

/* For struct zn_opts.do_register, of one instance. */
int register_paused(int ring_fd, struct io_uring_zcrx_ifq_reg *reg,
		    void *unused);

#define NR_TYPES	2	/* of notifications */

/* What visitors did, which may go on while it is looked at. */
struct visits {
	unsigned int	nr;
	unsigned int	armed[NR_TYPES];	/* by the number of the bit */
	int		error;			/* why they ended early */
};

/* A thread whose rings import the instance, arm, flush, export and go away. */
int visits_start(struct zn_ifq *q);
/* Does nothing if there are none (any more). */
void visits_stop(void);
struct visits visits_get(void);

#endif /* ZCRX_RX_H */
