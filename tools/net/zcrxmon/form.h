/* SPDX-License-Identifier: GPL-2.0 */
/* The forms of output.c besides plain lines, and the parts of all forms. */
#ifndef ZCRXMON_FORM_H
#define ZCRXMON_FORM_H

#include <stdio.h>

#include "losses.h"
#include "monitor.h"

/* The figures at one moment */
struct sample {
	const struct monitor	*m;
	double			time;
	double			rate;		/* bytes a second */
	bool			has_stats;
	bool			has_no_buffers;	/* the last of the statistics */
	struct io_uring_zcrx_notif_stats stats;
	unsigned long long	received;
	unsigned long long	zero_copy;
};

/* form.c: a number of bytes for people: "1.5 MiB" */
struct size_text {
	char	s[16];
};

struct size_text size_text(double bytes);

/* Added areas, and their bytes */
static inline unsigned int added_areas(const struct monitor *m)
{
	return m->z.nr_areas - 1;
}

static inline unsigned long long added_bytes(const struct monitor *m)
{
	return (unsigned long long)added_areas(m) * m->o.zcrx.grow;
}

extern const char * const notif_names[NR_NOTIF];

/* The names of the types in the mask, separator between them */
void print_types(FILE *f, __u32 types, const char *separator);

/* table.c */
void table_draw(const struct sample *s, bool again);

/* json.c: figures as one object, its "event" as given */
void json_sample(FILE *f, const struct sample *s, const char *event);
void json_probe(FILE *f, const struct probe *p);
void json_start(FILE *f, const struct monitor *m);
void json_conn(FILE *f, const struct monitor *m, const struct conn *conn);
void json_notif(FILE *f, const struct monitor *m, __u32 types, bool by_counter,
		const struct reaction *did);

#endif /* ZCRXMON_FORM_H */
