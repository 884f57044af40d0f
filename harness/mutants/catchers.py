# SPDX-License-Identifier: GPL-2.0
"""The tests of the kernel code for harness/mutants/run. A catcher returns the output of
the test, and the parts of it that show a fault: nothing if the test passed. A run
without a built kernel or a started guest raises Refused.
"""

import os
import re
import signal
import subprocess

from lib import common, results
from lib.common import HARNESS, TOP, TREE, Refused

ROOM = (common.BUILD.parent if TREE else common.BUILD) / "mutants"
BUILD = ROOM / TREE
LINUX = BUILD / "linux"
LOGS = BUILD / "logs"
CONSOLE = LOGS / "guest-mutant.console.log"
# as kunit.py prints it, and as the kernel does on its console
KUNIT_FAILED = re.compile(r"\[(?:FAILED|CRASHED)\] (\S+)|\[ERROR\] Test: (.+)|"
                          r"(timed out after .*)")
NOT_OK = re.compile(r"not ok \d+ (?!.*# (?:SKIP|XFAIL))(?:- )?(.*)")
CONSOLE_FAILED = re.compile(r"^(?:\[[ \d.T]+\]\s*)+not ok \d+ (\S+)", re.MULTILINE)


def run(*command, until=None, **env):
    """(status, output) of a program of the harness, in the room of the mutants. It
    is stopped after a line that matches until."""
    with subprocess.Popen(command, cwd=TOP, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True,
                          env={**os.environ, "ZCRX_BUILD": str(ROOM), "KEEP": "1",
                               "KERNEL_CACHE": "no", **env}) as child:
        output = []
        try:
            for line in child.stdout:
                output.append(line)
                if until and until.match(line):
                    stop(child)
                    break
        except BaseException:
            stop(child)
            raise
    return child.returncode, "".join(output)


def stop(child):
    """it and what it started, make and QEMU for example"""
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)


def needed(what, *command, **env):
    status, output = run(*command, **env)
    if status:
        raise Refused(f"{what} failed:\n{output[-2000:]}")
    return output


def kunit(_):
    # Not with raw output: then kunit.py ends with 0 whatever failed.
    status, output = run(HARNESS / "selftests/kunit", "--timeout=60")
    if "Testing complete" not in output or "not find any KTAP output" in output:
        raise Refused(f"KUnit did not run:\n{output[-2000:]}")
    seen = ["".join(groups) for groups in KUNIT_FAILED.findall(output)]
    return output, signs(status, seen, output)


def guest(variant, limit, *words):
    # Programs are built once: they do not depend on faults of the kernel.
    needed("the kernel", HARNESS / "kernel", VARIANT=variant)
    CONSOLE.unlink(missing_ok=True)
    # One failure is enough; with a fault many tests wait for their time-out.
    status, output = run(HARNESS / "guest", "-n", "mutant", "-t", str(limit),
                         *words, until=NOT_OK, VARIANT=variant)
    last = output.rstrip("\n").split("\n")[-1]
    if match := NOT_OK.match(last):
        program = re.findall(r"^# program: (.*)$", output, re.MULTILINE)
        return output, ["".join(f"{name}: " for name in program[-1:]) + match[1]]
    console = CONSOLE.read_text(encoding="utf-8", errors="replace") \
        if CONSOLE.exists() else ""
    # the debug kernel runs KUnit at boot, before the command
    if not re.search(r"guest-init: begin|KTAP version", console):
        raise Refused(f"the guest did not start:\n{output[-2000:]}")
    seen = CONSOLE_FAILED.findall(console)
    found = results.Tally()
    results.read_ktap(found, "", output)
    seen += [name.removeprefix(": ") for name, _ in found.failed]
    complaints = re.findall(rf"^{re.escape(str(CONSOLE))}:\d+: ([^:]+): (.*)", output,
                            re.MULTILINE)
    # a guest that died has a cut log
    seen += [f"{kind} ({text[:60]})" for kind, text in complaints if kind != "log"]
    if status == 124:
        seen.append(f"no end within {limit} s")
    elif status == 125:
        seen.append("the guest died")
    return output, signs(status or len(seen), seen, output)


def signs(status, seen, output):
    seen = list(dict.fromkeys(seen))
    if status and not seen:
        raise Refused(f"failed, and no test says why:\n{output[-2000:]}")
    return seen if status else []


def selftests_on(variant, limit, each, room="selftests/io_uring",
                 program="run-selftests", mib=5120):
    def catcher(tests):
        return guest(variant, limit, "-m", str(mib), "-e", f"SELFTEST_TIMEOUT={each}", "-d",
                     BUILD / room, "--", f"/host/{program}", *tests.split())
    return catcher


NETDEVSIM = {"room": "netselftests", "program": "run-netselftests"}
CATCHERS = {"kunit": kunit,
            "selftest": selftests_on("", 600, 180),
            "small": selftests_on("", 600, 180, mib=1536),
            "debug": selftests_on("debug", 1200, 400),
            "kcsan": selftests_on("kcsan", 1200, 400),
            "netdevsim": selftests_on("", 900, 300, **NETDEVSIM),
            "netdevsim-debug": selftests_on("debug", 1200, 600, **NETDEVSIM)}
