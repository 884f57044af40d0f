/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens, on standard output: output.c decides the form and prints plain
 * lines, table.c draws the table, json.c writes objects.
 */
#ifndef ZCRXMON_OUTPUT_H
#define ZCRXMON_OUTPUT_H

#include <stdio.h>

#include "monitor.h"

/* The figures at one moment */
struct sample {
	const struct monitor	*m;
	double			time;
	double			rate;		/* bytes a second */
	bool			has_stats;
	struct io_uring_zcrx_notif_stats stats;
	unsigned long long	received;
	unsigned long long	zero_copy;
};

void output_start(const struct monitor *m);
void output_conn(const struct monitor *m, const struct conn *conn);
void output_notif(const struct monitor *m, __u32 types, bool by_counter,
		  unsigned int held, unsigned long long given);
void output_interval(struct monitor *m);

/* Returns false when --report's file cannot be written. */
bool output_summary(struct monitor *m);

/* A number of bytes for people: "1.5 MiB" */
struct size_text {
	char	s[16];
};

struct size_text size_text(double bytes);

/* table.c */
void table_draw(const struct sample *s, bool again);

/* json.c: figures as one object, its "event" as given */
void json_sample(FILE *f, const struct sample *s, const char *event);
void json_start(FILE *f, const struct monitor *m);
void json_conn(FILE *f, const struct monitor *m, const struct conn *conn);
void json_notif(FILE *f, const struct monitor *m, __u32 types, bool by_counter,
		unsigned int held, unsigned long long given);

#endif /* ZCRXMON_OUTPUT_H */
