# SPDX-License-Identifier: GPL-2.0
"""harness/liburing/suite: a test of liburing that is lost with the series is named."""

import contextlib
import io
import unittest
from unittest import mock

import program

suite = program.load("liburing/suite")

LINE = "Running test {:<55}"
ENDS = {"passed": "1 sec [1]", "skipped": "Skipped", "failed": "Test {} failed with ret 1",
        "timed out": "Test {} timed out (may not be a failure)"}


def printed(says="says something\n", **outcomes):
    """what runtests.sh prints; says is the output of each test that does not pass"""
    lines = []
    for name, outcome in outcomes.items():
        end = ENDS[outcome].format(f"{name}.t")
        start = LINE.format(f"{name}.t")
        lines.append(start + ("" if outcome == "passed" else says) + end)
    return "\n".join([*lines, "Test run complete, kernel: 7.3.4", "Tests failed (1): <b.t>"])


class Suite(unittest.TestCase):
    def lost(self, *runs):
        """status, and the last lines, of runs with base, series, and the series again"""
        said = io.StringIO()
        with mock.patch.object(suite, "TREE", "liburing"), \
                mock.patch.object(suite.sys, "argv", ["suite"]), \
                mock.patch.object(suite, "run", side_effect=runs), \
                contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            return suite.main(), said.getvalue()

    def test_each_outcome_is_read(self):
        wanted = dict(zip("abcd", ENDS))
        for says in ("says something\n", "no newline", ""):
            with self.subTest(says):
                self.assertEqual({f"{name}.t": outcome for name, outcome in wanted.items()},
                                 suite.outcomes(printed(says, **wanted)))

    def test_what_failed_before_may_fail(self):
        outcome = printed(a="passed", b="failed")
        self.assertEqual(0, self.lost("base", outcome, "HEAD", outcome)[0])

    def test_a_test_that_is_lost_twice_is_named(self):
        for how in ("failed", "timed out", "skipped"):
            with self.subTest(how):
                status, said = self.lost("base", printed(a="passed", z="passed"), "HEAD",
                                         printed(a=how, z="passed"), printed(a=how))
                self.assertEqual(1, status)
                self.assertIn("a.t passed without the series", said)

    def test_a_test_that_passes_when_it_runs_once_more_is_not_lost(self):
        self.assertEqual(0, self.lost("base", printed(a="passed", z="passed"), "HEAD",
                                      printed(a="failed", z="passed"), printed(a="passed"))[0])

    def test_a_kernel_on_which_nothing_passes_shows_nothing(self):
        with self.assertRaisesRegex(suite.Refused, "no test passed with base"):
            self.lost("base", printed(a="failed"))

    def test_a_run_that_stops_half_way_is_refused(self):
        with self.assertRaisesRegex(suite.Refused, "did not come to its end"):
            self.lost("base", "Running test a.t")


if __name__ == "__main__":
    unittest.main()
