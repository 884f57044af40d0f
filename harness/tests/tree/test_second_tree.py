# SPDX-License-Identifier: GPL-2.0
"""TREE=next: a tree on another base, with most new files from the first tree"""

import os
import shutil
import unittest

from fakes import LINES, edited, hunks, kernel, mail, make_tarball
from world import REPOSITORY, World

PATCH = "next/series/own/0001-io_uring-start-here-too.patch"

# It takes a mail at the end.
CHECKPATCH = """#!/bin/sh
for mail; do :; done
echo "${mail##*/}" >>"$MADE-mails"
! grep ERROR "$mail"
"""
# Only the base of the second tree has these
BASE = {"arch/x86/configs/tiny.config": "", "lib/Makefile": "obj-y += own.o\n",
        "scripts/checkpatch.pl": CHECKPATCH, "scripts/kernel-doc": "#!/bin/sh\n",
        "scripts/kconfig/merge_config.sh": "#!/bin/sh\n"}
# The image that this make makes is the Makefile of the sources.
MAKE = """#!/bin/sh
cd "${3#O=}" && mkdir -p arch/x86/boot usr/include && touch .config System.map &&
	cp "$2/Makefile" arch/x86/boot/bzImage
"""
# The guest prints the image and has a result.
QEMU = """#!/bin/sh
for word; do
	case $word in
	file,id=console,*) echo log >"${word#*path=}" ;;
	local,id=run,*) run=${word#*path=} run=${run%%,*} ;;
	esac
	[ "$last" != -kernel ] || image=$word
	last=$word
done
cp "$image" "$run/output"
touch "$run/results/file"
echo 0 >"$run/status"
"""


class SecondTree(World):

    def setUp(self):
        super().setUp()
        self.next = self.repo / "build/next/linux"
        base = kernel("7.3.4") | BASE
        base["net/core.c"] = "\tanother line\n" + base["net/core.c"]
        make_tarball(self.dir / "next.tar.xz", base)
        del self.env["KERNEL_TARBALL"]
        for name, content in {
                "next/series/base": "version 7.3.*\n",
                "next/series/order": "own\n",
                "next/series/own/0000-cover-letter": "The next form\n\nWhat for.\n",
                PATCH: mail("io_uring: start here, too",
                            ["include/uapi/linux/new.h", "io_uring/new.c", "lib/own.c"],
                            hunks("io_uring/zcrx.c", LINES, edited(LINES, 30, "third"))),
                "next/include/uapi/linux/new.h": "#define NEW 3\n",
                "next/lib/own.c": "int own;\n"}.items():
            self.write(name, content)
        self.commit_all(message="a second tree")

    def give_machine(self):
        """programs that build and boot, and stand-ins for the programs that they call"""
        self.edit("harness/lib/packages.sh", "need() {", "need() {\n\treturn")
        for name in ("kernel", "guest", "boot/machine.sh", "boot/options.sh"):
            self.write(f"harness/{name}", (REPOSITORY / "harness" / name).read_text())
        for name in ("base", "um"):
            self.write(f"harness/configs/{name}.config", "A=y\n")
        self.write("harness/fetch/userland", "#!/bin/sh\necho disk\n")
        self.write("bin/make", MAKE, self.dir)
        self.write("bin/qemu-system-x86_64", QEMU, self.dir)
        self.env |= {"PATH": f"{self.dir}/bin:{self.env['PATH']}",
                     "MADE": str(self.dir / "made")}

    def in_first(self, program, *args):
        return self.succeeds(program, *args, KERNEL_TARBALL=str(self.tarball))

    def in_next(self, program, *args, **env):
        return self.succeeds(program, *args, TREE="next",
                             KERNEL_TARBALL=str(self.dir / "next.tar.xz"), **env)

    def refused_in_next(self, pattern, **env):
        self.refused(pattern, "harness/tree/assemble", **{
            "TREE": "next", "KERNEL_TARBALL": str(self.dir / "next.tar.xz"), **env})

    def test_files_are_its_own_or_those_of_the_first(self):
        self.in_next("harness/tree/assemble")
        self.assertEqual([(self.next / name).read_text() for name in (
            "io_uring/new.c", "include/uapi/linux/new.h", "lib/own.c")],
            ["int new;\n", "#define NEW 3\n", "int own;\n"])
        self.assertIn("third", (self.next / "io_uring/zcrx.c").read_text())
        self.assertFalse((self.next / "tools/net/run.sh").exists())
        self.assertFalse(self.linux.exists())

    def test_each_has_its_folder_of_what_is_built(self):
        self.in_first("harness/tree/assemble")
        self.in_next("harness/tree/assemble")
        self.assertEqual((self.linux / "include/uapi/linux/new.h").read_text(), "#define NEW 1\n")
        self.assertIn("SUBLEVEL = 13", (self.linux / "Makefile").read_text())
        self.assertIn("SUBLEVEL = 4", (self.next / "Makefile").read_text())
        self.assertEqual(self.in_next("harness/tree/assemble", "--list"), "own")
        self.assertEqual(self.in_first("harness/tree/assemble", "--list"), "one")

    def test_refresh_is_the_way_back(self):
        self.in_next("harness/tree/assemble")
        self.in_next("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "")

    def test_a_shared_file_that_changes_there_becomes_its_own(self):
        self.in_next("harness/tree/assemble")
        self.edit("io_uring/new.c", "new;", "newer;", self.next)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.next)
        self.in_next("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), "?? next/io_uring/")
        self.assertEqual((self.repo / "next/io_uring/new.c").read_text(), "int newer;\n")
        tree = self.tree_id(where=self.next)
        self.in_next("harness/tree/assemble")
        self.assertEqual(self.tree_id(where=self.next), tree)

    def test_a_patch_that_is_the_same_in_the_first_is_a_link_to_it(self):
        change = mail("net: the same in both", [], hunks("net/core.c", LINES, edited(LINES, 30, "x")))
        self.write("series/shared/0007-net-the-same-in-both.patch", change)
        self.write("next/series/other/0001-net-the-same-in-both.patch", change)
        self.write("next/series/order", "own\nother\n")
        self.in_next("harness/tree/assemble")
        tree = self.tree_id(where=self.next)
        self.in_next("harness/tree/refresh")
        link = self.repo / "next/series/other/0001-net-the-same-in-both.patch"
        self.assertEqual(str(link.readlink()),
                         "../../../series/shared/0007-net-the-same-in-both.patch")
        self.in_next("harness/tree/assemble")
        self.assertEqual(self.tree_id(where=self.next), tree)
        self.edit("net/core.c", "x", "y", self.next)
        self.git("commit", "-q", "-a", "--amend", "--no-edit", cwd=self.next)
        self.in_next("harness/tree/refresh")
        self.assertFalse(link.is_symlink())
        self.assertIn("+\ty", link.read_text())

    def test_mails_are_for_its_base(self):
        self.in_next("harness/tree/export")
        letter = (self.repo / "build/next/mail/own/0000-cover-letter.patch").read_text()
        self.assertIn("\nbase: Linux 7.3.4, tree ", letter)
        mails = sorted((self.repo / "build/next/mail/own").glob("*.patch"))
        self.assertIn("+#define NEW 3", mails[1].read_text())
        self.assertIn("+int new;", mails[1].read_text())

    def test_its_kernel_is_built_beside_its_sources(self):
        self.give_machine()
        image = self.repo / "build/next/obj/arch/x86/boot/bzImage"
        self.assertEqual(self.in_next("harness/kernel", "--image"), str(image))
        self.assertIn("SUBLEVEL = 4", image.read_text())
        self.assertEqual(self.in_next("harness/kernel", BRANCH="base"),
                         str(self.repo / "build/next/branch/base/obj"))
        self.assertEqual(os.listdir(self.repo / "build"), ["next"])

    def test_the_guest_boots_its_kernel(self):
        self.give_machine()
        self.assertIn("SUBLEVEL = 4", self.in_next(
            "harness/guest", "-n", "one", "--no-judge", "--", "true"))
        for name in ("logs/guest-one.console.log", "results/one/file"):
            self.assertTrue((self.repo / "build/next" / name).exists(), name)
        self.assertEqual(os.listdir(self.repo / "build"), ["next"])

    def test_its_series_is_checked_on_its_base(self):
        self.give_machine()
        shutil.copy(REPOSITORY / "harness/tests/tree/make", self.dir / "bin")
        self.write("io_uring/new.c", '#include "include/uapi/linux/new.h"\n')
        self.in_next("harness/tree/check")
        for name, text in {"checkpatch": "== own: 0001-io_uring-start-here-too.patch",
                           "kernel_doc": "lib/own.c",
                           "builds": "== 1/1 io_uring: start here, too"}.items():
            self.assertIn(text, (self.repo / f"build/next/logs/check-{name}.log").read_text())
        self.assertIn("x86_64 W=1e io_uring/ lib/\n", (self.dir / "made").read_text())
        self.assertEqual(os.listdir(self.repo / "build"), ["next"])

    def test_its_mails_alone_are_checked(self):
        self.give_machine()
        shutil.copy(REPOSITORY / "harness/tests/tree/make", self.dir / "bin")
        self.in_next("harness/tree/check", "--mails")
        self.assertIn("== own: 0001", (self.repo / "build/next/logs/check-checkpatch.log").read_text())
        self.assertFalse((self.dir / "made").exists())

    def test_a_mail_without_a_finding_is_not_checked_again(self):
        self.give_machine()
        checked = self.dir / "made-mails"
        self.write("next/series/own/0002-net-go-on.patch", mail(
            "net: go on", [], hunks("net/Makefile", ["obj-y += core.o\n"], ["obj-y += x.o\n"])))
        one, two = "0001-io_uring-start-here-too.patch\n", "0002-net-go-on.patch\n"
        for name, text, mails, status in (
                (PATCH, "", one + two, 0), (PATCH, "", "", 0),
                ("next/lib/own.c", "int own; /* ERROR */\n", one, 1),
                ("next/lib/own.c", "int own; /* ERROR */\n", one, 1),
                ("next/lib/own.c", "int own; /* more */\n", one, 0),
                ("harness/tree/check", "# more\n", one + two, 0)):
            with self.subTest(changed=name, text=text):
                checked.write_text("")
                old = "" if name.endswith("own.c") else (self.repo / name).read_text()
                self.write(name, old + text)
                done = self.run_program("harness/tree/check", "--mails", TREE="next",
                                        KERNEL_TARBALL=str(self.dir / "next.tar.xz"))
                self.assertEqual((checked.read_text(), done.returncode), (mails, status),
                                 done.stderr)

    def test_the_base_of_the_other_is_refused(self):
        self.refused_in_next("is Linux 7.1.13, and the series is for 7.3.y",
                             KERNEL_TARBALL=str(self.tarball))
        self.refused("is Linux 7.3.4, and the series is for 7.1.y", "harness/tree/assemble",
                     KERNEL_TARBALL=str(self.dir / "next.tar.xz"))

    def test_a_file_that_no_patch_of_it_adds_is_refused(self):
        self.write("next/lib/late.c", "int late;\n")
        self.refused_in_next("no patch adds the overlay file next/lib/late.c")

    def test_refusals_name_its_folder(self):
        self.write("next/series/order", "own other\n")
        self.refused_in_next("^assemble: next/series/order lists own on other")

    def test_a_tree_that_is_not_there_is_refused(self):
        for name in ("other", "io_uring"):
            self.refused_in_next(f"there is no tree '{name}'", TREE=name)


if __name__ == "__main__":
    unittest.main()
