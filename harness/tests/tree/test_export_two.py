# SPDX-License-Identifier: GPL-2.0
"""harness/tree/export with two series: each is mailed as if it were the only one"""

import unittest

from fakes import CORE, TWO, edited, hunks, mail
from world import World


class ExportTwo(World):

    def setUp(self):
        super().setUp()
        self.add_second_series()

    def export(self, name):
        """the paths of the mails, cover letter first"""
        self.succeeds("harness/tree/export", "-o", self.dir / name, name)
        return sorted((self.dir / name).glob("*.patch"))

    def applied(self, *names):
        """the tree after git am of the series on the clean base"""
        base = self.dir / "base"
        if not base.exists():
            self.git("clone", "-q", self.succeeds("harness/fetch/base"), base)
        self.git("checkout", "-q", "--detach", "origin/base", cwd=base)
        for name in names:
            self.git("am", "-q", *self.export(name)[1:], cwd=base)
        return self.tree_id(where=base)

    def assembled(self, *names):
        self.succeeds("harness/tree/assemble", *names)
        return self.tree_id()

    def test_each_alone_gives_the_tree_that_has_it_alone(self):
        for name in ("one", "two"):
            with self.subTest(series=name):
                self.assertEqual(self.applied(name), self.assembled(name))

    def test_both_in_either_order_give_the_tree_that_has_both(self):
        both = self.assembled()
        for names in (("one", "two"), ("two", "one")):
            with self.subTest(order=names):
                self.assertEqual(self.applied(*names), both)

    def test_each_has_its_own_cover_letter_and_files(self):
        for name, count, has, lacks in (
                ("one", 3, "io_uring/new.c", "drivers/net/two.c"),
                ("two", 2, "drivers/net/two.c", "io_uring/new.c")):
            with self.subTest(series=name):
                mails = self.export(name)
                self.assertEqual(len(mails), 1 + count)
                cover = mails[0].read_text()
                title = {"one": "The series", "two": "The second"}[name]
                self.assertIn(f"Subject: [PATCH 0/{count}] {title}\n", cover)
                base = self.git("rev-parse", "base", cwd=self.linux)
                self.assertIn(f"\nbase-commit: {base}\n", cover)
                self.assertNotIn("prerequisite-patch-id", cover)
                text = "".join(mail.read_text() for mail in mails)
                self.assertIn(has, text)
                self.assertNotIn(lacks, text)

    def test_default_directories_are_apart(self):
        self.succeeds("harness/tree/export", "one")
        self.succeeds("harness/tree/export", "two")
        self.assertEqual([len(list((self.repo / "build/mail" / name).iterdir()))
                          for name in ("one", "two")], [4, 3])

    def test_refused_when_it_needs_the_other(self):
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.succeeds("harness/tree/assemble")
        self.refused("series/two/0002-.* does not apply to Linux 7.1.13 without "
                     "fuzz", "harness/tree/export", "two")
        self.assertFalse((self.repo / "build/mail").exists())
        self.succeeds("harness/tree/export", "one")


if __name__ == "__main__":
    unittest.main()
