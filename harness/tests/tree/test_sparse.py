# SPDX-License-Identifier: GPL-2.0
"""harness/tree/checks/sparse: the findings that count as new, and a checker that finds
nothing is refused. The stand-in for sparse complains about a word."""

import shutil
import unittest

from fakes import FIRST, ONE, TWO, edited, hunks, kernel, mail, make_tarball
from world import REPOSITORY, World

CHECKER = """#!/bin/sh
for source; do :; done
grep -q address_space "$source" && {
	echo "$source:2:68: warning: dereference of noderef expression" >&2; exit 0; }
[ -z "$SPARSE_RAN" ] || echo "$source" >>"$SPARSE_RAN"
grep -n 'BAD' "$source" | while IFS=: read -r number _; do
	echo "$source:$number:5: warning: bad word" >&2
done
"""


class Sparse(World):

    def setUp(self):
        super().setUp()
        (self.dir / "bin").mkdir()
        shutil.copy(REPOSITORY / "harness/tests/tree/make", self.dir / "bin")
        self.env |= {"PATH": f"{self.dir}/bin:{self.env['PATH']}",
                     "MADE": str(self.dir / "made")}
        self.write("harness/configs/base.config", "A=y\n")
        self.write("harness/fetch/sparse", f"#!/bin/sh\necho {self.dir}/checker\n")
        self.write("checker", CHECKER, self.dir)

    def sparse(self):
        """(status, output)"""
        self.succeeds("harness/tree/assemble", FORCE="1")
        done = self.run_program("harness/tree/checks/sparse")
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout + done.stderr

    def patch(self, *changes):
        """the first patch changes io_uring/zcrx.c like that"""
        new = ONE
        for number, text in changes:
            new = edited(new, number, text)
        self.write(FIRST, mail("io_uring: start", ["io_uring/new.c"],
                               hunks("io_uring/zcrx.c", ONE, new)))
        self.write("series/one/0003-net-go-on.patch", mail(
            "net: go on", [], hunks("net/core.c", ONE, TWO)))

    def test_nothing_found(self):
        status, said = self.sparse()
        self.assertEqual(status, 0, said)
        self.assertIn("sparse ran on io_uring/new.c, io_uring/zcrx.c, net/core.c\n"
                      "sparse: 0 new findings, 0 in all", said)

    def test_finding_in_a_new_file(self):
        self.write("io_uring/new.c", "int BAD;\n")
        status, said = self.sparse()
        self.assertEqual(status, 1)
        self.assertIn(
            "sparse ran on io_uring/new.c, io_uring/zcrx.c, net/core.c\n"
            "io_uring/new.c: warning: bad word\n"
            "sparse: 1 new findings, 1 in all in the files that the series touch\n", said)

    def test_finding_in_a_changed_file(self):
        self.patch((10, "BAD"), (20, "BAD"))
        status, said = self.sparse()
        self.assertEqual(status, 1)
        self.assertIn("io_uring/zcrx.c: warning: bad word (2 times)\n", said)

    def test_finding_that_the_base_has_is_not_new_though_it_moved(self):
        base = kernel()
        base["io_uring/zcrx.c"] = "".join(edited(ONE, 30, "BAD"))
        make_tarball(self.dir / "bad.tar.xz", base)
        self.env["KERNEL_TARBALL"] = str(self.dir / "bad.tar.xz")
        self.patch((10, "good"))
        status, said = self.sparse()
        self.assertEqual(status, 0, said)
        self.assertIn("sparse: 0 new findings, 1 in all", said)
        self.patch((10, "BAD"))
        status, said = self.sparse()
        self.assertEqual(status, 1)
        self.assertIn("sparse: 1 new findings, 2 in all", said)

    def test_checker_that_finds_nothing_is_not_trusted(self):
        self.write("checker", "#!/bin/sh\n", self.dir)
        status, said = self.sparse()
        self.assertEqual(status, 1)
        self.assertIn("checker does not find what is wrong in", said)

    def test_checker_that_was_not_run(self):
        self.edit("checker", '>>"$SPARSE_RAN"', ">/dev/null", self.dir)
        status, said = self.sparse()
        self.assertEqual(status, 1)
        self.assertIn("sparse did not run on io_uring/zcrx.c", said)


if __name__ == "__main__":
    unittest.main()
