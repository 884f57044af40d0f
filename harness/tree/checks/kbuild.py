# SPDX-License-Identifier: GPL-2.0
"""One object directory of a kernel tree: it is configured, built, and checked."""

import os
import pathlib
import re
import subprocess

from lib.common import BUILD, HARNESS, Refused


def jobs():
    return len(os.sched_getaffinity(0))


class Objects:
    """the objects that ARCH=arch makes of the tree, in their own directory"""

    def __init__(self, arch, tree, directory, cache, compiler="gcc", cross=""):
        self.arch, self.tree, self.path = arch, tree, pathlib.Path(directory)
        self.tools = [f"CC={HARNESS}/lib/cc {compiler}"]
        if cross:
            self.tools = [f"CC={HARNESS}/lib/cc {cross}{compiler}", f"CROSS_COMPILE={cross}"]
        settings = (HARNESS / "lib/compiler.env").read_text().split()
        self.env = {**os.environ, **dict(line.split("=", 1) for line in settings),
                    "CCACHE_DIR": f"{cache}/ccache", "CCACHE_BASEDIR": str(BUILD / "check")}
        # W=1 runs kernel-doc on every source; that is enough once.
        self.options = [] if arch == "x86_64" else ["PYTHON3=true"]
        self.path.mkdir(parents=True, exist_ok=True)
        self.running = self.log = None

    def start(self, *targets):
        """make in the background"""
        self.log = self.path / "make.log"
        with open(self.log, "wb") as log:
            self.running = subprocess.Popen(
                ["make", "-C", self.tree, f"O={self.path}", f"ARCH={self.arch}",
                 *self.tools, f"-j{jobs()}", *self.options, *targets],
                env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def finish(self):
        """the status and the output of what was started"""
        status = self.running.wait()
        return status, self.log.read_text(encoding="utf-8", errors="replace")

    def make(self, *targets):
        self.start(*targets)
        status, output = self.finish()
        if status:
            raise Refused(f"make ARCH={self.arch} {' '.join(targets)} failed:\n"
                          f"{output}")

    def configure(self, fragments):
        """a config with the options of the fragments, as far as this tree has them"""
        text = "\n".join(fragments)
        if self.arch != "um":
            # like the kernel that is booted, see harness/kernel
            (self.path / ".config").unlink(missing_ok=True)
            self.make("tinyconfig")
            text = (self.path / ".config").read_text() + text
        (self.path / ".config").write_text(text)
        self.make("olddefconfig")

    def unproven(self, directories, wanted):
        """the wanted sources and headers that no object was made from since they
        changed. A config that lacks a driver builds its directory without a
        message, and old objects stay where they are."""
        names = {path.rsplit("/", 1)[-1] for path in wanted}
        left = set(wanted)
        for directory in directories:
            for cmd in (self.path / directory).rglob(".*.o.cmd"):
                made = cmd.with_name(cmd.name[1:].removesuffix(".cmd"))
                if not left or not made.exists():
                    continue
                for path in self.inputs(cmd, names) & left:
                    if made.stat().st_mtime_ns >= \
                            (self.tree / path).stat().st_mtime_ns:
                        left.discard(path)
        return sorted(left)

    def inputs(self, cmd, names):
        """the files with one of the names that went into an object"""
        # The first line is the command; source and dependencies follow.
        _, _, rest = cmd.read_text(encoding="utf-8",
                                   errors="replace").partition("\n")
        words = {word for word in re.findall(r"[^\s()]+\.[chS](?=\s|$)", rest)
                 if word.rsplit("/", 1)[-1] in names}
        return {os.path.relpath(os.path.join(self.path, word), self.tree)
                for word in words}
