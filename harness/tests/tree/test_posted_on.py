# SPDX-License-Identifier: GPL-2.0
"""a series that is posted on another one: it does not apply without that one, and is
not handled without it"""

import unittest

from fakes import (CORE, THIRD, TWO, edited, hunks, mail,
                   second_series_files)
from world import World


class PostedOn(World):

    def setUp(self):
        super().setUp()
        self.add_second_series()
        self.write("series/order", "one - # on the base\ntwo one # on it\n")
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.commit_all(message="two on one")

    def tree_of_both(self):
        self.succeeds("harness/tree/assemble")
        return self.tree_id()

    def export(self, name):
        self.succeeds("harness/tree/export", "-o", self.dir / name, name)
        return sorted((self.dir / name).glob("*.patch"))

    def test_it_is_assembled_with_what_it_is_posted_on(self):
        both = self.tree_of_both()
        self.succeeds("harness/tree/assemble", "two")
        self.assertEqual(self.tree_id(), both)
        self.assertEqual(self.git("log", "-1", "--format=%s", "one",
                                  cwd=self.linux), "net: go on")

    def test_its_branch_as_posted_has_what_it_is_posted_on(self):
        both = self.tree_of_both()
        self.assertEqual(self.tree_id("posted/two"), both)

    def test_refresh_after_assemble_changes_nothing(self):
        self.tree_of_both()
        done = self.run_program("harness/tree/refresh")
        self.assertEqual((done.returncode, self.repository_changes()), (0, ""))
        self.assertNotIn("needs", done.stderr)

    def test_a_series_between_them_does_not_move_its_lines(self):
        more = edited(TWO, 1, "between")
        self.write("series/mid/0000-cover-letter", "Between\n\nText.\n")
        self.write("series/mid/0001-net-between.patch", mail(
            "net: between", [], hunks("net/core.c", TWO[:10] + TWO[11:],
                                      more[:11] + more[12:])))
        self.write("series/order", "one\nmid\ntwo one\n")
        self.commit_all(message="mid")
        self.tree_of_both()
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")
        self.assertNotIn("between", self.git("show", "posted/two:net/core.c",
                                             cwd=self.linux))

    def test_its_mails_are_its_own_and_apply_on_the_other(self):
        both = self.tree_of_both()
        self.git("clone", "-q", self.succeeds("harness/fetch/base"), self.dir / "base")
        for name, count in (("one", 4), ("two", 3)):
            mails = self.export(name)
            self.assertEqual(len(mails), count)
            self.git("am", "-q", *mails[1:], cwd=self.dir / "base")
        self.assertEqual(self.tree_id(where=self.dir / "base"), both)

    def test_its_cover_letter_names_the_other(self):
        covers = {name: self.export(name)[0].read_text() for name in ("one", "two")}
        base = self.git("rev-parse", "base", cwd=self.linux)
        self.assertIn(f"\nbase-commit: {base}\nbase: Linux 7.1.13, tree "
                      f"{self.tree_id('base')}\nwith the series: \"The series\"\n"
                      "prerequisite-patch-id: ", covers["two"])
        self.assertEqual(covers["two"].count("prerequisite-patch-id: "), 3)
        self.assertNotIn("with the series", covers["one"])
        self.assertNotIn("prerequisite", covers["one"])
        self.assertNotIn("io_uring/zcrx.c", covers["two"])

    def test_its_recipients_are_not_those_of_the_other(self):
        self.write("series/order", "two\none two\n")
        self.write(CORE, second_series_files()[CORE])
        self.assertIn("drivers@example.org", self.export("two")[1].read_text())
        self.assertNotIn("drivers@example.org", self.export("one")[1].read_text())

    def test_an_edit_of_the_lower_one_changes_no_patch_of_it(self):
        self.tree_of_both()
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.edit("net/core.c", "line 60\n", "line 60\n\tmore\n", self.linux)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.linux)
        self.git("rebase", "-q", "--onto", "one", "two~2", "two", cwd=self.linux)
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.git("diff", "--name-only"), THIRD)

    def test_refused_on_one_that_is_not_above_it_in_the_list(self):
        for order in ("two one\none\n", "one\ntwo three\n", "one\ntwo two\n"):
            with self.subTest(order=order):
                self.write("series/order", order)
                self.refused("series/order lists two on .*: that must be a series which "
                             "is listed above it, or -", "harness/tree/assemble")


if __name__ == "__main__":
    unittest.main()
