# SPDX-License-Identifier: GPL-2.0
"""harness/tree/refresh: the way back from the branches to the repository"""

import pathlib
import unittest

from fakes import FIRST, SECOND, THIRD, mail
from world import World


class Refresh(World):

    def setUp(self):
        super().setUp()
        self.succeeds("harness/tree/assemble")

    def refresh(self, **env):
        """refresh, then check that assemble makes the same trees of it"""
        tree = self.tree_id()
        self.succeeds("harness/tree/refresh", **env)
        self.assertEqual(self.tree_id(), tree)
        refs, files = self.refs(), self.files(self.linux)
        self.succeeds("harness/tree/assemble")
        self.assertEqual(self.refs(), refs)
        self.assertEqual(self.files(self.linux), files)

    def change(self, name, old, new):
        self.edit(name, old, new, self.linux)

    def autosquash(self, commit):
        self.git("commit", "-q", "-a", f"--fixup={commit}", cwd=self.linux)
        self.git("rebase", "-q", "-i", "--autosquash", "base", cwd=self.linux,
                 GIT_SEQUENCE_EDITOR="true")

    def read(self, name):
        return (self.repo / name).read_text()

    def test_assemble_then_refresh_changes_nothing(self):
        before = self.files(self.repo)
        self.refresh()
        self.assertEqual(self.repository_changes(), "")
        self.assertEqual(self.files(self.repo), before)

    def test_autosquashed_fixup_of_overlay_and_hunk(self):
        self.change("io_uring/new.c", "int", "long")
        self.change("io_uring/zcrx.c", "first", "better first")
        self.autosquash("one~2")
        self.refresh()
        self.assertEqual(self.read("io_uring/new.c"), "long new;\n")
        self.assertIn("+\tbetter first change\n", self.read(FIRST))
        self.assertEqual(set(self.repository_changes().split()[1::2]),
                         {"io_uring/new.c", FIRST})

    def test_new_commit_becomes_patch_and_overlay_file(self):
        self.write("lib/more.sh", "#!/bin/sh\n", self.linux)
        self.commit_all(self.linux, "lib: add more\n\nOf it.\n")
        self.refresh()
        self.assertEqual(self.read("lib/more.sh"), "#!/bin/sh\n")
        self.assertTrue((self.repo / "lib/more.sh").stat().st_mode & 0o100)
        self.assertEqual(self.read("series/one/0004-lib-add-more.patch"),
                         mail("lib: add more", ["lib/more.sh"], body="Of it.\n"))

    def test_dropped_commit_takes_patch_and_overlay_files_along(self):
        self.git("rebase", "-q", "--onto", "one~2", "one~1", "one", cwd=self.linux)
        self.refresh()
        for name in (SECOND, THIRD, "include", "tools"):
            self.assertFalse((self.repo / name).exists(), name)
        self.assertTrue((self.repo / "series/one/0002-net-go-on.patch").exists())

    def test_renamed_overlay_file(self):
        self.git("mv", "io_uring/new.c", "io_uring/other.c", cwd=self.linux)
        self.autosquash("one~2")
        self.refresh()
        self.assertFalse((self.repo / "io_uring/new.c").exists())
        self.assertTrue((self.repo / "io_uring/other.c").exists())
        self.assertIn("Adds: io_uring/other.c\n", self.read(FIRST))

    def test_changed_mode_of_overlay_and_base_file(self):
        (self.linux / "io_uring/new.c").chmod(0o755)
        (self.linux / "io_uring/zcrx.c").chmod(0o755)
        self.autosquash("one~2")
        self.refresh()
        self.assertTrue((self.repo / "io_uring/new.c").stat().st_mode & 0o100)
        self.assertIn("old mode 100644\nnew mode 100755\n", self.read(FIRST))

    def test_persons_and_sign_offs_stay_out(self):
        self.git("commit", "-q", "--amend", "-s", "-m",
                 "net: go on\n\nWhy.\n\nReviewed-by: R <r@example.org>",
                 cwd=self.linux)
        self.refresh()
        self.assertIn("Why.\n\nReviewed-by: R <r@example.org>\n---\n",
                      self.read(THIRD))
        self.assertNotIn("Tess", self.read(THIRD))

    def test_cover_letter_is_left_alone(self):
        cover = "series/one/0000-cover-letter"
        self.write(cover, "Another\n\nText.\n")
        self.change("io_uring/new.c", "int", "long")
        self.autosquash("one~2")
        self.refresh()
        self.assertEqual(self.read(cover), "Another\n\nText.\n")

    def test_text_that_is_not_utf8_survives(self):
        for name in ("io_uring/new.c", "io_uring/zcrx.c"):
            with open(self.linux / name, "ab") as file:
                file.write(b"\t\xff\xfe \xc3\xb8\r\n")
        self.autosquash("one~2")
        self.refresh()
        self.assertIn(b"+\t\xff\xfe \xc3\xb8\r\n", (self.repo / FIRST).read_bytes())

    def test_missing_newline_at_the_end_survives(self):
        path = self.linux / "net/core.c"
        path.write_text(path.read_text().rstrip("\n"))
        self.autosquash("one")
        self.refresh()
        self.assertIn("\\ No newline at end of file\n", self.read(THIRD))

    def test_file_names_are_those_of_format_patch(self):
        for subject in ("a: b", "x/y: don't; \"do\" ... it (now).",
                        "a very long subject " * 4, "Ünï: cödé"):
            self.git("commit", "-q", "--allow-empty-message", "--amend", "-m",
                     subject, cwd=self.linux)
            self.refresh()
            wanted = self.git("format-patch", "--start-number=3", "-1", "-o",
                              self.dir / "mails", cwd=self.linux)
            found = sorted((self.repo / "series/one").glob("0003-*"))
            self.assertEqual([path.name for path in found],
                             [pathlib.Path(wanted).name])

    def test_users_diff_settings_do_not_matter(self):
        for name, value in (("diff.noprefix", "true"), ("diff.context", "9"),
                            ("diff.algorithm", "patience"),
                            ("color.ui", "always"), ("log.showSignature", "true"),
                            ("diff.mnemonicPrefix", "true")):
            self.git("config", "--global", name, value)
        self.refresh()
        self.assertEqual(self.repository_changes(), "")

    def test_force_overwrites_edits_of_the_repository(self):
        self.edit("io_uring/new.c", "int", "short")
        self.change("io_uring/new.c", "int", "long")
        self.autosquash("one~2")
        self.refresh(FORCE="1")
        self.assertEqual(self.read("io_uring/new.c"), "long new;\n")


if __name__ == "__main__":
    unittest.main()
