/* SPDX-License-Identifier: GPL-2.0 */
/* A ring with one zcrx instance: set up, and the calls that control it. */
#ifndef ZCRXMON_ZCRX_H
#define ZCRXMON_ZCRX_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "probe.h"
#include "uring.h"

/* user_data of what is not a receive request; those have a struct conn's address */
enum {
	UD_ACCEPT	= 1,
	UD_NOTIF	= 2,
	UD_SIGNAL	= 3,
};

struct zcrx {
	struct io_uring		ring;
	bool			nodev;
	__u32			id;

	/* The area, cut into nr_bufs buffers of 1 << buf_shift bytes */
	unsigned char		*area;
	size_t			area_size;
	__u64			area_token;
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
	__u32			stats_size;
	struct io_uring_zcrx_notif_stats sums;	/* as last read */
};

/* Both say on stderr what is wrong and return a negative error. */
int zcrx_open(struct zcrx *z, const struct options *o, const struct probe *p);
void zcrx_close(struct zcrx *z);

/*
 * The submission queue is submitted once a turn; when it is full before that,
 * submit what is there.
 */
struct io_uring_sqe *zcrx_get_sqe(struct zcrx *z);

/*
 * Have the kernel take the entries of the refill queue now. It does so
 * by itself only when it finds no free buffer.
 */
int zcrx_flush(struct zcrx *z);

/* Arm types of notifications again. Each of them must have been notified. */
int zcrx_arm(struct zcrx *z, __u32 types);

/*
 * The statistics as they are now; zero without them. To be called before 2^32
 * have been added to one.
 */
void zcrx_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats);

/* Where the data of a receive completion lies in the area */
static inline size_t zcrx_offset(const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);

	return rcqe->off & ~IORING_ZCRX_AREA_MASK;
}

#endif /* ZCRXMON_ZCRX_H */
