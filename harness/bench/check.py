# SPDX-License-Identifier: GPL-2.0
"""The comparison of harness/bench/run with the recorded figures, harness/bench/recorded.json."""

import json

from lib.common import HARNESS, SUFFIX, Refused

RECORDED = HARNESS / f"bench/recorded{SUFFIX}.json"
PLOT = HARNESS / f"bench/cost{SUFFIX}.svg"

# A rebuild that moves code can change a total by this share.
TOTAL = 0.001
# Where repetitions agree, the difference to the base is exact to a few hundredths:
# one instruction shows. Where they differ, only a change above their spread shows.
EXACT_SPREAD = 0.0005
INSTRUCTION = 0.5
# The arrival of packets decides how many are received at a time, so the totals of
# these workloads vary by several percent. They are recorded, but their calls-*,
# which do not vary, are judged.
NOT_JUDGED = ("nic-copy", "nic-zc-large", "nic-zc-mtu")


def key(row):
    return f"{row['workload']} {row['registration']}"


def recordable(rows, world):
    return {**world, "figures": {key(row): {
        "unit": row["unit"], "cost": round(row["cost"], 3),
        "more": None if row["more"] is None else round(row["more"], 3)} for row in rows}}


def allowance(row):
    """the number of instructions that a unit may cost above the record"""
    if row["spread"] <= EXACT_SPREAD:
        return INSTRUCTION
    return max(INSTRUCTION, TOTAL * row["cost"], row["spread"] * row["cost"])


def worse(rows, recorded):
    """sentences on the figures that are worse than recorded"""
    for row in rows:
        if row["workload"] in NOT_JUDGED:
            continue
        before = recorded["figures"].get(key(row))
        if before is None:
            yield f"{key(row)}: nothing is recorded of it"
            continue
        if row["more"] is not None and before["more"] is not None:
            if row["more"] > before["more"] + allowance(row):
                yield (f"{key(row)}: {row['more']:+.2f} instructions a {row['unit']} to the base, "
                       f"recorded {before['more']:+.2f}")
        elif row["cost"] > before["cost"] + max(allowance(row), TOTAL * before["cost"]):
            yield (f"{key(row)}: {row['cost']:.1f} instructions a {row['unit']}, "
                   f"recorded {before['cost']:.1f}")
    for name in set(recorded["figures"]) - {key(row) for row in rows}:
        yield f"{name}: recorded, but not measured"


def other_world(world, recorded):
    """the reasons why the recorded figures cannot be compared, if any"""
    return [f"{what}: {world[what]}, recorded with {recorded.get(what)}"
            for what in ("kernel", "compiler") if world[what] != recorded.get(what)]


def read(path):
    try:
        recorded = json.loads(path.read_text(encoding="ascii"))
        for figure in recorded["figures"].values():
            if not isinstance(figure["cost"], (int, float)):
                raise ValueError("a cost is no number")
            figure["more"] = figure["more"]
    except OSError as error:
        raise Refused(f"nothing is recorded: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{path} is no record of figures: {error}") from error
    return recorded


def judge(rows, world, args, path=RECORDED):
    """reports faults, and records; returns the status of the program"""
    status = 0
    for row in rows:
        if args.record and row["workload"].startswith("calls-") and row["more"] is None:
            raise Refused(f"{key(row)}: too few calls to compare with the base, so nothing is "
                          "recorded; measure again")
        if row["ok"] is False:
            print(f"MISSED: {key(row)}")
            status = 1
    if args.check:
        recorded = read(path)
        different = other_world(world, recorded)
        for line in different:
            print(f"NOT COMPARABLE: {line}; make bench RECORD=1 records anew")
        for line in () if different else worse(rows, recorded):
            print(f"WORSE: {line}")
            status = 1
        status = 1 if different else status
    if args.record:
        path.write_text(json.dumps(recordable(rows, world), indent=1) + "\n", encoding="ascii")
        print(f"recorded in {path}")
    return status
