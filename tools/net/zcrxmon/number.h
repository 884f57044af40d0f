/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers on the command line. */
#ifndef ZCRXMON_NUMBER_H
#define ZCRXMON_NUMBER_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number, perhaps with one of the units K, M and G. */
static inline bool parse_number(const char *arg, const char *units,
				unsigned long long *value)
{
	unsigned int shift = 0;
	const char *unit;
	char *end;

	errno = 0;
	*value = strtoull(arg, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	/* strtoull() takes a minus sign and wraps around: insist on a digit */
	if (*arg < '0' || *arg > '9' || errno || *end ||
	    *value > ULLONG_MAX >> shift)
		return false;
	*value <<= shift;
	return true;
}

#endif /* ZCRXMON_NUMBER_H */
