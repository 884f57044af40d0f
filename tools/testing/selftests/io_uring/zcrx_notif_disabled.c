// SPDX-License-Identifier: GPL-2.0
/*
 * A creator ring with IORING_SETUP_R_DISABLED can register. The kernel keeps
 * events until any task enables the ring. Until then no task runs its task
 * work: the kernel queues none, whatever the task that made the ring does.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_remote.h"

FIXTURE(disabled)
{
	struct zn_ifq c;
	struct zn_ifq i;
	struct zn_events c_ev;
	struct zn_events i_ev;
};

FIXTURE_SETUP(disabled)
{
	const struct zn_opts o = {
		.area_pages = 1,
		.types = ZN_ALL_TYPES,
		.stats = true,
		.ring_flags = IORING_SETUP_R_DISABLED,
	};

	ASSERT_EQ(0, zn_open_imported(&self->c, &self->i, &o));
}

FIXTURE_TEARDOWN(disabled)
{
	zn_close(&self->i);
	zn_close(&self->c);
	EXPECT_TRUE(zn_rings_freed());
	EXPECT_EQ(0, self->c_ev.others + self->i_ev.others);
	EXPECT_EQ(0, self->i_ev.notifs);
}

/* An event of each type, the first one of NO_BUFFERS when @no_buffers. */
static void make_events(struct __test_metadata *_metadata, struct zn_ifq *i,
			struct zn_events *ev, bool no_buffers)
{
	ASSERT_EQ(0, zn_make_copy(i, ev));
	if (no_buffers)
		ASSERT_EQ(0, zn_make_no_buffers(i, ev));
}

TEST_F(disabled, event_is_kept_until_it_is_enabled)
{
	make_events(_metadata, &self->i, &self->i_ev, true);
	EXPECT_EQ(1, zn_load(&self->c.stats->copy_count));
	EXPECT_EQ(0, io_uring_cq_ready(&self->c.ring));
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EINVAL, zn_arm(&self->c, ZCRX_NOTIF_COPY));

	ASSERT_EQ(0, io_uring_enable_rings(&self->c.ring));
	ASSERT_EQ(zn_nr_cqes(ZN_ALL_TYPES),
		  zn_reap(&self->c, &self->c_ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(zn_nr_cqes(ZN_ALL_TYPES), self->c_ev.notifs);
	EXPECT_EQ(ZN_ALL_TYPES, self->c_ev.notif_mask);

	/* from now on as with any ring */
	EXPECT_EQ(0, zn_arm(&self->i, ZN_ALL_TYPES));
	EXPECT_LT(0, zn_refill(&self->i, 1));
	make_events(_metadata, &self->i, &self->i_ev, false);
	ASSERT_EQ(1, zn_reap(&self->c, &self->c_ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(2, self->c_ev.notif_copy);
}

TEST_F(disabled, enabling_it_without_an_event_is_silent)
{
	ASSERT_EQ(0, io_uring_enable_rings(&self->c.ring));
	EXPECT_EQ(-ETIME, zn_reap(&self->c, &self->c_ev, 1, ZN_SILENCE));
	EXPECT_EQ(0, self->c_ev.notifs);
}

struct enabler {
	struct zn_ifq *c;
	struct zn_events *ev;
};

static void *enable_and_reap(void *arg)
{
	struct enabler *e = arg;

	if (!io_uring_enable_rings(&e->c->ring))
		zn_reap(e->c, e->ev, 1, ZN_TIMEOUT);
	return NULL;
}

TEST_F(disabled, thread_that_enables_it_is_notified)
{
	struct enabler e = { &self->c, &self->c_ev };
	pthread_t thread;

	make_events(_metadata, &self->i, &self->i_ev, false);
	ASSERT_EQ(0, pthread_create(&thread, NULL, enable_and_reap, &e));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(1, self->c_ev.notif_copy);
	EXPECT_EQ(0, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

TEST_F(disabled, it_is_freed_with_an_event_kept)
{
	make_events(_metadata, &self->i, &self->i_ev, true);
	zn_close_ring(&self->c);
	EXPECT_TRUE(zn_rings_freed());
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZN_ALL_TYPES));
	EXPECT_LT(0, zn_refill(&self->i, 1));
	make_events(_metadata, &self->i, &self->i_ev, false);
	EXPECT_EQ(2, zn_load(&self->c.stats->copy_count));
}

/* The task that made the ring ends, or executes something else. */
FIXTURE(maker)
{
	struct zn_remote r;
	struct zn_ifq i;
	struct zn_events ev;
	int ring_fd;
};

FIXTURE_VARIANT(maker)
{
	int (*end)(struct zn_remote *r);
	bool event_before;	/* it ends */
	bool enabled_before;	/* it ends, by another task */
};

FIXTURE_VARIANT_ADD(maker, exits) { .end = zn_remote_exit };

FIXTURE_VARIANT_ADD(maker, exits_with_event_kept)
{
	.end = zn_remote_exit,
	.event_before = true,
};

FIXTURE_VARIANT_ADD(maker, exits_while_another_has_it_pending)
{
	.end = zn_remote_exit,
	.event_before = true,
	.enabled_before = true,
};

FIXTURE_VARIANT_ADD(maker, executes) { .end = zn_remote_exec };

FIXTURE_VARIANT_ADD(maker, executes_with_event_kept)
{
	.end = zn_remote_exec,
	.event_before = true,
};

FIXTURE_VARIANT_ADD(maker, executes_while_another_has_it_pending)
{
	.end = zn_remote_exec,
	.event_before = true,
	.enabled_before = true,
};

static int enable(int ring_fd)
{
	return syscall(__NR_io_uring_register, ring_fd,
		       IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

FIXTURE_SETUP(maker)
{
	self->ring_fd = -1;
	ASSERT_EQ(0, zn_remote_start(&self->r, &self->i,
				     IORING_SETUP_R_DISABLED, true));
	self->ring_fd = zn_remote_ring(&self->r);
	if (self->ring_fd < 0)
		SKIP(return, "pidfd_getfd: %s", strerror(-self->ring_fd));
	if (variant->enabled_before)
		ASSERT_EQ(0, enable(self->ring_fd));
	if (variant->event_before)
		ASSERT_EQ(0, zn_make_copy(&self->i, &self->ev));
	ASSERT_EQ(0, variant->end(&self->r));
	/* This one finds nobody to wake. */
	ASSERT_EQ(0, zn_make_copy(&self->i, &self->ev));
}

FIXTURE_TEARDOWN(maker)
{
	if (self->ring_fd >= 0)
		close(self->ring_fd);
	zn_remote_close(&self->r, &self->i);
	EXPECT_TRUE(zn_rings_freed());
	EXPECT_EQ(0, self->ev.notifs + self->ev.others);
}

TEST_F(maker, leaves_a_ring_that_can_be_enabled)
{
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));

	if (!variant->enabled_before)
		ASSERT_EQ(0, enable(self->ring_fd));
	ASSERT_EQ(0, syscall(__NR_io_uring_enter, self->ring_fd, 0, 1,
			     IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(0, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

TEST_F(maker, leaves_a_ring_that_can_be_closed)
{
	ASSERT_EQ(0, close(self->ring_fd));
	self->ring_fd = -1;
	EXPECT_TRUE(zn_rings_freed());
	EXPECT_EQ(-EINVAL, zn_arm(&self->i, ZCRX_NOTIF_COPY));
}

TEST_HARNESS_MAIN
