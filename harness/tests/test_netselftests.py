# SPDX-License-Identifier: GPL-2.0
"""harness/inside/run-netselftests: how tests of the kernel tree run and are counted."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import unittest

from guest_case import HARNESS, GuestTest

SELFTESTS = "tools/testing/selftests"
TESTS = {
    "net/good.sh": "echo 1..9; echo not ok 1 this is no result",
    "net/bad.sh": "exit 3",
    "net/away.sh": "echo SKIP: no such tool; exit 4",
    "net/slow.sh": "sleep 600",
    "net/left.sh": "ip netns add left; echo '7 1 1' >/sys/bus/netdevsim/new_device",
    "net/after.sh": "ls /sys/bus/netdevsim/devices/* /run/netns/* && exit 1; test ! \"$NETIF\"",
    "net/ktap.py": "import os\nprint('''TAP version 13\n1..3\nok 1 ktap.one\n"
                   "ok 2 ktap.two # SKIP no hardware\nok 3 ktap.three # XFAIL old''')\n"
                   "assert os.access('.', os.W_OK)\nraise SystemExit(0)",
    "net/some.py:case*": "import sys\nassert sys.argv[1:] == ['-t', 'case*']\nprint('1..1\\nok 1 x')",
    "net/dies.py": "print('1..2\\nok 1 dies.one')\nraise ValueError('oh')",
    "drivers/net/hw/nic.sh": "exit 0",
    "drivers/net/hw/nic.py": """
import os, subprocess
def run(words):
    return subprocess.run(words.split(), check=True, stdout=subprocess.PIPE, text=True).stdout
env = os.environ
assert env['REMOTE_TYPE'] == 'netns', env
run(f"ping -c 1 -W 5 -I {env['NETIF']} {env['REMOTE_V6']}")
run(f"ip netns exec {env['REMOTE_ARGS']} ping -c 1 -W 5 {env['LOCAL_V4']}")
assert len([q for q in os.listdir(f"/sys/class/net/{env['NETIF']}/queues") if q[0] == 'r']) == 3
print('1..1\\nok 1 nic.pings')
""",
}


class NetSelftests(GuestTest):
    def pack(self, tests):
        shared = os.path.join(os.path.dirname(self.build), "programs")
        os.mkdir(shared)
        with tarfile.open(os.path.join(shared, "tree.tar"), "w") as tar:
            for name, text in tests.items():
                data = text.encode()
                entry = tarfile.TarInfo(f"{SELFTESTS}/{name.split(':')[0]}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        for name in ("run-netselftests", "unpack.sh", "pair"):
            shutil.copy(os.path.join(HARNESS, "inside", name), shared)
        return shared

    def tally(self, status, out):
        log = os.path.join(self.build, "log")
        with open(log, "wb") as file:
            file.write(out)
        return subprocess.run(
            [sys.executable, os.path.join(HARNESS, "lib/tally"), f"ktap:part:{status}:{log}"],
            check=False, stdout=subprocess.PIPE, text=True).stdout.splitlines()

    def test_each_kind_of_test_is_run_and_counted(self):
        status, out, err = self.run_guest(
            "-d", self.pack(TESTS), "-e", "SELFTEST_TIMEOUT=10", "-e", "PAIR_QUEUES=3",
            "--", "/host/run-netselftests", *TESTS, "net/absent.py")
        self.assertEqual((status, err), (1, ""))
        self.assertEqual(self.tally(status, out), [
            "skipped: part: net/away.sh: away.sh (no such tool)",
            "skipped: part: net/ktap.py: ktap.two (no hardware)",
            "skipped: part: net/ktap.py: ktap.three (failed as expected: old)",
            "FAILED: part: net/bad.sh: bad.sh",
            "FAILED: part: net/slow.sh: slow.sh",
            "FAILED: part: net/dies.py: 1 of 2 tests reported",
            f"FAILED: part: net/absent.py: 0 of unknown tests reported (see {self.build}/log)",
            "8 passed, 4 failed, 3 skipped"], out.decode())
        self.assertIn(b"# left behind by left.sh: netdevsim7", out)
        self.assertIn(b"# left behind by left.sh: network namespace left", out)
        self.assertIn(b"# not ok 1 this is no result", out)


if __name__ == "__main__":
    unittest.main()
