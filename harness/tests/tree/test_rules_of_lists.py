# SPDX-License-Identifier: GPL-2.0
"""the rules of the mailing lists for series (process/maintainer-netdev.rst and
process/submitting-patches.rst)"""

import sys
import unittest

from world import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "harness"))
from tree.overlay import repository  # pylint: disable=wrong-import-position

MAILS = 15
FIXES = r'^Fixes: [0-9a-f]{12} \(".+"\)$'
ORDER = repository.read_order()


class RulesOfLists(unittest.TestCase):

    def test_no_series_has_more_mails_than_a_list_takes(self):
        for name in ORDER:
            with self.subTest(series=name):
                cover = 1
                self.assertLessEqual(cover + len(repository.read_series(name)), MAILS)

    def test_each_fix_says_what_it_fixes(self):
        series = [name for name, (_, prefix) in ORDER.items() if prefix == "net"]
        for patch in sum(map(repository.read_series, ["zcrx-fixes", *series]), []):
            with self.subTest(patch=patch.where):
                fixes = [line for line in patch.body.split("\n\n")[-1].splitlines()
                         if "Fixes:" in line]
                self.assertTrue(fixes or patch.subject.startswith("selftests: "),
                                "no Fixes: in the last paragraph")
                for line in fixes:
                    self.assertRegex(line, FIXES)


if __name__ == "__main__":
    unittest.main()
