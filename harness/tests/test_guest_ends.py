# SPDX-License-Identifier: GPL-2.0
"""harness/guest: time limit, panic, interrupts, the judge's verdict."""

import os
import signal
import unittest

from program import as_from_a_terminal
from guest_case import PATIENCE, GuestTest


class Ends(GuestTest):
    """Runs that end otherwise than by the end of the command."""

    def test_the_time_limit_stops_the_guest(self):
        status, out, err = self.run_guest("-t", "30", "--", "sh", "-c",
                                          "echo begun; sleep 1000")
        self.assertEqual((status, out), (124, b"begun\n"))
        self.assertIn("time limit of 30 s", err)
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
                            start_new_session=True,
                            preexec_fn=as_from_a_terminal) as process:
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
        # A killed run cannot remove its directory: the next run does.
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


if __name__ == "__main__":
    unittest.main()
