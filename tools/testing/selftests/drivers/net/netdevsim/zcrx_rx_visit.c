// SPDX-License-Identifier: GPL-2.0
/*
 * The visitor of zcrx_rx: a thread with rings that come and go. Each imports the
 * zcrx instance, arms whatever has fired, flushes the refill queue, exports the
 * instance for its successor, and is closed.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "zcrx_rx.h"

static struct {
	pthread_t	thread;
	int		fd;	/* exported */
	bool		stop;
	struct visits	visits;
} v;

static int ctrl(int ring_fd, struct zcrx_ctrl *c)
{
	return io_uring_register(ring_fd, IORING_REGISTER_ZCRX_CTRL, c, 0);
}

static int export(int ring_fd, __u32 id)
{
	struct zcrx_ctrl c = { .zcrx_id = id, .op = ZCRX_CTRL_EXPORT };

	return ctrl(ring_fd, &c) ?: (int)c.zc_export.zcrx_fd;
}

static int arm(int ring_fd, __u32 id)
{
	for (unsigned int t = 0; t < NR_TYPES; t++) {
		struct zcrx_ctrl c = {
			.zcrx_id = id,
			.op = ZCRX_CTRL_ARM_NOTIFICATION,
			.zc_arm_notif.type_mask = 1 << t,
		};
		int ret = ctrl(ring_fd, &c);

		/* -EINVAL: it has not fired */
		if (ret && ret != -EINVAL)
			return ret;
		__atomic_add_fetch(&v.visits.armed[t], !ret, __ATOMIC_RELAXED);
	}
	return 0;
}

static int visit_with(int ring_fd)
{
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = v.fd,
		.flags = ZCRX_REG_IMPORT,
	};
	struct zcrx_ctrl flush = { .op = ZCRX_CTRL_FLUSH_RQ };
	int ret;

	ret = io_uring_register(ring_fd, IORING_REGISTER_ZCRX_IFQ, &reg, 1);
	if (ret)
		return ret;
	/* Leave something for others to arm. */
	usleep(2000);
	ret = arm(ring_fd, reg.zcrx_id);
	if (ret)
		return ret;
	flush.zcrx_id = reg.zcrx_id;
	ret = ctrl(ring_fd, &flush);
	if (ret)
		return ret;
	ret = export(ring_fd, reg.zcrx_id);
	if (ret < 0)
		return ret;
	close(v.fd);
	v.fd = ret;
	return 0;
}

static int visit(void)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32,
	};
	struct io_uring ring;
	int ret = io_uring_queue_init_params(8, &ring, &p);

	if (ret)
		return ret;
	ret = visit_with(ring.ring_fd);
	io_uring_queue_exit(&ring);
	return ret;
}

static void *visitor(void *arg)
{
	struct visits *visits = arg;

	while (!__atomic_load_n(&v.stop, __ATOMIC_ACQUIRE) && !visits->error) {
		visits->error = visit();
		__atomic_add_fetch(&visits->nr, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int visits_start(const struct ifq *q)
{
	int ret = export(q->ring.ring_fd, q->id);

	if (ret < 0)
		return ret;
	v.fd = ret;
	return -pthread_create(&v.thread, NULL, visitor, &v.visits);
}

void visits_stop(void)
{
	if (!v.thread || v.stop)
		return;
	__atomic_store_n(&v.stop, true, __ATOMIC_RELEASE);
	pthread_join(v.thread, NULL);
	close(v.fd);
}

struct visits visits_get(void)
{
	return v.visits;
}
