// SPDX-License-Identifier: GPL-2.0
/*
 * The rings and exported files of an ifq go away in every order and with every
 * kind of notification under way. The creator's ring is really freed, at once,
 * whatever else holds the ifq. The accounted memory comes back. The remaining
 * rings cannot arm, and keep working.
 *
 * A ring that is not freed keeps a kernel worker busy for ever, and the system
 * runs out of workers, so that no other ring is freed either. Hence each test
 * looks for such workers, and the first one that is found fails it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "leaks.h"
#include "zcrx_notif_remote.h"

#define CQ_ENTRIES	8

static void expect_rings_freed(struct __test_metadata *_metadata)
{
	EXPECT_TRUE(zn_rings_freed())
		TH_LOG("a ring is not freed, %d workers wait for it",
		       iou_exit_workers());
}

/* The creator @c, with the importer @i that makes the events. */
struct pair {
	struct zn_ifq c;
	struct zn_ifq i;
	struct zn_events ev;	/* of the importer */
	int fd;			/* exported file */
};

static void pair_close(struct pair *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	zn_close(&p->i);
	zn_close(&p->c);
}

/* Into a @p that is zeroed or closed. */
static int pair_open(struct pair *p, unsigned int area_pages)
{
	const struct zn_opts o = {
		.area_pages = area_pages,
		.cq_entries = CQ_ENTRIES,
		.types = ZN_ALL_TYPES,
		.stats = true,
	};
	int ret = zn_open_imported(&p->c, &p->i, &o);

	p->fd = ret ?: zn_export(&p->c);
	if (p->fd < 0)
		pair_close(p);
	return ret;
}

/* The state of the notifications when everything is closed. */
enum state {
	IDLE,
	ON_ITS_WAY,		/* raised, task work has not run */
	POSTED,			/* in the CQ, not reaped */
	ARMED_AGAIN,
	OVERFLOWN,		/* on the overflow list */
	OVERFLOWN_AND_RAISED,	/* and armed, and another on its way */
};

/* Raise an event of each type; needs an area of one page. */
static int raise_both(struct pair *p)
{
	return zn_make_event(&p->i, &p->ev, ZCRX_NOTIF_COPY) ?:
	       zn_make_event(&p->i, &p->ev, ZCRX_NOTIF_NO_BUFFERS);
}

static int enter_state(struct pair *p, enum state state)
{
	struct zn_events ev = {};
	int ret = 0;

	if (state == IDLE)
		return 0;
	if (state == OVERFLOWN || state == OVERFLOWN_AND_RAISED)
		ret = zn_fill_cq(&p->c, CQ_ENTRIES);
	if (!ret)
		ret = raise_both(p);
	if (ret || state == ON_ITS_WAY)
		return ret;

	io_uring_get_events(&p->c.ring);
	if (state == ARMED_AGAIN) {
		ret = zn_reap(&p->c, &ev, 1, ZN_TIMEOUT);
		if (ret < 0)
			return ret;
	}
	if (state == ARMED_AGAIN || state == OVERFLOWN_AND_RAISED)
		ret = zn_arm(&p->c, ZN_ALL_TYPES);
	if (!ret && state == OVERFLOWN_AND_RAISED)
		ret = raise_both(p);
	return ret;
}

FIXTURE(close)
{
	struct pair p;
	long vmpin;
};

FIXTURE_VARIANT(close)
{
	/* c: ring of the creator, i: of the importer, f: exported file */
	const char *order;
};

FIXTURE_VARIANT_ADD(close, creator_importer_file) { .order = "cif" };
FIXTURE_VARIANT_ADD(close, creator_file_importer) { .order = "cfi" };
FIXTURE_VARIANT_ADD(close, importer_creator_file) { .order = "icf" };
FIXTURE_VARIANT_ADD(close, importer_file_creator) { .order = "ifc" };
FIXTURE_VARIANT_ADD(close, file_creator_importer) { .order = "fci" };
FIXTURE_VARIANT_ADD(close, file_importer_creator) { .order = "fic" };

FIXTURE_SETUP(close)
{
	self->p.fd = -1;
	ASSERT_TRUE(zn_rings_freed())
		TH_LOG("a ring of an earlier test is not freed");
	self->vmpin = vmpin_kb();
	ASSERT_EQ(0, self->vmpin);
	ASSERT_EQ(0, pair_open(&self->p, 1));
	ASSERT_LT(0, vmpin_kb());
}

FIXTURE_TEARDOWN(close)
{
	pair_close(&self->p);
	EXPECT_TRUE(zn_wait_until(vmpin_is, &self->vmpin, ZN_FREE_TIME))
		TH_LOG("%ld KiB are still pinned", vmpin_kb());
	expect_rings_freed(_metadata);
}

/* The creator is gone, the importer is not. */
static void importer_is_left(struct __test_metadata *_metadata, struct pair *p,
			     bool stats)
{
	EXPECT_EQ(-EINVAL, zn_arm(&p->i, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(&p->i, ZCRX_NOTIF_NO_BUFFERS));
	EXPECT_EQ(0, zn_arm(&p->i, 0));

	/* The refill queue lies in the same memory. */
	if (stats) {
		__u64 before = zn_load(&p->c.stats->copy_count);

		zn_refill(&p->i, p->i.nr_held);
		EXPECT_EQ(0, zn_make_copy(&p->i, &p->ev));
		EXPECT_EQ(before + 1, zn_load(&p->c.stats->copy_count));
	}
	EXPECT_EQ(0, zn_make_no_buffers(&p->i, &p->ev));
	EXPECT_EQ(-EINVAL, zn_arm(&p->i, ZN_ALL_TYPES));
	EXPECT_EQ(0, p->ev.notifs);
	EXPECT_EQ(0, p->ev.others);
	EXPECT_EQ(0, p->ev.bad);
}

static void close_in_order(struct __test_metadata *_metadata, struct pair *p,
			   const char *order)
{
	bool stats = p->c.region;
	bool importer = true;

	for (; *order; order++) {
		switch (*order) {
		case 'c':
			zn_close_ring(&p->c);
			expect_rings_freed(_metadata);
			if (importer)
				importer_is_left(_metadata, p, stats);
			break;
		case 'i':
			zn_close(&p->i);
			importer = false;
			break;
		case 'f':
			EXPECT_EQ(0, close(p->fd));
			p->fd = -1;
			break;
		}
	}
}

#define close_all() close_in_order(_metadata, &self->p, variant->order)

TEST_F(close, idle)
{
	close_all();
}

TEST_F(close, on_its_way)
{
	ASSERT_EQ(0, enter_state(&self->p, ON_ITS_WAY));
	close_all();
}

TEST_F(close, posted)
{
	ASSERT_EQ(0, enter_state(&self->p, POSTED));
	close_all();
}

TEST_F(close, armed_again)
{
	ASSERT_EQ(0, enter_state(&self->p, ARMED_AGAIN));
	close_all();
}

TEST_F(close, overflown)
{
	ASSERT_EQ(0, enter_state(&self->p, OVERFLOWN));
	close_all();
}

TEST_F(close, overflown_and_raised)
{
	ASSERT_EQ(0, enter_state(&self->p, OVERFLOWN_AND_RAISED));
	close_all();
}

TEST_F(close, with_a_receive_in_poll)
{
	struct zn_events ev = {};

	ASSERT_EQ(0, zn_connect(&self->p.c));
	zn_recv(&self->p.c, 0);
	ASSERT_EQ(-ETIME, zn_reap(&self->p.c, &ev, 1, 10));
	ASSERT_EQ(0, enter_state(&self->p, ON_ITS_WAY));
	close_all();
}

TEST_F(close, with_unmapped_statistics)
{
	ASSERT_EQ(0, munmap(self->p.c.region, self->p.c.region_size));
	self->p.c.region = NULL;
	self->p.c.stats = NULL;
	ASSERT_EQ(0, zn_make_copy(&self->p.i, &self->p.ev));
	ASSERT_EQ(0, zn_make_no_buffers(&self->p.i, &self->p.ev));
	close_all();
}

/* close() is enough: the worker that frees the ring comes some time later. */
TEST(nothing_can_be_armed_once_the_creator_is_closed)
{
	struct pair p = {};

	for (unsigned int i = 0; i < 100; i++) {
		ASSERT_EQ(0, pair_open(&p, 1));
		ASSERT_EQ(0, enter_state(&p, POSTED));
		zn_close_ring(&p.c);
		EXPECT_EQ(-EINVAL, zn_arm(&p.i, ZCRX_NOTIF_COPY))
			TH_LOG("in round %u", i);
		pair_close(&p);
	}
	expect_rings_freed(_metadata);
}

/* Many rings in a row, and accounted memory to the last page. */
FIXTURE(accounting)
{
	struct pair p;
};

FIXTURE_VARIANT(accounting)
{
	enum state state;
	unsigned int rings;
};

FIXTURE_VARIANT_ADD(accounting, idle)
{
	.state = IDLE,
	.rings = 200,
};

FIXTURE_VARIANT_ADD(accounting, on_its_way)
{
	.state = ON_ITS_WAY,
	.rings = 200,
};

FIXTURE_VARIANT_ADD(accounting, posted)
{
	.state = POSTED,
	.rings = 40,
};

FIXTURE_VARIANT_ADD(accounting, overflown_and_raised)
{
	.state = OVERFLOWN_AND_RAISED,
	.rings = 200,
};

FIXTURE_SETUP(accounting)
{
	const struct rlimit lim = {
		.rlim_cur = 128 * page_size(),
		.rlim_max = 128 * page_size(),
	};

	ASSERT_TRUE(zn_rings_freed())
		TH_LOG("a ring of an earlier test is not freed");
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &lim));
	/* A user of our own, whom no other process adds to. */
	ASSERT_EQ(0, zn_drop_caps(65000));
}

FIXTURE_TEARDOWN(accounting)
{
	pair_close(&self->p);
	expect_rings_freed(_metadata);
}

/* Memory of a closed ring comes back with a delay. */
static int pair_open_retry(struct pair *p, unsigned int area_pages)
{
	__u64 end = zn_now_ms() + ZN_FREE_TIME;
	int ret;

	do {
		ret = pair_open(p, area_pages);
		if (ret != -ENOMEM)
			break;
		usleep(1000);
	} while (zn_now_ms() < end);
	return ret;
}

TEST_F_TIMEOUT(accounting, returns_to_what_it_was, 120)
{
	long none = 0;
	unsigned int most;
	struct pair p = {};

	/* The largest area that the limit allows for. */
	for (most = 128; most > 0; most--) {
		int ret = pair_open(&p, most);

		ASSERT_TRUE(ret == 0 || ret == -ENOMEM);
		if (!ret)
			break;
		ASSERT_TRUE(zn_rings_freed());
	}
	ASSERT_LT(0, most);
	pair_close(&p);

	for (unsigned int i = 0; i < variant->rings; i++) {
		ASSERT_EQ(0, pair_open_retry(&self->p, 1))
			TH_LOG("at ring %u", i);
		ASSERT_EQ(0, enter_state(&self->p, variant->state));
		pair_close(&self->p);
		if (i % 32 == 31)
			ASSERT_TRUE(zn_rings_freed())
				TH_LOG("after %u rings", i + 1);
	}

	ASSERT_TRUE(zn_rings_freed());
	EXPECT_TRUE(zn_wait_until(vmpin_is, &none, ZN_FREE_TIME));
	EXPECT_EQ(0, pair_open_retry(&self->p, most))
		TH_LOG("an area of %u pages does not fit any more", most);
}

/* A process that ends without closing anything. */
FIXTURE(process)
{
};

FIXTURE_VARIANT(process)
{
	enum state state;
	bool killed;
};

FIXTURE_VARIANT_ADD(process, exits_idle) { .state = IDLE };
FIXTURE_VARIANT_ADD(process, exits_on_its_way) { .state = ON_ITS_WAY };
FIXTURE_VARIANT_ADD(process, exits_posted) { .state = POSTED };

FIXTURE_VARIANT_ADD(process, exits_overflown_and_raised)
{
	.state = OVERFLOWN_AND_RAISED,
};

FIXTURE_VARIANT_ADD(process, killed_on_its_way)
{
	.state = ON_ITS_WAY,
	.killed = true,
};

FIXTURE_VARIANT_ADD(process, killed_overflown_and_raised)
{
	.state = OVERFLOWN_AND_RAISED,
	.killed = true,
};

FIXTURE_SETUP(process)
{
	ASSERT_TRUE(zn_rings_freed())
		TH_LOG("a ring of an earlier test is not freed");
}

FIXTURE_TEARDOWN(process)
{
	expect_rings_freed(_metadata);
}

static void open_and_end(enum state state, bool killed)
{
	static struct pair p;
	int ret = pair_open(&p, 1);

	if (!ret)
		ret = enter_state(&p, state);
	if (ret)
		_exit(1);
	if (killed)
		raise(SIGKILL);
	_exit(0);
}

TEST_F(process, leaves_nothing)
{
	for (unsigned int i = 0; i < 8; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			open_and_end(variant->state, variant->killed);
		ASSERT_LT(0, pid);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(variant->killed ? SIGKILL : 0, status);
		ASSERT_TRUE(zn_rings_freed());
	}
}

FIXTURE(remote)
{
	struct zn_remote r;
	struct zn_ifq i;
	struct zn_events ev;
};

FIXTURE_SETUP(remote)
{
	ASSERT_TRUE(zn_rings_freed())
		TH_LOG("a ring of an earlier test is not freed");
	ASSERT_EQ(0, zn_remote_start(&self->r, &self->i, 0, false));
}

FIXTURE_TEARDOWN(remote)
{
	EXPECT_EQ(0, self->ev.notifs);
	EXPECT_EQ(0, self->ev.others);
	zn_remote_close(&self->r, &self->i);
	expect_rings_freed(_metadata);
}

TEST_F(remote, creator_exits_with_one_on_its_way)
{
	ASSERT_EQ(0, zn_make_copy(&self->i, &self->ev));
	ASSERT_EQ(0, zn_remote_exit(&self->r));
	expect_rings_freed(_metadata);

	/* Its memory is gone, too; the kernel's reference to it is not. */
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZN_ALL_TYPES));
	EXPECT_EQ(0, zn_arm(&self->i, 0));
}

TEST_F(remote, creator_is_killed)
{
	ASSERT_EQ(0, kill(self->r.pid, SIGKILL));
	ASSERT_EQ(self->r.pid, waitpid(self->r.pid, NULL, 0));
	self->r.pid = 0;
	expect_rings_freed(_metadata);
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

/* The ring outlives its task, in another process that has its file. */
TEST_F(remote, ring_without_its_task)
{
	int ring_fd = zn_remote_ring(&self->r);

	if (ring_fd < 0)
		SKIP(return, "pidfd_getfd: %s", strerror(-ring_fd));

	ASSERT_EQ(0, zn_remote_exit(&self->r));
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	/* No task runs the task work: the type never fires. */
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
	EXPECT_EQ(0, close(ring_fd));
	expect_rings_freed(_metadata);
	EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

/* The creator is a thread; its process goes on. */
FIXTURE(thread)
{
	struct zn_ifq c;
	struct zn_ifq i;
	struct zn_events ev;
	pthread_t thread;
	pthread_barrier_t barrier;
	int error;
	int fd;
};

static struct creator {
	struct zn_ifq *c;
	pthread_barrier_t *barrier;
	int fd;
} creator;

static void *creator_thread(void *arg)
{
	const struct zn_opts o = { .types = ZN_ALL_TYPES, .stats = true };
	int ret = zn_open(creator.c, &o);

	creator.fd = ret ?: zn_export(creator.c);
	/* Opened; may end. */
	pthread_barrier_wait(creator.barrier);
	pthread_barrier_wait(creator.barrier);
	return NULL;
}

FIXTURE_SETUP(thread)
{
	const struct zn_opts o = {};

	ASSERT_TRUE(zn_rings_freed())
		TH_LOG("a ring of an earlier test is not freed");
	ASSERT_EQ(0, pthread_barrier_init(&self->barrier, NULL, 2));
	creator.c = &self->c;
	creator.barrier = &self->barrier;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, creator_thread, NULL));
	pthread_barrier_wait(&self->barrier);
	ASSERT_LE(0, creator.fd);
	ASSERT_EQ(0, zn_import(&self->i, &self->c, creator.fd, &o));
	close(creator.fd);
	ASSERT_EQ(0, zn_connect(&self->i));
}

FIXTURE_TEARDOWN(thread)
{
	EXPECT_EQ(0, self->ev.notifs);
	EXPECT_EQ(0, self->ev.others);
	EXPECT_EQ(0, self->ev.bad);
	zn_close(&self->i);
	zn_close(&self->c);
	expect_rings_freed(_metadata);
}

TEST_F(thread, ends_with_one_on_its_way)
{
	bool posted;

	ASSERT_EQ(0, zn_make_copy(&self->i, &self->ev));
	pthread_barrier_wait(&self->barrier);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));

	/*
	 * The thread may or may not post the CQE at its end. Arming needs a
	 * CQE.
	 */
	posted = io_uring_cq_ready(&self->c.ring) != 0;
	EXPECT_EQ(posted ? 0 : -EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(5, zn_load(&self->c.stats->copy_count));

	zn_close_ring(&self->c);
	expect_rings_freed(_metadata);
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

TEST_F(thread, ended_before_the_event)
{
	pthread_barrier_wait(&self->barrier);
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(4, zn_load(&self->c.stats->copy_count));
	EXPECT_EQ(0, io_uring_cq_ready(&self->c.ring));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));

	zn_close_ring(&self->c);
	expect_rings_freed(_metadata);
	EXPECT_EQ(0, zn_make_copy(&self->i, &self->ev));
	EXPECT_EQ(5, zn_load(&self->c.stats->copy_count));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

TEST_HARNESS_MAIN
