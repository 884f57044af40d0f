# SPDX-License-Identifier: GPL-2.0
"""README.md and CONTRIBUTING.md: the paths, targets and links in them exist"""

import os
import pathlib
import re
import subprocess
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LINUX = pathlib.Path(os.environ.get("ZCRX_BUILD") or TOP / "build") / "linux"
PAGES = ("README.md", "CONTRIBUTING.md", "COSTS.md", "MAINLINE.md")
# where a path in the text can start
ROOTS = (TOP, LINUX, LINUX / "tools/testing/selftests")
# targets of the kernel's own Makefile
KERNEL_TARGETS = {"headers"}
LINK = re.compile(r"\[[^]]*\]\(([^)]+)\)|<img [^>]*src=\"([^\"]+)\"")
PATH = re.compile(r"^(?:harness|series|tools|Documentation|io_uring|include|drivers|\.ci)"
                  r"/[\w./*-]*$")
MAKE = re.compile(r"\bmake(?: -s)?((?: +[A-Z_]+=(?:\"[^\"]*\"|'[^']*'|\S+)| +[a-z][a-z-]*)+)")


def text(page):
    return (TOP / page).read_text(encoding="utf-8")


def code(page):
    """spans and blocks of code"""
    fenced = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.M | re.S)
    blocks = fenced.findall(text(page))
    rest = fenced.sub("", text(page))
    return blocks + re.findall(r"`([^`]+)`", rest)


def anchors(page):
    """the anchors of the headings, as forges make them"""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.*)$", text(page), re.M)}


def missing_links(page, content):
    for link in (a or b for a, b in LINK.findall(content)):
        path, _, anchor = link.partition("#")
        if path.startswith("http"):
            continue
        if path and not (TOP / path).exists():
            yield link
        elif anchor and anchor not in anchors(path or page):
            yield link


def made(snippets):
    """the targets of make in the code, without those of `make -C`"""
    return {word for snippet in snippets for words in MAKE.findall(snippet)
            for word in words.split() if re.fullmatch(r"[a-z][a-z-]*", word)}


def targets():
    makefile = text("Makefile")
    return set(re.findall(r"^([a-z-]+):.*##", makefile, re.M))


class Readme(unittest.TestCase):

    def test_links_resolve(self):
        for page in PAGES:
            with self.subTest(page=page):
                self.assertEqual(list(missing_links(page, text(page))), [])

    def test_link_that_does_not_resolve_is_found(self):
        self.assertEqual(list(missing_links("README.md", "[a](none.md) [b](#none)")),
                         ["none.md", "#none"])

    @unittest.skipUnless(LINUX.exists(), f"no {LINUX}; harness/tree/assemble makes it")
    def test_paths_exist(self):
        for page in PAGES:
            words = {word.rstrip(".,;:)") for snippet in code(page)
                     for word in re.split(r"[\s='\"&|]+", snippet)}
            paths = sorted(word for word in words if PATH.match(word))
            self.assertTrue(paths)
            for path in paths:
                with self.subTest(page=page, path=path):
                    self.assertTrue(any(list(root.glob(path.rstrip("/")))
                                        for root in ROOTS))

    def test_targets_of_make_exist(self):
        named = made(code("README.md") + code("CONTRIBUTING.md"))
        self.assertGreater(len(named), 10)
        self.assertEqual(named - targets(), KERNEL_TARGETS)

    def test_each_target_has_a_line_in_the_readme(self):
        self.assertEqual(targets() - made(code("README.md")), set())

    def test_the_parts_are_those_of_the_list(self):
        parts = subprocess.run([TOP / "harness/test", "--list"], check=True,
                               capture_output=True, text=True).stdout
        self.assertIn(f"```\n{parts}```\n", text("README.md"))

    def test_recipes_call_programs_that_exist(self):
        for target in sorted(targets() - {"help", "clean"}):
            done = subprocess.run(["make", "-n", target], cwd=TOP, check=True,
                                  capture_output=True, text=True)
            programs = re.findall(r"\b(?:harness|series)/[\w-]+", done.stdout)
            with self.subTest(target=target):
                self.assertTrue(programs)
                for program in programs:
                    self.assertTrue((TOP / program).stat().st_mode & 0o111, program)

    def test_help_lists_every_target(self):
        done = subprocess.run(["make", "-s", "help"], cwd=TOP, check=True,
                              capture_output=True, text=True)
        self.assertEqual(set(re.findall(r"^ *make ([a-z-]+)", done.stdout, re.M)),
                         targets())
        phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text("Makefile"), re.M)[1]
        self.assertEqual(set(phony.replace("\\", "").split()), targets())


if __name__ == "__main__":
    unittest.main()
