// SPDX-License-Identifier: GPL-2.0
/*
 * All at once on one ifq: importers come, receive, run out of buffers and go
 * away in the middle of it, with buffers in their hands; others arm, export,
 * import and map; the creator follows the lossless pattern. Then everybody
 * stops and the sums have to be exact: nothing lost, nothing counted twice.
 *
 * ZN_STORM_SECONDS says how long in all (default 6); ZN_STORM_SEED makes the
 * threads decide as they did in another run.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_common.h"

/*
 * Divides the pages that TCP takes payload from, so that each of these, sent
 * and received alone, is one fragment; and fits into one buffer.
 */
#define CHUNK		4096
/* As much as any fragment. */
#define BURST		65536

#define RECEIVERS	3
#define ARMERS		1
#define PASSERS		1
#define WORKERS		(RECEIVERS + ARMERS + PASSERS)
#define VARIANTS	6
#define ROUND_MS	400
/* In ms: the machine may be a debug kernel, emulated, and busy besides. */
#define PATIENCE	60000

/* Index of a type where there is one for each. */
enum { NO_BUFFERS, COPY, TYPES };

/* What was seen of the ifq, by one thread or by all. */
struct sums {
	__u64		bytes;
	__u64		data_cqes;
	__u64		no_buffers;	/* receives that ended so */
	__u64		fired[TYPES];
	__u64		armed[TYPES];
	__u64		imports;
	__u64		left;		/* with payload or buffers */
	__u64		maps;
	__u64		overflows;	/* looks at a CQ that did */
	unsigned int	bad;
	unsigned int	lost;		/* events that were not handled */
};

/* What the variants differ in. */
struct kind {
	unsigned int	area_pages;
	unsigned int	step;		/* bytes that are sent at a time */
	unsigned int	cq_entries;	/* of the creator, which then is slow */
	bool		kernel_region;
	bool		creator_receives;
	bool		creator_leaves;
};

struct buffers {
	struct zn_buf	*held;
	unsigned int	nr;
	unsigned int	max;
};

struct storm;

struct worker {
	struct storm	*s;
	pthread_t	thread;
	unsigned int	seed;
	struct zn_ifq	q;
	struct zn_events ev;
	bool		receiving;	/* there is a request */
	struct buffers	kept;		/* from ring to ring */
	struct sums	sum;
	const char	*failed;	/* the first call that did */
	int		error;
};

struct storm {
	struct zn_ifq	c;		/* the creator, in the main thread */
	struct worker	self;		/* what the main thread does besides */
	struct worker	workers[WORKERS];
	pthread_mutex_t	fd_lock;
	int		fd;		/* exported file, often another one */
	pthread_mutex_t	refill_lock;
	struct kind	kind;
	bool		stop;
	unsigned int	running;
	__u64		told[TYPES];	/* notifications that were looked at */
	__u64		handled[TYPES];	/* counters, likewise */
};

static unsigned int rnd(struct worker *wk, unsigned int below)
{
	return zn_rnd(&wk->seed, below);
}

static bool stopped(struct storm *s)
{
	return __atomic_load_n(&s->stop, __ATOMIC_ACQUIRE);
}

/* False if the worker cannot go on. */
static bool ok(struct worker *wk, const char *what, int ret)
{
	if (ret >= 0)
		return true;
	if (!wk->failed) {
		wk->failed = what;
		wk->error = ret;
	}
	return false;
}

static __u64 counter(const struct storm *s, int type)
{
	return zn_load(type == COPY ? &s->c.stats->copy_count :
				      &s->c.stats->no_buffers_count);
}

static __u32 bit(int type)
{
	return type == COPY ? ZCRX_NOTIF_COPY : ZCRX_NOTIF_NO_BUFFERS;
}

static void arm(struct worker *wk, struct zn_ifq *q, __u32 mask)
{
	int ret;

	if (!ZN_TYPES_SHARE && mask == ZN_ALL_TYPES) {
		for (int t = 0; t < TYPES; t++)
			arm(wk, q, bit(t));
		return;
	}
	ret = zn_arm(q, mask);
	for (int t = 0; t < TYPES && !ret; t++)
		wk->sum.armed[t] += !!(mask & bit(t));
	if (ret != -EINVAL)
		ok(wk, "arm", ret);
}

static void give_back(struct storm *s, struct zn_ifq *q)
{
	pthread_mutex_lock(&s->refill_lock);
	zn_refill(q, q->nr_held);
	pthread_mutex_unlock(&s->refill_lock);
}

static bool import(struct worker *wk)
{
	const struct zn_opts o = {};
	struct storm *s = wk->s;
	int fd, ret;

	pthread_mutex_lock(&s->fd_lock);
	fd = dup(s->fd);
	pthread_mutex_unlock(&s->fd_lock);
	if (!ok(wk, "dup", fd < 0 ? -errno : 0))
		return false;
	ret = zn_import(&wk->q, &s->c, fd, &o);
	close(fd);
	wk->sum.imports += !ret;
	return ok(wk, "import", ret);
}

/* The lossless pattern, for what the CQEs since the last time tell of. */
static void handle(struct storm *s)
{
	const __u64 told[TYPES] = {
		[NO_BUFFERS] = s->self.ev.notif_no_buffers,
		[COPY] = s->self.ev.notif_copy,
	};

	for (int t = 0; t < TYPES; t++) {
		__u64 seen = counter(s, t);

		if (s->told[t] == told[t])
			continue;
		s->told[t] = told[t];
		__atomic_store_n(&s->handled[t], seen, __ATOMIC_RELEASE);
		/* Refused if somebody else was faster. */
		arm(&s->self, &s->c, bit(t));
		while (counter(s, t) != seen) {
			seen = counter(s, t);
			__atomic_store_n(&s->handled[t], seen,
					 __ATOMIC_RELEASE);
		}
	}
}

/* Events up to now have been noticed, or will be although no more follow. */
static void wait_handled(struct worker *wk, int type)
{
	__u64 end = zn_now_ms() + PATIENCE;
	__u64 count = counter(wk->s, type);

	/* The creator cannot wait for itself, and who has left does nothing. */
	if (wk == &wk->s->self || wk->s->kind.creator_leaves)
		return;
	while (__atomic_load_n(&wk->s->handled[type], __ATOMIC_ACQUIRE) < count) {
		if (zn_now_ms() >= end) {
			wk->sum.lost++;
			ok(wk, "wait for an event to be handled", -ETIME);
			return;
		}
		usleep(100);
	}
}

/*
 * Send one step and receive it, again and again while there are no buffers.
 * Whether it was received whole.
 */
static bool receive_step(struct worker *wk, struct zn_ifq *q)
{
	const unsigned int step = wk->s->kind.step;
	struct zn_events *ev = &wk->ev;

	ok(wk, "send", zn_send(q, step) == step ? 0 : -EIO);
	while (q->received < q->sent && !wk->failed) {
		if (!wk->receiving)
			zn_recv(q, 0);
		wk->receiving = true;
		if (!ok(wk, "reap", zn_reap(q, ev, 1, PATIENCE)))
			return false;
		if (wk == &wk->s->self)
			handle(wk->s);
		if (!ev->recv_ended)
			continue;
		ev->recv_ended = false;
		wk->receiving = false;
		if (ev->recv_end_res != -ENOMEM)
			return ok(wk, "receive", ev->recv_end_res ?: -EPIPE);
		wk->sum.no_buffers++;
		give_back(wk->s, q);
		if (!rnd(wk, 4))
			wait_handled(wk, NO_BUFFERS);
		if (stopped(wk->s))
			return false;
		sched_yield();
	}
	return !wk->failed;
}

static void leave_ring(struct worker *wk, struct zn_ifq *q)
{
	wk->sum.left += q->sent != q->received || q->nr_held;
	/* Buffers outlive the ring: its successor gives them back. */
	wk->kept = (struct buffers){ q->held, q->nr_held, q->max_held };
	q->held = NULL;
	if (rnd(wk, 2))
		zn_disconnect(q);
	zn_close(q);
	wk->receiving = false;
}

static void receive_for_a_while(struct worker *wk)
{
	struct zn_ifq *q = &wk->q;
	unsigned int keep = 1 + wk->s->kind.area_pages / RECEIVERS;

	q->held = wk->kept.held;
	q->nr_held = wk->kept.nr;
	q->max_held = wk->kept.max;
	if (!ok(wk, "connect", zn_connect(q)))
		return;
	for (unsigned int n = 1 + rnd(wk, 16); n; n--) {
		if (!receive_step(wk, q) || stopped(wk->s))
			return;
		if (!rnd(wk, 8))
			wait_handled(wk, COPY);
		if (q->nr_held > rnd(wk, keep))
			give_back(wk->s, q);
	}
	/* Payload that is there, but not received when the ring goes away. */
	if (!rnd(wk, 4))
		zn_send(q, wk->s->kind.step);
}

static void receiver(struct worker *wk)
{
	while (!stopped(wk->s) && !wk->failed && import(wk)) {
		receive_for_a_while(wk);
		leave_ring(wk, &wk->q);
	}
	free(wk->kept.held);
}

static void armer(struct worker *wk)
{
	while (!stopped(wk->s) && !wk->failed && import(wk)) {
		for (int n = rnd(wk, 200); n && !stopped(wk->s); n--) {
			arm(wk, &wk->q, 1 + rnd(wk, ZN_ALL_TYPES));
			if (!rnd(wk, 8))
				ok(wk, "flush", zn_flush_rq(&wk->q));
			usleep(rnd(wk, 300));
		}
		zn_close(&wk->q);
	}
}

/* Another mapping shows what that of the creator does. */
static void map_and_look(struct worker *wk)
{
	const struct zn_ifq *c = &wk->s->c;
	__u64 before, there, after;
	void *p;

	p = mmap(NULL, c->region_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 wk->q.ring.ring_fd, c->mmap_offset);
	if (!ok(wk, "mmap", p == MAP_FAILED ? -errno : 0))
		return;
	before = zn_load(&c->stats->copy_bytes);
	there = zn_load(p + ((void *)&c->stats->copy_bytes - c->region));
	after = zn_load(&c->stats->copy_bytes);
	if (there < before || there > after)
		wk->sum.bad++;
	munmap(p, c->region_size);
	wk->sum.maps++;
}

/* Hand the ifq on: the file that is imported next comes from an importer. */
static void passer(struct worker *wk)
{
	struct storm *s = wk->s;

	while (!stopped(s) && !wk->failed && import(wk)) {
		int fd = zn_export(&wk->q);

		if (ok(wk, "export", fd)) {
			int old;

			pthread_mutex_lock(&s->fd_lock);
			old = s->fd;
			s->fd = fd;
			pthread_mutex_unlock(&s->fd_lock);
			close(old);
		}
		if (s->kind.kernel_region)
			map_and_look(wk);
		/* The ids of first ifqs are the same: so is the offset. */
		if (wk->q.zcrx_id != s->c.zcrx_id)
			wk->sum.bad++;
		zn_close(&wk->q);
		usleep(rnd(wk, 2000));
	}
}

static void *worker_main(void *arg)
{
	struct worker *wk = arg;
	unsigned int nr = wk - wk->s->workers;

	if (nr < RECEIVERS)
		receiver(wk);
	else if (nr < RECEIVERS + ARMERS)
		armer(wk);
	else
		passer(wk);
	__atomic_sub_fetch(&wk->s->running, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

/* All that others have posted, also what the CQ had no room for. */
static void drain(struct storm *s)
{
	while (zn_reap(&s->c, &s->self.ev, 0, 0) > 0)
		;
	handle(s);
}

/* Let task work run, and CQEs wait. */
static void be_slow(struct storm *s)
{
	for (int i = 0; i < 8; i++) {
		io_uring_get_events(&s->c.ring);
		s->self.sum.overflows += io_uring_cq_has_overflow(&s->c.ring);
		usleep(300);
	}
}

static int storm_start(struct storm *s, const struct kind *kind,
		       unsigned int seed)
{
	const struct zn_opts o = {
		.area_pages = kind->area_pages,
		.rq_entries = 256,
		.sq_entries = kind->cq_entries,
		.cq_entries = kind->cq_entries,
		.types = ZN_ALL_TYPES,
		.stats = true,
		.kernel_region = kind->kernel_region,
	};
	int ret;

	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->fd_lock, NULL);
	pthread_mutex_init(&s->refill_lock, NULL);
	s->kind = *kind;
	s->self.s = s;
	s->self.seed = seed;
	ret = zn_open(&s->c, &o);
	if (ret)
		return ret;
	s->fd = zn_export(&s->c);
	if (s->fd < 0)
		return s->fd;
	if (kind->creator_receives) {
		ret = zn_connect(&s->c);
		if (ret)
			return ret;
	}

	s->running = WORKERS;
	for (int i = 0; i < WORKERS; i++) {
		struct worker *wk = &s->workers[i];

		wk->s = s;
		wk->seed = seed * WORKERS + i;
		if (pthread_create(&wk->thread, NULL, worker_main, wk))
			return -EAGAIN;
	}
	return 0;
}

/* The creator's part, for so long; then all come to an end. */
static void storm_run(struct storm *s, unsigned int ms)
{
	__u64 now, end = zn_now_ms() + ms;

	while ((now = zn_now_ms()) < end && !s->self.failed) {
		if (s->kind.cq_entries)
			be_slow(s);
		if (!s->kind.creator_receives)
			zn_reap(&s->c, &s->self.ev, 1, end - now);
		else if (receive_step(&s->self, &s->c))
			give_back(s, &s->c);
		handle(s);
	}
	if (s->kind.creator_leaves) {
		drain(s);
		zn_close_ring(&s->c);
		usleep(ms * 1000);
	}
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	/* Who waits for the creator to handle something gets it. */
	while (__atomic_load_n(&s->running, __ATOMIC_ACQUIRE)) {
		if (s->kind.creator_leaves) {
			usleep(1000);
			continue;
		}
		zn_reap(&s->c, &s->self.ev, 1, 10);
		handle(s);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(s->workers[i].thread, NULL);
	if (!s->kind.creator_leaves)
		drain(s);
}

static void add(struct sums *to, const struct sums *s)
{
	to->bytes += s->bytes;
	to->data_cqes += s->data_cqes;
	to->no_buffers += s->no_buffers;
	to->imports += s->imports;
	to->left += s->left;
	to->maps += s->maps;
	to->overflows += s->overflows;
	to->bad += s->bad;
	to->lost += s->lost;
	for (int t = 0; t < TYPES; t++) {
		to->fired[t] += s->fired[t];
		to->armed[t] += s->armed[t];
	}
}

static void add_worker(struct sums *to, const struct worker *wk)
{
	struct sums sum = wk->sum;

	sum.bytes = wk->ev.bytes;
	sum.data_cqes = wk->ev.data_cqes;
	sum.fired[COPY] = wk->ev.notif_copy;
	sum.fired[NO_BUFFERS] = wk->ev.notif_no_buffers;
	sum.bad += wk->ev.bad + wk->ev.others;
	add(to, &sum);
}

/* Close the creator first or last. */
static void storm_close(struct storm *s, bool creator_first)
{
	if (creator_first)
		zn_close(&s->c);
	close(s->fd);
	zn_close(&s->c);
}

static bool all_is_gone(void *arg)
{
	return vmpin_kb() == *(long *)arg && !iou_exit_workers();
}

FIXTURE(storm)
{
	struct storm s;
	struct sums total;
	unsigned int rounds;
	unsigned int seconds;
	unsigned int seed;
	long vmpin;
};

FIXTURE_VARIANT(storm)
{
	struct kind kind;
};

FIXTURE_VARIANT_ADD(storm, of_copies)
{
	.kind = { .area_pages = 64, .step = CHUNK },
};

FIXTURE_VARIANT_ADD(storm, short_of_buffers)
{
	.kind = { .area_pages = 3, .step = CHUNK, .kernel_region = true },
};

FIXTURE_VARIANT_ADD(storm, of_streams)
{
	.kind = { .area_pages = 12, .step = BURST, .kernel_region = true },
};

FIXTURE_VARIANT_ADD(storm, the_creator_receives)
{
	.kind = { .area_pages = 4, .step = CHUNK, .creator_receives = true },
};

FIXTURE_VARIANT_ADD(storm, the_cq_overflows)
{
	.kind = { .area_pages = 3, .step = CHUNK, .cq_entries = 1,
		  .kernel_region = true },
};

FIXTURE_VARIANT_ADD(storm, the_creator_leaves)
{
	.kind = { .area_pages = 3, .step = CHUNK, .kernel_region = true,
		  .creator_leaves = true },
};

FIXTURE_SETUP(storm)
{
	const char *seconds = getenv("ZN_STORM_SECONDS");
	const char *seed = getenv("ZN_STORM_SEED");

	self->seconds = seconds ? atoi(seconds) : 6;
	self->seed = seed ? atoi(seed) : zn_now_ms();
	self->vmpin = vmpin_kb();
	ASSERT_LE(0, self->vmpin);
	TH_LOG("seed %u, %u s in all", self->seed, self->seconds);
}

FIXTURE_TEARDOWN(storm)
{
}

/* What the counters say is what was seen. */
static void check_counters(struct __test_metadata *_metadata,
			   const struct storm *s, const struct sums *sum)
{
	EXPECT_EQ(0, sum->bad);
	EXPECT_EQ(0, sum->lost);
	EXPECT_EQ(sum->bytes, zn_load(&s->c.stats->copy_bytes));
	if (s->kind.step == CHUNK) {
		EXPECT_EQ(sum->data_cqes, counter(s, COPY));
		EXPECT_EQ(sum->no_buffers, counter(s, NO_BUFFERS));
	} else {
		/*
		 * A fragment can fill several buffers. If it gets some but not
		 * all of them, the kernel tries again before it gives up.
		 */
		EXPECT_GE(sum->data_cqes, counter(s, COPY));
		EXPECT_LE(sum->bytes, counter(s, COPY) * BURST);
		EXPECT_LE(sum->no_buffers, counter(s, NO_BUFFERS));
	}
}

/*
 * Each type fired once for each time that it was armed, and was not armed before
 * it had fired.
 */
static void check_fired(struct __test_metadata *_metadata,
			const struct storm *s, const struct sums *sum)
{
	const struct zn_opts o = {};
	struct zn_ifq last;

	ASSERT_EQ(0, zn_import(&last, &s->c, s->fd, &o));
	for (int t = 0; t < TYPES; t++) {
		bool can_arm = sum->fired[t] != sum->armed[t];

		if (can_arm)
			EXPECT_EQ(sum->fired[t], sum->armed[t] + 1);
		if (s->kind.creator_leaves)
			can_arm = false;
		EXPECT_EQ(can_arm ? 0 : -EINVAL, zn_arm(&last, bit(t)));
	}
	zn_close(&last);
}

static void tell(struct __test_metadata *_metadata, const struct sums *sum,
		 unsigned int rounds)
{
	TH_LOG("%u rounds, %llu bytes in %llu pieces, %llu times no buffer",
	       rounds, sum->bytes, sum->data_cqes, sum->no_buffers);
	TH_LOG("fired %llu + %llu times, armed %llu + %llu times",
	       sum->fired[NO_BUFFERS], sum->fired[COPY],
	       sum->armed[NO_BUFFERS], sum->armed[COPY]);
	TH_LOG("%llu imports, %llu left with payload or buffers, %llu mappings, %llu overflows",
	       sum->imports, sum->left, sum->maps, sum->overflows);
}

/* Whether all that the variant is about has happened. */
static bool was_a_storm(const struct kind *k, const struct sums *sum)
{
	return sum->armed[COPY] && sum->left &&
	       (sum->armed[NO_BUFFERS] || k->area_pages >= 64) &&
	       (sum->maps || !k->kernel_region) &&
	       (sum->overflows || !k->cq_entries);
}

TEST_F_TIMEOUT(storm, sums_are_exact, 7200)
{
	const __u64 end = zn_now_ms() + 1000ULL * self->seconds / VARIANTS;
	struct storm *s = &self->s;
	__u64 now;

	do {
		struct sums sum = {};

		ASSERT_EQ(0, storm_start(s, &variant->kind,
					 self->seed + self->rounds));
		storm_run(s, ROUND_MS);
		for (int i = 0; i <= WORKERS; i++) {
			struct worker *wk = i ? &s->workers[i - 1] : &s->self;

			EXPECT_EQ(NULL, wk->failed)
				TH_LOG("worker %d cannot %s: %d", i,
				       wk->failed, wk->error);
			add_worker(&sum, wk);
		}
		check_counters(_metadata, s, &sum);
		check_fired(_metadata, s, &sum);
		storm_close(s, self->rounds % 2);
		EXPECT_TRUE(zn_wait_until(all_is_gone, &self->vmpin, PATIENCE));
		add(&self->total, &sum);
		self->rounds++;
		now = zn_now_ms();
	} while (_metadata->exit_code == KSFT_PASS &&
		 (now < end || (now < end + PATIENCE &&
				!was_a_storm(&variant->kind, &self->total))));

	tell(_metadata, &self->total, self->rounds);
	EXPECT_TRUE(was_a_storm(&variant->kind, &self->total));
}

TEST_HARNESS_MAIN
