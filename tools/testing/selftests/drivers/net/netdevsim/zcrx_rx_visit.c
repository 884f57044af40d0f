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
	const struct zn_ifq *from;
	int		fd;	/* exported */
	bool		stop;
	struct visits	visits;
} v;

static int arm(struct zn_ifq *q)
{
	for (unsigned int t = 0; t < NR_TYPES; t++) {
		int ret = zn_arm(q, 1 << t);

		/* -EINVAL: it has not fired */
		if (ret && ret != -EINVAL)
			return ret;
		__atomic_add_fetch(&v.visits.armed[t], !ret, __ATOMIC_RELAXED);
	}
	return 0;
}

static int visit(void)
{
	const struct zn_opts o = {};
	struct zn_ifq q;
	int ret = zn_import(&q, v.from, v.fd, &o);

	if (ret)
		return ret;
	/* Leave something for others to arm. */
	usleep(2000);
	ret = arm(&q) ?: zn_flush_rq(&q) ?: zn_export(&q);
	zn_close(&q);
	if (ret < 0)
		return ret;
	close(v.fd);
	v.fd = ret;
	return 0;
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

int visits_start(struct zn_ifq *q)
{
	int ret = zn_export(q);

	if (ret < 0)
		return ret;
	v.from = q;
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
