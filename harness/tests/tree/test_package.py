# SPDX-License-Identifier: GPL-2.0
"""TREE=lib: a tree on a base that is a source package and not Linux"""

import hashlib
import unittest

from fakes import LINES, edited, hunks, mail, make_tarball
from world import World

PATCH = "lib/series/own/0001-queue-go-on.patch"


def package(version="2.15"):
    """{path: content} of the base"""
    return {"Makefile": "all:\n", "src/queue.c": "".join(LINES),
            "liburing.spec": f"Name: liburing\nVersion: {version}\nRelease: 1\n"}


class Package(World):

    def setUp(self):
        super().setUp()
        self.tree = self.repo / "build/lib/liburing"
        self.source = self.dir / "liburing.tar.gz"
        make_tarball(self.source, package(), "gz")
        # those of the kernel are not for it
        self.env |= {"TREE": "lib", "LIBURING_TARBALL": str(self.source),
                     "KSRC": "/nowhere"}
        for name, content in {
                "lib/series/base": "package liburing\nversion 2.15*\nlist list@example.org\n",
                "lib/series/order": "own - liburing\n",
                "lib/series/own/0000-cover-letter": "More\n\nWhat for.\n",
                PATCH: mail("queue: go on", ["src/new.c"],
                            hunks("src/queue.c", LINES, edited(LINES, 30, "more"))),
                "lib/src/new.c": "int new;\n"}.items():
            self.write(name, content)
        self.commit_all(message="a tree of a library")

    def test_it_is_assembled_in_a_folder_with_the_name_of_the_package(self):
        self.succeeds("harness/tree/assemble")
        self.assertEqual((self.tree / "src/new.c").read_text(), "int new;\n")
        self.assertIn("\tmore\n", (self.tree / "src/queue.c").read_text())
        self.assertEqual(self.git("log", "-1", "--format=%s", "base", cwd=self.tree),
                         "liburing 2.15")
        self.assertFalse((self.repo / "build/lib/linux").exists())

    def test_refresh_is_the_way_back(self):
        self.succeeds("harness/tree/assemble")
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")
        self.edit("src/queue.c", "more", "less", self.tree)
        self.write("man/new.3", "new\n", self.tree)
        self.commit_all(self.tree, "", "--amend", "--allow-empty-message")
        self.git("commit", "-q", "--amend", "-m", "queue: go on", cwd=self.tree)
        self.succeeds("harness/tree/refresh")
        self.assertIn("+\tless", (self.repo / PATCH).read_text())
        self.assertIn("\nAdds: man/new.3\n", (self.repo / PATCH).read_text())
        self.assertEqual((self.repo / "lib/man/new.3").read_text(), "new\n")
        tip = self.tree_id(where=self.tree)
        self.succeeds("harness/tree/assemble")
        self.assertEqual(self.tree_id(where=self.tree), tip)

    def test_mails_have_the_prefix_and_go_to_the_list(self):
        self.succeeds("harness/tree/export")
        mails = sorted((self.repo / "build/lib/mail/own").glob("*.patch"))
        letter, patch = (path.read_text() for path in mails)
        self.assertIn("\nSubject: [PATCH liburing 0/1] More\n", letter)
        self.assertIn("\nTo: list@example.org\n", letter)
        self.assertIn("\nbase: liburing 2.15, tree ", letter)
        self.assertIn("\nSubject: [PATCH liburing 1/1] queue: go on\n", patch)
        self.assertIn("\nSigned-off-by: Tess Tester <tess@example.org>\n", patch)

    def test_another_version_is_refused(self):
        make_tarball(self.source, package("2.9"), "gz")
        self.refused("liburing.tar.gz is liburing 2.9, and the series is for 2.15",
                     "harness/tree/assemble")

    def test_something_else_is_refused(self):
        make_tarball(self.source, {"Makefile": "all:\n"}, "gz")
        self.refused("liburing.tar.gz is no liburing source", "harness/tree/assemble")

    def test_the_newest_in_the_cache_is_taken(self):
        store = self.dir / "cache/base"
        for version in ("2.9", "2.15", "2.15.1"):
            file = store / f"liburing-{version}.tar.gz"
            make_tarball(file, package(version), "gz")
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            file.with_name(f"{file.name}.sha256").write_text(f"{digest}\n")
        self.succeeds("harness/tree/assemble", LIBURING_TARBALL="")
        self.assertEqual(self.git("log", "-1", "--format=%s", "base", cwd=self.tree),
                         "liburing 2.15.1")


if __name__ == "__main__":
    unittest.main()
