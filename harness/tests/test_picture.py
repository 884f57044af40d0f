# SPDX-License-Identifier: GPL-2.0
"""The picture of the demonstration shows the log's lines, at the log's times."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from program import load

TOP = pathlib.Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"

# The guest's clock runs at half the speed of the host's.
LOG = [(10.0, "zero-copy receive:      yes"),
       (11.0, "$ ethtool -X nic0 equal 1"),
       (12.0, "zero-copy receive on nic0 queue 1"),
       (13.0, "    0.50 s  received 10.0 MiB  rate 20.0 MiB/s  held <0 & \"1\" of 4096"),
       (14.0, "$ kill -USR1 zcrxmon"),
       (15.0, "    1.50 s  NO_BUFFERS|COPY notified: held 4096 of 4096 buffers, gave back 4096"),
       (15.0, "    1.50 s  received 20.0 MiB  rate 20.0 MiB/s  " + "zero-copy 10.0 MiB  " * 6),
       (16.5, "after 1.75 s"),
       (16.5, ""),
       (16.5, "  ok   zcrxmon ended with status 0"),
       (17.0, "PASS")]
# 3 s up to 0.50 s, then zcrxmon's times, then the host's time again
MOMENTS = [0, 1, 2, 3, 3.5, 4, 4, 5.5, 5.5, 5.5, 6]


def log_text(rows):
    return "".join(f"{seconds:.3f}\t{text}\n" for seconds, text in rows)


class WithDirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.tmp = pathlib.Path(directory.name)
        self.log = self.tmp / "a.log"
        self.svg = self.tmp / "a.svg"

    def picture(self, text):
        self.log.write_text(text, encoding="utf-8")
        return subprocess.run([TOP / "harness/docs/picture", "-o", self.svg, self.log], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def rows_of(svg):
    """The rows of the terminal"""
    return ["".join(row.itertext()) for row in xml.etree.ElementTree.parse(svg).iter(f"{SVG}text")]


def frames(svg, name):
    """[(share of the time, pixels)] of one animation, and its length in seconds"""
    style = xml.etree.ElementTree.parse(svg).find(f".//{SVG}style").text
    body = re.search(rf"@keyframes {name}{{\n(.*?)\n}}", style, re.S)[1]
    found = [re.fullmatch(r"([0-9.]+)%{transform:translateY\((-?\d+)px\)}", line).groups()
             for line in body.splitlines()]
    length = float(re.search(r"animation:\w+ ([0-9.]+)s step-end infinite", style)[1])
    return [(float(share), int(pixels)) for share, pixels in found], length


class Picture(WithDirectory):
    def setUp(self):
        super().setUp()
        done = self.picture(log_text(LOG))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_has_the_lines_in_their_order(self):
        words = " ".join(" ".join(rows_of(self.svg)).split())
        self.assertEqual(words, " ".join(" ".join(text for _, text in LOG).split()))

    def test_rows_fit_and_long_lines_are_cut_between_figures(self):
        rows = rows_of(self.svg)
        self.assertEqual(len(rows), len(LOG) + 1)
        self.assertLessEqual(max(map(len, rows)), 100)
        rest = next(row for row in rows if row.startswith(12 * " "))
        self.assertEqual(rest.split()[0], "zero-copy")

    def test_lines_appear_when_they_did_in_the_guest(self):
        times = load("docs/picture").guest_times(LOG)
        self.assertEqual(len(times), len(MOMENTS))
        for got, wanted in zip(times, MOMENTS):
            self.assertAlmostEqual(got, wanted)

    def test_a_second_receiver_starts_at_0_again(self):
        second = [(17.0, "zero-copy receive on nic0 queue 1"),
                  (18.0, "    0.25 s  LOW_BUFFERS notified: held 2 of 4 buffers, gave back 2"),
                  (18.5, "PASS")]
        times = load("docs/picture").guest_times(LOG[:-1] + second)
        # 2 s after the last time of the first one, and from there by its own time
        for got, wanted in zip(times[-3:], (4 + 2 * 2.25 / 3, 6.25, 6.75)):
            self.assertAlmostEqual(got, wanted)

    def test_the_animation_uncovers_the_rows_at_these_times(self):
        covers, length = frames(self.svg, "cover")
        line = 16
        # The line that is cut takes two rows at one time.
        wanted = {}
        for count, moment in enumerate(MOMENTS[:7] + MOMENTS[6:], 1):
            wanted[moment] = count * line
        self.assertEqual([pixels for _, pixels in covers], list(wanted.values()))
        for (share, _), moment in zip(covers, wanted):
            self.assertAlmostEqual(share * length / 100, moment, places=3)
        self.assertLess(covers[-1][0], 100)

    def test_rows_move_up_when_the_screen_is_full(self):
        more = [(13.0 + i / 10, f"    {0.5 + i / 10:.2f} s  line {i}") for i in range(60)]
        log = LOG[:3] + more + [(20.0, "PASS")]
        self.assertEqual(self.picture(log_text(log)).returncode, 0)
        moves, _ = frames(self.svg, "lines")
        shares = [share for share, _ in moves]
        self.assertEqual(shares, sorted(set(shares)))
        pixels = [pixels for _, pixels in moves]
        self.assertEqual(pixels, sorted(pixels, reverse=True))
        self.assertEqual((pixels[0], pixels[-1]), (0, (36 - len(log)) * 16))
        # A viewer without animation shows the end.
        group = xml.etree.ElementTree.parse(self.svg).find(f".//{SVG}g")
        self.assertEqual(group.get("transform"), f"translate(0 {pixels[-1]})")

    def test_the_same_log_gives_the_same_picture_wherever_it_is(self):
        before = self.svg.read_bytes()
        for path in (self.tmp, TOP):
            self.assertNotIn(str(path).encode(), before)
        self.svg = self.tmp / "b.svg"
        self.log = self.tmp / "b.log"
        self.assertEqual(self.picture(log_text(LOG)).returncode, 0)
        self.assertEqual(before, self.svg.read_bytes())

    def test_what_xml_cannot_have_is_replaced(self):
        log = log_text(LOG[:-1] + [(17.0, "\x1b[1mbold\x00"), (17.0, "PASS")])
        self.assertEqual(self.picture(log).returncode, 0)
        self.assertIn("?[1mbold?", rows_of(self.svg))


class Refusal(WithDirectory):
    def refused(self, text, why):
        self.svg.write_text("old", encoding="ascii")
        done = self.picture(text)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, f"^picture: .*{why}.*\n$")
        self.assertEqual(self.svg.read_text(encoding="ascii"), "old")
        self.assertEqual({path.name for path in self.tmp.iterdir()}, {"a.svg", "a.log"})

    def test_of_an_empty_log(self):
        self.refused("", "is empty")
        self.refused("\n", "is empty")

    def test_of_a_log_that_was_cut_off(self):
        for end in range(1, len(LOG)):
            with self.subTest(end):
                self.refused(log_text(LOG[:end]), "does not end with PASS")
        self.refused(log_text(LOG)[:-3], "does not end with PASS")
        self.refused(log_text(LOG)[:-8], ":11: no time")

    def test_of_a_run_that_failed(self):
        self.refused(log_text(LOG[:-1] + [(17.0, "FAIL")]), "does not end with PASS")

    def test_of_times_that_go_back_or_are_missing(self):
        self.refused(log_text(LOG[:4] + [(12.9, "x")] + LOG[4:]), ":5: the time goes back")
        self.refused(log_text(LOG[:6] + [(15.0, "    1.49 s  x")] + LOG[6:]),
                     "times that zcrxmon printed go back")
        self.refused("zero-copy\n" + log_text(LOG), ":1: no time")
        self.refused(log_text(LOG[:3] + LOG[-1:]), "no line of zcrxmon")

    def test_of_a_log_that_is_not_there(self):
        self.log = self.tmp / "none" / "a.log"
        done = subprocess.run([TOP / "harness/docs/picture", "-o", self.svg, self.log], text=True,
                              stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^picture: .*No such file")


    def test_of_a_place_that_cannot_be_written_leaves_nothing_there(self):
        self.svg.mkdir()
        done = self.picture(log_text(LOG))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^picture: .*Is a directory")
        self.assertEqual({path.name for path in self.tmp.iterdir()}, {"a.svg", "a.log"})


class Run(WithDirectory):
    """A copy of the program next to a demonstration that the test makes."""

    def run_with(self, demo):
        harness = self.tmp / "harness"
        for name in ("docs", "lib"):
            shutil.copytree(TOP / "harness" / name, harness / name)
        (harness / "docs/picture.svg").unlink()
        (harness / "run").write_text(f"#!/bin/sh\n{demo}\n", encoding="ascii")
        (harness / "run").chmod(0o755)
        env = {name: value for name, value in os.environ.items() if name != "ZCRX_BUILD"}
        return subprocess.run([harness / "docs/picture"], text=True, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    def test_keeps_the_time_of_each_line(self):
        done = self.run_with("echo '    0.00 s  first'; sleep 0.4; echo PASS")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "    0.00 s  first\nPASS\n")
        log = (self.tmp / "build/picture.log").read_text(encoding="ascii")
        first, last = (float(line.split("\t")[0]) for line in log.splitlines())
        self.assertTrue(0.35 < last - first < 5, log)
        self.assertEqual(rows_of(self.tmp / "harness/docs/picture.svg"), ["    0.00 s  first", "PASS"])

    def test_a_demonstration_that_fails_makes_no_picture(self):
        done = self.run_with("echo '    0.00 s  first'; echo PASS; exit 3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("picture: the demonstration failed with status 3", done.stderr)
        self.assertFalse((self.tmp / "harness/docs/picture.svg").exists())


class Here(unittest.TestCase):
    """The picture that is in the repository"""

    svg = TOP / "harness/docs/picture.svg"

    def test_is_whole_small_and_has_no_path_but_the_guests(self):
        self.assertLess(self.svg.stat().st_size, 60000)
        self.assertEqual(rows_of(self.svg)[-1], "PASS")
        paths = re.findall(r"(?<![\w/.<>-])/[\w.]+(?:/[\w.-]+)*", " ".join(rows_of(self.svg)))
        self.assertIn("/host/zcrxmon", paths)
        self.assertEqual(set(paths) - {"/host/zcrxmon", "/tmp/zcrxmon.json"}, set())

    def test_has_no_script_and_needs_nothing_from_elsewhere(self):
        text = self.svg.read_text(encoding="utf-8")
        self.assertNotRegex(text, r"<script|\son\w+=|href|url\(|@import|<image|<foreignObject")


if __name__ == "__main__":
    unittest.main()
