# SPDX-License-Identifier: GPL-2.0
"""harness/tree/assemble: the trees that it makes"""

import re
import shutil
import unittest

from fakes import (FIRST, LINES, SECOND, THIRD, THREE, TWO, edited, hunks, kernel, mail,
                   make_tarball, series_files)
from world import World


class Assemble(World):

    def assemble(self, *args, **env):
        return self.succeeds("harness/tree/assemble", *args, **env)

    def test_tree_is_base_plus_hunks_plus_overlay(self):
        self.assemble()
        wanted = kernel() | {name: series_files()[name] for name in (
            "io_uring/new.c", "include/uapi/linux/new.h", "tools/net/run.sh")}
        wanted |= {"io_uring/zcrx.c": "".join(THREE),
                   "net/core.c": "".join(TWO), "virt/link.c": "int last;\n"}
        found = self.files(self.linux)
        self.assertEqual({name: content.decode()
                          for name, (_, _, content) in found.items()}, wanted)
        self.assertEqual(self.git("status", "--porcelain", cwd=self.linux), "")

    def test_one_commit_a_patch_with_its_message_and_no_person(self):
        self.assemble()
        log = self.git("log", "--reverse", "--format=%s/%an/%ae/%cn/%b",
                       "base..one", cwd=self.linux)
        who = "zcrx-notif/zcrx-notif@localhost/zcrx-notif"
        self.assertEqual(log.replace("\n\n", "\n").splitlines(), [
            f"io_uring: start/{who}/Why.",
            f"include: add a header and a program/{who}/Why.",
            f"net: go on/{who}/Why."])

    def test_folded_subject_is_one_line(self):
        self.edit(FIRST, "io_uring: start", "io_uring:\n start")
        self.assemble()
        self.assertEqual(self.git("log", "-1", "--format=%s", "one~2",
                                  cwd=self.linux), "io_uring: start")

    def test_each_commit_holds_what_its_patch_says(self):
        self.assemble()
        names = [self.git("diff-tree", "--name-only", "-r", "--no-commit-id",
                          commit, cwd=self.linux).split()
                 for commit in self.commits()]
        self.assertEqual(names, [
            ["io_uring/new.c", "io_uring/zcrx.c"],
            ["include/uapi/linux/new.h", "tools/net/run.sh"],
            ["io_uring/zcrx.c", "net/core.c"]])

    def test_executable_bit_of_overlay_files_is_kept(self):
        self.assemble()
        self.assertTrue((self.linux / "tools/net/run.sh").stat().st_mode & 0o100)
        self.assertFalse((self.linux / "io_uring/new.c").stat().st_mode & 0o100)

    def test_same_input_gives_same_commits(self):
        self.assemble()
        first = self.commits()
        self.git("config", "--global", "user.name", "Somebody Else")
        (self.linux.parent / "linux").rename(self.dir / "old")
        self.assemble()
        self.assertEqual(self.commits(), first)

    def test_patches_are_applied_once(self):
        self.assemble()
        first = self.commits()
        for trace in "again", "edited":
            self.succeeds("harness/tree/assemble", GIT_TRACE=str(self.dir / trace))
            self.edit(THIRD, "[PATCH] net", "[PATCH] net: net")
        self.assertNotIn("git apply", (self.dir / "again").read_text())
        self.assertIn("git apply", (self.dir / "edited").read_text())
        self.assertEqual(self.commits()[:2], first[:2])

    def test_commits_that_git_has_removed_are_made_again(self):
        self.assemble()
        first = self.commits()
        made = self.linux / ".git/zcrx-made"
        made.write_text(re.sub(r"[0-9a-f]+$", "1" * 40, made.read_text(), flags=re.M))
        self.assemble()
        self.assertEqual(self.commits(), first)

    def test_only_files_that_differ_are_written(self):
        self.assemble()
        before = self.files(self.linux)
        self.edit("io_uring/new.c", "int", "long")
        self.assemble()
        after = self.files(self.linux)
        self.assertEqual({name for name in after if before[name] != after[name]},
                         {"io_uring/new.c"})
        self.assemble()
        self.assertEqual(self.files(self.linux), after)

    def test_removed_patch_takes_its_changes_back(self):
        self.assemble()
        (self.repo / SECOND).unlink()
        (self.repo / "include/uapi/linux/new.h").unlink()
        (self.repo / "tools/net/run.sh").unlink()
        self.assemble()
        self.assertFalse((self.linux / "tools/net/run.sh").exists())
        self.assertEqual(len(self.commits()), 2)

    def test_hunk_applies_at_another_line_of_another_stable_base(self):
        other = kernel("7.1.14")
        other["io_uring/zcrx.c"] = "\tnew top\n" + other["io_uring/zcrx.c"]
        make_tarball(self.dir / "other.tar.xz", other)
        self.assemble()
        self.assemble(KERNEL_TARBALL=str(self.dir / "other.tar.xz"))
        self.assertEqual((self.linux / "io_uring/zcrx.c").read_text(),
                         "\tnew top\n" + "".join(THREE))
        self.assertEqual(self.git("log", "-1", "--format=%s", "base",
                                  cwd=self.linux), "Linux 7.1.14")

    def test_white_space_is_taken_as_it_is(self):
        new = edited(LINES, 10, "trailing  \t ")
        self.write(FIRST, mail("io_uring: start", ["io_uring/new.c"],
                               hunks("io_uring/zcrx.c", LINES, new)))
        self.edit("series/one/0003-net-go-on.patch", "\tfirst change",
                  "\ttrailing  \t ")
        self.git("config", "--global", "apply.whitespace", "fix")
        self.assemble()
        self.assertIn("\ttrailing  \t \n",
                      (self.linux / "io_uring/zcrx.c").read_text())

    def test_tree_goes_on_when_the_cache_has_moved(self):
        self.assemble()
        tip = self.git("rev-parse", "one", cwd=self.linux)
        (self.dir / "cache").rename(self.dir / "moved")
        self.assemble(ZCRX_CACHE=str(self.dir / "moved"))
        self.assertEqual(self.git("rev-parse", "one", cwd=self.linux), tip)
        self.git("fsck", cwd=self.linux)

    def test_interrupted_first_assembly_is_made_again(self):
        self.write("build/linux.new/half", "half\n")
        self.assemble()
        self.assertFalse((self.linux / "half").exists())
        self.assertFalse((self.repo / "build/linux.new").exists())

    def test_tree_takes_its_name_when_all_files_are_written(self):
        self.write("bin/git", "#!/bin/bash\n"
                   "[[ $* != *'read-tree -m -u'* ]] || kill -9 $PPID\n"
                   f'exec {shutil.which("git")} "$@"\n', self.dir)
        path = f"{self.dir}/bin:{self.env['PATH']}"
        done = self.run_program("harness/tree/assemble", PATH=path)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(self.linux.exists())
        self.assemble()

    def test_force_throws_work_in_the_tree_away(self):
        self.assemble()
        tip = self.git("rev-parse", "one", cwd=self.linux)
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.commit_all(self.linux, "mine")
        self.edit("net/core.c", "line 2\n", "mine\n", self.linux)
        self.assemble(FORCE="1")
        self.assertEqual(self.git("rev-parse", "HEAD", cwd=self.linux), tip)
        self.assertEqual(self.git("status", "--porcelain", cwd=self.linux), "")


if __name__ == "__main__":
    unittest.main()
