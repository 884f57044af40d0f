# SPDX-License-Identifier: GPL-2.0
"""The cache: an incomplete, stale or damaged entry is never used."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

HARNESS = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))


class CacheTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.cache = os.path.join(directory.name, "cache")
        self.environment = {
            **os.environ,
            "ZCRX_CACHE": self.cache,
            "ZCRX_BUILD": os.path.join(directory.name, "build"),
        }
        self.environment.pop("LIBURING", None)

    def program(self, *words, **more):
        return subprocess.run([os.path.join(HARNESS, "fetch", words[0]), *words[1:]],
                              env={**self.environment, **more}, text=True,
                              capture_output=True, timeout=60)

    def shell_words(self, script):
        return ["bash", "-c", f"source {HARNESS}/lib/common.sh; "
                f"source {HARNESS}/lib/cache-entry.sh; {script}"]

    def shell(self, script):
        return subprocess.run(self.shell_words(script), env=self.environment,
                              text=True, capture_output=True, timeout=60)

    def make_entry(self, name, files, key):
        """Make an entry the way the programs do, with other contents."""
        commands = "".join(
            f'mkdir -p "$entry_dir/$(dirname {path})"; '
            f"printf '%s' '{text}' >\"$entry_dir/{path}\"; "
            for path, text in files.items())
        result = self.shell(
            f"entry_new; {commands} entry_keep $cache/{name} '{key}'")
        self.assertEqual(result.returncode, 0, result.stderr)

    def path(self, *names):
        return os.path.join(self.cache, *names)


class Entries(CacheTest):
    FILES = {"a": "alpha", "sub/b": "beta"}

    def setUp(self):
        super().setUp()
        self.make_entry("thing", self.FILES, "key 1")

    def whole(self, key="key 1"):
        result = self.shell(f"entry_whole $cache/thing '{key}'")
        self.assertIn(result.returncode, (0, 1))
        if result.returncode:
            self.assertIn("not used", result.stderr)
        return result.returncode == 0

    def test_an_entry_as_it_was_made_is_whole(self):
        self.assertTrue(self.whole())
        self.assertEqual(sorted(os.listdir(self.path("thing"))), ["a", "stamp", "sub"])

    def test_nothing_temporary_stays(self):
        self.assertEqual(os.listdir(self.cache), ["thing"])

    def test_an_entry_of_another_key_is_not_used(self):
        self.assertFalse(self.whole("key 2"))
        self.assertFalse(self.whole("key"))

    def test_an_entry_without_a_stamp_is_not_used(self):
        os.unlink(self.path("thing", "stamp"))
        self.assertFalse(self.whole())

    def test_a_stamp_that_is_cut_is_not_used(self):
        with open(self.path("thing", "stamp"), "r+", encoding="utf-8") as stamp:
            stamp.truncate(len("key 1\n"))
        self.assertFalse(self.whole())

    def test_a_changed_file_of_the_same_size_is_noticed(self):
        with open(self.path("thing", "sub", "b"), "w", encoding="utf-8") as file:
            file.write("BETA")
        self.assertFalse(self.whole())

    def test_a_cut_file_is_noticed(self):
        os.truncate(self.path("thing", "a"), 2)
        self.assertFalse(self.whole())

    def test_a_missing_file_is_noticed(self):
        os.unlink(self.path("thing", "sub", "b"))
        self.assertFalse(self.whole())

    def test_an_added_file_is_noticed(self):
        with open(self.path("thing", "c"), "w", encoding="utf-8") as file:
            file.write("gamma")
        self.assertFalse(self.whole())

    def test_other_times_with_the_same_contents_are_whole(self):
        os.utime(self.path("thing", "a"), (1, 1))
        self.assertTrue(self.whole())
        self.assertTrue(self.whole())

    def test_the_contents_are_read_only_when_size_or_time_differ(self):
        path = self.path("thing", "a")
        before = os.stat(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write("ALPHA")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertTrue(self.whole())

    def test_making_an_entry_again_replaces_it(self):
        self.make_entry("thing", {"a": "other"}, "key 2")
        self.assertTrue(self.whole("key 2"))
        self.assertFalse(os.path.exists(self.path("thing", "sub")))

    def test_an_interrupted_maker_leaves_the_old_entry_and_nothing_else(self):
        maker = subprocess.Popen(
            self.shell_words("entry_new; echo half >$entry_dir/a; echo ready; "
                             "read -r x; entry_keep $cache/thing 'key 2'"),
            env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        maker.stdout.readline()
        self.assertEqual(len(os.listdir(self.cache)), 2)
        maker.send_signal(signal.SIGINT)
        maker.stdin.close()
        maker.wait(10)
        maker.stdout.close()
        self.assertEqual(os.listdir(self.cache), ["thing"])
        self.assertTrue(self.whole())

    def test_two_makers_take_turns(self):
        first = subprocess.Popen(
            self.shell_words("entry_lock thing; echo locked; read -r x || :"),
            env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        first.stdout.readline()
        second = subprocess.Popen(
            self.shell_words("entry_lock thing"), env=self.environment,
            stderr=subprocess.PIPE, text=True)
        self.assertIn("waiting", second.stderr.readline())
        time.sleep(0.3)
        self.assertIsNone(second.poll())
        first.stdin.close()
        self.assertEqual(second.wait(10), 0)
        first.wait(10)
        first.stdout.close()
        second.stderr.close()


class Programs(CacheTest):
    """harness/fetch/liburing and harness/fetch/userland look at their entries."""

    CASES = {
        "liburing": ({"include/liburing.h": "io_uring_register_zcrx_ctrl",
                      "lib/liburing.a": "archive"}, "lib/liburing.a", ""),
        "userland": ({"image": "disk"}, "image", "/image"),
    }

    def test_a_whole_entry_is_used_and_a_damaged_one_is_not(self):
        for name, (files, victim, suffix) in self.CASES.items():
            with self.subTest(name):
                key = self.program(name, "--key").stdout.strip()
                self.assertTrue(key)
                self.make_entry(name, files, key)
                result = self.program(name, "--check")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stdout, self.path(name) + suffix + "\n")

                os.truncate(self.path(name, victim), 1)
                result = self.program(name, "--check")
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stdout, "")
                self.assertIn("damaged", result.stderr)

    def test_an_entry_of_another_version_is_not_used(self):
        for name, (files, _, _) in self.CASES.items():
            with self.subTest(name):
                self.make_entry(name, files, "another key")
                result = self.program(name, "--check")
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertIn("another version", result.stderr)

    def test_an_empty_cache_is_said(self):
        for name in self.CASES:
            with self.subTest(name):
                result = self.program(name, "--check")
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertIn("in the cache", result.stderr)

    def test_liburing_can_be_brought(self):
        directory = os.path.join(self.cache, "mine")
        os.makedirs(os.path.join(directory, "include"))
        os.makedirs(os.path.join(directory, "lib"))
        header = os.path.join(directory, "include", "liburing.h")
        with open(os.path.join(directory, "lib", "liburing.a"), "w", encoding="utf-8"):
            pass
        with open(header, "w", encoding="utf-8") as file:
            file.write("int io_uring_register_zcrx_ctrl(void);\n")
        result = self.program("liburing", LIBURING=directory)
        self.assertEqual((result.returncode, result.stdout), (0, directory + "\n"))

        with open(header, "w", encoding="utf-8") as file:
            file.write("/* an old one */\n")
        result = self.program("liburing", LIBURING=directory)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("2.15", result.stderr)

    def test_liburing_in_a_missing_directory_is_said(self):
        result = self.program("liburing", LIBURING="/nonexistent")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("LIBURING=/nonexistent", result.stderr)


if __name__ == "__main__":
    unittest.main()
