# SPDX-License-Identifier: GPL-2.0
"""harness/tree/assemble: patch files that it refuses for their form"""

import unittest

from fakes import FIRST, THIRD, mail
from world import World


class Malformed(World):

    def malformed(self, old, new, pattern):
        self.edit(FIRST, old, new)
        self.assemble_refused(f"{FIRST}: {pattern}")

    def test_other_first_line(self):
        self.malformed("From 000", "From 100", "the first line must be")

    def test_person_or_date(self):
        self.malformed("Subject:", "Date: today\nSubject:",
                       "unexpected header `Date: today`")

    def test_subject_without_prefix(self):
        self.malformed("[PATCH] ", "", "the second line must begin")

    def test_sign_off(self):
        self.malformed("Why.\n", "Why.\n\nSigned-off-by: A <a@b>\n",
                       "it has a sign-off")

    def test_message_without_end(self):
        self.malformed("\n---\n", "\n", "no line `---`")

    def test_text_below_the_message(self):
        self.malformed("\n---\n", "\n---\n one file changed\n",
                       "` one file changed` stands below")

    def test_path_that_leaves_the_tree(self):
        self.malformed("Adds: io", "Adds: ../io", ".* is not a plain path")

    def test_no_blank_line_after_the_subject(self):
        self.write(FIRST, mail("x", ["io_uring/new.c"]).split("\n\n")[0] + "\n")
        self.assemble_refused("0001-.*: there is no blank line")

    def test_wrong_line_counts_in_a_hunk(self):
        self.malformed("-8,6 +8,7", "-8,6 +8,8", "the hunk .* has other line counts")

    def test_text_after_the_hunks(self):
        (self.repo / FIRST).write_text(
            (self.repo / FIRST).read_text() + "-- \n2.39\n")
        self.assemble_refused("0001-.*`-- ` stands after the last line of a hunk")

    def test_last_line_without_end(self):
        (self.repo / FIRST).write_text(
            (self.repo / FIRST).read_text().rstrip("\n"))
        self.assemble_refused("0001-.*: the last line has no end")

    def test_change_without_hunk(self):
        self.write(FIRST, mail(
            "io_uring: start", ["io_uring/new.c"],
            "diff --git a/README b/README\n--- a/README\n+++ b/README\n"))
        self.assemble_refused("0001-.*: there is no hunk for README")

    def test_file_names_that_differ(self):
        self.malformed("--- a/io_uring/zcrx.c", "--- a/net/core.c",
                       "`--- a/net/core.c` stands where")

    def test_patch_that_does_nothing(self):
        self.write(THIRD, mail("net: go on"))
        self.assemble_refused("0003-.*: it has neither hunks nor a line `Adds")


if __name__ == "__main__":
    unittest.main()
