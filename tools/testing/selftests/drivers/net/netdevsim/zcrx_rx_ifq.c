// SPDX-License-Identifier: GPL-2.0
/* The zcrx instance of zcrx_rx: area, refill queue, notifications. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/udmabuf.h>

#include "zcrx_rx.h"

static size_t round_up(size_t n, size_t align)
{
	return (n + align - 1) / align * align;
}

static unsigned int round_up_pow2(unsigned int n)
{
	unsigned int r = 1;

	while (r < n)
		r *= 2;
	return r;
}

static int query(__u32 op, void *data, size_t size)
{
	struct io_uring_query_hdr hdr = {
		.query_data = (unsigned long)data,
		.query_op = op,
		.size = size,
	};
	int ret = io_uring_register(-1, IORING_REGISTER_QUERY, &hdr, 0);

	return ret ?: hdr.result;
}

static void *map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A dma-buf on top of memory that we map, too. */
static int make_udmabuf(struct ifq *q)
{
	struct udmabuf_create create = { .size = q->area_size };
	int memfd, dev, ret = 0;

	memfd = memfd_create("zcrx_rx", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0 || ftruncate(memfd, q->area_size) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		goto out;
	}
	create.memfd = memfd;
	q->dmabuf_fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (q->dmabuf_fd < 0) {
		ret = -errno;
		q->dmabuf_fd = 0;
		goto out;
	}
	q->area = map(q->area_size, MAP_SHARED, memfd);
	if (!q->area)
		ret = -errno;
out:
	if (dev >= 0)
		close(dev);
	close(memfd);
	return ret;
}

static int make_area(struct ifq *q, const struct options *o)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	q->area_size = o->area_size;
	if (o->area_kind == AREA_UDMABUF)
		return make_udmabuf(q);
	if (o->area_kind == AREA_HUGE)
		flags |= MAP_HUGETLB;
	q->area = map(q->area_size, flags, -1);
	return q->area ? 0 : -errno;
}

static int open_ring(struct ifq *q)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		/*
		 * A receive ends when it finds no room for a completion. There
		 * are several per buffer when packets are small.
		 */
		.cq_entries = 16384,
	};

	if (q->ring.ring_fd)
		return 0;
	return io_uring_queue_init_params(64, &q->ring, &p);
}

/* Statistics go behind the entries of the refill queue. */
static int describe(struct zcrx_notification_desc *desc,
		    const struct options *o, size_t rq_end)
{
	struct io_uring_query_zcrx_notif nq = {};
	int ret;

	ret = query(IO_URING_QUERY_ZCRX_NOTIF, &nq, sizeof(nq));
	if (ret)
		return ret;
	desc->user_data = NOTIF_USER_DATA;
	desc->type_mask = o->type_mask;
	if (o->stats) {
		desc->flags = ZCRX_NOTIF_DESC_FLAG_STATS;
		desc->stats_offset = round_up(rq_end,
					      nq.notif_stats_off_alignment);
		desc->stats_size = sizeof(struct io_uring_zcrx_notif_stats);
	}
	return 0;
}

static int register_ifq(struct ifq *q, const struct options *o,
			const struct zcrx_notification_desc *desc)
{
	void *region = q->region;
	struct io_uring_region_desc rd = {
		.user_addr = (unsigned long)region,
		.size = q->region_size,
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_area_reg area = { .len = q->area_size };
	struct io_uring_zcrx_ifq_reg reg = {
		.rq_entries = o->rq_entries,
		.area_ptr = (unsigned long)&area,
		.region_ptr = (unsigned long)&rd,
		.rx_buf_len = o->rx_buf_len,
	};
	int ret;

	if (q->dmabuf_fd) {
		area.flags = IORING_ZCRX_AREA_DMABUF;
		area.dmabuf_fd = q->dmabuf_fd;
	} else {
		area.addr = (unsigned long)q->area;
	}
	if (o->describe)
		reg.notif_desc = (unsigned long)desc;
	if (o->interface) {
		reg.if_idx = if_nametoindex(o->interface);
		if (!reg.if_idx)
			return -ENODEV;
		reg.if_rxq = o->queue;
	} else {
		reg.flags = ZCRX_REG_NODEV;
	}

	ret = o->do_register ? o->do_register(&q->ring, &reg) :
			       io_uring_register_ifq(&q->ring, &reg);
	if (ret)
		return ret;
	q->id = reg.zcrx_id;
	q->area_token = area.rq_area_token;
	q->buf_len = reg.rx_buf_len;
	q->rq_head = region + reg.offsets.head;
	q->rq_tail = region + reg.offsets.tail;
	q->rqes = region + reg.offsets.rqes;
	q->rq_entries = reg.rq_entries;
	if (desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS)
		q->stats = region + desc->stats_offset;
	return 0;
}

/* What a step has got already is left to the end of the program. */
int ifq_open(struct ifq *q, const struct options *o, const char **what)
{
	struct zcrx_notification_desc desc = {};
	size_t page = sysconf(_SC_PAGESIZE);
	struct io_uring_query_zcrx zq = {};
	size_t rq_end;
	int ret;

	*what = "query";
	ret = query(IO_URING_QUERY_ZCRX, &zq, sizeof(zq));
	if (ret)
		return ret;
	rq_end = round_up(zq.rq_hdr_size, zq.rq_hdr_alignment ?: 1) +
		 round_up_pow2(o->rq_entries) * sizeof(*q->rqes);
	if (o->describe) {
		*what = "query of notifications";
		ret = describe(&desc, o, rq_end);
		if (ret)
			return ret;
	}

	*what = "area";
	ret = make_area(q, o);
	if (ret)
		return ret;
	*what = "region";
	q->region_size = round_up(rq_end + page, page);
	q->region = map(q->region_size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!q->region)
		return -errno;
	*what = "ring";
	ret = open_ring(q);
	if (ret)
		return ret;
	*what = "registration";
	return register_ifq(q, o, &desc);
}

void ifq_close(struct ifq *q)
{
	io_uring_queue_exit(&q->ring);
	munmap(q->area, q->area_size);
	munmap(q->region, q->region_size);
	if (q->dmabuf_fd)
		close(q->dmabuf_fd);
}

static int ctrl(struct ifq *q, struct zcrx_ctrl *c)
{
	c->zcrx_id = q->id;
	return io_uring_register(q->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL,
				 c, 0);
}

int ifq_flush(struct ifq *q)
{
	struct zcrx_ctrl c = { .op = ZCRX_CTRL_FLUSH_RQ };

	return ctrl(q, &c);
}

int ifq_arm(struct ifq *q, __u32 mask)
{
	struct zcrx_ctrl c = {
		.op = ZCRX_CTRL_ARM_NOTIFICATION,
		.zc_arm_notif.type_mask = mask,
	};

	return ctrl(q, &c);
}

int ifq_refill(struct ifq *q, __u64 off, __u32 len)
{
	__u32 tail = *q->rq_tail;
	int ret;

	while (tail - io_uring_smp_load_acquire(q->rq_head) == q->rq_entries) {
		ret = ifq_flush(q);
		if (ret)
			return ret;
	}
	q->rqes[tail & (q->rq_entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = off | q->area_token,
		.len = len,
	};
	io_uring_smp_store_release(q->rq_tail, tail + 1);
	return 0;
}

static void sync_dmabuf(struct ifq *q, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_READ };

	if (q->dmabuf_fd)
		ioctl(q->dmabuf_fd, DMA_BUF_IOCTL_SYNC, &sync);
}

void ifq_begin_read(struct ifq *q)
{
	sync_dmabuf(q, DMA_BUF_SYNC_START);
}

void ifq_end_read(struct ifq *q)
{
	sync_dmabuf(q, DMA_BUF_SYNC_END);
}
