# SPDX-License-Identifier: GPL-2.0
"""harness/selftests/compare-logs: which results count as worse."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

HARNESS = pathlib.Path(__file__).resolve().parents[1]


def log(*lines, plan=None, status=0):
    """the output of a program; a line is `ok NAME`, `not ok NAME`, `ok NAME # SKIP why`"""
    text = f"# program: p.py\nTAP version 13\n1..{plan or len(lines)}\n"
    for number, line in enumerate(lines, 1):
        word, name = line.split("ok ", 1)
        text += f"{word}ok {number} {name}\n"
    return text + f"# status: {status}\n"


class Compare(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)

    def compare(self, base, patched):
        """(exit status, what the tally makes of the output)"""
        for name, text in (("base", base), ("patched", patched)):
            (self.dir / name).write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, HARNESS / "selftests/compare-logs", self.dir / "base", self.dir / "patched"],
            check=False, stdout=subprocess.PIPE, text=True)
        (self.dir / "out").write_text(done.stdout, encoding="utf-8")
        counted = subprocess.run(
            [sys.executable, HARNESS / "lib/tally",
             f"ktap:compare:{done.returncode}:{self.dir / 'out'}"],
            check=False, stdout=subprocess.PIPE, text=True)
        return done.returncode, counted.stdout

    def check(self, base, patched, last, named=""):
        status, counted = self.compare(base, patched)
        self.assertEqual(counted.splitlines()[-1], last)
        self.assertEqual(status, 0 if ", 0 failed" in last else 1)
        self.assertIn(named, counted)

    def test_the_same_results_are_no_failure(self):
        both = log("ok a", "ok b # SKIP no tool", "ok c")
        self.check(both, both, "2 passed, 0 failed, 1 skipped", "no tool")

    def test_a_case_that_fails_on_the_patched_kernel_alone_fails_by_name(self):
        self.check(log("ok a", "ok b"), log("ok a", "not ok b", status=1),
                   "1 passed, 1 failed", "FAILED: compare: base and patched: p.py: b")

    def test_a_case_that_skips_on_the_patched_kernel_alone_fails(self):
        self.check(log("ok a", "ok b"), log("ok a", "ok b # SKIP gone"),
                   "1 passed, 1 failed", "p.py: b")

    def test_a_case_that_is_missing_on_the_patched_kernel_fails(self):
        self.check(log("ok a", "ok b"), log("ok a"), "1 passed, 1 failed", "p.py: b")

    def test_cases_behind_the_death_of_the_patched_kernel_fail(self):
        cut = log("ok a", "ok b", plan=3).split("# status")[0]
        self.check(log("ok a", "ok b", "ok c"), cut, "2 passed, 1 failed, 1 skipped", "p.py: c")

    def test_a_skip_that_becomes_a_failure_fails(self):
        self.check(log("ok a", "ok b # SKIP no tool"), log("ok a", "not ok b", status=1),
                   "1 passed, 1 failed", "p.py: b")

    def test_what_fails_on_both_is_shown_as_skipped(self):
        both = log("ok a", "not ok b", status=1)
        self.check(both, both, "1 passed, 0 failed, 1 skipped",
                   "skipped: compare: base and patched: p.py: b (on both kernels: fail)")

    def test_what_the_series_repairs_or_adds_passes(self):
        self.check(log("ok a", "not ok b", status=1), log("ok a", "ok b", "ok c"),
                   "3 passed, 0 failed")

    def test_two_empty_logs_are_no_success(self):
        self.check("", "", "0 passed, 0 failed, 1 skipped")


if __name__ == "__main__":
    unittest.main()
