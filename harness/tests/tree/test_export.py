# SPDX-License-Identifier: GPL-2.0
"""harness/tree/export: mails that can be sent and applied"""

import email
import email.header
import email.policy
import unittest

from fakes import THIRD
from world import World


class Export(World):

    def export(self, *args, **env):
        """the mails, cover letter first"""
        self.succeeds("harness/tree/export", *args, **env)
        return self.mails()

    def mails(self, directory=None):
        directory = directory or self.repo / "build/mail/one"
        return [email.message_from_bytes(path.read_bytes(),
                                         policy=email.policy.default)
                for path in sorted(directory.glob("*.patch"))]

    def clean_base(self):
        base = self.dir / "base"
        self.git("clone", "-q", self.succeeds("harness/fetch/base"), base)
        return base

    def test_mails_applied_to_clean_base_give_the_assembled_tree(self):
        self.export("-o", self.dir / "mails")
        base = self.clean_base()
        paths = sorted((self.dir / "mails").glob("*.patch"))
        self.assertEqual(len(paths), 4)
        self.git("am", "-q", *paths[1:], cwd=base)
        self.assertEqual(self.tree_id(where=base), self.tree_id("one"))
        self.assertEqual(self.git("log", "--format=%s%n%an <%ae>%n%b", "-1",
                                  cwd=base),
                         "net: go on\nTess Tester <tess@example.org>\nWhy.\n\n"
                         "Signed-off-by: Tess Tester <tess@example.org>")

    def test_users_diff_settings_do_not_matter(self):
        for name, value in (("diff.noprefix", "true"), ("diff.context", "0"),
                            ("format.attach", "x"), ("format.suffix", ".txt"),
                            ("format.numbered", "false")):
            self.git("config", "--global", name, value)
        self.test_mails_applied_to_clean_base_give_the_assembled_tree()
        for mail in self.mails(self.dir / "mails"):
            self.assertEqual(mail.get_content_type(), "text/plain")

    def test_sign_off_joins_the_trailers(self):
        trailers = ('Fixes: 123456789abc ("net: add (a) core")\n'
                    "Suggested-by: Jørn R <r@example.org>\n"
                    "Link: https://example.org/all/1@example.org/\n")
        self.edit(THIRD, "Why.\n", f"Why.\n\n{trailers}")
        mails = self.export()
        self.assertIn(f"Why.\n\n{trailers}Signed-off-by: Tess Tester "
                      "<tess@example.org>\n---\n", mails[3].get_content())
        self.succeeds("harness/tree/refresh")
        self.assertEqual(self.repository_changes(), f"M {THIRD}")

    def test_cover_letter(self):
        cover = self.export()[0]
        self.assertEqual(cover["Subject"], "[PATCH 0/3] The series")
        text = cover.get_content()
        self.assertIn("What it is for.\n", text)
        self.assertNotIn("***", text)
        self.assertIn("\nTess Tester (3):\n", text)
        self.assertIn(" 5 files changed", text)
        base = self.git("rev-parse", "base", cwd=self.linux)
        tree = self.tree_id("base")
        self.assertIn(f"base-commit: {base}\nbase: Linux 7.1.13, tree {tree}\n", text)

    def test_version(self):
        self.assertEqual([mail["Subject"] for mail in self.export("-v", "2")],
                         ["[PATCH v2 0/3] The series",
                          "[PATCH v2 1/3] io_uring: start",
                          "[PATCH v2 2/3] include: add a header and a program",
                          "[PATCH v2 3/3] net: go on"])

    def test_prefix_names_the_tree(self):
        self.git("config", "--global", "format.subjectPrefix", "MINE")
        for order, prefix in (("one - net-next", "PATCH net-next"),
                              ("one - net # fixes", "PATCH net"),
                              ("one - -", "PATCH"), ("one -", "PATCH"), ("one", "PATCH")):
            with self.subTest(order=order):
                self.write("series/order", f"{order}\n")
                self.assertEqual([mail["Subject"] for mail in self.export()][::3],
                                 [f"[{prefix} 0/3] The series", f"[{prefix} 3/3] net: go on"])
                self.assertEqual(self.export("-v", "2")[1]["Subject"],
                                 f"[{prefix} v2 1/3] io_uring: start")

    def test_recipients_are_those_of_get_maintainer(self):
        for mail in self.export("--cc", "Jørn More <more@example.org>"):
            self.assertEqual(mail["To"], '"A. Maintainer" <maintainer@example.org>')
            self.assertEqual(
                mail["Cc"], "Dørte Reviewer <reviewer@example.org>, "
                "list@example.org, Jørn More <more@example.org>")
            # in a sent mail, names other than ASCII are encoded
            self.assertTrue(mail.as_bytes().split(b"\n\n")[0].isascii())

    def test_text_that_is_not_ascii(self):
        self.write("series/one/0000-cover-letter", "The series\n\nFür später.\n")
        self.assertIn("Für später.\n", self.export()[0].get_content())

    def test_mails_of_an_earlier_export_are_removed(self):
        self.export("-v", "2")
        self.assertEqual(len(self.export()), 4)

    def test_branches_and_repository_stay_as_they_are(self):
        self.succeeds("harness/tree/assemble")
        refs, files = self.refs(), self.files(self.linux)
        self.export()
        self.assertEqual(self.refs(), refs)
        self.assertEqual(self.files(self.linux), files)
        self.assertEqual(self.repository_changes(), "")

    # -- refused

    def export_refused(self, pattern, *args, **env):
        self.refused(pattern, "harness/tree/export", *args, **env)
        self.assertFalse((self.repo / "build/mail").exists())

    def test_refused_without_identity(self):
        (self.dir / "home/.gitconfig").unlink()
        self.export_refused("git does not know who you are(.|\n)*user.email")

    def test_refused_without_cover_letter(self):
        (self.repo / "series/one/0000-cover-letter").unlink()
        self.export_refused("there is no series/one/0000-cover-letter: write it")

    def test_refused_with_cover_letter_of_another_form(self):
        for text in ("Only a subject\n", "[PATCH] A\n\nB\n", "A\nB\n\nC\n",
                     "Ä\n\nB\n", "\n\nB\n"):
            with self.subTest(text=text):
                self.write("series/one/0000-cover-letter", text)
                self.export_refused("0000-cover-letter must be one line with")

    def test_refused_with_a_bad_prefix(self):
        self.write("series/order", "one - nett\n")
        self.export_refused("series/order lists one with the prefix nett: "
                            "there are -, net, net-next")
        self.write("series/order", "one - net net-next\n")
        self.export_refused("series/order lists one with more than .*: net-next")

    def test_refused_with_work_that_is_not_refreshed(self):
        self.succeeds("harness/tree/assemble")
        self.edit("net/core.c", "line 1\n", "mine\n", self.linux)
        self.export_refused("has work that is not in the repository")

    def test_refused_when_it_is_not_clear_which_series(self):
        self.write("series/order", "one\ntwo\n")
        self.write("series/two/0001-x.patch", "x\n")
        self.export_refused(r"which series\? There are one, two")


if __name__ == "__main__":
    unittest.main()
