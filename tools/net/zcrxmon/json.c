// SPDX-License-Identifier: GPL-2.0
/* One JSON object a line. zcrxmon(8) has the names and their meanings. */
#include "form.h"

/* A string that came from the command line */
static void json_string(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < ' ')
			fprintf(f, "\\u%04x", *s);
		else
			fputc(*s, f);
	}
	fputc('"', f);
}

static void json_known(FILE *f, const char *name, bool known,
		       unsigned long long value)
{
	fprintf(f, ", \"%s\": ", name);
	if (known)
		fprintf(f, "%llu", value);
	else
		fputs("null", f);
}

static void json_types(FILE *f, const char *name, bool known,
		       const unsigned long long *counts)
{
	int i;

	fprintf(f, ", \"%s\": ", name);
	if (!known) {
		fputs("null", f);
		return;
	}
	for (i = 0; i < NR_NOTIF; i++)
		fprintf(f, "%s\"%s\": %llu", i ? ", " : "{", notif_names[i],
			counts[i]);
	fputc('}', f);
}

static void json_losses(FILE *f, const struct probe *p)
{
	fprintf(f, ", \"losses\": [%s", losses_of(p)->name ? "\"" : "");
	losses_print(f, p, "\", \"");
	fprintf(f, "%s]", losses_of(p)->name ? "\"" : "");
}

void json_probe(FILE *f, const struct probe *p)
{
	static const char * const forms[] = {
		[NOTIF_NO]	= "none",
		[NOTIF_MASK]	= "mask",
		[NOTIF_EVENT]	= "event",
		[NOTIF_UNKNOWN]	= "unknown",
	};
	bool notifies = probe_notifies(p);

	fprintf(f, "{\"event\": \"probe\", \"time\": 0, \"zcrx\": %s, \"nodev\": %s, ",
		p->has_zcrx ? "true" : "false",
		p->zcrx.register_flags & ZCRX_REG_NODEV ? "true" : "false");
	fprintf(f, "\"form\": \"%s\", \"add_area\": %s", forms[p->form],
		probe_adds_areas(p) ? "true" : "false");
	json_known(f, "type_mask", notifies, p->notif.types);
	json_known(f, "stats_size", notifies, p->notif.stats_size);
	json_losses(f, p);
	fputs("}\n", f);
}

void json_start(FILE *f, const struct monitor *m)
{
	fputs("{\"event\": \"start\", \"time\": 0, \"interface\": ", f);
	if (m->z.nodev) {
		fputs("null, \"queue\": null", f);
	} else {
		json_string(f, m->o.zcrx.interface);
		fprintf(f, ", \"queue\": %u", m->o.zcrx.queue);
	}
	fprintf(f,
		", \"port\": %u, \"area\": %zu, \"buffers\": %u, \"rq_entries\": %u, \"notify\": %s, \"grow\": %zu, \"max_areas\": %u",
		m->o.port, m->o.zcrx.area_size, m->z.nr_bufs,
		m->z.rq.ring_entries, m->o.zcrx.notify ? "true" : "false",
		m->o.zcrx.grow, m->o.zcrx.grow ? m->o.zcrx.max_areas : 1);
	json_losses(f, &m->probe);
	fputs("}\n", f);
}

void json_conn(FILE *f, const struct monitor *m, const struct conn *conn)
{
	fprintf(f,
		"{\"event\": \"connection\", \"time\": %.3f, \"number\": %u, \"received\": %llu, \"checksum\": ",
		m->now, conn->number, conn->received);
	if (m->o.checksum)
		fprintf(f, "\"0x%016llx\"}\n", stream_sum_result(&conn->sum));
	else
		fputs("null}\n", f);
}

void json_notif(FILE *f, const struct monitor *m, __u32 types, bool by_counter,
		const struct reaction *did)
{
	fprintf(f, "{\"event\": \"notification\", \"time\": %.3f, \"types\": [\"",
		m->now);
	print_types(f, types, "\", \"");
	fprintf(f, "\"], \"by_counter\": %s, \"held\": %u, \"gave_back\": %llu, \"added\": %zu}\n",
		by_counter ? "true" : "false", did->held, did->given,
		did->added);
}

void json_sample(FILE *f, const struct sample *s, const char *event)
{
	const struct monitor *m = s->m;
	const struct conns *c = &m->conns;
	bool known = s->has_stats;

	fprintf(f,
		"{\"event\": \"%s\", \"time\": %.3f, \"connections\": %u, \"closed\": %u, \"failed\": %u",
		event, s->time, c->opened, c->closed, c->failed);
	fprintf(f, ", \"received\": %llu, \"rate\": %.0f", s->received,
		s->rate);
	json_known(f, "zero_copy", known, s->zero_copy);
	json_known(f, "copy_bytes", known, s->stats.copy_bytes);
	json_known(f, "copy_count", known, s->stats.copy_count);
	json_known(f, "no_buffers_count", s->has_no_buffers, s->stats.no_buffers_count);
	json_known(f, "notification_cqes", known, m->notif.cqes);
	json_types(f, "notified", known, m->notif.notified);
	json_types(f, "armed", known, m->notif.armed);
	json_types(f, "by_counter", known, m->notif.by_counter);
	fprintf(f,
		", \"held\": %u, \"buffers\": %u, \"restarts\": %llu, \"enomem\": %llu, \"enospc\": %llu",
		m->refill.held, m->z.nr_bufs, c->restarts, c->no_memory,
		c->no_space);
	fprintf(f,
		", \"areas_added\": %u, \"bytes_added\": %llu, \"received_in_added\": %llu",
		added_areas(m), added_bytes(m), c->in_added);
	if (m->o.checksum)
		fprintf(f, ", \"checksum\": \"0x%016llx\"}\n", c->sums);
	else
		fputs(", \"checksum\": null}\n", f);
}
