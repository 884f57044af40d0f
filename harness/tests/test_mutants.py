# SPDX-License-Identifier: GPL-2.0
"""harness/mutants/run with faked programs around it, and harness/mutants/list against
the kernel code of the repository."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import textwrap
import time
import unittest

from program import HARNESS, as_from_a_terminal, load

TOP = HARNESS.parent
SELFTESTS = TOP / "tools/testing/selftests"

# The code is one file of words, which decide what the programs do.
CODE = "a\nb\nc\n"
ENTRIES = """
= good
code.c
by selftest prog
-b
+B

= noticed by nobody
code.c
by selftest prog
-b
+harmless

= does not build
code.c
by selftest prog
-b
+nobuild

= does not boot
code.c
by selftest prog
-b
+noboot

= hangs
code.c
by selftest prog
-b
+hang

= dies
code.c
by selftest prog
-b
+die

= splat
code.c
by selftest prog
-b
+splat

= no reason
code.c
by selftest prog
-b
+noreason

= unit
code.c
by kunit
-c
+C

= unit does not build
code.c
by kunit
-c
+nobuild

= unit does not start
code.c
by kunit
-c
+noboot

= unit hangs
code.c
by kunit
-c
+hang

= units on the debug kernel
code.c
by debug prog
-c
+C
"""
PROGRAMS = {
    "harness/tree/assemble": """
        mkdir -p "$ZCRX_BUILD/linux" && cd "$ZCRX_BUILD/linux"
        [ ! -d .git ] || exit 0
        git init -q . && printf 'a\\nb\\nc\\n' >code.c && git add code.c
        git -c user.name=t -c user.email=t@t commit -q -m code""",
    "harness/selftests/build": "",
    "harness/selftests/pack": "",
    "harness/kernel": """
        ! grep -q nobuild "$ZCRX_BUILD/linux/code.c" || { echo 'code.c: error'; exit 1; }
        echo '  kernel: 1 s' >&2
        echo "/objects${VARIANT:+-$VARIANT}" """,
    "harness/selftests/kunit": """
        code=$ZCRX_BUILD/linux/code.c
        ! grep -q nobuild "$code" || { echo '  KUnit: failed (2)'; exit 1; }
        if grep -q noboot "$code"; then
            echo '[ERROR] Test: <missing>: Could not find any KTAP output. Did any KUnit tests run?'
            echo 'Testing complete. Ran 0 tests: errors: 1'; exit 1
        elif grep -q hang "$code"; then
            echo "Command 'linux' timed out after 60 seconds"
            echo '[ERROR] Test: main: missing expected subtest!'
            echo 'Testing complete. Ran 9 tests: crashed: 1'; exit 1
        elif grep -q C "$code"; then
            echo '[FAILED] case_one'
            echo 'Testing complete. Ran 9 tests: failed: 1'; exit 1
        fi
        echo '[PASSED] case_one'
        echo 'Testing complete. Ran 9 tests: passed: 9'""",
    "harness/guest": """
        code=$ZCRX_BUILD/linux/code.c
        log=$ZCRX_BUILD/logs/guest-mutant.console.log
        ! grep -q noboot "$code" || { : >"$log"; echo 'guest: QEMU did not start'; exit 125; }
        if [ "$VARIANT" = debug ]; then
            word=$(grep -q C "$code" && echo 'not ok' || echo ok)
            echo "[    0.9]     $word 3 case_two" >>"$log"
        fi
        echo '[    1.0] guest-init: begin' >"$log.new"
        cat "$log.new" >>"$log"
        ! grep -q block "$code" || { echo $$ >"$ZCRX_BUILD/pid"; exec sleep 600; }
        echo '# program: prog'
        echo '1..1'
        ! grep -q hang "$code" || exit 124
        ! grep -q die "$code" || exit 125
        ! grep -q noreason "$code" || { echo 'ok 1 case'; echo '# status: 0'; exit 3; }
        if grep -q B "$code"; then
            echo 'not ok 1 old_case # XFAIL old'
            echo 'not ok 2 case'; exec sleep 600 # the others time out
        fi
        echo "ok 1 case$SKIPPED"
        echo '# status: 0'
        ! grep -q splat "$code" || { echo "$log:7: WARNING: WARNING: code.c:2 at f()"; exit 126; }
        """,
}


class List(unittest.TestCase):
    """the real list, without a kernel tree: of Linux's files, the test can only check
    lines that the patches add"""

    @classmethod
    def setUpClass(cls):
        cls.mutants = load("mutants/run").read_list()

    def patched(self, path):
        """what the patches leave of their surroundings in a file, oldest first"""
        for patch in sorted((TOP / "series").glob("*/[0-9]*.patch")):
            text = patch.read_text(encoding="utf-8")
            for part in text.split(f"\n+++ b/{path}\n")[1:]:
                part = part.split("\ndiff --git ")[0]
                for hunk in re.split(r"^@@.*\n", part, flags=re.MULTILINE)[1:]:
                    yield "".join(line[1:] + "\n" for line in hunk.split("\n")
                                  if line[:1] in ("+", " "))

    def test_every_fault_can_be_made(self):
        self.assertGreater(len(self.mutants), 60)
        for mutant in self.mutants:
            with self.subTest(mutant.name):
                self.assertNotEqual(mutant.before, mutant.after)
                new = TOP / mutant.file
                text = new.read_text(encoding="utf-8") if new.exists() else ""
                if "\n" + mutant.before in "\n" + text:
                    self.assertNotEqual(mutant.changed(text), text)
                elif not mutant.name.startswith("base: "):
                    self.assertTrue(any("\n" + mutant.before in "\n" + hunk
                                        for hunk in self.patched(mutant.file)),
                                    f"no patch has these lines in {mutant.file}")

    @unittest.skipUnless((TOP / "build/linux").exists(), "no build/linux")
    def test_every_fault_of_the_base_can_be_made(self):
        for mutant in self.mutants:
            if mutant.name.startswith("base: "):
                with self.subTest(mutant.name):
                    text = (TOP / "build/linux" / mutant.file).read_text(encoding="utf-8")
                    self.assertNotEqual(mutant.changed(text), text)

    def test_every_test_exists(self):
        for mutant in self.mutants:
            for word in mutant.args.split():
                with self.subTest(mutant.name):
                    path, _, cases = word.partition(":")
                    if mutant.kind.startswith("netdevsim"):
                        text = (SELFTESTS / path).read_text(encoding="utf-8")
                        case = re.escape(cases.split(".")[0]).replace(r"\*", r"\w*")
                        self.assertRegex(text, rf"(?m)^def {case}\(")
                    else:
                        self.assertTrue((SELFTESTS / f"io_uring/{path}.c").exists())


class Mutants(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name)
        for path, script in PROGRAMS.items():
            file = self.top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("#!/bin/bash\n" + textwrap.dedent(script) + "\n",
                            encoding="utf-8")
            file.chmod(0o755)
        for name in ("mutants", "lib"):
            shutil.copytree(HARNESS / name, self.top / "harness" / name)
        self.room = self.top / "build/mutants"
        self.entries(ENTRIES)

    def entries(self, text):
        (self.top / "harness/mutants/list").write_text("# a comment\n\n" + text.lstrip("\n"),
                                                       encoding="utf-8")

    def start(self, *words, **env):
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env}
        environment.pop("ZCRX_BUILD", None)
        return subprocess.Popen([self.top / "harness/mutants/run", *words], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=environment, preexec_fn=as_from_a_terminal)

    def run_mutants(self, *words, **env):
        with self.start(*words, **env) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def line(self, name):
        """status, and the last two lines of the report without the times"""
        status, out, err = self.run_mutants(name)
        self.assertEqual(err, "")
        self.assertEqual(out, (self.room / "report").read_text(encoding="utf-8"))
        self.assertEqual((self.room / "linux/code.c").read_text(encoding="utf-8"), CODE)
        return status, re.sub(r" +\d+ s  ", " ", out)

    def test_caught_by_the_case_that_fails(self):
        self.assertEqual(self.line("good"), (
            0, "caught good -- selftest: prog: case\n1 caught, 0 survived\n"))

    def test_survivor(self):
        self.assertEqual(self.line("nobody"), (
            1, "SURVIVED noticed by nobody -- selftest: prog\n0 caught, 1 survived\n"))

    def test_what_did_not_run_is_an_error(self):
        for name, said in (("does not build", "selftest: the kernel failed:"),
                           ("does not boot", "selftest: the guest did not start:"),
                           ("no reason", "selftest: failed, and no test says why:"),
                           ("unit does not build", "kunit: KUnit did not run:"),
                           ("unit does not start", "kunit: KUnit did not run:")):
            with self.subTest(name):
                status, out = self.line(name)
                last = out.splitlines()
                self.assertEqual(status, 1)
                self.assertIn(f"ERROR {name} -- {said}", out)
                self.assertRegex(last[-1], r"^0 caught, 0 survived, \d errors$")

    def test_hang_death_and_complaint_are_caught(self):
        for name, said in (
                ("hangs", "selftest: prog: 0 of 1 tests reported, no end within 600 s"),
                ("dies", "selftest: prog: 0 of 1 tests reported, the guest died"),
                ("splat", "selftest: WARNING (WARNING: code.c:2 at f())"),
                ("units on", "debug: case_two")):
            with self.subTest(name):
                status, out = self.line(name)
                self.assertEqual(status, 0, out)
                self.assertIn(f" -- {said}\n", out)

    def test_kunit(self):
        status, out = self.line("unit")
        self.assertEqual(status, 1)
        self.assertIn("caught unit -- kunit: case_one\n", out)
        self.assertIn("caught unit hangs -- kunit: timed out after 60 seconds, main: ", out)

    def test_others_are_tried_after_an_error(self):
        status, out, _ = self.run_mutants()
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines()[-1], "7 caught, 1 survived, 5 errors")

    def test_kind_is_a_word_too(self):
        self.assertEqual(self.run_mutants("debug")[1].splitlines()[-1], "1 caught, 0 survived")

    def test_nothing_is_shown_by_a_test_that_fails_anyway(self):
        guest = self.top / "harness/guest"
        guest.write_text(guest.read_text(encoding="utf-8").replace("grep -q B", "true"),
                         encoding="utf-8")
        status, out, err = self.run_mutants("good")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("without a fault, selftest fails: prog: case", err)

    def test_nothing_is_shown_by_a_test_that_is_skipped(self):
        status, out, err = self.run_mutants("good", SKIPPED=" # SKIP no room")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("prog shows nothing here: no test of it was run", err)

    def test_list_that_is_wrong(self):
        for text, said in (
                ("= x\ncode.c\nby magic\n-b\n", "'x' has another form"),
                ("= x\ncode.c\nby kunit\nb\n", "'x' has another form"),
                ("= x\ncode.c\nby selftest\n-b\n", "'x' has another form"),
                ("= x\ncode.c\nby kunit prog\n-b\n", "'x' has another form"),
                ("= x\ncode.c\n", "'x' has another form"),
                ("= x\ncode.c\nby kunit\n-d\n", "the lines of 'x' are 0 times in code.c"),
                ("= x\nno.c\nby kunit\n-b\n", "'x': there is no no.c"),
                ("= x\ncode.c\nby kunit\n-b\n\n= x\ncode.c\nby kunit\n-c\n", "same name")):
            with self.subTest(text):
                self.entries(text)
                status, out, err = self.run_mutants()
                self.assertEqual((status, out), (1, ""))
                self.assertIn(said, err)
                self.assertNotIn("Traceback", err)

    def blocked(self):
        """a run that waits in the guest, with a fault in the code"""
        self.entries("= blocks\ncode.c\nby selftest prog\n-b\n+block\n")
        process = self.start()
        pid = self.room / "pid"
        end = time.monotonic() + 30
        while not (pid.exists() and pid.read_text()):
            self.assertLess(time.monotonic(), end)
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        return process, int(pid.read_text())

    def test_interrupted_run_leaves_nothing(self):
        for number, expected in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number):
                shutil.rmtree(self.room, ignore_errors=True)
                process, pid = self.blocked()
                process.send_signal(number)
                _, err = process.communicate(timeout=30)
                self.assertEqual((process.returncode, err), (expected, ""))
                self.assertEqual((self.room / "linux/code.c").read_text(), CODE)
                self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())

    def test_a_fault_left_by_a_killed_run_is_taken_out(self):
        self.run_mutants("good")
        (self.room / "linux/code.c").write_text("a\nB\nc\n")
        self.assertEqual(self.line("unit hangs")[0], 0)

    def test_one_run_at_a_time(self):
        process, _ = self.blocked()
        status, out, err = self.run_mutants()
        self.assertEqual((status, out), (1, ""))
        self.assertIn("another run is at work", err)
        process.terminate()
        process.communicate(timeout=30)


if __name__ == "__main__":
    unittest.main()
