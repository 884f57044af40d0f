#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
Notifications of zcrx while the queue, the interface, the device or the receiver
go away under traffic. Whatever is received is compared with what was sent, byte
by byte.
"""

import errno
import os
import subprocess

import zcrx_lib as zl
from zcrx_lib import COPY, KB, MB, NO_BUFFERS, Flow, Pair, Receiver

from lib.py import KsftFailEx, KsftNamedVariant, KsftSkipEx, NetNS, NetdevFamily
from lib.py import cmd, defer, ip, ksft_eq, ksft_exit, ksft_in, ksft_ne, \
    ksft_not_in, ksft_run, ksft_true, ksft_variants

AREA = 2 * MB


def _traffic(pair):
    """A receiver with a flow that does not stop"""
    rx = Receiver(pair, "--area", AREA)
    flow = Flow(pair, rx)
    flow.start()
    flow.wait_progress(256 * KB)
    return rx, flow


def _finish(pair, rx, flow):
    """
    The receiver still has its queue. Buffers run out, that is notified of, the
    flow goes on, and nothing is left.
    """
    flow.stop()
    flow.wait_arrived()
    ksft_in("io-uring", pair.queue())
    # Under traffic they may have run out already.
    while rx.events.count("notif"):
        ksft_eq(rx.notification(), NO_BUFFERS)
        rx.do(f"arm {NO_BUFFERS}")
    rx.do("hold")
    flow.start(2 * AREA)
    ksft_eq(rx.notification(), NO_BUFFERS)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    stats = rx.stats()
    ksft_eq((stats["copy_count"], stats["copy_bytes"]), (0, 0), "copies")
    ksft_eq(stats["no_buffers_count"], pair.alloc_fail())
    rx.exit()
    pair.wait_no_zcrx()


def _check_usable(pair):
    """The queue is free, and serves another receiver"""
    pair.wait_no_zcrx()
    rx = Receiver(pair, "--area", AREA)
    flow = Flow(pair, rx)
    flow.send(MB)
    flow.wait_arrived()
    rx.exit()


@ksft_variants([KsftNamedVariant(f"mode_{mode}", mode) for mode in range(4)])
def queue_reset(netnl, mode) -> None:
    """
    Resets of the queue, with buffers in all places, neither stop nor spoil what
    is received, and notifications work afterwards.
    """
    pair = Pair(netnl)
    rx, flow = _traffic(pair)

    for _ in range(3):
        pair.reset_queue(mode)
        flow.wait_progress(256 * KB)
    # Buffers of a page pool that is gone come back to the new one.
    rx.do("hold")
    zl.wait_until(lambda: rx.stats()["held"], "buffers to hold")
    pair.reset_queue(mode)
    rx.do("refill")
    flow.wait_progress(256 * KB)
    _finish(pair, rx, flow)


@ksft_variants([KsftNamedVariant(f"mode_{mode}", mode) for mode in range(4)])
def queue_reset_without_buffers(netnl, mode) -> None:
    """
    A queue can be reset while the receiver keeps all buffers. That is no event,
    but the next packet that finds none is.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold")
    flow = Flow(pair, rx)
    flow.start(MB)
    ksft_eq(rx.notification(), NO_BUFFERS)

    pair.reset_queue(mode)
    rx.do(f"arm {NO_BUFFERS}")
    ksft_eq(rx.notification(), NO_BUFFERS)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    stats = rx.stats()
    ksft_eq(stats["notifs"], 2)
    ksft_eq(stats["no_buffers_count"], pair.alloc_fail())
    rx.exit()
    pair.wait_no_zcrx()


def _set_link(pair, state):
    ip(f"link set dev {pair.ifname} {state}")


def interface_down_and_up(netnl) -> None:
    """
    The queue keeps its memory provider while the interface is down. Flows go on
    when it is up again, and notifications work.
    """
    pair = Pair(netnl)
    rx, flow = _traffic(pair)

    for _ in range(2):
        _set_link(pair, "down")
        ksft_eq(len(pair.zcrx_pools_in_use()), 0)
        rx.do("flush")
        _set_link(pair, "up")
        ksft_in("io-uring", pair.queue())
        flow.wait_progress(256 * KB)
    _finish(pair, rx, flow)


def interface_down_without_buffers(netnl) -> None:
    """
    The interface can go down and up while the receiver keeps all buffers, which
    it gives back in between.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold")
    flow = Flow(pair, rx)
    flow.start(MB)
    ksft_eq(rx.notification(), NO_BUFFERS)

    _set_link(pair, "down")
    rx.do("refill")
    rx.do("flush")
    rx.do(f"arm {NO_BUFFERS}")
    _set_link(pair, "up")
    flow.join()
    flow.wait_arrived()
    rx.exit()
    pair.wait_no_zcrx()


@ksft_variants([KsftNamedVariant("orderly", Receiver.exit),
                KsftNamedVariant("killed", Receiver.kill)])
def receiver_ends_while_interface_is_down(netnl, end) -> None:
    """A receiver may end while the interface is down, another one follows"""
    pair = Pair(netnl)
    rx, _ = _traffic(pair)
    _set_link(pair, "down")
    end(rx)
    pair.wait_no_zcrx()
    _set_link(pair, "up")
    ksft_not_in("io-uring", pair.queue())
    _check_usable(pair)


@ksft_variants([KsftNamedVariant("orderly", Receiver.exit),
                KsftNamedVariant("killed", Receiver.kill)])
def receiver_ends(netnl, end) -> None:
    """
    The receiver ends under traffic. All of it is taken off the device, which
    serves another one then.
    """
    pair = Pair(netnl)
    rx, _ = _traffic(pair)
    end(rx)
    _check_usable(pair)


@ksft_variants([KsftNamedVariant("orderly", Receiver.exit),
                KsftNamedVariant("killed", Receiver.kill)])
def receiver_ends_without_buffers(netnl, end) -> None:
    """
    The receiver ends with all buffers in its hands and a notification that was
    not armed again or, a moment later, with one on its way.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold")
    flow = Flow(pair, rx)
    flow.start()
    ksft_eq(rx.notification(), NO_BUFFERS)
    rx.do(f"arm {NO_BUFFERS}")
    end(rx)
    _check_usable(pair)


@ksft_variants([KsftNamedVariant("orderly", Receiver.exit),
                KsftNamedVariant("killed", Receiver.kill)])
def device_removal(netnl, end) -> None:
    """
    The device is removed under traffic. The receiver lives on, without a device,
    and ends as others do.
    """
    pair = Pair(netnl)
    rx, flow = _traffic(pair)
    pair.remove_device()

    rx.do("hold")
    rx.do("refill")
    rx.do("flush")
    ksft_eq(rx.command("arm 0"), 0)
    ksft_eq(rx.command(f"arm {COPY}"), -errno.EINVAL)
    stats = rx.stats()
    ksft_eq((stats["copy_count"], stats["corrupt"]), (0, 0))
    ksft_true(stats["bytes"][flow.conn] <= flow.sent)
    end(rx)
    pair.wait_no_zcrx()


def device_removal_without_buffers(netnl) -> None:
    """
    The device is removed while the receiver keeps all buffers. What was notified
    of can be armed, and buffers be given back.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold")
    flow = Flow(pair, rx)
    flow.start()
    ksft_eq(rx.notification(), NO_BUFFERS)
    pair.remove_device()

    rx.do(f"arm {NO_BUFFERS}")
    rx.do("give")
    rx.do("flush")
    rx.exit()
    pair.wait_no_zcrx()


XDP = zl.HERE.parents[2] / "net/lib/xdp_dummy.bpf.o"


@ksft_variants([
    KsftNamedVariant("channels", "ethtool -L {} combined 1",
                     "ethtool -L {} combined 2"),
    KsftNamedVariant("split", "ethtool -G {} tcp-data-split off",
                     "ethtool -G {} tcp-data-split on"),
    KsftNamedVariant("hds_thresh", "ethtool -G {} hds-thresh 100",
                     "ethtool -G {} hds-thresh 0"),
    KsftNamedVariant("xdp", f"ip link set {{}} xdpdrv obj {XDP} sec xdp.frags",
                     "ip link set {} xdpdrv off"),
])
def reconfiguration_is_refused(netnl, change, undo) -> None:
    """
    What zcrx needs can't be changed while there is an instance, and trying to
    does no harm to the flow.
    """
    pair = Pair(netnl)
    change, undo = change.format(pair.ifname), undo.format(pair.ifname)
    if cmd(change, fail=False).ret:
        raise KsftSkipEx(f"can't be done without an instance: {change}")
    cmd(undo)

    # Without a rule yet, which would be a reason to refuse, too.
    rx = Receiver(pair, "--area", AREA)
    ksft_ne(cmd(change, fail=False).ret, 0, change)
    flow = Flow(pair, rx)
    flow.start()
    flow.wait_progress(256 * KB)
    ksft_ne(cmd(change, fail=False).ret, 0, change)
    flow.wait_progress(256 * KB)
    _finish(pair, rx, flow)


def ring_size(netnl) -> None:
    """ethtool -G with other sizes of the rings is no harm to the flow"""
    pair = Pair(netnl)
    rx, flow = _traffic(pair)
    for size in 64, 1024:
        cmd(f"ethtool -G {pair.ifname} rx {size} tx {size}")
        flow.wait_progress(256 * KB)
    _finish(pair, rx, flow)


def move_to_another_namespace(netnl) -> None:
    """
    The instance stays while the interface is moved to another network namespace
    and back, and the flow goes on.
    """
    pair = Pair(netnl)
    rx, flow = _traffic(pair)
    other = NetNS()
    defer(other.__del__)

    ip(f"link set dev {pair.ifname} netns {other.name}")
    ip(f"link set dev {pair.ifname} netns {os.getpid()}", ns=other)
    for addr in f"{pair.addr_v['4']}/24", f"{pair.addr_v['6']}/64 nodad":
        ip(f"addr add {addr} dev {pair.ifname}")
    ip(f"link set dev {pair.ifname} up")
    ksft_in("io-uring", pair.queue())
    flow.wait_progress(256 * KB)
    _finish(pair, rx, flow)


def receiver_starts_again_at_once(netnl) -> None:
    """The queue of a receiver that was killed is soon there for the next one"""
    pair = Pair(netnl)

    def start():
        try:
            return Receiver(pair, "--area", AREA)
        except KsftFailEx:
            return None

    for _ in range(10):
        rx = zl.wait_until(start, "the queue", deadline=3)
        flow = Flow(pair, rx)
        flow.start()
        flow.wait_progress(256 * KB)
        rx.kill()
        flow.close()
    _check_usable(pair)


def module_removal(netnl) -> None:
    """
    The module is removed while the receiver holds all buffers. It does not wait
    for the receiver, which lives on, without a device, and ends as others do.
    """
    if not os.path.exists("/sys/module/netdevsim/refcnt"):
        raise KsftSkipEx("netdevsim is built in")
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold")
    flow = Flow(pair, rx)
    flow.start()
    ksft_eq(rx.notification(), NO_BUFFERS)

    # Waiting in the kernel it could not be killed, by this test either.
    with subprocess.Popen(["rmmod", "netdevsim"]) as rmmod:
        ksft_eq(rmmod.wait(zl.DEADLINE), 0)
    pair.devices_are_gone()
    rx.do(f"arm {NO_BUFFERS}")
    rx.do("give")
    rx.do("flush")
    rx.exit()
    pair.wait_no_zcrx()


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([queue_reset,
              queue_reset_without_buffers,
              interface_down_and_up,
              interface_down_without_buffers,
              receiver_ends_while_interface_is_down,
              receiver_ends,
              receiver_ends_without_buffers,
              device_removal,
              device_removal_without_buffers,
              reconfiguration_is_refused,
              ring_size,
              move_to_another_namespace,
              receiver_starts_again_at_once,
              module_removal],
             args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
