// SPDX-License-Identifier: GPL-2.0
/* Connections and receiving of zcrx_bench. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define MAX_HELD	65536

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), size = 8 << 20, one = 1;

	if (fd < 0)
		fail("socket", errno);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void enter_netns(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(path, errno);
	close(fd);
}

struct conn conn_open(struct bench *b, unsigned int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int l = tcp_socket(), one = 1, rto_max = 1000;
	struct conn c;

	inet_pton(AF_INET, b->interface ? "192.0.2.1" : "127.0.0.1", &a.sin_addr);
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (void *)&a, sizeof(a)) || listen(l, 1))
		fail("listen", errno);
	if (b->interface)
		enter_netns("/run/netns/peer");
	c.tx = tcp_socket();
	if (connect(c.tx, (void *)&a, sizeof(a)))
		fail("connect", errno);
	setsockopt(c.tx, IPPROTO_TCP, TCP_RTO_MAX_MS, &rto_max, sizeof(rto_max));
	if (b->interface)
		enter_netns("/run/netns/home");
	c.rx = accept(l, NULL, NULL);
	if (c.rx < 0)
		fail("accept", errno);
	close(l);
	return c;
}

void conn_send(struct conn *c, size_t total, size_t chunk)
{
	static char data[1 << 16];

	while (total) {
		ssize_t ret = send(c->tx, data, chunk < total ? chunk : total,
				   MSG_DONTWAIT | MSG_NOSIGNAL);

		if (ret < 0)
			fail("send", errno);
		total -= ret;
	}
}

static void rx_init(struct rx *r, struct zn_ifq *q, struct conn conn)
{
	memset(r, 0, sizeof(*r));
	r->q = q;
	r->conn = conn;
	r->held = mmap(NULL, MAX_HELD * sizeof(*r->held), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (r->held == MAP_FAILED)
		fail("memory", errno);
}

void rx_open(struct rx *r, struct zn_ifq *q, struct conn conn)
{
	rx_init(r, q, conn);
	r->own = q;
}

int rx_export(const struct rx *r)
{
	int fd = zn_export(r->own);

	if (fd < 0)
		fail("export", fd);
	return fd;
}

static struct zn_ifq *new_ifq(void)
{
	struct zn_ifq *q = calloc(1, sizeof(*q));

	if (!q)
		fail("memory", ENOMEM);
	return q;
}

void rx_import(struct rx *r, struct zn_ifq *of, int fd, struct conn conn)
{
	const struct zn_opts o = {
		.sq_entries = SQ_ENTRIES,
		.cq_entries = CQ_ENTRIES,
	};
	int ret;

	rx_init(r, of, conn);
	r->own = new_ifq();
	ret = zn_import(r->own, of, fd, &o);
	if (ret)
		fail("import", ret);
	close(fd);
}

void rx_start(struct rx *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->own->ring);

	zn_prep_recv(sqe, r->own, r->conn.rx, 0);
	sqe->user_data = RECV_USER_DATA;
	r->ended = false;
	io_uring_submit_and_get_events(&r->own->ring);
}

static void handle(struct rx *r, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);

	if (cqe->user_data == ZN_USER_DATA) {
		r->notifs++;
	} else if (cqe->flags & IORING_CQE_F_MORE) {
		r->received += cqe->res;
		if (r->nr_held == MAX_HELD)
			fail("buffers held", ENOMEM);
		r->held[r->nr_held++] = rcqe->off;
	} else {
		r->ended = true;
	}
}

void rx_enter(struct rx *r, unsigned int wait)
{
	struct io_uring *ring = &r->own->ring;
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	if (wait)
		io_uring_submit_and_wait(ring, wait);
	else
		io_uring_get_events(ring);
	io_uring_for_each_cqe(ring, head, cqe) {
		handle(r, cqe);
		n++;
	}
	io_uring_cq_advance(ring, n);
}

void rx_until(struct rx *r, unsigned long long received, unsigned int wait)
{
	while (r->received < received) {
		rx_enter(r, wait);
		if (r->ended)
			fail("the receive has ended", ENOMEM);
	}
}

void rx_give_back(struct rx *r)
{
	for (unsigned int i = 0; i < r->nr_held; i++)
		zn_give_back(r->q, r->held[i], 4096);
	r->nr_held = 0;
}

struct zn_ifq *open_ifq(struct bench *b)
{
	struct zn_ifq *q = new_ifq();
	int ret = zn_open(q, &b->ifq);

	if (ret)
		fail("registration", ret);
	return q;
}

unsigned long long copies(const struct zn_ifq *q)
{
	return q->stats ? zn_load(&q->stats->copy_count) : 0;
}
