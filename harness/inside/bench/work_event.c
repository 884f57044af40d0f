// SPDX-License-Identifier: GPL-2.0
/*
 * Workloads of zcrx_bench for events and calls: a notification until the
 * application sees it, arming, registration and its end, and a receiver that
 * gives no buffers back.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define WARM_UP		8
#define SMALL_AREA	64	/* pages */

/* The kernel's remaining work after a ring was closed. */
#define SETTLE_US	50000

/* Idle time passes at once when instructions are the clock. */
#define STORM_US	2000000
#define STORM_CONNS	8
#define STORM_BYTES	(64 << 10)

static struct rx creator, importer;

/* A second ring that has the instance, with the connection. */
static void import(struct bench *b, int fd)
{
	rx_import(&importer, creator.q, fd, conn_open(b, PORT));
	rx_start(&importer);
}

/* One byte that is copied: an event. */
static void receive_a_byte(void)
{
	rx_until(&importer, importer.received + 1, 0);
}

static void clean(void)
{
	rx_give_back(&importer);
}

static void arm(void)
{
	creator.notifs = 0;
	if (zn_arm(creator.q, ZCRX_NOTIF_COPY))
		fail("arming", EINVAL);
}

static void notify_polling(struct bench *b)
{
	rx_open(&creator, open_ifq(b), (struct conn){});
	import(b, rx_export(&creator));
	b->unit = "event";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		conn_send(&importer.conn, 1, 1);
		if (i >= WARM_UP)
			begin(b);
		receive_a_byte();
		while (!creator.notifs)
			rx_enter(&creator, 0);
		if (i >= WARM_UP)
			end(b);
		arm();
		clean();
	}
	b->units = b->reps;
}

static sem_t opened, imported;
static int exported;

static void *sleep_for_it(void *arg)
{
	struct bench *b = arg;

	rx_open(&creator, open_ifq(b), (struct conn){});
	exported = rx_export(&creator);
	sem_post(&opened);
	sem_wait(&imported);
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		while (!creator.notifs)
			rx_enter(&creator, 1);
		if (i >= WARM_UP)
			end(b);
		arm();
		sem_post(&opened);
	}
	return NULL;
}

static void notify_sleeping(struct bench *b)
{
	pthread_t thread;

	sem_init(&opened, 0, 0);
	sem_init(&imported, 0, 0);
	pthread_create(&thread, NULL, sleep_for_it, b);
	sem_wait(&opened);
	import(b, exported);
	sem_post(&imported);
	b->unit = "event";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		usleep(1000);
		conn_send(&importer.conn, 1, 1);
		if (i >= WARM_UP)
			begin(b);
		receive_a_byte();
		sem_wait(&opened);
		clean();
	}
	pthread_join(thread, NULL);
	b->units = b->reps;
}

static void arming(struct bench *b)
{
	rx_open(&creator, open_ifq(b), (struct conn){});
	import(b, rx_export(&creator));
	b->unit = "call";
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		conn_send(&importer.conn, 1, 1);
		receive_a_byte();
		while (!creator.notifs)
			rx_enter(&creator, 0);
		if (i < WARM_UP) {
			arm();
		} else {
			begin(b);
			arm();
			end(b);
		}
		clean();
	}
	b->units = b->reps;
}

static int register_between_marks(int ring_fd,
				  struct io_uring_zcrx_ifq_reg *reg, void *b)
{
	int ret;

	begin(b);
	ret = zn_raw_register(ring_fd, reg);
	end(b);
	return ret;
}

static void registration(struct bench *b)
{
	struct zn_ifq *q;

	b->unit = "call";
	b->ifq.area_pages = SMALL_AREA;
	b->ifq.do_register_arg = b;
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		b->ifq.do_register = i < WARM_UP ? NULL : register_between_marks;
		q = open_ifq(b);
		zn_close(q);
		free(q);
		usleep(SETTLE_US);
	}
	b->units = b->reps;
}

static void teardown(struct bench *b)
{
	struct zn_ifq *q;

	b->unit = "ring";
	b->ifq.area_pages = SMALL_AREA;
	for (unsigned int i = 0; i < WARM_UP + b->reps; i++) {
		q = open_ifq(b);
		if (i >= WARM_UP)
			begin(b);
		zn_close(q);
		usleep(SETTLE_US);
		if (i >= WARM_UP)
			end(b);
		free(q);
	}
	b->units = b->reps;
}

static unsigned long long failures(const struct zn_ifq *q)
{
	return q->stats ? zn_load(&q->stats->no_buffers_count) : 0;
}

/* All buffers are held, so data that the connections resend finds none. */
static void storm(struct bench *b)
{
	static struct rx rx[STORM_CONNS];
	struct zn_ifq *q[2];
	unsigned long long before = 0, after = 0;
	unsigned int i, j, nr_queues = b->number;

	if (nr_queues != 1 && nr_queues != 2)
		fail("number of queues", EINVAL);
	b->ifq.area_pages = 16;
	for (i = 0; i < nr_queues; i++) {
		b->ifq.queue = 1 + i;
		q[i] = open_ifq(b);
	}
	for (i = 0; i < STORM_CONNS; i++) {
		j = i % nr_queues;
		rx_open(&rx[i], q[j], conn_open(b, PORT + 1 + j));
		rx_start(&rx[i]);
	}
	for (i = 0; i < STORM_CONNS; i++)
		conn_send(&rx[i].conn, STORM_BYTES, STORM_BYTES);
	usleep(STORM_US);
	for (j = 0; j < nr_queues; j++) {
		rx_enter(&rx[j], 0);
		before += failures(q[j]);
	}

	b->unit = "failure";
	for (i = 0; i < b->reps; i++) {
		begin(b);
		usleep(STORM_US);
		end(b);
		for (j = 0; b->rearm && j < nr_queues; j++) {
			rx_enter(&rx[j], 0);
			zn_arm(q[j], ZCRX_NOTIF_NO_BUFFERS);
		}
	}
	for (j = 0; j < nr_queues; j++)
		after += failures(q[j]);
	b->units = after - before;
}

const struct workload event_workloads[] = {
	{ "notify-polling",	notify_polling },
	{ "notify-sleeping",	notify_sleeping },
	{ "arm",		arming },
	{ "register",		registration },
	{ "teardown",		teardown },
	{ "nic-storm-",		storm },
	{}
};
