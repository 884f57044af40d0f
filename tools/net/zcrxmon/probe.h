/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The features of the kernel. IO_URING_QUERY needs neither a ring nor
 * privileges.
 */
#ifndef ZCRXMON_PROBE_H
#define ZCRXMON_PROBE_H

#include <stdbool.h>

#include "uring.h"

enum notif_form {
	NOTIF_NO,	/* the kernel cannot notify */
	NOTIF_YES,	/* as <linux/io_uring/zcrx_notif.h> has it */
	NOTIF_MAINLINE,	/* the form of mainline 7.2: other meanings */
	NOTIF_UNKNOWN,	/* something else under the same numbers */
};

struct probe {
	int				error;	/* of the query call itself */
	bool				has_zcrx;
	struct io_uring_query_zcrx	zcrx;
	enum notif_form			form;
	unsigned int			notif_query_size;
	struct io_uring_query_zcrx_notif notif;
};

void probe_kernel(struct probe *p);

#endif /* ZCRXMON_PROBE_H */
