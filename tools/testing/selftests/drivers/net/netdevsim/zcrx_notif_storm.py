#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
All at once on one queue: traffic at full speed, a receiver that gets stuck, the
steering rule removed and put back, queue resets, and other rings that import the
instance, arm, export and go away. In the end all sums have to be exact.

ZN_STORM_SECONDS says how long each case goes on (default 10);
ZN_STORM_SEED makes it decide as in another run.
"""

import errno
import os
import random
import re
import threading
import time

import zcrx_lib as zl
from zcrx_lib import COPY, KB, MB, NO_BUFFERS, Flow, Pair, Receiver

from lib.py import NetdevFamily
from lib.py import defer, ethtool, ksft_eq, ksft_exit, ksft_ge, \
    ksft_gt, ksft_in, ksft_pr, ksft_run

AREA = MB


class Resets:
    """Queue resets of all modes in the background"""
    def __init__(self, pair, rng):
        self._pair = pair
        self._rng = random.Random(rng.random())
        self._stop = False
        self.number = 0
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        defer(self.stop)

    def _run(self):
        try:
            while not self._stop:
                self._pair.reset_queue(self._rng.randrange(4))
                self.number += 1
                time.sleep(self._rng.uniform(0, 0.2))
        except OSError as error:
            self.error = error

    def stop(self):
        """No more of them"""
        self._stop = True
        self._thread.join(zl.DEADLINE)


class Storm:
    """A pair, a receiver with visitors, resets; and what was seen"""
    def __init__(self, netnl, *options):
        seconds = float(os.environ.get("ZN_STORM_SECONDS", 10))
        seed = int(os.environ.get("ZN_STORM_SEED", time.time()))
        ksft_pr(f"seed {seed}, {seconds} s")
        self.rng = random.Random(seed)
        self.pair = Pair(netnl)
        self.rx = Receiver(self.pair, "--area", AREA, *options)
        self.fired = {NO_BUFFERS: 0, COPY: 0}
        self.armed = {NO_BUFFERS: 0, COPY: 0}
        self.ends = 0
        self.rx.do("visit")
        self.resets = Resets(self.pair, self.rng)
        self.end = time.monotonic() + seconds

    def goes_on(self):
        """Whether there is time left"""
        return time.monotonic() < self.end

    def look(self):
        """Note notifications, and restart receives that have ended"""
        while self.rx.events.count("notif"):
            types = self.rx.notification()
            for one in self.fired:
                self.fired[one] += bool(types & one)
        while self.rx.events.count("end"):
            end = self.rx.events.get("end")
            ksft_eq(end["res"], -errno.ENOMEM, "why a receive ended")
            self.ends += 1
            self.rx.do("refill")
            self.rx.do(f"recv {end['conn']}")
        self.rx.check_intact()

    def arm(self):
        """Arm the fired types, if no visitor was faster"""
        for one in self.armed:
            ret = self.rx.command(f"arm {one}")
            ksft_in(ret, (0, -errno.EINVAL), "arming")
            self.armed[one] += not ret

    def wait_sent(self, flow):
        """Wait for the background to be done with sending"""
        while flow.is_sending():
            self.look()
            time.sleep(0.01)
        flow.join()

    def wait_arrived(self, flow):
        """Wait for all that was sent to be received"""
        def arrived():
            self.look()
            return self.rx.bytes(flow) >= flow.sent
        zl.wait_until(arrived, "a flow to arrive")
        ksft_eq(self.rx.bytes(flow), flow.sent, "bytes of a flow")

    def get_stuck(self):
        """Keep all buffers for a while"""
        self.rx.do("hold")
        time.sleep(self.rng.uniform(0, 0.3))
        self.rx.do("refill")

    def run_out(self):
        """
        Keep all buffers until one was wanted that is not there; on a slow
        machine chance alone may not get to it
        """
        if self.rx.stats()["no_buffers_count"]:
            return
        self.rx.do("hold")
        zl.wait_until(lambda: self.rx.stats()["no_buffers_count"], "a want of buffers")
        self.rx.do("refill")

    def finish(self, flows):
        """All sums are exact; return the statistics"""
        self.run_out()
        for flow in flows:
            flow.tell_to_stop()
        for flow in flows:
            self.wait_sent(flow)
            self.wait_arrived(flow)
        self.resets.stop()
        ksft_eq(self.resets.error, None)
        self.rx.do("leave")
        self.look()
        stats = self.rx.stats()
        ksft_eq(stats["visit_error"], 0)
        ksft_gt(stats["visits"], 1)
        ksft_gt(self.resets.number, 1)
        ksft_gt(stats["no_buffers_count"], 0)
        for bit, one in enumerate((NO_BUFFERS, COPY)):
            armed = self.armed[one] + stats["visits_armed"][bit]
            # Fired once for each arming and one more, or armed right now.
            can_arm = self.fired[one] == armed + 1
            if not can_arm:
                ksft_eq(self.fired[one], armed, f"how often {one} fired")
            ksft_eq(self.rx.command(f"arm {one}"),
                    0 if can_arm else -errno.EINVAL, f"arm {one}")
        ksft_pr(f"{self.resets.number} resets, {self.ends} ends, "
                f"fired {self.fired}, armed here {self.armed}; {stats}")
        self.rx.exit()
        return stats

    def check_gone(self):
        """Nothing is left on the device"""
        self.pair.wait_no_zcrx()


def zero_copy(netnl) -> None:
    """
    A flow that does not stop, the receiver getting stuck now and then: nothing
    is copied, and each time that the driver got no buffer was counted.
    """
    storm = Storm(netnl)
    flow = Flow(storm.pair, storm.rx)
    flow.start()
    while storm.goes_on():
        storm.get_stuck()
        storm.look()
        storm.arm()
        time.sleep(storm.rng.uniform(0, 0.2))
    stats = storm.finish([flow])
    ksft_eq((stats["copy_count"], stats["copy_bytes"]), (0, 0), "copies")
    ksft_eq(stats["no_buffers_count"], storm.pair.alloc_fail())
    storm.check_gone()


def _rules(pair, port):
    """The rules about a port"""
    text = ethtool(f"-n {pair.ifname}").stdout
    return [rule for rule, about in
            re.findall(r"Filter: (\d+)\n(.*?)(?:\n\n|\Z)", text, re.DOTALL)
            if re.search(rf"Dest port: {port} ", about)]


def _burst(storm, flow, size):
    """Some of a flow at full speed, until all of it has arrived"""
    flow.start(size)
    if storm.rng.random() < 0.5:
        storm.get_stuck()
    storm.wait_sent(flow)
    storm.wait_arrived(flow)


def copies_too(netnl) -> None:
    """
    Besides a flow that is copied and does not stop, there is one whose rule is
    removed and put back. Just the bytes that came without a rule were copied.
    """
    storm = Storm(netnl, "--listeners", 2, "--flush")
    pair, rx = storm.pair, storm.rx
    direct = Flow(pair, rx, listener=0)
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)
    without_rule = 0
    copied.start()
    while storm.goes_on():
        _burst(storm, direct, storm.rng.randrange(1, MB))
        storm.arm()
        # All of it has arrived: the rules tell the way that it came.
        rules = _rules(pair, rx.ports[0])
        ksft_gt(len(rules), 0)
        for rule in rules:
            ethtool(f"-N {pair.ifname} delete {rule}")
        before = direct.sent
        _burst(storm, direct, storm.rng.randrange(1, 256 * KB))
        without_rule += direct.sent - before
        pair.steer(rx.ports[0], pair.QUEUE)
        storm.arm()
    stats = storm.finish([copied, direct])
    ksft_gt(without_rule, 0)
    ksft_eq(stats["copy_bytes"], copied.sent + without_rule, "copied bytes")
    ksft_gt(stats["copy_count"], 1)
    # A receive may try more than once before it ends.
    ksft_ge(stats["no_buffers_count"], pair.alloc_fail() + storm.ends)
    storm.check_gone()


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([zero_copy, copies_too], args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
