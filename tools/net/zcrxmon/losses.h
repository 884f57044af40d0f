/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The losses that the events of mainline 7.2 and 7.3 allow. A kernel with the
 * counter of failed allocations has none of them.
 */
#ifndef ZCRXMON_LOSSES_H
#define ZCRXMON_LOSSES_H

#include <stdio.h>

#include "probe.h"

struct loss {
	const char	*name;
	const char	*text;
};

/* Those of this kernel; the last entry has no name. */
const struct loss *losses_of(const struct probe *p);

/* Their names, separator between them */
void losses_print(FILE *f, const struct probe *p, const char *separator);

#endif /* ZCRXMON_LOSSES_H */
