# SPDX-License-Identifier: GPL-2.0
"""The results in the logs of test runs: KTAP of programs, and the output of unittest."""

import re


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
