# SPDX-License-Identifier: GPL-2.0
"""harness/kernel: the sources that it builds, with a tree that only looks like Linux."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HARNESS = pathlib.Path(__file__).resolve().parents[1]
MAKEFILE = """
tinyconfig olddefconfig:
\tcat {config} >$(O)/.config
bzImage: $(O)/io_uring/x.o
\tmkdir -p $(O)/arch/x86/boot
\tcat $(CURDIR)/content >$(O)/arch/x86/boot/bzImage
\ttouch $(O)/System.map
$(O)/io_uring/x.o: source
\tmkdir -p $(O)/io_uring
\tdate +%s%N | tee $(O)/io_uring/x.gcno >$@
headers_install:
\tmkdir -p $(O)/usr/include
"""


class Kernel(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.build = pathlib.Path(directory.name) / "build"
        self.cache = pathlib.Path(directory.name) / "cache"
        self.linux = self.build / "linux"
        for name in ("scripts/kconfig", "arch/x86/configs"):
            (self.linux / name).mkdir(parents=True)
        merge = self.linux / "scripts/kconfig/merge_config.sh"
        merge.write_text("#!/bin/sh\n", encoding="utf-8")
        merge.chmod(0o755)
        (self.linux / "arch/x86/configs/tiny.config").touch()
        (self.linux / "Makefile").write_text(
            MAKEFILE.format(config=f"{HARNESS}/configs/base.config "
                            f"{HARNESS.parent}/series/all.config"), encoding="utf-8")
        (self.linux / "source").touch()
        self.git("init", "-q", "-b", "base")
        self.commit("base")
        self.git("checkout", "-q", "-b", "series")
        self.commit("patched")

    def git(self, *words):
        return subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=self.linux,
            check=True, stdout=subprocess.PIPE, text=True).stdout

    def commit(self, content):
        (self.linux / "content").write_text(content, encoding="utf-8")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", content)

    def kernel(self, **environment):
        return subprocess.run(
            [HARNESS / "kernel", "--image"], check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "ZCRX_BUILD": str(self.build), "ZCRX_CACHE": str(self.cache),
                 "KEEP": "1", "VARIANT": "", "BRANCH": "", **environment})

    def content(self, **environment):
        """the content of the image, and the messages"""
        done = self.kernel(**environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        image = pathlib.Path(done.stdout.rstrip("\n"))
        return image.read_text(encoding="utf-8"), done.stderr

    def test_a_branch_is_built_beside_the_tree_and_leaves_that_alone(self):
        (self.linux / "content").write_text("work", encoding="utf-8")
        self.assertEqual(self.content(BRANCH="base")[0], "base")
        self.assertEqual(self.content()[0], "work")
        self.assertEqual(self.git("branch", "--show-current"), "series\n")
        self.assertEqual(self.git("status", "--porcelain"), " M content\n")

    def test_a_branch_that_moved_is_built_again(self):
        self.assertEqual(self.content(BRANCH="series")[0], "patched")
        self.commit("patched more")
        self.assertEqual(self.content(BRANCH="series")[0], "patched more")

    def test_the_cache_keeps_the_kernel_of_a_branch(self):
        self.content(BRANCH="base")
        subprocess.run(["rm", "-rf", self.build / "branch"], check=True)
        content, said = self.content(BRANCH="base")
        self.assertEqual(content, "base")
        self.assertIn("the cache has this one", said)

    def test_only_what_is_in_a_kernel_makes_it_new(self):
        self.content()
        for name in ("Documentation/page.rst", "tools/testing/selftests/x.c",
                     "tools/net/y.c", "MAINTAINERS"):
            path = self.linux / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("new", encoding="utf-8")
            self.assertNotIn("kernel", self.content()[1], name)
        self.git("add", "-A")
        self.assertNotIn("kernel", self.content()[1])
        (self.linux / "tools/objtool").mkdir()
        (self.linux / "tools/objtool/z.c").touch()
        self.assertIn("kernel", self.content()[1])

    def test_objects_are_of_the_same_compilation_as_the_notes_from_the_cache(self):
        self.content()
        self.commit("patched more")
        self.content(BRANCH="series")
        self.assertIn("the cache has this one", self.content()[1])
        self.commit("patched again")
        self.assertEqual(self.content()[0], "patched again")
        one, notes = (self.build / f"obj/io_uring/x.{name}" for name in ("o", "gcno"))
        self.assertEqual(one.read_text(encoding="utf-8"), notes.read_text(encoding="utf-8"))

    def test_a_git_that_fails_gives_no_kernel_from_the_cache(self):
        self.content()
        git = shutil.which("git")
        path = self.build / "bin/git"
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\ncase "$*" in *" diff HEAD "*) exit 128; esac\n'
                        f'exec {git} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        (self.linux / "content").write_text("work", encoding="utf-8")
        done = self.kernel(PATH=f"{path.parent}:{os.environ['PATH']}")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")

    def test_the_cache_does_not_keep_what_is_built_for_once(self):
        self.content(KERNEL_CACHE="no")
        self.assertEqual([path for path in (self.cache / "kernel").iterdir()
                          if path.is_dir()], [])

    def test_a_branch_that_is_not_there_is_refused(self):
        done = self.kernel(BRANCH="nope")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("build/linux has no branch 'nope'", done.stderr)
        self.assertFalse((self.build / "branch").exists())


if __name__ == "__main__":
    unittest.main()
