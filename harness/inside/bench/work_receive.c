// SPDX-License-Identifier: GPL-2.0
/* Workloads of zcrx_bench that receive. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/*
 * The bytes that one repetition receives. They take so few instructions that the
 * timer's tick hits only few repetitions.
 */
#define COPY_BYTES	(512 << 10)
#define COPY_WRITES	128
#define ZC_BYTES	(64 << 10)
#define MTU_BYTES	(128 << 10)
#define RING_BYTES	(128 << 10)

#define WARM_UP		8
#define SETTLE_US	5000

/* Copied at once: the data lies in the socket when the repetition begins. */
static void copied(struct bench *b)
{
	unsigned long long before = 0, total = COPY_BYTES;
	struct zn_ifq *q = open_ifq(b);
	struct rx r;

	if (total > b->number * COPY_WRITES)
		total = b->number * COPY_WRITES;
	total *= b->scale;
	rx_open(&r, q, conn_open(b, PORT));
	rx_start(&r);
	b->unit = "fragment";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		if (i == WARM_UP)
			before = copies(q);
		conn_send(&r.conn, total, b->number);
		if (i < WARM_UP) {
			rx_until(&r, r.received + total, 0);
		} else {
			begin(b);
			rx_until(&r, r.received + total, 0);
			end(b);
			b->bytes += total;
		}
		if (b->rearm && r.notifs && zn_arm(q, ZCRX_NOTIF_COPY))
			fail("arming", EINVAL);
		r.notifs = 0;
		rx_give_back(&r);
		zn_flush_rq(q);
	}
	b->units = copies(q) - before;
}

/* From the other end of the wire until the application gives the buffers back. */
static void from_nic(struct bench *b, unsigned int port)
{
	bool small = strstr(b->workload, "mtu");
	unsigned long long before = 0;
	size_t total = small ? MTU_BYTES : ZC_BYTES * b->scale;
	struct zn_ifq *q;
	struct rx r;

	b->ifq.queue = 1;
	q = open_ifq(b);
	rx_open(&r, q, conn_open(b, port));
	rx_start(&r);
	b->unit = port == PORT ? "fragment" : "buffer";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		if (i == WARM_UP) {
			b->units = 0;
			before = copies(q);
		}
		/* finish the work of the repetition before */
		usleep(SETTLE_US);
		if (i >= WARM_UP)
			begin(b);
		conn_send(&r.conn, total, 64 << 10);
		/* calls of all sizes, on each kernel */
		if (small)
			usleep(SETTLE_US);
		rx_until(&r, r.received + total, 1);
		b->units += r.nr_held;
		rx_give_back(&r);
		if (port == PORT)
			zn_flush_rq(q);
		if (i >= WARM_UP)
			end(b);
		b->bytes += i >= WARM_UP ? total : 0;
		if (b->rearm && r.notifs)
			zn_arm(q, ZCRX_NOTIF_COPY);
		r.notifs = 0;
	}
	if (port == PORT)
		b->units = copies(q) - before;
}

static void nic_zero_copy(struct bench *b)
{
	from_nic(b, PORT + 1);
}

static void nic_copy(struct bench *b)
{
	from_nic(b, PORT);
}

/* Several rings share the instance; each copies from its own connection. */
static void rings(struct bench *b)
{
	static struct rx rx[MAX_RINGS];
	unsigned long long before = 0, total = RING_BYTES * b->scale;
	struct zn_ifq *q = open_ifq(b);
	unsigned int i, j, nr = b->number;

	if (!nr || nr > MAX_RINGS)
		fail("number of rings", EINVAL);
	rx_open(&rx[0], q, conn_open(b, PORT));
	for (j = 1; j < nr; j++)
		rx_import(&rx[j], q, rx_export(&rx[0]), conn_open(b, PORT));
	for (j = 0; j < nr; j++)
		rx_start(&rx[j]);
	b->unit = "fragment";
	for (i = 0; i < WARM_UP + b->reps; i++) {
		if (i == WARM_UP)
			before = copies(q);
		for (j = 0; j < nr; j++)
			conn_send(&rx[j].conn, total, 64 << 10);
		if (i >= WARM_UP)
			begin(b);
		for (j = 0; j < nr; j++)
			rx_until(&rx[j], rx[j].received + total, 0);
		if (i >= WARM_UP)
			end(b);
		b->bytes += i >= WARM_UP ? nr * total : 0;
		for (j = 0; j < nr; j++)
			rx_give_back(&rx[j]);
		if (b->rearm) {
			rx_enter(&rx[0], 0);
			if (rx[0].notifs)
				zn_arm(q, ZCRX_NOTIF_COPY);
			rx[0].notifs = 0;
		}
		zn_flush_rq(q);
	}
	b->units = copies(q) - before;
}

const struct workload receive_workloads[] = {
	{ "nodev-copy-",	copied },
	{ "nic-copy",		nic_copy },
	{ "nic-zc-",		nic_zero_copy },
	{ "rings-",		rings },
	{}
};
