# SPDX-License-Identifier: GPL-2.0
"""A made-up kernel of a few files, and a series of three patches for it.

It stands for Linux, so that a test takes a second; the size of the base does not
matter to the programs.
"""

import difflib
import io
import tarfile

FROM = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
LINES = [f"\tline {number}\n" for number in range(1, 61)]
MAINTAINER = """#!/bin/sh
echo '"A. Maintainer" <maintainer@example.org> (maintainer:THIS)'
echo 'Dørte Reviewer <reviewer@example.org> (reviewer:THIS)'
echo 'list@example.org (open list:THIS)'
for patch; do :; done
! grep -q b/drivers/ "$patch" || echo 'drivers@example.org (open list:DRIVERS)'
"""


def kernel(version="7.1.13"):
    """{path: content} of the base"""
    v, p, s = version.split(".")
    s, minus, extra = s.partition("-")
    return {
        ".gitattributes": "*.[ch] diff=cpp\n",
        ".gitignore": "*.o\n",
        "Kconfig": "# the top\n",
        "MAINTAINERS": "".join(f"M:\tPerson {n}\n" for n in range(20)),
        "Makefile": f"VERSION = {v}\nPATCHLEVEL = {p}\nSUBLEVEL = {s}\n"
                    f"EXTRAVERSION = {minus}{extra}\nNAME = Test\n",
        "README": "Read me\n",
        "drivers/net/Kconfig": "config NET\n",
        "drivers/net/Makefile": "obj-y += two.o\n",
        "include/uapi/linux/io_uring.h": "#define A 1\n",
        "io_uring/Makefile": "obj-y += zcrx.o\n",
        "io_uring/zcrx.c": "".join(LINES),
        "net/Makefile": "obj-y += core.o\n",
        "net/core.c": "".join(LINES),
        "scripts/get_maintainer.pl": MAINTAINER,
        "virt/last.c": "int last;\n",
    }


def make_tarball(path, files, compression="xz"):
    with tarfile.open(path, f"w:{compression}") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"linux-test/{name}")
            data = content.encode()
            member.size = len(data)
            member.mode = 0o755 if data.startswith(b"#!") else 0o644
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("linux-test/virt/link.c")
        link.type, link.linkname = tarfile.SYMTYPE, "last.c"
        tar.addfile(link)


def edited(lines, number, text):
    """lines with text after line number"""
    return [*lines[:number], f"\t{text}\n", *lines[number:]]


def hunks(path, old, new):
    """the change of one file as git writes it"""
    return f"diff --git a/{path} b/{path}\n" + "".join(
        difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"))


def mail(subject, adds=(), diff="", body="Why.\n"):
    return (f"{FROM}Subject: [PATCH] {subject}\n\n{body}---\n" +
            "".join(f"Adds: {path}\n" for path in adds) +
            (f"\n{diff}" if diff else ""))


ONE = LINES
TWO = edited(ONE, 10, "first change")
THREE = edited(TWO, 40, "second change")
FIRST = "series/one/0001-io_uring-start.patch"
SECOND = "series/one/0002-include-add-a-header-and-a-program.patch"
THIRD = "series/one/0003-net-go-on.patch"


def series_files():
    """{path: content} of a repository with one series of three patches"""
    return {
        ".gitignore": "/build/\n__pycache__/\n*.tmp\n",
        "series/base": "version 7.1.*\n",
        "series/order": "# all\none\n",
        "series/one/0000-cover-letter": "The series\n\nWhat it is for.\n",
        FIRST: mail("io_uring: start", ["io_uring/new.c"],
                    hunks("io_uring/zcrx.c", ONE, TWO)),
        SECOND: mail("include: add a header and a program",
                     ["include/uapi/linux/new.h", "tools/net/run.sh"]),
        THIRD: mail("net: go on", [],
                    hunks("io_uring/zcrx.c", TWO, THREE) +
                    hunks("net/core.c", ONE, TWO)),
        "io_uring/new.c": "int new;\n",
        "include/uapi/linux/new.h": "#define NEW 1\n",
        "tools/net/run.sh": "#!/bin/sh\n",
    }


# A second series shares a file with the first and needs nothing of it.
DRIVER = "series/two/0001-net-add-a-driver.patch"
CORE = "series/two/0002-net-change-the-core.patch"


def second_series_files():
    """{path: content} that the second series adds to the repository"""
    return {
        "series/order": "one\ntwo # after one\n",
        "series/two/0000-cover-letter": "The second\n\nWhat else it is for.\n",
        DRIVER: mail("net: add a driver", ["drivers/net/two.c"],
                     hunks("README", ["Read me\n"], ["Read me\n", "and two\n"])),
        CORE: mail("net: change the core", [],
                   hunks("net/core.c", ONE, edited(ONE, 50, "of two"))),
        "drivers/net/two.c": "int two;\n",
    }
