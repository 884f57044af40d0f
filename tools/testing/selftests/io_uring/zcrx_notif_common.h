/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the tests of zcrx notifications: the ring and the ifq of
 * zcrx_ifq.h, a TCP connection over loopback (or veth) whose receiving side goes
 * through zcrx, and a payload that depends on its place in the stream, so that
 * whatever arrives is checked. zn_send() may be called by any thread.
 */
#ifndef ZCRX_NOTIF_COMMON_H
#define ZCRX_NOTIF_COMMON_H

#include <sys/types.h>
#include <unistd.h>

#include "zcrx_ifq.h"

/* user_data of receives */
#define ZN_RECV		0x7a635f72656376ULL

/* Default of the time that something may take which must happen, in ms. */
#define ZN_TIMEOUT	5000
/* How long to look for something that must not happen, in ms. */
#define ZN_SILENCE	50

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

/* Is this what a connection sends from @pos on? */
bool zn_is_payload(const void *data, size_t len, __u64 pos);
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
struct io_uring_sqe *zn_recv_sqe(struct zn_ifq *q, int fd, unsigned int len);
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
