# SPDX-License-Identifier: GPL-2.0
"""harness/docs/check finds faults of a page, and code that the page does not match."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from program import ZCRXMON, load

TOP = pathlib.Path(__file__).resolve().parents[2]
TREE = pathlib.Path(os.environ.get("ZCRX_BUILD", TOP / "build")) / "linux"
NETWORKING = TREE / "Documentation/networking"


class WithPage(unittest.TestCase):
    name = "iou-zcrx-notif"

    def setUp(self):
        page = NETWORKING / f"{self.name}.rst"
        if not page.is_file():
            self.skipTest(f"no {page}; make assemble")
        self.text = page.read_text(encoding="utf-8")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tmp = pathlib.Path(directory.name)

    def without(self, old, new=""):
        """the page with the first `old` replaced"""
        self.assertIn(old, self.text)
        return self.text.replace(old, new, 1)


class Errnos(WithPage):
    def setUp(self):
        super().setUp()
        self.errnos = load("docs/errnos")

    def wrong(self, tree, text):
        return list(self.errnos.check(tree, text))

    def test_the_page_has_the_errors_of_the_code(self):
        self.assertEqual([], self.wrong(TREE, self.text))

    def test_each_error_is_missed_in_its_table(self):
        for title in self.errnos.CALLS:
            table = self.errnos.documented(self.text, title)
            self.assertTrue(table)
            start = self.text.index(f":: {title}\n")
            for errno in table:
                with self.subTest(table=title, errno=errno):
                    end = self.text.index("\n\n", self.text.index("* -", start))
                    rows = self.text[start:end].replace(f"``{errno}``", "``other``")
                    wrong = self.wrong(TREE, self.text[:start] + rows + self.text[end:])
                    self.assertEqual(1, len(wrong), wrong)
                    self.assertIn(f"table {title}: {errno}, from", wrong[0])

    def test_an_error_that_the_code_lacks_is_found(self):
        text = self.without("   * - ``ENXIO``\n", "   * - ``ENXIO``, ``EDOM``\n")
        self.assertEqual(["table io_uring_register(): EDOM is not returned by the code"],
                         self.wrong(TREE, text))

    def test_a_new_error_in_the_code_is_found(self):
        for file in self.errnos.FILES:
            (self.tmp / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / file, self.tmp / file)
        for file, function, tables in (
                ("io_uring/zcrx_notif.c", "zcrx_notif_check_desc", 1),
                ("io_uring/zcrx_notif.c", "zcrx_notif_check_stats", 1),
                ("io_uring/zcrx_notif.c", "zcrx_notif_setup", 1),
                ("io_uring/zcrx_notif.c", "zcrx_notif_arm", 1),
                ("io_uring/zcrx.c", "import_zcrx", 1),
                ("io_uring/query.c", "io_query_zcrx_notif", 1),
                ("io_uring/memmap.c", "io_pin_pages", 1),
                ("io_uring/zcrx.c", "zcrx_notif_unknown", 0)):
            with self.subTest(function=function):
                text = (TREE / file).read_text(encoding="utf-8")
                new = re.sub(rf"(\b{function}\([^;]*?\n\{{\n)", r"\1\treturn -EUCLEAN;\n", text)
                self.assertEqual(tables, new != text)
                (self.tmp / file).write_text(new, encoding="utf-8")
                self.assertEqual(tables, len(self.wrong(self.tmp, self.text)))
                shutil.copy(TREE / file, self.tmp / file)


class Lines(WithPage):
    def test_no_line_is_longer_than_80(self):
        self.assertEqual([], [line for line in self.text.split("\n")
                              if len(line.expandtabs()) > 80])

    def test_spaces_alone_indent(self):
        self.assertEqual([], re.findall(r"(?m)^ *\t.*", self.text))


TORN = """
#include <stdio.h>
#include <linux/types.h>

/* as the helper of liburing, where a long has 32 bits */
#define long int
static unsigned long io_uring_zcrx_read_counter(const __u64 *c)
{
	return *c;
}
%s
#undef long
int main(void)
{
	/* two stores, the lower half first and then the upper half first */
	static const __u64 seen[] = { 0xffffffffULL, 0, 1ULL << 32, (1ULL << 32) + 5,
				      0x1ffffffffULL, 0x2ffffffffULL, 2ULL << 32 };
	__u64 sum = 0;

	for (unsigned int i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		printf("%%llx ", (unsigned long long)add_up(&sum, &seen[i]));
	return 0;
}
"""


class Reader(WithPage):
    def test_a_counter_of_two_stores_is_never_off(self):
        example = (ZCRXMON / "notif_example.c").read_text(encoding="ascii")
        functions = example.split("/* Part: counters */")[1].split("/* Part: ")[0]
        source = self.tmp / "torn.c"
        source.write_text(TORN % functions, encoding="ascii")
        subprocess.run(["gcc", "-Wall", "-Werror", "-o", self.tmp / "torn", source], check=True)
        run = subprocess.run([self.tmp / "torn"], check=True, stdout=subprocess.PIPE, text=True)
        self.assertEqual("ffffffff 100000000 100000000 100000005 1ffffffff 1ffffffff 200000000",
                         run.stdout.strip())


class NetdevsimLines(Lines):
    name = "netdevsim"


class Page(WithPage):
    """Pages with a fault are refused before the guest starts."""

    def docs(self, *arguments):
        return subprocess.run([TOP / "harness/docs/check", *arguments], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def refuses(self, text, complaint):
        page = self.tmp / "page.rst"
        page.write_text(text, encoding="utf-8")
        run = self.docs(self.name, page)
        if "build the kernel first" in run.stdout:
            self.skipTest("no UAPI headers; make kernel")
        self.assertEqual(1, run.returncode, run.stdout)
        self.assertRegex(run.stdout, complaint)
        self.assertNotIn("in the guest", run.stdout)


class Notifications(Page):

    def test_markup(self):
        self.refuses(self.without("Registration\n============\n", "Registration\n======\n"),
                     "underline too short")

    def test_kernel_doc(self):
        self.refuses(self.without("uring/zcrx_notif.h\n", "uring/zcrx_gone.h\n"), "zcrx_gone")

    def test_a_link_to_a_page_that_is_not_there(self):
        self.refuses(self.without("networking/iou-zcrx.rst", "networking/iou-zrcx.rst"),
                     "has no link to networking/iou-zrcx.rst")

    def test_no_link_to_the_page_that_it_adds_to(self):
        self.refuses(self.without("Documentation/networking/iou-zcrx.rst", "another page"),
                     "iou-zcrx-notif.rst has no link to networking/iou-zcrx.rst")

    def test_a_path(self):
        self.refuses(self.without("tools/net/zcrxmon", "tools/net/zcrxmonitor"),
                     "there is no tools/net/zcrxmonitor")

    def test_a_picture_that_dot_refuses(self):
        self.refuses(self.without("rankdir=LR", "rankdir=LR ]"), "syntax error")

    def test_a_picture_that_is_none(self):
        self.refuses(self.without("kernel-render:: DOT", "kernel-render:: SVG"), "is no picture")

    def test_a_picture_that_is_not_drawn(self):
        self.refuses(self.without("Detection\n=========\n", "Detection\n=========\n\n"
                                  ".. kernel-figure:: picture.png\n"),
                     "image file not readable: .*picture.png")

    def test_a_table(self):
        self.refuses(self.without("``EINTR``", "``ESRCH``"), "EINTR, from io_query.., is missing")

    def test_a_part_of_the_example_that_is_not_there(self):
        self.refuses(self.without("Part: query */", "Part: question */"),
                     "start-after pattern not found: .* Part: question")


class Netdevsim(Page):
    name = "netdevsim"

    def test_markup(self):
        self.refuses(self.without("`Steering`_", "`Steered`_"), 'Unknown target name: "steered"')

    def test_a_link_to_a_page_that_is_not_there(self):
        self.refuses(self.without("networking/devmem.rst", "networking/devnem.rst"),
                     "has no link to networking/devnem.rst")

    def test_no_link_to_the_page_on_devlink(self):
        self.refuses(self.without("Documentation/networking/devlink/netdevsim.rst", "another page"),
                     "netdevsim.rst has no link to networking/devlink/netdevsim.rst")

    def test_a_path(self):
        self.refuses(self.without("drivers/net/README.rst", "drivers/net/README"),
                     "there is no tools/testing/selftests/drivers/net/README")

    def test_an_option_that_the_kernel_lacks(self):
        self.refuses(self.without("CONFIG_UDMABUF", "CONFIG_UDMA_BUFFER"),
                     "has no CONFIG_UDMA_BUFFER")

    def test_a_command_that_is_not_shell(self):
        self.refuses(self.without("  done\n", ""), "syntax error")

    def test_no_command(self):
        self.refuses(self.text.replace(":: shell", ":: none"), "the page has no commands")


class Names(Page):

    def test_a_page_that_nobody_checks(self):
        run = self.docs("devmem")
        self.assertEqual(1, run.returncode, run.stdout)
        self.assertIn("there are no checks of a page devmem", run.stdout)


if __name__ == "__main__":
    unittest.main()
