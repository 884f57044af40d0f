# SPDX-License-Identifier: GPL-2.0
"""The shared code of the Python programs: paths, one kind of error, other programs."""

import os
import pathlib
import subprocess
import sys

HARNESS = pathlib.Path(__file__).resolve().parents[1]
TOP = HARNESS.parent
# A tree is one base with its overlay and series. The first one is at the top.
TREE = os.environ.get("TREE") or ""
ROOT = TOP / TREE
# of the names of files in harness/ that are about the tree
SUFFIX = f"-{TREE}" if TREE else ""
BUILD = pathlib.Path(os.environ.get("ZCRX_BUILD") or TOP / "build").absolute() / TREE
CACHE = pathlib.Path(
    os.environ.get("ZCRX_CACHE") or
    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                 pathlib.Path.home() / ".cache") / "zcrx-notif")

# A git hook sets these for its own repository.
for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX",
                 "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                 "GIT_COMMON_DIR", "GIT_NAMESPACE"):
    os.environ.pop(variable, None)


class Refused(Exception):
    """what is wrong, and what to do about it"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_program(main, status=1):
    """run main; a refusal or an unreadable file gives a message and this status"""
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(141)
    except (Refused, OSError) as refusal:
        program = pathlib.Path(sys.argv[0]).resolve()
        say(f"{program.name if program.name != 'run' else program.parent.name}: {refusal}")
        sys.exit(status)
    except KeyboardInterrupt:
        sys.exit(130)


def run(*command, data="", **how):
    """the program's output on data; a failure is a Refused with the end of the output"""
    done = subprocess.run([str(word) for word in command], check=False, text=True,
                          input=data, stdout=subprocess.PIPE, **how)
    if done.returncode:
        raise Refused(f"{pathlib.Path(command[0]).name} failed ({done.returncode})" +
                      (f": {done.stdout[-2000:]}" if done.stdout else ""))
    return done.stdout


def need(name):
    """install the host packages that NAME stands for in harness/lib/packages.sh"""
    if subprocess.run(["bash", "-c", '. harness/lib/common.sh; need "$1"', sys.argv[0], name],
                      cwd=TOP, check=False).returncode:
        raise Refused("host packages are missing (see above)")


def git(*args, cwd, data=None, check=True, env=None):
    """git's output; a failure is a Refused with git's message"""
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
