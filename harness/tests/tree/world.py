# SPDX-License-Identifier: GPL-2.0
"""A copy of the programs in its own small repository, on a small base."""

import atexit
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from fakes import kernel, make_tarball, second_series_files, series_files

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
ROOMS = ("lib", "fetch", "tree")


def room(size):
    """a directory in memory if there is plenty, else None: a disk can take
    minutes to remove a kernel tree"""
    try:
        shm = os.statvfs("/dev/shm")
        meminfo = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    memory = int(re.search(r"MemAvailable: *(\d+) kB", meminfo)[1]) << 10
    free = min(memory, shm.f_bavail * shm.f_frsize)
    usable = os.access("/dev/shm", os.W_OK) and not shm.f_flag & os.ST_NOEXEC
    return "/dev/shm" if usable and free > 2 * size else None


@functools.cache
def cache_with_base():
    """a cache with the usual base, to be copied; made once, to save time"""
    directory = pathlib.Path(tempfile.mkdtemp(
        prefix="zcrx-series-cache-", dir=room(1 << 26)))
    atexit.register(shutil.rmtree, directory)
    make_tarball(directory / "linux.tar.xz", kernel())
    subprocess.run([REPOSITORY / "harness/fetch/base"], check=True, env={
        **os.environ, "ZCRX_CACHE": str(directory / "cache"), "KSRC": "",
        "ZCRX_BUILD": str(directory / "build"),
        "KERNEL_TARBALL": str(directory / "linux.tar.xz")}, capture_output=True)
    return directory / "cache"


class World(unittest.TestCase):
    """a directory with a repository `repo`, a tarball, a cache and a home"""

    empty_cache = False

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(
            prefix="zcrx-series-test-", dir=room(1 << 26)))
        self.addCleanup(shutil.rmtree, self.dir)
        self.repo = self.dir / "repo"
        self.linux = self.repo / "build/linux"
        for name in ("home", "repo"):
            (self.dir / name).mkdir()
        if self.empty_cache:
            (self.dir / "cache").mkdir()
        else:
            shutil.copytree(cache_with_base(), self.dir / "cache")
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("GIT_", "ZCRX_", "KERNEL_")) and
                    name not in ("KSRC", "FORCE", "BASE_UPDATE", "EMAIL", "TREE")}
        self.env |= {"HOME": str(self.dir / "home"), "LC_ALL": "C.UTF-8",
                     "ZCRX_CACHE": str(self.dir / "cache"),
                     "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1",
                     "XDG_CONFIG_HOME": str(self.dir / "home")}
        self.tarball = self.dir / "linux.tar.xz"
        make_tarball(self.tarball, kernel())
        self.env["KERNEL_TARBALL"] = str(self.tarball)
        (self.dir / "home/.gitconfig").write_text(
            "[user]\n\tname = Tess Tester\n\temail = tess@example.org\n")
        for name in ROOMS:
            shutil.copytree(REPOSITORY / "harness" / name, self.repo / "harness" / name,
                            ignore=shutil.ignore_patterns("__pycache__"))
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

    def add_second_series(self):
        for name, content in second_series_files().items():
            self.write(name, content)
        self.commit_all(message="two")

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

    def run_program(self, program, *args, **env):
        env = {**self.env, **env}
        return subprocess.run(
            [self.repo / program, *args], cwd=self.repo, text=True, check=False,
            env={name: value for name, value in env.items() if value},
            capture_output=True)

    def succeeds(self, name, *args, **env):
        """the output of the program"""
        done = self.run_program(name, *args, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def refused(self, pattern, name, *args, **env):
        """the program refuses with this message, and leaves everything as it was"""
        before = self.state()
        done = self.run_program(name, *args, **env)
        self.assertNotEqual(done.returncode, 0, "it was not refused")
        self.assertRegex(done.stderr, pattern)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(self.state(), before)

    def assemble_refused(self, pattern, **env):
        """with no tree, and with the tree of a repository that was good"""
        self.refused(pattern, "harness/tree/assemble", **env)
        self.assertFalse(self.linux.exists())
        self.git("stash", "-q", "-u")
        self.succeeds("harness/tree/assemble")
        self.git("stash", "pop", "-q")
        self.refused(pattern, "harness/tree/assemble", **env)

    # -- looking

    def files(self, directory):
        """{path: (time, content)}, without git's files and the built ones"""
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
