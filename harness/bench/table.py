# SPDX-License-Identifier: GPL-2.0
"""Statistics of harness/bench/run, its targets, and its table."""

import statistics

from lib.common import TREE

# The limits of a registration, in guest instructions per unit. "more": the excess
# over the base; "ratio": the ratio to the base; "cost": the cost of a unit alone;
# "slower": the ratio to the same workload without a descriptor.
COPY, FAILURE = {
    # The kernel counts in each registration.
    "": ({"none": ("more", 13), "stats": ("more", 13), "types": ("more", 16), "both": ("more", 16)},
         {name: ("more", 12) for name in ("none", "stats", "types", "both")}),
    # The base has events; it is measured without a descriptor.
    "mainline": ({"none": ("more", 0), "stats": ("more", 8), "types": ("more", 10),
                  "both": ("more", 10)},
                 {"none": ("more", 6), "types": ("more", 6)}),
}[TREE]
# A fragment of a large write takes 5.7 buffers instead of one, and LOW_BUFFERS costs two
# instructions for each buffer.
LARGE = {name: (kind, limit + (0 if TREE else 10)) for name, (kind, limit) in COPY.items()}
ZERO_COPY = {name: ("ratio", 1.001) for name in ("none", "stats", "types", "both", "rearm")}
TARGETS = {
    "calls-nodev-copy-64k": LARGE,
    "calls-nodev-copy-1k": COPY,
    "calls-nic-copy": LARGE,
    "calls-nic-zc-large": ZERO_COPY,
    "calls-nic-zc-mtu": ZERO_COPY,
    "nic-storm-1": FAILURE,
    "nic-storm-2": FAILURE,
    "rings-2": {"stats": ("slower", 1 / 0.99)},
    "raise": {"types": ("cost", 150), "both": ("cost", 150)},
    "task-work": {"types": ("cost", 130), "both": ("cost", 130)},
}

# Figures of one function: the span of that workload, perhaps minus another span.
ALLOC = "io_pp_zc_alloc_netmems"
DERIVED = {
    "nic-storm-1": ("nic-storm-1", ALLOC, None, "failure"),
    "nic-storm-2": ("nic-storm-2", ALLOC, None, "failure"),
    "zc-refill": ("nic-zc-large", ALLOC, None, "call"),
    "raise": ("notify-polling", "raise", None, "event"),
    "raise-wake": ("notify-sleeping", "raise", None, "event"),
    "task-work": ("notify-polling", "zcrx_notif_task_work", "post", "event"),
    "event-polling": ("notify-polling", "event", None, "event"),
    "event-sleeping": ("notify-sleeping", "event", None, "event"),
}


# calls-NAME compares single calls of the functions that carry the same number of
# fragments. That number depends on the arrival of packets, which differs between
# kernels; the instructions of a call do not.
RECEIVE = "io_zcrx_recv_skb"
CALLS = {"nodev-copy-64k": (RECEIVE,), "nodev-copy-1k": (RECEIVE,), "nic-copy": (RECEIVE,),
         "nic-zc-large": (RECEIVE, ALLOC), "nic-zc-mtu": (RECEIVE, ALLOC)}
# Fewer calls of a kind are not compared: an interrupt can hit one of them.
FEW_CALLS = 5


def summary(values):
    """median and spread; the spread is the width of the middle half"""
    if not values:
        raise ValueError("no values")
    values = sorted(values)
    quarter = len(values) // 4
    return {"median": statistics.median_low(values), "min": values[0], "max": values[-1],
            "low": values[quarter], "high": values[-1 - quarter]}


def expand(values):
    """the list of the values, each repeated by its count"""
    return sorted(value for value, times in values.items() for _ in range(times))


def all_calls(span):
    return sorted(value for values in span.values() for value in expand(values))


def same_calls(base, ours, functions):
    """(instructions on the base, on ours) of calls with the same number of fragments;
    nothing if most have no counterpart"""
    before = after = 0
    for name in functions:
        theirs = {steps: expand(values) for steps, values in base["spans"].get(name, {}).items()}
        mine = {steps: expand(values) for steps, values in ours["spans"].get(name, {}).items()}
        both = [steps for steps, calls in mine.items()
                if min(len(calls), len(theirs.get(steps, ()))) >= FEW_CALLS]
        if 2 * sum(len(mine[steps]) for steps in both) < sum(map(len, mine.values())) or not both:
            return None
        before += sum(len(mine[steps]) * statistics.median_low(theirs[steps]) for steps in both)
        after += sum(len(mine[steps]) * statistics.median_low(mine[steps]) for steps in both)
    return before, after


def derive(records):
    """the records, with records of single functions instead of or after them"""
    result = [one for one in records if one["workload"] not in DERIVED]
    for name, (workload, span, less, unit) in DERIVED.items():
        for one in records:
            if one["workload"] != workload or span not in one["spans"]:
                continue
            minus = summary(all_calls(one["spans"][less]))["median"] if less else 0
            values = [value - minus for value in all_calls(one["spans"][span])]
            result.append({"workload": name, "registration": one["registration"], "unit": unit,
                           "units": len(values), "bytes": 0, "ns": values,
                           "instructions": values, "spans": {}})
    return result


def units_of(record, records):
    """units of one repetition: counted by the kernel where it has statistics"""
    for one in [record, *records]:
        if one["workload"] == record["workload"] and one["units"]:
            return one["units"] / len(one["ns"])
    raise ValueError(f"nobody counted the {record['unit']}s of {record['workload']}")


def figure(record, base, bare, records):
    """one row: a workload with a registration, and the base if it has one"""
    units = units_of(record, records)
    ours = summary(record["instructions"])
    row = {"workload": record["workload"], "registration": record["registration"],
           "unit": record["unit"], "units": units, "cost": ours["median"] / units,
           "bytes": record["bytes"] / len(record["ns"]), "median": ours["median"],
           "min": ours["min"], "max": ours["max"],
           "spread": (ours["high"] - ours["low"]) / ours["median"],
           "base": None, "ratio": None, "more": None, "slower": None}
    if base:
        before = summary(base["instructions"])
        row["base"] = before["median"] / units
        row["ratio"] = ours["median"] / before["median"]
        row["more"] = (ours["median"] - before["median"]) / units
        row["spread"] = max(row["spread"], (before["high"] - before["low"]) / before["median"])
    if bare:
        row["slower"] = ours["median"] / summary(bare["instructions"])["median"]
    row["target"] = TARGETS.get(row["workload"], {}).get(row["registration"])
    row["ok"] = meets(row)
    return row


def calls_figure(record, got, units):
    """of what same_calls() found"""
    def one(instructions):
        return {**record, "workload": f"calls-{record['workload']}", "bytes": 0, "units": units,
                "instructions": [instructions / len(record["ns"])]}

    before, after = got or (None, 1)
    return figure(one(after), one(before) if got else None, None, ())


def meets(row):
    """None without a target; a figure that could not be measured misses its target"""
    if not row["target"]:
        return None
    what, limit = row["target"]
    return row[what] is not None and row[what] <= limit


def rows(base, ours):
    base = {one["workload"]: one for one in derive(base)}
    ours = derive(ours)
    bare = {one["workload"]: one for one in ours if one["registration"] == "none"}
    result = [figure(one, base.get(one["workload"]), bare.get(one["workload"]), ours)
              for one in ours]
    for one in ours:
        if one["registration"] in TARGETS.get(f"calls-{one['workload']}", ()):
            got = same_calls(base[one["workload"]], one, CALLS[one["workload"]])
            result.append(calls_figure(one, got, units_of(one, ours) * len(one["ns"])))
    return result


def throughput(base, ours):
    """{(workload, registration): ratio to the base} of wall-clock time"""
    def speed(record):
        return record["bytes"] / len(record["ns"]) / statistics.median(record["ns"])

    before = {one["workload"]: speed(one) for one in base if one["bytes"]}
    return {(one["workload"], one["registration"]): speed(one) / before[one["workload"]]
            for one in ours if one["workload"] in before}


def target_text(target):
    what, limit = target or ("", 0)
    return {"": "", "more": f"+{limit}", "ratio": f"x{limit}", "cost": f"{limit}",
            "slower": f"/{limit:.4f}"}[what]


def table(all_rows, speeds):
    def number(value, form):
        return "-" if value is None else format(value, form)

    lines = [f"{'workload':20} {'registered':10} {'a':8} {'base':>9} {'ours':>9} {'ratio':>8} "
             f"{'spread':>7} {'more':>8} {'target':>8} {'':6} {'speed (noisy)':>13}"]
    for row in all_rows:
        verdict = {True: "ok", False: "MISSED", None: ""}[row["ok"]]
        speed = speeds.get((row["workload"], row["registration"]))
        lines.append(f"{row['workload']:20} {row['registration']:10} {row['unit']:8} "
                     f"{number(row['base'], '9.1f'):>9} {row['cost']:9.1f} "
                     f"{number(row['ratio'], '8.5f'):>8} {100 * row['spread']:6.2f}% "
                     f"{number(row['more'], '+8.2f'):>8} {target_text(row['target']):>8} "
                     f"{verdict:6} {number(speed, '13.2f'):>13}".rstrip())
    # workloads on several CPUs, where nothing is counted
    counted = {row["workload"] for row in all_rows}
    lines += [f"{workload:20} {registration:10} {'':71}{speed:13.2f}"
              for (workload, registration), speed in speeds.items() if workload not in counted]
    return "\n".join(lines)
