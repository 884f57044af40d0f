// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "zcrx.h"

#define MAX_RQ_ENTRIES	32768U
#define MAX_CQ_ENTRIES	65536U

/* The wait for a queue after its last user, in tenths of a second */
#define RELEASE_TENTHS	30

/* The buffers of all areas that there can be, but not more than matter here */
static unsigned int most_buffers(const struct zcrx_config *config)
{
	unsigned long long size = config->area_size;

	if (config->grow)
		size += (config->max_areas - 1ULL) * config->grow;
	size /= sysconf(_SC_PAGESIZE);
	return size < MAX_CQ_ENTRIES ? size : MAX_CQ_ENTRIES;
}

int zcrx_open_ring(struct zcrx *z, const struct zcrx_config *config)
{
	struct io_uring_params p = {
		/*
		 * zcrx wants DEFER_TASKRUN (and with it SINGLE_ISSUER), and
		 * completions that have room for the data's offset.
		 */
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 |
			 IORING_SETUP_CQSIZE,
	};
	unsigned int nr_bufs = most_buffers(config);

	z->nodev = !config->interface;
	/*
	 * The kernel can deliver all buffers in one go. When the completion
	 * queue is too short for that, a receive request ends with -ENOSPC: it
	 * can be issued again, but that costs. The 64 are for all other
	 * completions.
	 */
	p.cq_entries = nr_bufs < MAX_CQ_ENTRIES - 64 ? nr_bufs + 64 :
						       MAX_CQ_ENTRIES;
	return io_uring_queue_init_params(64, &z->ring, &p);
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Map the next area. */
static int map_area(struct zcrx *z, size_t size)
{
	void *mem = map(size);

	if (!mem)
		return -ENOMEM;
	z->areas[z->nr_areas] = (struct io_uring_zcrx_area_reg) {
		.addr	= uring_ptr_to_u64(mem),
		.len	= size,
	};
	return 0;
}

static void unmap_area(struct io_uring_zcrx_area_reg *area)
{
	munmap(io_uring_zcrx_area_ptr(area, 0), area->len);
	area->addr = 0;
}

/* The kernel has the area that was mapped last. */
static void area_is_there(struct zcrx *z)
{
	z->first_buf[z->nr_areas] = z->nr_bufs;
	z->nr_bufs += z->areas[z->nr_areas++].len >> z->buf_shift;
}

/* The kernel releases a queue some time after its ring was closed. */
static int register_when_released(struct io_uring *ring,
				  struct io_uring_zcrx_ifq_reg *reg)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	int i, ret;

	for (i = 0; i <= RELEASE_TENTHS; i++) {
		if (i)
			nanosleep(&pause, NULL);
		ret = io_uring_register_ifq(ring, reg);
		if (ret != -EEXIST)
			break;
	}
	return ret;
}

int zcrx_register(struct zcrx *z, const struct zcrx_config *config,
		  const struct probe *p)
{
	unsigned int rq_entries = config->rq_entries ?: most_buffers(config);
	struct zcrx_notification_desc desc = {
		.user_data	= UD_NOTIF,
		/* The registration refuses types that this kernel lacks */
		.type_mask	= p->notif.types &
				  (ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY),
	};
	struct io_uring_region_desc region = {};
	struct io_uring_zcrx_ifq_reg reg = {};
	ssize_t size;
	int ret;

	if (rq_entries > MAX_RQ_ENTRIES)
		rq_entries = MAX_RQ_ENTRIES;
	if (config->notify)
		size = io_uring_zcrx_region_size_stats(rq_entries, &desc);
	else
		size = io_uring_zcrx_region_size(rq_entries);
	if (size < 0)
		return size;
	z->by_number = p->form == NOTIF_EVENT;
	z->region_size = size;
	z->region = map(size);
	if (!z->region || map_area(z, config->area_size))
		return -ENOMEM;

	region.user_addr = uring_ptr_to_u64(z->region);
	region.size = size;
	region.flags = IORING_MEM_REGION_TYPE_USER;

	reg.rq_entries = rq_entries;
	reg.area_ptr = uring_ptr_to_u64(z->areas);
	reg.region_ptr = uring_ptr_to_u64(&region);
	if (z->nodev) {
		reg.flags = ZCRX_REG_NODEV;
	} else {
		reg.if_idx = if_nametoindex(config->interface);
		if (!reg.if_idx)
			return -ENODEV;
		reg.if_rxq = config->queue;
	}
	if (config->notify)
		reg.notif_desc = uring_ptr_to_u64(&desc);

	ret = register_when_released(&z->ring, &reg);
	if (!ret)
		ret = io_uring_zcrx_rq_init(&z->rq, z->region, &reg);
	if (ret)
		return ret;

	z->id = reg.zcrx_id;
	z->buf_shift = __builtin_ctz(reg.rx_buf_len ?: sysconf(_SC_PAGESIZE));
	z->max_areas = config->max_areas;
	area_is_there(z);
	z->stats = io_uring_zcrx_stats(z->region, &desc);
	return 0;
}

int zcrx_add_area(struct zcrx *z, size_t size)
{
	struct io_uring_zcrx_area_reg *area = &z->areas[z->nr_areas];
	int ret;

	if (z->nr_areas >= z->max_areas)
		return -ENOSPC;
	ret = map_area(z, size);
	if (ret)
		return ret;
	ret = io_uring_zcrx_add_area(&z->ring, z->id, area);
	if (ret)
		unmap_area(area);
	else
		area_is_there(z);
	return ret;
}

/* The ring first: the kernel uses the memory until the ring is gone. */
void zcrx_close(struct zcrx *z)
{
	int i;

	io_uring_queue_exit(&z->ring);
	if (z->region)
		munmap(z->region, z->region_size);
	for (i = 0; i < MAX_AREAS; i++)
		if (z->areas[i].addr)
			unmap_area(&z->areas[i]);
}

struct io_uring_sqe *zcrx_get_sqe(struct zcrx *z)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&z->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&z->ring);
	return io_uring_get_sqe(&z->ring);
}

int zcrx_flush(struct zcrx *z)
{
	return io_uring_zcrx_flush_rq(&z->ring, z->id);
}

int zcrx_arm(struct zcrx *z, __u32 types)
{
	int ret = 0;

	/* liburing passes the word on unchecked: here it is a mask */
	if (!z->by_number)
		return io_uring_zcrx_arm_event(&z->ring, z->id, types);
	for (; types && !ret; types &= types - 1)
		ret = io_uring_zcrx_arm_event(&z->ring, z->id, __builtin_ctz(types));
	return ret;
}

/* A long of 32 bits has the lower half of the counter: add up its growth. */
static void add_growth(__u64 *sum, const __u64 *counter)
{
	*sum += io_uring_zcrx_read_counter(counter) - (unsigned long)*sum;
}

void zcrx_read_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats)
{
	if (z->stats) {
		add_growth(&z->sums.copy_count, &z->stats->copy_count);
		add_growth(&z->sums.copy_bytes, &z->stats->copy_bytes);
		/* Zero where the kernel lacks it: there is room for it */
		add_growth(&z->sums.no_buffers_count, &z->stats->no_buffers_count);
	}
	*stats = z->sums;
}
