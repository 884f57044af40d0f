// SPDX-License-Identifier: GPL-2.0
/* The live table on a terminal: each update overwrites the one before. */
#include <stdarg.h>

#include "explain.h"
#include "form.h"

static int lines;

static void __printf(1, 2) row(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	/* Erase the rest of a longer line of the last update */
	fputs("\033[K\n", stdout);
	lines++;
}

void table_draw(const struct sample *s, bool again)
{
	const struct monitor *m = s->m;
	const struct notif *n = &m->notif;
	const struct conns *c = &m->conns;
	int i;

	if (again)
		printf("\033[%dA", lines);
	lines = 0;

	row("%-15s %8.1f s   connections %u open, %u closed", "time", s->time,
	    c->opened - c->closed, c->closed);
	row("%-15s %10s   %s/s", "received", size_text(s->received).s,
	    size_text(s->rate).s);
	if (s->has_stats) {
		row("%-15s %10s", "zero-copy", size_text(s->zero_copy).s);
		row("%-15s %10s   in %llu pieces", "copied",
		    size_text(s->stats.copy_bytes).s,
		    (unsigned long long)s->stats.copy_count);
	} else {
		row("%-15s %10s", "zero-copy", "-");
		row("%-15s %10s", "copied", "-");
	}
	if (s->has_no_buffers)
		row("%-15s %10llu", "out of buffers",
		    (unsigned long long)s->stats.no_buffers_count);
	else
		row("%-15s %10s", "out of buffers", "-");
	row("%-15s %10u   of %u buffers", "held", m->refill.held, m->z.nr_bufs);
	if (m->o.zcrx.grow)
		row("%-15s %10u   of up to %u, %s, received %s", "added areas",
		    added_areas(m), m->o.zcrx.max_areas - 1,
		    size_text(added_bytes(m)).s, size_text(c->in_added).s);
	row("%-15s %10llu   ENOMEM %llu, ENOSPC %llu", "restarts", c->restarts,
	    c->no_memory, c->no_space);
	if (m->o.zcrx.notify) {
		row("%-15s %10s %12s %16s", "notification", "notified",
		    "armed again", "seen by counter");
		for (i = 0; i < NR_NOTIF; i++)
			row("%-15s %10llu %12llu %16llu", notif_names[i],
			    n->notified[i], n->armed[i], n->by_counter[i]);
		if (losses_of(&m->probe)->name)
			row("%-15s   possible, see zcrxmon --probe", "losses");
	}
	fflush(stdout);
}
