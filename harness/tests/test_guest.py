# SPDX-License-Identifier: GPL-2.0
"""harness/guest: the input of a command and its results."""

import hashlib
import os
import signal
import subprocess
import time
import unittest

from guest_case import HARNESS, PATIENCE, GuestTest


class Commands(GuestTest):
    def test_status_output_and_console_are_kept_apart(self):
        status, out, err = self.run_guest(
            "--", "sh", "-c",
            "printf out; printf err >&2; echo to-the-log >/dev/kmsg; exit 42")
        self.assertEqual((status, out, err), (42, b"outerr", ""))
        self.assertIn("to-the-log", self.console())
        self.assertNotIn("outerr", self.console())

    def test_make_runs_a_command_and_tells_that_it_failed(self):
        for status, made in ((0, 0), (3, 2)):    # make turns every failure into 2
            with self.subTest(status=status):
                done = subprocess.run(
                    ["make", "-s", "run-in-guest",
                     f"CMD=echo \"it's $((20 + 2))\"; exit {status}"],
                    cwd=os.path.dirname(HARNESS), env=self.environment, check=False,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                self.assertEqual((done.returncode, done.stdout), (made, b"it's 22\n"))

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
        # The first guest only waits for the end of the second, seen over /host.
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


class Usage(GuestTest):
    def test_wrong_usage_is_refused_before_anything_starts(self):
        for words in ([], ["--"], ["true"], ["-x", "--", "true"], ["-t"],
                      ["-t", "soon", "--", "true"], ["-c", "0", "--", "true"],
                      ["-n", "a/b", "--", "true"], ["-e", "novalue", "--", "true"],
                      ["-d", "/nonexistent", "--", "true"], ["--shell"],
                      ["-a", "vax", "--", "true"]):
            with self.subTest(words):
                status, out, err = self.run_guest(*words)
                self.assertEqual((status, out), (125, b""))
                self.assertIn("guest: ", err)


if __name__ == "__main__":
    unittest.main()
