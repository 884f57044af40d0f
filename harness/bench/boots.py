# SPDX-License-Identifier: GPL-2.0
"""The kernels, programs and guests of harness/bench/run, and the results of the guests."""

import json
import os
import re
import shutil
import statistics
from pathlib import Path

from bench import spans as code
from lib.common import BUILD, HARNESS, TREE, Refused, run

ROOM = BUILD / "bench"
SELFTESTS = BUILD / "linux/tools/testing/selftests/io_uring"
# The first and the last of the series whose cost is measured.
MEASURED = {"": ("zcrx-notif", "zcrx-observe"), "mainline": ("zcrx-events", "zcrx-events")}[TREE]


def kernels():
    """{"base": image, "ours": image}: without these series, and with them"""
    names = run(HARNESS / "tree/assemble", "--list").split()
    branches = {"base": names[names.index(MEASURED[0]) - 1], "ours": MEASURED[1]}
    return {name: Path(run(HARNESS / "kernel", "--image",
                           env={**os.environ, "BRANCH": branch, "VARIANT": ""}).strip())
            for name, branch in branches.items()}


def compile_programs(headers):
    """the guest's program, and the plugin that counts"""
    share = ROOM / "guest"
    share.mkdir(parents=True, exist_ok=True)
    liburing = Path(run(HARNESS / "fetch/liburing").strip())
    sources = sorted((HARNESS / "inside/bench").glob("*.c"))
    run("gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Wno-sign-compare", "-D_GNU_SOURCE",
         "-static", "-isystem", headers, "-isystem", liburing / "include", f"-I{SELFTESTS}",
         "-o", share / "zcrx_bench", *sources, SELFTESTS / "zcrx_ifq.c",
         liburing / "lib/liburing.a")
    plugin = ROOM / "plugin.so"
    run("gcc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-shared", "-fPIC",
         "-fvisibility=hidden", "-o", plugin, HARNESS / "bench/plugin.c")
    for program in ("run-bench", "pair"):
        shutil.copy(HARNESS / "inside" / program, share)
    return share, plugin


def boot(image, share, name, options, plan, limit=1200):
    """the guest's output for each line of the plan"""
    (share / "plan").write_text("".join(" ".join(str(word) for word in line) + "\n"
                                        for line in plan), encoding="ascii")
    out = run(HARNESS / "guest", "-n", name, "-t", str(limit), "-m", "2048", "-d", share, *options,
               "--", "/host/run-bench", env={**os.environ, "KERNEL": str(image)})
    return parse_output(out)


def parse_output(text):
    records = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
            records.append({key: record[key] for key in
                            ("workload", "registration", "unit", "units", "bytes", "ns")})
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"the guest printed something else: {line}") from error
    return records


def parse_windows(text):
    """[(instructions, {span: {steps: {instructions: times}}})] of the plugin's output"""
    windows = []
    for line in text.splitlines():
        words = line.split()
        try:
            if words[0] == "window":
                windows.append((int(words[1]), {}))
            elif words[0] == "span":
                span = windows[-1][1].setdefault(words[1], {})
                for word in words[2:]:
                    steps, value, times = map(int, re.fullmatch(r"(\d+):(\d+)\*(\d+)", word).groups())
                    span.setdefault(steps, {})[value] = times
            else:
                raise ValueError
        except (ValueError, IndexError, AttributeError) as error:
            raise Refused(f"the plugin wrote something else: {line}") from error
    return windows


def join(records, windows):
    """gives each record its windows, one a repetition"""
    if sum(len(record["ns"]) for record in records) != len(windows):
        raise Refused(f"the plugin saw {len(windows)} repetitions, the guest did others")
    windows = iter(windows)
    for record in records:
        mine = [next(windows) for _ in record["ns"]]
        record["instructions"] = [count for count, _ in mine]
        record["spans"] = {}
        for _, spans in mine:
            for name, steps, values in ((name, *one) for name, span in spans.items()
                                        for one in span.items()):
                sums = record["spans"].setdefault(name, {}).setdefault(steps, {})
                for value, times in values.items():
                    sums[value] = sums.get(value, 0) + times
    return records


def check_calibration(record, turns):
    """Check a loop of two instructions a turn; a page fault may hit the first time."""
    got = statistics.median(record["instructions"])
    if not 0 <= got - 2 * turns <= 16:
        raise Refused(f"a loop of {2 * turns} instructions counts as {got}: is this QEMU's plugin "
                    "interface another one?")
    took = statistics.median(record["ns"])
    if abs(took - got) > 200:
        raise Refused(f"{got} instructions take {took} ns of the guest's clock, not one each")


def count(image, share, plugin, name, plan):
    """a guest of one CPU whose instructions are counted"""
    windows = ROOM / f"{name}.windows"
    spans = code.write(image, BUILD / "linux/scripts/extract-vmlinux", ROOM / f"{name}.spans")
    options = f"-plugin {plugin},out={windows},spans={spans}"
    records = join(boot(image, share, name, ["--icount", "-e", "QUIET=1", "-q", options], plan),
                   parse_windows_of(windows))
    check_calibration(records[0], records[0]["units"] // len(records[0]["ns"]))
    return records[1:]


def time(image, share, name, plan):
    """a fast guest of two CPUs; its clock is the host's cycle counter, the only
    precise one"""
    cpu = re.search(r"^cpu MHz\s*: (\d+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    khz = int(cpu[1]) * 1000 if cpu else 1000000
    return boot(image, share, name, ["-c", "2", "-k", f"tsc=reliable tsc_early_khz={khz}"], plan,
                300)


def parse_windows_of(path):
    return parse_windows(path.read_text(encoding="ascii"))


def world(image):
    """what the figures depend on, and how to get them again"""
    config = (Path(image).parents[3] / ".config").read_text(encoding="utf-8")
    found = {word: re.search(pattern, config, re.M)[1] for word, pattern in
             (("kernel", r"^# Linux/\S+ (\S+) "), ("compiler", r'^CONFIG_CC_VERSION_TEXT="(.*)"'))}
    qemu = run("qemu-system-x86_64", "--version").split("\n")[0]
    command = "make bench RECORD=1" + (f" TREE={TREE}" if TREE else "")
    return {"command": command, **found, "emulator": qemu}
