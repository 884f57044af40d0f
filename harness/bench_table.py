# SPDX-License-Identifier: GPL-2.0
"""Statistics of harness/bench, its table, its targets, and the comparison with recorded figures."""

import statistics

# What a registration may cost more than the unpatched base: instructions a unit
# ("more"), or the ratio of the whole ("ratio").
COPY = {"none": ("more", 5), "stats": ("more", 13), "types": ("more", 16), "both": ("more", 16)}
ZERO_COPY = {name: ("ratio", 1.001) for name in ("none", "stats", "types", "both", "rearm")}
TARGETS = {
    "nodev-copy-64k": COPY,
    "nodev-copy-1k": COPY,
    "nic-copy": COPY,
    "nic-zc-large": ZERO_COPY,
    "nic-zc-mtu": ZERO_COPY,
}


def summary(values):
    """median and spread; the spread is that of the middle half"""
    if not values:
        raise ValueError("no values")
    values = sorted(values)
    quarter = len(values) // 4
    return {"median": statistics.median_low(values), "min": values[0], "max": values[-1],
            "low": values[quarter], "high": values[-1 - quarter]}


def units_of(record, records):
    """units of one repetition: counted by the kernel where it has statistics"""
    for one in [record, *records]:
        if one["workload"] == record["workload"] and one["units"]:
            return one["units"] / len(one["ns"])
    raise ValueError(f"nobody counted the {record['unit']}s of {record['workload']}")


def rows(records):
    """one row for each workload and registration, compared with the base"""
    base = {one["workload"]: one for one in records["base"]}
    result = []
    for record in records["ours"]:
        ours = summary(record["instructions"])
        before = summary(base[record["workload"]]["instructions"])
        units = units_of(record, records["ours"])
        row = {
            "workload": record["workload"], "registration": record["registration"],
            "unit": record["unit"], "units": units,
            "base": before["median"] / units, "ours": ours["median"] / units,
            "ratio": ours["median"] / before["median"],
            "spread": (ours["high"] - ours["low"]) / ours["median"],
            "more": (ours["median"] - before["median"]) / units,
            "target": TARGETS.get(record["workload"], {}).get(record["registration"]),
        }
        row["ok"] = meets(row)
        result.append(row)
    return result


def meets(row):
    if not row["target"]:
        return None
    what, limit = row["target"]
    return row[what] <= limit


def table(all_rows):
    lines = [f"{'workload':18} {'registered':10} {'unit':10} {'base':>10} {'ours':>10} {'ratio':>8} "
             f"{'spread':>7} {'more':>8} {'target':>8}"]
    for row in all_rows:
        target = ""
        if row["target"]:
            what, limit = row["target"]
            target = f"{limit:+d}" if what == "more" else f"*{limit}"
        verdict = {True: " ok", False: " MISSED", None: ""}[row["ok"]]
        lines.append(f"{row['workload']:18} {row['registration']:10} {row['unit']:10} "
                     f"{row['base']:10.1f} {row['ours']:10.1f} {row['ratio']:8.5f} "
                     f"{100 * row['spread']:6.2f}% {row['more']:+8.2f} {target:>8}{verdict}")
    return "\n".join(lines)
