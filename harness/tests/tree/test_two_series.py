# SPDX-License-Identifier: GPL-2.0
"""assemble and refresh with two series that do not need each other"""

import shutil
import unittest

from fakes import (CORE, DRIVER, FIRST, ONE, SECOND, THIRD, THREE, TWO, edited, hunks, mail,
                   second_series_files)
from world import World

CHANGE = "series/two/0002-io_uring-change-it.patch"


class Two(World):

    def setUp(self):
        super().setUp()
        self.add_second_series()

    def assemble(self, *args):
        self.succeeds("harness/tree/assemble", *args)

    def change(self, name, old, new):
        self.edit(name, old, new, self.linux)

    def amend(self):
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.linux)

    def read(self, name):
        return (self.repo / name).read_text()

    def changed(self):
        return set(self.git("ls-files", "-mo", "--exclude-standard").splitlines())

    # -- assemble

    def test_they_are_stacked_in_the_order_of_the_list(self):
        self.assemble()
        self.assertEqual(
            self.git("log", "--reverse", "--format=%s", "one..two", cwd=self.linux),
            "net: add a driver\nnet: change the core")
        self.assertEqual(self.git("rev-parse", "two~2", cwd=self.linux),
                         self.git("rev-parse", "one", cwd=self.linux))
        self.assertTrue((self.linux / "io_uring/new.c").exists())
        self.assertTrue((self.linux / "drivers/net/two.c").exists())

    def test_each_alone_is_straight_on_the_base(self):
        for name, count, file, other in (
                ("two", 2, "drivers/net/two.c", "io_uring/new.c"),
                ("one", 3, "io_uring/new.c", "drivers/net/two.c")):
            with self.subTest(series=name):
                self.assemble(name)
                self.assertEqual(len(self.commits()), count)
                self.assertEqual(
                    self.git("rev-parse", "--abbrev-ref", "HEAD", cwd=self.linux),
                    name)
                self.assertTrue((self.linux / file).exists())
                self.assertFalse((self.linux / other).exists())

    def test_both_again_are_what_they_were(self):
        self.assemble()
        refs, tree = self.refs(), self.tree_id()
        before = self.files(self.linux)
        self.assemble("two")
        self.assemble()
        self.assertEqual((self.refs(), self.tree_id()), (refs, tree))
        after = self.files(self.linux)
        self.assertEqual({name for name in after if before[name] != after[name]}, {
            "io_uring/new.c", "io_uring/zcrx.c", "include/uapi/linux/new.h",
            "net/core.c", "tools/net/run.sh"})

    def test_alone_gives_the_same_from_nothing_and_from_both(self):
        self.assemble("two")
        tip = self.git("rev-parse", "HEAD", cwd=self.linux)
        self.linux.rename(self.dir / "old")
        self.assemble()
        self.assemble("two")
        self.assertEqual(self.git("rev-parse", "HEAD", cwd=self.linux), tip)

    def test_names_in_any_order_are_stacked_as_listed(self):
        self.assemble()
        refs = self.refs()
        self.assemble("two", "one")
        self.assertEqual(self.refs(), refs)

    def test_stray_overlay_file_is_refused_when_one_is_assembled(self):
        self.write("lib/stray.c", "int stray;\n")
        for name in ("one", "two"):
            self.refused("no patch adds the overlay file lib/stray.c",
                         "harness/tree/assemble", name)

    def test_overlay_file_that_both_add(self):
        self.edit(DRIVER, "---\n", "---\nAdds: io_uring/new.c\n")
        for name in ("one", "two"):
            self.refused("io_uring/new.c is added by series/one/0001-.* and by "
                         "series/two/0001-", "harness/tree/assemble", name)

    def test_series_that_needs_the_one_below_is_refused_alone(self):
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.assemble()
        self.refused("series/two/0002-.* does not apply to Linux 7.1.13 without "
                     "fuzz", "harness/tree/assemble", "two")

    def test_work_in_the_lower_series_is_not_lost(self):
        self.assemble()
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.change("io_uring/new.c", "int", "long")
        self.amend()
        for names in ((), ("one",), ("two",)):
            self.refused("has work that is not in the repository: branch one has "
                         "new commits", "harness/tree/assemble", *names)

    # -- refresh

    def test_refresh_after_assemble_changes_nothing(self):
        self.assemble()
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_refresh_gives_each_its_own_commits(self):
        self.assemble()
        self.change("io_uring/new.c", "int", "long")
        self.git("commit", "-q", "-a", "--fixup=one~2", cwd=self.linux)
        self.git("rebase", "-q", "-i", "--autosquash", "base", cwd=self.linux,
                 GIT_SEQUENCE_EDITOR="true")
        self.change("net/core.c", "of two", "by two")
        self.amend()
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.read("io_uring/new.c"), "long new;\n")
        self.assertIn("+\tby two\n", self.read(CORE))
        self.assertEqual(self.changed(), {"io_uring/new.c", CORE})
        refs = self.refs()
        self.assemble()
        self.assertEqual(self.refs(), refs)

    def test_refresh_of_one_alone_leaves_the_other(self):
        self.assemble("two")
        self.change("drivers/net/two.c", "int", "long")
        self.git("commit", "-q", "-a", "--fixup=two~1", cwd=self.linux)
        self.git("rebase", "-q", "-i", "--autosquash", "base", cwd=self.linux,
                 GIT_SEQUENCE_EDITOR="true")
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.changed(), {"drivers/net/two.c"})
        self.assemble()
        self.assertEqual((self.linux / "drivers/net/two.c").read_text(),
                         "long two;\n")
        self.assertTrue((self.linux / "io_uring/new.c").exists())

    def test_line_numbers_are_those_on_the_base(self):
        """an edit of one series must not show up in patches of the other"""
        for names in (("two",), ()):
            self.assemble(*names)
            self.succeeds("harness/tree/refresh")
            self.assertEqual(self.repository_changes(), "")
        self.git("checkout", "-q", "one", cwd=self.linux)
        self.change("net/core.c", "line 1\n", "line 1\n\tmore\n")
        self.amend()
        self.git("rebase", "-q", "--onto", "one", "two~2", "two", cwd=self.linux)
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.changed(), {THIRD})

    def test_refresh_tells_of_a_series_that_needs_the_one_below(self):
        self.assemble()
        self.change("net/core.c", "first change", "first, changed by two")
        self.amend()
        done = self.run_program("harness/tree/refresh")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, "two needs more than it is posted on(.|\n)*"
                         "series/two/0002-.* does not apply to Linux 7.1.13")
        refs = self.refs()
        self.assemble()
        self.assertEqual(self.refs(), refs)

    def test_overlay_file_can_move_to_the_other_series(self):
        self.assemble()
        self.git("checkout", "-q", "-b", "new", "base", cwd=self.linux)
        self.git("cherry-pick", "one~2", "one", cwd=self.linux)
        self.git("branch", "-f", "one", cwd=self.linux)
        self.git("cherry-pick", "two~1", "two", cwd=self.linux)
        for name in ("include/uapi/linux/new.h", "tools/net/run.sh"):
            self.git("checkout", "two~2~1", "--", name, cwd=self.linux)
        self.git("commit", "-q", "-m", "net: add what the first had",
                 cwd=self.linux)
        self.git("checkout", "-q", "-B", "two", cwd=self.linux)
        self.succeeds("harness/tree/refresh")
        self.assertFalse(list(self.repo.glob("series/one/0002-include*")))
        self.assertIn("Adds: tools/net/run.sh\n", self.read(
            "series/two/0003-net-add-what-the-first-had.patch"))
        self.assertTrue((self.repo / "tools/net/run.sh").exists())

    def test_refresh_refuses_a_file_that_the_absent_series_adds(self):
        self.assemble("two")
        self.write("io_uring/new.c", "int mine;\n", self.linux)
        self.commit_all(self.linux, "io_uring: add a file")
        self.refused(r'"io_uring: add a file"\) adds io_uring/new.c, as does '
                     "series/one/0001-", "harness/tree/refresh")

    def test_refresh_refuses_a_change_of_what_the_other_series_adds(self):
        self.assemble()
        self.change("io_uring/new.c", "int", "long")
        self.git("commit", "-q", "-a", "-m", "io_uring: change it", cwd=self.linux)
        self.refused('"io_uring: change it"\\) changes io_uring/new.c, which .* adds.* Only '
                     "a series that series/order puts on one can change it",
                     "harness/tree/refresh")

    # -- a series on another one, which changes its new file

    def put_on_one(self):
        self.write("series/order", "one\ntwo one\n")
        self.write("io_uring/new.c", "".join(ONE))
        (self.repo / CORE).unlink()
        self.write(CHANGE, mail("io_uring: change it", [], hunks("io_uring/new.c", ONE, TWO)))

    def test_a_series_changes_what_the_series_below_adds(self):
        self.put_on_one()
        self.assemble()
        self.assertEqual("".join(TWO), (self.linux / "io_uring/new.c").read_text())
        for tip in ("one", "posted/one"):
            self.assertEqual("".join(ONE).strip(),
                             self.git("show", f"{tip}:io_uring/new.c", cwd=self.linux))
        self.assertEqual("".join(TWO).strip(),
                         self.git("show", "posted/two:io_uring/new.c", cwd=self.linux))
        self.commit_all(message="on one")
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_refresh_takes_over_a_change_of_what_the_series_below_adds(self):
        self.put_on_one()
        self.assemble()
        self.change("io_uring/new.c", "first change", "another one")
        self.amend()
        self.succeeds("harness/tree/refresh")
        self.assertEqual("".join(ONE), self.read("io_uring/new.c"))
        self.assertIn("\n+\tanother one\n", self.read(CHANGE))

    def test_a_third_series_changes_it_once_more(self):
        self.put_on_one()
        self.write("series/order", "one\ntwo one\nthree two\n")
        self.write("series/three/0000-cover-letter", "Third series\n\nHello.\n")
        self.write("series/three/0001-io_uring-change-it-again.patch",
                   mail("io_uring: change it again", [], hunks("io_uring/new.c", TWO, THREE)))
        self.assemble()
        self.assertEqual("".join(THREE), (self.linux / "io_uring/new.c").read_text())
        self.commit_all(message="three")
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_a_series_that_is_not_on_it_is_refused(self):
        self.put_on_one()
        self.assemble()
        self.write("series/order", "one\ntwo\n")
        self.refused("a hunk changes io_uring/new.c of series one. Only a series that "
                     "series/order puts on one can change it", "harness/tree/assemble")

    def test_a_file_that_has_moved_to_a_series_that_it_is_not_on_is_refused(self):
        self.put_on_one()
        self.assemble()
        zero = self.repo / "series/zero"
        zero.mkdir()
        (self.repo / FIRST).rename(zero / "0001-io_uring-start.patch")
        shutil.copy(self.repo / "series/one/0000-cover-letter", zero)
        for name, number in ((SECOND, 1), (THIRD, 2)):
            (self.repo / name).rename(self.repo / name.replace("/000", f"/000{number}-"))
        self.write("series/order", "zero\none\ntwo one\n")
        self.refused("a hunk changes io_uring/new.c of series zero", "harness/tree/assemble")

    def test_what_was_accepted_once_is_refused_in_the_series_of_the_file(self):
        self.put_on_one()
        for name in (DRIVER, "drivers/net/two.c"):
            (self.repo / name).unlink()
        self.assemble()
        (self.repo / CHANGE).rename(self.repo / "series/one/0004-io_uring-change-it.patch")
        shutil.rmtree(self.repo / "series/two")
        self.write("series/order", "one\n")
        self.refused("changes io_uring/new.c, which Linux 7.1.13 does not have",
                     "harness/tree/assemble")

    def test_a_series_deletes_no_file_of_the_series_below(self):
        self.put_on_one()
        self.assemble()
        self.git("rm", "-q", "io_uring/new.c", cwd=self.linux)
        self.git("commit", "-q", "-m", "io_uring: drop it", cwd=self.linux)
        self.refused("deletes or renames io_uring/new.c of series one", "harness/tree/refresh")

    def test_the_series_of_a_new_file_adds_it_complete(self):
        self.put_on_one()
        self.edit(DRIVER, "Adds: ", "Adds: io_uring/new.c\nAdds: ")
        self.edit(FIRST, "Adds: io_uring/new.c\n", "")
        self.refused("changes io_uring/new.c, which Linux 7.1.13 does not have",
                     "harness/tree/assemble")

    def test_edit_of_the_absent_series_does_not_hinder_refresh(self):
        self.assemble("two")
        self.edit("io_uring/new.c", "int", "long")
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.read("io_uring/new.c"), "long new;\n")
        self.assemble()
        self.assertEqual((self.linux / "io_uring/new.c").read_text(), "long new;\n")

    def test_dropped_series_is_not_part_of_the_tree_any_more(self):
        self.assemble()
        for name in second_series_files():
            if name != "series/order":
                (self.repo / name).unlink()
        (self.repo / "series/two").rmdir()
        self.write("series/order", "one\n")
        self.assemble()
        self.assertFalse((self.linux / "drivers/net/two.c").exists())
        self.assertEqual((self.linux / "net/core.c").read_text(),
                         "".join(TWO))
        self.succeeds("harness/tree/refresh")
        self.assertFalse((self.repo / "series/two").exists())


if __name__ == "__main__":
    unittest.main()
