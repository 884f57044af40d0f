# SPDX-License-Identifier: GPL-2.0
"""harness/bench/run without a guest: its input, statistics, targets and comparison."""

import contextlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from bench import boots, check, spans, table
from lib.common import Refused
from program import load

HARNESS = pathlib.Path(__file__).resolve().parents[1]
disasm = load("bench/disasm")
page = load("bench/page")

WORLD = {"command": "make bench", "kernel": "7.1.13", "compiler": "gcc 12", "emulator": "QEMU"}


def record(workload="nodev-copy-1k", registration="none", counts=(1000, 1000, 1000), units=0,
           spans=None):
    return {"workload": workload, "registration": registration, "unit": "fragment",
            "units": units, "bytes": 3000, "ns": [10] * len(counts),
            "instructions": list(counts), "spans": spans or {}}


def calls(cost):
    """the functions of zcrx of thirty fragments"""
    return {"io_zcrx_recv_skb": {1: {cost: 30}}, "io_pp_zc_alloc_netmems": {0: {1: 30}}}


def rows(ours, base=1000, registration="none", workload="nodev-copy-1k"):
    """of ten fragments a repetition, with all of it in the functions of zcrx"""
    return table.rows(
        [record(workload, "none", [base] * 3, spans=calls(base / 10))],
        [record(workload, registration, [ours] * 3, units=30, spans=calls(ours / 10))])


class Reading(unittest.TestCase):
    def test_what_the_guest_prints(self):
        line = {key: value for key, value in record().items()
                if key not in ("instructions", "spans")}
        self.assertEqual(boots.parse_output(json.dumps(line) + "\n"), [line])

    def test_other_output_of_the_guest_is_refused(self):
        for text in ("hello\n", "{}\n", "[1]\n", '{"workload": "x"}\n'):
            with self.assertRaisesRegex(Refused, "the guest printed"):
                boots.parse_output(text)

    def test_windows_and_their_spans(self):
        text = "window 10\nspan a 0:5*2 0:7*1 3:9*1\nwindow 11\n"
        self.assertEqual(boots.parse_windows(text),
                         [(10, {"a": {0: {5: 2, 7: 1}, 3: {9: 1}}}), (11, {})])

    def test_other_lines_of_the_plugin_are_refused(self):
        for text in ("span a 0:1*1\n", "window x\n", "window\n", "window 1\nspan a 5\n",
                     "window 1\nspan a 5*1\n", "window 1\ndropped\n", "\n"):
            with self.assertRaisesRegex(Refused, "the plugin wrote"):
                boots.parse_windows(text)

    def test_repetitions_get_their_windows_in_order(self):
        first, second = record(counts=[0, 0]), record(counts=[0])
        boots.join([first, second], [(1, {"a": {0: {4: 1}}}),
                                           (2, {"a": {0: {4: 1, 5: 1}, 2: {9: 1}}}), (3, {})])
        self.assertEqual((first["instructions"], second["instructions"]), ([1, 2], [3]))
        self.assertEqual(first["spans"], {"a": {0: {4: 2, 5: 1}, 2: {9: 1}}})

    def test_a_repetition_that_the_plugin_missed_is_refused(self):
        with self.assertRaisesRegex(Refused, "saw 1 repetitions"):
            boots.join([record(counts=[0, 0])], [(1, {})])

    def test_a_plugin_that_counts_wrong_is_refused(self):
        good = record(counts=[200008] * 3)
        good["ns"] = [200083] * 3
        boots.check_calibration(good, 100000)
        for counts, ns in (([100008] * 3, 200083), ([400008] * 3, 400083), ([200008] * 3, 90000)):
            bad = {**good, "instructions": counts, "ns": [ns] * 3}
            with self.assertRaises(Refused):
                boots.check_calibration(bad, 100000)


class Statistics(unittest.TestCase):
    def test_a_timer_tick_moves_neither_median_nor_spread(self):
        got = table.summary([100] * 8 + [2300])
        self.assertEqual((got["median"], got["low"], got["high"], got["max"]), (100, 100, 100, 2300))

    def test_the_median_is_a_value_that_was_seen(self):
        self.assertEqual(table.summary([4, 1, 3, 2])["median"], 2)

    def test_nothing_has_no_median(self):
        with self.assertRaises(ValueError):
            table.summary([])

    def test_fragments_counted_with_statistics_hold_for_all_registrations(self):
        ours = [record(), record(registration="stats", units=30)]
        self.assertEqual(table.units_of(ours[0], ours), 10)

    def test_fragments_that_nobody_counted_are_refused(self):
        with self.assertRaisesRegex(ValueError, "nobody counted"):
            table.units_of(record(), [record()])

    def test_a_row(self):
        row = rows(1060)[0]
        self.assertEqual((row["base"], row["cost"], row["more"]), (100, 106, 6))
        self.assertAlmostEqual(row["ratio"], 1.06)

    def test_a_function_without_another_that_it_calls(self):
        spans = {"zcrx_notif_task_work": {0: {246: 4, 900: 1}}, "post": {0: {83: 5}}}
        got = {one["workload"]: one["instructions"] for one in table.derive(
            [record("notify-polling", "types", spans=spans)])}
        self.assertEqual(got["task-work"], [163] * 4 + [817])


class Calls(unittest.TestCase):
    """calls of functions are compared with base calls of the same number of fragments"""
    BASE = {"io_zcrx_recv_skb": {1: {190: 9}, 2: {326: 6}},
            "io_pp_zc_alloc_netmems": {0: {4019: 30}}}

    def figure(self, spans, base=None, workload="nic-zc-mtu"):
        base = [record(workload, spans=base or self.BASE)]
        ours = [record(workload, "both", spans=spans, units=30)]
        return next(row for row in table.rows(base, ours)
                    if row["workload"] == f"calls-{workload}")

    def test_another_mix_of_the_same_calls_costs_the_same(self):
        row = self.figure({"io_zcrx_recv_skb": {1: {190: 5}, 2: {326: 500}},
                           "io_pp_zc_alloc_netmems": {0: {4019: 9}}})
        self.assertEqual((row["ratio"], row["more"], row["ok"]), (1, 0, True))
        self.assertAlmostEqual(row["cost"], (5 * 190 + 500 * 326 + 9 * 4019) / 30)

    def test_an_instruction_more_in_each_call_is_seen(self):
        row = self.figure({"io_zcrx_recv_skb": {1: {191: 9}, 2: {327: 6}},
                           "io_pp_zc_alloc_netmems": {0: {4019: 1, 4020: 29}}})
        self.assertAlmostEqual(row["more"], (9 + 6 + 30) / 30)

    def test_an_interrupt_in_a_call_is_not(self):
        row = self.figure({"io_zcrx_recv_skb": {1: {190: 8, 2190: 1}, 2: {326: 6}},
                           "io_pp_zc_alloc_netmems": {0: {4019: 30}}})
        self.assertEqual(row["more"], 0)

    def test_calls_without_a_counterpart_are_left_out(self):
        row = self.figure({"io_zcrx_recv_skb": {1: {190: 9}, 7: {5000: 6}, 2: {9999: 3}},
                           "io_pp_zc_alloc_netmems": {0: {4019: 30}}})
        self.assertEqual(row["more"], 0)

    def test_too_few_with_a_counterpart_are_not_compared(self):
        for calls in ({1: {190: 9}, 7: {5000: 10}}, {1: {190: 4}}, {}):
            row = self.figure({"io_zcrx_recv_skb": calls, "io_pp_zc_alloc_netmems": {0: {4019: 30}}})
            self.assertIs(row["ok"], False)
            self.assertIsNone(row["more"])

    def test_a_copied_fragment(self):
        ours, base = ({"io_zcrx_recv_skb": {1: {cost: 21}}} for cost in (371, 366))
        row = self.figure(ours, base, "nic-copy")
        self.assertEqual((row["more"], row["unit"]), (21 * 5 / 30, "fragment"))


class Targets(unittest.TestCase):
    def test_more_than_the_target_misses_it(self):
        for registration, limit in (("none", 13), ("stats", 13), ("both", 16)):
            for more, ok in ((limit, True), (limit + 0.5, False)):
                row = rows(1000 + 10 * more, registration=registration)[-1]
                self.assertEqual(row["ok"], ok, (registration, more))

    def test_zero_copy_has_a_tenth_of_a_percent(self):
        for ours, ok in ((1001, True), (1002, False)):
            row = rows(ours, registration="both", workload="nic-zc-large")[-1]
            self.assertEqual(row["ok"], ok)

    def test_what_was_not_measured_meets_no_target(self):
        row = table.figure(record("raise", "types", units=30) | {"workload": "calls-nic-copy"},
                                 None, None, [])
        self.assertIs(row["ok"], False)

    def test_no_target_no_verdict(self):
        self.assertIsNone(rows(5000, registration="rearm")[0]["ok"])

    def test_the_table_says_so(self):
        self.assertIn("MISSED", table.table(rows(1140), {}))
        self.assertNotIn("MISSED", table.table(rows(1130), {}))

    def test_the_table_has_what_was_not_counted(self):
        text = table.table(rows(1050), {("threads-8", "stats"): 0.98})
        self.assertRegex(text, r"\nthreads-8 +stats +0\.98$")


class Check(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "bench.json"

    def judge(self, all_rows, world=None, **args):
        """(status, output)"""
        args = types.SimpleNamespace(**{"check": False, "record": False, **args})
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = check.judge(all_rows, world or WORLD, args, self.path)
        return status, out.getvalue()

    def test_the_same_figures_are_not_worse(self):
        self.judge(rows(1040), record=True)
        self.assertEqual(self.judge(rows(1040), check=True), (0, ""))

    def test_figures_that_lack_one_are_not_recorded(self):
        gone = {**rows(1040)[-1], "workload": "calls-nic-copy", "more": None, "ok": False}
        with self.assertRaisesRegex(Refused, "calls-nic-copy none: too few calls"):
            self.judge([*rows(1040), gone], record=True)
        self.assertFalse(self.path.exists())

    def test_noise_passes_and_one_instruction_fails(self):
        self.judge(rows(1040), record=True)
        self.assertEqual(self.judge(rows(1043), check=True)[0], 0)
        status, output = self.judge(rows(1050), check=True)
        self.assertEqual(status, 1)
        self.assertIn("WORSE: nodev-copy-1k none: +5.00", output)

    def test_better_passes(self):
        self.judge(rows(1040), record=True)
        self.assertEqual(self.judge(rows(1000), check=True)[0], 0)

    def test_a_total_may_move_by_a_tenth_of_a_percent(self):
        def alone(cost):
            return [table.figure(record("arm", "types", [cost] * 3, units=3), None, None, [])]
        self.judge(alone(100000), record=True)
        self.assertEqual(self.judge(alone(100100), check=True)[0], 0)
        self.assertEqual(self.judge(alone(100101), check=True)[0], 1)

    def test_where_repetitions_differ_the_allowance_is_their_spread(self):
        for spread, allowed in ((0, 0.5), (0.0006, 10), (0.01, 100)):
            self.assertEqual(check.allowance({"spread": spread, "cost": 10000}), allowed)

    def test_totals_that_depend_on_when_packets_arrive_are_not_judged(self):
        self.judge(rows(1000, workload="nic-zc-mtu"), record=True)
        moved = [{**row, "cost": 1.1 * row["cost"], "more": 10} if row["workload"] == "nic-zc-mtu"
                 else row for row in rows(1000, workload="nic-zc-mtu")]
        self.assertEqual(self.judge(moved, check=True), (0, ""))

    def test_a_missed_target_fails(self):
        status, output = self.judge(rows(1140))
        self.assertEqual((status, output), (1, "MISSED: calls-nodev-copy-1k none\n"))

    def test_a_figure_that_is_gone_or_new_fails(self):
        self.judge(rows(1040), record=True)
        status, output = self.judge(rows(1040, registration="stats"), check=True)
        self.assertEqual(status, 1)
        self.assertIn("nodev-copy-1k stats: nothing is recorded", output)
        self.assertIn("nodev-copy-1k none: recorded, but not measured", output)

    def test_another_kernel_or_compiler_is_nothing_to_compare_with(self):
        self.judge(rows(1040), record=True)
        for what in ("kernel", "compiler"):
            status, output = self.judge(rows(1040), {**WORLD, what: "another"}, check=True)
            self.assertEqual(status, 1)
            self.assertIn(f"NOT COMPARABLE: {what}: another, recorded with {WORLD[what]}", output)

    def test_no_record_or_a_broken_one_is_refused(self):
        for text in (None, "", "[]", "{}", '{"figures": []}', '{"figures": {"a b": {}}}',
                     '{"figures": {"a b": {"cost": "x", "more": 1}}}'):
            if text is not None:
                self.path.write_text(text, encoding="ascii")
            with self.assertRaises(Refused):
                self.judge(rows(1040), check=True)


class Spans(unittest.TestCase):
    CODE = """
ffffffff81000010:\tpush   %rbx
ffffffff81000011:\tlock incl (%rax)
ffffffff81000014:\tcall   0xffffffff81000040
ffffffff81000019:\tjmp    0xffffffff8100001e
ffffffff8100001e:\tret
ffffffff8100001f:\tjmp    0xffffffff81000050
"""

    def setUp(self):
        self.code = spans.parse(self.CODE)

    def test_a_function_ends_where_it_returns_or_jumps_to_another(self):
        self.assertEqual(spans.returns(self.code, 0xffffffff81000010, 0xffffffff81000030),
                         [0xffffffff8100001e, 0xffffffff8100001f])

    def test_calls_of_a_function(self):
        self.assertEqual(spans.calls(self.code, 0xffffffff81000040),
                         [(0xffffffff81000014, 0xffffffff81000019)])
        self.assertEqual(spans.calls(self.code, 0xffffffff8100004), [])

    def test_the_range_of_a_symbol(self):
        symbols = spans.Symbols("00000010 T a\n00000010 t alias\n00000020 t b\n"
                                      "00000028 D data\n00000030 T c\n")
        self.assertEqual(symbols.range_of("a"), (0x10, 0x20))
        self.assertEqual(symbols.range_of("b", 1), (0x10, 0x30))


def plot(text):
    return subprocess.run([HARNESS / "bench/plot"], check=True, input=text, text=True,
                          stdout=subprocess.PIPE).stdout


class Plot(unittest.TestCase):
    def test_the_picture_of_the_readme_is_of_what_is_recorded(self):
        recorded = (HARNESS / "bench/recorded.json").read_text(encoding="ascii")
        shown, drawn = (HARNESS / "bench/cost.svg").read_text(encoding="ascii"), plot(recorded)
        version = "Matplotlib v[0-9.]+"
        if re.search(version, shown)[0] != re.search(version, drawn)[0]:
            self.skipTest("another version of matplotlib draws other bytes")
        self.assertEqual(shown, drawn)
        other = json.loads(recorded)
        other["figures"]["nodev-copy-1k none"]["cost"] += 100
        self.assertNotEqual(shown, plot(json.dumps(other)))

    def test_each_load_is_a_point(self):
        figures = {f"{workload} {registration}": {"cost": 104.0, "more": 4.0}
                   for workload in ("nodev-copy-256", "nodev-copy-1k", "rings-2")
                   for registration in ("none", "stats", "types", "both", "rearm")}
        drawn = plot(json.dumps({"figures": figures}))
        # 15 on the lines, 5 in the legend
        self.assertEqual(20, len(re.findall(r'<use [^>]*style="fill', drawn)))
        for text in (">256<", ">1k<", ">2<", ">4%<"):
            self.assertIn(text, drawn)


class Page(unittest.TestCase):
    def test_a_table(self):
        self.assertEqual(page.markdown(("a", "base"), [("long name", "7")]),
                         "| a | base |\n| --- | ---: |\n| long name | 7 |\n")

    def test_a_row_has_the_base_and_what_is_added(self):
        figures = {f"{workload} {name}": {"cost": 106.04, "more": 6.04}
                   for _, workload in page.COMPARED for _, name in page.COLUMNS}
        self.assertEqual(next(page.compared(figures)),
                         ("copied fragment, writes of 64 KiB", "100", *["+6.0"] * 4))

    def test_the_page_has_what_is_recorded(self):
        whole = (HARNESS.parent / "COSTS.md").read_text(encoding="utf-8")
        for text, status in ((whole, 0), ("nothing", 1), (whole.replace(" of 1 KiB.", "0 of 1 KiB."), 1)):
            with tempfile.NamedTemporaryFile("w", suffix=".md") as f, \
                 contextlib.redirect_stdout(io.StringIO()) as out:
                f.write(text)
                f.flush()
                self.assertEqual(page.main(f.name), status, out.getvalue())


class Disassembly(unittest.TestCase):
    OLD = """
0000000000000010 <io_zcrx_recv>:
      10:\tmov    0x8(%rsp),%rax
      15:\tje     40 <io_zcrx_recv+0x30>
      17:\tcall   1c <io_zcrx_recv+0xc>
\t\t\t18: R_X86_64_PLT32\tmutex_lock-0x4
      1c:\tnopl   0x0(%rax)
"""

    def test_what_moved_is_no_difference(self):
        moved = self.OLD.replace("40 <io_zcrx_recv+0x30>", "88 <io_zcrx_recv+0x38>")
        moved = moved.replace("      1", "      5").replace("\tnopl   0x0(%rax)", "\tcs nopw 0x0(%rax)")
        before, after = disasm.functions(self.OLD), disasm.functions(moved)
        self.assertEqual(dict(disasm.compare(before, after)), {"io_zcrx_recv": []})

    def test_another_instruction_or_callee_is_one(self):
        for old, new in (("0x8(%rsp)", "0x10(%rsp)"), ("mutex_lock", "mutex_unlock"),
                         ("je ", "jne ")):
            after = disasm.functions(self.OLD.replace(old, new))
            self.assertTrue(dict(disasm.compare(disasm.functions(self.OLD), after))["io_zcrx_recv"])


if __name__ == "__main__":
    unittest.main()
