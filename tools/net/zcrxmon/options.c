// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "explain.h"
#include "number.h"
#include "options.h"

#define DEFAULT_MAX_AREAS	16

enum {
	OPT_ARM = 256,
	OPT_NODEV,
	OPT_NOTIFY,
	OPT_JSON,
	OPT_PLAIN,
	OPT_ONCE,
	OPT_PROBE,
	OPT_CHECKSUM,
	OPT_EVENTS,
	OPT_GROW,
	OPT_MAX_AREAS,
	OPT_REPORT,
	OPT_RQ_ENTRIES,
};

static const struct option long_options[] = {
	{ "area",	 required_argument, NULL, 'a' },
	{ "checksum",	 no_argument,	    NULL, OPT_CHECKSUM },
	{ "connections", required_argument, NULL, 'c' },
	{ "duration",	 required_argument, NULL, 'd' },
	{ "events",	 required_argument, NULL, OPT_EVENTS },
	{ "grow",	 required_argument, NULL, OPT_GROW },
	{ "help",	 no_argument,	    NULL, 'h' },
	{ "interface",	 required_argument, NULL, 'i' },
	{ "interval",	 required_argument, NULL, 't' },
	{ "json",	 no_argument,	    NULL, OPT_JSON },
	{ "max-areas",	 required_argument, NULL, OPT_MAX_AREAS },
	{ "no-arm",	 no_argument,	    NULL, OPT_ARM },
	{ "no-notify",	 no_argument,	    NULL, OPT_NOTIFY },
	{ "nodev",	 no_argument,	    NULL, OPT_NODEV },
	{ "once",	 no_argument,	    NULL, OPT_ONCE },
	{ "plain",	 no_argument,	    NULL, OPT_PLAIN },
	{ "port",	 required_argument, NULL, 'p' },
	{ "probe",	 no_argument,	    NULL, OPT_PROBE },
	{ "queue",	 required_argument, NULL, 'q' },
	{ "refill",	 required_argument, NULL, 'r' },
	{ "report",	 required_argument, NULL, OPT_REPORT },
	{ "rq-entries",	 required_argument, NULL, OPT_RQ_ENTRIES },
	{}
};

static void __printf(1, 2) usage_err(const char *fmt, ...)
{
	va_list ap;

	fputs("zcrxmon: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'zcrxmon --help'.\n", stderr);
	exit(EXIT_USAGE);
}

static unsigned int parse_uint(const char *name, const char *arg,
			       unsigned int min, unsigned int max)
{
	unsigned long long value;

	if (!parse_number(arg, "", &value))
		usage_err("%s: '%s' is not a number", name, arg);
	if (value < min || value > max)
		usage_err("%s: %s is not between %u and %u", name, arg, min,
			  max);
	return value;
}

static double parse_seconds(const char *name, const char *arg)
{
	double value;
	char *end;

	value = strtod(arg, &end);
	/* Negated, to refuse not-a-number too */
	if (end == arg || *end || !(value >= 0.01 && value <= 1e9))
		usage_err("%s: '%s' is not a time in seconds of 0.01 or more",
			  name, arg);
	return value;
}

static size_t parse_size(const char *name, const char *arg)
{
	unsigned long long value, page = sysconf(_SC_PAGESIZE);

	if (!parse_number(arg, "KMG", &value))
		usage_err("%s: '%s' is not a size; write 65536, 64K, 16M or 1G",
			  name, arg);
	if (!value || value > ULONG_MAX / 2)
		usage_err("%s: %s is not a possible size", name, arg);
	return (value + page - 1) / page * page;
}

static void parse_refill(struct options *o, const char *arg)
{
	if (!strcmp(arg, "all")) {
		o->refill = REFILL_ALL;
	} else if (!strcmp(arg, "none")) {
		o->refill = REFILL_NONE;
	} else if (!strcmp(arg, "hold")) {
		o->refill = REFILL_HOLD;
	} else if (*arg >= '0' && *arg <= '9') {
		o->refill = REFILL_RATE;
		o->refill_rate = parse_uint("--refill", arg, 1, UINT_MAX);
	} else {
		usage_err("--refill: '%s' is none of all, none, hold or a number of buffers a second",
			  arg);
	}
}

static void parse_events(struct options *o, const char *arg)
{
	if (!strcmp(arg, "all"))
		o->events = ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY;
	else if (!strcmp(arg, "no-buffers"))
		o->events = ZCRX_NOTIF_NO_BUFFERS;
	else if (!strcmp(arg, "copy"))
		o->events = ZCRX_NOTIF_COPY;
	else
		usage_err("--events: '%s' is none of all, no-buffers, copy",
			  arg);
}

static void check(const struct options *o, bool nodev, bool queue_given)
{
	const char *interface = o->zcrx.interface;

	if (o->probe_only)
		return;
	if (nodev && (interface || queue_given))
		usage_err("--nodev works without a network device: leave --interface and --queue out");
	if (!nodev && !interface)
		usage_err("say where to receive: --nodev, or --interface NAME --queue N");
	if (interface && !queue_given)
		usage_err("--interface needs --queue N, the receive queue to take");
	if (!o->port)
		usage_err("say on which TCP port to listen: --port N");
	if (!o->zcrx.notify && o->refill == REFILL_HOLD)
		usage_err("--refill hold waits for a notification, which --no-notify turns off");
	if (!o->zcrx.notify && o->zcrx.grow)
		usage_err("--grow waits for a notification, which --no-notify turns off");
	if (o->zcrx.max_areas && !o->zcrx.grow)
		usage_err("--max-areas is the limit of --grow SIZE, which is missing");
}

void options_parse(struct options *o, int argc, char **argv)
{
	bool nodev = false, queue_given = false;
	int c;

	*o = (struct options) {
		.zcrx		= { .area_size = 64 << 20, .notify = true },
		.interval	= 1,
		.arm		= true,
		.output		= isatty(STDOUT_FILENO) ? OUTPUT_TABLE :
							  OUTPUT_PLAIN,
	};

	while ((c = getopt_long(argc, argv, "a:c:d:hi:p:q:r:t:", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'a':
			o->zcrx.area_size = parse_size("--area", optarg);
			break;
		case 'c':
			o->connections = parse_uint("--connections", optarg, 1,
						    UINT_MAX);
			break;
		case 'd':
			o->duration = parse_seconds("--duration", optarg);
			break;
		case 'h':
			help_print();
			exit(EXIT_DONE);
		case 'i':
			o->zcrx.interface = optarg;
			break;
		case 'p':
			o->port = parse_uint("--port", optarg, 1, 65535);
			break;
		case 'q':
			o->zcrx.queue = parse_uint("--queue", optarg, 0,
						   UINT_MAX - 1);
			queue_given = true;
			break;
		case 'r':
			parse_refill(o, optarg);
			break;
		case 't':
			o->interval = parse_seconds("--interval", optarg);
			break;
		case OPT_ARM:
			o->arm = false;
			break;
		case OPT_CHECKSUM:
			o->checksum = true;
			break;
		case OPT_EVENTS:
			parse_events(o, optarg);
			break;
		case OPT_GROW:
			o->zcrx.grow = parse_size("--grow", optarg);
			/* Better refused now than when buffers run out */
			if (o->zcrx.grow > 1 << 30)
				usage_err("--grow: an area can have up to 1G");
			break;
		case OPT_JSON:
			o->output = OUTPUT_JSON;
			break;
		case OPT_MAX_AREAS:
			o->zcrx.max_areas = parse_uint("--max-areas", optarg, 2,
						       MAX_AREAS);
			break;
		case OPT_NODEV:
			nodev = true;
			break;
		case OPT_NOTIFY:
			o->zcrx.notify = false;
			break;
		case OPT_ONCE:
			o->connections = 1;
			break;
		case OPT_PLAIN:
			o->output = OUTPUT_PLAIN;
			break;
		case OPT_PROBE:
			o->probe_only = true;
			break;
		case OPT_REPORT:
			o->report = optarg;
			break;
		case OPT_RQ_ENTRIES:
			/* The upper end is the kernel's IO_RQ_MAX_ENTRIES */
			o->zcrx.rq_entries = parse_uint("--rq-entries", optarg,
							1, 32768);
			break;
		default:
			/* getopt_long() has named the error */
			fputs("Try 'zcrxmon --help'.\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		usage_err("'%s' is no option, and all arguments are options",
			  argv[optind]);
	check(o, nodev, queue_given);
	if (!o->zcrx.max_areas)
		o->zcrx.max_areas = DEFAULT_MAX_AREAS;
}
