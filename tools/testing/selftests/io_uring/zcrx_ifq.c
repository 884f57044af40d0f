// SPDX-License-Identifier: GPL-2.0
/* A zcrx ifq and its ring, see the header. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "zcrx_ifq.h"

static int sys_register(int fd, unsigned int op, void *arg, unsigned int nr)
{
	int ret = syscall(__NR_io_uring_register, fd, op, arg, nr);

	return ret < 0 ? -errno : ret;
}

int zn_raw_register(int ring_fd, struct io_uring_zcrx_ifq_reg *reg)
{
	return sys_register(ring_fd, IORING_REGISTER_ZCRX_IFQ, reg, 1);
}

static int do_register(const struct zn_opts *o, int ring_fd,
		       struct io_uring_zcrx_ifq_reg *reg)
{
	if (o->do_register)
		return o->do_register(ring_fd, reg, o->do_register_arg);
	return zn_raw_register(ring_fd, reg);
}

int zn_ctrl(int ring_fd, struct zcrx_ctrl *c)
{
	return sys_register(ring_fd, IORING_REGISTER_ZCRX_CTRL, c, 0);
}

int zn_query(__u32 op, void *data, size_t size, __u32 *ret_size)
{
	struct io_uring_query_hdr hdr = {
		.query_data = (unsigned long)data,
		.query_op = op,
		.size = size,
	};
	int ret = sys_register(-1, IORING_REGISTER_QUERY, &hdr, 0);

	if (ret)
		return ret;
	if (ret_size)
		*ret_size = hdr.size;
	return hdr.result;
}

int zn_open_ring(struct io_uring *ring, const struct zn_opts *o)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE | o->ring_flags,
		.cq_entries = o->cq_entries ?: 512,
	};

	if (!(p.flags & IORING_SETUP_CQE_MIXED))
		p.flags |= IORING_SETUP_CQE32;
	return io_uring_queue_init_params(o->sq_entries ?: 8, ring, &p);
}

static void init_ifq(struct zn_ifq *q)
{
	memset(q, 0, sizeof(*q));
	q->listen_fd = -1;
	q->client_fd = -1;
	q->server_fd = -1;
}

static void *map_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static unsigned int roundup_pow2(unsigned int n)
{
	unsigned int r = 1;

	while (r < n)
		r *= 2;
	return r;
}

/* Where the entries end, with the header's size from the kernel. */
static int rq_end(unsigned int entries, size_t *end)
{
	struct io_uring_query_zcrx zq = {};
	int ret = zn_query(IO_URING_QUERY_ZCRX, &zq, sizeof(zq), NULL);

	if (ret)
		return ret;
	*end = zn_align(zq.rq_hdr_size, zq.rq_hdr_alignment) +
	       entries * sizeof(struct io_uring_zcrx_rqe);
	return 0;
}

static int fill_stats_desc(struct zcrx_notification_desc *desc, size_t end)
{
	struct io_uring_query_zcrx_notif nq = {};
	int ret = zn_query(IO_URING_QUERY_ZCRX_NOTIF, &nq, sizeof(nq), NULL);

	if (ret)
		return ret;
	desc->flags |= ZCRX_NOTIF_DESC_FLAG_STATS;
	desc->stats_offset = zn_align(end, nq.notif_stats_off_alignment);
	/* a kernel that knows only the first counters wants 0 */
	if (nq.notif_stats_size > 16)
		desc->stats_size = nq.notif_stats_size;
	return 0;
}

static int register_ifq(struct zn_ifq *q, const struct zn_opts *o,
			struct zcrx_notification_desc *desc)
{
	struct io_uring_region_desc rd = { .size = q->region_size };
	struct io_uring_zcrx_area_reg area = { .len = q->area_size };
	struct io_uring_zcrx_ifq_reg reg = {
		.rq_entries = o->rq_entries ?: 64,
		.rx_buf_len = o->rx_buf_len,
		.area_ptr = (unsigned long)&area,
		.region_ptr = (unsigned long)&rd,
		.notif_desc = (unsigned long)desc,
	};
	int ret;

	if (q->dmabuf_fd) {
		area.flags = IORING_ZCRX_AREA_DMABUF;
		area.dmabuf_fd = q->dmabuf_fd;
	} else {
		area.addr = (unsigned long)q->area;
	}
	if (o->interface) {
		reg.if_idx = if_nametoindex(o->interface);
		reg.if_rxq = o->queue;
		if (!reg.if_idx)
			return -ENODEV;
	} else {
		reg.flags = ZCRX_REG_NODEV;
	}

	if (!o->kernel_region) {
		q->region = map_memory(q->region_size);
		if (!q->region)
			return -ENOMEM;
		memset(q->region, o->region_fill, q->region_size);
		rd.user_addr = (unsigned long)q->region;
		rd.flags = IORING_MEM_REGION_TYPE_USER;
	}

	ret = do_register(o, q->ring.ring_fd, &reg);
	if (ret)
		return ret;

	if (o->kernel_region) {
		void *p = mmap(NULL, q->region_size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_POPULATE, q->ring.ring_fd,
			       rd.mmap_offset);

		if (p == MAP_FAILED)
			return -errno;
		q->region = p;
		q->mmap_offset = rd.mmap_offset;
	}
	q->zcrx_id = reg.zcrx_id;
	q->area_token = area.rq_area_token;
	q->buf_len = reg.rx_buf_len;
	q->rq.khead = q->region + reg.offsets.head;
	q->rq.ktail = q->region + reg.offsets.tail;
	q->rq.rqes = q->region + reg.offsets.rqes;
	q->rq.entries = reg.rq_entries;
	if (desc) {
		q->user_data = desc->user_data;
		if (desc->flags & ZCRX_NOTIF_DESC_FLAG_STATS) {
			q->stats = q->region + desc->stats_offset;
			q->stats_size = desc->stats_size ?: 16;
		}
	}
	return 0;
}

static int open_ifq(struct zn_ifq *q, const struct zn_opts *o)
{
	unsigned int entries = roundup_pow2(o->rq_entries ?: 64);
	size_t page = page_size();
	struct zcrx_notification_desc desc = {
		.user_data = ZN_USER_DATA,
		.type_mask = o->types,
	};
	bool with_desc = o->desc || o->types || o->stats;
	size_t end;
	int ret;

	ret = rq_end(entries, &end);
	if (ret)
		return ret;
	if (o->desc)
		desc = *o->desc;
	if (o->stats) {
		ret = fill_stats_desc(&desc, end);
		if (ret)
			return ret;
		end = desc.stats_offset + desc.stats_size;
	}
	q->region_size = zn_align(end, page) + o->region_extra_pages * page;

	if (o->ring) {
		q->ring = *o->ring;
	} else {
		ret = zn_open_ring(&q->ring, o);
		if (ret)
			return ret;
		q->ring_open = true;
	}

	if (!q->area)
		q->area = map_memory(q->area_size);
	if (!q->area)
		return -ENOMEM;
	return register_ifq(q, o, with_desc ? &desc : NULL);
}

int zn_open(struct zn_ifq *q, const struct zn_opts *o)
{
	int ret;

	init_ifq(q);
	q->area_size = (o->area_pages ?: 16) * page_size();
	q->area = o->area;
	q->dmabuf_fd = o->dmabuf_fd;
	ret = open_ifq(q, o);
	if (ret)
		zn_close(q);
	return ret;
}

void zn_close_ring(struct zn_ifq *q)
{
	if (q->ring_open)
		io_uring_queue_exit(&q->ring);
	q->ring_open = false;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void zn_disconnect(struct zn_ifq *q)
{
	close_fd(&q->listen_fd);
	close_fd(&q->client_fd);
	close_fd(&q->server_fd);
	q->sent = 0;
	q->received = 0;
}

void zn_close(struct zn_ifq *q)
{
	static const struct zn_ifq zeroed;

	if (!memcmp(q, &zeroed, sizeof(*q)))
		return;
	zn_close_ring(q);
	zn_disconnect(q);
	if (q->area && !q->imported)
		munmap(q->area, q->area_size);
	if (q->region && !q->imported)
		munmap(q->region, q->region_size);
	if (q->dmabuf_fd)
		close(q->dmabuf_fd);
	free(q->held);
	memset(q, 0, sizeof(*q));
}

int zn_arm(struct zn_ifq *q, __u32 mask)
{
	return zn_arm_types(q->ring.ring_fd, q->zcrx_id, mask);
}

int zn_flush_rq(struct zn_ifq *q)
{
	struct zcrx_ctrl c = {
		.zcrx_id = q->zcrx_id,
		.op = ZCRX_CTRL_FLUSH_RQ,
	};

	return zn_ctrl(q->ring.ring_fd, &c);
}

int zn_give_back(struct zn_ifq *q, __u64 off, __u32 len)
{
	__u32 tail = *q->rq.ktail;

	while (tail - io_uring_smp_load_acquire(q->rq.khead) == q->rq.entries) {
		int ret = zn_flush_rq(q);

		if (ret)
			return ret;
	}
	q->rq.rqes[tail & (q->rq.entries - 1)] = (struct io_uring_zcrx_rqe){
		.off = off,
		.len = len,
	};
	io_uring_smp_store_release(q->rq.ktail, tail + 1);
	return 0;
}

bool zn_is_in_a_buffer(const struct zn_ifq *q, __u64 off, __u32 len)
{
	__u64 in_area = off & ~IORING_ZCRX_AREA_MASK;

	return (off & IORING_ZCRX_AREA_MASK) == q->area_token &&
	       in_area < q->area_size &&
	       len <= q->buf_len - in_area % q->buf_len;
}

void zn_prep_recv(struct io_uring_sqe *sqe, const struct zn_ifq *q, int fd,
		  unsigned int len)
{
	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, fd, NULL, len, 0);
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = q->zcrx_id;
}

int zn_export(struct zn_ifq *q)
{
	struct zcrx_ctrl c = {
		.zcrx_id = q->zcrx_id,
		.op = ZCRX_CTRL_EXPORT,
	};
	int ret = zn_ctrl(q->ring.ring_fd, &c);

	return ret ?: (int)c.zc_export.zcrx_fd;
}

int zn_import(struct zn_ifq *imp, const struct zn_ifq *from, int fd,
	      const struct zn_opts *o)
{
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = fd,
		.flags = ZCRX_REG_IMPORT,
	};
	int ret;

	init_ifq(imp);
	ret = zn_open_ring(&imp->ring, o);
	if (ret)
		return ret;
	imp->ring_open = true;
	imp->imported = true;
	imp->area = from->area;
	imp->area_size = from->area_size;
	imp->buf_len = from->buf_len;
	imp->region = from->region;
	imp->region_size = from->region_size;
	imp->area_token = from->area_token;
	imp->rq = from->rq;
	imp->stats = from->stats;
	imp->stats_size = from->stats_size;
	imp->user_data = from->user_data;

	ret = do_register(o, imp->ring.ring_fd, &reg);
	if (ret)
		zn_close(imp);
	else
		imp->zcrx_id = reg.zcrx_id;
	return ret;
}
