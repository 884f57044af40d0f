# SPDX-License-Identifier: GPL-2.0
"""The counts of the summary: a run that died never looks like success."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TALLY = pathlib.Path(__file__).resolve().parents[1] / "lib/tally"

KTAP = """# program: one
TAP version 13
1..3
# Starting 3 tests from 1 test cases.
#  RUN           global.a ...
#            OK  global.a
ok 1 global.a
ok 2 global.b # SKIP no veth
not ok 3 global.c
# FAILED: 2 / 3 tests passed.
# status: 1
"""

UNITTEST = """test_good (test_x.Case.test_good) ... ok
test_told (test_x.Case.test_told)
With a docstring. ... ok
test_bad (test_x.Case.test_bad) ... FAIL
test_away (test_x.Case.test_away) ... skipped 'no kernel'

======================================================================
FAIL: test_bad (test_x.Case.test_bad)
----------------------------------------------------------------------
Ran 4 tests in 0.1s

FAILED (failures=1, skipped=1)
"""


class Tally(unittest.TestCase):
    def tally(self, kind, text, status):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write(text)
            log.flush()
            done = subprocess.run(
                [sys.executable, TALLY, f"{kind}:part:{status}:{log.name}"],
                check=False, stdout=subprocess.PIPE, text=True)
        return done.returncode, done.stdout.splitlines()

    def check(self, kind, text, status, last, named=""):
        rc, lines = self.tally(kind, text, status)
        self.assertEqual(lines[-1], last)
        self.assertEqual(rc, 0 if ", 0 failed" in last else 1)
        self.assertIn(named, "\n".join(lines[:-1]))

    def test_ktap_results_are_counted_and_the_failed_one_is_named(self):
        self.check("ktap", KTAP, 1, "1 passed, 1 failed, 1 skipped",
                   "FAILED: part: one: global.c")
        self.check("ktap", KTAP, 1, "1 passed, 1 failed, 1 skipped", "no veth")

    def test_a_program_that_stops_half_way_fails(self):
        self.check("ktap", KTAP[:KTAP.index("not ok")] + "# status: 139\n", 1,
                   "1 passed, 1 failed, 1 skipped", "2 of 3 tests")

    def test_a_program_without_a_plan_fails(self):
        self.check("ktap", "# program: one\n# status: 0\n", 0, "0 passed, 1 failed")

    def test_a_log_without_programs_fails(self):
        self.check("ktap", "", 0, "0 passed, 1 failed", "no program ran")

    def test_a_status_that_no_test_explains_fails(self):
        good = KTAP.replace("not ok 3", "ok 3").replace("status: 1", "status: 0")
        self.check("ktap", good, 0, "2 passed, 0 failed, 1 skipped")
        self.check("ktap", good, 126, "2 passed, 1 failed, 1 skipped", "exit status 126")

    def test_an_expected_failure_is_skipped_with_its_reason(self):
        log = KTAP.replace("ok 2 global.b # SKIP no veth", "ok 2 global.b # XFAIL no split")
        self.check("ktap", log, 1, "1 passed, 1 failed, 1 skipped",
                   "global.b (failed as expected: no split)")

    def test_a_program_that_is_skipped_whole_is_counted_once(self):
        self.check("ktap", "# program: one\n1..0 # SKIP no root\n# status: 4\n" + KTAP, 1,
                   "1 passed, 1 failed, 2 skipped", "no root")

    def test_unittest_results_are_counted_with_and_without_docstring(self):
        self.check("unittest", UNITTEST, 1, "2 passed, 1 failed, 1 skipped",
                   "FAILED: part: test_bad")

    def test_a_unittest_run_that_was_cut_fails(self):
        self.check("unittest", UNITTEST[:UNITTEST.index("test_away")], 1,
                   "2 passed, 2 failed")

    def test_a_status_alone(self):
        self.check("status", "", 0, "1 passed, 0 failed")
        self.check("status", "", 3, "0 passed, 1 failed", "FAILED: part")

    def test_a_part_that_was_not_run_is_skipped_with_its_reason(self):
        rc, lines = self.tally("status", "", "no NIC here")
        self.assertEqual(lines, ["skipped: part (no NIC here)", "0 passed, 0 failed, 1 skipped"])
        self.assertEqual(rc, 1)

    def test_nothing_at_all_is_no_success(self):
        done = subprocess.run([sys.executable, TALLY], check=False,
                              stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.stdout, "0 passed, 0 failed\n")
        self.assertEqual(done.returncode, 1)


if __name__ == "__main__":
    unittest.main()
