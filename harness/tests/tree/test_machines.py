# SPDX-License-Identifier: GPL-2.0
"""harness/tree/checks/machines: the builds that it makes, and its refusals.
harness/tests/tree/make stands in for make. A program that prints symbols/NAME for an
object NAME.o, or nothing if that file is missing, stands in for nm."""

import shutil
import unittest

from fakes import kernel, make_tarball
from world import REPOSITORY, World

NM = """#!/bin/sh
for object; do :; done
[ -e "$object" ] || exit 1
cat "$SYMBOLS/$(basename "$object" .o)" 2>/dev/null || :
"""
CONFIGS = {"base": "A=y\n", "i386": "HIGH=y\n", "arm64": "", "s390x": "",
           "no-zcrx": "zcrx=n\nnew=n\n"}


class Machines(World):

    def setUp(self):
        super().setUp()
        (self.dir / "bin").mkdir()
        shutil.copy(REPOSITORY / "harness/tests/tree/make", self.dir / "bin")
        self.write("bin/nm", NM, self.dir)
        (self.dir / "symbols").mkdir()
        self.env |= {"PATH": f"{self.dir}/bin:{self.env['PATH']}",
                     "MADE": str(self.dir / "made"),
                     "SYMBOLS": str(self.dir / "symbols")}
        for name, text in CONFIGS.items():
            self.write(f"harness/configs/{name}.config", text)
        self.write("io_uring/new.c", '#include "include/uapi/linux/new.h"\n')
        self.succeeds("harness/tree/assemble")

    def arches(self, *names):
        """(status, output)"""
        (self.dir / "made").write_text("")
        done = self.run_program("harness/tree/checks/machines", *names)
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout + done.stderr

    def passes(self, *names):
        status, said = self.arches(*names)
        self.assertEqual(status, 0, said)
        return said

    def fails(self, pattern, *names):
        status, said = self.arches(*names)
        self.assertEqual(status, 1, said)
        self.assertRegex(said, pattern)

    def test_directories_that_the_series_touch_with_warnings_as_errors(self):
        said = self.passes("i386", "s390x")
        self.assertIn("i386: io_uring/ net/: 3 objects", said)
        self.assertEqual((self.dir / "made").read_text().splitlines(), [
            line for arch in ("i386", "s390") for line in (
                f"{arch} tinyconfig", f"{arch} olddefconfig",
                f"{arch} W=1e io_uring/ net/")])

    def test_compiles_again_in_the_next_run(self):
        self.passes("i386")
        self.write("io_uring/new.c", "WARNING\n")
        self.succeeds("harness/tree/assemble")
        self.fails("i386: it does not build without warnings", "i386")
        self.fails("i386: it does not build without warnings", "i386")

    def test_warning(self):
        self.write("io_uring/new.c", "WARNING\n")
        self.succeeds("harness/tree/assemble")
        self.fails(r"new.c:1: warning: WARNING\n(.|\n)*"
                   "machines: failed: clang, arm64", "clang", "arm64")

    def test_object_that_was_not_made(self):
        self.write("harness/configs/i386.config", "new=n\n")
        self.fails(r"i386: no object was made from include/uapi/linux/new.h, "
                   r"io_uring/new.c(.|\n)*failed: i386\n", "i386", "arm64")

    def test_object_that_has_to_be_left_out(self):
        self.write("harness/configs/no-zcrx.config", "new=n\n")
        self.fails("no-zcrx: no object was made from .*new", "no-zcrx")
        self.write("harness/configs/no-zcrx.config", "")
        self.fails("io_uring/zcrx.o: made, and the config is one that has to "
                   "leave it out", "no-zcrx")

    def test_symbol_that_is_dropped(self):
        self.write("harness/configs/i386.config", "CONFIG_GONE=y\n")
        self.edit("bin/make", 'elif targets != ["olddefconfig"]:',
                  'elif targets == ["olddefconfig"]:\n'
                  '    config.write_text("")\nelse:', self.dir)
        self.fails("i386: olddefconfig drops CONFIG_GONE=y", "i386")

    def test_symbol_that_is_to_be_off(self):
        self.write("harness/configs/i386.config",
                   "CONFIG_OFF=y\n# CONFIG_OFF is not set\n")
        self.fails("i386: olddefconfig drops CONFIG_OFF=n", "i386")

    def test_function_of_the_compilers_library(self):
        self.write("symbols/new", "memcpy U\n__udivdi3 U\n", self.dir)
        self.fails("i386: io_uring/new.o wants __udivdi3, which the kernel does "
                   "not have", "i386")

    def test_module_that_wants_what_is_not_exported(self):
        base = kernel()
        base["net/core.c"] += "EXPORT_SYMBOL(one);\nEXPORT_SYMBOL_GPL(two);\n" \
            'EXPORT_SYMBOL_FOR_MODULES(three, "kvm");\n' \
            'EXPORT_SYMBOL_NS(four, "IN");\nEXPORT_SYMBOL_NS_GPL(five, "OUT");\n'
        base["drivers/net/netdevsim/netdev.h"] = 'MODULE_IMPORT_NS("IN");\n'
        make_tarball(self.dir / "exports.tar.xz", base)
        self.env["KERNEL_TARBALL"] = str(self.dir / "exports.tar.xz")
        self.succeeds("harness/tree/assemble")
        made = self.repo / "build/check/arch-module/drivers/net/netdevsim"
        made.mkdir(parents=True)
        (made / "netdevsim.o").write_text("object")
        self.write("symbols/netdevsim", "one U\ntwo U\nfour U\n", self.dir)
        self.passes("module")
        self.write("symbols/netdevsim", "one U\nfive U\nthree U\n", self.dir)
        self.fails("netdevsim.o wants what is not exported: five, three\n", "module")

    def test_name_that_does_not_exist(self):
        self.fails("there is no build alpha; there are x86_64, clang, i386", "alpha")


if __name__ == "__main__":
    unittest.main()
