#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print what the tests reached of the code that the series adds to io_uring.

usage: report.py --tree LINUX --objects OBJ/io_uring --why FILE RUN...

A RUN is a directory with the .gcda files that one guest left; what several
reached adds up. Looked at are zcrx_notif.c, the functions of zcrx_notif.h, and
of the files that Linux already has the lines in which LINUX differs from its
branch base. A line or a branch that was not reached needs a reason in FILE
(harness/coverage/why says how they are written). Status 0: all is reached or
explained, and each reason explains something; 1: not so; 2: no figures.
"""
import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WHOLE = ("io_uring/zcrx_notif.c", "io_uring/zcrx_notif.h")
PARTLY = ("io_uring/zcrx.c", "io_uring/query.c")


class Bad(Exception):
    """Nothing can be said about coverage."""


class Line:
    """A line with code: how often it ran, and the ends of its branches. A line
    of an inline function has those of each place that it is expanded at."""

    def __init__(self):
        self.count = 0
        self.branches = {}

    def add(self, unit, count, branches):
        self.count += count
        for number, taken in enumerate(branches):
            key = unit, number
            self.branches[key] = self.branches.get(key, 0) + taken


def run_gcov(run, objects):
    """Yield the JSON documents of gcov, one an object file."""
    with tempfile.TemporaryDirectory() as room:
        for data in sorted(pathlib.Path(run).glob("*.gcda")):
            notes = pathlib.Path(objects) / (data.stem + ".gcno")
            if not notes.exists():
                raise Bad(f"{notes} is missing: this kernel was not built here")
            for file in data, notes:
                shutil.copy(file, room)
            gcov = subprocess.run(["gcov", "-b", "-j", "-t", data.name], cwd=room,
                                  capture_output=True, text=True, check=False)
            # e.g. the kernel that ran was another one
            if gcov.returncode:
                raise Bad(f"gcov {data}: {gcov.stderr.strip()}")
            yield json.loads(gcov.stdout)


def merge(documents):
    """{file: {line number: Line}} of all documents together."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    for document in documents:
        unit = document["data_file"]
        for file in document["files"]:
            name = next((name for name in WHOLE + PARTLY
                         if re.search(f"(^|/){name}$", file["file"]) and
                         "include/" not in file["file"]), None)
            seen = collections.defaultdict(lambda: [0, []])
            for line in file["lines"] if name else ():
                seen[line["line_number"]][0] += line["count"]
                seen[line["line_number"]][1] += (
                    branch["count"] for branch in line["branches"])
            for number, (count, branches) in seen.items():
                files[name][number].add(unit, count, branches)
    return files


def added_lines(diff):
    """{file: set of line numbers} that a diff without context adds."""
    added, name = collections.defaultdict(set), None
    for line in diff.splitlines():
        if line.startswith("+++ "):
            name = line[4:].removeprefix("b/")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first = int(hunk[1])
            added[name].update(range(first, first + int(hunk[2] or 1)))
    return added


def functions(source):
    """The name of the function that each line is in, from the kernel's style: it
    begins at the left margin and its body with a brace there."""
    names, name = [], ""
    for line in source.splitlines():
        start = re.match(r"(?!static_assert)(?=\w)[^;={(]*?\b(\w+)\(", line)
        if start and not line.rstrip().endswith(";"):
            name = start[1]
        names.append(name)
        if line.startswith("}"):
            name = ""
    return names


class Why:
    """A reason: for which lines, how many branches of each, and the words."""

    def __init__(self, where, head):
        match = re.fullmatch(r"(line|branch|branches (\d+)) (\S+) (\S+)", head)
        if not match:
            raise Bad(f"{where}: neither 'line FILE FUNCTION' nor 'branch FILE FUNCTION'")
        self.where, self.what = where, match[1].split()[0].removesuffix("es")
        self.most = int(match[2] or 1)
        self.file, self.function = match[3], match[4]
        self.text, self.reason, self.used = None, "", False

    def fits(self, what, file, function, text):
        if (self.what, self.file) != (what, file) or self.function not in ("*", function):
            return False
        if len(self.text) > 2 and self.text[0] == self.text[-1] == "/":
            return re.search(self.text[1:-1], text) is not None
        return self.text == text


def read_why(path):
    reasons = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        where, text = f"{path}:{number}", " ".join(line.split())
        if not text or text.startswith("#"):
            continue
        if not line[0].isspace():
            reasons.append(Why(where, text))
        elif not reasons:
            raise Bad(f"{where}: a reason for nothing")
        elif reasons[-1].text is None:
            reasons[-1].text = text
        else:
            reasons[-1].reason = f"{reasons[-1].reason} {text}".strip()
    for why in reasons:
        if not why.text or not why.reason:
            raise Bad(f"{why.where}: the source line, then the reason, are wanted")
    return reasons


def report(files, added, sources, reasons):
    """The table and what was not reached, as lines, and whether all is well."""
    table = [f"{'':34}{'lines':>17}{'branches':>19}{'explained':>10}"]
    missing, explained = [], collections.defaultdict(list)
    for file in WHOLE + PARTLY:
        wanted = {number: line for number, line in files.get(file, {}).items()
                  if file in WHOLE or number in added.get(file, ())}
        if not wanted:
            raise Bad(f"there are no figures for {file}")
        text, names = sources[file].splitlines(), functions(sources[file])
        total = collections.Counter()
        for number, line in sorted(wanted.items()):
            here = " ".join(text[number - 1].split())
            place = f"{file}:{number} {names[number - 1]}(): {here}"
            untaken = sum(not taken for taken in line.branches.values())
            total.update(lines=1, reached=line.count > 0, branches=len(line.branches),
                         taken=len(line.branches) - untaken)
            for what, many in ("line", line.count == 0), ("branch", untaken):
                # what a line that never ran has branched to needs no words
                if not many or (what == "branch" and not line.count):
                    continue
                why = next((why for why in reasons if many <= why.most and
                            why.fits(what, file, names[number - 1], here)), None)
                words = f"line    {place}" if what == "line" else (
                    f"branch  {place} ({many} of {len(line.branches)} not taken)")
                if why:
                    why.used = True
                    explained[why.reason].append(words)
                    total["explained"] += 1
                else:
                    missing.append(words)
        name = file if file in WHOLE else f"{file}, what is added"
        table.append("{:34}{:>5} of {:<4}{:>4.0%}{:>7} of {:<4}{:>4.0%}{:>10}".format(
            name, total["reached"], total["lines"], total["reached"] / total["lines"],
            total["taken"], total["branches"],
            total["taken"] / total["branches"] if total["branches"] else 1,
            total["explained"]))
    out = table
    for reason, places in explained.items():
        out += ["", f"not reached: {reason}", *("  " + place for place in places)]
    unused = [why for why in reasons if not why.used]
    for title, rows in (("not reached, and no reason given:", missing),
                        ("reasons for nothing, all that they name is reached or gone:",
                         [f"{why.where}: {why.text}" for why in unused])):
        if rows:
            out += ["", title, *("  " + row for row in rows)]
    return out, not missing and not unused


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in "--tree", "--objects", "--why":
        parser.add_argument(option, required=True, type=pathlib.Path)
    parser.add_argument("runs", nargs="+", metavar="RUN", type=pathlib.Path)
    given = parser.parse_args(arguments)
    try:
        reasons = read_why(given.why)
        for run in given.runs:
            if not any(run.glob("*.gcda")):
                raise Bad(f"{run}: that run left no .gcda file")
        diff = subprocess.run(["git", "-C", given.tree, "diff", "-U0", "base", "--", *PARTLY],
                              capture_output=True, text=True, check=True).stdout
        sources = {file: (given.tree / file).read_text() for file in WHOLE + PARTLY}
        files = merge(document for run in given.runs
                      for document in run_gcov(run, given.objects))
        lines, good = report(files, added_lines(diff), sources, reasons)
    except (Bad, OSError, subprocess.CalledProcessError) as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
