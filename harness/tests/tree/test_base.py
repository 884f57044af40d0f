# SPDX-License-Identifier: GPL-2.0
"""harness/fetch/base: the base kernel as a git repository in the cache"""

import os
import shutil
import unittest

from base_world import BaseWorld
from fakes import kernel, make_tarball

UNFINISHED = """#!/bin/bash
# stands for {name}, and ends the program that calls it
kill -9 $PPID
"""


class Base(BaseWorld):

    def test_one_commit_with_the_whole_tree(self):
        repository = self.base()
        self.assertEqual(self.log(repository).split(" ", 2)[2],
                         "Linux 7.1.13 base Thu Jan 1 00:00:00 2026 +0000")
        wanted = {name: "100755" if name.endswith(".pl") else "100644"
                  for name in kernel()} | {"virt/link.c": "120000"}
        self.assertEqual(self.content(repository), wanted)
        self.assertEqual(self.git("cat-file", "blob", "base:io_uring/zcrx.c",
                                  cwd=repository),
                         kernel()["io_uring/zcrx.c"].strip())

    def test_second_time_it_is_there(self):
        first = self.base()
        before = self.files(first.parent)
        self.assertEqual(self.base(), first)
        self.assertEqual(self.said, "")
        self.assertEqual(self.files(first.parent), before)

    def test_same_tree_gives_same_commit_from_each_source(self):
        wanted = self.log(self.base())
        tree = self.unpack()
        self.assertEqual(self.log(self.use(tree)), wanted)
        self.git("init", "-q", cwd=tree)
        self.commit_all(tree)
        self.assertEqual(self.log(self.use(tree)), wanted)

    # -- damage and interruption

    def test_damaged_entry_is_made_again(self):
        whole = self.log(self.base())

        def pack(repository):
            return next(repository.glob("objects/pack/*.pack"))

        def cut(repository):
            pack(repository).chmod(0o644)
            os.truncate(pack(repository), 60)

        for damage in (cut, lambda r: pack(r).unlink(),
                       lambda r: (r / "stamp").unlink(),
                       lambda r: (r / "refs/heads/base").unlink(),
                       lambda r: (r / "stamp").write_text("x\n"),
                       lambda r: shutil.rmtree(r / "objects")):
            with self.subTest(damage=damage):
                repository = self.base()
                damage(repository)
                self.assertEqual(self.log(self.base()), whole)
                self.assertIn("is damaged; making it again", self.said)

    def test_interrupted_import_is_not_taken(self):
        """the run is killed at each of the programs that it calls"""
        for name in ("xz", "sync", "mv"):
            with self.subTest(name=name):
                shutil.rmtree(self.dir / "cache")
                self.write(f"bin/{name}", UNFINISHED.format(name=name), self.dir)
                path = f"{self.dir}/bin:{self.env['PATH']}"
                done = self.run_program("harness/fetch/base", PATH=path)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(done.stdout, "")
                (self.dir / "bin" / name).unlink()
                self.assertEqual(self.content(self.base()).keys(),
                                 kernel().keys() | {"virt/link.c"})
                self.assertEqual(
                    list((self.dir / "cache/base").glob("scratch*")), [])

    # -- refused

    def test_tarballs_of_each_compression(self):
        wanted = self.log(self.base())
        for form in ("", "gz", "bz2"):
            path = self.dir / f"linux.tar.{form}".rstrip(".")
            make_tarball(path, kernel(), form)
            self.assertEqual(self.log(self.base(KERNEL_TARBALL=str(path))), wanted)

    def test_truncated_tarball(self):
        """in the middle, and where only the sums are missing"""
        for form in ("xz", "gz"):
            path = self.dir / f"linux.tar.{form}"
            for cut in (200, 6):
                with self.subTest(form=form, cut=cut):
                    make_tarball(path, kernel(), form)
                    os.truncate(path, path.stat().st_size - cut)
                    self.base_refused(f"linux.tar.{form} is damaged",
                                      KERNEL_TARBALL=str(path))

    def test_other_version(self):
        make_tarball(self.tarball, kernel("6.12.3"))
        self.base_refused("linux.tar.xz is Linux 6.12.3, and the series is for 7.1.y."
                          "(.|\n)*KSRC=directory or KERNEL_TARBALL=file")

    def test_tarball_without_a_kernel(self):
        make_tarball(self.tarball, {"README": "x\n"})
        self.base_refused("linux.tar.xz is no Linux source")

    def test_missing_tarball(self):
        self.tarball.unlink()
        self.base_refused("there is no file .*linux.tar.xz")

    def test_two_sources(self):
        self.base_refused("KSRC and KERNEL_TARBALL are both set", KSRC="/tmp")


if __name__ == "__main__":
    unittest.main()
