// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "explain.h"
#include "form.h"
#include "output.h"

static void take_sample(struct sample *s, struct monitor *m)
{
	*s = (struct sample) {
		.m		= m,
		.time		= m->now,
		.has_stats	= m->z.stats,
		.has_no_buffers	= m->z.stats && probe_counts_all(&m->probe),
		.received	= m->conns.received,
	};
	zcrx_read_stats(&m->z, &s->stats);
	/* The kernel counts copies before their completions are here */
	if (s->received > s->stats.copy_bytes)
		s->zero_copy = s->received - s->stats.copy_bytes;
}

static void plain_interval(const struct sample *s)
{
	int i;

	printf("%8.2f s  received %s  rate %s/s", s->time,
	       size_text(s->received).s, size_text(s->rate).s);
	if (s->has_stats) {
		printf("  zero-copy %s  copied %s  notified:",
		       size_text(s->zero_copy).s,
		       size_text(s->stats.copy_bytes).s);
		for (i = 0; i < NR_NOTIF; i++)
			printf(" %s %llu", notif_names[i],
			       s->m->notif.notified[i]);
	}
	printf("  held %u of %u", s->m->refill.held, s->m->z.nr_bufs);
	if (s->m->o.zcrx.grow)
		printf("  added areas: %u (%s)", added_areas(s->m),
		       size_text(added_bytes(s->m)).s);
	putchar('\n');
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
		if (s->has_no_buffers)
			printf("  out of buffers  %llu times\n",
			       (unsigned long long)s->stats.no_buffers_count);
		for (i = 0; i < NR_NOTIF; i++)
			printf("  %-15s notified %llu, armed again %llu, seen by counter %llu\n",
			       notif_names[i], m->notif.notified[i],
			       m->notif.armed[i], m->notif.by_counter[i]);
	}
	printf("  held            %u of %u buffers\n", m->refill.held,
	       m->z.nr_bufs);
	if (m->o.zcrx.grow)
		printf("  added areas     %u with %llu bytes, which received %llu bytes\n",
		       added_areas(m), added_bytes(m), c->in_added);
	printf("  restarts        %llu (ended by ENOMEM %llu, ENOSPC %llu)\n",
	       c->restarts, c->no_memory, c->no_space);
	if (m->o.zcrx.notify && losses_of(&m->probe)->name) {
		printf("  losses          ");
		losses_print(stdout, &m->probe, ", ");
		puts(" are possible");
	}
}

void output_probe(const struct probe *p, enum output_mode mode)
{
	static const char * const forms[] = {
		[NOTIF_NO]	 = "no",
		[NOTIF_MASK]	 = "yes",
		[NOTIF_EVENT]	 = "yes, as events of mainline 7.2",
		[NOTIF_UNKNOWN]	 = "in a form that zcrxmon does not know",
	};

	const struct loss *loss;

	if (p->error) {
		explain_query(p->error);
		return;
	}
	if (mode == OUTPUT_JSON) {
		json_probe(stdout, p);
		return;
	}
	if (!p->has_zcrx) {
		puts("zero-copy receive:      unknown (too old to answer)");
		return;
	}
	puts("zero-copy receive:      yes");
	printf("without a device:       %s\n",
	       p->zcrx.register_flags & ZCRX_REG_NODEV ? "yes" : "no");
	printf("large buffers:          %s\n",
	       p->zcrx.features & ZCRX_FEATURE_RX_PAGE_SIZE ? "yes" : "no");
	printf("notifications:          %s\n", forms[p->form]);
	printf("adding an area:         %s\n",
	       probe_adds_areas(p) ? "yes" : "no");
	if (!probe_notifies(p))
		return;
	fputs("types:                  ", stdout);
	print_types(stdout, p->notif.types, " ");
	printf(" (mask %#x)\n", p->notif.types);
	printf("statistics:             %u bytes, aligned to %u\n",
	       p->notif.stats_size, p->notif.stats_off_alignment);
	puts(losses_of(p)->name ? "possible losses:" :
				  "possible losses:        none");
	for (loss = losses_of(p); loss->name; loss++)
		printf("  %-20s  %s\n", loss->name, loss->text);
}

void output_start(const struct monitor *m)
{
	const struct options *o = &m->o;

	/* The reader of a pipe wants each line at once */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (o->output == OUTPUT_JSON) {
		json_start(stdout, m);
		return;
	}
	if (m->z.nodev)
		printf("zero-copy receive without a device");
	else
		printf("zero-copy receive on %s queue %u", o->zcrx.interface,
		       o->zcrx.queue);
	printf(", TCP port %u, area of %s in %u buffers, %u refill entries, notifications %s",
	       o->port, size_text(o->zcrx.area_size).s, m->z.nr_bufs,
	       m->z.rq.ring_entries, o->zcrx.notify ? "on" : "off");
	if (o->zcrx.grow)
		printf(", grows by %s, up to %u areas",
		       size_text(o->zcrx.grow).s, o->zcrx.max_areas);
	putchar('\n');
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
		  const struct reaction *did)
{
	if (!(m->o.events & types) || m->o.output == OUTPUT_TABLE)
		return;
	if (m->o.output == OUTPUT_JSON) {
		json_notif(stdout, m, types, by_counter, did);
		return;
	}
	printf("%8.2f s  ", m->now);
	print_types(stdout, types, "|");
	printf(" %s: held %u of %u buffers, ",
	       by_counter ? "seen by counter" : "notified", did->held,
	       did->nr_bufs);
	if (did->added)
		printf("added an area of %s\n", size_text(did->added).s);
	else
		printf("gave back %llu\n", did->given);
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
