/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A creator in a process of its own, known to the test by its exported file. It
 * can exit or execute another program while the test goes on with the ifq.
 * Functions return 0 or a negative errno.
 */
#ifndef ZCRX_NOTIF_REMOTE_H
#define ZCRX_NOTIF_REMOTE_H

#include "zcrx_notif_common.h"

struct zn_remote {
	pid_t		pid;		/* 0: has ended */
	int		sock;
	int		ring_fd;	/* number of its ring's file there */
	bool		busy;
	struct zn_ifq	c;		/* stands in for it, to import from */
};

/*
 * Start the creator, whose ring has @flags, IORING_SETUP_*, and import its ifq as
 * @i, with a connection. With @busy another ring of its has a request in flight,
 * so that exec and exit cancel what is in flight on all its rings, and exec has
 * to wait for one that can't be cancelled.
 */
int zn_remote_start(struct zn_remote *r, struct zn_ifq *i, unsigned int flags,
		    bool busy);
/* A file of this process for its ring. */
int zn_remote_ring(const struct zn_remote *r);
/* Have it exit; its wait status. */
int zn_remote_exit(struct zn_remote *r);
/*
 * Have it execute another program, which waits until zn_remote_exit(). -EBUSY
 * when the exec spins where it has to wait.
 */
int zn_remote_exec(struct zn_remote *r);
/* Kill it if it is still there, and free everything. */
void zn_remote_close(struct zn_remote *r, struct zn_ifq *i);

#endif /* ZCRX_NOTIF_REMOTE_H */
