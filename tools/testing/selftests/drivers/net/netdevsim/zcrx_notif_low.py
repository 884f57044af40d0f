#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
The warning that few buffers are left, to a receiver on a queue of a netdevsim. The
page pool of the queue takes them.
"""

import zcrx_lib as zl
from zcrx_lib import LOW_BUFFERS, MB, NO_BUFFERS, Flow, Pair, Receiver

from lib.py import KsftNamedVariant, NetdevFamily
from lib.py import ksft_eq, ksft_exit, ksft_run, ksft_variants

SIZE = 8 * MB
# A receiver that keeps up leaves more than these on the free list. The others are
# in the page pool and in its socket.
FEW = 64
# Half of the buffers
HALF = SIZE // 2 // zl.PAGE
# It takes more than half of the buffers, and not all of them: the page pool holds
# up to 320 of the 2048
PART = 5 * MB


def _normal(_pair):
    return ()


def _threaded(pair):
    pair.set_threaded()
    return ()


def _udmabuf(_pair):
    return "--kind", "udmabuf"


@ksft_variants([
    KsftNamedVariant("normal", _normal),
    KsftNamedVariant("threaded_napi", _threaded),
    KsftNamedVariant("udmabuf", _udmabuf),
])
def warns_before_the_first_drop(netnl, setup) -> None:
    """
    A receiver that keeps its buffers is warned when few are left, while none was
    missing. It gives back, flushes and arms, and is warned again the next time.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", SIZE, *setup(pair), "--hold", "--low", HALF,
                  mask=LOW_BUFFERS | NO_BUFFERS)
    flow = Flow(pair, rx)

    for warnings in (1, 2, 3):
        rx.do("hold")
        flow.send(PART)
        flow.wait_arrived()
        ksft_eq(rx.notification(), LOW_BUFFERS)
        stats = rx.stats()
        ksft_eq(stats["notifs"], warnings, "once until armed")
        ksft_eq(stats["no_buffers_count"], 0)
        rx.do("refill")
        rx.do("flush")
        rx.do(f"arm {LOW_BUFFERS}")
    ksft_eq(pair.alloc_fail(), 0, "the driver's view")
    rx.exit()


def refill_queue_warns_of_nothing(netnl) -> None:
    """
    Few buffers are on the free list, but the page pool takes what the receiver
    gave back. It is warned when the page pool needs the list again.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", SIZE, "--hold", "--low", HALF, mask=LOW_BUFFERS)
    flow = Flow(pair, rx)

    flow.send(PART)
    flow.wait_arrived()
    ksft_eq(rx.notification(), LOW_BUFFERS)
    rx.do("refill")
    rx.do(f"arm {LOW_BUFFERS}")
    # It is less than what was given back.
    flow.send(PART // 2)
    flow.wait_arrived()
    ksft_eq(rx.events.count("notif"), 0)

    rx.do("hold")
    flow.start(SIZE)
    ksft_eq(rx.notification(), LOW_BUFFERS)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.exit()


def failed_attempts_are_no_warning(netnl) -> None:
    """Without a buffer on the list none can be taken off it."""
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", SIZE, "--hold", "--low", HALF,
                  mask=LOW_BUFFERS | NO_BUFFERS)
    flow = Flow(pair, rx)

    flow.start(2 * SIZE)
    types = 0
    while types != LOW_BUFFERS | NO_BUFFERS:
        types |= rx.notification()
    rx.do(f"arm {LOW_BUFFERS}")
    failures = rx.stats()["no_buffers_count"]
    zl.wait_until(lambda: rx.stats()["no_buffers_count"] > failures + 1,
                  "attempts to get a buffer")
    ksft_eq(rx.events.count("notif"), 0)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.exit()


@ksft_variants([
    KsftNamedVariant("normal", _normal),
    KsftNamedVariant("threaded_napi", _threaded),
])
def is_silent_while_the_receiver_keeps_up(netnl, setup) -> None:
    """A receiver that gives back as fast as it takes hears nothing."""
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", SIZE, *setup(pair), "--low", FEW,
                  mask=LOW_BUFFERS)
    flow = Flow(pair, rx)

    flow.start(64 * MB)
    flow.join()
    flow.wait_arrived()
    stats = rx.stats()
    ksft_eq((stats["notifs"], stats["no_buffers_count"]), (0, 0))
    rx.exit()


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([warns_before_the_first_drop,
              refill_queue_warns_of_nothing,
              failed_attempts_are_no_warning,
              is_silent_while_the_receiver_keeps_up],
             args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
