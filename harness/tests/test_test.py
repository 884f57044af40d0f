# SPDX-License-Identifier: GPL-2.0
"""harness/test, with stand-ins for the programs that it runs."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HARNESS = pathlib.Path(__file__).parents[1]
# succeeds only if the other one has begun meanwhile
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


class Parts(unittest.TestCase):
    """two suites that run at once; parts that are added, and one that stops"""

    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.top = pathlib.Path(room.name)
        self.harness = self.top / "harness"
        for name in ("lib", "parts", "selftests"):
            shutil.copytree(HARNESS / name, self.harness / name)
        shutil.copy(HARNESS / "test", self.harness)
        path = self.harness / "lib/setup"
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        suites = {name: f'unittest {name} {name} python3 -m unittest discover -vs "$harness/{name}"'
                  for name in ("real", "other")}
        self.part("both", "no", f"beside {suites['real']}\nrun {suites['other']}\nrejoin")

    def suite(self, name, other, good=True):
        tests = self.harness / name
        tests.mkdir(exist_ok=True)
        (tests / f"test_{name}.py").write_text(
            MEETS.format(name=name, other=other, room=str(self.top / "build"), good=good))

    def run_parts(self, *parts):
        done = subprocess.run([self.harness / "test", *parts], capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "ZCRX_BUILD": str(self.top / "build"),
                                   "ZCRX_CACHE": str(self.top / "cache")})
        return done.returncode, done.stdout.splitlines()

    def test_both_are_counted(self):
        self.suite("other", "real")
        self.suite("real", "other")
        self.assertEqual(self.run_parts("both"), (0, ["2 passed, 0 failed"]))

    def test_a_failure_of_either_is_one(self):
        for bad in ("other", "real"):
            with self.subTest(bad=bad):
                for name, other in (("other", "real"), ("real", "other")):
                    (self.top / "build" / name).unlink(missing_ok=True)
                    self.suite(name, other, good=name != bad)
                status, lines = self.run_parts("both")
                self.assertEqual((status, lines[-1]), (1, "1 passed, 1 failed"))
                self.assertIn(f"FAILED: {bad}: test_meets_", "\n".join(lines))

    def part(self, name, usual, commands):
        (self.harness / "parts" / name).write_text(
            f"# usual: {usual}\n# minutes: 7\n#\n# What it is.\n# More.\n\n{commands}\n")

    def test_a_new_file_is_a_new_part(self):
        shutil.rmtree(self.harness / "parts")
        (self.harness / "parts").mkdir()
        self.part("late", 10, "run status l late true")
        self.part("early", 9, "run status e early true")
        self.part("seldom", "no", "run status s seldom true")
        self.assertEqual(self.run_parts(), (0, ["2 passed, 0 failed"]))
        self.assertEqual(self.run_parts("all"), (0, ["3 passed, 0 failed"]))
        self.assertEqual(self.run_parts("--list")[1], [
            "early            7  What it is.", "late             7  What it is.", "",
            "seldom           7  What it is."])
        self.assertEqual(self.run_parts("nothing")[0], 1)

    def test_a_part_that_stops_half_way_fails_and_the_next_one_runs(self):
        self.part("half", "no", "run status one one true; export LEFT=1; false; run status two two true")
        self.part("next", "no", 'run status three three test -z "${LEFT:-}"')
        status, lines = self.run_parts("half", "next")
        self.assertEqual((status, lines[-1]), (1, "2 passed, 1 failed"))
        self.assertIn("FAILED: part half", "\n".join(lines))

    def test_the_guest_runs_the_programs_that_the_part_names(self):
        guest = self.harness / "guest"
        guest.write_text('#!/bin/sh\nshift 8\necho "$*" >&2\nfalse\n')
        guest.chmod(0o755)
        own = 'build="here"\nname=n\n'
        for commands, words in (
                ("guest_selftests 1 2 a", ("here/selftests/io_uring", ["a"])),
                ("guest_selftests 1 2", ("here/selftests/io_uring", [])),
                ("selftests=there guest_selftests 1 2", ("there", [])),
                ("export TREE=mainline; guest_selftests 1 2 a",
                 ("here/selftests/io_uring", ["a"])),
                ('export TREE=mainline; mainline_programs=(b c); guest_selftests 1 2',
                 ("here/selftests/io_uring", ["b", "c", "zcrx_recv_stream:urgent"]))):
            with self.subTest(commands=commands):
                self.part("one", "no", own + commands)
                self.run_parts("one")
                said = (self.top / "build/logs/part-one").read_text().split()
                self.assertEqual((said[1], said[4:]), words)


if __name__ == "__main__":
    unittest.main()
