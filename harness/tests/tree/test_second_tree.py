# SPDX-License-Identifier: GPL-2.0
"""TREE=next: a tree on another base, which has most of its new files from the first"""

import unittest

from fakes import LINES, edited, hunks, kernel, mail, make_tarball
from world import World

PATCH = "next/series/own/0001-io_uring-start-here-too.patch"


class SecondTree(World):

    def setUp(self):
        super().setUp()
        self.next = self.repo / "build/next/linux"
        base = kernel("7.3.4")
        base["net/core.c"] = "\tanother line\n" + base["net/core.c"]
        make_tarball(self.dir / "next.tar.xz", base)
        del self.env["KERNEL_TARBALL"]
        for name, content in {
                "next/series/base": "version 7.3.*\n",
                "next/series/order": "own\n",
                "next/series/own/0000-cover-letter": "The next form\n\nWhat for.\n",
                PATCH: mail("io_uring: start here, too",
                            ["include/uapi/linux/new.h", "io_uring/new.c", "lib/own.c"],
                            hunks("io_uring/zcrx.c", LINES, edited(LINES, 30, "third"))),
                "next/include/uapi/linux/new.h": "#define NEW 3\n",
                "next/lib/own.c": "int own;\n"}.items():
            self.write(name, content)
        self.commit_all(message="a second tree")

    def in_first(self, program, *args):
        return self.succeeds(program, *args, KERNEL_TARBALL=str(self.tarball))

    def in_next(self, program, *args, **env):
        return self.succeeds(program, *args, TREE="next",
                             KERNEL_TARBALL=str(self.dir / "next.tar.xz"), **env)

    def refused_in_next(self, pattern, **env):
        self.refused(pattern, "harness/tree/assemble", **{
            "TREE": "next", "KERNEL_TARBALL": str(self.dir / "next.tar.xz"), **env})

    def test_files_are_its_own_or_those_of_the_first(self):
        self.in_next("harness/tree/assemble")
        self.assertEqual([(self.next / name).read_text() for name in (
            "io_uring/new.c", "include/uapi/linux/new.h", "lib/own.c")],
            ["int new;\n", "#define NEW 3\n", "int own;\n"])
        self.assertIn("third", (self.next / "io_uring/zcrx.c").read_text())
        self.assertFalse((self.next / "tools/net/run.sh").exists())
        self.assertFalse(self.linux.exists())

    def test_each_has_its_folder_of_what_is_built(self):
        self.in_first("harness/tree/assemble")
        self.in_next("harness/tree/assemble")
        self.assertEqual((self.linux / "include/uapi/linux/new.h").read_text(), "#define NEW 1\n")
        self.assertIn("SUBLEVEL = 13", (self.linux / "Makefile").read_text())
        self.assertIn("SUBLEVEL = 4", (self.next / "Makefile").read_text())
        self.assertEqual(self.in_next("harness/tree/assemble", "--list"), "own")
        self.assertEqual(self.in_first("harness/tree/assemble", "--list"), "one")

    def test_refresh_is_the_way_back(self):
        self.in_next("harness/tree/assemble")
        self.in_next("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_a_shared_file_that_changes_there_becomes_its_own(self):
        self.in_next("harness/tree/assemble")
        self.edit("io_uring/new.c", "new;", "newer;", self.next)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.next)
        self.in_next("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "?? next/io_uring/")
        self.assertEqual((self.repo / "next/io_uring/new.c").read_text(), "int newer;\n")
        tree = self.tree_id(where=self.next)
        self.in_next("harness/tree/assemble")
        self.assertEqual(self.tree_id(where=self.next), tree)

    def test_a_patch_that_is_the_same_in_the_first_is_a_link_to_it(self):
        change = mail("net: the same in both", [], hunks("net/core.c", LINES, edited(LINES, 30, "x")))
        self.write("series/shared/0007-net-the-same-in-both.patch", change)
        self.write("next/series/shared/0001-net-the-same-in-both.patch", change)
        self.write("next/series/order", "own\nshared\n")
        self.in_next("harness/tree/assemble")
        tree = self.tree_id(where=self.next)
        self.in_next("harness/tree/refresh")
        link = self.repo / "next/series/shared/0001-net-the-same-in-both.patch"
        self.assertEqual(str(link.readlink()),
                         "../../../series/shared/0007-net-the-same-in-both.patch")
        self.in_next("harness/tree/assemble")
        self.assertEqual(self.tree_id(where=self.next), tree)
        self.edit("net/core.c", "x", "y", self.next)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.next)
        self.in_next("harness/tree/refresh")
        self.assertFalse(link.is_symlink())
        self.assertIn("+\ty", link.read_text())

    def test_mails_are_for_its_base(self):
        self.in_next("harness/tree/export")
        letter = (self.repo / "build/next/mail/own/0000-cover-letter.patch").read_text()
        self.assertIn("\nbase: Linux 7.3.4, tree ", letter)
        mails = sorted((self.repo / "build/next/mail/own").glob("*.patch"))
        self.assertIn("+#define NEW 3", mails[1].read_text())
        self.assertIn("+int new;", mails[1].read_text())

    def test_the_base_of_the_other_is_refused(self):
        self.refused_in_next("is Linux 7.1.13, and the series is for 7.3.y",
                             KERNEL_TARBALL=str(self.tarball))
        self.refused("is Linux 7.3.4, and the series is for 7.1.y", "harness/tree/assemble",
                     KERNEL_TARBALL=str(self.dir / "next.tar.xz"))

    def test_a_file_that_no_patch_of_it_adds_is_refused(self):
        self.write("next/lib/late.c", "int late;\n")
        self.refused_in_next("no patch adds the overlay file lib/late.c")

    def test_a_tree_that_is_not_there_is_refused(self):
        for name in ("other", "io_uring"):
            self.refused_in_next(f"there is no tree '{name}'", TREE=name)


if __name__ == "__main__":
    unittest.main()
