# SPDX-License-Identifier: GPL-2.0
"""Read the branches of a kernel tree back as patches and overlay files."""

import re

from lib.common import Refused, git
from tree.overlay import commits, mailpatch, repository
from tree.overlay.repository import OVERLAY

REGULAR = ("100644", "100755")
UNFINISHED = ("fixup! ", "squash! ", "amend! ")


class Branches:
    """the content of the branches of a stack

    series   {name: [(file name, Patch)]}
    ids      the commits, lowest first
    overlay  {path: (mode, object)}, as the commit has it that adds the file
    """

    def __init__(self, tree, base, stack):
        self.tree, self.base = tree, base
        self.version = commits.base_version(tree, base)
        self.series, self.ids, self.overlay = {}, [], {}
        # {path: commit}, and {path: series}
        self.added_by, self.added_in = {}, {}
        lower, below = base, "base"
        for name in stack:
            upper = f"refs/heads/{name}"
            self.series[name] = []
            for number, commit in enumerate(
                    self.between(lower, below, upper, name), 1):
                self.series[name].append(self.read(name, number, commit))
                self.ids.append(commit)
            lower, below = upper, name
        for name in stack[1:]:
            self.straighten(name)

    def between(self, lower, below, upper, name):
        """the commits of one series"""
        fork = git("merge-base", lower, upper, cwd=self.tree,
                   check=False).strip()
        if fork != git("rev-parse", f"{lower}^{{commit}}",
                       cwd=self.tree).strip():
            raise Refused(f"branch {name} does not contain branch {below}. "
                          f"Rebase it: git rebase {below} {name} (a rebase of "
                          "several branches wants --update-refs)")
        lines = git("rev-list", "--reverse", "--topo-order", "--parents",
                    f"{lower}..{upper}", cwd=self.tree).splitlines()
        if not lines:
            raise Refused(f"branch {name} has no commit of its own")
        for line in lines:
            commit, *parents = line.split()
            if len(parents) > 1:
                raise Refused(f"{self.title(commit)} is a merge; a series has "
                              f"none. Make it straight: git rebase {below}")
        return [line.split()[0] for line in lines]

    def title(self, commit):
        return git("-c", "log.showSignature=false", "log", "-1",
                   "--format=commit %h (\"%s\")", commit, cwd=self.tree).strip()

    def read(self, name, number, commit):
        """(file name, Patch) of one commit"""
        subject, slug, body = git(
            "-c", "log.showSignature=false", "log", "-1", "--encoding=UTF-8",
            "--format=%s%n%f%n%b", commit, cwd=self.tree).split("\n", 2)
        if subject.startswith(UNFINISHED):
            raise Refused(f"{self.title(commit)} is to be melted into another "
                          "one: git rebase -i --autosquash base")
        lines = [line for line in body.split("\n")
                 if not re.match("signed-off-by:", line, re.IGNORECASE)]
        if "---" in lines:
            raise Refused(f"the message of {self.title(commit)} has a line "
                          "`---`, which ends a message in a mail. Reword it.")
        adds, changes = self.files(name, commit)
        patch = mailpatch.Patch("", subject, "\n".join(lines).strip("\n"),
                                adds, self.diff(commit, changes), changes)
        # as git format-patch cuts names
        file = f"{number:04}-{slug}"[:57] + ".patch"
        try:
            patch = mailpatch.parse(f"{repository.SERIES}/{name}/{file}", patch.render())
        except mailpatch.Malformed as error:
            raise Refused(f"{self.title(commit)} cannot be held as a patch: "
                          f"{error}") from None
        return file, patch

    def files(self, series, commit):
        """the paths that a commit of a series adds, and the paths that it changes"""
        raw = git("diff-tree", "-r", "-z", "--no-renames", f"{commit}^",
                  commit, cwd=self.tree).split("\0")
        paths = raw[1::2]
        in_base = commits.entries_of(self.tree, self.base, paths)
        adds, changes = [], []
        for info, path in zip(raw[::2], paths):
            _, mode, _, name, status = info.split()
            if path in in_base or self.added_in.get(path) in repository.below(series):
                self.check_change(commit, path, status)
                changes.append(path)
            else:
                self.check_add(commit, path, status, mode)
                self.overlay[path] = mode, name
                self.added_by[path], self.added_in[path] = commit, series
                adds.append(path)
        return adds, changes

    def check_change(self, commit, path, status):
        if status != "M":
            what = "deletes or renames" if status == "D" else "replaces"
            owner = f"series {self.added_in[path]}" if path in self.added_in else self.version
            raise Refused(f"{self.title(commit)} {what} {path} of {owner}. The "
                          "patches of a series only change files that are there; "
                          "leave the file in place.")

    def check_add(self, commit, path, status, mode):
        if path in self.added_by:
            raise Refused(
                f"{self.title(commit)} changes {path}, which "
                f"{self.title(self.added_by[path])} adds. A new file comes in "
                "complete: squash the change into that commit (git commit --fixup, git "
                f"rebase -i --autosquash base). Only a series that {repository.SERIES}/order "
                f"puts on {self.added_in[path]} can change it.")
        if status != "A" or mode not in REGULAR:
            raise Refused(f"{self.title(commit)} adds {path}, which is not a "
                          "regular file")
        if not repository.in_overlay(path):
            raise Refused(f"{self.title(commit)} adds {path}, and the overlay "
                          f"has only files below {', '.join(OVERLAY)}")

    def diff(self, commit, changes):
        if not changes:
            return ""
        # diff-tree is plumbing: the user's diff settings do not matter to it
        text = git("diff-tree", "-p", "--no-renames", f"{commit}^", commit,
                   "--", *changes, cwd=self.tree)
        # In a hunk each line begins with a blank, a sign or a backslash.
        return re.sub(r"^index .*\n", "", text, flags=re.MULTILINE)

    def straighten(self, name):
        """give a series the line numbers that it has as posted: its patches do
        not change with other series below it in the stack"""
        patches = self.patches([*repository.below(name), name])
        try:
            ids = commits.make(self.tree, self.base, patches, self.overlay)
        except Refused:  # worktree.post() reports it
            return
        count = len(self.series[name])
        for commit, patch in zip(ids[-count:], patches[-count:]):
            patch.diff = self.diff(commit, patch.changes)

    def patches(self, names=()):
        """the patches of these series, or of all"""
        return [patch for name in names or self.series
                for _, patch in self.series.get(name, [])]
