# SPDX-License-Identifier: GPL-2.0
"""Shared code of tests with a guest. They need a kernel: KERNEL=FILE or a built one."""

import os
import subprocess
import tempfile
import unittest

HARNESS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
GUEST = os.path.join(HARNESS, "guest")
# A busy machine can take many times longer than a quiet one.
PATIENCE = 180


def kernel_image():
    return os.environ.get("KERNEL") or subprocess.run(
        [os.path.join(HARNESS, "kernel"), "--image"], text=True, check=True,
        stdout=subprocess.PIPE).stdout.strip()


class GuestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = kernel_image()

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        # A comma and a space: both need care on QEMU's command line.
        self.build = os.path.join(directory.name, "build, too")
        self.environment = {**os.environ, "ZCRX_BUILD": self.build,
                            "KERNEL": self.kernel}
        self.addCleanup(self.check_nothing_left)

    def check_nothing_left(self):
        self.assertEqual(self.processes(), [])
        self.assertEqual([name for name in os.listdir(self.build)
                          if name.startswith("guest.")], [])

    def processes(self):
        """Processes with this test's directory on their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                    words = file.read()
            except OSError:
                continue
            if os.path.dirname(self.build) in words and int(pid) != os.getpid():
                found.append(words.replace("\0", " "))
        return found

    def start(self, *words, **more):
        return subprocess.Popen([GUEST, *words], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def run_guest(self, *words):
        with self.start(*words) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err.decode()

    def console(self, name="run"):
        path = os.path.join(self.build, "logs", f"guest-{name}.console.log")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
