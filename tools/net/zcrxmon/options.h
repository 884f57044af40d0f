/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXMON_OPTIONS_H
#define ZCRXMON_OPTIONS_H

#include <stdbool.h>

/* Exit statuses, see help.c */
enum {
	EXIT_DONE	= 0,
	EXIT_FAILED	= 1,
	EXIT_USAGE	= 2,
	EXIT_KERNEL	= 3,
};

enum refill_mode {
	REFILL_ALL,	/* give each buffer back at once */
	REFILL_NONE,	/* never */
	REFILL_HOLD,	/* keep all until the kernel says NO_BUFFERS */
	REFILL_RATE,	/* so many a second */
};

enum output_mode {
	OUTPUT_TABLE,
	OUTPUT_PLAIN,
	OUTPUT_JSON,
};

struct options {
	bool			nodev;
	const char		*interface;
	unsigned int		queue;
	unsigned int		port;
	unsigned long long	area_size;
	unsigned int		rq_entries;	/* 0: from the area's size */
	enum refill_mode	refill;
	unsigned int		refill_rate;
	double			duration;	/* 0: no end */
	double			interval;
	unsigned int		connections;	/* 0: no end */
	bool			checksum;
	bool			notify;
	bool			arm;
	unsigned int		events;		/* mask of types to print */
	bool			probe_only;
	enum output_mode	output;
	const char		*report;
};

/* Exits with EXIT_USAGE where the arguments make no sense. */
void options_parse(struct options *o, int argc, char **argv);

/* help.c */
void help_print(void);

#endif /* ZCRXMON_OPTIONS_H */
