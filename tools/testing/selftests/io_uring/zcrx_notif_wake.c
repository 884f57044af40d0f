// SPDX-License-Identifier: GPL-2.0
/*
 * A notification alone wakes a task that waits on the creator ring. An importer
 * in another thread or process receives the data, so that the creator's ring
 * sees nothing else.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

/*
 * How the creator waits; where it can, without an end, so that the harness ends
 * a test in which nothing wakes. Polling the ring itself is not among them: no
 * CQE of deferred task work ends that on such a ring.
 */
enum wait {
	WAIT_CQE,
	WAIT_CQE_TIMEOUT,
	WAIT_TWO_CQES,
	POLL_EVENTFD,
	EPOLL_EVENTFD,
	READ_EVENTFD,
};

/* Shorter than the harness waits, longer than anything here takes. */
#define LONG_WAIT	20

struct receiver {
	const struct zn_ifq	*from;
	int			fd;
	pid_t			sleeper;
	int			ret;
};

/* State of a task as in /proc/PID/stat, '?' when it cannot be told. */
static char task_state(pid_t tid)
{
	char path[64], state = '?';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	f = fopen(path, "r");
	if (!f)
		return '?';
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(f);
	return state;
}

static bool is_asleep(void *tid)
{
	return task_state(*(pid_t *)tid) == 'S';
}

/* Import, wait for the creator to sleep, and receive one byte. */
static void *receive_when_asleep(void *arg)
{
	const struct zn_opts o = {};
	struct receiver *r = arg;
	struct zn_events ev = {};
	struct zn_ifq imp;

	r->ret = zn_import(&imp, r->from, r->fd, &o);
	if (r->ret)
		return NULL;
	r->ret = zn_connect(&imp);
	/* Not a sleep on the way there, such as one on a lock. */
	for (int i = 0; i < 5; i++) {
		if (!zn_wait_until(is_asleep, &r->sleeper, ZN_TIMEOUT))
			r->ret = -ETIME;
		usleep(10000);
	}
	if (!r->ret)
		r->ret = zn_make_copy(&imp, &ev);
	zn_close(&imp);
	return NULL;
}

/* Start the receiver in a thread, or in a process whose id goes to @pid. */
static int start_receiver(struct receiver *r, pthread_t *thread, pid_t *pid)
{
	if (!pid)
		return -pthread_create(thread, NULL, receive_when_asleep, r);
	*pid = fork();
	if (!*pid) {
		receive_when_asleep(r);
		_exit(r->ret ? 1 : 0);
	}
	return *pid < 0 ? -errno : 0;
}

static int end_receiver(struct receiver *r, pthread_t *thread, pid_t *pid)
{
	int status;

	if (!pid)
		return -pthread_join(*thread, NULL) ?: r->ret;
	if (waitpid(*pid, &status, 0) != *pid)
		return -errno;
	return status ? -ECHILD : 0;
}

FIXTURE(wake)
{
	struct zn_ifq	q;
	struct receiver	r;
	int		event_fd;
	int		epoll_fd;
};

FIXTURE_VARIANT(wake)
{
	enum wait	wait;
	bool		process;
	unsigned int	ring_flags;
};

FIXTURE_VARIANT_ADD(wake, wait_cqe) { .wait = WAIT_CQE };
FIXTURE_VARIANT_ADD(wake, wait_cqe_timeout) { .wait = WAIT_CQE_TIMEOUT };
FIXTURE_VARIANT_ADD(wake, wait_for_the_second_cqe) { .wait = WAIT_TWO_CQES };
FIXTURE_VARIANT_ADD(wake, poll_eventfd) { .wait = POLL_EVENTFD };
FIXTURE_VARIANT_ADD(wake, epoll_eventfd) { .wait = EPOLL_EVENTFD };
FIXTURE_VARIANT_ADD(wake, read_eventfd) { .wait = READ_EVENTFD };

FIXTURE_VARIANT_ADD(wake, wait_cqe_mixed)
{
	.wait = WAIT_CQE, .ring_flags = IORING_SETUP_CQE_MIXED,
};

FIXTURE_VARIANT_ADD(wake, wait_cqe_flagged)
{
	.wait = WAIT_CQE, .ring_flags = IORING_SETUP_TASKRUN_FLAG,
};

FIXTURE_VARIANT_ADD(wake, wait_cqe_of_another_process)
{
	.wait = WAIT_CQE, .process = true,
};

FIXTURE_VARIANT_ADD(wake, poll_eventfd_of_another_process)
{
	.wait = POLL_EVENTFD, .process = true,
};

static int open_creator(struct zn_ifq *q, __u32 mask, unsigned int ring_flags)
{
	const struct zn_opts o = { .types = mask, .ring_flags = ring_flags };

	return zn_open(q, &o);
}

FIXTURE_SETUP(wake)
{
	struct epoll_event ee = { .events = EPOLLIN };

	self->event_fd = eventfd(0, 0);
	self->epoll_fd = epoll_create1(0);
	ASSERT_LE(0, self->event_fd);
	ASSERT_LE(0, self->epoll_fd);
	ASSERT_EQ(0, open_creator(&self->q, ZCRX_NOTIF_COPY,
				  variant->ring_flags));
	ASSERT_EQ(0, epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, self->event_fd,
			       &ee));
	if (variant->wait >= POLL_EVENTFD)
		ASSERT_EQ(0, io_uring_register_eventfd(&self->q.ring,
						       self->event_fd));
	self->r.from = &self->q;
	self->r.fd = zn_export(&self->q);
	self->r.sleeper = syscall(__NR_gettid);
	ASSERT_LE(0, self->r.fd);
}

FIXTURE_TEARDOWN(wake)
{
	zn_close(&self->q);
	close(self->r.fd);
	close(self->epoll_fd);
	close(self->event_fd);
}

/* Sleep as the variant says; whether it was the event that ended it. */
static bool woken(struct zn_ifq *q, enum wait wait, int event_fd, int epoll_fd)
{
	struct __kernel_timespec ts = { .tv_sec = LONG_WAIT };
	struct pollfd pfd = { .fd = event_fd, .events = POLLIN };
	__u64 count, start = zn_now_ms();
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct epoll_event ee;

	switch (wait) {
	case WAIT_CQE:
		return !io_uring_wait_cqe(&q->ring, &cqe);
	case WAIT_CQE_TIMEOUT:
		return !io_uring_wait_cqe_timeout(&q->ring, &cqe, &ts) &&
		       zn_now_ms() - start < LONG_WAIT * 1000;
	case WAIT_TWO_CQES:
		sqe = io_uring_get_sqe(&q->ring);
		io_uring_prep_nop(sqe);
		return io_uring_submit_and_wait(&q->ring, 2) == 1 &&
		       io_uring_cq_ready(&q->ring) == 2;
	case POLL_EVENTFD:
		return poll(&pfd, 1, -1) == 1 && pfd.revents == POLLIN;
	case EPOLL_EVENTFD:
		return epoll_wait(epoll_fd, &ee, 1, -1) == 1 &&
		       ee.events == EPOLLIN;
	case READ_EVENTFD:
		return read(event_fd, &count, sizeof(count)) == 8 && count;
	}
	return false;
}

/* Once, and again after it has been armed. */
TEST_F(wake, notification_ends_the_sleep)
{
	unsigned int nops = variant->wait == WAIT_TWO_CQES;
	pthread_t thread;
	__u64 count;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		pid_t *p = variant->process ? &pid : NULL;
		struct zn_events ev = {};

		ASSERT_EQ(0, start_receiver(&self->r, &thread, p));
		EXPECT_TRUE(woken(&self->q, variant->wait, self->event_fd,
				  self->epoll_fd));
		EXPECT_EQ(1 + nops,
			  zn_reap(&self->q, &ev, 1 + nops, ZN_TIMEOUT));
		EXPECT_EQ(1, ev.notifs);
		EXPECT_EQ(nops, ev.others);
		EXPECT_EQ(ZCRX_NOTIF_COPY, ev.notif_mask);
		ASSERT_EQ(0, end_receiver(&self->r, &thread, p));
		/* The eventfd may count the task work and the CQE. */
		if (poll(&(struct pollfd){ self->event_fd, POLLIN, 0 }, 1, 0))
			EXPECT_EQ(8, read(self->event_fd, &count, 8));
		ASSERT_EQ(0, zn_arm(&self->q, ZCRX_NOTIF_COPY));
	}
}

/*
 * An event in another thread, of which an eventfd that @reg registers hears
 * nothing. There is a CQE if @notified.
 */
static void __eventfd_is_silent(struct __test_metadata *_metadata, __u32 mask,
				int (*reg)(struct io_uring *ring, int fd),
				bool notified)
{
	struct __kernel_timespec ts = { .tv_sec = notified ? LONG_WAIT : 1 };
	struct receiver r = { .sleeper = syscall(__NR_gettid) };
	int event_fd = eventfd(0, EFD_NONBLOCK);
	struct io_uring_cqe *cqe;
	struct zn_ifq q;
	pthread_t thread;
	__u64 count;

	ASSERT_LE(0, event_fd);
	ASSERT_EQ(0, open_creator(&q, mask, 0));
	ASSERT_EQ(0, reg(&q.ring, event_fd));
	r.from = &q;
	r.fd = zn_export(&q);
	ASSERT_LE(0, r.fd);
	ASSERT_EQ(0, start_receiver(&r, &thread, NULL));
	EXPECT_EQ(notified ? 0 : -ETIME,
		  io_uring_wait_cqe_timeout(&q.ring, &cqe, &ts));
	EXPECT_EQ(0, end_receiver(&r, &thread, NULL));
	EXPECT_EQ(-1, read(event_fd, &count, sizeof(count)));
	zn_close(&q);
	close(r.fd);
	close(event_fd);
}

#define eventfd_is_silent(mask, reg, notified) \
	__eventfd_is_silent(_metadata, mask, reg, notified)

/* Only the notification wakes above: without it nothing does. */
TEST(type_not_asked_for_does_not_wake)
{
	eventfd_is_silent(ZCRX_NOTIF_NO_BUFFERS, io_uring_register_eventfd,
			  false);
}

/* An eventfd for async completions hears of no CQE of task work. */
TEST(async_eventfd_is_not_triggered)
{
	eventfd_is_silent(ZCRX_NOTIF_COPY, io_uring_register_eventfd_async,
			  true);
}

TEST_HARNESS_MAIN
