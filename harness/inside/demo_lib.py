# SPDX-License-Identifier: GPL-2.0
"""The shared part of the demonstrations: sending, waiting for the receiver, the verdict."""

import json
import os
import subprocess

TOOLS = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
PORT = 8000
LOW_BUFFERS = 1 << 2     # in the kernel's mask of types


def probe():
    """What zcrxmon finds out about the kernel; nothing where it gets no answer."""
    command = [f"{TOOLS}/zcrxmon", "--probe"]
    subprocess.run(command, check=False)
    answer = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(answer.stdout or "{}")


def missing_in_zcrx(kernel, grow=False, low=False):
    """Features that the demonstrations need and the kernel lacks."""
    if kernel.get("form") not in ("mask", "event"):
        yield "zcrx sends notifications"
        return
    if grow and not kernel["add_area"]:
        yield "zcrx adds an area to an instance that runs"
    if low and not kernel["type_mask"] & LOW_BUFFERS:
        yield "zcrx warns before buffers run out"


def losses(kernel):
    """The notifications that the kernel can lose, in a list of one sentence, or none."""
    names = kernel.get("losses", [])
    return [f"zcrx loses no notification (possible: {', '.join(names)})"] if names else []


def size(text):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def send(host, port, count, seed, before=()):
    """zcrxsend's own report of what it sent, None if it failed."""
    sender = subprocess.run([*before, f"{TOOLS}/zcrxsend", "--host", host, "--port", str(port),
                             "--bytes", str(count), "--seed", str(seed), "--json"],
                            stdout=subprocess.PIPE, text=True, check=False)
    return json.loads(sender.stdout) if sender.returncode == 0 else None


def read_report(path):
    """zcrxmon's report, None if it left none."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="ascii") as f:
        return json.load(f)


def wait_for_listener(receiver):
    """Returns whether the receiver listens; else it has ended."""
    listening = f":{PORT:04X} "
    while receiver.poll() is None:
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            if os.path.exists(table):
                with open(table, encoding="ascii") as f:
                    if any(listening in line and " 0A " in line for line in f):
                        return True
    return False


def not_here(missing):
    """The verdict about a kernel that lacks something."""
    print("\nThis kernel lacks what the demonstration needs:", end="")
    return verdict((False, sentence) for sentence in missing)


def verdict(findings):
    """Prints whether each condition holds; returns the exit status."""
    passed = True
    print()
    for holds, sentence in findings:
        passed = passed and holds
        print(f"  {'ok  ' if holds else 'NOT '} {sentence}")
    print("PASS" if passed else "FAIL", flush=True)
    return 0 if passed else 1
