# SPDX-License-Identifier: GPL-2.0
"""harness/fetch/base without KSRC and KERNEL_TARBALL: the files that it gets and keeps.

Stand-ins for apt-get, apt-cache and curl serve files from a directory.
"""

import hashlib
import os
import pathlib
import subprocess
import unittest

from fakes import kernel, make_tarball
from world import World

APT_GET = """#!/bin/bash
case "$*" in
indextargets*) echo 'Debian|Debian|http://archive.example.org' ;;
*update) [[ ! -e {dir}/offline ]] ;;
*source*linux=*) version=${{*: -1}} version=${{version#linux=}}
	cp {dir}/linux_${{version%%-*}}.orig.tar.xz . ;;
*download*) cp {dir}/*.deb . ;;
esac
"""
APT_CACHE = """#!/bin/bash
printf 'Package: linux\\nVersion: %s\\n\\n' 7.1.9-1 7.1.13-1~bpo13+1 6.12.1-1 \\
	7.1.12-2 7.2.1-1
"""
CURL = """#!/bin/bash
cp "{dir}/$(basename "${{*: -1}}")" "${{*: -2:1}}"
"""


class Fetch(World):

    empty_cache = True

    def setUp(self):
        super().setUp()
        del self.env["KERNEL_TARBALL"]
        self.server = self.dir / "server"
        self.server.mkdir()
        self.bin = self.dir / "bin"
        self.write("apt-get", APT_GET.format(dir=self.server), self.bin)
        self.write("apt-cache", APT_CACHE, self.bin)
        self.write("curl", CURL.format(dir=self.server), self.bin)
        self.env["PATH"] = f"{self.bin}:{self.env['PATH']}"

    def serve(self, name, version):
        make_tarball(self.server / name, kernel(version))

    def without_apt(self):
        """a PATH without apt"""
        for name in ("apt-get", "apt-cache"):
            (self.bin / name).unlink()
        for directory in ("/usr/bin", "/bin"):
            for name in os.listdir(directory):
                if not name.startswith("apt") and name != "curl" and \
                        not (self.bin / name).is_symlink():
                    (self.bin / name).symlink_to(f"{directory}/{name}")
        self.env["PATH"] = str(self.bin)

    def list_sums(self, *names):
        self.write("sha256sums.asc", "-----BEGIN PGP SIGNED MESSAGE-----\n" +
                   "".join(f"{self.sum(name)}  {name}\n" for name in names),
                   self.server)

    def sum(self, name):
        path = self.server / name
        return hashlib.sha256(path.read_bytes() if path.exists() else
                              b"").hexdigest()

    def version(self, **env):
        repository = self.succeeds("harness/fetch/base", **env)
        return self.git("log", "-1", "--format=%s", "base", cwd=repository)

    def debian(self):
        if "ID=debian" not in pathlib.Path("/etc/os-release").read_text():
            self.skipTest("this machine is not Debian")

    def test_newest_of_debian(self):
        self.debian()
        self.serve("linux_7.1.13.orig.tar.xz", "7.1.13")
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        self.assertEqual(self.version(), "Linux 7.1.13")

    def test_next_of_debian_when_the_newest_is_gone(self):
        self.debian()
        self.serve("linux_7.1.9.orig.tar.xz", "7.1.9")
        self.assertEqual(self.version(), "Linux 7.1.9")

    def test_patched_source_of_debian_when_every_pristine_one_is_gone(self):
        self.debian()
        (self.dir / "deb/usr/src").mkdir(parents=True)
        make_tarball(self.dir / "deb/usr/src/linux-source-7.1.tar.xz", kernel("7.1.13"))
        self.write("control", "Package: linux-source-7.1\nVersion: 7.1.13-1\nArchitecture: all\n"
                   "Maintainer: x <x@example.org>\nDescription: x\n", self.dir / "deb/DEBIAN")
        subprocess.run(["dpkg-deb", "-b", self.dir / "deb", self.server], check=True,
                       stdout=subprocess.DEVNULL)
        done = self.run_program("harness/fetch/base")
        self.assertIn("linux 7.1.13 has Debian's patches", done.stderr)
        self.assertEqual(self.version(), "Linux 7.1.13")

    def test_cached_base_needs_no_network(self):
        self.debian()
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        self.version()
        for name in ("apt-get", "apt-cache", "curl"):
            self.write(name, f"#!/bin/sh\ntouch {self.dir}/called\nexit 1\n",
                       self.bin)
        self.assertEqual(self.version(), "Linux 7.1.12")
        self.assertFalse((self.dir / "called").exists())

    def test_update_takes_a_newer_one(self):
        self.debian()
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        self.version()
        self.serve("linux_7.1.13.orig.tar.xz", "7.1.13")
        self.assertEqual(self.version(), "Linux 7.1.12")
        self.assertEqual(self.version(BASE_UPDATE="1"), "Linux 7.1.13")
        self.assertEqual(self.version(), "Linux 7.1.13")

    def test_update_without_network_says_so_and_uses_the_cache(self):
        self.debian()
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        self.version()
        self.without_apt()
        done = self.run_program("harness/fetch/base", BASE_UPDATE="1")
        self.assertIn("nothing could be fetched; using what is in the cache",
                      done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_damaged_entry_is_made_from_the_cached_tarball(self):
        self.debian()
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        (pathlib.Path(self.succeeds("harness/fetch/base")) / "stamp").unlink()
        (self.server / "linux_7.1.12.orig.tar.xz").unlink()
        self.assertEqual(self.version(), "Linux 7.1.12")

    def test_damaged_cached_tarball_is_fetched_again(self):
        self.debian()
        self.serve("linux_7.1.12.orig.tar.xz", "7.1.12")
        (pathlib.Path(self.succeeds("harness/fetch/base")) / "stamp").unlink()
        os.truncate(self.dir / "cache/base/linux-7.1.12.tar.xz", 100)
        self.assertEqual(self.version(), "Linux 7.1.12")

    def test_kernel_org_where_there_is_no_apt(self):
        self.without_apt()
        self.serve("linux-7.1.14.tar.xz", "7.1.14")
        self.serve("linux-7.1.9.tar.xz", "7.1.9")
        self.list_sums("linux-7.1.14.tar.xz", "linux-7.1.9.tar.xz",
                       "linux-7.2.1.tar.xz", "linux-7.1.15.tar.gz")
        self.assertEqual(self.version(), "Linux 7.1.14")

    def test_kernel_org_where_debian_has_none(self):
        self.serve("linux-7.1.14.tar.xz", "7.1.14")
        self.list_sums("linux-7.1.14.tar.xz")
        self.assertEqual(self.version(), "Linux 7.1.14")

    def test_kernel_org_where_debian_cannot_be_reached(self):
        self.debian()
        self.write("offline", "", self.server)
        self.test_kernel_org_where_debian_has_none()
        self.assertEqual(list((self.dir / "cache/apt").glob("*/fetched")), [])

    def test_wrong_checksum_is_refused(self):
        self.without_apt()
        self.list_sums("linux-7.1.14.tar.xz")
        self.serve("linux-7.1.14.tar.xz", "7.1.14")
        self.refused("has another checksum(.|\n)*no Linux 7.1.y could be had"
                     "(.|\n)*KSRC=directory", "harness/fetch/base")
        self.assertEqual(list((self.dir / "cache/base").glob("*linux*")), [])

    def test_no_network_and_no_cache(self):
        self.without_apt()
        self.refused("no Linux 7.1.y could be had from Debian or kernel.org"
                     "(.|\n)*KSRC=directory", "harness/fetch/base")


if __name__ == "__main__":
    unittest.main()
