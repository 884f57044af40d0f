// SPDX-License-Identifier: GPL-2.0
/*
 * How a stream ends, and what is in it, as a receive sees it: as recv(2) does.
 * Urgent data doesn't cut a stream short, and a receive whose connection is
 * gone ends, after the data that had come before.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

static const struct zn_opts opts = { .area_pages = 64 };

FIXTURE(urgent)
{
	struct zn_ifq q;
	struct zn_ifq plain;	/* a connection alone, for recv(2) */
};

/* What is sent */
struct sends {
	unsigned int before;	/* bytes, then an urgent one */
	unsigned int between;	/* then these and another urgent one, if not 0 */
	unsigned int after;
	bool oob_inline;	/* at the receiver */
};

FIXTURE_VARIANT(urgent)
{
	struct sends sends;
	bool armed;		/* the receive waits when it all comes */
	unsigned int limit;	/* of the receive */
};

FIXTURE_VARIANT_ADD(urgent, in_the_middle)
{
	.sends = { .before = 1000, .after = 1000 },
};

FIXTURE_VARIANT_ADD(urgent, first) { .sends = { .after = 1000 } };
FIXTURE_VARIANT_ADD(urgent, last) { .sends = { .before = 1000 } };

FIXTURE_VARIANT_ADD(urgent, alone)
{
};

FIXTURE_VARIANT_ADD(urgent, twice)
{
	.sends = { .before = 1000, .between = 500, .after = 1000 },
};

FIXTURE_VARIANT_ADD(urgent, in_line)
{
	.sends = { .before = 1000, .after = 1000, .oob_inline = true },
};

FIXTURE_VARIANT_ADD(urgent, in_line_first)
{
	.sends = { .after = 1000, .oob_inline = true },
};

FIXTURE_VARIANT_ADD(urgent, while_it_waits)
{
	.sends = { .before = 1000, .after = 1000 },
	.armed = true,
};

FIXTURE_VARIANT_ADD(urgent, at_the_limit)
{
	.sends = { .before = 1000, .after = 1000 },
	.limit = 1000,
};

FIXTURE_VARIANT_ADD(urgent, before_the_limit)
{
	.sends = { .before = 1000, .after = 1000 },
	.limit = 1500,
};

FIXTURE_SETUP(urgent)
{
	ASSERT_EQ(0, zn_open(&self->q, &opts));
}

FIXTURE_TEARDOWN(urgent)
{
	zn_disconnect(&self->plain);
	zn_close(&self->q);
}

static int send_some(struct zn_ifq *q, const struct sends *v)
{
	int on = 1;

	setsockopt(q->client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (v->oob_inline)
		setsockopt(q->server_fd, SOL_SOCKET, SO_OOBINLINE, &on,
			   sizeof(on));
	if (zn_send(q, v->before) != v->before ||
	    send(q->client_fd, "!", 1, MSG_OOB) != 1)
		return -EIO;
	if (v->between && (zn_send(q, v->between) != v->between ||
			   send(q->client_fd, "!", 1, MSG_OOB) != 1))
		return -EIO;
	return zn_send(q, v->after) == v->after ? 0 : -EIO;
}

/* How many bytes recv(2) finds in the same stream. */
static int bytes_of_recv(struct zn_ifq *plain, const struct sends *v)
{
	char buf[4096];
	int n, sum = 0, ret = zn_connect(plain);

	ret = ret ?: send_some(plain, v);
	if (ret)
		return ret;
	shutdown(plain->client_fd, SHUT_WR);
	while ((n = recv(plain->server_fd, buf, sizeof(buf), 0)) > 0)
		sum += n;
	return n < 0 ? -errno : sum;
}

TEST_F(urgent, data_is_stepped_over)
{
	int expected = bytes_of_recv(&self->plain, &variant->sends);
	struct zn_events ev = {};
	char byte;

	ASSERT_LE(0, expected);
	if (variant->limit)
		expected = variant->limit;
	ASSERT_EQ(0, zn_connect(&self->q));
	if (variant->armed) {
		zn_recv(&self->q, variant->limit);
		ASSERT_EQ(-ETIME, zn_reap(&self->q, &ev, 1, ZN_SILENCE));
	}
	ASSERT_EQ(0, send_some(&self->q, &variant->sends));
	if (!variant->armed) {
		usleep(ZN_SILENCE * 1000);
		zn_recv(&self->q, variant->limit);
	}
	/* all of it, before anything else happens on the connection */
	EXPECT_EQ(0, zn_reap_bytes(&self->q, &ev, expected));
	EXPECT_EQ(expected, ev.bytes);
	if (!variant->limit)
		EXPECT_FALSE(ev.recv_ended);
	/* a receive that has all it asked for leaves what is behind that alone */
	if (variant->limit && variant->limit == variant->sends.before)
		EXPECT_EQ(1, recv(self->q.server_fd, &byte, 1, MSG_OOB));

	shutdown(self->q.client_fd, SHUT_WR);
	ASSERT_EQ(0, zn_reap_end(&self->q, &ev));
	EXPECT_EQ(0, ev.recv_end_res);
	EXPECT_EQ(expected, ev.bytes);
	if (!variant->sends.oob_inline && !variant->sends.between)
		EXPECT_EQ(0, ev.bad);
	if (!variant->limit)
		EXPECT_EQ(0, zn_unread(&self->q));
}

/* The peer announces an urgent byte that doesn't come yet. */
TEST(receive_waits_behind_urgent_data)
{
	struct zn_events ev = {};
	struct zn_ifq q = {};

	ASSERT_EQ(0, zn_open_connected(&q, &opts));
	zn_recv(&q, 0);
	ASSERT_EQ(1, send(q.client_fd, "!", 1, MSG_OOB));
	EXPECT_EQ(-ETIME, zn_reap(&q, &ev, 1, ZN_SILENCE));
	ASSERT_EQ(100, zn_send(&q, 100));
	EXPECT_EQ(0, zn_reap_bytes(&q, &ev, 100));
	EXPECT_EQ(100, ev.bytes);
	EXPECT_EQ(0, ev.bad);
	EXPECT_FALSE(ev.recv_ended);
	zn_close(&q);
}

#define NR_BUFS		8
#define BUF_SIZE	4096
#define GROUP		1

/* A connection that ends with data unread. */
FIXTURE(end)
{
	struct zn_ifq q;
	struct io_uring_buf_ring *br;
	char bufs[NR_BUFS * BUF_SIZE];
};

FIXTURE_VARIANT(end)
{
	int op;
	int (*how)(struct zn_ifq *q);
	int res;		/* that the receive ends with */
};

static int reset(struct zn_ifq *q)
{
	const struct linger l = { .l_onoff = 1 };
	int fd = q->client_fd;

	q->client_fd = -1;
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) ?:
	       close(fd);
}

static int finish(struct zn_ifq *q)
{
	return shutdown(q->client_fd, SHUT_WR);
}

static int stop_reading(struct zn_ifq *q)
{
	return shutdown(q->server_fd, SHUT_RD);
}

FIXTURE_VARIANT_ADD(end, reset_of_recv_zc)
{
	.op = IORING_OP_RECV_ZC,
	.how = reset,
	.res = -ECONNRESET,
};

FIXTURE_VARIANT_ADD(end, reset_of_recv)
{
	.op = IORING_OP_RECV,
	.how = reset,
	.res = -ECONNRESET,
};

FIXTURE_VARIANT_ADD(end, own_shutdown_of_recv_zc)
{
	.op = IORING_OP_RECV_ZC,
	.how = stop_reading,
};

FIXTURE_VARIANT_ADD(end, own_shutdown_of_recv)
{
	.op = IORING_OP_RECV,
	.how = stop_reading,
};

FIXTURE_VARIANT_ADD(end, fin_of_recv_zc)
{
	.op = IORING_OP_RECV_ZC,
	.how = finish,
};

FIXTURE_VARIANT_ADD(end, fin_of_recv)
{
	.op = IORING_OP_RECV,
	.how = finish,
};

FIXTURE_SETUP(end)
{
	int ret;

	ASSERT_EQ(0, zn_open_connected(&self->q, &opts));
	self->br = io_uring_setup_buf_ring(&self->q.ring, NR_BUFS, GROUP, 0,
					   &ret);
	ASSERT_NE(NULL, self->br);
	for (int i = 0; i < NR_BUFS; i++)
		io_uring_buf_ring_add(self->br, self->bufs + i * BUF_SIZE,
				      BUF_SIZE, i, NR_BUFS - 1, i);
	io_uring_buf_ring_advance(self->br, NR_BUFS);
}

FIXTURE_TEARDOWN(end)
{
	io_uring_free_buf_ring(&self->q.ring, self->br, NR_BUFS, GROUP);
	zn_close(&self->q);
}

/* A multishot receive that polls before it looks for data. */
static void receive(struct zn_ifq *q, int op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);

	io_uring_prep_rw(op, sqe, q->server_fd, NULL, 0, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT | IORING_RECVSEND_POLL_FIRST;
	if (op == IORING_OP_RECV_ZC) {
		sqe->zcrx_ifq_idx = q->zcrx_id;
	} else {
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
	}
	io_uring_submit(&q->ring);
}

TEST_F(end, comes_after_the_data)
{
	struct __kernel_timespec ts = { .tv_sec = ZN_TIMEOUT / 1000 };
	struct io_uring_cqe *cqe;
	int bytes = 0, more, res;

	ASSERT_EQ(0, zn_send_all(&self->q, 1000));
	ASSERT_EQ(0, variant->how(&self->q));
	usleep(ZN_SILENCE * 1000);

	receive(&self->q, variant->op);
	do {
		ASSERT_EQ(0, io_uring_wait_cqe_timeout(&self->q.ring, &cqe,
						       &ts)) {
			TH_LOG("silent after %d bytes", bytes);
		}
		more = cqe->flags & IORING_CQE_F_MORE;
		res = cqe->res;
		if (more)
			bytes += res;
		io_uring_cqe_seen(&self->q.ring, cqe);
	} while (more);
	EXPECT_EQ(1000, bytes);
	EXPECT_EQ(variant->res, res);
}

TEST_HARNESS_MAIN
