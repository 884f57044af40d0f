// SPDX-License-Identifier: GPL-2.0
/* Helpers for the tests of zcrx notifications, see the header. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "leaks.h"
#include "zcrx_notif_common.h"

/*
 * The payload repeats itself after a prime number of bytes, so that no two
 * buffers, segments or pages that are mixed up look the same.
 */
#define PATTERN_PERIOD	65521
#define PATTERN_CHUNK	65536

static unsigned char pattern[PATTERN_PERIOD + PATTERN_CHUNK];

static const unsigned char *pattern_at(__u64 pos)
{
	return pattern + pos % PATTERN_PERIOD;
}

bool zn_is_payload(const void *data, size_t len, __u64 pos)
{
	while (len > PATTERN_CHUNK) {
		if (memcmp(data, pattern_at(pos), PATTERN_CHUNK))
			return false;
		data += PATTERN_CHUNK;
		pos += PATTERN_CHUNK;
		len -= PATTERN_CHUNK;
	}
	return !memcmp(data, pattern_at(pos), len);
}

static void __attribute__((constructor)) pattern_init(void)
{
	unsigned int x = 1;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		x = i < PATTERN_PERIOD ? x * 1103515245 + 12345 : x;
		pattern[i] = i < PATTERN_PERIOD ? x >> 16 :
						  pattern[i - PATTERN_PERIOD];
	}
}

__u64 zn_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

/* A guest made for tests may not have brought up its loopback device. */
static int lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = ioctl(fd, SIOCGIFFLAGS, &ifr);
	if (!ret && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		ret = ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	ret = ret ? -errno : 0;
	close(fd);
	return ret;
}

static int tcp_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0);
	int size = 8 << 20, one = 1;

	if (fd < 0)
		return -1;
	/* Whole tests fit in, so that one thread can send and then receive. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int zn_connect_addr(struct zn_ifq *q, int family, const char *addr)
{
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
	} a = { .sa.sa_family = family };
	socklen_t len = family == AF_INET ? sizeof(a.in) : sizeof(a.in6);
	int ret;

	if (inet_pton(family, addr, family == AF_INET ? (void *)&a.in.sin_addr :
					(void *)&a.in6.sin6_addr) != 1)
		return -EINVAL;

	q->listen_fd = tcp_socket(family);
	q->client_fd = tcp_socket(family);
	if (q->listen_fd < 0 || q->client_fd < 0 ||
	    bind(q->listen_fd, &a.sa, len) || listen(q->listen_fd, 1) ||
	    getsockname(q->listen_fd, &a.sa, &len) ||
	    connect(q->client_fd, &a.sa, len))
		goto err;
	q->server_fd = accept(q->listen_fd, NULL, NULL);
	if (q->server_fd < 0)
		goto err;
	return 0;
err:
	ret = -errno;
	zn_disconnect(q);
	return ret;
}

int zn_connect(struct zn_ifq *q)
{
	int ret = lo_up();

	return ret ?: zn_connect_addr(q, AF_INET, "127.0.0.1");
}

int zn_open_imported(struct zn_ifq *q, struct zn_ifq *imp,
		     const struct zn_opts *o)
{
	const struct zn_opts imp_opts = {};
	int fd, ret;

	ret = zn_open(q, o);
	if (ret)
		return ret;
	fd = zn_export(q);
	if (fd < 0)
		return fd;
	ret = zn_import(imp, q, fd, &imp_opts);
	close(fd);
	return ret ?: zn_connect(imp);
}

struct io_uring_sqe *zn_recv_sqe(struct zn_ifq *q, int fd, unsigned int len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);

	zn_prep_recv(sqe, q, fd, len);
	sqe->user_data = ZN_RECV;
	return sqe;
}

void zn_recv(struct zn_ifq *q, unsigned int len)
{
	zn_recv_sqe(q, q->server_fd, len);
	io_uring_submit(&q->ring);
}

ssize_t zn_send(struct zn_ifq *q, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t len = n - done;
		ssize_t ret;

		if (len > PATTERN_CHUNK)
			len = PATTERN_CHUNK;
		ret = send(q->client_fd, pattern_at(q->sent), len,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		if (ret < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (ret < 0)
			return -errno;
		q->sent += ret;
		done += ret;
	}
	return done;
}

static void hold(struct zn_ifq *q, __u64 off, __u32 len)
{
	if (q->nr_held == q->max_held) {
		q->max_held = q->max_held ? 2 * q->max_held : 64;
		q->held = realloc(q->held, q->max_held * sizeof(*q->held));
		if (!q->held)
			abort();
	}
	q->held[q->nr_held++] = (struct zn_buf){ .off = off, .len = len };
}

static void handle_data(struct zn_ifq *q, struct zn_events *ev,
			const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);
	__u32 len = cqe->res;

	ev->data_cqes++;
	if (!len || !zn_is_in_a_buffer(q, rcqe->off, len) ||
	    !zn_is_payload(q->area + (rcqe->off & ~IORING_ZCRX_AREA_MASK), len,
			   q->received))
		ev->bad++;
	q->received += len;
	ev->bytes += len;
	hold(q, rcqe->off, len);
}

static void handle_cqe(struct zn_ifq *q, struct zn_events *ev,
		       const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == ZN_RECV && cqe->flags & IORING_CQE_F_MORE) {
		handle_data(q, ev, cqe);
	} else if (cqe->user_data == ZN_RECV) {
		ev->recv_ended = true;
		ev->recv_end_res = cqe->res;
	} else if (q->user_data && cqe->user_data == q->user_data) {
		__u32 types = zn_types_of(cqe);

		ev->notifs++;
		ev->notif_copy += !!(types & ZCRX_NOTIF_COPY);
		ev->notif_no_buffers += !!(types & ZCRX_NOTIF_NO_BUFFERS);
		ev->notif_mask |= types;
		ev->notif_last = types;
		ev->notif_flags |= cqe->flags;
		ev->notif_slots += io_uring_cqe_nr(cqe);
	} else {
		ev->others++;
	}
}

static unsigned int drain(struct zn_ifq *q, struct zn_events *ev)
{
	struct io_uring_cq *cq = &q->ring.cq;
	unsigned int shift = io_uring_cqe_shift(&q->ring);
	unsigned int head = *cq->khead;
	unsigned int n = 0;

	while (head != io_uring_smp_load_acquire(cq->ktail)) {
		struct io_uring_cqe *cqe;

		cqe = &cq->cqes[(head & cq->ring_mask) << shift];
		/* A mixed ring fills up its end when 32 bytes do not fit. */
		if (!(cqe->flags & IORING_CQE_F_SKIP)) {
			handle_cqe(q, ev, cqe);
			n++;
		}
		head += io_uring_cqe_nr(cqe);
		io_uring_smp_store_release(cq->khead, head);
	}
	return n;
}

int zn_reap(struct zn_ifq *q, struct zn_events *ev, unsigned int wait_nr,
	    int timeout_ms)
{
	__u64 end = zn_now_ms() + timeout_ms;
	unsigned int n = 0;

	while (1) {
		struct __kernel_timespec ts;
		struct io_uring_cqe *cqe;
		__u64 now;
		int ret;

		ret = io_uring_submit_and_get_events(&q->ring);
		if (ret < 0 && ret != -EINTR)
			return ret;
		n += drain(q, ev);
		if (n >= wait_nr)
			return n;
		now = zn_now_ms();
		if (now >= end)
			return -ETIME;
		ts.tv_sec = (end - now) / 1000;
		ts.tv_nsec = (end - now) % 1000 * 1000000;
		ret = io_uring_wait_cqe_timeout(&q->ring, &cqe, &ts);
		if (ret < 0 && ret != -ETIME && ret != -EINTR)
			return ret;
	}
}

int zn_reap_bytes(struct zn_ifq *q, struct zn_events *ev, __u64 bytes)
{
	__u64 target = ev->bytes + bytes;

	while (ev->bytes < target && !ev->recv_ended) {
		int ret = zn_reap(q, ev, 1, ZN_TIMEOUT);

		if (ret < 0)
			return ret;
	}
	return 0;
}

unsigned int zn_refill(struct zn_ifq *q, unsigned int n)
{
	unsigned int done = 0;

	while (done < n && done < q->nr_held &&
	       !zn_give_back(q, q->held[done].off, q->held[done].len))
		done++;
	if (done)
		zn_flush_rq(q);
	q->nr_held -= done;
	memmove(q->held, q->held + done, q->nr_held * sizeof(*q->held));
	return done;
}

static int receive_a_byte(struct zn_ifq *q, struct zn_events *ev)
{
	if (q->sent == q->received && zn_send(q, 1) != 1)
		return -EIO;
	ev->recv_ended = false;
	zn_recv(q, 1);
	return zn_reap_end(q, ev) ?: ev->recv_end_res;
}

int zn_make_copy(struct zn_ifq *q, struct zn_events *ev)
{
	return receive_a_byte(q, ev);
}

int zn_make_no_buffers(struct zn_ifq *q, struct zn_events *ev)
{
	int ret = receive_a_byte(q, ev);

	if (ret == -ENOMEM)
		return 0;
	return ret < 0 ? ret : -EBUSY;
}

bool zn_wait_until(bool (*cond)(void *arg), void *arg, int timeout_ms)
{
	__u64 end = zn_now_ms() + timeout_ms;

	while (!cond(arg)) {
		if (zn_now_ms() >= end)
			return cond(arg);
		usleep(1000);
	}
	return true;
}

static bool no_exit_workers(void *unused)
{
	return iou_exit_workers() == 0;
}

bool zn_rings_freed(void)
{
	return zn_wait_until(no_exit_workers, NULL, ZN_FREE_TIME);
}

int zn_drop_caps(uid_t uid)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setresuid(uid, uid, uid))
		return -errno;
	data[0].permitted = 1U << CAP_NET_ADMIN;
	data[0].effective = 1U << CAP_NET_ADMIN;
	if (syscall(__NR_capset, &hdr, data))
		return -errno;
	return 0;
}

int zn_open_connected(struct zn_ifq *q, const struct zn_opts *o)
{
	int ret = zn_open(q, o);

	if (ret)
		return ret;
	ret = zn_connect(q);
	if (ret)
		zn_close(q);
	return ret;
}

int zn_reap_end(struct zn_ifq *q, struct zn_events *ev)
{
	return zn_reap_bytes(q, ev, ~0ULL - ev->bytes);
}

int zn_unread(const struct zn_ifq *q)
{
	int n = -1;

	return ioctl(q->server_fd, FIONREAD, &n) ? -errno : n;
}

int zn_send_all(struct zn_ifq *q, size_t n)
{
	__u64 end = zn_now_ms() + ZN_TIMEOUT;
	int all = zn_unread(q) + n;

	if (zn_send(q, n) != n)
		return -EMSGSIZE;
	while (zn_unread(q) != all) {
		if (zn_now_ms() >= end)
			return -ETIME;
		usleep(1000);
	}
	return 0;
}

int zn_fill_cq(struct zn_ifq *q, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);

		if (!sqe)
			return -EBUSY;
		io_uring_prep_nop(sqe);
		sqe->user_data = ZN_NOP + i;
	}
	return io_uring_submit_and_get_events(&q->ring) == nr ? 0 : -EIO;
}

int zn_make_event(struct zn_ifq *q, struct zn_events *ev, __u32 type)
{
	if (type == ZCRX_NOTIF_NO_BUFFERS)
		return zn_make_no_buffers(q, ev);
	zn_refill(q, q->nr_held);
	return zn_make_copy(q, ev);
}

bool zn_all_are(const void *p, size_t n, unsigned char value)
{
	const unsigned char *byte = p;

	while (n--)
		if (*byte++ != value)
			return false;
	return true;
}
