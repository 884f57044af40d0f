/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXMON_OPTIONS_H
#define ZCRXMON_OPTIONS_H

#include <stdbool.h>

#include "refill.h"
#include "zcrx.h"

/* Exit statuses */
enum {
	EXIT_DONE	= 0,
	EXIT_FAILED	= 1,
	EXIT_USAGE	= 2,
	EXIT_KERNEL	= 3,
};

enum output_mode {
	OUTPUT_TABLE,
	OUTPUT_PLAIN,
	OUTPUT_JSON,
};

struct options {
	struct zcrx_config	zcrx;
	unsigned int		port;
	enum refill_mode	refill;
	unsigned int		refill_rate;
	double			duration;	/* 0: no end */
	double			interval;
	unsigned int		connections;	/* 0: no end */
	bool			checksum;
	bool			arm;
	unsigned int		events;		/* mask of types to print */
	bool			probe_only;
	enum output_mode	output;
	const char		*report;
};

/* Exits with EXIT_USAGE if the arguments are wrong. */
void options_parse(struct options *o, int argc, char **argv);

/* help.c */
void help_print(void);

#endif /* ZCRXMON_OPTIONS_H */
