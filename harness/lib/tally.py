#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Count what the logs of a test run say, and name what failed.

usage: tally.py KIND:NAME:STATUS:LOG...

KIND is how the log is read:
  unittest  python3 -m unittest -v
  ktap      KTAP of one or more programs, each after a line `# program: NAME`
            and followed by `# status: N`
  status    not at all: one test, which passed if STATUS is 0
STATUS is the exit status of the run, or a reason in words why it was skipped.
A log that says less than it promised, or a status that no test in the log
explains, counts as a failure: a run that dies must not look like a short one.
The last line printed is `N passed, N failed[, N skipped]`.
"""
import re
import sys


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def add(self, name, outcome, why=""):
        {"pass": self.passed, "fail": self.failed,
         "skip": self.skipped}[outcome].append((name, why))


def read_unittest(tally, name, text):
    """Lines `test_x (module.Class.test_x)[ ...doc] ... ok`; the result can be
    on a later line when the test has a docstring or prints something."""
    found = 0
    test = None
    for line in text.splitlines():
        start = re.match(r"(\w+) \(([\w.]+)\)", line)
        if start and line.startswith("test"):
            test = start[2].rsplit(".", 1)[-1]
            test = test if test.startswith("test") else start[1]
        result = re.search(r"(?:\.\.\. |^)(ok|FAIL|ERROR|skipped (.*)|"
                           r"expected failure|unexpected success)$", line)
        if not test or not result:
            continue
        word = result[1]
        if word.startswith("skipped"):
            tally.add(f"{name}: {test}", "skip", result[2].strip("'\""))
        else:
            good = word in ("ok", "expected failure")
            tally.add(f"{name}: {test}", "pass" if good else "fail")
        found += 1
        test = None
    ran = re.search(r"^Ran (\d+) tests? in", text, re.M)
    if not ran or int(ran[1]) != found:
        said = ran[1] if ran else "no number of"
        tally.add(f"{name}: the log names {found} tests, {said} were run", "fail")


def read_ktap(tally, name, text):
    program, status, plan, got, bad = None, None, None, 0, 0
    programs = 0

    def finish():
        if program is None:
            return
        if plan is None or got != plan:
            tally.add(f"{name}: {program}: {got} of {plan or 'unknown'} tests reported", "fail")
        elif status is None:
            tally.add(f"{name}: {program}: did not end", "fail")
        elif (status == 0) != (bad == 0) and status != 4:
            tally.add(f"{name}: {program}: exit status {status}", "fail")

    for line in text.splitlines():
        if line.startswith("# program: "):
            finish()
            program, status, plan, got, bad = line[11:].strip(), None, None, 0, 0
            programs += 1
        elif m := re.match(r"# status: (\d+)$", line):
            status = int(m[1])
        elif m := re.match(r"1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?$", line):
            plan = int(m[1])
            if plan == 0:
                tally.add(f"{name}: {program}", "skip", m[2] or "no reason given")
        elif m := re.match(r"(not )?ok \d+\s*-?\s*(.*?)"
                           r"(?:\s*#\s*(SKIP|XFAIL)\b\s*(.*))?$", line):
            got += 1
            test = f"{name}: {program}: {m[2]}"
            if m[3]:
                why = m[4] or "no reason given"
                tally.add(test, "skip", why if m[3] == "SKIP" else f"failed as expected: {why}")
            elif m[1]:
                bad += 1
                tally.add(test, "fail")
            else:
                tally.add(test, "pass")
    finish()
    if not programs:
        tally.add(f"{name}: no program ran", "fail")


def main(arguments):
    tally = Tally()
    for argument in arguments:
        kind, name, status, log = argument.split(":", 3)
        if not status.isdigit():
            tally.add(name, "skip", status)
            continue
        before = len(tally.failed)
        if kind != "status":
            with open(log, encoding="utf-8", errors="replace") as file:
                text = file.read()
            {"unittest": read_unittest, "ktap": read_ktap}[kind](tally, name, text)
        elif status == "0":
            tally.add(name, "pass")
        if status != "0" and len(tally.failed) == before:
            what = name if kind == "status" else f"{name}: exit status {status}"
            tally.add(what, "fail", f"see {log}")
        if len(tally.failed) > before:
            tally.failed[-1] = (tally.failed[-1][0], f"see {log}")
    for title, rows in (("skipped", tally.skipped), ("FAILED", tally.failed)):
        for name, why in rows:
            print(f"{title}: {name}" + (f" ({why})" if why else ""))
    skipped = f", {len(tally.skipped)} skipped" if tally.skipped else ""
    print(f"{len(tally.passed)} passed, {len(tally.failed)} failed{skipped}")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
