// SPDX-License-Identifier: GPL-2.0
/* Options and output of zcrx_bench, see bench.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define CALIBRATION_LOOPS	100000

void fail(const char *what, int error)
{
	fprintf(stderr, "zcrx_bench: %s: %s\n", what, strerror(abs(error)));
	exit(1);
}

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void begin(struct bench *b)
{
	b->ns[b->nr_ns] = now();
	MARK(BEGIN);
}

void end(struct bench *b)
{
	MARK(END);
	b->ns[b->nr_ns] = now() - b->ns[b->nr_ns];
	b->nr_ns++;
}

/* Two instructions a turn: the plugin has to count exactly that. */
static void calibrate(struct bench *b)
{
	b->unit = "turn";
	for (unsigned int i = 0; i < b->reps; i++) {
		unsigned long n = CALIBRATION_LOOPS;

		begin(b);
		asm volatile("1: dec %0; jnz 1b" : "+r"(n));
		end(b);
		b->units += CALIBRATION_LOOPS;
	}
}

static const struct workload own_workloads[] = {
	{ "calibrate", calibrate },
	{}
};

static const struct workload *find(const char *name)
{
	const struct workload *lists[] = {
		own_workloads, receive_workloads, event_workloads,
		thread_workloads,
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const struct workload *w = lists[i]; w->name; w++)
			if (!strncmp(w->name, name, strlen(w->name)))
				return w;
	return NULL;
}

/* The rest after the workload's prefix, "64k" of "nodev-copy-64k" */
static unsigned long number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *end == 'k' ? n << 10 : n;
}

static bool set_registration(struct bench *b, const char *name)
{
	bool types = !strcmp(name, "types"), stats = !strcmp(name, "stats");

	b->registration = name;
	b->rearm = !strcmp(name, "rearm");
	if (b->rearm || !strcmp(name, "both"))
		types = stats = true;
	b->ifq.desc = types || stats ? &b->desc : NULL;
	b->ifq.stats = stats;
	b->desc.user_data = ZN_USER_DATA;
	b->desc.type_mask = types ? ZN_ALL_TYPES : 0;
	return b->ifq.desc || !strcmp(name, "none");
}

static void print(const struct bench *b)
{
	printf("{\"workload\": \"%s\", \"registration\": \"%s\", \"unit\": \"%s\", ",
	       b->workload, b->registration, b->unit);
	printf("\"units\": %llu, \"bytes\": %llu, \"ns\": [", b->units, b->bytes);
	for (unsigned int i = 0; i < b->nr_ns; i++)
		printf("%s%llu", i ? ", " : "", b->ns[i]);
	printf("]}\n");
}

/* zcrx_bench WORKLOAD REGISTRATION REPETITIONS SCALE [INTERFACE] */
int main(int argc, char **argv)
{
	struct bench b = {
		.ifq.area_pages = 2048,
		.ifq.rq_entries = 4096,
		.ifq.sq_entries = SQ_ENTRIES,
		.ifq.cq_entries = CQ_ENTRIES,
	};
	const struct workload *w = argc > 4 ? find(argv[1]) : NULL;

	if (!w || !set_registration(&b, argv[2]))
		fail("usage: WORKLOAD none|stats|types|both|rearm REPETITIONS SCALE [INTERFACE]",
		     22);
	b.workload = argv[1];
	b.number = number(argv[1] + strlen(w->name));
	b.reps = strtoul(argv[3], NULL, 0);
	b.scale = strtoul(argv[4], NULL, 0);
	b.interface = argv[5];
	b.ifq.interface = argv[5];
	if (!b.reps || !b.scale || b.reps > 100000)
		fail("repetitions and scale", 22);
	b.ns = calloc(b.reps, sizeof(*b.ns));
	if (!b.ns)
		fail("memory", 12);
	/* no page fault in the first one */
	memset(b.ns, 1, b.reps * sizeof(*b.ns));
	w->run(&b);
	print(&b);
	return 0;
}
