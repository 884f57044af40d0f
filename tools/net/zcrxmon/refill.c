// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "refill.h"

int refill_init(struct refill *r, struct zcrx *z, enum refill_mode mode,
		unsigned int rate)
{
	*r = (struct refill) {
		.z		= z,
		.mode		= mode,
		.rate		= rate,
		.nr_slots	= 1024,
	};
	r->pieces = calloc(r->nr_slots, sizeof(*r->pieces));
	r->users = calloc(z->nr_bufs, sizeof(*r->users));
	if (r->pieces && r->users)
		return 0;
	refill_free(r);
	return -ENOMEM;
}

void refill_free(struct refill *r)
{
	free(r->pieces);
	free(r->users);
	r->pieces = NULL;
	r->users = NULL;
}

/* With a device, many pieces can share a buffer: their number has no limit. */
static int grow(struct refill *r)
{
	unsigned int i, n = r->tail - r->head;
	__u64 *pieces;

	pieces = calloc(r->nr_slots * 2, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		pieces[i] = r->pieces[(r->head + i) & (r->nr_slots - 1)];
	free(r->pieces);
	r->pieces = pieces;
	r->nr_slots *= 2;
	r->head = 0;
	r->tail = n;
	return 0;
}

int refill_add_area(struct refill *r, size_t size)
{
	unsigned int nr = r->z->nr_bufs, more = size >> r->z->buf_shift;
	unsigned int *users = realloc(r->users, ((size_t)nr + more) * sizeof(*users));

	if (!users)
		return -ENOMEM;
	memset(users + nr, 0, more * sizeof(*users));
	r->users = users;
	return zcrx_add_area(r->z, size);
}

int refill_take(struct refill *r, const struct io_uring_cqe *cqe)
{
	__u64 off = io_uring_zcrx_cqe_off(cqe);
	int ret;

	if (r->tail - r->head == r->nr_slots) {
		ret = grow(r);
		if (ret)
			return ret;
	}
	r->pieces[r->tail++ & (r->nr_slots - 1)] = off;
	if (!r->users[zcrx_buffer(r->z, off)]++)
		r->held++;
	return 0;
}

/* Write up to nr pieces into the refill queue; returns how many fitted. */
static unsigned int give(struct refill *r, unsigned int nr)
{
	struct io_uring_zcrx_rq *rq = &r->z->rq;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		__u64 off = r->pieces[r->head & (r->nr_slots - 1)];

		if (io_uring_zcrx_rq_add(rq, off))
			break;
		r->head++;
		if (!--r->users[zcrx_buffer(r->z, off)])
			r->held--;
	}
	io_uring_zcrx_rq_advance(rq);
	r->given += i;
	return i;
}

static int give_back(struct refill *r, unsigned int nr)
{
	int ret;

	while (nr) {
		nr -= give(r, nr);
		/*
		 * Without a device, only a flush takes the entries. With one,
		 * the page pool takes them later, so flush a full queue.
		 */
		if (nr || r->z->nodev) {
			ret = zcrx_flush(r->z);
			if (ret)
				return ret;
		}
	}
	return 0;
}

int refill_turn(struct refill *r, double now)
{
	unsigned int nr = r->tail - r->head;

	if (r->stalled)
		return 0;
	switch (r->mode) {
	case REFILL_ALL:
		return give_back(r, nr);
	case REFILL_RATE:
		r->budget += (now - r->last) * r->rate;
		r->last = now;
		if (nr > r->budget)
			nr = r->budget;
		else	/* An unused budget is not saved for later */
			r->budget = nr;
		r->budget -= nr;
		return give_back(r, nr);
	default:
		return 0;
	}
}

int refill_urgent(struct refill *r)
{
	int ret = 0;

	r->stalled = false;
	if (r->mode == REFILL_ALL || r->mode == REFILL_HOLD)
		ret = give_back(r, r->tail - r->head);
	/* Copies may wait for entries that the page pool left in the queue */
	return ret ?: zcrx_flush(r->z);
}
