// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "explain.h"
#include "output.h"

struct size_text size_text(double bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int i = 0;
	struct size_text t;

	while (bytes >= 1024 && i < 4) {
		bytes /= 1024;
		i++;
	}
	snprintf(t.s, sizeof(t.s), i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
	return t;
}

static void take_sample(struct sample *s, struct monitor *m)
{
	*s = (struct sample) {
		.m		= m,
		.time		= m->now,
		.has_stats	= m->z.stats,
		.received	= m->conns.received,
	};
	zcrx_stats(&m->z, &s->stats);
	/* Copies are counted before we see their completions */
	if (s->received > s->stats.copy_bytes)
		s->zero_copy = s->received - s->stats.copy_bytes;
}

static void plain_interval(const struct sample *s)
{
	const struct notif *n = &s->m->notif;

	printf("%8.2f s  received %s  rate %s/s", s->time,
	       size_text(s->received).s, size_text(s->rate).s);
	if (s->has_stats)
		printf("  zero-copy %s  copied %s  notified: NO_BUFFERS %llu COPY %llu",
		       size_text(s->zero_copy).s,
		       size_text(s->stats.copy_bytes).s,
		       n->notified[NOTIF_I_NO_BUFFERS],
		       n->notified[NOTIF_I_COPY]);
	printf("  held %u of %u\n", s->m->refill.held, s->m->z.nr_bufs);
}

static void plain_summary(const struct sample *s)
{
	const struct monitor *m = s->m;
	const struct conns *c = &m->conns;
	int i;

	printf("after %.2f s\n", s->time);
	printf("  received        %llu bytes, %u connections (%u closed)\n",
	       s->received, c->opened, c->closed);
	if (m->o.checksum)
		printf("  checksum        0x%016llx\n", c->sums);
	if (s->has_stats) {
		printf("  zero-copy       %llu bytes\n", s->zero_copy);
		printf("  copied          %llu bytes in %llu pieces\n",
		       (unsigned long long)s->stats.copy_bytes,
		       (unsigned long long)s->stats.copy_count);
		printf("  out of buffers  %llu times\n",
		       (unsigned long long)s->stats.no_buffers_count);
		for (i = 0; i < NR_NOTIF; i++)
			printf("  %-15s notified %llu, armed again %llu, seen by counter %llu\n",
			       notif_names[i], m->notif.notified[i],
			       m->notif.armed[i], m->notif.by_counter[i]);
	}
	printf("  held            %u of %u buffers\n", m->refill.held,
	       m->z.nr_bufs);
	printf("  restarts        %llu (ended by ENOMEM %llu, ENOSPC %llu)\n",
	       c->restarts, c->no_memory, c->no_space);
}

void output_start(const struct monitor *m)
{
	const struct options *o = &m->o;

	/* Whoever reads a pipe wants each line when it is written */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (o->output == OUTPUT_JSON) {
		json_start(stdout, m);
		return;
	}
	if (o->nodev)
		printf("zero-copy receive without a device");
	else
		printf("zero-copy receive on %s queue %u", o->interface,
		       o->queue);
	printf(", TCP port %u, area of %s in %u buffers, %u refill entries, notifications %s\n",
	       o->port, size_text(m->z.area_size).s, m->z.nr_bufs,
	       m->z.rq.ring_entries, o->notify ? "on" : "off");
}

void output_conn(const struct monitor *m, const struct conn *conn)
{
	if (m->o.output == OUTPUT_JSON) {
		json_conn(stdout, m, conn);
	} else if (m->o.output == OUTPUT_PLAIN) {
		printf("%8.2f s  connection %u closed, received %llu bytes",
		       m->now, conn->number, conn->received);
		if (m->o.checksum)
			printf(", checksum 0x%016llx",
			       stream_sum_result(&conn->sum));
		putchar('\n');
	}
}

void output_notif(const struct monitor *m, __u32 types, bool by_counter,
		  unsigned int held, unsigned long long given)
{
	if (!(m->o.events & types) || m->o.output == OUTPUT_TABLE)
		return;
	if (m->o.output == OUTPUT_JSON)
		json_notif(stdout, m, types, by_counter, held, given);
	else
		printf("%8.2f s  %s %s: held %u of %u buffers, gave back %llu\n",
		       m->now, notif_mask_name(types),
		       by_counter ? "seen by counter" : "notified", held,
		       m->z.nr_bufs, given);
}

void output_interval(struct monitor *m)
{
	static struct sample last;
	struct sample s;

	take_sample(&s, m);
	if (s.time > last.time)
		s.rate = (s.received - last.received) / (s.time - last.time);
	switch (m->o.output) {
	case OUTPUT_TABLE:
		table_draw(&s, last.m);
		break;
	case OUTPUT_PLAIN:
		plain_interval(&s);
		break;
	case OUTPUT_JSON:
		json_sample(stdout, &s, "interval");
		break;
	}
	last = s;
}

static bool write_report(const struct sample *s)
{
	const char *name = s->m->o.report;
	FILE *f = fopen(name, "w");
	bool ok = f;

	if (f) {
		json_sample(f, s, "summary");
		ok = !ferror(f);
		ok = !fclose(f) && ok;
	}
	if (!ok)
		zcrxmon_err("cannot write the report %s: %s", name,
			    strerror(errno));
	return ok;
}

bool output_summary(struct monitor *m)
{
	struct sample s;

	take_sample(&s, m);
	if (s.time > 0)
		s.rate = s.received / s.time;
	if (m->o.output == OUTPUT_JSON)
		json_sample(stdout, &s, "summary");
	else
		plain_summary(&s);
	return !m->o.report || write_report(&s);
}
