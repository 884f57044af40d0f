# SPDX-License-Identifier: GPL-2.0
"""This repository: where things lie, its series and its overlay."""

import os
import pathlib
import re
import subprocess
import sys

import mailpatch

TOP = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("ZCRX_BUILD") or TOP / "build").absolute()
CACHE = pathlib.Path(
    os.environ.get("ZCRX_CACHE") or
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                 pathlib.Path.home() / ".cache") / "zcrx-notif")
OVERLAY = ("include", "io_uring", "drivers", "net", "Documentation", "tools",
           "lib")
COVER = "0000-cover-letter"
PREFIXES = ("-", "net", "net-next")

# A hook that calls us has these set, for its own repository.
for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
                 "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                 "GIT_COMMON_DIR", "GIT_NAMESPACE"):
    os.environ.pop(variable, None)


class Refused(Exception):
    """what is wrong, and what to do about it"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_program(main):
    """main, with a refusal as a message and exit status 1"""
    try:
        sys.exit(main())
    except Refused as refusal:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {refusal}")


def git(*args, cwd, data=None, check=True, env=None):
    """git's output; a failure is a Refused with git's own words"""
    done = subprocess.run(
        ["git", *map(str, args)], cwd=cwd, check=False,
        input=None if data is None else encode(data),
        stdin=subprocess.DEVNULL if data is None else None,
        env={**os.environ, **(env or {})}, capture_output=True)
    if done.returncode and check:
        raise Refused(f"git {args[0]} failed in {cwd}:\n"
                      f"{decode(done.stderr).rstrip()}")
    return decode(done.stdout)


def decode(data):
    return data.decode("utf-8", "surrogateescape")


def encode(text):
    return text.encode("utf-8", "surrogateescape")


def read_order():
    """{series: (what it is posted on, lowest first; its PREFIXES)}, in stacking
    order"""
    order = TOP / "series/order"
    lines = order.read_text().splitlines() if order.exists() else []
    known = {}
    for name, *words in filter(None, (line.split("#")[0].split()
                                      for line in lines)):
        on, prefix, *more = (*words, *("-", "-")[len(words):])
        if more:
            raise Refused(f"series/order lists {name} with more than what it "
                          f"is posted on and a prefix: {' '.join(more)}")
        if on != "-" and on not in known:
            raise Refused(f"series/order lists {name} on {on}: that must be "
                          "a series which is listed above it, or -")
        if prefix not in PREFIXES:
            raise Refused(f"series/order lists {name} with the prefix {prefix}: "
                          f"there are {', '.join(PREFIXES)}")
        known[name] = [] if on == "-" else [*known[on][0], on], prefix
    return known


def below(name):
    """the series that this one is posted on, lowest first"""
    return read_order().get(name, ([],))[0]


def subject_prefix(name):
    """what stands in the brackets of the subjects"""
    prefix = read_order()[name][1]
    return "PATCH" if prefix == "-" else f"PATCH {prefix}"


def series_names():
    """all series, in the order in which they are stacked"""
    names = list(read_order())
    held = {path.parent.name for path in TOP.glob("series/*/[0-9]*.patch")}
    for name in sorted(held - set(names)):
        raise Refused(f"series/{name} is not listed in series/order: add it "
                      "there, or remove the folder")
    for name in names:
        if not (TOP / "series" / name).is_dir():
            raise Refused(f"series/order lists {name}, and there is no folder "
                          f"series/{name}")
    if not names:
        raise Refused("series/order lists no series")
    return names


def pick(names):
    """names, or all series if there are none, in stacking order"""
    known = series_names()
    for name in names:
        if name not in known:
            raise Refused(f"there is no series {name}; series/order lists "
                          f"{', '.join(known)}")
    return [name for name in known if not names or name in names]


def stack(names):
    """those picked and what they are posted on, in stacking order"""
    picked = pick(names)
    return pick(sum(map(below, picked), picked))


def read_series(name):
    """the patches of one series"""
    patches, numbers = [], {}
    for path in sorted((TOP / "series" / name).iterdir()):
        where = path.relative_to(TOP)
        if path.name == COVER:
            continue
        if not re.fullmatch(r"\d{4}-[\w.-]+\.patch", path.name, re.ASCII) \
                or not path.is_file():
            raise Refused(f"{where} is neither a patch NNNN-subject.patch nor "
                          f"{COVER}: remove it")
        if path.name[:4] in numbers:
            raise Refused(f"{where} has the number of "
                          f"{numbers[path.name[:4]]}: renumber one of them")
        numbers[path.name[:4]] = path.name
        try:
            patch = mailpatch.parse(str(where), decode(path.read_bytes()))
        except mailpatch.Malformed as error:
            raise Refused(f"{where}: {error}") from None
        if len(patch.subject) > 75:
            say(f"  {where}: the subject has more than 75 characters")
        patches.append(patch)
    if not patches:
        raise Refused(f"series/{name} has no patch")
    return patches


def read_overlay():
    """{path: mode} of the overlay's files"""
    names = git("ls-files", "-z", "-co", "--exclude-standard", "--", *OVERLAY,
                cwd=TOP).split("\0")
    modes = {}
    for name in filter(None, names):
        path = TOP / name
        if path.is_symlink() or path.is_dir():
            raise Refused(f"{name} is not a regular file; the overlay has no "
                          "others")
        if path.exists():
            executable = path.stat().st_mode & 0o100
            modes[name] = "100755" if executable else "100644"
    return modes


def check_adds(patches, overlay):
    """each overlay file must be brought in by exactly one of all patches"""
    added_by = {}
    for patch in patches:
        for path in patch.adds:
            if path in added_by:
                raise Refused(f"{path} is added by {added_by[path]} and by "
                              f"{patch.where}: take it out of one")
            if path not in overlay:
                raise Refused(
                    f"{patch.where} adds {path}, and there is no such file in "
                    f"the overlay (below {', '.join(OVERLAY)}). Write the "
                    "file or take the line out.")
            added_by[path] = patch.where
    for path in sorted(overlay.keys() - added_by.keys()):
        raise Refused(f"no patch adds the overlay file {path}. Put a line\n"
                      f"  Adds: {path}\nbelow the `---` of the patch that "
                      "brings it in, or remove the file.")


def read_all():
    """({series: its patches}, {overlay file: mode}), which fit each other"""
    series = {name: read_series(name) for name in series_names()}
    modes = read_overlay()
    check_adds([patch for name in series for patch in series[name]], modes)
    return series, modes
