# SPDX-License-Identifier: GPL-2.0
"""The verdict of the demonstration, and the checksum that it compares."""

import argparse
import copy
import json
import pathlib
import socket
import subprocess
import tempfile
import unittest
import unittest.mock

from program import ZCRXMON, load, need_zcrxmon


class JudgementNIC(unittest.TestCase):
    """The last of three connections was copied; each wrong figure is found."""

    def setUp(self):
        self.demo = load("inside/demo-nic")
        self.args = argparse.Namespace(bytes=(200, 100, 50), grow=False)
        self.sent = [{"sent": count, "checksum": hex(count)} for count in self.args.bytes]
        self.got = {"received": 350, "copy_bytes": 50, "zero_copy": 300, "checksum": hex(350),
                    "notified": {"NO_BUFFERS": 2, "COPY": 3},
                    "armed": {"NO_BUFFERS": 2, "COPY": 3}}

    def passes(self, got, sent, status=0, no_buffers=(1, 2)):
        return all(holds for holds, _ in
                   self.demo.judge(self.args, status, got, sent, no_buffers))

    def test_all_that_agrees_passes(self):
        self.assertTrue(self.passes(self.got, self.sent))

    def test_checksums_are_added_modulo_2_to_the_64th(self):
        sent = [{**one, "checksum": hex((1 << 64) - 1)} for one in self.sent]
        self.assertTrue(self.passes({**self.got, "checksum": hex((1 << 64) - 3)}, sent))

    def test_each_figure_that_disagrees_fails(self):
        for name, value in (("received", 349), ("copy_bytes", 51), ("zero_copy", 299),
                            ("checksum", "0x2")):
            with self.subTest(name):
                self.assertFalse(self.passes({**self.got, name: value}, self.sent))

    def test_no_buffers_has_to_come_while_the_application_is_stuck_and_not_before(self):
        self.assertFalse(self.passes(self.got, self.sent, no_buffers=(2,)))
        self.assertFalse(self.passes(self.got, self.sent, no_buffers=(0, 1)))

    def test_no_copy_fails(self):
        got = {**self.got, "notified": {"NO_BUFFERS": 2, "COPY": 0},
               "armed": {"NO_BUFFERS": 2, "COPY": 0}}
        self.assertFalse(self.passes(got, self.sent))

    def test_an_arm_that_is_missing_fails(self):
        for name in ("NO_BUFFERS", "COPY"):
            with self.subTest(name):
                got = copy.deepcopy(self.got)
                got["armed"][name] = 1
                self.assertFalse(self.passes(got, self.sent))

    def test_with_growth_an_area_has_to_be_added_and_to_receive(self):
        self.args.grow = True
        got = {**self.got, "areas_added": 1, "bytes_added": 16 << 20, "received_in_added": 1}
        self.assertTrue(self.passes(got, self.sent))
        for name in ("areas_added", "bytes_added", "received_in_added"):
            with self.subTest(name):
                self.assertFalse(self.passes({**got, name: 0}, self.sent))

    def test_a_sender_or_receiver_that_failed_fails(self):
        self.assertFalse(self.passes(self.got, [*self.sent[:2], None]))
        self.assertFalse(self.passes(None, self.sent))
        self.assertFalse(self.passes(self.got, self.sent, status=1))


class JudgementWarned(unittest.TestCase):
    """A slow application was warned in time, again and again; each fault is found."""

    def setUp(self):
        self.demo = load("inside/demo-nic")
        count = self.demo.WARNED_BYTES
        self.sent = {"sent": count, "checksum": "0x1"}
        self.got = {"received": count, "zero_copy": count, "checksum": "0x1",
                    "no_buffers_count": 0,
                    "notified": {"NO_BUFFERS": 0, "COPY": 0, "LOW_BUFFERS": 8},
                    "armed": {"NO_BUFFERS": 0, "COPY": 0, "LOW_BUFFERS": 8}}

    def passes(self, status=0, sent=True, drops=0, **changed):
        sent = self.sent if sent else None
        got = {**self.got, **changed} if None not in changed.values() else None
        return all(holds for holds, _ in self.demo.judge_warned(status, got, sent, drops))

    def test_all_that_agrees_passes(self):
        self.assertTrue(self.passes())

    def test_each_figure_that_disagrees_fails(self):
        for name, value in (("received", 1), ("zero_copy", 1), ("checksum", "0x2"),
                            ("no_buffers_count", 1)):
            with self.subTest(name):
                self.assertFalse(self.passes(**{name: value}))

    def test_no_buffers_fails(self):
        self.assertFalse(self.passes(notified={**self.got["notified"], "NO_BUFFERS": 1}))

    def test_a_packet_that_the_nic_dropped_fails(self):
        self.assertFalse(self.passes(drops=1))

    def test_it_is_warned_several_times_and_arms_each_time(self):
        for warned, armed in ((2, 2), (8, 7)):
            with self.subTest(warned=warned, armed=armed):
                self.assertFalse(self.passes(
                    notified={**self.got["notified"], "LOW_BUFFERS": warned},
                    armed={**self.got["armed"], "LOW_BUFFERS": armed}))

    def test_an_application_that_is_not_warned_fails(self):
        without = {"NO_BUFFERS": 0, "COPY": 0}
        self.assertFalse(self.passes(notified=without, armed=without))

    def test_a_sender_or_receiver_that_failed_fails(self):
        self.assertFalse(self.passes(status=1))
        self.assertFalse(self.passes(sent=False))
        self.assertFalse(self.passes(received=None))


class OtherKernels(unittest.TestCase):
    """A kernel that lacks something fails with a sentence about each feature."""

    def setUp(self):
        self.demo = load("inside/demo-nic")
        self.kernel = {"form": "event", "add_area": True, "type_mask": 3, "losses": []}

    def missing(self, grow=True, **changed):
        return " ".join(self.demo.missing_in_zcrx({**self.kernel, **changed}, grow))

    def test_a_kernel_that_has_all(self):
        self.assertEqual("", self.missing())
        self.assertEqual([], self.demo.losses(self.kernel))

    def test_a_kernel_without_notifications_or_without_an_answer(self):
        self.assertIn("sends notifications", self.missing(form="none"))
        self.assertIn("sends notifications", " ".join(self.demo.missing_in_zcrx({}, True)))
        self.assertEqual([], self.demo.losses({}))

    def test_a_kernel_that_adds_no_area(self):
        self.assertIn("adds an area", self.missing(add_area=False))
        self.assertEqual("", self.missing(grow=False, add_area=False))

    def test_a_kernel_that_does_not_warn(self):
        demo = self.demo.missing_in_zcrx
        self.assertIn("warns before", " ".join(demo(self.kernel, low=True)))
        self.assertEqual([], list(demo({**self.kernel, "form": "mask", "type_mask": 7}, low=True)))

    def test_losses_are_named(self):
        self.assertIn("a-b, c", self.demo.losses({**self.kernel, "losses": ["a-b", "c"]})[0])

    def test_a_nic_that_cannot_be_configured(self):
        done = argparse.Namespace(returncode=1, stderr="netlink error:\n not supported\n", stdout="")
        with unittest.mock.patch.object(self.demo, "run", return_value=done):
            rule, missing = self.demo.configure(True)
        self.assertIsNone(rule)
        self.assertEqual(3, len(missing))
        for feature in ("splits headers", "spreads flows", "steers flows"):
            self.assertEqual(1, sum(feature in one and "netlink error: not supported" in one
                                    for one in missing))

    def test_the_verdict_is_fail(self):
        with unittest.mock.patch("builtins.print") as said:
            self.assertEqual(1, self.demo.not_here(["a", "b"]))
        self.assertEqual("FAIL", said.call_args.args[0])


class Judgement(unittest.TestCase):
    """Ten areas of data were sent; each possible fault is found."""

    def setUp(self):
        self.demo = load("inside/demo-nodev")
        self.args = argparse.Namespace(bytes=1000, area=100)
        self.sent = {"sent": 1000, "checksum": "0x1"}
        self.got = {"received": 1000, "copy_bytes": 1000, "zero_copy": 0, "checksum": "0x1",
                    "copy_count": 20, "no_buffers_count": 9,
                    "notified": {"NO_BUFFERS": 9, "COPY": 12},
                    "armed": {"NO_BUFFERS": 9, "COPY": 12}}

    def passes(self, got, sent, status=0):
        return all(holds for holds, _ in self.demo.judge(self.args, status, got, sent))

    def test_all_that_agrees_passes(self):
        self.assertTrue(self.passes(self.got, self.sent))

    def test_each_figure_that_disagrees_fails(self):
        for name, value in (("received", 999), ("copy_bytes", 999), ("zero_copy", 1),
                            ("checksum", "0x2"), ("copy_count", 11), ("no_buffers_count", 8)):
            with self.subTest(name):
                self.assertFalse(self.passes({**self.got, name: value}, self.sent))

    def test_a_notification_or_an_arm_that_is_missing_fails(self):
        for what in ("notified", "armed"):
            for name in ("NO_BUFFERS", "COPY"):
                with self.subTest(f"{what} {name}"):
                    got = copy.deepcopy(self.got)
                    got[what][name] = 8
                    self.assertFalse(self.passes(got, self.sent))

    def test_a_sender_or_receiver_that_failed_fails(self):
        self.assertFalse(self.passes(self.got, None))
        self.assertFalse(self.passes(None, self.sent))
        self.assertFalse(self.passes(self.got, self.sent, status=1))

    def test_as_many_bytes_as_asked_for_were_sent(self):
        got = {**self.got, "received": 900, "copy_bytes": 900}
        self.assertFalse(self.passes(got, {**self.sent, "sent": 900}))


def stream_sum(data):
    """stream_sum.h, written a second time from the text at its head."""
    mask = (1 << 64) - 1
    words = [int.from_bytes(data[i:i + 8], "little") for i in range(0, len(data), 8)]
    result = 0
    for word in words + [len(data)]:
        mixed = result ^ word
        rotated = (mixed << 29 | mixed >> 35) & mask
        result = rotated * 0x9e3779b97f4a7c15 & mask
    return result


class Sender(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_zcrxmon()
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.program = pathlib.Path(cls.directory.name) / "zcrxsend"
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", cls.program,
                        ZCRXMON / "zcrxsend.c"], check=True)

    def send(self, count, seed):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sender = subprocess.Popen(
                [self.program, "--host", "127.0.0.1", "--port", str(listener.getsockname()[1]),
                 "--bytes", str(count), "--seed", str(seed), "--json"],
                stdout=subprocess.PIPE, text=True)
            connection, _ = listener.accept()
            data = bytearray()
            with connection:
                while part := connection.recv(1 << 20):
                    data += part
            said = json.loads(sender.communicate()[0])
            self.assertEqual(sender.returncode, 0)
        return bytes(data), said

    def test_says_the_length_and_checksum_of_what_it_sent(self):
        for count in (1, 7, 8, 9, 4097, (1 << 20) + 3):
            with self.subTest(count):
                data, said = self.send(count, 3)
                self.assertEqual(len(data), count)
                self.assertEqual(said["sent"], count)
                self.assertEqual(int(said["checksum"], 16), stream_sum(data))

    def test_the_seed_decides_the_content(self):
        self.assertEqual(self.send(5000, 3)[0], self.send(5000, 3)[0])
        self.assertNotEqual(self.send(5000, 3)[0], self.send(5000, 4)[0])

    def test_no_two_pieces_of_4096_bytes_are_the_same(self):
        data, _ = self.send(3 << 20, 1)
        pieces = {data[i:i + 4096] for i in range(0, len(data), 4096)}
        self.assertEqual(len(pieces), len(data) // 4096)


RECEIVER = """
#include <stdio.h>
#include "stream_sum.h"
int main(int argc, char **argv)
{
	static unsigned char data[100];
	struct stream_sum s = {};
	size_t i;

	(void)argc;
	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + 1;
	for (i = 0; argv[1][i]; i++)
		stream_sum_add(&s, data + s.len, argv[1][i] - '0');
	printf("%llu %llu", s.len, stream_sum_result(&s));
	return 0;
}
"""


class Checksum(unittest.TestCase):
    def test_does_not_depend_on_where_the_stream_is_cut(self):
        need_zcrxmon()
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory) / "sum.c"
            source.write_text(RECEIVER, encoding="ascii")
            program = source.with_suffix("")
            subprocess.run(["gcc", "-Wall", "-Werror", "-I", ZCRXMON, "-o", program, source],
                           check=True)
            for cuts in ("9999", "1" * 36, "35719254", "888444", "081718182"):
                with self.subTest(cuts):
                    out = subprocess.run([program, cuts], check=True, stdout=subprocess.PIPE).stdout
                    length, result = map(int, out.split())
                    self.assertEqual(length, 36)
                    data = bytes((i * 7 + 1) & 255 for i in range(length))
                    self.assertEqual(result, stream_sum(data))


if __name__ == "__main__":
    unittest.main()
