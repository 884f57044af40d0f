# SPDX-License-Identifier: GPL-2.0
"""what the lists ask of the series here (process/maintainer-netdev.rst and
process/submitting-patches.rst)"""

import unittest

from world import REPOSITORY

MOST = 15
FIXES = r'Fixes: [0-9a-f]{12} \(".+"\)'


def patches(name):
    found = sorted((REPOSITORY / "series" / name).glob("[0-9]*.patch"))
    assert found, f"series/{name} has no patch"
    return found


def trailers(path):
    """the last paragraph of the message"""
    message = path.read_text(encoding="utf-8").split("\n---\n")[0]
    return message.rstrip("\n").split("\n\n")[-1].split("\n")


class RulesOfLists(unittest.TestCase):

    def test_no_series_has_more_patches_than_a_list_takes(self):
        for name in ("zcrx-fixes", "zcrx-notif"):
            with self.subTest(series=name):
                self.assertLessEqual(len(patches(name)), MOST)

    def test_each_fix_says_what_it_fixes(self):
        for path in patches("zcrx-fixes"):
            with self.subTest(patch=path.name):
                fixes = [line for line in trailers(path) if "Fixes:" in line]
                self.assertTrue(fixes, "no Fixes: in the last paragraph")
                for line in fixes:
                    self.assertRegex(line, f"^{FIXES}$")


if __name__ == "__main__":
    unittest.main()
