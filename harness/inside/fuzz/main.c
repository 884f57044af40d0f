// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer: several processes that make and run programs until the time is
 * up, the kernel complains, or something is found. Or it runs the programs of a
 * file. Exit status: 0 nothing found, 1 found, 2 could not run.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "leaks.h"

#define MAX_PROCESSES	8

static struct {
	uint64_t	seed;
	unsigned int	processes, seconds, repeat, print;
	const char	*results, *replay, *check;
	bool		no_cover;
} options = { .seed = 1, .processes = 4, .seconds = 60, .repeat = 1 };

/* of all processes */
static struct counts {
	unsigned int	stop, found, ended[UNKILLABLE + 1];
} *counts;

static int kmsg = -1;

/* The beginnings of kernel complaints; harness/boot/judge decides. */
static const char *const splats[] = {
	"BUG: ", "WARNING: ", "KASAN: ", "UBSAN: ", "Oops", "INFO: task ",
	"INFO: trying", "general protection", "refcount_t: ", "list_add",
	"list_del", "ODEBUG: ", "Call Trace:", "------------[ cut here",
	"RTNL: assertion", "kernel BUG", "rcu: INFO", "rcu_",
	"page_pool_release_retry", "[ BUG: ", "ref_tracker:",
	"unregister_netdevice", "watchdog: ", "DEBUG_LOCKS_WARN_ON",
};

static void kmsg_open(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

static void print_tally(void)
{
	printf("succeeded/tried:");
	for (unsigned int i = 0; i < NR_OPS; i++)
		printf(" %s %u/%u", op_descs[i].name, tally->good[i],
		       tally->calls[i]);
	printf("\n%u pieces of data, %u notifications\n", tally->data,
	       tally->notifs);
}

static bool kernel_complained(void)
{
	char line[8192];
	bool yes = false;
	ssize_t n;

	while (kmsg >= 0 && (n = read(kmsg, line, sizeof(line) - 1)) > 0) {
		const char *text;

		line[n] = '\0';
		text = strchr(line, ';');
		for (unsigned int i = 0; text && i < ARRAY_SIZE(splats); i++)
			yes |= !strncmp(text + 1, splats[i], strlen(splats[i]));
	}
	return yes;
}

static void say_kmsg(const char *fmt, ...)
{
	FILE *f = fopen("/dev/kmsg", "w");
	va_list ap;

	if (!f)
		return;
	fputs("<4>fuzz: ", f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fclose(f);
}

/* Report the end of a program, if it is a wrong one. */
static void say_ending(const char *name, enum ending ending)
{
	if (ending == TIMED_OUT)
		say_kmsg("finding in %s: it does not end\n", name);
	else if (ending == UNKILLABLE)
		say_kmsg("finding in %s: it cannot be killed\n", name);
}

static void next_prog(struct rng *r, struct prog *p)
{
	unsigned int n = corpus_size();
	const struct prog *from = NULL, *other = NULL;

	if (n && rng_below(r, 4)) {
		from = corpus_get(rng_below(r, n));
		other = corpus_get(rng_below(r, n));
	}
	if (!from) {
		gen_prog(r, p);
		return;
	}
	*p = *from;
	gen_mutate(r, p, other);
}

static void one(struct rng *r, const char *name)
{
	enum ending ending;
	struct prog p;

	next_prog(r, &p);
	ending = run_prog(&p, name);
	if (ending == TIMED_OUT) {
		run_save(options.results, "timeouts", name, &p);
		/* It may have been slow. Twice in a row means a hang. */
		counts->ended[TIMED_OUT]++;
		ending = run_prog(&p, name);
	}
	say_ending(name, ending);
	__atomic_fetch_add(&counts->ended[ending], 1, __ATOMIC_RELAXED);
	if (ending == CRASHED)
		run_save(options.results, "crashed", name, &p);
	if (ending > CRASHED) {
		run_save(options.results, "found", name, &p);
		counts->found = 1;
		counts->stop = 1;
	}
	if (ending != UNKILLABLE && cover_merge())
		corpus_add(&p);
}

static void process(unsigned int nr)
{
	char name[16];

	net_process(nr);
	run_init(options.results, nr);
	if (!options.no_cover && !cover_open())
		options.no_cover = true;
	for (unsigned int i = 0; !counts->stop; i++) {
		struct rng r = { rng_mix(rng_mix(options.seed, nr), i) };

		snprintf(name, sizeof(name), "zf%u.%u", nr, i);
		one(&r, name);
	}
	exit(0);
}

static bool rings_freed(void)
{
	unsigned long end = now_ms() + 60000;

	while (iou_exit_workers())
		if (now_ms() > end)
			return false;
		else
			usleep(50000);
	return true;
}

/* After all programs, this one must still work. */
static const char last_words[] =
	"ring r=0 flags=0x3808 sq=8 cq=64\n"
	"connect s=0\n"
	"register r=0 q=0 entries=64 area=4 desc=1 types=3 dflags=1 ssize=24\n"
	"lossless q=0 s=0\n"
	"lossless q=0 s=0\n"
	"export q=0 f=0\n"
	"ring r=1 flags=0x43008 sq=8 cq=64\n"
	"import r=1 q=1 f=0\n"
	"close_ring r=0\n"
	"flush q=1\n"
	"arm q=1 types=3\n";

static bool check_end(void)
{
	const char *text = last_words;
	struct prog p;

	if (!rings_freed()) {
		say_kmsg("finding in the end: rings are not freed\n");
		return false;
	}
	if (prog_parse(&p, &text))
		abort();
	run_init(NULL, 0);
	if (run_prog(&p, "zend") != ENDED) {
		say_kmsg("finding in the end: nothing works any more\n");
		return false;
	}
	return true;
}

static int fuzz(void)
{
	unsigned long start = now_ms(), end = start + options.seconds * 1000UL;
	pid_t pids[MAX_PROCESSES];
	unsigned int runs = 0;
	bool complained = false, fine;

	if (!cover_init())
		options.no_cover = true;
	for (unsigned int i = 0; i < options.processes; i++) {
		pids[i] = fork();
		if (!pids[i])
			process(i);
	}
	while (!counts->stop && now_ms() < end) {
		usleep(100000);
		complained |= kernel_complained();
		counts->stop |= complained;
	}
	counts->stop = 1;
	for (unsigned int i = 0; i < options.processes; i++)
		waitpid(pids[i], NULL, 0);
	fine = !counts->found && !complained && check_end();
	usleep(200000);
	complained |= kernel_complained();

	for (unsigned int i = 0; i <= UNKILLABLE; i++)
		runs += counts->ended[i];
	printf("seed %llu: %u programs in %lu s, %u timed out, %u crashed\n",
	       (unsigned long long)options.seed, runs, (now_ms() - start) / 1000,
	       counts->ended[TIMED_OUT], counts->ended[CRASHED]);
	print_tally();
	if (options.no_cover)
		printf("no KCOV: the programs were random\n");
	else
		printf("%u places in the code reached, %u programs kept\n",
		       cover_total(), corpus_size());
	if (options.results && !options.no_cover) {
		char path[256];

		snprintf(path, sizeof(path), "%s/pcs", options.results);
		cover_save(path);
		snprintf(path, sizeof(path), "%s/corpus", options.results);
		corpus_save(path);
	}
	if (complained)
		printf("the kernel complained\n");
	return !fine || complained;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t size = 4 << 20, n;
	char *text = malloc(size + 1);

	if (!f || !text) {
		perror(path);
		exit(2);
	}
	n = fread(text, 1, size, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

static void parse(struct prog *p, const char **text)
{
	const char *what = prog_parse(p, text);

	if (what) {
		fprintf(stderr, "fuzz: %s\n", what);
		exit(2);
	}
}

/* Run each program several times, until one fails. */
static int replay(void)
{
	const char *text = read_file(options.replay);
	unsigned int nr = 0;
	struct prog p;
	char name[16];

	run_init(NULL, 0);
	for (; *text; nr++) {
		enum ending ending = ENDED;
		bool complained = false;

		parse(&p, &text);
		snprintf(name, sizeof(name), "zc%u", nr);
		say_kmsg("candidate %u\n", nr);
		for (unsigned int i = 0; i < options.repeat && !complained; i++) {
			ending = run_prog(&p, name);
			if (ending > CRASHED)
				break;
			complained = kernel_complained();
		}
		say_ending(name, ending);
		if (!rings_freed()) {
			say_kmsg("finding in %s: rings are not freed\n", name);
			complained = true;
		}
		usleep(100000);
		complained |= kernel_complained();
		if (complained || ending > CRASHED) {
			printf("candidate %u fails\n", nr);
			return 1;
		}
	}
	printf("%u programs, %u times each: nothing\n", nr, options.repeat);
	return !check_end();
}

static int check(void)
{
	const char *text = read_file(options.check);
	char out[MAX_TEXT];
	struct prog p;

	while (*text) {
		parse(&p, &text);
		prog_print(&p, out);
		printf("%s---\n", out);
	}
	return 0;
}

static int print(void)
{
	char out[MAX_TEXT];
	struct prog p;

	for (unsigned int i = 0; i < options.print; i++) {
		struct rng r = { rng_mix(rng_mix(options.seed, 0), i) };

		gen_prog(&r, &p);
		prog_print(&p, out);
		printf("%s---\n", out);
	}
	return 0;
}

static void usage(void)
{
	fprintf(stderr,
		"usage: zcrx_fuzz [options]\n"
		"  --seed N --processes N --seconds N --results DIR\n"
		"  --no-cover		random programs only\n"
		"  --replay FILE	run its programs, --repeat N times each\n"
		"  --check FILE		parse its programs and print them\n"
		"  --print N		print programs instead of running them\n"
		"  --operations		what operations there are\n");
	exit(2);
}

static unsigned long number(const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (end == arg || *end)
		usage();
	return n;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed",	required_argument,	NULL, 's' },
		{ "processes",	required_argument,	NULL, 'p' },
		{ "seconds",	required_argument,	NULL, 't' },
		{ "results",	required_argument,	NULL, 'd' },
		{ "no-cover",	no_argument,		NULL, 'n' },
		{ "replay",	required_argument,	NULL, 'r' },
		{ "repeat",	required_argument,	NULL, 'R' },
		{ "check",	required_argument,	NULL, 'c' },
		{ "print",	required_argument,	NULL, 'P' },
		{ "operations",	no_argument,		NULL, 'o' },
		{ "wait",	no_argument,		NULL, 'w' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'w':
			return wait_after_exec();
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			options.processes = number(optarg);
			break;
		case 't':
			options.seconds = number(optarg);
			break;
		case 'd':
			options.results = optarg;
			break;
		case 'n':
			options.no_cover = true;
			break;
		case 'r':
			options.replay = optarg;
			break;
		case 'R':
			options.repeat = number(optarg);
			break;
		case 'c':
			options.check = optarg;
			break;
		case 'P':
			options.print = number(optarg);
			break;
		case 'o':
			for (unsigned int i = 0; i < NR_OPS; i++)
				printf("%s\n", op_descs[i].name);
			return 0;
		default:
			usage();
		}
	}
	if (optind != argc || !options.processes ||
	    options.processes > MAX_PROCESSES)
		usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (options.check)
		return check();
	if (options.print)
		return print();

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	net_init();
	kmsg_open();
	return options.replay ? replay() : fuzz();
}
