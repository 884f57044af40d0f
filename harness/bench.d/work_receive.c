// SPDX-License-Identifier: GPL-2.0
/* Workloads of zcrx_bench that receive. */
#include <errno.h>

#include "bench.h"

/*
 * How much one repetition receives. Few enough instructions that most of the
 * repetitions are not hit by the timer's tick.
 */
#define COPY_BYTES	(128 << 10)
#define SMALL_BYTES	(32 << 10)
#define ZC_BYTES	(64 << 10)

#define WARM_UP		8

/* Copied in one go: what was sent lies in the socket when it begins. */
static void copied(struct bench *b, size_t total, size_t chunk)
{
	struct ifq *q = open_ifq(b);
	unsigned long long before = 0;
	struct rx r;

	total *= b->scale;
	rx_open(&r, q, conn_open(b, PORT));
	rx_start(&r);
	b->unit = "fragment";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		if (i == WARM_UP)
			before = copies(q);
		conn_send(&r.conn, total, chunk);
		if (i < WARM_UP) {
			rx_until(&r, r.received + total, 0);
		} else {
			begin(b);
			rx_until(&r, r.received + total, 0);
			end(b);
			b->bytes += total;
		}
		if (b->rearm && r.notifs && ifq_arm(q, ZCRX_NOTIF_COPY))
			fail("arming", EINVAL);
		r.notifs = 0;
		rx_give_back(&r);
		ifq_flush(q);
	}
	b->units = copies(q) - before;
}

static void copied_64k(struct bench *b)
{
	copied(b, COPY_BYTES, 64 << 10);
}

static void copied_1k(struct bench *b)
{
	copied(b, SMALL_BYTES, 1 << 10);
}

const struct workload receive_workloads[] = {
	{ "nodev-copy-64k",	copied_64k },
	{ "nodev-copy-1k",	copied_1k },
	{}
};
