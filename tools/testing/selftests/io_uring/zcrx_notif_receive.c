// SPDX-License-Identifier: GPL-2.0
/*
 * Receives other than the plain form: flags of the request, options of the
 * socket, other kinds of files, a ring with restrictions, and a process that
 * starts again at once. Each is right to the byte, or refused.
 */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "zcrx_notif_common.h"

static const struct zn_opts opts = {
	.area_pages = 64,
	.types = ZN_ALL_TYPES,
	.stats = true,
};

FIXTURE(flags)
{
	struct zn_ifq q;
	struct zn_events ev;
};

FIXTURE_VARIANT(flags)
{
	unsigned int flags;
	bool behind;		/* a request that is linked or drained */
	int res;		/* that it is refused with, or 0 */
};

FIXTURE_VARIANT_ADD(flags, fixed_file) { .flags = IOSQE_FIXED_FILE };
FIXTURE_VARIANT_ADD(flags, async) { .flags = IOSQE_ASYNC };
FIXTURE_VARIANT_ADD(flags, linked_behind) { .behind = true };
FIXTURE_VARIANT_ADD(flags, drained) { .flags = IOSQE_IO_DRAIN };
FIXTURE_VARIANT_ADD(flags, silent_success) { .flags = IOSQE_CQE_SKIP_SUCCESS };

FIXTURE_VARIANT_ADD(flags, buffer_select)
{
	.flags = IOSQE_BUFFER_SELECT,
	.res = -EOPNOTSUPP,
};

FIXTURE_SETUP(flags)
{
	ASSERT_EQ(0, zn_open_connected(&self->q, &opts));
	ASSERT_EQ(0, io_uring_register_files(&self->q.ring,
					     &self->q.server_fd, 1));
}

FIXTURE_TEARDOWN(flags)
{
	zn_close(&self->q);
}

TEST_F(flags, of_a_receive)
{
	const size_t n = 100000;
	struct io_uring_sqe *sqe;

	if (variant->behind) {
		sqe = io_uring_get_sqe(&self->q.ring);
		io_uring_prep_nop(sqe);
		sqe->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
	}
	sqe = zn_recv_sqe(&self->q, variant->flags & IOSQE_FIXED_FILE ?
				     0 : self->q.server_fd, 0);
	sqe->flags |= variant->flags;
	ASSERT_LT(0, io_uring_submit(&self->q.ring));
	ASSERT_EQ(n, zn_send(&self->q, n));

	EXPECT_EQ(0, zn_reap_bytes(&self->q, &self->ev, n));
	if (variant->res) {
		EXPECT_EQ(variant->res, self->ev.recv_end_res);
		EXPECT_EQ(0, self->ev.bytes);
		return;
	}
	EXPECT_EQ(n, self->ev.bytes);
	EXPECT_EQ(0, self->ev.bad);
	EXPECT_FALSE(self->ev.recv_ended);
	if (!self->ev.notif_copy)
		EXPECT_EQ(1, zn_reap(&self->q, &self->ev, 1, ZN_TIMEOUT));
	EXPECT_EQ(1, self->ev.notif_copy);

	/* the end of the stream */
	shutdown(self->q.client_fd, SHUT_WR);
	EXPECT_LE(0, zn_reap(&self->q, &self->ev, 1, ZN_TIMEOUT));
	EXPECT_TRUE(self->ev.recv_ended);
	EXPECT_EQ(0, self->ev.recv_end_res);
}

/* The receive waits for the requested amount, and then gets all of it. */
TEST(low_water_mark_is_waited_for)
{
	const int mark = 3000;
	struct zn_events ev = {};
	struct zn_ifq q = {};

	ASSERT_EQ(0, zn_open_connected(&q, &opts));
	ASSERT_EQ(0, setsockopt(q.server_fd, SOL_SOCKET, SO_RCVLOWAT, &mark,
				sizeof(mark)));
	zn_recv(&q, 0);
	ASSERT_EQ(1000, zn_send(&q, 1000));
	EXPECT_EQ(-ETIME, zn_reap(&q, &ev, 1, ZN_SILENCE));
	ASSERT_EQ(5000, zn_send(&q, 5000));
	EXPECT_EQ(0, zn_reap_bytes(&q, &ev, 6000));
	EXPECT_EQ(6000, ev.bytes);
	EXPECT_EQ(0, ev.bad);
	EXPECT_FALSE(ev.recv_ended);
	zn_close(&q);
}

/* An upper layer protocol gets the connection of a receive that waits. */
FIXTURE(tls)
{
	struct zn_ifq q;
};

FIXTURE_VARIANT(tls)
{
	bool keys;	/* it decrypts; else it is there and does nothing */
};

FIXTURE_VARIANT_ADD(tls, without_keys) {};
FIXTURE_VARIANT_ADD(tls, with_keys) { .keys = true };

FIXTURE_SETUP(tls)
{
	ASSERT_EQ(0, zn_open_connected(&self->q, &opts));
}

FIXTURE_TEARDOWN(tls)
{
	zn_close(&self->q);
}

static int set_key(int fd, int way)
{
	const struct tls12_crypto_info_aes_gcm_128 key = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};

	return setsockopt(fd, SOL_TLS, way, &key, sizeof(key));
}

TEST_F(tls, under_a_receive)
{
	struct zn_ifq *q = &self->q;
	struct zn_events ev = {};
	char buf[8] = "";

	zn_recv(q, 0);
	ASSERT_EQ(100, zn_send(q, 100));
	ASSERT_EQ(0, zn_reap_bytes(q, &ev, 100));
	if (setsockopt(q->server_fd, SOL_TCP, TCP_ULP, "tls", 4)) {
		ASSERT_EQ(ENOENT, errno);
		SKIP(return, "no TLS in the kernel");
	}
	ASSERT_EQ(0, setsockopt(q->client_fd, SOL_TCP, TCP_ULP, "tls", 4));
	if (!variant->keys) {
		ASSERT_EQ(100, zn_send(q, 100));
		EXPECT_EQ(0, zn_reap_bytes(q, &ev, 100));
		EXPECT_EQ(200, ev.bytes);
		EXPECT_EQ(0, ev.bad);
		EXPECT_FALSE(ev.recv_ended);
		return;
	}
	ASSERT_EQ(0, set_key(q->server_fd, TLS_RX));
	ASSERT_EQ(0, set_key(q->client_fd, TLS_TX));
	/* it ends, and what came is left to recv(2) */
	ASSERT_EQ(6, send(q->client_fd, "secret", 6, 0));
	ASSERT_EQ(0, zn_reap_end(q, &ev));
	EXPECT_EQ(-EPROTONOSUPPORT, ev.recv_end_res);
	EXPECT_EQ(100, ev.bytes);
	EXPECT_EQ(6, recv(q->server_fd, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_STREQ("secret", buf);
}

FIXTURE(other)
{
	struct zn_ifq q;
	int fds[2];
};

FIXTURE_VARIANT(other)
{
	int domain;
	int type;
	bool listens;
	int res;
};

FIXTURE_VARIANT_ADD(other, unix_stream)
{
	.domain = AF_UNIX,
	.type = SOCK_STREAM,
	.res = -EPROTONOSUPPORT,
};

FIXTURE_VARIANT_ADD(other, udp)
{
	.domain = AF_INET,
	.type = SOCK_DGRAM,
	.res = -EPROTONOSUPPORT,
};

FIXTURE_VARIANT_ADD(other, tcp_not_connected)
{
	.domain = AF_INET,
	.type = SOCK_STREAM,
	.res = -ENOTCONN,
};

FIXTURE_VARIANT_ADD(other, tcp_listening)
{
	.domain = AF_INET,
	.type = SOCK_STREAM,
	.listens = true,
	.res = -ENOTCONN,
};

FIXTURE_VARIANT_ADD(other, pipe) { .res = -ENOTSOCK };

FIXTURE_SETUP(other)
{
	self->fds[1] = -1;
	ASSERT_EQ(0, zn_open(&self->q, &opts));
	if (variant->domain == AF_UNIX) {
		ASSERT_EQ(0, socketpair(AF_UNIX, variant->type, 0, self->fds));
	} else if (!variant->domain) {
		ASSERT_EQ(0, pipe(self->fds));
	} else {
		self->fds[0] = socket(variant->domain, variant->type, 0);
		ASSERT_LE(0, self->fds[0]);
		if (variant->listens)
			ASSERT_EQ(0, listen(self->fds[0], 1));
	}
}

FIXTURE_TEARDOWN(other)
{
	close(self->fds[0]);
	if (self->fds[1] >= 0)
		close(self->fds[1]);
	zn_close(&self->q);
}

TEST_F(other, files_are_refused)
{
	struct zn_events ev = {};

	zn_recv_sqe(&self->q, self->fds[0], 0);
	ASSERT_EQ(1, io_uring_submit(&self->q.ring));
	ASSERT_EQ(1, zn_reap(&self->q, &ev, 1, ZN_TIMEOUT));
	EXPECT_TRUE(ev.recv_ended);
	EXPECT_EQ(variant->res, ev.recv_end_res);
	EXPECT_EQ(0, ev.notifs + ev.data_cqes);
	EXPECT_EQ(0, zn_load(&self->q.stats->copy_count));
}

/* Restrict the ring to one opcode, which @arg points to, then register. */
static int restrict_and_register(int ring_fd, struct io_uring_zcrx_ifq_reg *reg,
				 void *arg)
{
	struct io_uring ring = { .ring_fd = ring_fd, .enter_ring_fd = ring_fd };
	struct io_uring_restriction r[] = {
		{
			.opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = IORING_REGISTER_ENABLE_RINGS,
		}, {
			.opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = *(__u8 *)arg,
		},
	};
	int ret = io_uring_register_restrictions(&ring, r, 2);

	ret = ret ?: io_uring_enable_rings(&ring);
	return ret ?: zn_raw_register(ring_fd, reg);
}

static int open_restricted(struct zn_ifq *q, __u8 register_op)
{
	struct zn_opts o = opts;

	o.ring_flags = IORING_SETUP_R_DISABLED;
	o.do_register = restrict_and_register;
	o.do_register_arg = &register_op;
	return zn_open(q, &o);
}

TEST(ring_restricted_to_registering_does_nothing_else)
{
	struct zn_ifq q;

	ASSERT_EQ(0, open_restricted(&q, IORING_REGISTER_ZCRX_IFQ));
	EXPECT_EQ(-EACCES, zn_arm(&q, ZCRX_NOTIF_COPY));
	EXPECT_EQ(-EACCES, zn_export(&q));
	zn_close(&q);
}

TEST(ring_restricted_to_something_else_does_not_register)
{
	struct zn_ifq q;

	EXPECT_EQ(-EACCES, open_restricted(&q, IORING_REGISTER_FILES));
}

/* A process that ended without closing anything doesn't keep the next one out. */
TEST(registers_again_at_once)
{
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			static struct zn_ifq q;

			_exit(zn_open(&q, &opts) ? 1 : 0);
		}
		ASSERT_LT(0, pid);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status) {
			TH_LOG("at start %d", i);
		}
	}
}

TEST_HARNESS_MAIN
