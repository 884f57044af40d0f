# SPDX-License-Identifier: GPL-2.0
"""The series of this repository, or of TREE, on the real base: assemble, then refresh.

The tests use a copy, so the repository and its build directory stay as they are.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from world import REPOSITORY, room

sys.path.insert(0, str(REPOSITORY / "harness"))
# pylint: disable=wrong-import-position
from lib.common import CACHE, TREE
from tree.overlay import repository

ORDER = repository.read_order()
NAMES = list(ORDER)


def run(*command, cwd, **env):
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, check=False, text=True,
        capture_output=True, env={**os.environ, **env})
    if done.returncode:
        raise AssertionError(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout.strip()


class Real(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if not list(CACHE.glob("base/*.git/stamp")):
            raise unittest.SkipTest("no base kernel is in the cache; "
                                    "harness/fetch/base puts it there")
        build = pathlib.Path(os.environ.get("ZCRX_BUILD") or
                             REPOSITORY / "build")
        build.mkdir(parents=True, exist_ok=True)
        directory = tempfile.mkdtemp(prefix="zcrx-series-test-",
                                     dir=room(3 << 30) or build)
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.repo = pathlib.Path(directory, "repo")
        for name in run("git", "ls-files", "-z", "-co", "--exclude-standard",
                        cwd=REPOSITORY).split("\0"):
            if name and (REPOSITORY / name).is_file():
                (cls.repo / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, cls.repo / name, follow_symlinks=False)
        cls.env = {"ZCRX_BUILD": str(cls.repo / "build"), "FORCE": "",
                   "GIT_COMMITTER_NAME": "Tess Tester",
                   "GIT_COMMITTER_EMAIL": "tess@example.org",
                   "GIT_AUTHOR_NAME": "Tess Tester",
                   "GIT_AUTHOR_EMAIL": "tess@example.org"}
        cls.build = cls.repo / "build" / TREE
        cls.linux = cls.build / "linux"
        cls.git("init", "-q", cwd=cls.repo)
        cls.git("add", "-A", cwd=cls.repo)
        cls.git("commit", "-q", "-m", "all", cwd=cls.repo)
        cls.program("assemble")

    @classmethod
    def git(cls, *args, cwd=None):
        return run("git", *args, cwd=cwd or cls.linux, **cls.env)

    @classmethod
    def program(cls, name, *args):
        return run(cls.repo / "harness/tree" / name, *args, cwd=cls.repo, **cls.env)

    def tree(self, name):
        return self.git("rev-parse", f"{name}^{{tree}}")

    def test_refresh_changes_nothing_and_assemble_gives_the_same(self):
        self.program("assemble")
        tip = self.git("rev-parse", "HEAD")
        self.program("refresh")
        self.assertEqual(self.git("diff", cwd=self.repo), "",
                         "harness/tree/refresh writes these patches in another form")
        self.assertEqual(self.git("status", "--short", cwd=self.repo), "")
        self.program("assemble")
        self.assertEqual(self.git("rev-parse", "HEAD"), tip)

    def test_refresh_of_each_alone_changes_nothing(self):
        for name in NAMES:
            with self.subTest(series=name):
                self.program("assemble", name)
                self.program("refresh")
                self.assertEqual(self.git("diff", cwd=self.repo), "")
        self.program("assemble")

    def small(self, commit, paths):
        """a tree with these paths of the commit alone, where git am takes no time"""
        index = self.build / "small.index"
        index.unlink(missing_ok=True)
        entries = self.git("ls-tree", "-r", "--format=%(objectmode),%(objectname),%(path)",
                           commit, "--", *paths).splitlines()
        env = {**self.env, "GIT_INDEX_FILE": str(index)}
        run("git", "update-index", "--add", *(
            word for entry in entries for word in ("--cacheinfo", entry)),
            cwd=self.linux, **env)
        return run("git", "write-tree", cwd=self.linux, **env)

    def test_exports_applied_in_any_order_that_they_allow_give_the_assembled_trees(self):
        self.program("assemble")
        paths = self.git("diff", "--name-only", "base", "HEAD").splitlines()
        base = self.git("commit-tree", "-m", "base", self.small("base", paths))
        tree = self.build / "small"
        self.git("worktree", "add", "-q", "--detach", tree, base)
        mails = {}
        for name in NAMES:
            directory = self.build / "mail" / name
            self.program("export", "-o", directory, name)
            mails[name] = sorted(directory.glob("*.patch"))[1:]
        # The same series give the same tree in any order, so the series above them
        # need a test on only one of these orders.
        applied = {frozenset(): base}
        todo = list(applied)
        for done in todo:
            for name in NAMES:
                if name in done or not done.issuperset(ORDER[name][0]):
                    continue
                self.git("checkout", "-q", "--detach", applied[done], cwd=tree)
                self.git("am", "-q", *mails[name], cwd=tree)
                tip = self.git("rev-parse", "HEAD", cwd=tree)
                more = done | {name}
                if more not in applied:
                    applied[more] = tip
                    todo.append(more)
                with self.subTest(applied=sorted(done), then=name):
                    self.assertEqual(self.tree(tip), self.tree(applied[more]))
        self.git("worktree", "remove", "--force", tree)
        self.assertEqual(self.tree(applied[frozenset(NAMES)]), self.small("HEAD", paths))
        for name in NAMES:
            self.assertEqual(self.tree(applied[frozenset([*ORDER[name][0], name])]),
                             self.small(f"posted/{name}", paths))

    def test_targets_of_make_work(self):
        mails = self.build / "mail"
        self.make("assemble")
        self.make("refresh")
        self.assertEqual(self.git("status", "--short", cwd=self.repo), "")
        shutil.rmtree(mails, ignore_errors=True)
        self.make("series", "REROLL=2", f"SERIES={NAMES[0]}", "MAIL_CC=more@example.org")
        self.assertEqual([path.name for path in mails.iterdir()], [NAMES[0]])
        cover = (mails / NAMES[0] / "v2-0000-cover-letter.patch").read_text()
        self.assertIn("\nCc: ", cover)
        self.assertIn("more@example.org", cover)
        said = self.make("series-dry-run", "REROLL=3")
        for name in NAMES:
            count = len(list((mails / name).glob("v3-*.patch")))
            self.assertIn(f"\n{count} mails from Tess Tester <tess@example.org>: "
                          "accepted, not sent", said)
        self.make("clean")
        self.assertFalse((self.repo / "build").exists())

    def make(self, *args):
        return run("make", "-s", *args, cwd=self.repo, **self.env)


if __name__ == "__main__":
    unittest.main()
