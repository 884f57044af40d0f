/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which buffers the application has, and when they go back. Every receive
 * completion hands out a piece of a buffer, and every piece has to be given
 * back on its own; the kernel reuses the buffer after the last one.
 */
#ifndef ZCRXMON_REFILL_H
#define ZCRXMON_REFILL_H

#include <stdbool.h>

#include "options.h"
#include "zcrx.h"

struct piece {
	__u64	off;
	__u32	len;
};

struct refill {
	struct zcrx		*z;
	enum refill_mode	mode;
	double			rate;
	double			budget;		/* pieces that may go back */
	double			last;		/* when budget was computed */

	/* Pieces not given back, oldest first, in a circular buffer */
	struct piece		*pieces;
	unsigned int		nr_slots;	/* a power of two */
	unsigned int		head, tail;

	unsigned int		*users;		/* pieces a buffer */
	unsigned int		held;		/* buffers with users */
	unsigned long long	given;		/* pieces given back, ever */
	bool			stalled;	/* until NO_BUFFERS, see --help */
};

int refill_init(struct refill *r, struct zcrx *z, const struct options *o);
void refill_free(struct refill *r);

/* Keep the piece that a receive completion brought. */
int refill_take(struct refill *r, const struct io_uring_cqe *cqe);

/* Give back what the mode allows at this time, in seconds. */
int refill_turn(struct refill *r, double now);

/*
 * The kernel is out of buffers: give back what we can, and see to it that the
 * kernel takes it.
 */
int refill_urgent(struct refill *r);

/* Whether refill_turn() has more to do a little later */
static inline bool refill_paced(const struct refill *r)
{
	return r->mode == REFILL_RATE && r->head != r->tail;
}

#endif /* ZCRXMON_REFILL_H */
