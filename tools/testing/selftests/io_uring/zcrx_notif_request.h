/* SPDX-License-Identifier: GPL-2.0 */
/* Registration requests with a descriptor, described by where things lie. */
#ifndef ZCRX_NOTIF_REQUEST_H
#define ZCRX_NOTIF_REQUEST_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "leaks.h"
#include "zcrx_notif_common.h"

#define AREA_PAGES	4
#define AREA_SIZE	(AREA_PAGES * page_size())
#define FIRST_SIZE	16	/* of the statistics in their first form */

/* Where a case puts its statistics, before adding the case's delta. */
enum place {
	ABSOLUTE,
	HEADER_END,	/* where the entries begin */
	RQ_END,		/* where they end, after rounding up */
	REGION_END,
};

struct desc_case {
	struct zcrx_notification_desc desc;	/* without stats_offset */
	enum place	place;
	__u64		delta;
	__u32		rq_entries;		/* default 8 */
	__u32		rq_rounded;		/* default rq_entries */
	unsigned int	region_pages;		/* default 1 */
	unsigned int	ring_flags;
	bool		resv_in_reg;
	int		ret;
};

/* All that one registration takes, in memory of its own. */
struct request {
	struct io_uring_zcrx_ifq_reg	reg;
	struct io_uring_region_desc	rd;
	struct io_uring_zcrx_area_reg	area;
	struct zcrx_notification_desc	desc;
};

static inline int header_size(__u64 *size)
{
	struct io_uring_query_zcrx q = {};
	int ret = zn_query(IO_URING_QUERY_ZCRX, &q, sizeof(q), NULL);

	*size = zn_align(q.rq_hdr_size, q.rq_hdr_alignment);
	return ret;
}

static inline __u64 region_size(const struct desc_case *c)
{
	return (c->region_pages ?: 1) * page_size();
}

static inline void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The request of @c; in kernel memory without @region. */
static inline int make_request(struct request *r, const struct desc_case *c,
			       void *area, void *region)
{
	__u32 entries = c->rq_rounded ?: c->rq_entries ?: 8;
	__u64 header, base = 0;
	int ret = header_size(&header);

	memset(r, 0, sizeof(*r));
	if (c->place == HEADER_END)
		base = header;
	else if (c->place == RQ_END)
		base = header + entries * sizeof(struct io_uring_zcrx_rqe);
	else if (c->place == REGION_END)
		base = region_size(c);
	r->desc = c->desc;
	r->desc.stats_offset = base + c->delta;
	r->rd.size = region_size(c);
	if (region) {
		r->rd.user_addr = (unsigned long)region;
		r->rd.flags = IORING_MEM_REGION_TYPE_USER;
	}
	r->area.addr = (unsigned long)area;
	r->area.len = AREA_SIZE;
	r->reg.rq_entries = c->rq_entries ?: 8;
	r->reg.flags = ZCRX_REG_NODEV;
	r->reg.area_ptr = (unsigned long)&r->area;
	r->reg.region_ptr = (unsigned long)&r->rd;
	r->reg.notif_desc = (unsigned long)&r->desc;
	if (c->resv_in_reg)
		r->reg.__resv[0] = 1;
	return ret;
}

/* The parts of a case. */
#define STATS(size)							\
	.desc = {							\
		.user_data = ZN_USER_DATA,				\
		.type_mask = ZN_ALL_TYPES,				\
		.flags = ZCRX_NOTIF_DESC_FLAG_STATS,			\
		.stats_size = (size),					\
	}
#define AT(where, plus)	.place = (where), .delta = (plus)
/* More entries than there can be, of a ring for which that is no error. */
#define CLAMPED								\
	.ring_flags = IORING_SETUP_CLAMP,				\
	.rq_entries = 40000,						\
	.rq_rounded = 32768,						\
	.region_pages = 130

/* What every registration here can fall back on. */
static const struct desc_case good_case = { STATS(0), AT(RQ_END, 0) };

static inline int flush_id(int ring_fd, __u32 id)
{
	struct zcrx_ctrl c = { .zcrx_id = id, .op = ZCRX_CTRL_FLUSH_RQ };

	return zn_ctrl(ring_fd, &c);
}

#endif /* ZCRX_NOTIF_REQUEST_H */
