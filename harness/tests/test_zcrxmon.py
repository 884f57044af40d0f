# SPDX-License-Identifier: GPL-2.0
"""zcrxmon's reaction to answers of the kernel, which fakes give here."""

import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
ZCRXMON = TOP / "tools/net/zcrxmon"
HEADERS = pathlib.Path(os.environ.get("ZCRX_BUILD", TOP / "build")) / "obj/usr/include"

# argv: how often to fail, with which errno, and the size of the area
REGISTER = r"""
#include <stdio.h>
#include <stdlib.h>
#include "explain.h"
#include "zcrx.h"

static int fails, error, calls;

int io_uring_queue_init_params(unsigned int n, struct io_uring *r, struct io_uring_params *p)
{
	(void)n, (void)r, (void)p;
	return 0;
}

void io_uring_queue_exit(struct io_uring *r) { (void)r; }
int io_uring_submit(struct io_uring *r) { (void)r; return 0; }

int io_uring_register_zcrx_ctrl(struct io_uring *r, struct zcrx_ctrl *c)
{
	(void)r, (void)c;
	return 0;
}

int io_uring_register_ifq(struct io_uring *r, struct io_uring_zcrx_ifq_reg *reg)
{
	(void)r, (void)reg;
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


class Program(unittest.TestCase):
    source, parts = "", ()

    @classmethod
    def setUpClass(cls):
        if not (HEADERS / "linux/io_uring/zcrx_notif.h").is_file():
            raise unittest.SkipTest("no UAPI headers; make kernel")
        liburing = subprocess.run([TOP / "harness/fetch/liburing"], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.strip()
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        main = pathlib.Path(directory.name) / "fake.c"
        main.write_text(cls.source, encoding="ascii")
        cls.program = main.with_suffix("")
        subprocess.run(["gcc", "-Wall", "-Werror", "-I", ZCRXMON, "-isystem", HEADERS,
                        "-isystem", f"{liburing}/include", "-o", cls.program, main,
                        *(ZCRXMON / part for part in cls.parts)], check=True)

    def run_program(self, *arguments):
        """the output, and the messages on stderr"""
        run = subprocess.run([self.program, *map(str, arguments)], check=True, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return int(run.stdout), run.stderr


class Registration(Program):
    source, parts = REGISTER, ("zcrx.c", "explain.c")

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


class Starving(Program):
    source, parts = STARVE, ("conn.c", "explain.c")

    def test_restarts_in_vain_get_rare_and_are_explained_once(self):
        restarts, said = self.run_program()
        self.assertLess(restarts, 25)
        self.assertEqual(1, said.count("1.25 MiB"))


if __name__ == "__main__":
    unittest.main()
