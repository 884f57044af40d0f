# SPDX-License-Identifier: GPL-2.0
"""zcrxmon's reaction to answers of the kernel, which fakes give here."""

import errno
import functools
import json
import pathlib
import resource
import subprocess
import tempfile
import unittest

from program import BUILD, ZCRXMON
from test_demo import stream_sum
from test_manpage import read, section, tags

TOP = pathlib.Path(__file__).resolve().parents[2]
HEADERS = BUILD / "obj/usr/include"

# What zcrx.c calls of liburing, but for the calls that a test is about
LIBURING = r"""
#include <stdio.h>
#include <stdlib.h>
#include "zcrx.h"

int io_uring_queue_init_params(unsigned int n, struct io_uring *r, struct io_uring_params *p)
{
	(void)n, (void)r, (void)p;
	return 0;
}

void io_uring_queue_exit(struct io_uring *r) { (void)r; }
int io_uring_submit(struct io_uring *r) { (void)r; return 0; }
ssize_t io_uring_zcrx_region_size(unsigned int entries) { (void)entries; return 65536; }

ssize_t io_uring_zcrx_region_size_stats(unsigned int entries, struct zcrx_event_desc *desc)
{
	(void)entries;
	desc->flags = ZCRX_NOTIF_DESC_FLAG_STATS;
	desc->stats_offset = 4096;
	return 65536;
}

int io_uring_zcrx_flush_rq(struct io_uring *r, __u32 id) { (void)r, (void)id; return 0; }

int io_uring_zcrx_arm_event(struct io_uring *r, __u32 id, __u32 type)
{
	(void)r, (void)id, (void)type;
	return 0;
}
"""

# argv: how often to fail, with which errno, and the size of the area
REGISTER = LIBURING + r"""
#include "explain.h"

static int fails, error, calls;

int io_uring_zcrx_add_area(struct io_uring *r, __u32 id, struct io_uring_zcrx_area_reg *area)
{
	(void)r, (void)id, (void)area;
	return 0;
}

int io_uring_register_ifq(struct io_uring *r, struct io_uring_zcrx_ifq_reg *reg)
{
	(void)r;
	reg->rq_entries = 1;
	return calls++ < fails ? -error : 0;
}

int main(int argc, char **argv)
{
	struct zcrx_config config = { .interface = "lo", .queue = 1, .area_size = atoll(argv[3]) };
	struct probe p = {};
	struct zcrx z = {};
	int ret;

	(void)argc;
	fails = atoi(argv[1]);
	error = atoi(argv[2]);
	zcrx_open_ring(&z, &config);
	ret = zcrx_register(&z, &config, &p);
	if (ret)
		explain_register(ret, &config);
	printf("%d", ret);
	return 0;
}
"""

# argv: the threshold, and the values of a counter, one after the other
COUNTERS = LIBURING + r"""
static struct zcrx_notification_desc desc;

int io_uring_zcrx_add_area(struct io_uring *r, __u32 id, struct io_uring_zcrx_area_reg *area)
{
	(void)r, (void)id, (void)area;
	return 0;
}

int io_uring_register_ifq(struct io_uring *r, struct io_uring_zcrx_ifq_reg *reg)
{
	(void)r;
	reg->rq_entries = 1;
	desc = *(struct zcrx_notification_desc *)(unsigned long)reg->notif_desc;
	return 0;
}

int main(int argc, char **argv)
{
	struct zcrx_config config = { .area_size = 65536, .notify = true, .low = atoi(argv[1]) };
	struct probe p = { .notif.types = ~0U };
	struct io_uring_zcrx_notif_stats got;
	static struct zcrx z;
	__u64 *counters;
	int i;

	if (zcrx_open_ring(&z, &config) || zcrx_register(&z, &config, &p))
		return 1;
	counters = (__u64 *)((char *)z.region + desc.stats_offset);
	printf("%llu %u %u", (unsigned long long)desc.user_data, desc.type_mask, desc.low_buffers);
	for (i = 2; i < argc; i++) {
		counters[0] = strtoull(argv[i], NULL, 0);
		counters[1] = counters[0] + 1;
		counters[2] = counters[0] + 2;
		zcrx_read_stats(&z, &got);
		printf(" %llu %llu %llu", got.copy_count, got.copy_bytes, got.no_buffers_count);
	}
	return 0;
}
"""

# One connection whose receive request always ends with -ENOMEM, for ten seconds
STARVE = r"""
#include <errno.h>
#include <stdio.h>
#include "conn.h"
#include "explain.h"

static struct io_uring_sqe sqe;

struct io_uring_sqe *zcrx_get_sqe(struct zcrx *z) { (void)z; return &sqe; }
int zcrx_flush(struct zcrx *z) { (void)z; return 0; }
int refill_take(struct refill *r, const struct io_uring_cqe *c) { (void)r, (void)c; return 0; }

int main(void)
{
	struct zcrx z = { .nr_bufs = 128 };
	struct refill r = { .z = &z };
	struct conn conn = { .number = 1 }, *closed = NULL;
	struct conns c = { .z = &z, .refill = &r, .list = &conn };
	struct io_uring_cqe cqe = { .user_data = (unsigned long)&conn, .res = -ENOMEM };
	double now;

	conns_received(&c, &cqe, 0, &closed);
	for (now = 0.01; now < 10; now += 0.01) {
		r.given++;
		conns_restart(&c, now);
		if (c.starving)
			explain_starving(r.held, z.nr_bufs);
		if (!conn.stalled)
			conns_received(&c, &cqe, now, &closed);
	}
	printf("%llu", c.restarts);
	return 0;
}
"""

# argv: the most areas, how many the kernel adds, and its error then. The kernel gives
# tokens in no order. One piece arrives in each area, and goes back.
GROW = LIBURING + r"""
#include <string.h>
#include <unistd.h>
#include "conn.h"

static const __u64 tokens[] = { 0, 7ULL << 48, 2ULL << 48, 5ULL << 48 };
static int adds, error, added;

int io_uring_register_ifq(struct io_uring *r, struct io_uring_zcrx_ifq_reg *reg)
{
	(void)r;
	/* The kernel rounds up */
	while (reg->rq_entries & (reg->rq_entries - 1))
		reg->rq_entries++;
	reg->offsets.tail = 4;
	reg->offsets.rqes = 64;
	return 0;
}

int io_uring_zcrx_add_area(struct io_uring *r, __u32 id, struct io_uring_zcrx_area_reg *area)
{
	(void)r, (void)id;
	if (area->rq_area_token)
		return -22;
	/* The kernel stores the token before it knows of an error */
	area->rq_area_token = tokens[added + 1];
	return added < adds ? added++, 0 : -error;
}

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct zcrx_config config = { .interface = "lo", .queue = 1, .area_size = 2 * page,
				      .grow = page, .max_areas = atoi(argv[1]) };
	struct conn conn = { .number = 1 }, *closed = NULL;
	struct probe p = {};
	static struct zcrx z;
	struct refill r;
	struct conns c = { .z = &z, .refill = &r, .list = &conn, .checksum = true };
	struct { struct io_uring_cqe cqe; struct io_uring_zcrx_cqe rcqe; } done = {
		.cqe = { .user_data = (unsigned long)&conn, .res = 24, .flags = IORING_CQE_F_MORE },
	};
	unsigned int i;

	(void)argc;
	adds = atoi(argv[2]);
	error = atoi(argv[3]);
	zcrx_open_ring(&z, &config);
	if (zcrx_register(&z, &config, &p) || refill_init(&r, &z, REFILL_ALL, 0))
		return 1;
	printf("{\"entries\": %u, \"results\": [", z.rq.ring_entries);
	for (i = 0; i < 3; i++)
		printf("%s%d", i ? ", " : "", refill_add_area(&r, page));
	for (i = 0; i < z.nr_areas; i++) {
		done.rcqe.off = tokens[i] | 64;
		memset(io_uring_zcrx_area_ptr(&z.areas[i], done.rcqe.off), 'a' + i, 24);
		conns_received(&c, &done.cqe, 0, &closed);
	}
	printf("], \"areas\": %u, \"buffers\": %u, \"held\": %u, \"received\": %llu, \"in_added\": %llu, \"sum\": %llu, \"back\": [",
	       z.nr_areas, z.nr_bufs, r.held, c.received, c.in_added, stream_sum_result(&conn.sum));
	refill_turn(&r, 0);
	for (i = 0; i < *z.rq.ktail; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)z.rq.rqes[i].off);
	printf("], \"held_then\": %u}", r.held);
	zcrx_close(&z);
	refill_free(&r);
	return 0;
}
"""

# argv: the sizes of the answer to the query and of the statistics, and the number of
# operations, the types and a threshold, without which areas are to be added. Prints
# the form, whether something is missing, and the losses.
PROBE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "explain.h"

static unsigned int answer, stats, operations, types;

int io_uring_zcrx_query(struct io_uring_query_zcrx *zcrx)
{
	*zcrx = (struct io_uring_query_zcrx) {
		.register_flags = ZCRX_REG_NODEV,
		.features = ZCRX_FEATURE_NOTIFICATION,
		.nr_ctrl_opcodes = operations,
	};
	return 0;
}

int io_uring_register_query(struct io_uring_query_hdr *hdr)
{
	struct notif_query notif = { .types = types, .stats_size = stats, .stats_off_alignment = 8 };

	hdr->size = answer;
	memcpy((void *)(unsigned long)hdr->query_data, &notif, answer);
	return 0;
}

int main(int argc, char **argv)
{
	struct zcrx_config config = { .notify = true, .low = atoi(argv[5]) };
	struct probe p;

	(void)argc;
	answer = atoi(argv[1]);
	stats = atoi(argv[2]);
	operations = atoi(argv[3]);
	types = atoi(argv[4]);
	config.grow = config.low ? 0 : 4096;
	probe_kernel(&p);
	explain_losses(&p);
	printf("%d %d ", p.form == NOTIF_EVENT, explain_missing(&p, &config));
	losses_print(stdout, &p, " ");
	return 0;
}
"""

# argv: the error with which no area can be added
EXPLAIN_GROW = r"""
#include <stdlib.h>
#include "explain.h"

int main(int argc, char **argv)
{
	struct zcrx_config config = { .grow = 65536 };

	(void)argc;
	explain_grow(-atoi(argv[1]), &config, 2);
	return 0;
}
"""

# argv: the arguments of zcrxmon
OPTIONS = r"""
#include <stdio.h>
#include "options.h"

int main(int argc, char **argv)
{
	struct options o;

	options_parse(&o, argc, argv);
	printf("%zu %u %u %u", o.zcrx.grow, o.zcrx.max_areas, o.zcrx.low, o.events);
	return 0;
}
"""

# argv: failed allocations before the answer to the notification, and after it
ANSWERED = r"""
#include <stdio.h>
#include <stdlib.h>
#include "notif.h"

static struct io_uring_zcrx_notif_stats counters;

void zcrx_read_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats)
{
	(void)z;
	*stats = counters;
}

int zcrx_arm(struct zcrx *z, __u32 types) { (void)z, (void)types; return 0; }

int main(int argc, char **argv)
{
	struct notif n = { .arm = true, .fired = ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_COPY };
	__u32 types = notif_take(&n);

	(void)argc;
	counters.copy_count = 1;
	counters.no_buffers_count += atoi(argv[1]);
	notif_answered(&n);
	counters.no_buffers_count += atoi(argv[2]);
	printf("%d", notif_arm(&n, types));
	return 0;
}
"""

# argv: the way buffers go back. One buffer is held when few are left, another when none is.
# Prints what went back then, and how often entries were flushed.
REFILL = LIBURING.replace("{ (void)r, (void)id; return 0; }", "{ (void)r, (void)id; flushed++; return 0; }") \
    .replace('#include "zcrx.h"', '#include "refill.h"\nstatic int flushed;') + r"""
int io_uring_zcrx_add_area(struct io_uring *r, __u32 id, struct io_uring_zcrx_area_reg *area)
{
	(void)r, (void)id, (void)area;
	return 0;
}

int io_uring_register_ifq(struct io_uring *r, struct io_uring_zcrx_ifq_reg *reg)
{
	(void)r;
	reg->rq_entries = 8;
	reg->offsets.tail = 4;
	reg->offsets.rqes = 64;
	return 0;
}

int main(int argc, char **argv)
{
	struct zcrx_config config = { .interface = "lo", .queue = 1, .area_size = 65536 };
	struct { struct io_uring_cqe cqe; struct io_uring_zcrx_cqe rcqe; } done = {};
	struct probe p = {};
	static struct zcrx z;
	struct refill r;
	int i;

	(void)argc;
	zcrx_open_ring(&z, &config);
	if (zcrx_register(&z, &config, &p) || refill_init(&r, &z, atoi(argv[1]), 1))
		return 1;
	for (i = 0; i < 2; i++) {
		r.stalled = true;
		if (refill_take(&r, &done.cqe) || refill_turn(&r, 0) ||
		    (i ? refill_urgent(&r) : refill_soon(&r)))
			return 1;
		printf("%llu %d %d ", r.given, flushed, r.stalled);
	}
	return 0;
}
"""

# argv: the form of output, the size of the statistics, and the threshold. Two areas were
# added.
OUTPUT = r"""
#include <stdlib.h>
#include "output.h"

void zcrx_read_stats(struct zcrx *z, struct io_uring_zcrx_notif_stats *stats)
{
	(void)z;
	*stats = (struct io_uring_zcrx_notif_stats){ .copy_bytes = 1 };
}

int main(int argc, char **argv)
{
	static struct io_uring_zcrx_notif_stats stats;
	static struct monitor m = {
		.o.zcrx = { .area_size = 1 << 20, .grow = 3 << 20, .max_areas = 5, .notify = true },
		.o.events = ZCRX_NOTIF_NO_BUFFERS | ZCRX_NOTIF_LOW_BUFFERS,
		.probe = { .has_zcrx = true, .form = NOTIF_EVENT },
		.z = { .nodev = true, .nr_areas = 3, .stats = &stats },
		.conns.in_added = 5000,
		.notif = { .notified = { 11, 12, 13 }, .armed = { 21, 22, 23 } },
		.now = 1,
	};
	struct reaction did = { .added = 3 << 20 };

	(void)argc;
	m.o.output = atoi(argv[1]);
	m.probe.notif.stats_size = atoi(argv[2]);
	m.o.zcrx.low = argc > 3 ? atoi(argv[3]) : 0;
	output_start(&m);
	output_notif(&m, ZCRX_NOTIF_NO_BUFFERS | (m.o.zcrx.low ? ZCRX_NOTIF_LOW_BUFFERS : 0),
		     false, &did);
	output_interval(&m);
	output_summary(&m);
	return 0;
}
"""


@functools.cache
def liburing():
    return subprocess.run([TOP / "harness/liburing/library"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


class Program(unittest.TestCase):
    source, parts = "", ()

    @classmethod
    def setUpClass(cls):
        if not (HEADERS / "linux/io_uring/zcrx_notif.h").is_file():
            raise unittest.SkipTest("no UAPI headers; make kernel")
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        main = pathlib.Path(directory.name) / "fake.c"
        main.write_text(cls.source, encoding="ascii")
        cls.program = main.with_suffix("")
        subprocess.run(["gcc", "-Wall", "-Werror", "-I", ZCRXMON, "-isystem", HEADERS,
                        "-isystem", f"{liburing()}/include", "-o", cls.program, main,
                        *(ZCRXMON / part for part in cls.parts)], check=True)

    def start(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def text(self, *arguments):
        """the output, and the messages on stderr"""
        run = self.start(*arguments)
        self.assertEqual(0, run.returncode, run.stderr)
        return run.stdout, run.stderr

    def run_program(self, *arguments):
        """the same, with a number as output"""
        out, said = self.text(*arguments)
        return int(out), said


class Registration(Program):
    source, parts = REGISTER, ("zcrx.c", "explain.c", "losses.c")

    def test_a_queue_that_is_released_soon_is_waited_for(self):
        self.assertEqual((0, ""), self.run_program(5, 17, 4096))

    def test_a_queue_that_stays_taken_is_said_to_be_perhaps_our_own(self):
        result, said = self.run_program(1000, 17, 4096)
        self.assertEqual(-17, result)
        self.assertIn("a moment ago", said)

    def test_other_errors_are_not_tried_again(self):
        self.assertEqual(-16, self.run_program(1, 16, 4096)[0])

    def test_the_largest_area_is_said(self):
        self.assertIn("up to 1 GiB", self.run_program(1, 14, (1 << 30) + 4096)[1])
        self.assertNotIn("GiB", self.run_program(1, 14, 1 << 30)[1])

    def test_what_is_charged_is_said(self):
        limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_MEMLOCK, limit)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, limit[1]))
        self.assertIn("huge page is charged", self.run_program(1, 12, 65536)[1])


class Counters(Program):
    source, parts = COUNTERS, ("zcrx.c",)

    def numbers(self, *arguments):
        return [int(word) for word in self.text(*arguments)[0].split()]

    def test_the_counters_of_the_descriptor_are_read(self):
        values = (7, 1 << 32, (1 << 40) + 5)
        wanted = [2, 3, 0, *(value + i for value in values for i in range(3))]
        self.assertEqual(wanted, self.numbers(0, *values))

    def test_the_descriptor_has_the_threshold_and_its_type(self):
        self.assertEqual([2, 7, 15], self.numbers(15))


class Starving(Program):
    source, parts = STARVE, ("conn.c", "explain.c", "losses.c")

    def test_restarts_in_vain_get_rare_and_are_explained_once(self):
        restarts, said = self.run_program()
        self.assertLess(restarts, 25)
        self.assertEqual(1, said.count("1.25 MiB"))


class Areas(Program):
    source, parts = GROW, ("zcrx.c", "refill.c", "conn.c")
    tokens = [0, 7 << 48, 2 << 48, 5 << 48]

    def grow(self, *arguments):
        return json.loads(self.text(*arguments)[0])

    def test_data_is_read_where_it_lies_and_goes_back_to_its_area(self):
        got = self.grow(4, 3, 0)
        self.assertEqual([0, 0, 0], got["results"])
        self.assertEqual((4, 5), (got["areas"], got["buffers"]))
        self.assertEqual((96, 72), (got["received"], got["in_added"]))
        self.assertEqual(stream_sum(b"".join(bytes([letter]) * 24 for letter in b"abcd")),
                         got["sum"])
        self.assertEqual([token | 64 for token in self.tokens], got["back"])
        self.assertEqual((4, 0), (got["held"], got["held_then"]))

    def test_no_more_areas_than_the_limit(self):
        got = self.grow(2, 3, 0)
        self.assertEqual([0, -errno.ENOSPC, -errno.ENOSPC], got["results"])
        self.assertEqual((2, 3, 24), (got["areas"], got["buffers"], got["in_added"]))

    def test_what_there_is_goes_on_after_an_error(self):
        got = self.grow(4, 1, errno.ENOMEM)
        self.assertEqual([0, -errno.ENOMEM, -errno.ENOMEM], got["results"])
        self.assertEqual((2, 3), (got["areas"], got["buffers"]))
        self.assertEqual([token | 64 for token in self.tokens[:2]], got["back"])

    def test_the_refill_queue_has_an_entry_for_each_buffer_to_come(self):
        self.assertEqual((2, 8), tuple(self.grow(areas, 0, 22)["entries"] for areas in (1, 4)))


class Kernels(Program):
    source, parts = PROBE, ("probe.c", "explain.c", "losses.c")

    def kernel(self, answer, stats, operations, types=3, low=0):
        """whether it has events, whether something is missing, the losses, the messages"""
        out, said = self.text(answer, stats, operations, types, low)
        event, missing, *names = out.split()
        return bool(int(event)), bool(int(missing)), names, said

    def test_unpatched_7_3_adds_areas_and_has_the_losses_of_the_page(self):
        event, missing, names, said = self.kernel(48, 16, 4)
        self.assertEqual((True, False), (event, missing))
        self.assertEqual(tags(section(read("zcrxmon.8"), "LOSSES")), names)
        self.assertIn(f"  {', '.join(names)}\n", said)

    def test_a_counter_of_failed_allocations_stands_for_no_loss(self):
        self.assertEqual((True, False, [], ""), self.kernel(48, 24, 4))

    def test_7_2_adds_no_area(self):
        event, missing, _, said = self.kernel(48, 16, 3)
        self.assertEqual((True, True), (event, missing))
        self.assertIn("cannot add an area", said)

    def test_the_number_means_something_else_in_the_form_of_7_1(self):
        event, missing, names, said = self.kernel(96, 24, 4)
        self.assertEqual((False, True, []), (event, missing, names))
        self.assertIn("cannot add an area", said)


    def test_a_kernel_without_the_type_does_not_warn(self):
        self.assertEqual((False, False, [], ""), self.kernel(96, 24, 3, types=7, low=5))
        # Another form can have another type there
        for answer, types in ((96, 3), (48, 7)):
            with self.subTest(answer=answer, types=types):
                _, missing, _, said = self.kernel(answer, 24, 3, types=types, low=5)
                self.assertTrue(missing)
                self.assertIn("does not warn when few buffers are left", said)


class GrowthEnds(Program):
    source, parts = EXPLAIN_GROW, ("explain.c", "losses.c")

    def test_the_reason_is_said_and_that_it_goes_on(self):
        for error, reason in ((errno.ENOSPC, "--max-areas allows no more"),
                              (errno.ENOMEM, "smaller --grow"),
                              (errno.EINVAL, "refused to add an area: Invalid argument")):
            with self.subTest(reason):
                said = self.text(error)[1]
                self.assertIn(reason, said)
                self.assertIn("going on with 2 areas", said)


class Options(Program):
    source, parts = OPTIONS, ("options.c", "help.c")
    where = ("--nodev", "--port", "1")

    def refused(self, reason, *arguments):
        with self.subTest(arguments):
            run = self.start(*self.where, *arguments)
            self.assertEqual((2, ""), (run.returncode, run.stdout))
            self.assertRegex(run.stderr, reason)

    def test_size_and_limit(self):
        self.assertEqual("16777216 16 0 0", self.text(*self.where, "--grow", "16M")[0])
        self.assertEqual("1073741824 1024 0 0",
                         self.text(*self.where, "--grow", "1G", "--max-areas", "1024")[0])
        self.assertEqual("0", self.text(*self.where)[0].split()[0])

    def test_a_bad_size_is_refused(self):
        for size in ("", "0", "-1", "1.5M", "16X", "M", "2G", "1073741825", "99999999999G",
                     "99999999999999999999"):
            self.refused("--grow", "--grow", size)

    def test_a_bad_limit_is_refused(self):
        for number in ("0", "1", "1025", "x"):
            self.refused("--max-areas", "--grow", "1M", "--max-areas", number)
        self.refused("--grow SIZE, which is missing", "--max-areas", "4")

    def test_without_notifications_there_is_no_growth(self):
        self.refused("--no-notify turns off", "--grow", "1M", "--no-notify")


    def test_a_threshold_is_less_than_the_buffers(self):
        buffers = (1 << 20) // resource.getpagesize()
        low = ("--area", "1M", "--low")
        self.assertEqual(str(buffers - 1),
                         self.text(*self.where, *low, buffers - 1)[0].split()[2])
        self.refused(f"not less than the {buffers} buffers", *low, buffers)
        for number in ("0", "-1", "x", "4294967296"):
            self.refused("--low", *low, number)

    def test_the_warning_is_asked_for(self):
        self.refused("--low N, which is missing", "--refill", "low")
        self.refused("--low N, which is missing", "--events", "low-buffers")
        self.refused("--no-notify turns off", "--low", "5", "--no-notify")
        self.assertEqual("5", self.text(*self.where, "--refill", "low",
                                        "--low", "5")[0].split()[2])

    def test_types_to_print(self):
        for name, types in (("no-buffers", 1), ("copy", 2), ("low-buffers", 4), ("all", 7)):
            self.assertEqual(str(types), self.text(*self.where, "--low", "1", "--events",
                                                   name)[0].split()[3])


class Answered(Program):
    source, parts = ANSWERED, ("notif.c",)

    def test_new_buffers_answer_the_failures_before_them_alone(self):
        no_buffers, copy = 1, 2
        self.assertEqual(copy, self.run_program(3, 0)[0])
        self.assertEqual(no_buffers | copy, self.run_program(3, 1)[0])


class Refill(Program):
    source, parts = REFILL, ("zcrx.c", "refill.c")

    def test_what_a_warning_and_its_end_give_back(self):
        # given back, flushes and whether it is still stuck, after LOW_BUFFERS and NO_BUFFERS
        at_once, never, at_the_end, warned = range(4)
        for mode, wanted in ((at_once, "1 1 0 2 2 0"), (never, "0 1 0 0 2 0"),
                             (at_the_end, "0 0 1 2 1 0"), (warned, "1 1 0 2 2 0")):
            with self.subTest(mode):
                self.assertEqual(wanted, self.text(mode)[0].strip())


class Output(Program):
    source = OUTPUT
    parts = ("output.c", "table.c", "json.c", "form.c", "explain.c", "losses.c")
    table, plain, as_json = range(3)

    def test_every_form_has_the_added_areas(self):
        self.assertRegex(self.text(self.table, 24)[0],
                         r"added areas +2   of up to 4, 6\.0 MiB, received 4\.9 KiB")
        lines = self.text(self.plain, 24)[0]
        self.assertIn(", grows by 3.0 MiB, up to 5 areas\n", lines)
        self.assertIn("added an area of 3.0 MiB\n", lines)
        self.assertIn("added areas: 2 (6.0 MiB)\n", lines)
        self.assertRegex(lines, "added areas +2 with 6291456 bytes, which received 5000 bytes")
        start, notification, *figures = map(json.loads,
                                            self.text(self.as_json, 24)[0].splitlines())
        self.assertEqual((3 << 20, 5), (start["grow"], start["max_areas"]))
        self.assertEqual(3 << 20, notification["added"])
        for one in figures:
            self.assertEqual((2, 6 << 20, 5000), (one["areas_added"], one["bytes_added"],
                                                  one["received_in_added"]))

    def test_every_form_has_the_warning_that_was_asked_for(self):
        self.assertRegex(self.text(self.table, 24, 5)[0], r"\nLOW_BUFFERS +13 +23 +0\D")
        lines = self.text(self.plain, 24, 5)[0]
        self.assertIn(", warned at 5 buffers\n", lines)
        self.assertIn(" NO_BUFFERS|LOW_BUFFERS notified:", lines)
        self.assertIn("notified: NO_BUFFERS 11 COPY 12 LOW_BUFFERS 13  held", lines)
        self.assertRegex(lines, "  LOW_BUFFERS     notified 13, armed again 23, ")
        start, notification, *figures = map(json.loads,
                                            self.text(self.as_json, 24, 5)[0].splitlines())
        self.assertEqual(5, start["low"])
        self.assertEqual(["NO_BUFFERS", "LOW_BUFFERS"], notification["types"])
        for one in figures:
            self.assertEqual({"NO_BUFFERS": 11, "COPY": 12, "LOW_BUFFERS": 13}, one["notified"])
            self.assertEqual(23, one["armed"]["LOW_BUFFERS"])

    def test_no_form_has_a_warning_that_was_not_asked_for(self):
        for form in (self.table, self.plain, self.as_json):
            self.assertNotRegex(self.text(form, 24)[0], "LOW_BUFFERS|\"low\"|warned")

    def test_every_form_has_the_losses(self):
        for form, text in ((self.table, "losses +possible"), (self.plain, "losses +no-counter, "),
                           (self.as_json, r'"losses": \["no-counter", ')):
            self.assertRegex(self.text(form, 16)[0], text)
            self.assertNotIn("possible", self.text(form, 24)[0])
        self.assertIn('"losses": []', self.text(self.as_json, 24)[0])

    def test_a_counter_that_the_kernel_lacks_is_unknown(self):
        summary = json.loads(self.text(self.as_json, 16)[0].splitlines()[-1])
        self.assertEqual((1, None), (summary["copy_bytes"], summary["no_buffers_count"]))
        self.assertRegex(self.text(self.table, 16)[0], "out of buffers +-")
        self.assertNotIn("out of buffers", self.text(self.plain, 16)[0])


if __name__ == "__main__":
    unittest.main()
