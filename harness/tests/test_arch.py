# SPDX-License-Identifier: GPL-2.0
"""harness/inside/run-arch: its reports of the machine, the module and the tests, as
harness/lib/tally counts them. It runs here, with stand-ins for parts of a guest."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HARNESS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
ORDER = sys.byteorder
OTHER = {"little": "big", "big": "little"}[ORDER]
SELFTESTS = """#!/bin/bash
echo "# program: one"; echo "1..1"; echo "ok 1 one"; echo "# status: 0"
"""


class GuestArch(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = directory.name
        shutil.copy(os.path.join(HARNESS, "inside/run-arch"), self.dir)
        self.put("run-selftests", SELFTESTS)

    def put(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def tally(self, *words):
        """(exit status, output of the tally)"""
        log = os.path.join(self.dir, "log")
        with open(log, "wb") as file:
            done = subprocess.run(
                [os.path.join(self.dir, "run-arch"), *words], stdout=file,
                check=False, stderr=subprocess.STDOUT, timeout=60,
                env={**os.environ, "PATH": f"{self.dir}:{os.environ['PATH']}"})
        said = subprocess.run(
            [os.path.join(HARNESS, "lib/tally"), f"ktap:a:{done.returncode}:{log}"],
            check=False, capture_output=True, text=True).stdout
        return done.returncode, said

    def test_machine_that_it_is(self):
        status, said = self.tally(os.uname().machine, ORDER)
        self.assertEqual((status, said), (0, "3 passed, 0 failed\n"))

    def test_other_machine(self):
        status, said = self.tally("pdp11", ORDER)
        self.assertEqual(status, 1)
        self.assertIn("FAILED: a: machine: the kernel is of pdp11", said)
        self.assertIn("2 passed, 1 failed", said)

    def test_other_byte_order(self):
        status, said = self.tally(os.uname().machine, OTHER)
        self.assertEqual(status, 1)
        self.assertIn(f"its byte order is {OTHER} endian", said)

    def test_module_that_cannot_be_loaded(self):
        self.put("netdevsim.ko", "")
        self.put("insmod", "#!/bin/sh\nexit 1\n")
        self.put("rmmod", "#!/bin/sh\nexit 1\n")
        self.put("sh", "#!/bin/false\n")
        status, said = self.tally(os.uname().machine, ORDER)
        self.assertEqual(status, 1)
        self.assertIn("FAILED: a: module: netdevsim is loaded as a module", said)

    def test_selftests_that_fail(self):
        self.put("run-selftests", SELFTESTS + "exit 1\n")
        status, said = self.tally(os.uname().machine, ORDER)
        self.assertEqual(status, 1)
        self.assertIn("a: exit status 1", said)


if __name__ == "__main__":
    unittest.main()
