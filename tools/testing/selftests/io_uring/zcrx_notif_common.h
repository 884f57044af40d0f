/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the tests of zcrx notifications: one NODEV ifq on one ring, a TCP
 * connection over loopback (or veth) whose receiving side goes through zcrx,
 * and a payload that depends on its place in the stream, so that whatever
 * arrives is checked.
 *
 * Unless said otherwise functions return 0 or a negative errno and leave
 * nothing behind when they fail. A ring is IORING_SETUP_SINGLE_ISSUER: whoever
 * opened it must do everything on it, except for zn_send().
 */
#ifndef ZCRX_NOTIF_COMMON_H
#define ZCRX_NOTIF_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * The kernel's own headers come first: liburing carries older copies, which
 * share their include guards.
 */
#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <liburing.h>

/* user_data of what the tests do; ZN_USER_DATA is for descriptors. */
#define ZN_RECV		0x7a635f72656376ULL
#define ZN_USER_DATA	0xfeedfacecafef00dULL

#define ZN_ALL_TYPES	(ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY)

/* Default of the time that something may take which must happen, in ms. */
#define ZN_TIMEOUT	5000
/* How long to look for something that must not happen, in ms. */
#define ZN_SILENCE	50

/* What a ring and its ifq look like; 0 is a usable default everywhere. */
struct zn_opts {
	unsigned int	area_pages;		/* default 16 */
	unsigned int	rq_entries;		/* default 64 */
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
	void			*region;
	size_t			region_size;
	__u64			mmap_offset;	/* of a kernel_region */
	__u32			zcrx_id;
	__u64			area_token;
	struct zn_rq		rq;
	struct io_uring_zcrx_notif_stats *stats; /* NULL without */
	size_t			stats_size;
	__u64			user_data;	/* of the descriptor */
	int			listen_fd;
	int			client_fd;
	int			server_fd;
	__u64			sent;		/* stream position of client */
	__u64			received;	/* stream position of server */
	struct zn_buf		*held;		/* buffers not given back yet */
	unsigned int		nr_held;
	unsigned int		max_held;
};

/* What zn_reap() has seen; it adds, so that zero it to start over. */
struct zn_events {
	unsigned int	notifs;		/* notification CQEs */
	unsigned int	notif_copy;	/* those that have ZCRX_NOTIF_COPY */
	unsigned int	notif_no_buffers; /* ... ZCRX_NOTIF_NO_BUFFERS */
	__u32		notif_mask;	/* their res, or'ed */
	__u32		notif_flags;	/* their flags, or'ed */
	__s32		notif_last;	/* res of the last one */
	unsigned int	notif_slots;	/* CQ slots they took */
	unsigned int	data_cqes;
	__u64		bytes;		/* received and checked */
	unsigned int	bad;		/* wrong payload or bounds */
	bool		recv_ended;
	int		recv_end_res;
	unsigned int	others;		/* CQEs of nobody */
};

int zn_open(struct zn_ifq *q, const struct zn_opts *o);
/* Close the ring alone; memory, sockets and held buffers stay. */
void zn_close_ring(struct zn_ifq *q);
/* Everything; may follow zn_close_ring(). Does nothing on a zeroed @q. */
void zn_close(struct zn_ifq *q);

/* Open a bare ring as zn_open() does. */
int zn_open_ring(struct io_uring *ring, const struct zn_opts *o);

/* The system calls, unchanged. */
int zn_raw_register(int ring_fd, struct io_uring_zcrx_ifq_reg *reg);
int zn_ctrl(int ring_fd, struct zcrx_ctrl *c);
/* Result of the query entry; @ret_size (may be NULL) is what was filled. */
int zn_query(__u32 op, void *data, size_t size, __u32 *ret_size);

int zn_arm(struct zn_ifq *q, __u32 mask);
int zn_flush_rq(struct zn_ifq *q);
/* Returns the file descriptor. */
int zn_export(struct zn_ifq *q);
/*
 * Open a ring of its own in @imp and import @fd, exported by @from. @imp uses
 * the mappings and the refill queue of @from, so that @from may close its ring
 * but not be closed before @imp. zn_refill() does not lock: threads that share
 * an ifq take turns.
 */
int zn_import(struct zn_ifq *imp, const struct zn_ifq *from, int fd,
	      const struct zn_opts *o);
/*
 * Open @q, and import it as @imp, which gets the connection: its events notify
 * the ring of @q and don't run its task work. zn_close() both after an error.
 */
int zn_open_imported(struct zn_ifq *q, struct zn_ifq *imp,
		     const struct zn_opts *o);

/* TCP over loopback; @server_fd is the side that zn_recv() reads from. */
int zn_connect(struct zn_ifq *q);
/* The same through @addr, an address of this network namespace. */
int zn_connect_addr(struct zn_ifq *q, int family, const char *addr);
void zn_disconnect(struct zn_ifq *q);

/* Submit a multishot receive; @len 0 means without a limit. */
void zn_recv(struct zn_ifq *q, unsigned int len);
/* Send until done or the socket is full; returns how much was sent. */
ssize_t zn_send(struct zn_ifq *q, size_t n);
/*
 * Reap at least @wait_nr CQEs, after task work has run, and all others that are
 * there. Returns their number, or -ETIME when there were fewer in time; these
 * are in @ev nevertheless.
 */
int zn_reap(struct zn_ifq *q, struct zn_events *ev, unsigned int wait_nr,
	    int timeout_ms);
/* Reap until @bytes came in or the receive ended; 0 or -ETIME. */
int zn_reap_bytes(struct zn_ifq *q, struct zn_events *ev, __u64 bytes);
/* Give up to @n held buffers back, oldest first, and flush; how many. */
unsigned int zn_refill(struct zn_ifq *q, unsigned int n);

/*
 * Make one event with one byte that @q receives. The ring of an importer makes
 * one that stays on its way: the creator's task work runs when that ring is
 * entered. zn_make_copy() takes a free buffer, zn_make_no_buffers() wants the
 * area to have none; it leaves the byte in the socket for the next call.
 */
int zn_make_copy(struct zn_ifq *q, struct zn_events *ev);
int zn_make_no_buffers(struct zn_ifq *q, struct zn_events *ev);

/* Wait for @cond(@arg) to hold; whether it did. */
bool zn_wait_until(bool (*cond)(void *arg), void *arg, int timeout_ms);
/* How long it may take until a closed ring is freed, in ms. */
#define ZN_FREE_TIME	10000
/* Wait for all closed rings to be freed; whether they were. */
bool zn_rings_freed(void);
/* Become @uid with CAP_NET_ADMIN as the only capability. */
int zn_drop_caps(uid_t uid);
/* Monotonic time in ms. */
__u64 zn_now_ms(void);

static inline __u64 zn_align(__u64 x, __u64 a)
{
	return (x + a - 1) / a * a;
}

static inline __u64 zn_load(const __u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline unsigned int zn_div_up(size_t n, size_t d)
{
	return (n + d - 1) / d;
}

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* A random number below @below, of a seed. */
static inline unsigned int zn_rnd(unsigned int *seed, unsigned int below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 12) % below;
}

static inline void zn_spin(unsigned int loops)
{
	while (loops--)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* zn_open() and zn_connect() */
int zn_open_connected(struct zn_ifq *q, const struct zn_opts *o);
/* A receive of @fd as of zn_recv(), which is not submitted yet. */
struct io_uring_sqe *zn_prep_recv(struct zn_ifq *q, int fd, unsigned int len);
/* Reap until the receive ended; 0 or -ETIME. */
int zn_reap_end(struct zn_ifq *q, struct zn_events *ev);
/* Send @n bytes, and wait until they are in the socket of the other end. */
int zn_send_all(struct zn_ifq *q, size_t n);
/* Bytes in the socket that @q receives from, or a negative errno. */
int zn_unread(const struct zn_ifq *q);
/* Post @nr CQEs with user_data from ZN_NOP on; as many as there are SQEs. */
#define ZN_NOP		0x1000
int zn_fill_cq(struct zn_ifq *q, unsigned int nr);
/*
 * Make one event of @type as zn_make_copy() or zn_make_no_buffers(). For a copy
 * all held buffers are given back before.
 */
int zn_make_event(struct zn_ifq *q, struct zn_events *ev, __u32 type);
bool zn_all_are(const void *p, size_t n, unsigned char value);

#endif /* ZCRX_NOTIF_COMMON_H */
