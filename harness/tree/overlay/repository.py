# SPDX-License-Identifier: GPL-2.0
"""The series and the overlay of a tree: the tree at the top of the repository, or
the one in folder TREE, which takes new files that it lacks from the top."""

import pathlib
import re

from lib.common import ROOT, TOP, TREE, Refused, decode, git, say
from tree.overlay import mailpatch

OVERLAY = ("include", "io_uring", "drivers", "net", "Documentation", "tools",
           "lib")
# how messages name the folder
SERIES = pathlib.PurePath(TREE, "series")
COVER = "0000-cover-letter"
PREFIXES = ("-", "net", "net-next", "liburing")


def base_word(word, default=None):
    """what series/base says behind this word"""
    base = ROOT / "series/base"
    text = base.read_text() if base.exists() else ""
    found = re.search(rf"^{word} (.*)$", text, re.MULTILINE)
    return found[1] if found else default


def package():
    """the name of the base, and of its folder in build/"""
    return base_word("package", "linux")


def read_order():
    """{series: (what it is posted on, lowest first; its PREFIXES)}, in stacking
    order"""
    order = ROOT / "series/order"
    if TREE and not order.exists():
        raise Refused(f"TREE: there is no tree '{TREE}', for it would have "
                      f"{SERIES}/order")
    lines = order.read_text().splitlines() if order.exists() else []
    known = {}
    for name, *words in filter(None, (line.split("#")[0].split()
                                      for line in lines)):
        on, prefix, *more = (*words, *("-", "-")[len(words):])
        if more:
            raise Refused(f"{SERIES}/order lists {name} with more than what it "
                          f"is posted on and a prefix: {' '.join(more)}")
        if on != "-" and on not in known:
            raise Refused(f"{SERIES}/order lists {name} on {on}: that must be "
                          "a series which is listed above it, or -")
        if prefix not in PREFIXES:
            raise Refused(f"{SERIES}/order lists {name} with the prefix {prefix}: "
                          f"there are {', '.join(PREFIXES)}")
        known[name] = [] if on == "-" else [*known[on][0], on], prefix
    return known


def below(name):
    """the series that this one is posted on, lowest first"""
    return read_order().get(name, ([],))[0]


def subject_prefix(name):
    """the text in the brackets of the subjects"""
    prefix = read_order()[name][1]
    return "PATCH" if prefix == "-" else f"PATCH {prefix}"


def series_names():
    """all series, in the order in which they are stacked"""
    names = list(read_order())
    held = {path.parent.name for path in ROOT.glob("series/*/[0-9]*.patch")}
    for name in sorted(held - set(names)):
        raise Refused(f"{SERIES / name} is not listed in {SERIES}/order: add it "
                      "there, or remove the folder")
    for name in names:
        if not (ROOT / "series" / name).is_dir():
            raise Refused(f"{SERIES}/order lists {name}, and there is no folder "
                          f"{SERIES / name}")
    if not names:
        raise Refused(f"{SERIES}/order lists no series")
    return names


def pick(names):
    """names, or all series if there are none, in stacking order"""
    known = series_names()
    for name in names:
        if name not in known:
            raise Refused(f"there is no series {name}; {SERIES}/order lists "
                          f"{', '.join(known)}")
    return [name for name in known if not names or name in names]


def stack(names):
    """the picked series and the series below them, in stacking order"""
    picked = pick(names)
    return pick(sum(map(below, picked), picked))


def read_series(name):
    """the patches of one series"""
    patches, numbers = [], {}
    for path in sorted((ROOT / "series" / name).iterdir()):
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
        raise Refused(f"{SERIES / name} has no patch")
    return patches


def cover(name):
    return ROOT / "series" / name / COVER


def read_cover(name):
    """(subject, text) of a series' cover letter"""
    path = cover(name)
    where = path.relative_to(TOP)
    if not path.exists():
        raise Refused(f"there is no {where}: write it, a line with the "
                      "subject, an empty line, the text")
    subject, _, text = decode(path.read_bytes()).partition("\n\n")
    if not subject.strip() or "\n" in subject or not text.strip() or \
            subject.startswith("[") or not subject.isascii():
        raise Refused(f"{where} must be one line with the subject (ASCII, "
                      "without [PATCH]), an empty line, the text")
    return subject.strip(), text.strip("\n")


def files_below(root, where):
    """{path: (mode, file)} of a tree's new files"""
    names = git("ls-files", "-z", "-co", "--exclude-standard", "--", *where,
                cwd=root).split("\0")
    files = {}
    for name in filter(None, names):
        path = root / name
        if path.is_symlink() or path.is_dir():
            raise Refused(f"{path.relative_to(TOP)} is not a regular file; the "
                          "overlay has no others")
        if path.exists():
            executable = path.stat().st_mode & 0o100
            files[name] = "100755" if executable else "100644", path
    return files


def in_overlay(path):
    """can the overlay have a file with this path?"""
    folder, _, rest = path.partition("/")
    return rest and (folder != "series" if TREE else folder in OVERLAY)


def read_overlay(patches):
    """{path: (mode, file)}: the overlay, with the top's files that the patches add"""
    if not TREE:
        return files_below(TOP, OVERLAY)
    top = files_below(TOP, OVERLAY)
    shared = {path for patch in patches for path in patch.adds} & top.keys()
    return {path: top[path] for path in shared} | \
        files_below(ROOT, (".", ":!series"))


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
        file = overlay[path][1].relative_to(TOP)
        raise Refused(f"no patch adds the overlay file {file}. Put a line\n"
                      f"  Adds: {path}\nbelow the `---` of the patch that "
                      "brings it in, or remove the file.")


def read_all():
    """({series: its patches}, the overlay), which fit each other"""
    series = {name: read_series(name) for name in series_names()}
    patches = [patch for name in series for patch in series[name]]
    overlay = read_overlay(patches)
    check_adds(patches, overlay)
    return series, overlay
