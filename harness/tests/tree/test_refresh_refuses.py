# SPDX-License-Identifier: GPL-2.0
"""harness/tree/refresh: its refusals, which leave everything as it was"""

import unittest

from fakes import FIRST, THIRD
from world import World


class Refuse(World):

    def setUp(self):
        super().setUp()
        self.succeeds("harness/tree/assemble")

    def refresh_refused(self, pattern):
        self.refused(pattern, "harness/tree/refresh")

    def commit(self, subject="net: more", *options):
        self.commit_all(self.linux, subject, *options)

    def test_no_tree(self):
        self.linux.rename(self.dir / "away")
        self.refresh_refused("there is no tree .*: make assemble")

    def test_changed_file(self):
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.refresh_refused("not committed:\n M net/core.c")

    def test_untracked_file(self):
        self.write("lib/x.c", "int x;\n", self.linux)
        self.refresh_refused(r"not committed:\n\?\? lib/")

    def test_rebase_in_progress(self):
        self.git("rebase", "-q", "-i", "base", cwd=self.linux,
                 GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
        self.refresh_refused("a rebase is in progress")

    def test_other_branch(self):
        self.git("checkout", "-q", "-b", "mine", "one~1", cwd=self.linux)
        self.refresh_refused("something else checked out than branch one")

    def test_later_change_of_an_added_file(self):
        self.edit("io_uring/new.c", "int", "long", self.linux)
        self.commit("io_uring: change it")
        self.refresh_refused(r'\("io_uring: change it"\) changes io_uring/new.c, '
                             r'which commit \w+ \("io_uring: start"\) adds'
                             r"(.|\n)*autosquash")

    def test_later_deletion_of_an_added_file(self):
        (self.linux / "io_uring/new.c").unlink()
        self.commit()
        self.refresh_refused("changes io_uring/new.c, which .* adds")

    def test_deleted_base_file(self):
        (self.linux / "README").unlink()
        self.commit()
        self.refresh_refused("deletes or renames README of Linux 7.1.13")

    def test_renamed_base_file(self):
        self.git("mv", "net/core.c", "net/heart.c", cwd=self.linux)
        self.commit()
        self.refresh_refused("deletes or renames net/core.c of Linux 7.1.13")

    def test_base_file_that_became_a_link(self):
        (self.linux / "README").unlink()
        (self.linux / "README").symlink_to("Kconfig")
        self.commit()
        self.refresh_refused("replaces README of Linux 7.1.13")

    def test_binary_change_of_a_base_file(self):
        (self.linux / "README").write_bytes(b"\0\1")
        self.commit()
        self.refresh_refused(r'\("net: more"\) cannot be held as a patch')

    def test_new_symbolic_link(self):
        (self.linux / "net/link.c").symlink_to("core.c")
        self.commit()
        self.refresh_refused("adds net/link.c, which is not a regular file")

    def test_new_file_outside_of_the_overlay(self):
        self.write("fs/new.c", "int x;\n", self.linux)
        self.commit()
        self.refresh_refused("adds fs/new.c, and the overlay has only")

    def test_new_file_that_the_repository_ignores(self):
        self.write("net/x.tmp", "x\n", self.linux)
        self.commit()
        self.refresh_refused(".gitignore hides net/x.tmp")

    def test_fixup_that_is_left(self):
        for word in ("fixup", "squash", "amend"):
            with self.subTest(word=word):
                self.edit("net/core.c", "line 1\n", f"{word} 1\n", self.linux)
                self.commit(f"{word}! net: go on")
                self.refresh_refused(f'"{word}! net: go on"\\) is to be melted')
                self.git("reset", "-q", "--hard", "HEAD~1", cwd=self.linux)

    def test_merge(self):
        self.git("checkout", "-q", "-b", "side", "base", cwd=self.linux)
        self.edit("README", "Read", "Do read", self.linux)
        self.commit()
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.git("merge", "-q", "--no-edit", "side", cwd=self.linux)
        self.refresh_refused("is a merge; a series has none")

    def test_empty_commit(self):
        self.commit("net: nothing", "--allow-empty")
        self.refresh_refused(r'"net: nothing"\) cannot be held as a patch: it has '
                             "neither hunks")

    def test_no_commit(self):
        self.git("reset", "-q", "--hard", "base", cwd=self.linux)
        self.refresh_refused("branch one has no commit of its own")

    def test_branch_that_left_the_base(self):
        self.git("checkout", "-q", "--orphan", "new", cwd=self.linux)
        self.commit("all")
        self.git("branch", "-f", "one", "new", cwd=self.linux)
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.refresh_refused("branch one does not contain branch base")

    def test_message_with_the_line_that_ends_it(self):
        self.git("commit", "-q", "--amend", "-m", "net: go on\n\na\n---\nb",
                 cwd=self.linux)
        self.refresh_refused("has a line `---`")

    def test_overlay_file_edited_in_the_repository_too(self):
        self.edit("io_uring/new.c", "int", "short")
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.linux)
        self.refresh_refused("the repository was edited since it was assembled"
                             "(.|\n)*:\nio_uring/new.c\n(.|\n)*FORCE=1")

    def test_patch_edited_in_the_repository_too(self):
        self.edit(THIRD, "Why.", "Because.")
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.linux)
        self.refresh_refused("the repository was edited since it was assembled")

    def test_commit_that_would_come_back_as_another_tree(self):
        """no known commit causes it, so the test makes refresh lose a file's mode"""
        self.edit("harness/tree/overlay/branches.py", "self.overlay[path] = mode, name",
                  'self.overlay[path] = "100644", name')
        self.refresh_refused(r'"include: add a header and a program"\) cannot be '
                             "held as a patch: applied again")

    def test_patch_broken_in_the_repository(self):
        self.edit(FIRST, " \tline 8\n", " \tline eight\n")
        self.refresh_refused("the repository was edited(.|\n)*cannot be assembled"
                             "(.|\n)*does not apply")


if __name__ == "__main__":
    unittest.main()
