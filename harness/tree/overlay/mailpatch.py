# SPDX-License-Identifier: GPL-2.0
"""The form of series/<name>/NNNN-subject.patch.

A patch is a mail as git format-patch writes it, without a person and without the
parts that differ from run to run: no From, no Date, no sign-off, no diffstat, no
index lines, no signature. Between `---` and the hunks, lines `Adds: path` name
the overlay files that the commit adds.

Text is str with surrogate escapes, so that bytes which are not UTF-8 survive.
"""

import dataclasses
import re

FROM = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001"
PREFIX = "[PATCH] "
HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
MADE_OR_GONE = re.compile(r"(new|deleted) file mode |(rename|copy) from ")


class Malformed(Exception):
    """what is wrong with a patch file"""


@dataclasses.dataclass
class Patch:
    where: str              # series/<name>/<file>, for messages
    subject: str
    body: str               # without the newlines around it
    adds: list[str]
    diff: str
    changes: list[str]      # the files that diff changes

    def message(self):
        """the commit message"""
        return f"{self.subject}\n" + (f"\n{self.body}\n" if self.body else "")

    def render(self):
        """the patch file"""
        body = f"{self.body}\n" if self.body else ""
        adds = "".join(f"Adds: {path}\n" for path in self.adds)
        return (f"{FROM}\nSubject: {PREFIX}{self.subject}\n\n{body}---\n"
                f"{adds}" + (f"\n{self.diff}" if self.diff else ""))


def parse(where, text):
    """the Patch in text; Malformed says what is wrong with it"""
    lines = text.split("\n")
    if lines.pop():
        raise Malformed("the last line has no end")
    if not lines or lines[0] != FROM:
        raise Malformed(f"the first line must be\n  {FROM}")
    end = position(lines, "", 1, "there is no blank line after the subject")
    subject = parse_subject(lines[1:end])
    start = end + 1
    end = position(lines, "---", start, "no line `---` ends the message")
    body = "\n".join(lines[start:end]).strip("\n")
    if re.search(r"^signed-off-by:", body, re.IGNORECASE | re.MULTILINE):
        raise Malformed("it has a sign-off; whoever exports the series adds "
                        "their own. Take it out.")
    adds, at = parse_adds(lines, end + 1)
    changes = parse_diff(lines, at)
    if not adds and not changes:
        raise Malformed("it has neither hunks nor a line `Adds: path`")
    diff = "".join(line + "\n" for line in lines[at:])
    return Patch(where, subject, body, adds, diff, changes)


def position(lines, wanted, start, complaint):
    try:
        return lines.index(wanted, start)
    except ValueError:
        raise Malformed(complaint) from None


def parse_subject(headers):
    subject = None
    for line in headers:
        if subject is not None and line[:1] in (" ", "\t"):
            subject += " " + line.strip()
        elif subject is None and line.startswith("Subject: "):
            subject = line.removeprefix("Subject: ")
        else:
            raise Malformed(f"unexpected header `{line}`: a patch has a "
                            "Subject and no person and no date")
    if not subject or not subject.startswith(PREFIX):
        raise Malformed(f"the second line must begin with `Subject: {PREFIX}`")
    return subject.removeprefix(PREFIX)


def parse_adds(lines, at):
    """the paths, and the index of the first line of the diff"""
    adds = []
    while at < len(lines) and not lines[at].startswith("diff --git "):
        line = lines[at]
        at += 1
        if not line:
            continue
        path = line.removeprefix("Adds: ")
        if path == line:
            raise Malformed(f"`{line}` stands below `---`, where only lines "
                            "`Adds: path` and the hunks belong")
        if path != path.strip() or not path or \
                {"", ".", ".."} & set(path.split("/")):
            raise Malformed(f"`{line}` is not a plain path from the top")
        adds.append(path)
    return adds, at


def parse_diff(lines, at):
    """the changed files; git apply is forgiving where this is strict"""
    changes = []
    while at < len(lines):
        found = re.fullmatch(r"diff --git a/(.+) b/\1", lines[at])
        if not found:
            raise Malformed(f"`{lines[at]}` stands after the last line of a "
                            "hunk; are the hunk's line counts right?")
        path = found[1]
        at += 1
        mode = False
        while at < len(lines) and not lines[at].startswith(
                ("--- ", "diff --git ")):
            check_extended_header(lines[at], path)
            mode |= lines[at].startswith("new mode ")
            at += 1
        if at < len(lines) and lines[at].startswith("--- "):
            at = parse_file(lines, at, path)
        elif not mode:
            raise Malformed(f"there is no hunk for {path}")
        changes.append(path)
    return changes


def check_extended_header(line, path):
    if MADE_OR_GONE.match(line):
        raise Malformed(f"a hunk makes, deletes, renames or copies {path}. "
                        "Hunks are for files that are there and stay; a new "
                        "file goes into the overlay, and here a line\n"
                        f"  Adds: {path}")
    if not line.startswith(("old mode ", "new mode ", "index ")):
        raise Malformed(f"`{line}` is not understood in the diff of {path}")


def parse_file(lines, at, path):
    """the index of the line after the file's hunks"""
    for expected in (f"--- a/{path}", f"+++ b/{path}"):
        line = lines[at] if at < len(lines) else ""
        if line[4:] == "/dev/null":
            check_extended_header("new file mode ", path)
        if line != expected:
            raise Malformed(f"`{line}` stands where `{expected}` should")
        at += 1
    first = at
    while at < len(lines) and (hunk := HUNK.match(lines[at])):
        at = parse_hunk(lines, at, hunk, path)
    if at == first:
        raise Malformed(f"there is no hunk for {path}")
    return at


def parse_hunk(lines, at, hunk, path):
    old, new = (1 if count is None else int(count) for count in hunk.groups())
    head = at
    while old or new or lines[at + 1:at + 2] == [
            "\\ No newline at end of file"]:
        at += 1
        kind = lines[at][:1] if at < len(lines) else "the end"
        # An editor may have stripped the blank of an empty context line.
        if kind in (" ", "", "-"):
            old -= 1
        if kind in (" ", "", "+"):
            new -= 1
        if kind not in (" ", "", "-", "+", "\\") or old < 0 or new < 0:
            raise Malformed(f"the hunk `{lines[head]}` of {path} has other "
                            "line counts than its first line says")
    return at + 1
