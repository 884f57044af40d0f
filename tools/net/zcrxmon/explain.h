/* SPDX-License-Identifier: GPL-2.0 */
/* Errors in words, on stderr: the reason and the remedy. */
#ifndef ZCRXMON_EXPLAIN_H
#define ZCRXMON_EXPLAIN_H

#include "losses.h"
#include "probe.h"
#include "zcrx.h"

/* As in the compiler headers of the kernel */
#define __printf(a, b)	__attribute__((__format__	\
				       (printf, a, b)))

void __printf(1, 2) zcrxmon_err(const char *fmt, ...);

/* ret: the negative error that the call returned */
void explain_query(int ret);
void explain_ring(int ret);
void explain_register(int ret, const struct zcrx_config *config);
void explain_listen(int ret, unsigned int port);
void explain_recv(int ret);

void explain_losses(const struct probe *p);

/* No area could be added; zcrxmon goes on with those that there are. */
void explain_grow(int ret, const struct zcrx_config *config, unsigned int areas);

/* Only the first call says something. */
void explain_starving(unsigned int held, unsigned int nr_bufs);

/* Returns false, with nothing to explain, if the kernel has all features. */
bool explain_missing(const struct probe *p, const struct zcrx_config *config);

#endif /* ZCRXMON_EXPLAIN_H */
