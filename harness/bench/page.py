#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The tables and totals of COSTS.md.

  harness/bench/page.py           print them, from harness/bench/recorded.json
  harness/bench/page.py PAGE      does the page have them?"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bench import check

COLUMNS = (("no descriptor", "none"), ("statistics", "stats"), ("types", "types"),
           ("both", "both"))
COMPARED = (("copied fragment, writes of 64 KiB", "calls-nodev-copy-64k"),
            ("copied fragment, writes of 1 KiB", "calls-nodev-copy-1k"),
            ("copied fragment, from a NIC", "calls-nic-copy"),
            ("zero copy buffer, large packets", "calls-nic-zc-large"),
            ("zero copy buffer, small packets", "calls-nic-zc-mtu"),
            ("failed attempt of the page pool", "nic-storm-1"))
ALONE = (("raising, with queueing the task work", "raise"),
         ("the same when that wakes a task", "raise-wake"),
         ("task work, without posting the CQE", "task-work"),
         ("from the event to the CQE, polling", "event-polling"),
         ("from the event to the CQE, sleeping", "event-sleeping"),
         ("arming, a system call", "arm"))


def markdown(head, lines):
    """a table, its first column to the left"""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines))


def compared(figures):
    for what, workload in COMPARED:
        got = [figures[f"{workload} {name}"] for _, name in COLUMNS]
        yield (what, f"{got[0]['cost'] - got[0]['more']:.0f}",
               *(f"{one['more']:+.1f}" for one in got))


def tables(recorded):
    figures = recorded["figures"]
    return (markdown(("instructions", "without", *(head for head, _ in COLUMNS)),
                list(compared(figures))),
            markdown(("one notification", "instructions"),
                [(what, f"{figures[workload + ' types']['cost']:.0f}")
                 for what, workload in ALONE]))


def totals(figures):
    """the sentence on all that a copied fragment takes, without notifications"""
    of_64k, of_1k = (figures[f"nodev-copy-{size} none"] for size in ("64k", "1k"))
    return (f"{of_64k['cost'] - of_64k['more']:.0f} of 22 KiB, in writes of 64 KiB, and "
            f"{of_1k['cost'] - of_1k['more']:.0f} of 1 KiB.")


def main(path=None):
    recorded = check.read(check.RECORDED)
    if not path:
        print("\n".join([*tables(recorded), totals(recorded["figures"])]))
        return 0
    page = pathlib.Path(path).read_text(encoding="utf-8")
    wrong = [table for table in tables(recorded) if table not in page]
    wrong += [text for text in (totals(recorded["figures"]), recorded["kernel"],
                                recorded["compiler"]) if text not in " ".join(page.split())]
    for text in wrong:
        print(f"{path} has to say, as harness/bench/recorded.json does:\n{text}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
