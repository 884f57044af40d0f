# SPDX-License-Identifier: GPL-2.0
"""harness/fetch/base with KSRC: a checkout or a directory of the user"""

import os
import shutil
import unittest

from base_world import BaseWorld


class Ksrc(BaseWorld):

    def ksrc_refused(self, pattern, tree):
        self.base_refused(pattern, KERNEL_TARBALL=None, KSRC=str(tree))

    def test_directory_that_was_changed_is_read_again(self):
        tree = self.unpack()
        before = self.log(self.use(tree))
        self.edit("README", "Read", "Do read", tree)
        (tree / "net/core.c").unlink()
        self.write("net/new.c", "int x;\n", tree)
        repository = self.use(tree)
        self.assertNotEqual(self.log(repository), before)
        self.assertNotIn("net/core.c", self.content(repository))
        self.assertIn("net/new.c", self.content(repository))

    def test_entry_of_a_directory_that_lost_a_part_is_made_again(self):
        tree = self.unpack()
        repository = self.use(tree)
        packs = set(repository.glob("objects/pack/*"))
        self.write("net/new.c", "int x;\n", tree)
        # git reads a file again when it was written just before
        os.utime(tree / "net/new.c", (1e9, 1e9))
        wanted = self.log(self.use(tree))
        for path in set(repository.glob("objects/pack/*")) - packs:
            path.unlink()
        self.assertEqual(self.log(self.use(tree)), wanted)

    def test_built_directory_leaves_what_was_built_out(self):
        tree = self.unpack()
        self.write("net/core.o", "built\n", tree)
        self.assertNotIn("net/core.o", self.content(self.use(tree)))

    def test_checkout_is_taken_as_committed(self):
        tree = self.unpack()
        self.git("init", "-q", cwd=tree)
        self.commit_all(tree)
        self.write("net/untracked.c", "int x;\n", tree)
        before = self.files(tree), self.git("status", "--short", cwd=tree)
        repository = self.use(tree)
        self.assertNotIn("net/untracked.c", self.content(repository))
        self.assertEqual((self.files(tree), self.git("status", "--short",
                                                     cwd=tree)), before)

    def test_base_lives_on_when_the_checkout_is_gone(self):
        tree = self.unpack()
        self.git("init", "-q", cwd=tree)
        self.commit_all(tree)
        repository = self.use(tree)
        shutil.rmtree(tree)
        self.git("fsck", "--strict", cwd=repository)

    def test_checkout_with_changes(self):
        tree = self.unpack()
        self.git("init", "-q", cwd=tree)
        self.commit_all(tree)
        self.edit("README", "Read", "Do read", tree)
        self.ksrc_refused("has changes that are not committed:\n M README\nCommit", tree)

    def test_checkout_of_another_version(self):
        tree = self.unpack("7.2.0")
        self.git("init", "-q", cwd=tree)
        self.commit_all(tree)
        self.ksrc_refused("tree is Linux 7.2.0, and the series is for 7.1.y", tree)

    def test_directory_of_another_version(self):
        self.ksrc_refused("tree is Linux 7.2.0, and the series is for 7.1.y",
                          self.unpack("7.2.0"))

    def test_missing_directory(self):
        self.ksrc_refused("there is no such directory", self.dir / "nothing")


if __name__ == "__main__":
    unittest.main()
