# SPDX-License-Identifier: GPL-2.0
"""branches posted/SERIES: each series directly on what it is posted on"""

import shutil
import unittest

from fakes import CORE, TWO, edited, hunks, mail
from world import World


class Posted(World):

    def setUp(self):
        super().setUp()
        self.add_second_series()
        self.succeeds("harness/tree/assemble")

    def branches(self):
        return self.git("for-each-ref", "--format=%(refname:lstrip=3)",
                        "refs/heads/posted", cwd=self.linux).split()

    def test_branch_has_what_assembling_it_alone_gives(self):
        for name in ("one", "two"):
            with self.subTest(series=name):
                posted = self.git("rev-parse", f"posted/{name}", cwd=self.linux)
                self.succeeds("harness/tree/assemble", name)
                self.assertEqual(self.commits()[-1], posted)
                self.assertEqual(self.branches(), ["one", "two"])

    def test_its_description_is_the_cover_letter(self):
        said = self.git("config", "branch.posted/two.description", cwd=self.linux)
        cover = (self.repo / "series/two/0000-cover-letter").read_text()
        self.assertEqual(f"{said}\n", cover)

    def test_branch_of_a_series_that_is_gone_goes(self):
        shutil.rmtree(self.repo / "series/two")
        for name in ("drivers/net/two.c", "drivers/net/Makefile"):
            (self.repo / name).unlink(missing_ok=True)
        self.write("series/order", "one\n")
        self.succeeds("harness/tree/assemble")
        self.assertEqual(self.branches(), ["one"])

    def test_no_branch_of_a_series_that_needs_another(self):
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        done = self.run_program("harness/tree/assemble")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "two needs more than it is posted on: "
                         "series/two/0002-.* does not apply to Linux 7.1.13")
        self.assertEqual(self.branches(), ["one"])
        self.refused("two does not apply to what it is posted on",
                     "harness/tree/export", "two")


if __name__ == "__main__":
    unittest.main()
