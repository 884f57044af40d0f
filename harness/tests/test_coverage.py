# SPDX-License-Identifier: GPL-2.0
"""`make coverage` with made-up figures: an unreached line or branch without a reason
fails, and so does a reason that explains nothing any more."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

from program import HARNESS, load

PROGRAM = HARNESS / "coverage/report"
coverage = load("coverage/report")

NOTIF = """\
static_assert(sizeof(int) == 4);

static int notif_one(struct thing *n,
		     int b)
{
	if (n->a)
		return 1;
	WARN_ON(n->b);
	return 0;
}

/* Two. */
void notif_two(void)
{
	two();
	WARN_ON(n->c);
}
"""
HEADER = """\
int declared(int a);

static inline void notif_inline(int *p)
{
	if (p)
		use(p);
}
"""
OTHER = """\
int other(void)
{
	old();
	added();
	old();
}
"""
SOURCES = {"io_uring/zcrx_notif.c": NOTIF, "io_uring/zcrx_notif.h": HEADER,
           "io_uring/zcrx.c": OTHER, "io_uring/query.c": OTHER}
DIFF = """\
diff --git a/io_uring/query.c b/io_uring/query.c
--- a/io_uring/query.c
+++ b/io_uring/query.c
@@ -3,0 +4 @@ int other(void)
+	added();
diff --git a/io_uring/zcrx.c b/io_uring/zcrx.c
--- a/io_uring/zcrx.c
+++ b/io_uring/zcrx.c
@@ -3,0 +4 @@ int other(void)
+	added();
"""


def document(unit, **files):
    """gcov's output for files, given as name={line: (count, branches)}."""
    where = "../linux/io_uring/"
    names = {"notif": "zcrx_notif.c", "header": "zcrx_notif.h", "zcrx": "zcrx.c",
             "query": "query.c"}
    return {"data_file": unit, "files": [
        {"file": where + names[name], "functions": [], "lines": [
            {"line_number": number, "count": count,
             "branches": [{"count": taken, "fallthrough": False, "throw": False}
                          for taken in branches]}
            for number, (count, branches) in lines.items()]}
        for name, lines in files.items()]}


def all_reached():
    return [document("zcrx_notif.gcda",
                     notif={6: (4, (1, 3)), 7: (1, ()), 8: (3, (1, 2)), 15: (2, ()),
                            16: (2, (1, 1))}),
            document("zcrx.gcda", header={5: (2, (1, 1)), 6: (1, ())},
                     zcrx={3: (0, ()), 4: (1, ()), 5: (0, ())}),
            document("query.gcda", query={4: (1, ())})]


def change(documents, unit, file, number, count, branches=()):
    """The same figures with other ones for one line."""
    new = document("", **{file: {number: (count, branches)}})["files"][0]
    for entry in documents[unit]["files"]:
        if entry["file"] == new["file"]:
            entry["lines"] = [line for line in entry["lines"]
                              if line["line_number"] != number] + new["lines"]
    return documents


class Coverage(unittest.TestCase):
    def judge(self, documents, why=""):
        with tempfile.NamedTemporaryFile("w", suffix=".why") as file:
            file.write(why)
            file.flush()
            reasons = coverage.read_why(file.name)
        lines, good = coverage.report(coverage.merge(documents),
                                      coverage.added_lines(DIFF), SOURCES, reasons)
        return "\n".join(lines), good

    def test_all_reached_is_good_and_counted(self):
        text, good = self.judge(all_reached())
        self.assertTrue(good, text)
        self.assertRegex(text, r"zcrx_notif\.c +5 of 5 +100% +6 of 6 +100%")
        self.assertRegex(text, r"zcrx_notif\.h +2 of 2 +100% +2 of 2 +100%")

    def test_line_not_reached_is_named_and_fails(self):
        text, good = self.judge(change(all_reached(), 0, "notif", 15, 0))
        self.assertFalse(good)
        self.assertIn("line    io_uring/zcrx_notif.c:15 notif_two(): two();", text)
        self.assertRegex(text, r"zcrx_notif\.c +4 of 5 +80%")

    def test_branch_not_taken_is_named_and_fails(self):
        text, good = self.judge(change(all_reached(), 0, "notif", 6, 4, (0, 4)))
        self.assertFalse(good)
        self.assertIn("branch  io_uring/zcrx_notif.c:6 notif_one(): if (n->a) "
                      "(1 of 2 not taken)", text)

    def test_line_of_the_base_does_not_count(self):
        text, good = self.judge(change(all_reached(), 1, "zcrx", 3, 0, (0, 0)))
        self.assertTrue(good, text)

    def test_added_line_of_an_existing_file_counts(self):
        for unit, file, name in (1, "zcrx", "zcrx.c"), (2, "query", "query.c"):
            text, good = self.judge(change(all_reached(), unit, file, 4, 0))
            self.assertFalse(good)
            self.assertIn(f"line    io_uring/{name}:4 other(): added();", text)

    def test_line_belongs_to_the_function_above_it(self):
        names = coverage.functions(NOTIF + """static const int
three(int a)
{
	if (a)
		three(0);
}
""")
        self.assertEqual([name for name in dict.fromkeys(names) if name],
                         ["notif_one", "notif_two", "three"])
        self.assertEqual(names[0], "")
        self.assertEqual(names[-3:-1], ["three", "three"])
        self.assertEqual(names[len(NOTIF.splitlines())], "")

    def test_each_expansion_of_an_inline_function_counts(self):
        text, good = self.judge(
            change(all_reached(), 1, "header", 5, 2, (1, 1, 0, 0)))
        self.assertFalse(good)
        self.assertIn("io_uring/zcrx_notif.h:5 notif_inline(): if (p) "
                      "(2 of 4 not taken)", text)

    def test_runs_add_up(self):
        one = change(all_reached(), 0, "notif", 6, 1, (1, 0))
        one = change(one, 0, "notif", 7, 0)
        two = change(all_reached(), 0, "notif", 6, 1, (0, 1))
        two = change(two, 0, "notif", 15, 0)
        for documents in one, two:
            self.assertFalse(self.judge(documents)[1])
        text, good = self.judge(one + two)
        self.assertTrue(good, text)
        merged = coverage.merge(one + two)["io_uring/zcrx_notif.c"]
        self.assertEqual(merged[6].count, 2)
        self.assertEqual(list(merged[6].branches.values()), [1, 1])
        self.assertEqual(merged[7].count, 1)

    def test_object_files_do_not_cover_for_each_other(self):
        documents = change(all_reached(), 1, "header", 5, 1, (1, 0))
        documents.append(document("zcrx_notif.gcda", header={5: (1, (0, 1))}))
        self.assertFalse(self.judge(documents)[1])

    def test_reason_explains_what_it_names(self):
        why = """
line io_uring/zcrx_notif.c notif_two
	two();
	Nobody calls
	it.
"""
        text, good = self.judge(change(all_reached(), 0, "notif", 15, 0), why)
        self.assertTrue(good, text)
        self.assertIn("not reached: Nobody calls it.\n  line    io_uring/zcrx_notif.c:15",
                      text)

    def test_reason_for_a_pattern_explains_each(self):
        why = "branch io_uring/zcrx_notif.c *\n\t/^WARN_ON\\(/\n\tA bug.\n"
        documents = change(all_reached(), 0, "notif", 8, 1, (0, 1))
        documents = change(documents, 0, "notif", 16, 1, (0, 1))
        text, good = self.judge(documents, why)
        self.assertTrue(good, text)

    def test_reason_for_another_place_explains_nothing(self):
        documents = change(all_reached(), 0, "notif", 15, 0)
        for head, source in (("line io_uring/zcrx_notif.c notif_one", "two();"),
                             ("line io_uring/zcrx_notif.h notif_two", "two();"),
                             ("branch io_uring/zcrx_notif.c notif_two", "two();"),
                             ("line io_uring/zcrx_notif.c notif_two", "two()")):
            with self.subTest(head=head, source=source):
                text, good = self.judge(documents, f"{head}\n\t{source}\n\tBecause.\n")
                self.assertFalse(good)
                self.assertIn("no reason given", text)
                self.assertIn("reasons for nothing", text)

    def test_reason_for_one_branch_does_not_explain_two(self):
        documents = change(all_reached(), 0, "notif", 6, 4, (0, 0, 2, 2))
        head = "io_uring/zcrx_notif.c notif_one\n\tif (n->a)\n\tBecause.\n"
        self.assertFalse(self.judge(documents, "branch " + head)[1])
        self.assertTrue(self.judge(documents, "branches 2 " + head)[1])

    def test_stale_reason_fails(self):
        for source in "two();", "three();":
            why = f"line io_uring/zcrx_notif.c notif_two\n\t{source}\n\tBecause.\n"
            text, good = self.judge(all_reached(), why)
            self.assertFalse(good)
            self.assertIn("reasons for nothing, all that they name is reached or gone:\n"
                          "  ", text)
            self.assertIn(source, text)

    def test_reason_without_words_is_refused(self):
        for why in ("line a b\n", "line a b\n\tc();\n", "\tc();\n", "lines a b\n\tc\n\td\n",
                    "line a\n\tc\n\td\n", "branches io_uring/zcrx.c f\n\tc\n\td\n"):
            with self.subTest(why=why), self.assertRaises(coverage.Refused):
                self.judge(all_reached(), why)

    def test_file_without_figures_is_no_success(self):
        with self.assertRaises(coverage.Refused):
            self.judge(all_reached()[:2])

    def test_run_that_left_nothing_is_an_error(self):
        with tempfile.TemporaryDirectory() as room:
            why = pathlib.Path(room, "why")
            why.write_text("")
            done = subprocess.run(
                [sys.executable, PROGRAM, "--tree", room, "--objects", room,
                 "--why", why, room], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("left no .gcda file", done.stderr)

    def test_data_of_another_kernel_is_refused(self):
        """The notes and the data of two compilations, through the real gcov."""
        with tempfile.TemporaryDirectory() as room:
            room = pathlib.Path(room)
            for name, body in ("one", "return 0;"), ("two", "return c > 1 ? v[1][0] : 0;"):
                (room / name).mkdir()
                (room / name / "zcrx.c").write_text(
                    f"int main(int c, char **v) {{ {body} }}\n")
                subprocess.run(["gcc", "--coverage", "-c", "zcrx.c"], check=True,
                               cwd=room / name)
                subprocess.run(["gcc", "--coverage", "zcrx.o", "-o", "run"], check=True,
                               cwd=room / name)
                subprocess.run(["./run"], check=True, cwd=room / name)
            files = [file["file"] for document in coverage.run_gcov(room / "one", room / "one")
                     for file in document["files"]]
            self.assertEqual(files, ["zcrx.c"])
            with self.assertRaisesRegex(coverage.Refused, "zcrx.gcda"):
                list(coverage.run_gcov(room / "one", room / "two"))
            (room / "one" / "zcrx.gcno").unlink()
            with self.assertRaisesRegex(coverage.Refused, "missing"):
                list(coverage.run_gcov(room / "one", room / "one"))


if __name__ == "__main__":
    unittest.main()
