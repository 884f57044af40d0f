# SPDX-License-Identifier: GPL-2.0
"""The man pages of zcrxmon and zcrxsend match the programs, and are installed."""

import pathlib
import re
import subprocess
import tempfile
import unittest

from program import ZCRXMON, need_zcrxmon

setUpModule = need_zcrxmon
PAGES = ("zcrxmon", "zcrxsend")
SOURCE = {"zcrxmon": "options.c", "zcrxsend": "zcrxsend.c"}
HELP = {"zcrxmon": "help.c", "zcrxsend": "zcrxsend.c"}


def read(name):
    return (ZCRXMON / name).read_text(encoding="ascii")


def plain(text):
    """A line of a page without macros, fonts and quotes: -i, --interface NAME"""
    text = re.sub(r"\\f.", "", text).replace(r"\-", "-")
    macro = re.match(r"\.(SH|SS|B|I|BR|RB|RI) ", text)
    if not macro:
        return text
    words = [quoted or word for quoted, word in
             re.findall(r'"([^"]*)"|(\S+)', text[macro.end():])]
    return ("" if macro[1] in ("BR", "RB", "RI") else " ").join(words)


def section(page, title):
    """The lines of one section (.SH) of a page."""
    parts = re.split(r"(?m)^\.SH (.*)$", page)
    return dict(zip(parts[1::2], parts[2::2]))[title].splitlines()


def tags(lines):
    """The tags of paragraphs with a tag (.TP)."""
    return [plain(text) for macro, text in zip(lines, lines[1:]) if macro == ".TP"]


def option(text):
    """(short, long, whether it takes an argument) of a tag, None if it is none"""
    match = re.fullmatch(r"(?:-(\w), )?--([a-z-]+)( [A-Z]+)?", text)
    return match and (match[1], match[2], bool(match[3]))


def options_of_page(page):
    return {option(tag) for tag in tags(section(page, "OPTIONS"))} - {None}


def options_of_code(source):
    found = set()
    for name, argument, value in re.findall(r'\{ "([a-z-]+)",\s*(\w+)_argument,\s*NULL, (.*?) \}',
                                            source):
        short = re.fullmatch(r"'(\w)'", value)
        found.add((short and short[1], name, argument == "required"))
    return found


def options_of_help(source):
    lines = re.findall(r'(?m)^"( +(?:-\w, +)?--.*?)(?:  .*)?\\n"$', source)
    return {option(line.strip()) for line in lines} - {None}


class Options(unittest.TestCase):
    def test_the_page_the_help_and_the_code_have_the_same(self):
        for name in PAGES:
            with self.subTest(name):
                code = options_of_code(read(SOURCE[name]))
                self.assertGreater(len(code), 6)
                self.assertEqual(code, options_of_page(read(f"{name}.8")))
                self.assertEqual(code, options_of_help(read(HELP[name])))

    def test_getopt_accepts_each_short_option(self):
        short = re.search(r'getopt_long\(argc, argv, "([a-z:]*)"', read("options.c"))[1]
        self.assertEqual({(letter, bool(colon)) for letter, colon in re.findall("(.)(:?)", short)},
                         {(letter, argument) for letter, _, argument
                          in options_of_code(read("options.c")) if letter})

    def test_commands_of_the_pages_have_options_that_there_are(self):
        for page in PAGES:
            for line in map(plain, read(f"{page}.8").splitlines()):
                for name, rest in re.findall(r"^(zcrxmon|zcrxsend) (-.*?)(?=#|$)", line):
                    known = options_of_code(read(SOURCE[name]))
                    for word in re.findall(r"(?<!\S)-\S+", rest):
                        with self.subTest(page=page, command=line, option=word):
                            self.assertIn(word, {f"--{one[1]}" for one in known} |
                                          {f"-{one[0]}" for one in known})


class Facts(unittest.TestCase):
    def setUp(self):
        self.page = read("zcrxmon.8")

    def test_every_exit_status_is_there(self):
        code = re.findall(r"(?m)^\tEXIT_\w+\s*= (\d+),$", read("options.h"))
        self.assertEqual(sorted(code), tags(section(self.page, "EXIT STATUS")))

    def test_every_signal_is_there(self):
        code = re.findall(r"sigaddset\(&set, (SIG\w+)\)", read("main.c"))
        said = [name for tag in tags(section(self.page, "SIGNALS")) for name in tag.split(", ")]
        self.assertEqual(sorted(code), sorted(said))

    def test_every_name_in_json_is_there_and_no_other(self):
        source = read("json.c")
        code = set(re.findall(r'\\"([a-z_]+)\\": ', source))
        code |= set(re.findall(r'json_(?:known|types)\(f, "(\w+)"', source))
        code -= {"event", "time"}  # explained before the list
        code |= set(re.findall(r'\\"event\\": \\"([a-z]+)\\"', source))
        code |= set(re.findall(r'json_sample\(\w+, &?s, "(\w+)"\)', read("output.c")))
        lines = section(self.page, "OUTPUT")
        lines = lines[lines.index(".SS JSON"):]
        lines = lines[lines.index(".TP"):]
        said = set()
        for line in lines:
            if re.match(r"\.(B|BR|RB) ", line):
                said |= set(re.findall(r"(?<![A-Za-z-])[a-z_]+(?![A-Za-z])", plain(line)))
        self.assertEqual(code, said)

    def test_every_row_and_column_of_the_table_is_there(self):
        names = set(re.findall(r'"([a-z][a-z -]+)"', read("table.c")))
        self.assertGreater(len(names), 9)
        said = {name for tag in tags(section(self.page, "OUTPUT")) for name in tag.split(", ")}
        self.assertLessEqual(names - {"time", "notification"}, said)


class Format(unittest.TestCase):
    def silent(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        self.assertEqual((0, ""), (done.returncode, done.stdout))

    def test_groff_has_nothing_to_say(self):
        for name in PAGES:
            with self.subTest(name):
                self.silent("groff", "-man", "-ww", "-z", "-Tutf8", ZCRXMON / f"{name}.8")

    def test_mandoc_has_nothing_to_say(self):
        for name in PAGES:
            with self.subTest(name):
                self.silent("mandoc", "-T", "lint", ZCRXMON / f"{name}.8")


# Stands in for gcc: the test needs a built file, whatever it is made from.
COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo "made of $2" >"$2"
"""


class Install(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tmp = pathlib.Path(directory.name)
        self.compiler = self.tmp / "cc"
        self.compiler.write_text(COMPILER, encoding="ascii")
        self.compiler.chmod(0o755)
        self.root = self.tmp / "root"

    def make(self, target, **settings):
        settings = {"CC": self.compiler, "O": self.tmp / "obj", "DESTDIR": self.root, **settings}
        subprocess.run(["make", "-s", "-C", ZCRXMON, target,
                        *(f"{name}={value}" for name, value in settings.items())],
                       check=True, stdin=subprocess.DEVNULL)

    def installed(self):
        return {str(path.relative_to(self.root)): path.stat().st_mode & 0o777
                for path in self.root.rglob("*") if path.is_file()}

    def files(self, bindir, mandir):
        return {**{f"{bindir}/{name}": 0o755 for name in PAGES},
                **{f"{mandir}/man8/{name}.8": 0o644 for name in PAGES}}

    def test_programs_and_pages_go_below_prefix(self):
        self.make("install")
        self.assertEqual(self.installed(), self.files("usr/local/bin", "usr/local/share/man"))
        for name in PAGES:
            page = self.root / f"usr/local/share/man/man8/{name}.8"
            self.assertEqual(page.read_bytes(), (ZCRXMON / f"{name}.8").read_bytes())

    def test_directories_can_be_named(self):
        self.make("install", prefix="/usr", mandir="/opt/man")
        self.assertEqual(self.installed(), self.files("usr/bin", "opt/man"))

    def test_uninstall_removes_what_install_made_and_no_more(self):
        self.make("install")
        other = self.root / "usr/local/bin/other"
        other.touch(mode=0o644)
        self.make("uninstall")
        self.assertEqual(self.installed(), {"usr/local/bin/other": 0o644})


if __name__ == "__main__":
    unittest.main()
