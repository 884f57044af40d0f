# SPDX-License-Identifier: GPL-2.0
"""lib/common.sh: messages on long steps and on missing packages, the compiler's cache."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
TOOLS = ("bash", "dirname", "mkdir", "sleep", "tail", "cut", "sed")


class Lib(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        # Use a copy: a user without rights may be unable to read the clone.
        self.lib = self.dir / "harness/lib/common.sh"
        shutil.copytree(LIB, self.lib.parent)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            found = subprocess.check_output(["which", tool], text=True).strip()
            (self.bin / tool).symlink_to(found)

    def tool(self, name, text):
        path = self.bin / name
        path.write_text(f"#!{self.bin}/bash\n{text}\n")
        path.chmod(0o755)

    def run_lib(self, script):
        """This machine has only TOOLS and the programs that a test adds."""
        done = subprocess.run(
            [self.bin / "bash", "-c", f"source {self.lib}; {script}", "harness/x"],
            check=False, capture_output=True, text=True,
            env={"PATH": str(self.bin), "HOME": str(self.dir),
                 "ZCRX_BUILD": str(self.dir / "build"), "ZCRX_CACHE": str(self.dir / "cache")})
        return done.returncode, done.stdout, done.stderr

    def test_packages_are_named_in_one_message_where_there_is_no_apt(self):
        status, _, err = self.run_lib(
            "host_packages=([x]=bash:bash [y]='one:no-such-command two:/no/such/file'); need x y y")
        self.assertEqual(status, 1)
        self.assertIn("one two", err)
        self.assertNotIn("bash", err.replace("harness", ""))

    @unittest.skipIf(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"),
                     "setpriv is missing to become a user without rights")
    def test_packages_are_named_in_one_message_without_root_or_sudo(self):
        self.tool("apt-get", "echo called >&2")
        script = (f"source {self.lib}; "
                  "host_packages=([x]='one:no-such-command two:/no/such/file'); need x")
        command = [self.bin / "bash", "-c", script, "harness/x"]
        if os.geteuid() == 0:
            self.dir.chmod(0o777)
            command = ["/usr/bin/setpriv", "--reuid", "65534", "--clear-groups", *command]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True,
            env={"PATH": str(self.bin), "HOME": str(self.dir),
                 "ZCRX_BUILD": str(self.dir / "build"), "ZCRX_CACHE": str(self.dir / "cache")})
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install one two", done.stderr)
        self.assertNotIn("called", done.stderr)

    def test_nothing_is_said_where_nothing_is_missing(self):
        self.assertEqual(self.run_lib("host_packages=([x]=bash:bash); need x"), (0, "", ""))

    def test_a_step_says_what_it_does_and_how_long_it_took(self):
        status, out, err = self.run_lib(
            "step 'counting sheep' $logs/x.log bash -c 'echo one; echo two >&2'")
        self.assertEqual((status, out), (0, ""))
        self.assertRegex(err, r"^  counting sheep \.\.\.\n  counting sheep: \d+ s\n$")
        self.assertEqual((self.dir / "build/logs/x.log").read_text(), "one\ntwo\n")

    def test_a_failed_step_ends_with_its_last_lines_and_the_log(self):
        status, _, err = self.run_lib(
            "step 'counting sheep' $logs/x.log bash -c 'echo lost one; exit 7'; echo went on >&2")
        self.assertEqual(status, 7)
        self.assertIn("  | lost one\n", err)
        self.assertIn(str(self.dir / "build/logs/x.log"), err)
        self.assertNotIn("went on", err)


class Compiler(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)

    def cached(self, command):
        return subprocess.run(
            ["bash", "-c", f"source {LIB}/common.sh; with_ccache {self.dir} {command}", "harness/x"],
            cwd=self.dir, check=True, capture_output=True, text=True,
            env={**os.environ, "ZCRX_BUILD": f"{self.dir}/build",
                 "ZCRX_CACHE": f"{self.dir}/cache"}).stdout

    def object_of(self, source, options="-nostdinc"):
        self.cached(f"{LIB}/cc gcc {options} -Wp,-MMD,x.d -c -o x.o {source}")
        return (self.dir / "x.o").read_bytes()

    def count(self, event):
        counts = dict(line.split() for line in self.cached("ccache --print-stats").splitlines())
        return int(counts[event])

    def test_a_file_that_is_included_as_it_is_makes_a_new_object(self):
        (self.dir / "image.S").write_text('.incbin "kernel"\n')
        for content in ("one", "two"):
            (self.dir / "kernel").write_text(content)
            self.assertIn(content.encode(), self.object_of("image.S"))

    def test_a_header_of_the_system_makes_a_new_object(self):
        (self.dir / "x.c").write_text('#include <x.h>\nconst char x[] = X;\n')
        for content in ("one", "two"):
            (self.dir / "x.h").write_text(f'#define X "{content}"\n')
            self.assertIn(content.encode(), self.object_of("x.c", f"-isystem {self.dir}"))

    def test_a_c_file_is_compiled_once_without_the_preprocessor_before(self):
        (self.dir / "x.c").write_text('#include "x.h"\nconst char x[] = X;\n')
        for content in ("one", "two", "one"):
            (self.dir / "x.h").write_text(f'#define X "{content}"\n')
            self.assertIn(content.encode(), self.object_of("x.c"))
        self.assertEqual([self.count(event) for event in (
            "cache_miss", "direct_cache_hit", "preprocessed_cache_miss")], [2, 1, 0])


if __name__ == "__main__":
    unittest.main()
