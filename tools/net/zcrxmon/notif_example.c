// SPDX-License-Identifier: GPL-2.0
/*
 * The example of Documentation/networking/iou-zcrx-notif.rst, which shows its
 * parts. It receives over the loopback device and gives buffers back only when
 * the kernel notifies that none are left. A real program gives buffers back as
 * soon as it is done with them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uring.h"

/* Part: query */
static int detect(void)
{
	struct io_uring_query_zcrx_notif notif;
	struct io_uring_query_hdr hdr = {
		.query_data = (unsigned long)&notif,
		.query_op = IO_URING_QUERY_ZCRX_NOTIF,
		.size = sizeof(notif),
	};
	struct io_uring_query_zcrx zcrx;
	int ret;

	ret = io_uring_zcrx_query(&zcrx);
	if (ret)
		return ret;
	if (!(zcrx.features & ZCRX_FEATURE_NOTIFICATION))
		return -EOPNOTSUPP;

	ret = io_uring_register_query(&hdr);
	if (ret < 0)
		return ret;
	if (hdr.result)
		return hdr.result;
	/* shorter: the form of Linux 7.2 */
	return hdr.size < sizeof(notif) ? -EPROTO : 0;
}

/* Part: registration */
#define AREA_PAGES	8
#define RQ_ENTRIES	64

enum { RECV = 1, NOTIFICATION };	/* user_data */

struct receiver {
	struct io_uring ring;
	int sock;
	__u32 zcrx_id;
	struct io_uring_zcrx_area_reg area;
	struct io_uring_region_desc region;
	struct io_uring_zcrx_rq rq;
	const struct io_uring_zcrx_notif_stats *stats;
	/* what the application holds, as the CQEs named it */
	__u64 held[AREA_PAGES];
	unsigned int nr_held;
	__u64 received;
	int receiving;
	__u32 notified;
};

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int register_zcrx(struct receiver *r, __u32 types)
{
	struct zcrx_notification_desc desc = {
		.user_data = NOTIFICATION,
		.type_mask = types,
	};
	struct io_uring_zcrx_ifq_reg reg = {
		.rq_entries = RQ_ENTRIES,
		/* with a NIC: .if_idx and .if_rxq, and not this flag */
		.flags = ZCRX_REG_NODEV,
		.area_ptr = (unsigned long)&r->area,
		.region_ptr = (unsigned long)&r->region,
		.notif_desc = (unsigned long)&desc,
	};
	void *region;
	ssize_t size;
	int ret;

	/* It also fills in the fields of desc for statistics. */
	size = io_uring_zcrx_region_size_stats(RQ_ENTRIES, &desc);
	if (size < 0)
		return size;
	region = map(size);
	r->region.user_addr = (unsigned long)region;
	r->region.size = size;
	r->region.flags = IORING_MEM_REGION_TYPE_USER;
	r->area.len = AREA_PAGES * sysconf(_SC_PAGESIZE);
	r->area.addr = (unsigned long)map(r->area.len);
	if (!region || !r->area.addr)
		return -ENOMEM;

	ret = io_uring_register_ifq(&r->ring, &reg);
	if (ret)
		return ret;

	r->zcrx_id = reg.zcrx_id;
	r->stats = io_uring_zcrx_stats(region, &desc);
	return io_uring_zcrx_rq_init(&r->rq, region, &reg);
}

/* Part: CQE */
/* Returns the types that fired. */
static __u32 look_at_cqe(struct receiver *r, struct io_uring_cqe *cqe)
{
	if (cqe->user_data == NOTIFICATION)
		return cqe->res;

	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		r->receiving = 0;
		return 0;
	}
	/* here: use the payload, see io_uring_zcrx_area_ptr() */
	r->received += cqe->res;
	r->held[r->nr_held++] = io_uring_zcrx_cqe_off(cqe);
	return 0;
}

/* Part: arming */
static int arm(struct receiver *r, __u32 types)
{
	struct zcrx_ctrl ctrl = {
		.zcrx_id = r->zcrx_id,
		.op = ZCRX_CTRL_ARM_NOTIFICATION,
		.zc_arm_notif.type_mask = types,
	};

	return io_uring_register_zcrx_ctrl(&r->ring, &ctrl);
}

/* Part: counters */
/* *sum starts as 0 and becomes the counter. */
static __u64 add_up(__u64 *sum, const __u64 *c)
{
	return *sum += io_uring_zcrx_read_counter(c) - (unsigned long)*sum;
}

/* Part: handling */
static int give_back(struct receiver *r)
{
	/* There are fewer buffers than entries, so it never fills up here. */
	while (r->nr_held &&
	       !io_uring_zcrx_rq_add(&r->rq, r->held[r->nr_held - 1]))
		r->nr_held--;
	io_uring_zcrx_rq_advance(&r->rq);
	/* Flush now: do not wait until a buffer is needed. */
	return io_uring_zcrx_flush_rq(&r->ring, r->zcrx_id);
}

static int handle(struct receiver *r, __u32 types)
{
	r->notified |= types;
	/* ZCRX_NOTIF_COPY: with a NIC, look at the steering of flows here */
	return types & ZCRX_NOTIF_NO_BUFFERS ? give_back(r) : 0;
}

static int handle_notification(struct receiver *r, __u32 types)
{
	const __u64 *copy_count = &r->stats->copy_count;
	const __u64 *no_buffers_count = &r->stats->no_buffers_count;
	const unsigned long copies = io_uring_zcrx_read_counter(copy_count);
	const unsigned long failed = io_uring_zcrx_read_counter(no_buffers_count);
	__u32 again = 0;
	int ret;

	ret = handle(r, types);
	if (!ret)
		ret = arm(r, types);
	if (ret)
		return ret;

	if (io_uring_zcrx_read_counter(copy_count) != copies)
		again |= types & ZCRX_NOTIF_COPY;
	if (io_uring_zcrx_read_counter(no_buffers_count) != failed)
		again |= types & ZCRX_NOTIF_NO_BUFFERS;
	return again ? handle(r, again) : 0;
}

/* Part: the rest */
#define TOTAL	(256 * 1024)

static int open_ring(struct receiver *r)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32,
	};

	return io_uring_queue_init_params(64, &r->ring, &p);
}

/* A child process sends. Returns the socket to receive from. */
static int connection(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);
	static char data[TOTAL];

	if (listener < 0 || client < 0 ||
	    bind(listener, (struct sockaddr *)&a, len) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&a, &len) ||
	    connect(client, (struct sockaddr *)&a, len))
		return -errno;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		_exit(send(client, data, TOTAL, 0) != TOTAL);
	}
	close(client);
	return accept(listener, NULL, NULL);
}

static void start_receiving(struct receiver *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	io_uring_prep_recv_zc(sqe, r->sock, 0, r->zcrx_id);
	sqe->user_data = RECV;
	r->receiving = 1;
}

static int receive(struct receiver *r)
{
	while (r->received < TOTAL) {
		struct io_uring_cqe *cqe;
		unsigned int head, n = 0;
		__u32 types = 0;
		int ret;

		/* It ends with -ENOMEM when there are no buffers. */
		if (!r->receiving)
			start_receiving(r);
		ret = io_uring_submit_and_wait(&r->ring, 1);
		if (ret < 0)
			return ret;

		io_uring_for_each_cqe(&r->ring, head, cqe) {
			types |= look_at_cqe(r, cqe);
			n++;
		}
		io_uring_cq_advance(&r->ring, n);

		ret = types ? handle_notification(r, types) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/* Of a counter below 2^32 */
static unsigned long long total(const __u64 *c)
{
	__u64 sum = 0;

	return add_up(&sum, c);
}

int main(void)
{
	const __u32 types = ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY;
	struct receiver r = {};
	int ret, status;

	ret = detect();
	if (ret) {
		fprintf(stderr, "no notifications: %s\n", strerror(-ret));
		return 1;
	}
	r.sock = connection();
	if (r.sock < 0) {
		fprintf(stderr, "no connection over lo, is it up?\n");
		return 1;
	}
	ret = open_ring(&r);
	if (!ret)
		ret = register_zcrx(&r, types);
	if (!ret)
		ret = receive(&r);
	if (ret) {
		fprintf(stderr, "%s\n", strerror(-ret));
		return 1;
	}

	printf("%llu bytes received, %llu of them copied in %llu pieces\n",
	       (unsigned long long)r.received, total(&r.stats->copy_bytes),
	       total(&r.stats->copy_count));
	printf("%llu times without a buffer\n",
	       total(&r.stats->no_buffers_count));

	io_uring_queue_exit(&r.ring);
	munmap(r.rq.ring_ptr, r.region.size);
	munmap(io_uring_zcrx_area_ptr(&r.area, 0), r.area.len);
	wait(&status);
	return r.notified == types && !status ? 0 : 1;
}
