# SPDX-License-Identifier: GPL-2.0
"""harness/tree/posted: a branch with one series straight on the base"""

import unittest

from fakes import CORE, TWO, edited, hunks, mail
from world import World


class Alone(World):

    def setUp(self):
        super().setUp()
        self.add_second_series()
        self.succeeds("harness/tree/assemble")

    def test_branch_has_what_assembling_it_alone_gives(self):
        for name in ("one", "two"):
            with self.subTest(series=name):
                branch = self.succeeds("harness/tree/posted", name)
                alone = self.git("rev-parse", branch, cwd=self.linux)
                self.succeeds("harness/tree/assemble", name)
                self.assertEqual(self.commits()[-1], alone)
                self.succeeds("harness/tree/assemble")

    def test_lowest_series_needs_no_branch_of_its_own(self):
        self.assertEqual(self.succeeds("harness/tree/posted", "one"), "one")
        self.assertEqual(self.succeeds("harness/tree/posted", "two"), "alone/two")

    def test_branch_of_several_leaves_out_what_is_between(self):
        self.write("series/mid/0000-cover-letter", "Between\n\nText.\n")
        self.write("series/mid/0001-net-between.patch", mail(
            "net: between", [], hunks("net/core.c", TWO, edited(TWO, 1, "between"))))
        self.write("series/order", "one\nmid\ntwo\n")
        self.assertEqual(self.succeeds("harness/tree/posted", "two", "one"), "two")
        self.succeeds("harness/tree/assemble")
        self.assertEqual(self.succeeds("harness/tree/posted", "two", "one"), "alone/one_two")

    def test_it_follows_the_repository(self):
        first = self.git("rev-parse", self.succeeds("harness/tree/posted", "two"),
                         cwd=self.linux)
        self.write("drivers/net/two.c", "long two;\n")
        branch = self.succeeds("harness/tree/posted", "two")
        self.assertNotEqual(self.git("rev-parse", branch, cwd=self.linux), first)

    def test_tree_and_its_branches_stay_as_they_are(self):
        files, tip = self.files(self.linux), self.commits()
        self.succeeds("harness/tree/posted", "two")
        self.assertEqual((self.files(self.linux), self.commits()), (files, tip))
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_refused_when_it_needs_the_other(self):
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.refused("series/two/0002-.* does not apply", "harness/tree/posted", "two")

    def test_refused_without_such_a_series_or_a_tree(self):
        self.refused("there is no series three", "harness/tree/posted", "three")
        self.linux.rename(self.dir / "away")
        self.refused("there is no tree", "harness/tree/posted", "two")


if __name__ == "__main__":
    unittest.main()
