/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of zcrx_rx, a receiver on io_uring zero-copy receive that a script
 * drives: zcrx_rx.c has the connections, the commands and the events,
 * zcrx_rx_ifq.c has the zcrx instance with its area and its refill queue,
 * zcrx_rx_fault.c registers instances while things fail, and zcrx_rx_visit.c
 * has other rings that come and go.
 */
#ifndef ZCRX_RX_H
#define ZCRX_RX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The kernel's own headers come first: liburing carries older copies, which
 * share their include guards.
 */
#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <liburing.h>

#define NOTIF_USER_DATA	0x6e6f746966696564ULL

enum area_kind {
	AREA_NORMAL,
	AREA_HUGE,	/* of huge pages */
	AREA_UDMABUF,	/* a dma-buf, made of a memfd */
};

struct options {
	const char	*interface;	/* NULL: ZCRX_REG_NODEV */
	unsigned int	queue;
	size_t		area_size;
	enum area_kind	area_kind;
	unsigned int	rx_buf_len;	/* 0: a page */
	unsigned int	rq_entries;
	bool		describe;	/* pass a notification descriptor */
	__u32		type_mask;
	bool		stats;
	unsigned int	listeners;
	bool		hold;
	bool		flush;
	bool		faults;		/* fail all that can, one by one */
	const char	*fail_cache;	/* fail allocations of a slab cache */
	/* in the place of io_uring_register_ifq() */
	int		(*do_register)(struct io_uring *ring,
				       struct io_uring_zcrx_ifq_reg *reg);
};

struct ifq {
	struct io_uring		ring;
	unsigned char		*area;		/* mapped for us to look at */
	size_t			area_size;
	int			dmabuf_fd;	/* 0: none */
	void			*region;	/* of the refill queue */
	size_t			region_size;
	__u32			id;
	__u64			area_token;
	unsigned int		buf_len;
	__u32			*rq_head;
	__u32			*rq_tail;
	struct io_uring_zcrx_rqe *rqes;
	unsigned int		rq_entries;
	struct io_uring_zcrx_notif_stats *stats; /* NULL: none */
};

/*
 * 0 or a negative errno; @what then names the step that failed. A ring that is
 * there already is used.
 */
int ifq_open(struct ifq *q, const struct options *o, const char **what);
/* The ring, then the memory. */
void ifq_close(struct ifq *q);
/* Put one entry into the refill queue, which is flushed when it is full. */
int ifq_refill(struct ifq *q, __u64 off, __u32 len);
int ifq_flush(struct ifq *q);
int ifq_arm(struct ifq *q, __u32 mask);
/* Before and after looking into the area, which may be a dma-buf. */
void ifq_begin_read(struct ifq *q);
void ifq_end_read(struct ifq *q);

/*
 * Register with faults, as the options say, and print what came of it. Whatever
 * fails is tried once more, without.
 */
void register_with_faults(const struct options *o);

#define NR_TYPES	2	/* of notifications */

/* What visitors did, which may go on while it is looked at. */
struct visits {
	unsigned int	nr;
	unsigned int	armed[NR_TYPES];	/* by the number of the bit */
	int		error;			/* why they ended early */
};

/* A thread whose rings import the instance, arm, flush, export and go away. */
int visits_start(const struct ifq *q);
/* Does nothing if there are none (any more). */
void visits_stop(void);
struct visits visits_get(void);

#endif /* ZCRX_RX_H */
