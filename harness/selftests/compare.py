#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compare what the same tests said on two kernels.

usage: compare.py BASE_LOG PATCHED_LOG

The logs are KTAP of programs as harness/lib/tally.py reads it, and so is what is
printed: one program, in which each case of the two logs is one test. A case
fails when its result is worse on the patched kernel. One that passes on neither
is skipped with the reason.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib import tally

# The result of a case that only the other log has.
MISSING = ("missing", "")
RANK = {"pass": 2, "skip": 1, "fail": 0, "missing": 0}


def results(path):
    """{case: (outcome, why)} of a log"""
    count = tally.Tally()
    with open(path, encoding="utf-8", errors="replace") as file:
        tally.read_ktap(count, "", file.read())
    return {name.removeprefix(": "): (outcome, why)
            for outcome, rows in (("pass", count.passed), ("skip", count.skipped),
                                  ("fail", count.failed))
            for name, why in rows}


def said(result):
    outcome, why = result
    return outcome + (f": {why}" if why else "")


def verdict(base, patched):
    """what comes before and after the name of a case whose two results these are"""
    if RANK[patched[0]] < RANK[base[0]]:
        return "not ok", f"(base: {said(base)}; patched: {said(patched)})"
    if patched[0] == "pass":
        return "ok", "" if base[0] == "pass" else f"(base: {said(base)})"
    if base == patched:
        return "ok", f"# SKIP on both kernels: {said(base)}"
    return "ok", f"# SKIP base: {said(base)}; patched: {said(patched)}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    base, patched = results(sys.argv[1]), results(sys.argv[2])
    cases = list(dict.fromkeys([*base, *patched]))
    print(f"# program: base and patched\nTAP version 13\n1..{len(cases)}")
    worse = 0
    for number, case in enumerate(cases, 1):
        word, more = verdict(base.get(case, MISSING), patched.get(case, MISSING))
        worse += word != "ok"
        print(f"{word} {number} {case} {more}".rstrip())
    print(f"# status: {1 if worse else 0}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
