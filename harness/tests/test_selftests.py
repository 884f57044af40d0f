# SPDX-License-Identifier: GPL-2.0
"""harness/inside/run-selftests, with a program that has one fixture."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

INSIDE = pathlib.Path(__file__).parents[1] / "inside"
PROGRAM = """#!/bin/bash
case $1 in
-l) echo "# FIXTURE  VARIANT  TEST"; echo "# there  high  case" ;;
*) echo "1..1"; echo "ok 1 $*" ;;
esac
"""


class RunSelftests(unittest.TestCase):

    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.room = pathlib.Path(room.name)
        shutil.copy(INSIDE / "run-selftests", self.room)
        (self.room / "one").write_text(PROGRAM)
        (self.room / "one").chmod(0o755)

    def lines_of(self, *words):
        done = subprocess.run([self.room / "run-selftests", *words], capture_output=True,
                              text=True, check=False, timeout=60)
        return done.returncode, done.stdout.splitlines()

    def test_a_program_or_one_fixture_of_it(self):
        for words, options in (((), ""), (("one",), ""), (("one:there",), "-f there")):
            with self.subTest(words=words):
                self.assertEqual(self.lines_of(*words), (
                    0, ["# program: one", "1..1", f"ok 1 {options}", "# status: 0"]))

    def test_a_fixture_that_is_not_there_fails(self):
        self.assertEqual(self.lines_of("one:where"), (
            1, ["# program: one", "not ok 1 there is no fixture where", "# status: 1"]))


if __name__ == "__main__":
    unittest.main()
