# SPDX-License-Identifier: GPL-2.0
"""The files of the kernel itself that commits change, and the directories to build."""

import re

from lib.common import git

# Programs and texts; kbuild makes no objects of these.
ELSEWHERE = ("Documentation", "samples", "scripts", "tools", "usr")


def of_kernel(path):
    """does an object of the kernel depend on this file?"""
    return path.split("/")[0] not in ELSEWHERE and bool(re.search(
        r"\.[chS]$|(^|/)(Makefile|Kbuild|Kconfig)[\w.]*$", path))


def between(tree, old, new):
    """the files of the kernel that differ and that new has"""
    names = git("diff-tree", "-r", "-z", "--name-only", "--no-renames",
                "--diff-filter=d", old, new, cwd=tree).split("\0")
    return [name for name in names if name and of_kernel(name)]


def directories(tree, commit, paths):
    """the directories with a Makefile that build the paths, as far as commit
    has them; a header in include/ is built where it is used"""
    parents = {path: path.split("/")[:-1] for path in paths
               if not path.startswith(("include/", "arch/"))}
    candidates = {"/".join(parts[:end]) for parts in parents.values()
                  for end in range(1, len(parts) + 1)}
    made = set()
    if candidates:
        files = [f"{name}/{file}" for name in candidates
                 for file in ("Makefile", "Kbuild")]
        made = {line.rsplit("/", 1)[0] for line in
                git("ls-tree", "--name-only", commit, "--", *sorted(files),
                    cwd=tree).splitlines()}
    nearest = set()
    for parts in parents.values():
        found = [end for end in range(len(parts), 0, -1)
                 if "/".join(parts[:end]) in made]
        if found:
            nearest.add("/".join(parts[:found[0]]) + "/")
    return sorted(name for name in nearest if not any(
        name != other and name.startswith(other) for other in nearest))
