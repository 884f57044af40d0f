# SPDX-License-Identifier: GPL-2.0
"""harness/test, with stand-ins for what it runs."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HARNESS = pathlib.Path(__file__).parents[1]
# ends well only if the other one has begun meanwhile
MEETS = """
import pathlib, time, unittest
class Suite(unittest.TestCase):
    def test_meets_{other}(self):
        room = pathlib.Path({room!r})
        (room / "{name}").touch()
        for _ in range(100):
            if (room / "{other}").exists():
                break
            time.sleep(0.1)
        else:
            self.fail("{other} did not begin")
        self.assertTrue({good})
"""


class HostTests(unittest.TestCase):
    """two suites that run at once"""

    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.top = pathlib.Path(room.name)
        (self.top / "harness").mkdir()
        for name in ("test", "lib.sh", "tally.py"):
            shutil.copy(HARNESS / name, self.top / "harness" / name)
        for name in ("setup", "kernel", "lint"):
            (self.top / "harness" / name).write_text("#!/bin/sh\n")
            (self.top / "harness" / name).chmod(0o755)

    def suite(self, name, other, good=True):
        tests = self.top / name / "tests"
        tests.mkdir(parents=True)
        (tests / f"test_{name}.py").write_text(
            MEETS.format(name=name, other=other, room=str(self.top / "build"), good=good))

    def run_host(self):
        done = subprocess.run([self.top / "harness/test", "host"], capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "ZCRX_BUILD": str(self.top / "build"),
                                   "ZCRX_CACHE": str(self.top / "cache")})
        return done.returncode, done.stdout.splitlines()

    def test_both_are_counted(self):
        self.suite("harness", "series")
        self.suite("series", "harness")
        self.assertEqual(self.run_host(), (0, ["3 passed, 0 failed"]))

    def test_a_failure_of_either_is_one(self):
        for bad in ("harness", "series"):
            with self.subTest(bad=bad):
                for name, other in (("harness", "series"), ("series", "harness")):
                    shutil.rmtree(self.top / name / "tests", ignore_errors=True)
                    (self.top / "build" / name).unlink(missing_ok=True)
                    self.suite(name, other, good=name != bad)
                status, lines = self.run_host()
                self.assertEqual((status, lines[-1]), (1, "2 passed, 1 failed"))
                self.assertIn(f"FAILED: {bad}: test_meets_", "\n".join(lines))


if __name__ == "__main__":
    unittest.main()
