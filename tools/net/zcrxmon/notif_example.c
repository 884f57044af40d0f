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
/* The kernel fills *size bytes at most, and stores in *size how many. */
static int query(__u32 op, void *data, __u32 *size)
{
	struct io_uring_query_hdr hdr = {
		.query_data = (unsigned long)data,
		.query_op = op,
		.size = *size,
	};
	int ret;

	memset(data, 0, *size);
	ret = io_uring_register_query(&hdr);
	if (ret < 0)
		return ret;
	*size = hdr.size;
	return hdr.result;
}

static int detect(struct io_uring_query_zcrx *zcrx,
		  struct io_uring_query_zcrx_notif *notif)
{
	__u32 size = sizeof(*zcrx);
	int ret;

	ret = query(IO_URING_QUERY_ZCRX, zcrx, &size);
	if (ret)
		return ret;
	if (!(zcrx->features & ZCRX_FEATURE_NOTIFICATION))
		return -EOPNOTSUPP;

	size = sizeof(*notif);
	ret = query(IO_URING_QUERY_ZCRX_NOTIF, notif, &size);
	if (ret)
		return ret;
	/* shorter: the form of Linux 7.2 */
	return size < sizeof(*notif) ? -EPROTO : 0;
}

/* Part: layout */
#define AREA_PAGES	8
#define RQ_ENTRIES	64	/* a power of two */

enum { RECV = 1, NOTIFICATION };	/* user_data */

struct piece {
	__u64 off;
	__u32 len;
};

struct receiver {
	struct io_uring ring;
	int sock;
	__u32 zcrx_id;
	__u64 area_token;
	char *area, *region;
	size_t area_size, region_size;
	struct io_uring_zcrx_rq rq;
	struct io_uring_zcrx_notif_stats *stats;
	/* what the application holds, as the CQEs named it */
	struct piece held[AREA_PAGES];
	unsigned int nr_held;
	__u64 received;
	int receiving;
	__u32 notified;
};

static size_t align_up(size_t x, size_t align)
{
	return (x + align - 1) / align * align;
}

static size_t stats_offset(const struct io_uring_query_zcrx *zcrx,
			   const struct io_uring_query_zcrx_notif *notif)
{
	size_t end = align_up(zcrx->rq_hdr_size, zcrx->rq_hdr_alignment) +
		     RQ_ENTRIES * sizeof(struct io_uring_zcrx_rqe);

	return align_up(end, notif->notif_stats_off_alignment);
}

/* Part: registration */
static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int register_zcrx(struct receiver *r, size_t offset, __u32 types)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct zcrx_notification_desc desc = {
		.user_data = NOTIFICATION,
		.type_mask = types,
		.flags = ZCRX_NOTIF_DESC_FLAG_STATS,
		.stats_offset = offset,
		.stats_size = sizeof(*r->stats),
	};
	struct io_uring_region_desc region = {
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_area_reg area = {};
	struct io_uring_zcrx_ifq_reg reg = {
		.rq_entries = RQ_ENTRIES,
		/* with a NIC: .if_idx and .if_rxq, and not this flag */
		.flags = ZCRX_REG_NODEV,
		.area_ptr = (unsigned long)&area,
		.region_ptr = (unsigned long)&region,
		.notif_desc = (unsigned long)&desc,
	};
	int ret;

	r->area_size = AREA_PAGES * page;
	r->area = map(r->area_size);
	r->region_size = align_up(offset + desc.stats_size, page);
	r->region = map(r->region_size);
	if (!r->area || !r->region)
		return -ENOMEM;
	area.addr = (unsigned long)r->area;
	area.len = r->area_size;
	region.user_addr = (unsigned long)r->region;
	region.size = r->region_size;

	ret = io_uring_register_ifq(&r->ring, &reg);
	if (ret)
		return ret;

	r->zcrx_id = reg.zcrx_id;
	r->area_token = area.rq_area_token;
	r->rq.khead = (void *)(r->region + reg.offsets.head);
	r->rq.ktail = (void *)(r->region + reg.offsets.tail);
	r->rq.rqes = (void *)(r->region + reg.offsets.rqes);
	r->rq.ring_entries = reg.rq_entries;
	r->stats = (void *)(r->region + offset);
	return 0;
}

/* Part: CQE */
/* Returns the types that fired. */
static __u32 look_at_cqe(struct receiver *r, struct io_uring_cqe *cqe)
{
	struct io_uring_zcrx_cqe *rcqe = (void *)(cqe + 1);
	__u64 off;

	if (cqe->user_data == NOTIFICATION)
		return cqe->res;

	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		r->receiving = 0;
		return 0;
	}
	off = rcqe->off & ~IORING_ZCRX_AREA_MASK;
	/* here: use the cqe->res bytes at r->area + off */
	r->received += cqe->res;
	r->held[r->nr_held].off = off;
	r->held[r->nr_held++].len = cqe->res;
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
/* Enough to see whether a counter moved. */
static __u32 lower_half(const __u64 *c)
{
	const __u32 *half = (const void *)c;
	const int low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return __atomic_load_n(&half[low], __ATOMIC_RELAXED);
}

/* *sum starts as 0 and becomes the counter. */
static __u64 add_up(__u64 *sum, const __u64 *c)
{
	return *sum += (__u32)(lower_half(c) - (__u32)*sum);
}

/* Part: handling */
static int give_back(struct receiver *r)
{
	struct zcrx_ctrl flush = {
		.zcrx_id = r->zcrx_id,
		.op = ZCRX_CTRL_FLUSH_RQ,
	};

	/* There are fewer buffers than entries, so it never fills up. */
	while (r->nr_held) {
		unsigned int i = r->rq.rq_tail++ & (r->rq.ring_entries - 1);
		struct io_uring_zcrx_rqe *rqe = &r->rq.rqes[i];

		r->nr_held--;
		rqe->off = r->held[r->nr_held].off | r->area_token;
		rqe->len = r->held[r->nr_held].len;
	}
	io_uring_smp_store_release(r->rq.ktail, r->rq.rq_tail);
	/* Flush now: do not wait until a buffer is needed. */
	return io_uring_register_zcrx_ctrl(&r->ring, &flush);
}

static int handle(struct receiver *r, __u32 types)
{
	r->notified |= types;
	/* ZCRX_NOTIF_COPY: with a NIC, look at the steering of flows here */
	return types & ZCRX_NOTIF_NO_BUFFERS ? give_back(r) : 0;
}

static int handle_notification(struct receiver *r, __u32 types)
{
	const __u32 copies = lower_half(&r->stats->copy_count);
	const __u32 no_buffers = lower_half(&r->stats->no_buffers_count);
	__u32 again = 0;
	int ret;

	ret = handle(r, types);
	if (!ret)
		ret = arm(r, types);
	if (ret)
		return ret;

	if (lower_half(&r->stats->copy_count) != copies)
		again |= types & ZCRX_NOTIF_COPY;
	if (lower_half(&r->stats->no_buffers_count) != no_buffers)
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

	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, r->sock, NULL, 0, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = r->zcrx_id;
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
	struct io_uring_query_zcrx_notif notif;
	struct io_uring_query_zcrx zcrx;
	struct receiver r = {};
	int ret, status;

	ret = detect(&zcrx, &notif);
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
		ret = register_zcrx(&r, stats_offset(&zcrx, &notif), types);
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
	munmap(r.region, r.region_size);
	munmap(r.area, r.area_size);
	wait(&status);
	return r.notified == types && !status ? 0 : 1;
}
