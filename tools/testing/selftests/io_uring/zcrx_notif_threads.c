// SPDX-License-Identifier: GPL-2.0
/*
 * Several rings, each in its own thread, on one ifq: the counters are exact,
 * each type fires once, and a thread that follows the lossless pattern misses
 * nothing (handle, give buffers back, arm, compare the counter with the last).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define MAX_THREADS	4
/*
 * One buffer on any system, and a divisor of the pages that TCP takes payload
 * from, so that each of these, sent and received alone, is one fragment.
 */
#define CHUNK		4096

struct world;

struct worker {
	struct world *w;
	pthread_t thread;
	struct zn_ifq q;
	struct zn_events ev;
	__u32 type;		/* of the events it makes */
	int error;		/* of the first call that failed */
	unsigned int lost;	/* events that nobody handled in time */
	__u64 armed_at;		/* copy_count right after arming */
};

struct world {
	struct zn_ifq c;	/* the creator, in the main thread */
	struct zn_events ev;
	struct worker workers[MAX_THREADS];
	unsigned int nr;
	int fd;			/* exported file */
	pthread_mutex_t refill_lock;
	pthread_barrier_t start;
	pthread_barrier_t end;
	unsigned int rounds;
	unsigned int running;
	__u64 handled;		/* copy_count that the creator has handled */
};

static int world_open(struct world *w, const struct zn_opts *o, unsigned int nr)
{
	int ret = zn_open(&w->c, o);

	if (ret)
		return ret;
	w->fd = zn_export(&w->c);
	if (w->fd < 0)
		return w->fd;
	w->nr = nr;
	w->running = nr;
	pthread_mutex_init(&w->refill_lock, NULL);
	pthread_barrier_init(&w->start, NULL, nr + 1);
	pthread_barrier_init(&w->end, NULL, nr + 1);
	return zn_connect(&w->c);
}

static void *worker_main(void *arg);

/* What the workers do, after they have imported the ifq and connected. */
static void (*work)(struct worker *wk);

static int world_start(struct world *w, void (*fn)(struct worker *wk))
{
	work = fn;
	for (unsigned int i = 0; i < w->nr; i++) {
		w->workers[i].w = w;
		if (pthread_create(&w->workers[i].thread, NULL, worker_main,
				   &w->workers[i]))
			return -EAGAIN;
	}
	return 0;
}

/* Returns the first error of a thread. */
static int world_join(struct world *w)
{
	int ret = 0;

	for (unsigned int i = 0; i < w->nr; i++) {
		pthread_join(w->workers[i].thread, NULL);
		if (!ret)
			ret = w->workers[i].error;
	}
	return ret;
}

/* Only after world_join(): the rings are shut by whoever comes last. */
static void world_close(struct world *w)
{
	for (unsigned int i = 0; i < w->nr; i++)
		zn_close(&w->workers[i].q);
	zn_close(&w->c);
	close(w->fd);
}

static void *worker_main(void *arg)
{
	struct worker *wk = arg;
	const struct zn_opts o = {};

	wk->error = zn_import(&wk->q, &wk->w->c, wk->w->fd, &o);
	if (!wk->error)
		wk->error = zn_connect(&wk->q);
	pthread_barrier_wait(&wk->w->start);
	/* A thread that failed still meets the others where they wait. */
	work(wk);
	__atomic_sub_fetch(&wk->w->running, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static unsigned int give_back(struct world *w, struct zn_ifq *q)
{
	unsigned int n;

	pthread_mutex_lock(&w->refill_lock);
	n = zn_refill(q, q->nr_held);
	pthread_mutex_unlock(&w->refill_lock);
	return n;
}

/* Sums of everything that was received. */
static __u64 sum_bytes(struct world *w)
{
	__u64 sum = w->ev.bytes;

	for (unsigned int i = 0; i < w->nr; i++)
		sum += w->workers[i].ev.bytes;
	return sum;
}

static __u64 sum_data_cqes(struct world *w)
{
	__u64 sum = w->ev.data_cqes;

	for (unsigned int i = 0; i < w->nr; i++)
		sum += w->workers[i].ev.data_cqes;
	return sum;
}

static unsigned int sum_bad(struct world *w)
{
	unsigned int sum = w->ev.bad;

	for (unsigned int i = 0; i < w->nr; i++)
		sum += w->workers[i].ev.bad + w->workers[i].ev.others +
		       w->workers[i].ev.notifs;
	return sum;
}

/*
 * Receive @total bytes, sent @step at a time, with a new receive when the
 * others have taken all the buffers.
 */
static int receive(struct world *w, struct zn_ifq *q, struct zn_events *ev,
		   __u64 total, size_t step)
{
	__u64 end = ev->bytes + total;

	zn_recv(q, 0);
	while (ev->bytes < end) {
		ssize_t sent;
		int ret;

		sent = zn_send(q, step - q->sent % step);
		if (sent < 0)
			return sent;
		while (q->received < q->sent) {
			ret = zn_reap_bytes(q, ev, q->sent - q->received);
			if (ret)
				return ret;
			give_back(w, q);
			if (!ev->recv_ended)
				continue;
			if (ev->recv_end_res != -ENOMEM)
				return ev->recv_end_res ?: -EPIPE;
			ev->recv_ended = false;
			zn_recv(q, 0);
		}
	}
	return 0;
}

FIXTURE(sums)
{
	struct world w;
};

FIXTURE_VARIANT(sums)
{
	unsigned int importers;
	unsigned int area_pages;
};

FIXTURE_VARIANT_ADD(sums, two_rings)
{
	.importers = 1,
	.area_pages = 64,
};

FIXTURE_VARIANT_ADD(sums, four_rings)
{
	.importers = 3,
	.area_pages = 64,
};

FIXTURE_VARIANT_ADD(sums, four_rings_short_of_buffers)
{
	.importers = 3,
	.area_pages = 2,
};

FIXTURE_SETUP(sums)
{
	const struct zn_opts o = {
		.area_pages = variant->area_pages,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	ASSERT_EQ(0, world_open(&self->w, &o, variant->importers));
}

FIXTURE_TEARDOWN(sums)
{
	world_close(&self->w);
}

#define CHUNKS	200

static void receive_chunks(struct worker *wk)
{
	if (!wk->error)
		wk->error = receive(wk->w, &wk->q, &wk->ev, CHUNKS * CHUNK,
				    CHUNK);
}

TEST_F(sums, of_single_fragments)
{
	const struct io_uring_zcrx_notif_stats *st = self->w.c.stats;
	const __u64 chunks = CHUNKS * (1 + variant->importers);

	ASSERT_EQ(0, world_start(&self->w, receive_chunks));
	pthread_barrier_wait(&self->w.start);
	EXPECT_EQ(0, receive(&self->w, &self->w.c, &self->w.ev, CHUNKS * CHUNK,
			     CHUNK));
	EXPECT_EQ(0, world_join(&self->w));

	EXPECT_EQ(0, sum_bad(&self->w));
	EXPECT_EQ(chunks * CHUNK, sum_bytes(&self->w));
	EXPECT_EQ(chunks, sum_data_cqes(&self->w));
	EXPECT_EQ(chunks * CHUNK, zn_load(&st->copy_bytes));
	EXPECT_EQ(chunks, zn_load(&st->copy_count));
}

#define BURST	(64 * 1024)
#define BURSTS	16

static void receive_bursts(struct worker *wk)
{
	if (!wk->error)
		wk->error = receive(wk->w, &wk->q, &wk->ev, BURSTS * BURST,
				    BURST);
}

TEST_F(sums, of_streams)
{
	const struct io_uring_zcrx_notif_stats *st = self->w.c.stats;
	const __u64 total = (__u64)BURSTS * BURST * (1 + variant->importers);

	ASSERT_EQ(0, world_start(&self->w, receive_bursts));
	pthread_barrier_wait(&self->w.start);
	EXPECT_EQ(0, receive(&self->w, &self->w.c, &self->w.ev, BURSTS * BURST,
			     BURST));
	EXPECT_EQ(0, world_join(&self->w));

	EXPECT_EQ(0, sum_bad(&self->w));
	EXPECT_EQ(total, sum_bytes(&self->w));
	EXPECT_EQ(total, zn_load(&st->copy_bytes));
	EXPECT_LE(zn_load(&st->copy_count), sum_data_cqes(&self->w));
	/* Asked for, and the creator has long had its CQE. */
	EXPECT_TRUE(self->w.ev.notif_mask & ZCRX_NOTIF_COPY);
	EXPECT_GE(2, self->w.ev.notifs);
}

/* All threads make events of the same types at the same time. */
FIXTURE(once)
{
	struct world w;
};

FIXTURE_VARIANT(once)
{
	__u32 types;
	/* The creator runs its task work while events are made. */
	bool busy;
};

FIXTURE_VARIANT_ADD(once, copy) { .types = ZCRX_NOTIF_COPY };

FIXTURE_VARIANT_ADD(once, copy_busy)
{
	.types = ZCRX_NOTIF_COPY,
	.busy = true,
};

FIXTURE_VARIANT_ADD(once, both) { .types = ZN_ALL_TYPES };

FIXTURE_VARIANT_ADD(once, both_busy)
{
	.types = ZN_ALL_TYPES,
	.busy = true,
};

#define ROUNDS		100
#define WORKERS		3

FIXTURE_SETUP(once)
{
	/* Each thread wants two buffers, so that one or more get less. */
	const struct zn_opts o = {
		.area_pages = variant->types & ZCRX_NOTIF_NO_BUFFERS ?
			      WORKERS : 2 * WORKERS,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};

	ASSERT_EQ(0, world_open(&self->w, &o, WORKERS));
}

FIXTURE_TEARDOWN(once)
{
	world_close(&self->w);
}

static int receive_two_chunks(struct zn_ifq *q, struct zn_events *ev)
{
	ssize_t sent = zn_send(q, 2 * CHUNK - (q->sent - q->received));
	int ret;

	if (sent < 0)
		return sent;
	ev->recv_ended = false;
	zn_recv(q, 2 * CHUNK);
	ret = zn_reap_end(q, ev) ?: ev->recv_end_res;
	return ret == -ENOMEM ? 0 : ret;
}

static void receive_each_round(struct worker *wk)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&wk->w->start);
		if (!wk->error)
			wk->error = receive_two_chunks(&wk->q, &wk->ev);
		pthread_barrier_wait(&wk->w->end);
		give_back(wk->w, &wk->q);
	}
}

struct fired {
	unsigned int copy;
	unsigned int no_buffers;
	unsigned int cqes;
};

static void reap_notifs(struct zn_ifq *q, struct fired *f)
{
	struct io_uring_cqe *cqe;

	io_uring_get_events(&q->ring);
	while (!io_uring_peek_cqe(&q->ring, &cqe)) {
		f->cqes++;
		f->copy += !!(zn_types_of(cqe) & ZCRX_NOTIF_COPY);
		f->no_buffers += !!(zn_types_of(cqe) & ZCRX_NOTIF_NO_BUFFERS);
		io_uring_cqe_seen(&q->ring, cqe);
	}
}

TEST_F(once, for_each_arming)
{
	const unsigned int no_buffers =
		!!(variant->types & ZCRX_NOTIF_NO_BUFFERS);
	struct world *w = &self->w;

	ASSERT_EQ(0, world_start(w, receive_each_round));
	pthread_barrier_wait(&w->start);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct fired f = {};

		pthread_barrier_wait(&w->start);
		for (unsigned int n = 0; variant->busy && n < 100; n++)
			reap_notifs(&w->c, &f);
		pthread_barrier_wait(&w->end);
		reap_notifs(&w->c, &f);

		EXPECT_EQ(1, f.copy);
		EXPECT_EQ(no_buffers, f.no_buffers);
		if (!variant->busy)
			EXPECT_EQ(zn_nr_cqes(variant->types), f.cqes);
		EXPECT_EQ(0, zn_arm(&w->c, variant->types));
		EXPECT_EQ(-EINVAL, zn_arm(&w->c, variant->types));
	}
	EXPECT_EQ(0, world_join(w));
	EXPECT_EQ(0, sum_bad(w));
}

/*
 * Threads make events and wait for each to be handled; the creator sleeps until
 * it is notified. An event that falls between arming and the look at the
 * counter is never handled, unless somebody makes another: nobody does.
 */
FIXTURE(lossless)
{
	struct world w;
	struct zn_ifq armer;
};

FIXTURE_VARIANT(lossless)
{
	unsigned int importers;
	unsigned int events;	/* of each */
	bool importer_arms;
};

FIXTURE_VARIANT_ADD(lossless, one_thread)
{
	.importers = 1,
	.events = 1500,
};

FIXTURE_VARIANT_ADD(lossless, three_threads)
{
	.importers = 3,
	.events = 500,
};

FIXTURE_VARIANT_ADD(lossless, armed_by_an_importer)
{
	.importers = 3,
	.events = 500,
	.importer_arms = true,
};

FIXTURE_SETUP(lossless)
{
	const struct zn_opts o = {
		.area_pages = 64,
		.rq_entries = 256,
		.types = ZCRX_NOTIF_COPY,
		.stats = true,
	};
	const struct zn_opts imp_opts = {};

	ASSERT_EQ(0, world_open(&self->w, &o, variant->importers));
	if (variant->importer_arms)
		ASSERT_EQ(0, zn_import(&self->armer, &self->w.c, self->w.fd,
				       &imp_opts));
	self->w.rounds = variant->events;
}

FIXTURE_TEARDOWN(lossless)
{
	zn_close(&self->armer);
	world_close(&self->w);
}

static bool was_handled(struct world *w, __u64 count)
{
	__u64 end = zn_now_ms() + ZN_TIMEOUT;

	while (__atomic_load_n(&w->handled, __ATOMIC_ACQUIRE) < count) {
		if (zn_now_ms() >= end)
			return false;
		sched_yield();
	}
	return true;
}

static void make_events(struct worker *wk)
{
	struct world *w = wk->w;

	for (unsigned int i = 0; i < w->rounds && !wk->error; i++) {
		wk->error = zn_make_copy(&wk->q, &wk->ev);
		if (wk->error)
			break;
		if (!was_handled(w, zn_load(&w->c.stats->copy_count))) {
			wk->lost++;
			break;
		}
		give_back(w, &wk->q);
	}
}

static __u64 handle(struct world *w)
{
	__u64 seen = zn_load(&w->c.stats->copy_count);

	__atomic_store_n(&w->handled, seen, __ATOMIC_RELEASE);
	return seen;
}

/* Up to about as long as an event takes, so that they meet everywhere. */
static void spin_for_a_while(unsigned int *x)
{
	zn_spin(zn_rnd(x, 1 << 14));
}

TEST_F(lossless, nothing_is_missed)
{
	struct zn_ifq *armer = variant->importer_arms ? &self->armer :
							&self->w.c;
	const __u64 total = (__u64)variant->importers * variant->events;
	struct world *w = &self->w;
	unsigned int arm_errors = 0, lost = 0, x = 1;
	__u64 seen = 0;

	ASSERT_EQ(0, world_start(w, make_events));
	pthread_barrier_wait(&w->start);
	while (seen < total) {
		unsigned int notifs = w->ev.notifs;

		if (zn_reap(&w->c, &w->ev, 1, 2 * ZN_TIMEOUT) < 0 ||
		    w->ev.notifs == notifs)
			break;
		seen = handle(w);
		spin_for_a_while(&x);
		arm_errors += !!zn_arm(armer, ZCRX_NOTIF_COPY);
		while (zn_load(&w->c.stats->copy_count) != seen)
			seen = handle(w);
	}
	EXPECT_EQ(0, world_join(w));
	for (unsigned int i = 0; i < w->nr; i++)
		lost += w->workers[i].lost;
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, arm_errors);
	EXPECT_EQ(total, seen);
	EXPECT_EQ(total, zn_load(&w->c.stats->copy_count));
	EXPECT_EQ(0, sum_bad(w));
	/* It was the notifications that woke it: how many depends on timing. */
	EXPECT_LE(1, w->ev.notifs);
	EXPECT_GE(total, w->ev.notifs);
}

/* An importer in another thread may arm as soon as the CQE can be seen. */
FIXTURE(seen)
{
	struct world w;
};

FIXTURE_SETUP(seen)
{
	const struct zn_opts o = { .types = ZCRX_NOTIF_COPY, .stats = true };

	ASSERT_EQ(0, world_open(&self->w, &o, 1));
}

FIXTURE_TEARDOWN(seen)
{
	world_close(&self->w);
}

static void arm_at_once(struct worker *wk)
{
	struct world *w = wk->w;
	const unsigned int *tail = w->c.ring.cq.ktail;

	for (unsigned int i = 1; i <= ROUNDS && !wk->error; i++) {
		__u64 end = zn_now_ms() + ZN_TIMEOUT;

		wk->error = zn_make_copy(&wk->q, &wk->ev);
		while (!wk->error && io_uring_smp_load_acquire(tail) != i)
			if (zn_now_ms() >= end)
				wk->error = -ETIME;
		if (!wk->error)
			wk->error = zn_arm(&wk->q, ZCRX_NOTIF_COPY);
		give_back(w, &wk->q);
	}
}

TEST_F(seen, can_be_armed_at_once)
{
	struct world *w = &self->w;

	/* The number of the CQE is its place in the CQ. */
	ASSERT_EQ(0, io_uring_cq_ready(&w->c.ring));
	ASSERT_EQ(0, world_start(w, arm_at_once));
	pthread_barrier_wait(&w->start);
	while (__atomic_load_n(&w->running, __ATOMIC_ACQUIRE))
		zn_reap(&w->c, &w->ev, 0, 0);
	EXPECT_EQ(0, world_join(w));
	zn_reap(&w->c, &w->ev, 0, 0);
	EXPECT_EQ(ROUNDS, w->ev.notifs);
	EXPECT_EQ(0, sum_bad(w));
}

/*
 * One worker arms while another is the peer of the creator's connection, sends
 * and ends the stream. Whether the type is armed in time is a matter of luck; what
 * follows from it is not.
 */
FIXTURE(end)
{
	struct world w;
};

#define ENDS	2000
#define PIECE	100

FIXTURE_SETUP(end)
{
	const struct zn_opts o = { .types = ZCRX_NOTIF_COPY, .stats = true };

	ASSERT_EQ(0, world_open(&self->w, &o, 2));
	zn_disconnect(&self->w.c);
}

FIXTURE_TEARDOWN(end)
{
	world_close(&self->w);
}

static void end_stream(struct worker *wk, unsigned int *x)
{
	struct zn_ifq *c = &wk->w->c;

	if (zn_send(c, PIECE) != PIECE)
		wk->error = -EIO;
	spin_for_a_while(x);
	if (zn_send(c, PIECE) != PIECE)
		wk->error = -EIO;
	spin_for_a_while(x);
	shutdown(c->client_fd, SHUT_WR);
}

static void arm_or_end_stream(struct worker *wk)
{
	struct world *w = wk->w;
	bool armer = wk == w->workers;
	unsigned int x = armer;

	for (unsigned int i = 0; i < ENDS; i++) {
		__u64 end;

		pthread_barrier_wait(&w->start);
		end = zn_now_ms() + ZN_TIMEOUT;
		if (armer) {
			/* every other time not before the first piece */
			while (i % 2 && !wk->error &&
			       zn_load(&w->c.stats->copy_count) == w->handled)
				if (zn_now_ms() >= end)
					wk->error = -ETIME;
			spin_for_a_while(&x);
			wk->error = wk->error ?: zn_arm(&wk->q, ZCRX_NOTIF_COPY);
			wk->armed_at = zn_load(&w->c.stats->copy_count);
		} else {
			end_stream(wk, &x);
		}
		pthread_barrier_wait(&w->end);
	}
}

TEST_F_TIMEOUT(end, of_a_stream_while_arming, 300)
{
	const struct io_uring_zcrx_notif_stats *st = self->w.c.stats;
	struct world *w = &self->w;
	struct worker *armer = &w->workers[0];
	struct zn_ifq *c = &w->c;
	unsigned int notifs = 0;

	ASSERT_EQ(0, world_start(w, arm_or_end_stream));
	pthread_barrier_wait(&w->start);
	for (unsigned int i = 0; i < ENDS; i++) {
		struct zn_events ev = {};
		__u64 count, bytes;

		ASSERT_EQ(0, zn_connect(c));
		/* it has fired when it is to be armed */
		if (!notifs) {
			ASSERT_EQ(0, zn_make_copy(c, &ev));
			zn_reap(c, &ev, 0, 0);
			EXPECT_EQ(1, ev.notifs);
		}
		memset(&ev, 0, sizeof(ev));
		count = zn_load(&st->copy_count);
		w->handled = count;
		bytes = zn_load(&st->copy_bytes);

		zn_recv(c, 0);
		pthread_barrier_wait(&w->start);
		ASSERT_EQ(0, zn_reap_end(c, &ev));
		pthread_barrier_wait(&w->end);
		zn_reap(c, &ev, 0, 0);

		EXPECT_EQ(0, ev.recv_end_res);
		EXPECT_EQ(2 * PIECE, ev.bytes);
		EXPECT_EQ(0, ev.bad + ev.others);
		EXPECT_EQ(bytes + 2 * PIECE, zn_load(&st->copy_bytes));
		count += ev.data_cqes;
		EXPECT_EQ(count, zn_load(&st->copy_count));
		/* for what came since; or, with luck, right before */
		if (armer->armed_at != count)
			EXPECT_EQ(1, ev.notifs);
		EXPECT_GE(1, ev.notifs);
		notifs = ev.notifs;
		zn_refill(c, c->nr_held);
		zn_disconnect(c);
	}
	EXPECT_EQ(0, world_join(w));
}

TEST_HARNESS_MAIN
