// SPDX-License-Identifier: GPL-2.0
/*
 * An event is in its counter before it is told of. Otherwise an application that
 * is quick handles the CQE, arms, finds the counter as it was at the last look
 * and sleeps, and the event that is counted then is nobody's.
 *
 * The creator has real-time priority on the CPU where the events are made: the
 * kernel switches to it in the middle of raising the event, as soon as the
 * notification is queued. (A kernel without preemption does so only later, and
 * there this test shows nothing.)
 */
#include <pthread.h>
#include <sched.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

#define ROUNDS	10

FIXTURE(order)
{
	struct zn_ifq c;		/* of this thread */
	struct zn_ifq i;		/* of the other one */
	int fd;
	int error;
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
	const struct zcrx_notification_desc desc = {
		.user_data = ZN_USER_DATA,
		.type_mask = variant->type,
	};
	const struct zn_opts o = {
		.area_pages = variant->area_pages,
		.desc = &desc,
		.stats = true,
	};
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	/* The other thread inherits it. */
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
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
		maker.error = maker.type == ZCRX_NOTIF_COPY ?
			zn_make_copy(maker.imp, &ev) :
			zn_make_no_buffers(maker.imp, &ev);
	return NULL;
}

TEST_F(order, counted_before_it_is_told)
{
	const struct sched_param other = {}, rt = { .sched_priority = 1 };
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
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &rt));
	pthread_barrier_wait(&self->ready);
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		ASSERT_EQ(1, zn_reap(&self->c, &ev, 1, ZN_TIMEOUT));
		EXPECT_EQ(i, ev.notifs);
		EXPECT_EQ(i, zn_load(counter));
		ASSERT_EQ(0, zn_arm(&self->c, variant->type));
	}
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &other));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	EXPECT_EQ(0, maker.error);
	EXPECT_EQ(ROUNDS, zn_load(counter));
	EXPECT_EQ(0, ev.others);
}

TEST_HARNESS_MAIN
