# SPDX-License-Identifier: GPL-2.0
"""harness/guest with a real guest. Wants a kernel: KERNEL=FILE or a built one."""

import fcntl
import hashlib
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

HARNESS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
GUEST = os.path.join(HARNESS, "guest")
# A machine that is busy can take many times what a quiet one takes.
PATIENCE = 180


def kernel_image():
    """The kernel to boot, or a reason to skip."""
    path = os.environ.get("KERNEL")
    if not path:
        program = os.path.join(HARNESS, "kernel")
        if not os.path.exists(program):
            raise unittest.SkipTest("no KERNEL given and no harness/kernel")
        path = subprocess.run([program, "--path"], text=True, check=False,
                              stdout=subprocess.PIPE).stdout.strip()
    if not os.path.isfile(path):
        raise unittest.SkipTest(f"no kernel image at '{path}'; build it with harness/kernel")
    return path


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


class Commands(GuestTest):
    def test_status_output_and_console_are_kept_apart(self):
        status, out, err = self.run_guest(
            "--", "sh", "-c",
            "printf out; printf err >&2; echo to-the-log >/dev/kmsg; exit 42")
        self.assertEqual((status, out, err), (42, b"outerr", ""))
        self.assertIn("to-the-log", self.console())
        self.assertNotIn("outerr", self.console())

    def test_arguments_and_environment_arrive_exactly(self):
        words = ["", " ", "a  b", "*", "$HOME", "'", '"', "\\", "new\nline", "-n",
                 "--", "ü", "`id`", "!", "~", "a;b", "tab\t"]
        status, out, err = self.run_guest(
            "-e", "ONE=a 'b' $c", "-e", "TWO=", "--", "sh", "-c",
            r'printf "%s\0" "$ONE" "${TWO-unset}" "$@"', "sh", *words)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.decode().split("\0"), ["a 'b' $c", "", *words, ""])

    def test_every_byte_of_a_large_output_arrives(self):
        program = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 16384)"
        status, out, _ = self.run_guest("--", "python3", "-c", program)
        self.assertEqual(status, 0)
        self.assertEqual(hashlib.sha256(out).hexdigest(),
                         hashlib.sha256(bytes(range(256)) * 16384).hexdigest())

    def test_directories_and_machine_are_as_asked_for(self):
        shared = os.path.join(os.path.dirname(self.build), "programs")
        os.mkdir(shared)
        program = os.path.join(shared, "program")
        with open(program, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nnproc; awk '/MemTotal/ { print int($2 / 1024) }' "
                       "/proc/meminfo; grep -o marker=1 /proc/cmdline\n"
                       "echo kept >/run/guest/results/file\n"
                       "touch /host/x 2>/dev/null || echo read-only\n")
        os.chmod(program, 0o755)
        status, out, err = self.run_guest(
            "-n", "named", "-d", shared, "-c", "3", "-m", "400", "-k", "marker=1",
            "--", "/host/program")
        self.assertEqual((status, err), (0, ""))
        cpus, memory, marker, host = out.decode().split("\n")[:4]
        self.assertEqual((cpus, marker, host), ("3", "marker=1", "read-only"))
        self.assertTrue(300 < int(memory) <= 400, memory)
        with open(os.path.join(self.build, "results", "named", "file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "kept\n")
        self.assertIn("guest-init: end", self.console("named"))

    def test_what_the_command_leaves_running_does_not_hold_the_run(self):
        began = time.monotonic()
        status, out, _ = self.run_guest("--", "sh", "-c", "sleep 1000 & echo done")
        self.assertEqual((status, out), (0, b"done\n"))
        self.assertLess(time.monotonic() - began, PATIENCE)

    def test_a_command_killed_by_a_signal_and_a_missing_one(self):
        status, out, _ = self.run_guest(
            "--", "sh", "-c", "/nonexistent 2>/dev/null; echo $?; kill -KILL $$")
        self.assertEqual((status, out), (128 + signal.SIGKILL, b"127\n"))

    def test_two_runs_of_one_name_do_not_disturb_each_other(self):
        # The first waits for nothing but the second's end, seen over /host.
        with self.start("-n", "twin", "--", "sh", "-c",
                        "echo on; while [ ! -e /host/second ]; do sleep 0.2; done; "
                        "echo first >/run/guest/results/who; echo first") as first:
            self.assertEqual(first.stdout.readline(), b"on\n")
            status, out, err = self.run_guest(
                "-n", "twin", "--", "sh", "-c",
                "echo second >/run/guest/results/who; echo second")
            self.assertEqual((status, out), (0, b"second\n"))
            self.assertIn("twin.2", err)
            with open(os.path.join(self.build, "second"), "w", encoding="utf-8"):
                pass
            out, _ = first.communicate(timeout=PATIENCE)
        self.assertEqual((first.returncode, out), (0, b"first\n"))
        for name, who in (("twin", "first\n"), ("twin.2", "second\n")):
            path = os.path.join(self.build, "results", name, "who")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), who)
            self.assertIn("guest-init: end", self.console(name))


class Ends(GuestTest):
    """Runs that do not end by the command's own end."""

    def test_the_time_limit_stops_the_guest(self):
        status, out, err = self.run_guest("-t", "15", "--", "sh", "-c",
                                          "echo begun; sleep 1000")
        self.assertEqual((status, out), (124, b"begun\n"))
        self.assertIn("time limit of 15 s", err)
        self.assertIn("guest-init: begin", err)

    def test_a_panic_is_told_from_a_command_that_failed(self):
        status, out, err = self.run_guest(
            "--", "sh", "-c", "echo before; sleep 0.3; echo c >/proc/sysrq-trigger")
        self.assertEqual((status, out), (125, b"before\n"))
        self.assertIn("died before the command ended", err)
        self.assertIn("panic: Kernel panic - not syncing: sysrq triggered crash", err)

    def test_a_kernel_that_does_not_boot_is_said(self):
        self.environment["KERNEL"] = "/bin/true"
        status, out, err = self.run_guest("-t", "15", "--", "true")
        self.assertEqual((status, out), (125, b""))
        self.assertIn("QEMU did not start the guest", err)

    def test_output_is_live_and_an_interrupt_ends_the_guest(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), \
                 self.start("--", "sh", "-c", "echo begun; sleep 1000",
                            start_new_session=True) as process:
                self.assertEqual(process.stdout.readline(), b"begun\n")
                # A terminal's Ctrl-C goes to all of its processes.
                if number == signal.SIGINT:
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)
                process.communicate(timeout=PATIENCE)
                self.assertEqual(process.returncode, 128 + number)
                self.check_nothing_left()

    def test_a_killed_runner_takes_the_guest_with_it(self):
        with self.start("--", "sh", "-c", "echo begun; sleep 1000") as process:
            self.assertEqual(process.stdout.readline(), b"begun\n")
            process.kill()
            process.communicate(timeout=PATIENCE)
        # Killed like that it cannot clear its directory away: the next run does.
        self.assertIn("guest.run", os.listdir(self.build))
        status, out, _ = self.run_guest("--", "cat", "/run/guest/output")
        self.assertEqual((status, b"begun" in out), (0, False))


class Judged(GuestTest):
    COMPLAIN = ("echo 'WARNING: io_uring/zcrx.c:1 at f+0x0/0x1, CPU#0: x/1' >/dev/kmsg; "
                "echo done; ")

    def test_a_complaint_fails_a_command_that_succeeded(self):
        status, out, err = self.run_guest("--", "sh", "-c", self.COMPLAIN)
        self.assertEqual((status, out), (126, b"done\n"))
        self.assertIn("WARNING: io_uring/zcrx.c:1", err)

    def test_a_complaint_leaves_the_status_of_a_command_that_failed(self):
        status, _, err = self.run_guest("--", "sh", "-c", self.COMPLAIN + "exit 3")
        self.assertEqual(status, 3)
        self.assertIn("the kernel complained", err)

    def test_no_judge_means_no_judge(self):
        status, out, err = self.run_guest("--no-judge", "--", "sh", "-c", self.COMPLAIN)
        self.assertEqual((status, out, err), (0, b"done\n", ""))


class Usage(GuestTest):
    def test_wrong_usage_is_refused_before_anything_starts(self):
        for words in ([], ["--"], ["true"], ["-x", "--", "true"], ["-t"],
                      ["-t", "soon", "--", "true"], ["-c", "0", "--", "true"],
                      ["-n", "a/b", "--", "true"], ["-e", "novalue", "--", "true"],
                      ["-d", "/nonexistent", "--", "true"], ["--shell"]):
            with self.subTest(words):
                status, out, err = self.run_guest(*words)
                self.assertEqual((status, out), (125, b""))
                self.assertIn("guest: ", err)


class Terminal(GuestTest):
    def on_terminal(self, *words):
        """Start the guest on a terminal of its own; gives process and its end."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        self.settings = termios.tcgetattr(theirs)
        self.theirs = theirs
        process = subprocess.Popen(
            [GUEST, *words], env=self.environment, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        return process, ours

    def read_until(self, terminal, text):
        seen = b""
        end = time.monotonic() + PATIENCE
        while text not in seen:
            self.assertLess(time.monotonic(), end, f"no {text!r} in {seen!r}")
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 65536)
        return seen

    def test_a_shell_has_the_terminal_and_gives_it_back(self):
        process, terminal = self.on_terminal("--shell")
        self.read_until(terminal, b"# ")
        os.write(terminal, b"stty size; echo $((6 * 7))\r")
        self.assertIn(b"33 111", self.read_until(terminal, b"42"))
        os.write(terminal, b"echo $((7 * 7)); sleep 1000; echo not reached\r")
        self.read_until(terminal, b"49")
        time.sleep(1)
        os.write(terminal, b"\x03")
        self.read_until(terminal, b"# ")
        os.write(terminal, b"echo status=$?\r")
        self.read_until(terminal, b"status=130")
        os.write(terminal, b"exit 7\r")
        self.assertEqual(process.wait(PATIENCE), 7)
        self.assertEqual(termios.tcgetattr(self.theirs), self.settings)

    def test_a_command_sees_a_terminal_where_there_is_one(self):
        process, terminal = self.on_terminal(
            "--", "sh", "-c", "stty size <&1; test -t 1 && echo is-one; exit 5")
        self.assertEqual(process.wait(PATIENCE), 5)
        self.assertEqual(self.read_until(terminal, b"is-one\r\n"),
                         b"33 111\r\nis-one\r\n")


if __name__ == "__main__":
    unittest.main()
