# SPDX-License-Identifier: GPL-2.0
"""harness/guest on a terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
import unittest

from guest_case import GUEST, PATIENCE, GuestTest


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
