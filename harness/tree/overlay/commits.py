# SPDX-License-Identifier: GPL-2.0
"""Make commits from patches and overlay files, in the objects of a kernel tree.

No branch, index or file of the tree changes. A small index with only the files
that the patches change, and git fast-import for the commits, make the time
independent of the kernel's 90,000 files.
"""

import hashlib
import os
import pathlib
import subprocess
import tempfile

from lib.common import Refused, decode, encode, git
from tree.overlay import repository

# The same input gives the same commit ids; nobody has signed these.
NEUTRAL = "zcrx-notif <zcrx-notif@localhost> 1767225600 +0000"
SCRATCH = "refs/zcrx-scratch"
# Below .git: a line for each stack of commits, with the id of its input and its tip.
# To apply 100 patches takes seconds, and most programs assemble the tree.
MADE = ".git/zcrx-made"


def base_version(tree, commit):
    """the version that the commit's base (its root) names: Linux 7.1.y"""
    return git("log", "-1", "--max-parents=0", "--format=%s", commit, "--",
               cwd=tree).strip()


def entries_of(tree, commit, paths):
    """{path: (mode, object)} of the paths that the commit has"""
    found = {}
    if paths:
        listing = git("ls-tree", "-z", commit, "--", *sorted(paths), cwd=tree)
        for line in filter(None, listing.split("\0")):
            head, path = line.split("\t", 1)
            mode, _, name = head.split()
            found[path] = mode, name
    return found


def store_overlay(tree, files):
    """{path: (mode, object)}: the overlay's files, put into tree's objects"""
    names = git("hash-object", "-w", "--no-filters", "--stdin-paths", cwd=tree,
                data="".join(f"{file}\n" for _, file in files.values())).split()
    return {path: (mode, name) for (path, (mode, _)), name in zip(files.items(), names)}


def check_against_base(patches, base, version):
    series_of = {}
    for patch in patches:
        series = series_name(patch)
        for path in patch.changes:
            owner = series_of.get(path, series)
            if path in base or owner in repository.below(series):
                continue
            if owner != series:
                raise Refused(
                    f"{patch.where}: a hunk changes {path} of series {owner}. Only a "
                    f"series that {repository.SERIES}/order puts on {owner} can change it.")
            raise Refused(
                f"{patch.where}: a hunk changes {path}, which {version} does not "
                "have. Edit a new file of the same series in place.")
        series_of |= dict.fromkeys(patch.adds, series)
        for path in patch.adds:
            if path in base:
                raise Refused(f"{patch.where} adds {path}, which {version} "
                              "has already: change it with hunks, and remove "
                              "it from the overlay")
            for parent in parents(path):
                if base.get(parent, ("040000",))[0] != "040000":
                    raise Refused(f"{patch.where} adds {path}, and {parent} "
                                  f"is a file in {version}")


def series_name(patch):
    return pathlib.PurePath(patch.where).parent.name


def parents(path):
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def apply(tree, patch, env, version):
    # --cached knows no fuzz; the user's configuration must not bring it in
    done = subprocess.run(
        ["git", "apply", "--cached", "--whitespace=nowarn",
         "--no-ignore-whitespace", "-"], cwd=tree, env={**os.environ, **env},
        input=encode(patch.diff),
        capture_output=True, check=False)
    if done.returncode:
        raise Refused(
            f"{patch.where} does not apply to {version} without fuzz:\n"
            f"{decode(done.stderr).rstrip()}\n"
            "Edit the hunk until it fits this base, or take the base that it "
            "was made for, with KSRC=directory or KERNEL_TARBALL=file.")


def changed_files(tree, patches, base, overlay, version):
    """for each patch {path: (mode, object)} of the files its hunks change"""
    touched = {path for patch in patches for path in patch.changes}
    before = {}
    result = []
    with tempfile.TemporaryDirectory(prefix="zcrx-index-") as directory:
        env = {"GIT_INDEX_FILE": f"{directory}/index"}

        def put(files):
            lines = "".join(f"{mode} {name}\t{path}\0"
                            for path, (mode, name) in files.items())
            git("update-index", "-z", "--index-info", cwd=tree, env=env, data=lines)
            before.update(files)

        put({path: base[path] for path in touched & base.keys()})
        for patch in patches:
            after = before
            if patch.diff:
                apply(tree, patch, env, version)
                listing = git("ls-files", "-s", "-z", cwd=tree, env=env)
                after = {line.split("\t", 1)[1]: tuple(line.split()[:2])
                         for line in filter(None, listing.split("\0"))}
            result.append({path: entry for path, entry in after.items()
                           if before[path] != entry})
            before = dict(after)
            # a series above can change what this one adds
            if arrived := touched.intersection(patch.adds):
                put({path: overlay[path] for path in arrived})
    return result


def made_before(tree, base, key):
    """the ids of the commits that this input gave, or nothing"""
    file = pathlib.Path(tree, MADE)
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    tip = dict(line.split() for line in lines).get(key)
    # git may have removed commits that are on no branch
    return tip and git("rev-list", "--reverse", f"{base}..{tip}", cwd=tree,
                       check=False).split()


def remember(tree, key, tip):
    file = pathlib.Path(tree, MADE)
    lines = file.read_text(encoding="ascii").splitlines()[-99:] if file.exists() else []
    # a program that is killed here must not leave half a line
    new = file.with_name(f"{file.name}.new")
    new.write_text("".join(f"{line}\n" for line in [*lines, f"{key} {tip}"]),
                   encoding="ascii")
    os.replace(new, file)


def make(tree, base, patches, overlay, who=NEUTRAL):
    """one commit a patch, stacked on commit base; the list of their ids"""
    key = hashlib.sha256(encode(repr([base, who, [
        (series_name(patch), repository.below(series_name(patch)), patch.message(),
         patch.diff, [(path, overlay[path]) for path in patch.adds])
        for patch in patches]]))).hexdigest()
    ids = made_before(tree, base, key)
    if not ids:
        ids = make_anew(tree, base, patches, overlay, who)
        if ids:
            remember(tree, key, ids[-1])
    return ids


def make_anew(tree, base, patches, overlay, who):
    version = base_version(tree, base)
    paths = {path for patch in patches for path in patch.changes}
    paths |= {name for patch in patches for path in patch.adds
              for name in (path, *parents(path))}
    in_base = entries_of(tree, base, paths)
    check_against_base(patches, in_base, version)
    files = changed_files(tree, patches, in_base, overlay, version)
    stream = ["feature done\n"]
    parent = base
    for mark, (patch, changed) in enumerate(zip(patches, files), 1):
        message = patch.message()
        size = len(encode(message))
        stream.append(f"commit {SCRATCH}\nmark :{mark}\nauthor {who}\n"
                      f"committer {who}\ndata {size}\n{message}\n"
                      f"from {parent}\n")
        for path in patch.adds:
            changed[path] = overlay[path]
        for path, (mode, name) in sorted(changed.items()):
            stream.append(f"M {mode} {name} {path}\n")
        parent = f":{mark}"
    stream.append("done\n")
    with tempfile.TemporaryDirectory(prefix="zcrx-marks-") as directory:
        marks = pathlib.Path(directory, "marks")
        git("fast-import", "--quiet", "--force", f"--export-marks={marks}",
            cwd=tree, data="".join(stream))
        ids = dict(line.split() for line in marks.read_text().splitlines())
    git("update-ref", "-d", SCRATCH, cwd=tree)
    return [ids[f":{mark}"] for mark in range(1, len(patches) + 1)]
