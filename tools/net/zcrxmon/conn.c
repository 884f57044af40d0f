// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

/*
 * The pause before a restart when no buffer was given back but some must be
 * free: the page pool of a device can have them all.
 */
#define RETRY_SECONDS	0.01
#define MAX_RETRY_SECONDS	1

/* After this number of restarts in a row without data, copies starve. */
#define MANY_IN_VAIN	5

static int start_accept(struct conns *c)
{
	struct io_uring_sqe *sqe = zcrx_get_sqe(c->z);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_multishot_accept(sqe, c->listen_fd, NULL, NULL, 0);
	io_uring_sqe_set_data64(sqe, UD_ACCEPT);
	return 0;
}

/* One request receives the whole stream. */
static int start_recv(struct conns *c, struct conn *conn)
{
	struct io_uring_sqe *sqe = zcrx_get_sqe(c->z);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_recv_zc(sqe, conn->fd, 0, c->z->id);
	io_uring_sqe_set_data(sqe, conn);
	conn->stalled = 0;
	return 0;
}

/* Both IPv4 and IPv6, or IPv4 alone where the kernel has no IPv6 */
static int listen_all(unsigned int port)
{
	struct sockaddr_in6 any6 = {
		.sin6_family	= AF_INET6,
		.sin6_port	= htons(port),
	};
	struct sockaddr_in any4 = {
		.sin_family	= AF_INET,
		.sin_port	= htons(port),
	};
	struct sockaddr *addr = (struct sockaddr *)&any6;
	socklen_t len = sizeof(any6);
	int fd, one = 1, zero = 0;

	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	} else {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
		if (fd < 0)
			return -errno;
		addr = (struct sockaddr *)&any4;
		len = sizeof(any4);
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, addr, len) || listen(fd, SOMAXCONN)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	return fd;
}

int conns_listen(struct conns *c, unsigned int port)
{
	c->listen_fd = listen_all(port);
	return c->listen_fd < 0 ? c->listen_fd : start_accept(c);
}

int conns_accepted(struct conns *c, const struct io_uring_cqe *cqe)
{
	struct conn *conn;
	int ret = 0;

	/* A multishot accept can end with any completion, also a good one */
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ret = start_accept(c);
	/* A connection that is already gone is no error here */
	if (cqe->res < 0)
		return cqe->res == -ECONNABORTED ? ret : cqe->res;

	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		close(cqe->res);
		return -ENOMEM;
	}
	conn->fd = cqe->res;
	conn->number = ++c->opened;
	conn->next = c->list;
	c->list = conn;
	return ret ?: start_recv(c, conn);
}

static int take_data(struct conns *c, struct conn *conn,
		     const struct io_uring_cqe *cqe)
{
	__u64 off = io_uring_zcrx_cqe_off(cqe);

	if (c->checksum)
		stream_sum_add(&conn->sum, zcrx_data(c->z, off), cqe->res);
	if (zcrx_area(c->z, off))
		c->in_added += cqe->res;
	conn->in_vain = 0;
	conn->received += cqe->res;
	c->received += cqe->res;
	return refill_take(c->refill, cqe);
}

int conns_received(struct conns *c, const struct io_uring_cqe *cqe, double now,
		   struct conn **closed)
{
	struct conn *conn = io_uring_cqe_get_data(cqe);

	/* All completions with data have this flag */
	if (cqe->flags & IORING_CQE_F_MORE)
		return take_data(c, conn, cqe);

	switch (cqe->res) {
	case -ENOMEM:
	case -ENOSPC:
		/* No buffers, or no room in the completion queue */
		if (cqe->res == -ENOMEM)
			c->no_memory++;
		else
			c->no_space++;
		conn->stalled = cqe->res;
		conn->given = c->refill->given;
		conn->since = now;
		return 0;
	case 0:
		break;
	default:
		c->failed++;
	}
	if (c->checksum)
		c->sums += stream_sum_result(&conn->sum);
	c->closed++;
	*closed = conn;
	return 0;
}

void conn_free(struct conns *c, struct conn *conn)
{
	struct conn **link = &c->list;

	while (*link != conn)
		link = &(*link)->next;
	*link = conn->next;
	close(conn->fd);
	free(conn);
}

void conns_close(struct conns *c)
{
	while (c->list)
		conn_free(c, c->list);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
}

/* A restart without buffers would only fail again. */
static bool has_room(const struct conns *c, const struct conn *conn, double now)
{
	const struct refill *r = c->refill;
	double pause = RETRY_SECONDS;

	if (conn->stalled == -ENOSPC)
		return true;
	if (r->given != conn->given && !conn->in_vain)
		return true;
	/* Each restart without data doubles the pause */
	for (unsigned int i = 1; i < conn->in_vain; i++)
		pause *= pause < MAX_RETRY_SECONDS ? 2 : 1;
	if (pause > MAX_RETRY_SECONDS)
		pause = MAX_RETRY_SECONDS;
	return r->held < r->z->nr_bufs && now - conn->since >= pause;
}

int conns_restart(struct conns *c, double now)
{
	struct conn *conn;
	int ret;

	for (conn = c->list; conn; conn = conn->next) {
		if (!conn->stalled || !has_room(c, conn, now))
			continue;
		/* Copies need the entries that the page pool has not taken */
		if (conn->stalled == -ENOMEM && !c->z->nodev) {
			ret = zcrx_flush(c->z);
			if (ret)
				return ret;
		}
		if (conn->stalled == -ENOMEM && ++conn->in_vain == MANY_IN_VAIN)
			c->starving = true;
		ret = start_recv(c, conn);
		if (ret)
			return ret;
		c->restarts++;
	}
	return 0;
}

bool conns_waiting(const struct conns *c)
{
	const struct conn *conn;

	for (conn = c->list; conn; conn = conn->next)
		if (conn->stalled && c->refill->held < c->z->nr_bufs)
			return true;
	return false;
}
