# SPDX-License-Identifier: GPL-2.0
"""harness/tree/assemble: its refusals. Each has its own message and leaves everything
as it was, whether there is a tree already or not"""

import unittest

from fakes import FIRST, LINES, SECOND, TWO, hunks, kernel, mail, make_tarball
from world import World


class Refuse(World):

    def first(self, diff, adds=("io_uring/new.c",)):
        self.write(FIRST, mail("io_uring: start", adds, diff))

    # -- overlay

    def test_overlay_file_that_no_patch_adds(self):
        self.write("lib/stray.c", "int stray;\n")
        self.assemble_refused("no patch adds the overlay file lib/stray.c")

    def test_overlay_file_that_two_patches_add(self):
        self.edit(SECOND, "---\n", "---\nAdds: io_uring/new.c\n")
        self.assemble_refused("io_uring/new.c is added by .*0001-.* and by .*0002-")

    def test_overlay_file_that_is_missing(self):
        (self.repo / "io_uring/new.c").unlink()
        self.assemble_refused("0001-.* adds io_uring/new.c, and there is no such file")

    def test_overlay_file_that_linux_has(self):
        self.write("net/core.c", "mine\n")
        self.edit(SECOND, "---\n", "---\nAdds: net/core.c\n")
        self.assemble_refused("adds net/core.c, which Linux 7.1.13 has already")

    def test_overlay_file_below_a_file_of_linux(self):
        self.write("net/core.c/x.c", "mine\n")
        self.edit(SECOND, "---\n", "---\nAdds: net/core.c/x.c\n")
        self.assemble_refused("net/core.c is a file in Linux 7.1.13")

    def test_overlay_file_that_is_a_symbolic_link(self):
        (self.repo / "net").mkdir()
        (self.repo / "net/link.c").symlink_to("../io_uring/new.c")
        self.assemble_refused("net/link.c is not a regular file")

    # -- hunks

    def test_hunk_that_needs_fuzz(self):
        self.edit(FIRST, " \tline 8\n", " \tline eight\n")
        self.assemble_refused(
            "0001-.* does not apply to Linux 7.1.13 without fuzz:\n"
            "(.|\n)*io_uring/zcrx.c(.|\n)*Edit the hunk")

    def test_hunk_that_differs_in_white_space(self):
        self.git("config", "--global", "apply.ignoreWhitespace", "change")
        self.edit(FIRST, " \tline 8\n", "  line 8\n")
        self.assemble_refused("0001-.* does not apply to Linux 7.1.13 without fuzz")

    def test_hunk_that_makes_a_file(self):
        self.first("diff --git a/net/x.c b/net/x.c\nnew file mode 100644\n"
                   "--- /dev/null\n+++ b/net/x.c\n@@ -0,0 +1 @@\n+int x;\n")
        self.assemble_refused("0001-.*renames or copies net/x.c.*goes into the overlay")

    def test_hunk_that_deletes_a_file(self):
        self.first("diff --git a/README b/README\ndeleted file mode 100644\n"
                   "--- a/README\n+++ /dev/null\n@@ -1 +0,0 @@\n-Read me\n")
        self.assemble_refused("0001-.*deletes, renames or copies README")

    def test_hunk_that_deletes_without_saying_so(self):
        self.first("diff --git a/README b/README\n"
                   "--- a/README\n+++ /dev/null\n@@ -1 +0,0 @@\n-Read me\n")
        self.assemble_refused("0001-.*deletes, renames or copies README")

    def test_hunk_that_renames_a_file(self):
        self.first("diff --git a/README b/README\nrename from README\n"
                   "rename to READ\n")
        self.assemble_refused("0001-.*deletes, renames or copies README")

    def test_hunk_for_an_overlay_file(self):
        self.first(hunks("io_uring/new.c", ["int new;\n"], ["int old;\n"]))
        self.assemble_refused("a hunk changes io_uring/new.c, which Linux 7.1.13 "
                              "does not have")

    # -- the folders

    def test_stray_file_in_a_series(self):
        self.write("series/one/0001-io_uring-start.patch.orig", "x\n")
        self.assemble_refused("0001-io_uring-start.patch.orig is neither a patch")

    def test_two_patches_of_one_number(self):
        self.write("series/one/0003-again.patch", mail(
            "again", [], hunks("net/core.c", TWO, LINES)))
        self.assemble_refused("0003-net-go-on.patch has the number of 0003-again")

    def test_series_that_is_not_listed(self):
        self.write("series/two/0001-x.patch", mail(
            "x", [], hunks("net/core.c", TWO, LINES)))
        self.assemble_refused("series/two is not listed in series/order")

    def test_listed_series_that_is_not_there(self):
        self.write("series/order", "one\ntwo\n")
        self.assemble_refused("there is no folder series/two")

    def test_series_that_does_not_exist(self):
        self.refused("there is no series two; series/order lists one",
                     "harness/tree/assemble", "two")

    # -- the base

    def test_base_of_another_version(self):
        for version in ("6.12.3", "7.2.0", "7.1.0-rc3"):
            with self.subTest(version=version):
                make_tarball(self.dir / "other.tar.xz", kernel(version))
                self.refused(rf"is Linux {version}, and the series is for 7.1.y"
                             r"(.|\n)*KSRC=directory",
                             "harness/tree/assemble",
                             KERNEL_TARBALL=str(self.dir / "other.tar.xz"))


class RefuseUnrefreshed(World):
    """work in the tree that the repository does not have"""

    def setUp(self):
        super().setUp()
        self.succeeds("harness/tree/assemble")

    def work_refused(self, why):
        self.edit("io_uring/new.c", "int", "long")
        self.refused(rf"has work that is not in the repository: {why}"
                     r"(.|\n)*make refresh(.|\n)*FORCE=1", "harness/tree/assemble")

    def test_changed_file(self):
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.work_refused("files are changed and not committed:\n M net/core.c")

    def test_staged_file(self):
        self.write("net/new.c", "int x;\n", self.linux)
        self.git("add", "net/new.c", cwd=self.linux)
        self.work_refused("files are changed and not committed:\nA  net/new.c")

    def test_new_commit(self):
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.commit_all(self.linux)
        self.work_refused("branch one has new commits")

    def test_new_commit_in_a_series_that_is_not_assembled_now(self):
        self.write("series/order", "one\ntwo\n")
        self.write("series/two/0001-net-two.patch", mail("net: two", ["net/two.c"]))
        self.write("net/two.c", "int two;\n")
        self.succeeds("harness/tree/assemble")
        self.edit("net/two.c", "int", "long", self.linux)
        self.commit_all(self.linux)
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.work_refused("branch two has new commits")

    def test_commit_on_another_branch(self):
        self.git("checkout", "-q", "-b", "mine", cwd=self.linux)
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.commit_all(self.linux)
        self.work_refused("HEAD is not at branch one")

    def test_rebase_in_progress(self):
        self.git("rebase", "-q", "-i", "base", cwd=self.linux,
                 GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
        self.work_refused("a rebase is in progress")

    def test_untracked_file_in_the_way(self):
        self.write("lib/late.c", "theirs\n", self.linux)
        self.write("lib/late.c", "ours\n")
        self.edit(SECOND, "---\n", "---\nAdds: lib/late.c\n")
        self.refused("lib/late.c", "harness/tree/assemble")


if __name__ == "__main__":
    unittest.main()
