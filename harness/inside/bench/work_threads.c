// SPDX-License-Identifier: GPL-2.0
/*
 * The workload of zcrx_bench that receives on several CPUs: each thread has a
 * ring, all rings have the same instance and copy at the same time. It is for
 * wall-clock time; instructions are counted where there is one CPU.
 */
#include <errno.h>
#include <pthread.h>

#include "bench.h"

#define THREAD_BYTES	(128 << 10)
#define WARM_UP		8

struct thread {
	pthread_t	id;
	struct bench	*b;
	struct zn_ifq	*creator;
	int		exported;
	struct conn	conn;
	struct rx	rx;
};

static struct thread threads[MAX_RINGS];
static pthread_barrier_t ready, go, done;
static unsigned long long bytes;

static void receive(struct thread *t)
{
	pthread_barrier_wait(&go);
	rx_until(&t->rx, t->rx.received + bytes, 1);
	pthread_barrier_wait(&done);
}

/* A ring belongs to the thread that made it. */
static void *thread_main(void *arg)
{
	struct thread *t = arg;

	rx_import(&t->rx, t->creator, t->exported, t->conn);
	rx_start(&t->rx);
	pthread_barrier_wait(&ready);
	for (unsigned int i = 0; i < WARM_UP + t->b->reps; i++)
		receive(t);
	return NULL;
}

static void run_threads(struct bench *b)
{
	struct zn_ifq *q = open_ifq(b);
	unsigned int i, j, nr = b->number;
	struct rx *first = &threads[0].rx;

	if (!nr || nr > MAX_RINGS)
		fail("number of threads", EINVAL);
	bytes = THREAD_BYTES * b->scale;
	pthread_barrier_init(&ready, NULL, nr);
	pthread_barrier_init(&go, NULL, nr);
	pthread_barrier_init(&done, NULL, nr);
	for (j = 0; j < nr; j++)
		threads[j].conn = conn_open(b, PORT);
	rx_open(first, q, threads[0].conn);
	rx_start(first);
	for (j = 1; j < nr; j++) {
		threads[j].b = b;
		threads[j].creator = q;
		threads[j].exported = rx_export(first);
		i = pthread_create(&threads[j].id, NULL, thread_main, &threads[j]);
		if (i)
			fail("thread", i);
	}
	pthread_barrier_wait(&ready);
	b->unit = "fragment";
	for (i = 0; i < WARM_UP + b->reps; i++) {
		for (j = 0; j < nr; j++)
			conn_send(&threads[j].conn, bytes, 64 << 10);
		if (i >= WARM_UP)
			begin(b);
		receive(&threads[0]);
		if (i >= WARM_UP)
			end(b);
		b->bytes += i >= WARM_UP ? nr * bytes : 0;
		/* the others wait, so this one has the refill queue alone */
		for (j = 0; j < nr; j++)
			rx_give_back(&threads[j].rx);
		if (b->rearm && first->notifs && zn_arm(q, ZCRX_NOTIF_COPY))
			fail("arming", EINVAL);
		first->notifs = 0;
		zn_flush_rq(q);
	}
	for (j = 1; j < nr; j++)
		pthread_join(threads[j].id, NULL);
	b->units = copies(q);
}

const struct workload thread_workloads[] = {
	{ "threads-",	run_threads },
	{}
};
