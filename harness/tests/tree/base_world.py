# SPDX-License-Identifier: GPL-2.0
"""The shared code of the tests of harness/fetch/base"""

import pathlib

from fakes import kernel
from world import World


class BaseWorld(World):

    empty_cache = True

    def base(self, **env):
        """the repository's path; it must be whole"""
        done = self.run_program("harness/fetch/base", **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\A/[^\n]+\n\Z")
        repository = pathlib.Path(done.stdout.strip())
        self.git("fsck", "--strict", cwd=repository)
        self.said = done.stderr
        return repository

    def log(self, repository):
        return self.git("log", "--format=%H %T %s %an %ad", "base", cwd=repository)

    def content(self, repository):
        return {line.split("\t")[1]: line.split()[0] for line in
                self.git("ls-tree", "-r", "base", cwd=repository).splitlines()}

    def unpack(self, version="7.1.13"):
        tree = self.dir / "tree"
        for name, content in kernel(version).items():
            self.write(name, content, tree)
        (tree / "virt/link.c").symlink_to("last.c")
        return tree

    def use(self, tree, **env):
        return self.base(KERNEL_TARBALL=None, KSRC=str(tree), **env)

    def base_refused(self, pattern, **env):
        self.refused(pattern, "harness/fetch/base", **env)
        entries = [path.name for path in (self.dir / "cache/base").iterdir()]
        self.assertEqual(entries, ["lock"])
