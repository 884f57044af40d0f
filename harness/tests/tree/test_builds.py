# SPDX-License-Identifier: GPL-2.0
"""harness/tree/checks/builds: the commits and directories that it builds, its refusals.
harness/tests/tree/make stands in for make."""

import shutil
import unittest

from fakes import (CORE, DRIVER, FIRST, SECOND, THIRD, TWO, edited, hunks, kernel,
                   mail, make_tarball)
from world import REPOSITORY, World


class Builds(World):

    def setUp(self):
        super().setUp()
        (self.dir / "bin").mkdir()
        shutil.copy(REPOSITORY / "harness/tests/tree/make", self.dir / "bin")
        self.env |= {"PATH": f"{self.dir}/bin:{self.env['PATH']}",
                     "MADE": str(self.dir / "made")}
        for name in ("base", "um"):
            self.write(f"harness/configs/{name}.config", f"{name.upper()}=y\n")
        self.write("io_uring/new.c", '#include "include/uapi/linux/new.h"\n')
        self.add_second_series()
        self.succeeds("harness/tree/assemble")

    def builds(self, *names, again=False):
        """(its messages, the list of what it made)"""
        (self.dir / "made").write_text("")
        if not again:
            (self.repo / "build/check/built").unlink(missing_ok=True)
        said = self.succeeds("harness/tree/checks/builds", *names)
        return said, (self.dir / "made").read_text().splitlines()

    def made(self, *names, arch="x86_64", again=False):
        """the directories of each commit that was built"""
        return [words[2:] for words in map(str.split, self.builds(*names, again=again)[1])
                if words[:2] == [arch, "W=1e"]]

    def fails(self, pattern, *names):
        done = self.run_program("harness/tree/checks/builds", *names)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout + done.stderr, pattern)
        self.assertNotIn("Traceback", done.stderr)

    def reassemble(self):
        self.succeeds("harness/tree/assemble")

    # -- what is built

    def test_each_commit_in_the_directories_that_its_series_touches(self):
        for arch in ("x86_64", "um"):
            self.assertEqual(self.made("one", arch=arch),
                             [["io_uring/", "net/"]] * 3)
            self.assertEqual(self.made("two", arch=arch),
                             [["drivers/net/", "net/"]] * 2)

    def test_a_commit_that_was_built_is_not_built_again(self):
        self.assertEqual(len(self.made()), 6)
        self.assertEqual(self.made(again=True), [])
        self.edit(CORE, "of two", "of two, again")
        self.reassemble()
        self.assertEqual(self.made(again=True), [
            ["drivers/net/", "net/"], ["drivers/net/", "io_uring/", "net/"]])
        for name in ("harness/configs/um.config", "harness/lib/cc", "harness/lib/compiler.env"):
            with self.subTest(changed=name):
                self.write(name, (self.repo / name).read_text() + "MORE=y\n")
                self.assertEqual(len(self.made(again=True)), 6)

    def test_a_commit_that_failed_is_built_again(self):
        self.write("drivers/net/two.c", "int two; ERROR\n")
        self.reassemble()
        self.fails("ERROR")
        self.fails("ERROR")
        self.write("drivers/net/two.c", "int two;\n")
        self.reassemble()
        self.assertEqual(self.made("two", again=True), [["drivers/net/", "net/"]] * 2)

    def test_all_is_each_alone_and_then_the_tree_with_all(self):
        self.assertEqual(
            self.made(), [["io_uring/", "net/"]] * 3 +
            [["drivers/net/", "net/"]] * 2 +
            [["drivers/net/", "io_uring/", "net/"]])

    def test_series_that_is_posted_on_another(self):
        """its commits are built on the other's, which are not built"""
        self.write("series/order", "one\ntwo one\n")
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.reassemble()
        self.assertIn("two, on one\n== 1/2 net: add a driver\n",
                      self.builds("two")[0])
        self.assertEqual(self.made("two"), [["drivers/net/", "net/"]] * 2)

    def test_commit_that_changes_programs_and_texts_only_is_skipped(self):
        self.edit(SECOND, "Adds: include/uapi/linux/new.h\n", "")
        self.edit(FIRST, "Adds: io", "Adds: include/uapi/linux/new.h\nAdds: io")
        self.reassemble()
        said, _ = self.builds("one")
        self.assertIn("== 2/3 include: add a header and a program\n"
                      "   changes nothing of the kernel\n", said)
        self.assertEqual(len(self.made("one")), 2)

    def test_series_of_programs_alone_is_skipped(self):
        self.write("series/order", "one\ntwo\nthree\n")
        self.write("tools/three.c", "int main(void) { return 0; }\n")
        self.write("series/three/0000-cover-letter", "Programs\n\nFor users.\n")
        self.write("series/three/0001-tools-add-a-program.patch",
                   mail("tools: add a program", ["tools/three.c"]))
        self.reassemble()
        said, made = self.builds("three")
        self.assertIn("three, on the base\n   changes nothing of the kernel", said)
        self.assertEqual(made, [])

    def test_source_below_a_directory_without_makefile(self):
        self.write("net/deep/er/new.c", "int x;\n")
        self.edit(CORE, "---\n\n", "---\nAdds: net/deep/er/new.c\n\n")
        self.reassemble()
        self.assertEqual(self.made("two"), [["drivers/net/", "net/"]] * 2)

    def test_directory_that_is_new(self):
        for name in ("drivers/net/sub/Makefile", "net/sub/x.c", "net/sub/Makefile"):
            self.write(name, "x\n")
        self.edit(DRIVER, "---\n", "---\nAdds: drivers/net/sub/Makefile\n")
        self.edit(CORE, "---\n\n", "---\nAdds: net/sub/Makefile\n"
                  "Adds: net/sub/x.c\n\n")
        self.reassemble()
        self.assertEqual(self.made("two"), [["drivers/net/", "net/"]] * 2)

    def test_only_changed_objects_are_made(self):
        said = self.builds("one")[0]
        counts = [line for line in said.splitlines() if "x86_64" in line]
        self.assertEqual(counts, ["   x86_64: 3 objects", "   x86_64: 1 objects",
                                  "   x86_64: 2 objects"])

    def test_config_is_that_of_the_architecture_and_of_new_kunit_tests(self):
        self.write("io_uring/tests/.kunitconfig", "KUNIT=y\n")
        self.edit(THIRD, "---\n\n", "---\nAdds: io_uring/tests/.kunitconfig\n\n")
        self.reassemble()
        self.builds("one")
        configs = [(self.repo / f"build/check/obj-{arch}/.config").read_text()
                   for arch in ("x86_64", "um")]
        self.assertEqual([config.split() for config in configs], [
            ["TINY=y", "BASE=y", "KUNIT=y"], ["UM=y", "KUNIT=y"]])

    def test_config_is_made_again_when_kconfig_changes(self):
        other = kernel()["drivers/net/Kconfig"]
        self.write(CORE, mail("net: change the core", [], hunks(
            "drivers/net/Kconfig", [other], [other, "config TWO\n"])))
        self.reassemble()
        self.assertEqual([line for line in self.builds("two")[1]
                          if line.startswith("um")],
                         ["um olddefconfig", "um W=1e drivers/net/"] * 2)

    def test_assembled_tree_stays_as_it_is(self):
        refs, files = self.refs(), self.files(self.linux)
        self.builds()
        self.assertEqual(self.files(self.linux), files)
        self.assertEqual(self.refs(), refs)

    # -- what does not pass

    def test_error(self):
        self.write("drivers/net/two.c", "ERROR\n")
        self.fails(r"two.c:1: error(.|\n)*does not build without warnings on x86_64")

    def test_warning(self):
        self.write("drivers/net/two.c", "WARNING\n")
        self.fails(r"two.c:1: warning(.|\n)*does not build without warnings")

    def test_error_that_a_later_commit_mends(self):
        broken = edited(TWO, 20, "ERROR")
        self.write(SECOND, mail("include: break it", ["include/uapi/linux/new.h",
                                                      "tools/net/run.sh"],
                                hunks("io_uring/zcrx.c", TWO, broken)))
        self.write(THIRD, mail("net: go on", [],
                               hunks("io_uring/zcrx.c", broken, TWO)))
        self.fails(r"== 2/3 include: break it\n(.|\n)*error: ERROR", "one")

    def test_config_that_lacks_the_driver(self):
        for arch, name in (("x86_64", "base"), ("um", "um")):
            with self.subTest(arch=arch):
                config = f"harness/configs/{name}.config"
                self.write(config, "two=n\n")
                self.fails(f"no object was made on {arch} from drivers/net/two.c: "
                           f"does {config} have", "two")
                self.write(config, "")

    def test_config_that_lost_the_driver_since_the_last_run(self):
        self.builds()
        self.write("harness/configs/um.config", "two=n\n")
        for names in (("two",), ()):
            self.fails("no object was made on um from drivers/net/two.c", *names)

    def test_header_that_nothing_uses(self):
        self.write("io_uring/new.c", "int x;\n")
        self.fails("no object was made on x86_64 from include/uapi/linux/new.h")

    def test_series_that_needs_the_one_below(self):
        self.write(CORE, mail("net: change the core", [],
                              hunks("net/core.c", TWO, edited(TWO, 11, "on top"))))
        self.fails("series/two/0002-.* does not apply to Linux 7.1.13", "two")

    def test_series_that_builds_only_alone(self):
        """a driver that the other series' symbol keeps from being built"""
        self.write("io_uring/tests/.kunitconfig", "two=n\n")
        self.edit(THIRD, "---\n\n", "---\nAdds: io_uring/tests/.kunitconfig\n\n")
        self.builds("one")
        self.builds("two")
        self.fails("one, two: the tree with all(.|\n)*no object was made on x86_64 "
                   "from drivers/net/two.c")

    def test_base_that_is_another_than_the_tree_has(self):
        make_tarball(self.dir / "other.tar.xz", kernel("7.1.14"))
        self.succeeds("harness/tree/assemble",
                      KERNEL_TARBALL=str(self.dir / "other.tar.xz"))
        self.assertEqual(len(self.made("two")), 2)

    def test_series_that_does_not_exist(self):
        self.fails("there is no series three; series/order lists one, two", "three")


if __name__ == "__main__":
    unittest.main()
