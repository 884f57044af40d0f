/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers that the application has, and their way back. Each receive completion
 * hands out a piece of a buffer, and each piece goes back separately. The kernel
 * reuses a buffer after its last piece.
 */
#ifndef ZCRXMON_REFILL_H
#define ZCRXMON_REFILL_H

#include <stdbool.h>

#include "zcrx.h"

enum refill_mode {
	REFILL_ALL,	/* give each buffer back at once */
	REFILL_NONE,	/* never */
	REFILL_HOLD,	/* keep all until the kernel says NO_BUFFERS */
	REFILL_RATE,	/* a number of pieces each second */
};

struct refill {
	struct zcrx		*z;
	enum refill_mode	mode;
	double			rate;
	double			budget;		/* pieces that may go back */
	double			last;		/* time of the budget */

	/* Offsets of pieces not given back, oldest first, in a circular buffer */
	__u64			*pieces;
	unsigned int		nr_slots;	/* a power of two */
	unsigned int		head, tail;

	unsigned int		*users;		/* pieces a buffer */
	unsigned int		held;		/* buffers with users */
	unsigned long long	given;		/* pieces given back, ever */
	bool			stalled;	/* until NO_BUFFERS, see --help */
};

int refill_init(struct refill *r, struct zcrx *z, enum refill_mode mode,
		unsigned int rate);
void refill_free(struct refill *r);

/* Keep the piece that a receive completion brought. */
int refill_take(struct refill *r, const struct io_uring_cqe *cqe);

/* Give back what the mode allows at this time, in seconds. */
int refill_turn(struct refill *r, double now);

/* Add an area, see zcrx_add_area(), whose errors this has. */
int refill_add_area(struct refill *r, size_t size);

/*
 * The kernel is out of buffers: give back what the mode allows, and make the
 * kernel take it.
 */
int refill_urgent(struct refill *r);

/* Whether refill_turn() has more to do a little later */
static inline bool refill_paced(const struct refill *r)
{
	return r->mode == REFILL_RATE && r->head != r->tail;
}

#endif /* ZCRXMON_REFILL_H */
