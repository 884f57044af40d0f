// SPDX-License-Identifier: GPL-2.0
/*
 * One thread arms a type and then reads its counter, another one makes one event
 * at the same time. It's store buffering: either the counter has moved, or the
 * event finds the type armed and a CQE comes. Both may be, one must be.
 *
 *	arm			event
 *	---			-----
 *	armed = 1		counter++
 *	full barrier		full barrier
 *	r0 = counter		r1 = armed
 *
 *	forbidden: counter not moved in r0 and r1 == 0
 *
 * ZN_LITMUS_SECONDS says how long each variant takes (default 1).
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

/* Buffers, and bytes that are sent at a time. */
#define BATCH		32
/* In loops; random, so that the two meet in different places. */
#define JITTER		512
/* How much later the thread that was first starts the next time, in loops. */
#define MIN_PUSH	16
#define MAX_PUSH	8192
/* In ms: the machine may be a debug kernel, emulated, and busy besides. */
#define PATIENCE	60000

enum outcome {
	COUNTED,	/* before the arming was over, and silent */
	FIRED,		/* after the counter was read */
	COUNTED_AND_FIRED,
	NEITHER,
	OUTCOMES,
};

static const char * const outcomes[OUTCOMES] = {
	[COUNTED] = "counted before the arming returned",
	[FIRED] = "fired after it",
	[COUNTED_AND_FIRED] = "both",
	[NEITHER] = "neither",
};

/* Each in a cache line of its own. */
struct word {
	unsigned int	val;
	unsigned char	pad[124];
};

struct litmus {
	struct zn_ifq	c;		/* the creator, in the main thread */
	struct zn_ifq	imp;		/* likewise; arms if the variant says so */
	struct zn_events ev;
	int		fd;
	__u32		type;
	cpu_set_t	cpus;		/* that may be used */
	/* Of the other thread, which makes the events. */
	pthread_t	thread;
	struct zn_ifq	maker;
	struct zn_events maker_ev;
	int		error;
	/* Where they meet. */
	struct word	go;		/* number of the event that is wanted */
	struct word	ready;		/* ... that is waited for */
	struct word	done;		/* ... that was made */
	unsigned int	delay;		/* of the maker */
	bool		stop;
};

static void set(struct word *w, unsigned int val)
{
	__atomic_store_n(&w->val, val, __ATOMIC_SEQ_CST);
}

static void wait_for(struct word *w, unsigned int val)
{
	unsigned int n = 0;

	while (__atomic_load_n(&w->val, __ATOMIC_SEQ_CST) != val)
		if (!(++n % (1 << 20)))
			sched_yield();
}

/* Stay on the @nr'th of the CPUs that there are. */
static int pin(const struct litmus *l, unsigned int nr)
{
	cpu_set_t one;

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &l->cpus) || nr--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		return sched_setaffinity(0, sizeof(one), &one) ? -errno : 0;
	}
	return -ENOENT;
}

static __u64 counter(const struct litmus *l)
{
	return zn_load(l->type == ZCRX_NOTIF_COPY ?
		       &l->c.stats->copy_count : &l->c.stats->no_buffers_count);
}

/*
 * So that a single system call makes the event: there is payload, and either
 * free buffers, or none.
 */
static int prepare(struct litmus *l)
{
	struct zn_ifq *q = &l->maker;

	if (q->sent == q->received && zn_send(q, BATCH) != BATCH)
		return -EIO;
	if (l->type == ZCRX_NOTIF_COPY && q->nr_held == BATCH)
		zn_refill(q, BATCH);
	return 0;
}

static int reap_maker(struct litmus *l)
{
	struct zn_events *ev = &l->maker_ev;
	int ret = zn_reap(&l->maker, ev, 1, PATIENCE);

	if (ret < 0)
		return ret;
	if (!ev->recv_ended)
		return -EPROTO;
	ev->recv_ended = false;
	ret = l->type == ZCRX_NOTIF_COPY ? 0 : -ENOMEM;
	return ev->recv_end_res == ret ? 0 : -EPROTO;
}

static int open_maker(struct litmus *l)
{
	const struct zn_opts o = {};
	int ret = zn_import(&l->maker, &l->c, l->fd, &o);

	if (!ret)
		ret = zn_connect(&l->maker);
	/* The only buffer there is. */
	if (!ret && l->type == ZCRX_NOTIF_NO_BUFFERS)
		ret = zn_make_copy(&l->maker, &l->maker_ev);
	l->maker_ev.recv_ended = false;
	return ret;
}

static void *maker_main(void *arg)
{
	struct litmus *l = arg;

	l->error = pin(l, 1);
	if (!l->error)
		l->error = open_maker(l);
	for (unsigned int i = 1; ; i++) {
		if (!l->error)
			l->error = prepare(l);
		set(&l->ready, i);
		wait_for(&l->go, i);
		if (l->stop)
			break;
		zn_spin(l->delay);
		if (!l->error)
			zn_recv(&l->maker, 1);
		set(&l->done, i);
		if (!l->error)
			l->error = reap_maker(l);
	}
	return NULL;
}

FIXTURE(litmus)
{
	struct litmus l;
};

FIXTURE_VARIANT(litmus)
{
	__u32 type;
	bool importer_arms;
};

FIXTURE_VARIANT_ADD(litmus, no_buffers) { .type = ZCRX_NOTIF_NO_BUFFERS };

FIXTURE_VARIANT_ADD(litmus, no_buffers_armed_by_an_importer)
{
	.type = ZCRX_NOTIF_NO_BUFFERS,
	.importer_arms = true,
};

FIXTURE_VARIANT_ADD(litmus, copy) { .type = ZCRX_NOTIF_COPY };

FIXTURE_VARIANT_ADD(litmus, copy_armed_by_an_importer)
{
	.type = ZCRX_NOTIF_COPY,
	.importer_arms = true,
};

FIXTURE_SETUP(litmus)
{
	const struct zn_opts o = {
		.area_pages = variant->type == ZCRX_NOTIF_COPY ? BATCH : 1,
		.types = variant->type,
		.stats = true,
	};
	const struct zn_opts imp_opts = {};
	struct litmus *l = &self->l;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(l->cpus), &l->cpus));
	if (CPU_COUNT(&l->cpus) < 2)
		SKIP(return, "two threads meet on two CPUs only");
	l->type = variant->type;
	ASSERT_EQ(0, zn_open(&l->c, &o));
	l->fd = zn_export(&l->c);
	ASSERT_LE(0, l->fd);
	ASSERT_EQ(0, zn_import(&l->imp, &l->c, l->fd, &imp_opts));
	ASSERT_EQ(0, pin(l, 0));
	ASSERT_EQ(0, pthread_create(&l->thread, NULL, maker_main, l));
}

FIXTURE_TEARDOWN(litmus)
{
	zn_close(&self->l.maker);
	zn_close(&self->l.imp);
	zn_close(&self->l.c);
	if (self->l.fd > 0)
		close(self->l.fd);
}

/* An event with nothing else going on. */
static void make_event(struct litmus *l, unsigned int nr)
{
	wait_for(&l->ready, nr);
	l->delay = 0;
	set(&l->go, nr);
	wait_for(&l->done, nr);
}

static unsigned int reap_notifs(struct litmus *l, int timeout_ms)
{
	l->ev.notifs = 0;
	zn_reap(&l->c, &l->ev, timeout_ms ? 1 : 0, timeout_ms);
	return l->ev.notifs;
}

/*
 * The thread that was first starts later next time, so that they meet; each win
 * in a row adds more. @late is the time from the event to the arming.
 */
static void adjust(int *late, int *push, enum outcome o)
{
	int sign = o == FIRED ? 1 : o == COUNTED ? -1 : 0;

	if (!sign)
		return;
	if (*push * sign > 0)
		*push = abs(*push) < MAX_PUSH ? *push * 2 : *push;
	else
		*push = abs(*push) / 4 > MIN_PUSH ? -*push / 4 : sign * MIN_PUSH;
	*late += *push;
}

/* Arm while an event is made; the type has fired before. */
static enum outcome meet(struct litmus *l, struct zn_ifq *armer,
			 unsigned int nr, unsigned int my_delay,
			 unsigned int delay, int *arm_ret)
{
	__u64 before, after;

	wait_for(&l->ready, nr);
	before = counter(l);
	l->delay = delay;
	set(&l->go, nr);
	zn_spin(my_delay);
	*arm_ret = zn_arm(armer, l->type);
	after = counter(l);
	wait_for(&l->done, nr);

	if (reap_notifs(l, after == before ? PATIENCE : 0))
		return after == before ? FIRED : COUNTED_AND_FIRED;
	return after == before ? NEITHER : COUNTED;
}

TEST_F_TIMEOUT(litmus, an_event_is_counted_or_fires, 3600)
{
	const char *seconds = getenv("ZN_LITMUS_SECONDS");
	struct litmus *l = &self->l;
	struct zn_ifq *armer = variant->importer_arms ? &l->imp : &l->c;
	__u64 seen[OUTCOMES] = {}, start = zn_now_ms(), ms, now;
	unsigned int nr = 1, rounds = 0, x = start;
	int late = 0, push = MIN_PUSH;

	/* The first event: armed by the registration. */
	make_event(l, nr);
	ASSERT_EQ(1, reap_notifs(l, PATIENCE));
	ms = 1000ULL * (seconds ? atoi(seconds) : 1);
	do {
		enum outcome o;
		int arm_ret;

		o = meet(l, armer, ++nr, (late > 0 ? late : 0) + zn_rnd(&x, JITTER),
			 (late < 0 ? -late : 0) + zn_rnd(&x, JITTER), &arm_ret);
		ASSERT_EQ(0, arm_ret);
		seen[o]++;
		rounds++;
		ASSERT_EQ(0, l->error);
		adjust(&late, &push, o);
		/* It is armed still, then: let it fire for the next round. */
		if (o == COUNTED) {
			make_event(l, ++nr);
			ASSERT_EQ(1, reap_notifs(l, PATIENCE));
		}
		now = zn_now_ms() - start;
	} while (!seen[NEITHER] &&
		 (now < ms || (now < ms + PATIENCE &&
			       !(seen[COUNTED] && seen[FIRED]))));

	wait_for(&l->ready, nr + 1);
	l->stop = true;
	set(&l->go, nr + 1);
	pthread_join(l->thread, NULL);
	EXPECT_EQ(0, l->error);
	EXPECT_EQ(0, l->maker_ev.bad + l->maker_ev.others + l->maker_ev.notifs);
	EXPECT_EQ(0, l->ev.others + l->ev.data_cqes);

	TH_LOG("%u rounds, %llu in a second", rounds, rounds * 1000ULL / now);
	for (int o = 0; o < OUTCOMES; o++)
		TH_LOG("%10llu %s", seen[o], outcomes[o]);
	EXPECT_EQ(0, seen[NEITHER]);
	EXPECT_LT(0, seen[COUNTED]);
	EXPECT_LT(0, seen[FIRED]);
}

TEST_HARNESS_MAIN
