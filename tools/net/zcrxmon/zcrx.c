// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "zcrx.h"

#define MAX_RQ_ENTRIES	32768U
#define MAX_CQ_ENTRIES	65536U
#define CACHE_LINE	64U

/* The wait for a queue after its last user, in tenths of a second */
#define RELEASE_TENTHS	30

static size_t round_up(size_t value, size_t align)
{
	return (value + align - 1) / align * align;
}

/* The buffers of all areas that there can be, but not more than matter here */
static unsigned int most_buffers(const struct zcrx_config *config)
{
	unsigned long long size = config->area_size;

	if (config->grow)
		size += (config->max_areas - 1ULL) * config->grow;
	size /= sysconf(_SC_PAGESIZE);
	return size < MAX_CQ_ENTRIES ? size : MAX_CQ_ENTRIES;
}

static unsigned int round_up_pow2(unsigned int value)
{
	unsigned int pow2 = 1;

	while (pow2 < value)
		pow2 <<= 1;
	return pow2;
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

/* Map the next area, and describe it for the kernel. */
static int map_area(struct zcrx *z, size_t size,
		    struct io_uring_zcrx_area_reg *reg)
{
	struct zcrx_area *area = &z->areas[z->nr_areas];

	area->mem = map(size);
	if (!area->mem)
		return -ENOMEM;
	area->size = size;
	reg->addr = uring_ptr_to_u64(area->mem);
	reg->len = size;
	return 0;
}

/* The kernel has the area that was mapped last. */
static void area_is_there(struct zcrx *z, const struct io_uring_zcrx_area_reg *reg)
{
	struct zcrx_area *area = &z->areas[z->nr_areas++];

	area->token = reg->rq_area_token;
	area->first = z->nr_bufs;
	z->nr_bufs += area->size >> z->buf_shift;
}

/*
 * The statistics lie behind the entries of the refill queue. The kernel rounds
 * rq_entries up to a power of two, and refuses statistics that touch an entry.
 * They start a cache line, so that the kernel's counting and our writing of the
 * last entry touch different lines.
 */
static size_t stats_offset(const struct probe *p, unsigned int rq_entries)
{
	size_t align = p->notif.stats_off_alignment;
	size_t hdr_align = p->zcrx.rq_hdr_alignment;
	size_t off = p->zcrx.rq_hdr_size;

	if (hdr_align)
		off = round_up(off, hdr_align);
	off += (size_t)rq_entries * sizeof(struct io_uring_zcrx_rqe);
	return round_up(off, align > CACHE_LINE ? align : CACHE_LINE);
}

static void describe_notif(struct zcrx_notification_desc *desc,
			   const struct probe *p, size_t offset)
{
	*desc = (struct zcrx_notification_desc) {
		.user_data	= UD_NOTIF,
		/* The registration refuses types that this kernel lacks */
		.type_mask	= p->notif.types &
				  (ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY),
		.flags		= ZCRX_NOTIF_DESC_FLAG_STATS,
		.stats_offset	= offset,
		/* A kernel that knows only the first two counters wants 0 */
		.stats_size	= p->notif.stats_size > 16 ? p->notif.stats_size : 0,
	};
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
	unsigned int rq_entries = round_up_pow2(config->rq_entries ?: most_buffers(config));
	size_t page = sysconf(_SC_PAGESIZE), offset;
	struct io_uring_zcrx_area_reg area = {};
	struct zcrx_notification_desc desc = {};
	struct io_uring_region_desc region = {};
	struct io_uring_zcrx_ifq_reg reg = {};
	int ret;

	if (rq_entries > MAX_RQ_ENTRIES)
		rq_entries = MAX_RQ_ENTRIES;
	offset = stats_offset(p, rq_entries);
	z->by_number = p->form == NOTIF_EVENT;
	z->stats_size = config->notify ? p->notif.stats_size : 0;
	z->region_size = round_up(offset + z->stats_size, page);
	z->region = map(z->region_size);
	if (!z->region || map_area(z, config->area_size, &area))
		return -ENOMEM;

	region.user_addr = uring_ptr_to_u64(z->region);
	region.size = z->region_size;
	region.flags = IORING_MEM_REGION_TYPE_USER;

	reg.rq_entries = rq_entries;
	reg.area_ptr = uring_ptr_to_u64(&area);
	reg.region_ptr = uring_ptr_to_u64(&region);
	if (z->nodev) {
		reg.flags = ZCRX_REG_NODEV;
	} else {
		reg.if_idx = if_nametoindex(config->interface);
		if (!reg.if_idx)
			return -ENODEV;
		reg.if_rxq = config->queue;
	}
	if (config->notify) {
		describe_notif(&desc, p, offset);
		reg.notif_desc = uring_ptr_to_u64(&desc);
	}

	ret = register_when_released(&z->ring, &reg);
	if (ret)
		return ret;

	z->id = reg.zcrx_id;
	z->buf_shift = __builtin_ctz(reg.rx_buf_len ?: page);
	z->max_areas = config->max_areas;
	area_is_there(z, &area);
	z->rq.khead = (__u32 *)((char *)z->region + reg.offsets.head);
	z->rq.ktail = (__u32 *)((char *)z->region + reg.offsets.tail);
	z->rq.rqes = (void *)((char *)z->region + reg.offsets.rqes);
	z->rq.ring_entries = reg.rq_entries;
	if (config->notify)
		z->stats = (void *)((char *)z->region + offset);
	return 0;
}

int zcrx_add_area(struct zcrx *z, size_t size)
{
	struct zcrx_area *area = &z->areas[z->nr_areas];
	struct io_uring_zcrx_area_reg reg = {};
	struct zcrx_ctrl ctrl = {
		.zcrx_id	= z->id,
		.op		= ZCRX_CTRL_ADD_AREA,
		.add_area_ptr	= uring_ptr_to_u64(&reg),
	};
	int ret;

	if (z->nr_areas >= z->max_areas)
		return -ENOSPC;
	ret = map_area(z, size, &reg);
	if (ret)
		return ret;
	ret = io_uring_register_zcrx_ctrl(&z->ring, &ctrl);
	if (ret) {
		munmap(area->mem, size);
		area->mem = NULL;
		return ret;
	}
	area_is_there(z, &reg);
	return 0;
}

/* The ring first: the kernel uses the memory until the ring is gone. */
void zcrx_close(struct zcrx *z)
{
	int i;

	io_uring_queue_exit(&z->ring);
	if (z->region)
		munmap(z->region, z->region_size);
	for (i = 0; i < MAX_AREAS; i++)
		if (z->areas[i].mem)
			munmap(z->areas[i].mem, z->areas[i].size);
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
	struct zcrx_ctrl ctrl = {
		.zcrx_id	= z->id,
		.op		= ZCRX_CTRL_FLUSH_RQ,
	};

	return io_uring_register_zcrx_ctrl(&z->ring, &ctrl);
}

static int arm(struct zcrx *z, __u32 word)
{
	struct zcrx_ctrl ctrl = {
		.zcrx_id	= z->id,
		.op		= ZCRX_CTRL_ARM_NOTIFICATION,
		.zc_arm_notif	= { .arm_word = word },
	};

	return io_uring_register_zcrx_ctrl(&z->ring, &ctrl);
}

int zcrx_arm(struct zcrx *z, __u32 types)
{
	int ret = 0;

	if (!z->by_number)
		return arm(z, types);
	for (; types && !ret; types &= types - 1)
		ret = arm(z, __builtin_ctz(types));
	return ret;
}

/*
 * Some 32-bit kernels store the halves of a counter one after the other. So a
 * 32-bit program adds up the growth of the lower half. A counter that the kernel
 * lacks stays zero.
 */
static void read_counter(const struct zcrx *z, size_t offset, __u64 *sum)
{
	const char *at = (const char *)z->stats + offset;
	__u32 low;

	if (offset + sizeof(__u64) > z->stats_size)
		return;
	if (sizeof(long) == sizeof(__u64)) {
		*sum = __atomic_load_n((const __u64 *)at, __ATOMIC_RELAXED);
		return;
	}
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		at += sizeof(low);
	low = __atomic_load_n((const __u32 *)at, __ATOMIC_RELAXED);
	*sum += (__u32)(low - (__u32)*sum);
}

void zcrx_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats)
{
	read_counter(z, offsetof(typeof(*stats), copy_count),
		     &z->sums.copy_count);
	read_counter(z, offsetof(typeof(*stats), copy_bytes),
		     &z->sums.copy_bytes);
	read_counter(z, offsetof(typeof(*stats), no_buffers_count),
		     &z->sums.no_buffers_count);
	*stats = z->sums;
}
