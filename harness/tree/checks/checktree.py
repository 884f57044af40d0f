# SPDX-License-Identifier: GPL-2.0
"""A second tree beside build/linux, in which commits are built and checked."""

import collections
import re

from lib.common import BUILD, CACHE, TOP, git
from tree.overlay import repository, worktree
from tree.checks.kbuild import Objects

LINUX = BUILD / "check/linux"
ARCHES = {"x86_64": "base.config", "um": "um.config"}


def check_tree():
    """make the tree; the base commit"""
    base = worktree.assembled()
    if not (LINUX / ".git").exists():
        git("worktree", "prune", cwd=worktree.PATH)
        git("worktree", "add", "--detach", LINUX, "base", cwd=worktree.PATH)
    return base


def checkout(commit):
    git("checkout", "-q", "--force", "--detach", commit, cwd=LINUX)


def tip():
    """the commit with all series"""
    return worktree.commit_of(LINUX, f"refs/heads/{repository.series_names()[-1]}")


def objects(arch):
    return Objects(arch, LINUX, BUILD / f"check/obj-{arch}", CACHE)


def fragments(arch, tip):
    """the config of an architecture, and the symbols that new KUnit tests need"""
    return [config(ARCHES[arch]), *kunit_configs(tip)]


def config(name):
    return (TOP / "harness/configs" / name).read_text()


def kunit_configs(tip):
    names = git("diff-tree", "-r", "-z", "--name-only", "--diff-filter=A",
                "base", tip, cwd=LINUX).split("\0")
    return [git("show", f"{tip}:{name}", cwd=LINUX) for name in names
            if name.endswith("/.kunitconfig")]


def findings(output, files):
    """{finding in one of the files: how often a program's output has it}, without
    the line number, which a change further up moves"""
    found = collections.Counter()
    for line in output.splitlines():
        place = re.match(r"(\S+?):(\d+):(?:[\d-]+:)? *(.*)", line)
        if place and (path := place[1].removeprefix(f"{LINUX}/")
                      .removeprefix("../linux/")) in files:
            found[path, re.sub(r"\b(line|lines) [\d,]+", r"\1", place[3])] += 1
    return found


def report(what, before, after):
    """print the new findings; returns the exit status"""
    new = after - before
    for (path, text), count in sorted(new.items()):
        print(f"{path}: {text}" + (f" ({count} times)" if count > 1 else ""))
    print(f"{what}: {sum(new.values())} new findings, {sum(after.values())} in "
          f"all in the files that the series touch")
    return 1 if new else 0
