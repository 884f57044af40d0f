# SPDX-License-Identifier: GPL-2.0
"""
harness/fuzz/run uses this after a run that found something: it finds the programs
that can be the cause, and the parts of a program that the failure needs.
"""

import re

# Lines of a console log that come from the fuzzer itself.
FINDING = re.compile(r"fuzz: finding in (?P<name>\S+|the end): (?P<text>.*)$")
CANDIDATE = re.compile(r"fuzz: candidate (\d+)")
# The fuzzer's names for the processes of its programs: process and number when
# it fuzzes, the number of the candidate when it replays.
PROGRAM = re.compile(r"\bzf\d+\.\d+\b")
REPLAYED = re.compile(r"\bzc(\d+)\b")
# This number of lines of a report can name the program.
REPORT = 120

SLOT_SIZE = 8192


def signature(kind, text):
    """the part that reports of the same fault have in common"""
    text = re.sub(r", CPU#.*| by task .*|\([a-z_]+\)$|\+0x[0-9a-f]+/0x[0-9a-f]+", "", text)
    text = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "N", text)
    return f"{kind}: {text.strip()}"


def first_complaint(judged, console):
    """
    (line number, signature) of the first complaint of the kernel or the fuzzer in
    the lines of a console log, or None. `judged` is the output of harness/boot/judge
    for that log.
    """
    found = []
    for line in judged.splitlines():
        match = re.match(r".*?:(\d+): ([^:]+): (.*)$", line)
        if match and match[2] != "log":
            found.append((int(match[1]), signature(match[2], match[3])))
    for number, line in enumerate(console, 1):
        match = FINDING.search(line)
        if match:
            found.append((number, signature("finding", match["text"])))
    return min(found, default=None)


def named(console, number, pattern):
    """the names in the report that begins on a line, each once"""
    report = "\n".join(console[number - 1:number - 1 + REPORT])
    return list(dict.fromkeys(match[0] for match in pattern.finditer(report)))


def candidate_of(console, number):
    """the candidate that a report on a line is about"""
    names = named(console, number, REPLAYED)
    if names:
        return int(names[0][2:])
    for line in reversed(console[:number]):
        match = CANDIDATE.search(line)
        if match:
            return int(match[1])
    return None


def read_record(data):
    """the programs of one process as (name, text), oldest first"""
    programs = []
    for start in range(0, len(data), SLOT_SIZE):
        text = data[start:start + SLOT_SIZE].split(b"\0")[0].decode("ascii", "replace")
        head, _, text = text.partition("\n")
        match = PROGRAM.search(head)
        if match:
            programs.append((match[0], text))
    return sorted(programs, key=lambda program: int(program[0].split(".")[1]))


def suspects(records, names, depth=4):
    """
    Programs that can be the cause, the likeliest first: the ones that the report
    names, then the last one of each process, then earlier ones.
    """
    every = dict(program for record in records for program in record)
    order = [name for name in names if name in every]
    for back in range(1, depth + 1):
        order += [record[-back][0] for record in records if len(record) >= back]
    return [(name, every[name]) for name in dict.fromkeys(order)]


class Budget(Exception):
    """The tries are used up."""


def shorten(items, first_failing):
    """
    Remove items that the failure does not need, by halves, quarters and so on.
    first_failing(candidates) returns the index of the first of several lists of
    items that fails, or None. It may raise Budget: then the result is the
    shortest list so far.
    """
    size = max(1, len(items) // 2)
    while items:
        start, removed = 0, False
        while start < len(items):
            places = range(start, len(items), size)
            candidates = [items[:at] + items[at + size:] for at in places]
            try:
                hit = first_failing(candidates)
            except Budget:
                return items
            if hit is None:
                break
            items = candidates[hit]
            start = places[hit]
            removed = True
        if size > 1:
            size //= 2
        elif not removed:
            break
    return items


def lines_of(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def shorten_program(text, first_failing):
    """Remove whole lines, then their arguments. first_failing() gets texts."""
    def as_lines(lines):
        return "".join(line + "\n" for line in lines)

    lines = shorten(lines_of(text),
                    lambda candidates: first_failing([as_lines(c) for c in candidates]))
    operations = [line.split()[0] for line in lines]

    def as_words(words):
        args = [[] for _ in operations]
        for number, word in words:
            args[number].append(word)
        return as_lines(" ".join([name] + more) for name, more in zip(operations, args))

    words = [(number, word) for number, line in enumerate(lines)
             for word in line.split()[1:]]
    words = shorten(words,
                    lambda candidates: first_failing([as_words(c) for c in candidates]))
    return as_words(words)
