/* SPDX-License-Identifier: GPL-2.0 */
/* TCP connections: listen, accept, receive. */
#ifndef ZCRXMON_CONN_H
#define ZCRXMON_CONN_H

#include "refill.h"
#include "stream_sum.h"

struct conn {
	struct conn		*next;
	int			fd;
	unsigned int		number;
	unsigned long long	received;
	struct stream_sum	sum;
	/* The error of its receive request, 0 while that runs */
	int			stalled;
	/* Pieces that had been given back when the request ended, and the time */
	unsigned long long	given;
	double			since;
	unsigned int		in_vain;	/* restarts without data */
};

struct conns {
	struct zcrx		*z;
	struct refill		*refill;
	bool			checksum;
	int			listen_fd;
	struct conn		*list;
	unsigned int		opened;
	unsigned int		closed;
	unsigned int		failed;
	unsigned long long	received;
	unsigned long long	in_added;	/* of it in added areas */
	unsigned long long	sums;		/* of closed connections */
	unsigned long long	restarts;
	bool			starving;	/* copies lack buffers */
	unsigned long long	no_memory;	/* requests ended by -ENOMEM */
	unsigned long long	no_space;	/* and by -ENOSPC */
};

int conns_listen(struct conns *c, unsigned int port);
int conns_accepted(struct conns *c, const struct io_uring_cqe *cqe);

/*
 * A completion of a receive request. Sets *closed to a connection that came to
 * its end, with an error if cqe->res is not 0; give it to conn_free().
 */
int conns_received(struct conns *c, const struct io_uring_cqe *cqe, double now,
		   struct conn **closed);
void conn_free(struct conns *c, struct conn *conn);
void conns_close(struct conns *c);

/* Restart requests that ended for lack of room, if there is room now. */
int conns_restart(struct conns *c, double now);

/* Whether conns_restart() has more to do a little later */
bool conns_waiting(const struct conns *c);

#endif /* ZCRXMON_CONN_H */
