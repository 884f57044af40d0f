// SPDX-License-Identifier: GPL-2.0
/*
 * The order of the kernel's steps. The task that is notified has real-time
 * priority on the CPU of the event, so that the kernel switches to it in the
 * middle, as soon as it is woken. (A kernel without preemption switches later,
 * and these tests show nothing there.)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define ROUNDS	10

/* Threads that are made later inherit it. */
static int stay_on_this_cpu(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static int set_policy(int policy)
{
	const struct sched_param p = { .sched_priority = policy == SCHED_FIFO };

	return sched_setscheduler(0, policy, &p) ? -errno : 0;
}

/*
 * An event is counted before its notification. Otherwise a quick application
 * handles the CQE, arms, finds the counter unchanged and sleeps. It then misses
 * the event that is counted only now.
 */
FIXTURE(order)
{
	struct zn_ifq c;		/* of this thread */
	struct zn_ifq i;		/* of the other one */
	int fd;
	pthread_t thread;
	pthread_barrier_t ready;
};

FIXTURE_VARIANT(order)
{
	__u32 type;
	unsigned int area_pages;
};

FIXTURE_VARIANT_ADD(order, copy)
{
	.type = ZCRX_NOTIF_COPY,
	.area_pages = ROUNDS,
};

FIXTURE_VARIANT_ADD(order, no_buffers)
{
	.type = ZCRX_NOTIF_NO_BUFFERS,
	.area_pages = 1,
};

FIXTURE_SETUP(order)
{
	const struct zn_opts o = {
		.area_pages = variant->area_pages,
		.types = variant->type,
		.stats = true,
	};

	ASSERT_EQ(0, stay_on_this_cpu());
	ASSERT_EQ(0, zn_open(&self->c, &o));
	self->fd = zn_export(&self->c);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pthread_barrier_init(&self->ready, NULL, 2));
}

FIXTURE_TEARDOWN(order)
{
	zn_close(&self->i);
	zn_close(&self->c);
	close(self->fd);
}

static struct {
	struct zn_ifq		*from;
	struct zn_ifq		*imp;
	pthread_barrier_t	*ready;
	int			fd;
	__u32			type;
	int			error;
} maker;

/* Each event is handled before its system call returns. */
static void *make_events(void *arg)
{
	const struct zn_opts o = {};
	struct zn_events ev = {};

	maker.error = zn_import(maker.imp, maker.from, maker.fd, &o);
	if (!maker.error)
		maker.error = zn_connect(maker.imp);
	/* Takes the only buffer; of a type that was not asked for. */
	if (!maker.error && maker.type == ZCRX_NOTIF_NO_BUFFERS)
		maker.error = zn_make_copy(maker.imp, &ev);
	pthread_barrier_wait(maker.ready);
	for (unsigned int i = 0; i < ROUNDS && !maker.error; i++)
		maker.error = zn_make_event(maker.imp, &ev, maker.type);
	return NULL;
}

TEST_F(order, counted_before_it_notifies)
{
	const __u64 *counter = variant->type == ZCRX_NOTIF_COPY ?
			       &self->c.stats->copy_count :
			       &self->c.stats->no_buffers_count;
	struct zn_events ev = {};

	maker.from = &self->c;
	maker.imp = &self->i;
	maker.ready = &self->ready;
	maker.fd = self->fd;
	maker.type = variant->type;
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, make_events, NULL));
	ASSERT_EQ(0, set_policy(SCHED_FIFO));
	pthread_barrier_wait(&self->ready);
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		ASSERT_EQ(1, zn_reap(&self->c, &ev, 1, ZN_TIMEOUT));
		EXPECT_EQ(i, ev.notifs);
		EXPECT_EQ(i, zn_load(counter));
		ASSERT_EQ(0, zn_arm(&self->c, variant->type));
	}
	ASSERT_EQ(0, set_policy(SCHED_OTHER));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	EXPECT_EQ(0, maker.error);
	EXPECT_EQ(ROUNDS, zn_load(counter));
	EXPECT_EQ(0, ev.others);
}

/*
 * A type has fired before its CQE can be seen. An importer is not kept out by
 * the lock of the creator's ring: woken by the eventfd, it arms while the
 * creator is still posting.
 */
static struct {
	struct zn_ifq	*from;
	int		fd;
	int		event_fd;
	int		error;
	unsigned int	armed;
} importer;

static int arm_when_seen(struct zn_ifq *imp, unsigned int nr)
{
	const unsigned int *tail = importer.from->ring.cq.ktail;
	struct pollfd pfd = { .fd = importer.event_fd, .events = POLLIN };
	__u64 count;

	/* It is signalled for the task work, too. */
	while (io_uring_smp_load_acquire(tail) != nr) {
		if (poll(&pfd, 1, ZN_TIMEOUT) != 1)
			return -ETIME;
		if (read(importer.event_fd, &count, sizeof(count)) < 0)
			return -errno;
	}
	return zn_arm(imp, ZCRX_NOTIF_COPY);
}

static void *arm_each(void *arg)
{
	const struct zn_opts o = {};
	struct zn_events ev = {};
	struct zn_ifq imp = {};
	int ret;

	ret = zn_import(&imp, importer.from, importer.fd, &o);
	if (!ret)
		ret = zn_connect(&imp);
	if (!ret)
		ret = set_policy(SCHED_FIFO);
	for (unsigned int i = 1; i <= ROUNDS && !ret; i++) {
		ret = zn_make_copy(&imp, &ev);
		if (!ret)
			ret = arm_when_seen(&imp, i);
		importer.armed += !ret;
	}
	importer.error = ret;
	zn_close(&imp);
	return NULL;
}

TEST(fired_before_the_cqe_is_seen)
{
	const struct zn_opts o = {
		.area_pages = ROUNDS,
		.types = ZCRX_NOTIF_COPY,
	};
	struct zn_events ev = {};
	struct zn_ifq c;
	pthread_t thread;

	ASSERT_EQ(0, stay_on_this_cpu());
	ASSERT_EQ(0, zn_open(&c, &o));
	importer.from = &c;
	importer.fd = zn_export(&c);
	importer.event_fd = eventfd(0, 0);
	ASSERT_LE(0, importer.fd);
	ASSERT_LE(0, importer.event_fd);
	ASSERT_EQ(0, io_uring_register_eventfd(&c.ring, importer.event_fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, arm_each, NULL));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (zn_reap(&c, &ev, 1, ZN_TIMEOUT) < 0)
			break;
	}
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, importer.error);
	EXPECT_EQ(ROUNDS, importer.armed);
	EXPECT_EQ(ROUNDS, ev.notifs);
	zn_close(&c);
	close(importer.fd);
	close(importer.event_fd);
}

TEST_HARNESS_MAIN
