#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Is every errno that the kernel's code returns in the page's tables?

usage: errnos.py KERNEL-TREE PAGE

For each of the page's tables of errors, the functions that the call goes
through are followed in the files below, and the table has to have every
-Esomething in them, and no other. What drivers return is out of reach.
"""

import pathlib
import re
import sys

FILES = ("io_uring/io_uring.c", "io_uring/register.c", "io_uring/query.c",
         "io_uring/zcrx.c", "io_uring/zcrx.h", "io_uring/zcrx_notif.c",
         "io_uring/memmap.c", "io_uring/rsrc.c", "net/core/netdev_rx_queue.c")

# table: (where to start, what is not followed)
CALLS = {
    "io_uring_register()": (
        ("io_uring_register", "io_uring_ctx_get_file"),
        # the operations
        ("io_query", "io_uring_register_send_msg_ring",
         "io_register_restrictions_task", "io_register_bpf_filter_task",
         "SWITCH")),
    "IORING_REGISTER_QUERY": (("io_query",), ()),
    "IORING_REGISTER_ZCRX_IFQ": (("io_register_zcrx",), ()),
    "ZCRX_CTRL_ARM_NOTIFICATION": (
        # the other two operations
        ("io_zcrx_ctrl",), ("zcrx_flush_rq", "zcrx_export")),
}

DEFINITION = re.compile(r"^(?!\s|#|\})(?P<head>[^;{}#]*?)\b(?P<name>\w+)"
                        r"\((?P<args>[^;{}]*)\)[^;{}()]*(?:__\w+\([^)]*\)\s*)*"
                        r"\n\{\n(?P<body>.*?)^\}", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
ERRNO = re.compile(r"-(E[A-Z0-9]{3,})\b")


def functions(tree):
    """name: bodies, of all functions that can return an error"""
    found = {}
    for file in FILES:
        text = COMMENT.sub("", (tree / file).read_text(encoding="utf-8"))
        for match in DEFINITION.finditer(text):
            name, head = match["name"], match["head"].split()
            if name == "SYSCALL_DEFINE4":
                name = match["args"].split(",")[0]
            if "void" in head and "*" not in match["head"]:
                continue
            found.setdefault(name, []).append(match["body"])
    return found


def returned(bodies, roots, stop):
    """the errnos in the functions that can be reached: errno -> function"""
    todo, seen, errnos = list(roots), set(stop), {}
    while todo:
        name = todo.pop()
        if name in seen or name not in bodies:
            continue
        seen.add(name)
        for body in bodies[name]:
            if name == "__io_uring_register" and "SWITCH" in stop:
                body = body.split("switch (opcode)")[0]
            for errno in ERRNO.findall(body):
                errnos.setdefault(errno, name)
            todo += re.findall(r"\b(\w+)\(", body)
    return errnos


def documented(page, title):
    """the errnos in the first column of a table"""
    found = re.search(rf"^\.\. list-table:: {re.escape(title)}\n(.*?)(?=^\S)",
                      page, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^   \* - (.*)$", found[1], re.MULTILINE) if found else ()
    return {errno for row in rows
            for errno in re.findall(r"``(E[A-Z0-9]+)``", row)}


def check(tree, page):
    """what is wrong, one line each"""
    bodies = functions(tree)
    for title, (roots, stop) in CALLS.items():
        errnos, table = returned(bodies, roots, stop), documented(page, title)
        for root in roots:
            if root not in bodies:
                yield f"{root}() is not found; adapt {sys.argv[0]}"
        for errno in sorted(errnos.keys() - table):
            yield f"table {title}: {errno}, from {errnos[errno]}(), is missing"
        for errno in sorted(table - errnos.keys()):
            yield f"table {title}: {errno} is not returned by the code"


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    page = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
    wrong = list(check(pathlib.Path(sys.argv[1]), page))
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{len(CALLS)} tables have the errors of the code")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
