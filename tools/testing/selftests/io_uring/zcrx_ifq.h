/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A zcrx ifq and its ring, for tests: registration with or without a device,
 * import, the refill queue and the control calls.
 *
 * Unless said otherwise functions return 0 or a negative errno and leave
 * nothing behind when they fail. A ring is IORING_SETUP_SINGLE_ISSUER: the
 * thread that opened it must do everything on it.
 */
#ifndef ZCRX_IFQ_H
#define ZCRX_IFQ_H

#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

/*
 * The kernel's own headers come first: liburing carries older copies, which
 * share their include guards.
 */
#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <liburing.h>

#include "zcrx_abi.h"

/* user_data of descriptors */
#define ZN_USER_DATA	0xfeedfacecafef00dULL

#define ZN_ALL_TYPES	(ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY)

/* What a ring and its ifq look like; 0 is a usable default everywhere. */
struct zn_opts {
	const char	*interface;		/* NULL: ZCRX_REG_NODEV */
	unsigned int	queue;			/* of the interface */
	unsigned int	area_pages;		/* default 16 */
	void		*area;			/* NULL: map one */
	int		dmabuf_fd;		/* of @area, 0: none */
	unsigned int	rx_buf_len;		/* default a page */
	unsigned int	rq_entries;		/* default 64 */
	const struct io_uring *ring;		/* NULL: open one */
	unsigned int	ring_flags;		/* extra IORING_SETUP_* */
	unsigned int	sq_entries;		/* default 8 */
	unsigned int	cq_entries;		/* default 512 */
	/* The descriptor; or one of these types with ZN_USER_DATA. */
	const struct zcrx_notification_desc *desc;
	__u32		types;
	bool		stats;			/* behind the rq entries */
	bool		kernel_region;		/* mmap() it from the ring */
	unsigned int	region_extra_pages;
	unsigned char	region_fill;		/* not with kernel_region */
	/* In the place of zn_raw_register(), for what goes around it. */
	int		(*do_register)(int ring_fd,
				       struct io_uring_zcrx_ifq_reg *reg,
				       void *arg);
	void		*do_register_arg;
};

/* A buffer that the application holds, as its CQE named it. */
struct zn_buf {
	__u64	off;
	__u32	len;
};

/* The refill queue; shared by the creator of an ifq and its importers. */
struct zn_rq {
	__u32				*khead;
	__u32				*ktail;
	struct io_uring_zcrx_rqe	*rqes;
	__u32				entries;
};

struct zn_ifq {
	struct io_uring		ring;
	bool			ring_open;
	bool			imported;	/* maps belong to the creator */
	void			*area;
	size_t			area_size;
	int			dmabuf_fd;
	unsigned int		buf_len;
	void			*region;
	size_t			region_size;
	__u64			mmap_offset;	/* of a kernel_region */
	__u32			zcrx_id;
	__u64			area_token;
	struct zn_rq		rq;
	struct io_uring_zcrx_notif_stats *stats; /* NULL without */
	size_t			stats_size;
	__u64			user_data;	/* of the descriptor */

	/* The connection and what was received, see zcrx_notif_common.h. */
	int			listen_fd;
	int			client_fd;
	int			server_fd;
	__u64			sent;		/* stream position of client */
	__u64			received;	/* stream position of server */
	struct zn_buf		*held;		/* buffers not given back yet */
	unsigned int		nr_held;
	unsigned int		max_held;
};

/* The area and the dma-buf of @o belong to @q then, also after an error. */
int zn_open(struct zn_ifq *q, const struct zn_opts *o);
/* Close the ring alone; memory, sockets and held buffers stay. */
void zn_close_ring(struct zn_ifq *q);
/* Close the sockets alone. */
void zn_disconnect(struct zn_ifq *q);
/* Everything; may follow zn_close_ring(). Does nothing on a zeroed @q. */
void zn_close(struct zn_ifq *q);

/* Open a bare ring as zn_open() does. */
int zn_open_ring(struct io_uring *ring, const struct zn_opts *o);

/* The system calls, unchanged. */
int zn_raw_register(int ring_fd, struct io_uring_zcrx_ifq_reg *reg);
/* Result of the query entry; @ret_size (may be NULL) is what was filled. */
int zn_query(__u32 op, void *data, size_t size, __u32 *ret_size);

int zn_arm(struct zn_ifq *q, __u32 mask);
int zn_flush_rq(struct zn_ifq *q);
/* Put one entry into the refill queue, which is flushed when it is full. */
int zn_give_back(struct zn_ifq *q, __u64 off, __u32 len);
/* Does what a CQE names lie in the area, in one buffer? */
bool zn_is_in_a_buffer(const struct zn_ifq *q, __u64 off, __u32 len);
/* Prepare a multishot receive from @fd; @len 0 means without a limit. */
void zn_prep_recv(struct io_uring_sqe *sqe, const struct zn_ifq *q, int fd,
		  unsigned int len);
/* Returns the file descriptor. */
int zn_export(struct zn_ifq *q);
/*
 * Open a ring in @imp and import @fd, exported by @from. @imp uses the mappings
 * and the refill queue of @from, so that @from may close its ring but not be
 * closed before @imp. zn_give_back() does not lock: threads that share an ifq
 * take turns.
 */
int zn_import(struct zn_ifq *imp, const struct zn_ifq *from, int fd,
	      const struct zn_opts *o);

static inline unsigned int zn_div_up(size_t n, size_t d)
{
	return (n + d - 1) / d;
}

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static inline __u64 zn_align(__u64 x, __u64 a)
{
	return (x + a - 1) / a * a;
}

static inline __u64 zn_load(const __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif /* ZCRX_IFQ_H */
