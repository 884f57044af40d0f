# SPDX-License-Identifier: GPL-2.0
"""The guest of harness/fuzz/run: its kernel, the fuzzer in it, and the result of a run."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from fuzz import shorten as lib
from lib.common import BUILD, HARNESS, TOP, Refused, run

ROOM = BUILD / "fuzz"
SELFTESTS = TOP / "tools/testing/selftests/io_uring"


def kernel():
    given = os.environ.get("KERNEL")
    return Path(given or run(HARNESS / "kernel", "--image",
                             env={"VARIANT": "debug", **os.environ}).strip())


def compile_to(program, headers):
    """whether that worked"""
    sources = [*sorted((HARNESS / "inside/fuzz").glob("*.c")), SELFTESTS / "leaks.c"]
    done = subprocess.run(["gcc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror",
                           "-static", "-isystem", headers, "-I", SELFTESTS, "-o", program,
                           *sources], check=False)
    return done.returncode == 0


def compile_fuzzer(image):
    """below build/fuzz/guest, which the guest sees"""
    headers = image.resolve().parents[3] / "usr/include"
    if not headers.is_dir():
        raise Refused(f"no headers of the kernel in {headers}")
    share = ROOM / "guest"
    share.mkdir(parents=True, exist_ok=True)
    if not compile_to(share / "zcrx_fuzz", headers):
        raise Refused("the fuzzer does not compile")
    for name in ("run-fuzz", "pair"):
        shutil.copy(HARNESS / "inside" / name, share)


class Run:
    """one guest that ran the fuzzer, and its result"""

    def __init__(self, image, name, seconds, processes, *args):
        command = [HARNESS / "guest", "-n", name, "-t", str(seconds), "-m", "3072",
                   "-d", ROOM / "guest", "-e", f"PROCESSES={processes}",
                   *(["-e", "FUZZ_VERBOSE=1"] if os.environ.get("FUZZ_VERBOSE") else []), "--",
                   "/host/run-fuzz", "--results", "/run/guest/results", *args]
        done = subprocess.run(command, check=False, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env={**os.environ, "KERNEL": str(image)})
        other = re.search(r"guest: .* this one is (\S+)", done.stderr)
        name = other[1] if other else name
        self.status, self.output, self.errors = done.returncode, done.stdout, done.stderr
        self.log = BUILD / f"logs/guest-{name}.console.log"
        self.results = BUILD / f"results/{name}"
        if self.status in (2, 125, 127) and "fuzz: " not in self.read_log():
            raise Refused(f"the guest: {done.stdout}{done.stderr}")
        judged = subprocess.run([HARNESS / "boot/judge", self.log], check=False, text=True,
                                stdout=subprocess.PIPE).stdout
        self.console = self.read_log().splitlines()
        self.complaint = lib.first_complaint(judged, self.console)
        if not self.complaint and self.status:
            self.complaint = (len(self.console), f"status {self.status}")

    def read_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def suspects(self):
        records = [lib.read_record(path.read_bytes())
                   for path in sorted(self.results.glob("record.*"))]
        names = lib.named(self.console, self.complaint[0], lib.PROGRAM)
        return lib.suspects(records, names)
