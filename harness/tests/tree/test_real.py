# SPDX-License-Identifier: GPL-2.0
"""The series of this repository, on the real base: there and back again.

In a copy, so that the repository and its build directory stay as they are.
"""

import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from world import REPOSITORY, room

CACHE = pathlib.Path(
    os.environ.get("ZCRX_CACHE") or
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                 pathlib.Path.home() / ".cache") / "zcrx-notif")


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
                shutil.copy(REPOSITORY / name, cls.repo / name)
        cls.env = {"ZCRX_BUILD": str(cls.repo / "build"), "FORCE": "",
                   "GIT_COMMITTER_NAME": "Tess Tester",
                   "GIT_COMMITTER_EMAIL": "tess@example.org",
                   "GIT_AUTHOR_NAME": "Tess Tester",
                   "GIT_AUTHOR_EMAIL": "tess@example.org"}
        cls.linux = cls.repo / "build/linux"
        cls.git("init", "-q", cwd=cls.repo)
        cls.git("add", "-A", cwd=cls.repo)
        cls.git("commit", "-q", "-m", "all", cwd=cls.repo)
        cls.program("assemble")

    @classmethod
    def git(cls, *args, cwd=None):
        return run("git", *args, cwd=cwd or cls.linux, **cls.env)

    @classmethod
    def program(cls, name, *args):
        return run(cls.repo / "series" / name, *args, cwd=cls.repo, **cls.env)

    def posted_on(self):
        """{series: the one it is posted on, or none}, in stacking order"""
        lines = (self.repo / "series/order").read_text().splitlines()
        return {words[0]: words[1:] for line in lines
                if (words := line.split("#")[0].split())}

    def names(self):
        return list(self.posted_on())

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
        for name in self.names():
            with self.subTest(series=name):
                self.program("assemble", name)
                self.program("refresh")
                self.assertEqual(self.git("diff", cwd=self.repo), "")
        self.program("assemble")

    def test_exports_applied_in_any_order_that_they_allow_give_the_assembled_trees(self):
        self.program("assemble")
        names = self.names()
        wanted, mails = {}, {}
        for name in names:
            directory = self.repo / "build/mail" / name
            self.program("export", "-o", directory, name)
            mails[name] = sorted(directory.glob("*.patch"))[1:]
            wanted[tuple(sorted([name, *self.posted_on()[name]]))] = \
                self.tree(self.program("alone", name))
        wanted[tuple(sorted(names))] = self.tree("HEAD")
        for order in itertools.permutations(names):
            if any(other not in order[:order.index(name)] for name in names
                   for other in self.posted_on()[name]):
                continue
            self.git("checkout", "-q", "--detach", "base")
            for count, name in enumerate(order, 1):
                self.git("am", "-q", *mails[name])
                applied = tuple(sorted(order[:count]))
                with self.subTest(applied=order[:count]):
                    if applied in wanted:
                        self.assertEqual(self.tree("HEAD"), wanted[applied])
        self.git("checkout", "-q", names[-1])

    def test_targets_of_make_work(self):
        names, mails = self.names(), self.repo / "build/mail"
        self.make("assemble")
        self.make("refresh")
        self.assertEqual(self.git("status", "--short", cwd=self.repo), "")
        shutil.rmtree(mails, ignore_errors=True)
        self.make("series", "V=2", f"SERIES={names[0]}", "CC=more@example.org")
        self.assertEqual([path.name for path in mails.iterdir()], [names[0]])
        cover = (mails / names[0] / "v2-0000-cover-letter.patch").read_text()
        self.assertIn("\nCc: ", cover)
        self.assertIn("more@example.org", cover)
        said = self.make("series-dry-run", "V=3")
        for name in names:
            count = len(list((mails / name).glob("v3-*.patch")))
            self.assertIn(f"\n{count} mails from Tess Tester <tess@example.org>: "
                          "accepted, not sent", said)
        self.make("clean")
        self.assertFalse((self.repo / "build").exists())

    def make(self, *args):
        return run("make", "-s", *args, cwd=self.repo, **self.env)


if __name__ == "__main__":
    unittest.main()
