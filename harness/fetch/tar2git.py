#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Stream a kernel tarball into a bare git repository.

usage: tar2git.py TARBALL REPOSITORY

The tree below the tarball's one top directory becomes branch `import`. Nothing
is unpacked on disk: git fast-import writes one pack, which takes less time than
unpacking and `git add`.
"""

import subprocess
import sys
import tarfile

# xz decodes the tarballs of Debian and kernel.org in parallel.
UNPACK = {"xz": ("xz", "-dcT0"), "gz": ("gzip", "-dc"), "tgz": ("gzip", "-dc"),
          "bz2": ("bzip2", "-dc"), "zst": ("zstd", "-dc")}
COMMITTER = b"committer import <import@localhost> 0 +0000\n"


def entries(tar):
    """(path, mode, content) of each file and symbolic link"""
    top = None
    for member in tar:
        first, _, path = member.name.removeprefix("./").partition("/")
        if member.isdir() or not first:
            continue
        if not path or top not in (None, first):
            sys.exit(f"not a kernel tarball: {member.name} is not below "
                     "one top directory")
        top = first
        if path[0] == '"' or "\n" in path:
            sys.exit(f"not a kernel tarball: strange file name {path!r}")
        if member.issym():
            yield path, "120000", member.linkname.encode()
        elif member.isreg():
            mode = "100755" if member.mode & 0o100 else "100644"
            yield path, mode, tar.extractfile(member).read()
        else:
            sys.exit(f"not a kernel tarball: {path} is neither a file nor "
                     "a symbolic link")


def main():
    tarball, repository = sys.argv[1:]
    program = UNPACK.get(tarball.rpartition(".")[2], ("cat",))
    unpack = subprocess.Popen([*program, tarball], bufsize=1 << 20,
                              stdout=subprocess.PIPE)
    git = subprocess.Popen(
        ["git", "--git-dir", repository, "-c", "pack.compression=1",
         "-c", "fastimport.unpackLimit=1",
         "fast-import", "--quiet", "--depth=0"],
        stdin=subprocess.PIPE, bufsize=1 << 20)
    out = git.stdin
    # Without a final `done` fast-import keeps nothing: an exit half-way
    # leaves no branch.
    out.write(b"feature done\ncommit refs/heads/import\n" + COMMITTER +
              b"data 6\nimport\n")
    count = 0
    try:
        with tarfile.open(fileobj=unpack.stdout, mode="r|",
                          bufsize=1 << 20) as tar:
            for path, mode, content in entries(tar):
                out.write(f"M {mode} inline {path}\n"
                          f"data {len(content)}\n".encode())
                out.write(content + b"\n")
                count += 1
                if count % 5000 == 0:
                    print(f"{count} files", flush=True)
    except (tarfile.TarError, EOFError, OSError) as error:
        sys.exit(f"{tarball} is damaged: {error}")
    # What follows the end mark is read as well, so that its sum is checked.
    while unpack.stdout.read(1 << 20):
        pass
    if unpack.wait():
        sys.exit(f"{tarball} is damaged: {program[0]} cannot read it")
    out.write(b"done\n")
    out.close()
    if git.wait():
        sys.exit("git fast-import failed")
    print(f"{count} files")


if __name__ == "__main__":
    main()
