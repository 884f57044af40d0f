/* SPDX-License-Identifier: GPL-2.0 */
/* A ring with one zcrx instance: set up, and the calls that control it. */
#ifndef ZCRXMON_ZCRX_H
#define ZCRXMON_ZCRX_H

#include <stdbool.h>
#include <stddef.h>

#include "probe.h"
#include "uring.h"

/* user_data; a receive request has the address of its struct conn */
enum {
	UD_ACCEPT	= 1,
	UD_NOTIF	= 2,
	UD_SIGNAL	= 3,
};

struct zcrx_config {
	const char		*interface;	/* NULL: without a device */
	unsigned int		queue;
	size_t			area_size;
	size_t			grow;		/* size of an added area, or 0 */
	unsigned int		max_areas;
	unsigned int		rq_entries;	/* 0: one a buffer */
	bool			notify;
};

/* The most areas of an instance; the kernel's limit */
#define MAX_AREAS	1024

struct zcrx {
	struct io_uring		ring;
	bool			nodev;
	bool			by_number;	/* of a type, see NOTIF_EVENT */
	__u32			id;

	/* The areas, cut into nr_bufs buffers of 1 << buf_shift bytes */
	struct io_uring_zcrx_area_reg areas[MAX_AREAS];
	unsigned int		first_buf[MAX_AREAS];	/* of each area */
	unsigned int		nr_areas;
	unsigned int		max_areas;
	unsigned int		buf_shift;
	unsigned int		nr_bufs;

	/*
	 * The region: header and entries of the refill queue, then the
	 * statistics, which the kernel writes at any time. stats is NULL
	 * without notifications.
	 */
	void			*region;
	size_t			region_size;
	struct io_uring_zcrx_rq	rq;
	const struct io_uring_zcrx_notif_stats *stats;
	struct io_uring_zcrx_notif_stats sums;	/* as last read */
};

/*
 * Set up the ring, then the instance on it. Both return a negative error; call
 * zcrx_close() once the ring is there.
 */
int zcrx_open_ring(struct zcrx *z, const struct zcrx_config *config);
int zcrx_register(struct zcrx *z, const struct zcrx_config *config,
		  const struct probe *p);
void zcrx_close(struct zcrx *z);

/*
 * Give the kernel one more area. Fails with -ENOSPC when the configuration has no
 * more, else with the kernel's error, which leaves all as it was.
 */
int zcrx_add_area(struct zcrx *z, size_t size);

/* The queue is submitted once a turn, or here when it is full before. */
struct io_uring_sqe *zcrx_get_sqe(struct zcrx *z);

/*
 * Make the kernel take the entries of the refill queue now. By itself, it takes
 * them only when it finds no free buffer.
 */
int zcrx_flush(struct zcrx *z);

/* Arm types of notifications again. Each of them must have been notified. */
int zcrx_arm(struct zcrx *z, __u32 types);

/*
 * The statistics of this moment; zero without notifications. To be called before
 * 2^32 have been added to one.
 */
void zcrx_read_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats);

/* The types of a notification completion, as a mask */
static inline __u32 zcrx_types(const struct zcrx *z, const struct io_uring_cqe *cqe)
{
	return z->by_number ? 1U << (cqe->res & 31) : (__u32)cqe->res;
}

/* The index of the area of a receive completion with this offset */
static inline unsigned int zcrx_area(const struct zcrx *z, __u64 off)
{
	int i = io_uring_zcrx_find_area(z->areas, z->nr_areas, off);

	/* The kernel names no other areas */
	return i < 0 ? 0 : i;
}

static inline const unsigned char *zcrx_data(const struct zcrx *z, __u64 off)
{
	return io_uring_zcrx_area_ptr(&z->areas[zcrx_area(z, off)], off);
}

/* The number of a buffer, counted through all areas */
static inline unsigned int zcrx_buffer(const struct zcrx *z, __u64 off)
{
	return z->first_buf[zcrx_area(z, off)] +
	       ((off & ~IORING_ZCRX_AREA_MASK) >> z->buf_shift);
}

#endif /* ZCRXMON_ZCRX_H */
