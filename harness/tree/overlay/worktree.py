# SPDX-License-Identifier: GPL-2.0
"""The assembled tree, build/linux or build/TREE/package.

It is an ordinary clone that borrows the base repository's objects: branch `base`;
one branch a series, stacked; and posted/<series>, the series as it is posted.
refs/zcrx/<series> is the last commit at which repository and branch were the
same: later work is not refreshed yet.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil

from lib.common import BUILD, HARNESS, Refused, git, run, say
from tree.overlay import commits, repository

PATH = BUILD / repository.package()
BUSY = {"rebase-merge": "a rebase", "rebase-apply": "a rebase or git am",
        "MERGE_HEAD": "a merge", "CHERRY_PICK_HEAD": "a cherry-pick",
        "REVERT_HEAD": "a revert"}


@contextlib.contextmanager
def lock():
    """one program at a time"""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f"{PATH.name}.lock", "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  waiting for another program to be done with {PATH}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def commit_of(tree, name):
    """the commit's id, or None"""
    return git("rev-parse", "-q", "--verify", f"{name}^{{commit}}", cwd=tree,
               check=False).strip() or None


def stack():
    """the series that were assembled last, lowest first"""
    return git("config", "zcrx.stack", cwd=PATH, check=False).split()


def in_progress():
    directory = pathlib.Path(git("rev-parse", "--absolute-git-dir",
                                 cwd=PATH).strip())
    return [what for name, what in BUSY.items() if (directory / name).exists()]


def changes():
    """git's list of tracked files that differ from HEAD"""
    return git("status", "--porcelain", "-uno", cwd=PATH).rstrip()


def assembled():
    """have the tree made of the repository as it is; the base commit"""
    run(HARNESS / "tree/assemble")
    return commit_of(PATH, "refs/heads/base")


def posted(name):
    """(what a series is posted on, its tip there)"""
    below = repository.below(name)
    lower, tip = (commit_of(PATH, f"refs/heads/{ref}") for ref in (
        f"posted/{below[-1]}" if below else "base", f"posted/{name}"))
    if not tip:
        raise Refused(f"{name} does not apply to what it is posted on (see above)")
    return lower, tip


def unrefreshed():
    """the work in the tree that the repository lacks, or None"""
    for what in in_progress():
        return f"{what} is in progress"
    for ref in git("for-each-ref", "--format=%(refname)", "refs/zcrx",
                   cwd=PATH).split():
        name = ref.removeprefix("refs/zcrx/")
        tip = commit_of(PATH, f"refs/heads/{name}")
        if tip and tip != commit_of(PATH, ref):
            return f"branch {name} has new commits"
    top = stack()[-1]
    if commit_of(PATH, "HEAD") != commit_of(PATH, f"refs/zcrx/{top}"):
        return f"HEAD is not at branch {top}"
    if found := changes():
        return "files are changed and not committed:\n" + \
            "\n".join(found.splitlines()[:5])
    return None


def lend(tree, base_repository):
    """let tree use the objects of the base repository"""
    file = tree / ".git/objects/info/alternates"
    lines = file.read_text().splitlines() if file.exists() else []
    wanted = f"{base_repository}/objects"
    if wanted not in lines:
        new = file.with_name("alternates.new")
        new.write_text("".join(f"{line}\n" for line in [*lines, wanted]))
        os.replace(new, file)


@contextlib.contextmanager
def opened(base_repository, force):
    """the tree, or a new one that takes its name when all went well"""
    if PATH.exists():
        lend(PATH, base_repository)
        if not force and (work := unrefreshed()):
            raise Refused(f"{PATH} has work that is not in the repository: "
                          f"{work}\nCommit it there and take it over with "
                          "`make refresh`, or throw it away with FORCE=1.")
        yield PATH
        return
    new = BUILD / f"{PATH.name}.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        git("init", "-q", "-b", "base", new, cwd=BUILD)
        lend(new, base_repository)
        for name, value in (("rebase.updateRefs", "true"),
                            ("rebase.autoSquash", "true"),
                            ("core.autocrlf", "false"),
                            ("checkout.workers", str(os.cpu_count()))):
            git("config", name, value, cwd=new)
        yield new
        new.rename(PATH)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def move(tree, base, tips, force=False):
    """files, index, branches and records go to tips, {series: commit} with the
    lowest first; returns how many files were written"""
    top, tip = list(tips.items())[-1]
    head = commit_of(tree, "HEAD")
    count = 0
    if force and head:
        for what in ("rebase", "am", "cherry-pick", "revert", "merge"):
            git(what, "--quit", cwd=tree, check=False)
        say(f"  FORCE=1: what the tree had is commit {head}")
        git("read-tree", "--reset", "-u", tip, cwd=tree)
    elif head and head != tip:
        count = len(git("diff-tree", "-r", "--name-only", "-z", head, tip,
                        cwd=tree).split("\0")) - 1
        git("read-tree", "-m", "-u", head, tip, cwd=tree)
    elif not head:
        say("  writing the tree ...")
        git("read-tree", "-m", "-u", tip, cwd=tree)
    record(tree, base, tips)
    git("symbolic-ref", "HEAD", f"refs/heads/{top}", cwd=tree)
    return count


def record(tree, base, tips):
    updates = {"refs/heads/base": base}
    for name, tip in tips.items():
        updates[f"refs/heads/{name}"] = updates[f"refs/zcrx/{name}"] = tip
    git("update-ref", "--create-reflog", "--stdin", cwd=tree, data="".join(
        f"update {ref} {commit}\n" for ref, commit in updates.items()))
    git("config", "zcrx.stack", " ".join(tips), cwd=tree)


def post(tree, base, series, overlay):
    """set the branches posted/<series>, with the cover letter as description; remove
    one whose patches do not apply"""
    tips = {}
    for name, patches in series.items():
        lower = [base, *map(tips.get, repository.below(name))][-1]
        try:
            tips[name] = lower and commits.make(tree, lower, patches, overlay)[-1]
        except Refused as refusal:
            say(f"  {name} needs more than it is posted on: {refusal}")
            tips[name] = None
    old = git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/posted",
              cwd=tree).split()
    git("update-ref", "--stdin", cwd=tree, data="".join(
        f"update refs/heads/posted/{name} {tips[name]}\n" if tips.get(name) else
        f"delete refs/heads/posted/{name}\n"
        for name in {*old, *filter(tips.get, tips)}))
    for name in filter(tips.get, tips):
        path = repository.cover(name)
        git("config", f"branch.posted/{name}.description",
            path.read_text() if path.exists() else "", cwd=tree)
