/* SPDX-License-Identifier: GPL-2.0 */
/* Errors in words: what is wrong and what to do about it, on stderr. */
#ifndef ZCRXMON_EXPLAIN_H
#define ZCRXMON_EXPLAIN_H

#include "options.h"

/* What the kernel has by this name in its compiler headers */
#define __printf(a, b)	__attribute__((__format__	\
				       (printf, a, b)))

void __printf(1, 2) zcrxmon_err(const char *fmt, ...);

/* ret: the negative error that the call returned */
void explain_query(int ret);
void explain_ring(int ret);
void explain_register(int ret, const struct options *o);
void explain_listen(int ret, const struct options *o);
void explain_recv(int ret);
void explain_starving(unsigned int held, unsigned int nr_bufs);

#endif /* ZCRXMON_EXPLAIN_H */
