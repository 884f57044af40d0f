# SPDX-License-Identifier: GPL-2.0
"""A copy of the programs in a small repository of its own, on a small base.

A made-up kernel of a dozen files stands for Linux, so that a test takes a
second; what the programs do does not depend on the base's size.
"""

import difflib
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("harness/base", "harness/fetch-tarball", "harness/lib.sh",
            "harness/tar2git.py", "series/assemble", "series/refresh",
            "series/export", *(str(path.relative_to(REPOSITORY)) for path in
                               REPOSITORY.glob("series/*.py")))
FROM = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
LINES = [f"\tline {number}\n" for number in range(1, 61)]
MAINTAINER = """#!/bin/sh
echo '"A. Maintainer" <maintainer@example.org> (maintainer:THIS)'
echo 'Dørte Reviewer <reviewer@example.org> (reviewer:THIS)'
echo 'list@example.org (open list:THIS)'
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
        "include/uapi/linux/io_uring.h": "#define A 1\n",
        "io_uring/Makefile": "obj-y += zcrx.o\n",
        "io_uring/zcrx.c": "".join(LINES),
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


class World(unittest.TestCase):
    """a directory with a repository `repo`, a tarball, a cache and a home"""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="zcrx-series-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.repo = self.dir / "repo"
        self.linux = self.repo / "build/linux"
        for name in ("home", "cache", "repo"):
            (self.dir / name).mkdir()
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("GIT_", "ZCRX_", "KERNEL_")) and
                    name not in ("KSRC", "FORCE", "BASE_UPDATE", "EMAIL")}
        self.env |= {"HOME": str(self.dir / "home"), "LC_ALL": "C.UTF-8",
                     "ZCRX_CACHE": str(self.dir / "cache"),
                     "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1",
                     "XDG_CONFIG_HOME": str(self.dir / "home")}
        self.tarball = self.dir / "linux.tar.xz"
        make_tarball(self.tarball, kernel())
        self.env["KERNEL_TARBALL"] = str(self.tarball)
        (self.dir / "home/.gitconfig").write_text(
            "[user]\n\tname = Tess Tester\n\temail = tess@example.org\n")
        for name in PROGRAMS:
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.repo / name)
        for name, content in series_files().items():
            self.write(name, content)
        self.git("init", "-q", "-b", "main")
        self.commit_all()

    # -- doing

    def write(self, name, content, where=None):
        path = (where or self.repo) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        if content.startswith("#!"):
            path.chmod(0o755)

    def edit(self, name, old, new, where=None):
        path = (where or self.repo) / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def git(self, *args, cwd=None, **env):
        done = subprocess.run(["git", *map(str, args)], cwd=cwd or self.repo,
                              env={**self.env, **env}, check=False, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, f"git {args}: {done.stderr}")
        return done.stdout.strip()

    def commit_all(self, where=None, message="all", *options):
        self.git("add", "-A", cwd=where)
        self.git("commit", "-q", "-m", message, *options, cwd=where)

    def run_program(self, name, *args, **env):
        env = {**self.env, **env}
        return subprocess.run(
            [self.repo / name, *args], cwd=self.repo, text=True, check=False,
            env={key: value for key, value in env.items() if value is not None},
            capture_output=True)

    def succeeds(self, name, *args, **env):
        """what the program prints"""
        done = self.run_program(name, *args, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def refused(self, pattern, name, *args, **env):
        """the program says so, and leaves everything as it was"""
        before = self.state()
        done = self.run_program(name, *args, **env)
        self.assertNotEqual(done.returncode, 0, "it was not refused")
        self.assertRegex(done.stderr, pattern)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(self.state(), before)

    # -- looking

    def files(self, directory):
        """{path: (time, content)}, without git's and what is built"""
        result = {}
        for root, names, files in os.walk(directory):
            names[:] = sorted(set(names) - {".git", "build", "__pycache__"})
            for name in files:
                path = pathlib.Path(root, name)
                result[str(path.relative_to(directory))] = (
                    path.lstat().st_mtime_ns, path.lstat().st_mode,
                    path.read_bytes())
        return result

    def state(self):
        """all that a refused program must leave alone"""
        state = [self.files(self.repo), (self.linux.parent / "linux.new").exists()]
        if self.linux.exists():
            state += [self.files(self.linux), self.refs(),
                      self.git("status", "--porcelain", cwd=self.linux)]
        return state

    def refs(self):
        return self.git("for-each-ref", cwd=self.linux) + \
            self.git("rev-parse", "--symbolic-full-name", "HEAD", cwd=self.linux)

    def commits(self):
        return self.git("rev-list", "--reverse", "base..HEAD",
                        cwd=self.linux).split()

    def tree_id(self, name="HEAD", where=None):
        return self.git("rev-parse", f"{name}^{{tree}}", cwd=where or self.linux)

    def repository_changes(self):
        return self.git("status", "--porcelain")
