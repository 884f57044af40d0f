# SPDX-License-Identifier: GPL-2.0
"""harness/fuzz/run: shortening, finding the program, and programs as text."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HARNESS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HARNESS))

from fuzz import boots  # noqa: E402
from fuzz import shorten as lib  # noqa: E402

CONSOLE = """\
[    3.0] guest-init: begin
[    4.0] fuzz: candidate 0
[    4.5] fuzz: candidate 1
[    5.0] BUG: KASAN: slab-use-after-free in zcrx_notif_post+0x12/0x340
[    5.0] Write of size 8 at addr ffff8880045d1a00 by task zf2.31/456
[    5.0] CPU: 1 UID: 0 PID: 456 Comm: zf2.31 Not tainted 7.1.13+ #1
[    5.1] Freed by task 440:
"""
JUDGED = ("/x/console.log:4: KASAN: BUG: KASAN: slab-use-after-free in "
          "zcrx_notif_post+0x12/0x340\n"
          "/x/console.log:7: log: no end mark: the guest died, or the log is cut\n")


def slots(*texts):
    """a record with a slot for each text, as the fuzzer writes it"""
    return b"".join((text.encode() + b"\0").ljust(lib.SLOT_SIZE, b"x") for text in texts)


class Guests:
    """Stands in for guests: a program fails if it has all needed lines."""

    def __init__(self, *needed, limit=1000):
        self.needed, self.limit, self.count = needed, limit, 0

    def first_failing(self, candidates):
        if self.count == self.limit:
            raise lib.Budget
        self.count += 1
        for number, candidate in enumerate(candidates):
            if all(part in candidate for part in self.needed):
                return number
        return None


class Shortening(unittest.TestCase):
    def test_what_is_not_needed_goes_wherever_it_is(self):
        for needed in ([0], [19], [7, 8], [2, 7, 11], [0, 9, 10, 19], list(range(20))):
            with self.subTest(needed=needed):
                guests = Guests(*needed)
                self.assertEqual(lib.shorten(list(range(20)), guests.first_failing), needed)

    def test_nothing_is_needed(self):
        self.assertEqual(lib.shorten([1, 2, 3], Guests().first_failing), [])

    def test_it_takes_few_guests(self):
        guests = Guests(2, 7, 11)
        lib.shorten(list(range(24)), guests.first_failing)
        self.assertLess(guests.count, 25)

    def test_without_more_tries_what_was_reached_is_kept(self):
        guests = Guests(2, 7, 11, limit=3)
        short = lib.shorten(list(range(24)), guests.first_failing)
        self.assertTrue({2, 7, 11} <= set(short))
        self.assertLess(len(short), 24)
        self.assertEqual(guests.count, 3)

    def test_lines_go_first_and_then_their_arguments(self):
        text = ("# zf0.1\n" "ring r=1 flags=0x3808 sq=8\n" "nop n=3\n"
                "register r=1 entries=64 area=2 types=3\n" "sleep ms=5\n")
        guests = Guests("ring", "r=1", "register", "area=2")
        short = lib.shorten_program(text, guests.first_failing)
        self.assertEqual(short.count("\n"), 2)
        self.assertIn("area=2", short)
        self.assertNotIn("types", short)
        self.assertNotIn("sq=8", short)


class FindingTheProgram(unittest.TestCase):
    def test_the_record_is_read_in_order_without_what_was_there_before(self):
        data = slots("# zf1.2048\nring\nnop\n", "# zf1.9\nreap\n", "# zf1.10\n")
        self.assertEqual(lib.read_record(data),
                         [("zf1.9", "reap\n"), ("zf1.10", ""), ("zf1.2048", "ring\nnop\n")])

    def test_a_slot_that_was_never_written_is_no_program(self):
        data = bytes(lib.SLOT_SIZE) + slots("# zf0.1\nring\n")[:20]
        self.assertEqual(lib.read_record(data), [("zf0.1", "ring\n")])

    def test_the_ones_named_come_first_then_the_last_of_each_process(self):
        records = [[("zf0.1", "a"), ("zf0.2", "b")], [], [("zf1.7", "c"), ("zf1.8", "d")]]
        self.assertEqual([name for name, _ in lib.suspects(records, ["zf1.7", "zf9.9"])],
                         ["zf1.7", "zf0.2", "zf1.8", "zf0.1"])

    def test_the_first_complaint_is_found_with_the_program_in_its_report(self):
        console = CONSOLE.splitlines()
        number, what = lib.first_complaint(JUDGED, console)
        self.assertEqual(number, 4)
        self.assertEqual(what, "KASAN: BUG: KASAN: slab-use-after-free in zcrx_notif_post")
        self.assertEqual(lib.named(console, number, lib.PROGRAM), ["zf2.31"])

    def test_what_the_fuzzer_itself_found_is_a_complaint(self):
        console = ["[ 1.0] fuzz: finding in zf0.3: COPY fired 2 times (reap)"]
        self.assertEqual(lib.first_complaint("", console),
                         (1, "finding: COPY fired N times"))

    def test_a_clean_log_has_no_complaint(self):
        self.assertIsNone(lib.first_complaint("", ["[ 1.0] fuzz: candidate 1"]))

    def test_the_same_thing_looks_the_same_in_two_runs(self):
        self.assertEqual(
            lib.signature("WARNING", "WARNING: ../mm/slub.c:6815 at kvmalloc+0x3/0x380, "
                          "CPU#1: zf3.15/167"),
            lib.signature("WARNING", "WARNING: ../mm/slub.c:6815 at kvmalloc+0x3/0x380, "
                          "CPU#0: zc2/99"))
        self.assertNotEqual(lib.signature("KASAN", "BUG: KASAN: double-free in a+0x1/0x2"),
                            lib.signature("KASAN", "BUG: KASAN: double-free in b+0x1/0x2"))

    def test_the_candidate_is_named_by_the_report_or_began_last(self):
        console = CONSOLE.splitlines()
        self.assertEqual(lib.candidate_of(console, 4), 1)
        console[5] = console[5].replace("zf2.31", "zc0")
        self.assertEqual(lib.candidate_of(console, 4), 0)
        self.assertIsNone(lib.candidate_of(console[:1], 1))


def headers():
    """of a kernel that was built"""
    build = Path(os.environ.get("ZCRX_BUILD") or HARNESS.parent / "build")
    places = [build / "obj", build / "obj-debug"]
    if os.environ.get("KERNEL"):
        places.insert(0, Path(os.environ["KERNEL"]).resolve().parents[3])
    for place in places:
        if (place / "usr/include/linux/io_uring/zcrx_notif.h").exists():
            return place / "usr/include"
    return None


@unittest.skipUnless(headers(), "no kernel was built whose headers the fuzzer needs")
class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.fuzzer = cls.dir / "zcrx_fuzz"
        if not boots.compile_to(cls.fuzzer, headers()):
            raise RuntimeError("the fuzzer does not compile")

    def run_fuzzer(self, *args):
        return subprocess.run([self.fuzzer, *args], capture_output=True, text=True,
                              check=False)

    def check(self, text):
        path = self.dir / "program"
        path.write_text(text, encoding="ascii")
        return self.run_fuzzer("--check", path)

    def test_a_seed_gives_the_same_programs_again_and_another_others(self):
        first = self.run_fuzzer("--seed", "7", "--print", "50").stdout
        self.assertEqual(self.run_fuzzer("--seed", "7", "--print", "50").stdout, first)
        self.assertNotEqual(self.run_fuzzer("--seed", "8", "--print", "50").stdout, first)

    def test_programs_survive_being_printed_and_parsed(self):
        text = self.run_fuzzer("--print", "500").stdout
        self.assertEqual(text.count("---\n"), 500)
        self.assertEqual(self.check(text).stdout, text)

    def test_every_operation_is_made(self):
        text = self.run_fuzzer("--print", "500").stdout
        made = {line.split()[0] for line in text.splitlines()} - {"---"}
        known = self.run_fuzzer("--operations").stdout.split()
        self.assertEqual(made, set(known))
        self.assertGreater(len(known), 20)

    def test_comments_order_and_spaces_do_not_matter(self):
        done = self.check("# a comment\n\n  register   area=2 entries=0x40\n")
        self.assertEqual((done.returncode, done.stdout),
                         (0, "register entries=64 area=2\n---\n"))

    def test_what_is_no_program_is_refused_with_its_word(self):
        for text, word in (("rung r=1\n", "rung"), ("ring x=1\n", "x=1"),
                           ("ring r=one\n", "r=one"), ("ring r\n", "r"),
                           ("ring r=1z\n", "r=1z"), ("nop\n" * 33, "too many")):
            with self.subTest(text=text):
                done = self.check(text)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(word, done.stderr)


class Usage(unittest.TestCase):
    def test_bad_options_are_refused(self):
        for args in (["--seed", "x"], ["--processes", "9"], ["x"], ["--no-such"]):
            with self.subTest(args=args):
                done = subprocess.run([HARNESS / "fuzz/run", *args], capture_output=True,
                                      text=True, check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn("error", done.stderr)

    def test_a_kernel_that_is_not_there_is_named(self):
        done = subprocess.run([HARNESS / "fuzz/run"], capture_output=True, text=True,
                              check=False, env={**os.environ, "KERNEL": "/no/such/image/a/b"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("fuzz:", done.stderr)


if __name__ == "__main__":
    unittest.main()
