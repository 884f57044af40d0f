// SPDX-License-Identifier: GPL-2.0
/*
 * zcrxmon: receive TCP through io_uring zero-copy receive and show its
 * notifications and statistics. Its core is a model for applications: zcrx.c
 * registers, refill.c gives buffers back, notif.c loses no event, conn.c
 * receives, and turn() below does all of it in order. The core prints nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "explain.h"
#include "monitor.h"
#include "output.h"

/* The longest sleep before paced work */
#define PACE_SECONDS	0.01

/* Signals come as completions, too. */
static void watch_signals(struct monitor *m)
{
	struct io_uring_sqe *sqe = zcrx_get_sqe(&m->z);

	io_uring_prep_poll_add(sqe, m->sigfd, POLLIN);
	io_uring_sqe_set_data64(sqe, UD_SIGNAL);
}

static int open_signals(struct monitor *m)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	m->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->sigfd < 0)
		return m->sigfd;
	sigprocmask(SIG_BLOCK, &set, NULL);
	watch_signals(m);
	return 0;
}

static void handle_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->sigfd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			m->refill.stalled = true;
		else
			m->stop = true;
	}
	watch_signals(m);
}

static double monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* More memory. Returns its size, or 0 if there is none: then buffers go back. */
static size_t grow(struct monitor *m)
{
	const struct zcrx_config *config = &m->o.zcrx;
	int ret;

	if (!m->grow)
		return 0;
	ret = refill_add_area(&m->refill, config->grow);
	if (!ret) {
		notif_answered(&m->notif);
		return config->grow;
	}
	explain_grow(ret, config, m->z.nr_areas);
	m->grow = false;
	return 0;
}

static int handle_types(struct monitor *m, __u32 types, bool by_counter)
{
	unsigned long long given = m->refill.given;
	struct reaction did = {
		.held		= m->refill.held,
		.nr_bufs	= m->z.nr_bufs,
	};
	int ret = 0;

	/*
	 * Out of buffers: add some, or give some back. COPY needs no reaction
	 * here; an application may look for a flow on the wrong queue.
	 */
	if (types & ZCRX_NOTIF_NO_BUFFERS) {
		did.added = grow(m);
		if (!did.added)
			ret = refill_urgent(&m->refill);
	}
	did.given = m->refill.given - given;
	output_notif(m, types, by_counter, &did);
	return ret;
}

static int handle_notifications(struct monitor *m)
{
	__u32 types = notif_take(&m->notif);
	int ret;

	if (!types)
		return 0;
	ret = handle_types(m, types, false);
	if (!ret)
		ret = notif_arm(&m->notif, types);
	return ret > 0 ? handle_types(m, ret, true) : ret;
}

static int handle_cqe(struct monitor *m, const struct io_uring_cqe *cqe)
{
	struct conn *closed = NULL;
	int ret;

	switch (cqe->user_data) {
	case UD_ACCEPT:
		if (cqe->res < 0)
			zcrxmon_err("a connection could not be accepted: %s",
				    strerror(-cqe->res));
		return conns_accepted(&m->conns, cqe);
	case UD_NOTIF:
		notif_cqe(&m->notif, cqe);
		return 0;
	case UD_SIGNAL:
		handle_signals(m);
		return 0;
	default:
		ret = conns_received(&m->conns, cqe, m->now, &closed);
		if (closed) {
			if (cqe->res)
				explain_recv(cqe->res);
			output_conn(m, closed);
			conn_free(&m->conns, closed);
		}
		return ret;
	}
}

static int handle_cqes(struct monitor *m)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	int ret = 0;

	io_uring_for_each_cqe(&m->z.ring, head, cqe) {
		seen++;
		ret = handle_cqe(m, cqe);
		if (ret)
			break;
	}
	io_uring_cq_advance(&m->z.ring, seen);
	return ret;
}

/*
 * Wait for a completion or the end of the time. Then take all completions, give
 * buffers back, handle and arm notifications, and restart requests that ended
 * for lack of buffers.
 */
static int turn(struct monitor *m, double start, double seconds)
{
	struct io_uring_zcrx_notif_stats stats;
	struct __kernel_timespec ts;
	struct io_uring_cqe *cqe;
	int ret;

	if (refill_paced(&m->refill) || conns_waiting(&m->conns))
		seconds = PACE_SECONDS;
	ts.tv_sec = seconds;
	ts.tv_nsec = (seconds - ts.tv_sec) * 1e9;

	ret = io_uring_submit_and_wait_timeout(&m->z.ring, &cqe, 1, &ts, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR)
		return ret;
	m->now = monotonic() - start;

	/* Often enough for counters of 32 bits */
	zcrx_read_stats(&m->z, &stats);
	ret = handle_cqes(m);
	if (!ret)
		ret = refill_turn(&m->refill, m->now);
	if (!ret)
		ret = handle_notifications(m);
	if (!ret)
		ret = conns_restart(&m->conns, m->now);
	if (m->conns.starving)
		explain_starving(m->refill.held, m->z.nr_bufs);
	return ret;
}

static bool connections_done(const struct monitor *m)
{
	return m->o.connections && m->conns.closed >= m->o.connections;
}

static int monitor(struct monitor *m)
{
	double start = monotonic(), next = m->o.interval, end = m->o.duration;
	double wake;
	int ret;

	output_start(m);
	while (!m->stop && !connections_done(m) && (!end || m->now < end)) {
		wake = end && end < next ? end : next;
		ret = turn(m, start, wake > m->now ? wake - m->now : 0);
		if (ret) {
			zcrxmon_err("an io_uring call failed: %s", strerror(-ret));
			return EXIT_FAILED;
		}
		if (m->now >= next) {
			output_interval(m);
			while (next <= m->now)
				next += m->o.interval;
		}
	}
	if (!output_summary(m))
		return EXIT_FAILED;
	if (!m->stop && m->o.connections && !connections_done(m)) {
		zcrxmon_err("--duration is over, but only %u of %u connections were closed",
			    m->conns.closed, m->o.connections);
		return EXIT_FAILED;
	}
	return m->conns.failed ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct monitor *m)
{
	const struct options *o = &m->o;
	int ret, status = EXIT_FAILED;

	ret = zcrx_open_ring(&m->z, &o->zcrx);
	if (ret) {
		explain_ring(ret);
		return status;
	}
	ret = zcrx_register(&m->z, &o->zcrx, &m->probe);
	if (ret) {
		explain_register(ret, &o->zcrx);
		goto close_zcrx;
	}
	if (refill_init(&m->refill, &m->z, o->refill, o->refill_rate)) {
		zcrxmon_err("out of memory");
		goto close_zcrx;
	}
	m->grow = o->zcrx.grow;
	m->notif.z = &m->z;
	m->notif.arm = o->arm;
	m->conns.z = &m->z;
	m->conns.refill = &m->refill;
	m->conns.checksum = o->checksum;
	if (open_signals(m)) {
		zcrxmon_err("signalfd: %s", strerror(errno));
		goto free_refill;
	}
	ret = conns_listen(&m->conns, o->port);
	if (ret)
		explain_listen(ret, o->port);
	else
		status = monitor(m);
	conns_close(&m->conns);
	close(m->sigfd);
free_refill:
	refill_free(&m->refill);
close_zcrx:
	zcrx_close(&m->z);
	return status;
}

int main(int argc, char **argv)
{
	struct monitor m = {};

	options_parse(&m.o, argc, argv);
	probe_kernel(&m.probe);
	if (m.o.probe_only) {
		output_probe(&m.probe, m.o.output);
		return probe_notifies(&m.probe) ? EXIT_DONE : EXIT_KERNEL;
	}
	if (explain_missing(&m.probe, &m.o.zcrx))
		return EXIT_KERNEL;
	if (m.o.zcrx.notify)
		explain_losses(&m.probe);
	return run(&m);
}
