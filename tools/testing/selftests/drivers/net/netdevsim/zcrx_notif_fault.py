#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
Registration of zcrx on a queue of a netdevsim while things fail: the first place
that can fail is made to, then the second, until there are no more. What has
failed leaves nothing behind, the same succeeds right after on the same ring, and
in the end the queue receives and notifies as ever.

The program zcrx_rx does that, and checks after each fault.
"""

import zcrx_lib as zl
from zcrx_lib import KB, NO_BUFFERS, Flow, Pair, Receiver

from lib.py import KsftNamedVariant, KsftSkipEx, NetdevFamily
from lib.py import ip, ksft_eq, ksft_exit, ksft_ge, ksft_pr, ksft_run, \
    ksft_variants

AREA = 256 * KB
# For all faults.
DEADLINE = 300
# Page pools have IDs; this number of them shares a node of their xarray.
XARRAY_NODE = 64


def _mode(number):
    def setup(pair):
        pair.reset_queue(number)
        return ["--area", AREA]
    return setup


def _udmabuf(_pair):
    return ["--area", AREA, "--kind", "udmabuf"]


def _buffers_64k(_pair):
    size = 64 * 64 * KB
    zl.need_huge_pages(size)
    return ["--area", size, "--kind", "huge", "--buf-len", 64 * KB]


def _interface_down(pair):
    ip(f"link set dev {pair.ifname} down")
    return ["--area", AREA]


def _check_faults(rx):
    faults = rx.events.get("faults")
    if "missing" in faults:
        raise KsftSkipEx(faults["missing"])
    ksft_pr(faults)
    problems = [rx.events.get("problem") for _ in range(faults["problems"])]
    ksft_eq(problems, [])
    return faults


def _check_usable(pair, rx):
    """Data arrive, buffers run out, and a notification comes"""
    flow = Flow(pair, rx)
    rx.do("hold")
    flow.start(4 * rx.buffers * rx.buf_len)
    ksft_eq(rx.notification(), NO_BUFFERS)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    stats = rx.stats()
    ksft_eq((stats["copy_count"], stats["copy_bytes"]), (0, 0), "copies")
    ksft_eq(stats["notifs"], 1)
    rx.exit()
    pair.wait_no_zcrx()


@ksft_variants([KsftNamedVariant(f"mode_{mode}", _mode(mode))
                for mode in range(4)] +
               [KsftNamedVariant("udmabuf", _udmabuf),
                KsftNamedVariant("64k_buffers", _buffers_64k),
                KsftNamedVariant("interface_down", _interface_down)])
def registration(netnl, setup) -> None:
    """Each place that can fail, one by one"""
    pair = Pair(netnl)
    rx = Receiver(pair, "--faults", *setup(pair), deadline=DEADLINE)
    faults = _check_faults(rx)
    # Of the four structures three are read and written, one is read.
    ksft_ge(faults["copies"], 7)
    ksft_ge(faults["ENOMEM"], 1)
    if setup is _interface_down:
        ip(f"link set dev {pair.ifname} up")
    _check_usable(pair, rx)


def no_number_for_page_pool(netnl) -> None:
    """
    No memory for the number of the page pool, which is the last that can fail
    when one is made, with the memory provider in place already
    """
    pair = Pair(netnl)

    def last():
        pools = netnl.page_pool_get({}, dump=True)
        return max(pool["id"] for pool in pools)

    # Each reset makes a page pool.
    while last() % XARRAY_NODE != XARRAY_NODE - 1:
        pair.reset_queue(0)
    rx = Receiver(pair, "--area", AREA, "--fail-cache", "radix_tree_node")
    faults = _check_faults(rx)
    ksft_eq(faults["ENOMEM"], 1)
    _check_usable(pair, rx)


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([registration, no_number_for_page_pool],
             args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
