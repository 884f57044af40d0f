# SPDX-License-Identifier: GPL-2.0
"""harness/tree/dry-run: git send-email accepts the mails; their recipients"""

import subprocess
import unittest

from world import REPOSITORY, World

SHOWN = """[PATCH v3 0/3] The series
  [PATCH v3 1/3] io_uring: start
  [PATCH v3 2/3] include: add a header and a program
  [PATCH v3 3/3] net: go on
    To  "A. Maintainer" <maintainer@example.org>
    Cc  Dørte Reviewer <reviewer@example.org>
    Cc  list@example.org
    Cc  Jørn More <more@example.org>
4 mails from Tess Tester <tess@example.org>: accepted, not sent"""


class DryRun(World):

    @classmethod
    def setUpClass(cls):
        ready = subprocess.run(
            ["bash", "-c", ". harness/lib/common.sh; need mail"],
            cwd=REPOSITORY, capture_output=True, text=True, check=False)
        if ready.returncode:
            raise unittest.SkipTest(f"no git send-email: {ready.stderr}")

    def shown(self):
        return self.succeeds("harness/tree/dry-run", "one", "-v", "3", "--cc",
                             "Jørn More <more@example.org>")

    def test_accepted_and_everybody_named(self):
        self.assertEqual(self.shown(), SHOWN)
        self.assertEqual(len(list((self.repo / "build/mail/one").iterdir())), 4)

    def test_mail_program_of_the_user_is_not_run(self):
        self.write("mailer", f"#!/bin/sh\ntouch {self.dir}/sent\n", self.dir)
        self.git("config", "--global", "sendemail.smtpServer", self.dir / "mailer")
        self.assertEqual(self.shown(), SHOWN)
        self.assertFalse((self.dir / "sent").exists())

    def test_mail_with_other_recipients_is_shown_apart(self):
        self.edit("series/one/0003-net-go-on.patch", "Why.\n",
                  "Why.\n\nCc: Only <only@example.org>\n")
        lines = self.shown().splitlines()
        at = lines.index("  [PATCH v3 3/3] net: go on")
        self.assertIn("    Cc  Only <only@example.org>", lines[at:])
        self.assertNotIn("    Cc  Only <only@example.org>", lines[:at])

    def test_mail_that_is_not_accepted(self):
        self.succeeds("harness/tree/assemble")
        self.write("no", "#!/bin/sh\necho I do not like it >&2\nexit 1\n", self.dir)
        hooks = self.repo / ".git/hooks"
        hooks.mkdir(exist_ok=True)
        (self.dir / "no").rename(hooks / "sendemail-validate")
        self.refused("git send-email refuses the mails(.|\n)*I do not like it",
                     "harness/tree/dry-run", "one")

    def test_nobody_who_would_get_them(self):
        self.write("export", "#!/bin/sh\nmkdir -p build/mail/one\n"
                   "printf 'From: Tess Tester <tess@example.org>\\nSubject: x\\n\\nText\\n' "
                   ">build/mail/one/1.patch\n", self.dir)
        (self.dir / "export").rename(self.repo / "harness/tree/export")
        self.refused("nobody would get: x", "harness/tree/dry-run", "one")

    def test_export_that_fails(self):
        (self.repo / "series/one/0000-cover-letter").unlink()
        self.refused("0000-cover-letter: write it(.|\n)*export failed",
                     "harness/tree/dry-run", "one")

    def test_series_that_does_not_exist(self):
        self.refused("there is no series three", "harness/tree/dry-run", "three")


if __name__ == "__main__":
    unittest.main()
