#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
Notifications of zcrx as a receiver on a queue of a netdevsim sees them. Whatever
is received is compared with what was sent, byte by byte.
"""

import errno
import socket
import struct

import zcrx_lib as zl
from zcrx_lib import COPY, KB, MB, NO_BUFFERS, Flow, Pair, Receiver

from lib.py import KsftNamedVariant, KsftSkipEx, NetdevFamily, NetNSEnter
from lib.py import cmd, ethtool
from lib.py import ksft_eq, ksft_exit, ksft_ge, ksft_gt, ksft_in, ksft_ne, \
    ksft_run, ksft_variants


def _normal(_pair, size):
    return "--area", size


def _threaded(pair, size):
    pair.set_threaded()
    return "--area", size


def _udmabuf(_pair, size):
    return "--area", size, "--kind", "udmabuf"


def _buffers_64k(_pair, size):
    size *= 4
    zl.need_huge_pages(size)
    return "--area", size, "--kind", "huge", "--buf-len", 64 * KB


def _buffers_2m(_pair, size):
    size *= 16
    zl.need_huge_pages(size)
    return "--area", size, "--kind", "huge", "--buf-len", 2 * MB


def _check_threaded(pair, setup):
    napi = pair.napi()
    ksft_eq("pid" in napi, setup is _threaded, f"NAPI thread: {napi}")


def _exhaust(rx, flow, number):
    """Send more than the area has room for until a notification comes"""
    flow.start(number)
    ksft_eq(rx.notification(), NO_BUFFERS)


def _wait_failures(rx, number):
    """Wait for a number of further attempts to find no buffer"""
    start = rx.stats()["no_buffers_count"]
    zl.wait_until(lambda: rx.stats()["no_buffers_count"] >= start + number,
                  "attempts to get a buffer")


def _check_no_copies(stats):
    ksft_eq((stats["copy_count"], stats["copy_bytes"]), (0, 0), "copies")


def _check_nothing_happened(rx):
    stats = rx.stats()
    _check_no_copies(stats)
    ksft_eq(stats["no_buffers_count"], 0)
    ksft_eq(stats["notifs"], 0)


@ksft_variants([
    KsftNamedVariant("ipv6", _normal, 6),
    KsftNamedVariant("ipv4", _normal, 4),
    KsftNamedVariant("threaded_napi", _threaded, 6),
    KsftNamedVariant("udmabuf", _udmabuf, 6),
    KsftNamedVariant("64k_buffers", _buffers_64k, 6),
    KsftNamedVariant("2m_buffers", _buffers_2m, 6),
])
def page_pool_notifies_of_no_buffers(netnl, setup, ipver) -> None:
    """
    A receiver that keeps all buffers is notified once by the page pool, goes on
    receiving after it has given them back, and is notified again after arming.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, *setup(pair, MB), "--hold")
    flow = Flow(pair, rx, ipver=ipver)
    _check_threaded(pair, setup)
    room = rx.buffers * rx.buf_len

    _exhaust(rx, flow, 2 * room)
    _wait_failures(rx, 2)
    stats = rx.stats()
    ksft_eq(stats["notifs"], 1, "once until armed")
    ksft_gt(stats["bytes"][flow.conn], 0)
    ksft_ge(room, stats["bytes"][flow.conn])
    ksft_eq(rx.command(f"arm {COPY}"), -errno.EINVAL, "has not fired")

    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    ksft_eq(rx.stats()["notifs"], 1, "still not armed")

    rx.do("hold")
    rx.do(f"arm {NO_BUFFERS}")
    _exhaust(rx, flow, 2 * room)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()

    stats = rx.stats()
    ksft_eq(stats["notifs"], 2)
    _check_no_copies(stats)
    ksft_eq(stats["no_buffers_count"], pair.alloc_fail(),
            "the driver's view and ours")
    rx.exit()


@ksft_variants([
    KsftNamedVariant("ipv6", _normal, 6),
    KsftNamedVariant("ipv4", _normal, 4),
    KsftNamedVariant("threaded_napi", _threaded, 6),
    KsftNamedVariant("udmabuf", _udmabuf, 6),
    KsftNamedVariant("64k_buffers", _buffers_64k, 6),
])
def zero_copy_alone_is_silent(netnl, setup, ipver) -> None:
    """
    Zero-copy traffic to a receiver that has buffers enough raises nothing and
    counts nothing.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, *setup(pair, 8 * MB))
    flow = Flow(pair, rx, ipver=ipver)
    _check_threaded(pair, setup)
    ksft_in("io-uring", pair.queue())

    flow.start(16 * MB)
    flow.join()
    flow.wait_arrived()
    _check_nothing_happened(rx)
    ksft_eq(pair.alloc_fail(), 0)
    rx.exit()


@ksft_variants([
    KsftNamedVariant("ipv6", 6),
    KsftNamedVariant("ipv4", 4),
])
def copies_are_counted_exactly(netnl, ipver) -> None:
    """
    Of two flows at the same time, one zero-copy and one that arrives on another
    queue, just the bytes of the other one are counted and notified of.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 16 * MB, "--listeners", 2, "--flush")
    direct = Flow(pair, rx, listener=0, ipver=ipver)
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER, ipver=ipver)

    for flow in (direct, copied):
        flow.start(4 * MB)
    for flow in (direct, copied):
        flow.join()
        flow.wait_arrived()

    ksft_eq(rx.notification(), COPY)
    stats = rx.stats()
    ksft_eq(stats["copy_bytes"], copied.sent)
    ksft_gt(stats["copy_count"], 1)
    ksft_ge(stats["copy_bytes"], stats["copy_count"])
    ksft_eq(stats["notifs"], 1, "once until armed")
    ksft_eq(stats["no_buffers_count"], 0)

    rx.do(f"arm {COPY}")
    direct.send(MB)
    direct.wait_arrived()
    ksft_eq(rx.stats()["notifs"], 1, "not for zero-copy traffic")
    copied.send(1)
    copied.wait_arrived()
    ksft_eq(rx.notification(), COPY)
    stats_now = rx.stats()
    ksft_eq(stats_now["copy_bytes"], copied.sent)
    ksft_eq(stats_now["copy_count"], stats["copy_count"] + 1)
    rx.exit()


def _csum_errors():
    """Segments that TCP of this namespace dropped for their checksum"""
    with open("/proc/net/snmp", encoding="ascii") as f:
        names, values = (line.split() for line in f if line.startswith("Tcp:"))
    return int(values[names.index("InCsumErrors")])


def corrupted_packets_are_not_delivered(netnl) -> None:
    """
    The device says of payload that it placed that the checksum was right. So it
    leaves a packet with a wrong one whole, for TCP to count and drop.
    """
    pair = Pair(netnl)
    if cmd(f"tc qdisc add dev {pair.remote_ifname} root netem corrupt 10%",
           host=pair.remote, fail=False).ret:
        raise KsftSkipEx("the kernel has no netem, or there is no tc")
    before = _csum_errors()
    rx = Receiver(pair, "--area", 16 * MB)
    flow = Flow(pair, rx)

    flow.start(8 * MB)
    flow.join()
    flow.wait_arrived()
    ksft_gt(_csum_errors(), before)
    _check_no_copies(rx.stats())
    rx.exit()


def copies_end_without_buffers(netnl) -> None:
    """
    When it is copies that find no buffer the receive ends with an error, is
    notified of, and can go on after buffers were given back and flushed. The
    driver has nothing to do with it.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", MB, "--hold", "--flush")
    flow = Flow(pair, rx, queue=pair.OTHER)

    flow.start(4 * MB)
    ends, types = 0, 0
    while rx.bytes(flow) < 4 * MB:
        event = rx.events.get("end", "notif", "corrupt")
        if event["ev"] == "notif":
            types |= event["types"]
            continue
        ksft_eq((event["ev"], event.get("res")), ("end", -errno.ENOMEM))
        ends += 1
        rx.do("give")
        rx.do("recv 0")
        # The copies go on until they find no buffer again or all is there.
        zl.wait_until(lambda: rx.bytes(flow) == 4 * MB or
                      rx.events.count("end", "corrupt"), "more data")
    flow.join()
    while rx.events.count("notif"):
        types |= rx.notification()

    ksft_gt(ends, 0)
    ksft_eq(types, NO_BUFFERS | COPY)
    stats = rx.stats()
    ksft_eq(stats["copy_bytes"], flow.sent)
    ksft_ge(stats["no_buffers_count"], ends)
    ksft_eq(pair.alloc_fail(), 0)
    rx.exit()


def copies_to_a_dmabuf_fail_silently(netnl) -> None:
    """
    The kernel cannot copy into a dma-buf. A receive of what would have to be
    copied ends with an error, which is no lack of buffers and no copy. Zero-copy
    traffic goes on beside it, and its lack of buffers is notified of.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, *_udmabuf(pair, MB), "--hold", "--listeners", 2)
    direct = Flow(pair, rx, listener=0)
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)

    copied.send(64 * KB)
    end = rx.events.get("end")
    ksft_eq((end["conn"], end["res"]), (copied.conn, -errno.ENOMEM))
    direct.send(64 * KB)
    direct.wait_arrived()
    ksft_eq(rx.bytes(copied), 0)
    _check_nothing_happened(rx)
    ksft_eq(pair.alloc_fail(), 0)

    _exhaust(rx, direct, 2 * MB)
    rx.do("refill")
    direct.join()
    direct.wait_arrived()
    stats = rx.stats()
    _check_no_copies(stats)
    ksft_eq(stats["no_buffers_count"], pair.alloc_fail())
    rx.exit()


@ksft_variants([
    KsftNamedVariant("softirq", _normal),
    KsftNamedVariant("threaded_napi", _threaded),
])
def notification_wakes_a_sleeping_receiver(netnl, setup) -> None:
    """
    A receiver that sleeps in io_uring_enter() is woken by the notification when
    nothing else completes.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, *setup(pair, 256 * KB), "--hold", mask=NO_BUFFERS)
    flow = Flow(pair, rx)
    _check_threaded(pair, setup)

    flow.start(MB)
    # The first one comes amid data, which wakes, too. Then the sender only tries
    # again; until the last buffer is gone there can be data even so. A wake-up for
    # something else that does not complete looks the same, but not four times.
    rx.events.get("notif")
    woken = 0
    for _ in range(20):
        rx.do(f"arm {NO_BUFFERS}")
        event = rx.events.get("notif")
        woken += event["slept"] and event["alone"]
        if woken == 4:
            break
    ksft_eq(woken, 4, "sleeps that a notification alone ended")

    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.exit()


def urgent_data_is_stepped_over(netnl) -> None:
    """
    The stack can't read an urgent byte that lies in the area, and the stream
    goes on behind it.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", MB)
    flow = Flow(pair, rx)
    for _ in range(20):
        flow.send(3000)
        flow.send_urgent()
        flow.send(3000)
        flow.wait_arrived()
    ksft_eq(rx.events.count("end"), 0, "a receive ended")
    _check_nothing_happened(rx)
    rx.exit()


def large_buffers_given_back_in_pieces(netnl) -> None:
    """
    With packets of MTU size a large buffer comes back in many pieces. When all
    came back at once, no attempt to get a buffer fails any more, and there is
    no notification, although most entries of the refill queue free nothing.
    """
    size = 8 * MB
    pair = Pair(netnl)
    cmd(f"ethtool -K {pair.remote_ifname} tso off gso off", host=pair.remote)
    zl.need_huge_pages(size)
    rx = Receiver(pair, "--area", size, "--kind", "huge", "--buf-len", 2 * MB,
                  "--rq-entries", 32768, "--hold")
    flow = Flow(pair, rx)

    _exhaust(rx, flow, 2 * size)
    _wait_failures(rx, 2)
    rx.do("give")
    failures = rx.stats()["no_buffers_count"]
    rx.do(f"arm {NO_BUFFERS}")
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    ksft_eq(rx.stats()["no_buffers_count"], failures)
    ksft_eq(rx.stats()["notifs"], 1)
    rx.exit()


@ksft_variants([
    KsftNamedVariant("512k", 512 * KB),
    KsftNamedVariant("1m", MB),
])
def copies_get_what_was_given_back(netnl, size) -> None:
    """
    Buffers that were used up by zero-copy and given back are there for a flow
    that arrives on another queue.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", size, "--listeners", 2, "--hold",
                  "--rq-entries", 8192)
    flow = Flow(pair, rx, listener=0)
    _exhaust(rx, flow, 2 * size)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.do("flush")
    ksft_eq(rx.stats()["held"], 0)

    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)
    copied.send(64 * KB)
    rx.wait_bytes(copied, 64 * KB)
    ksft_eq(rx.events.count("end"), 0, "a receive ended")
    rx.exit()


def flow_moves_to_another_instance(netnl) -> None:
    """
    A rule is changed in mid-stream from the queue of one instance to that of
    another one. The receive ends with an error when it meets the other's data,
    without a notification, and a receive with the other instance goes on there.
    """
    pair = Pair(netnl, queues=3)
    rx = Receiver(pair, "--area", 4 * MB, "--second", 2)
    flow = Flow(pair, rx)
    flow.start(MB)
    flow.join()
    flow.wait_arrived()
    ethtool(f"-N {pair.ifname} flow-type tcp6 dst-port {rx.ports[0]} "
            f"action 2 loc {flow.rules[1]}")
    flow.start(MB)
    end = rx.events.get("end")
    ksft_eq(end["res"], -errno.EFAULT)
    ksft_ge(end["bytes"], MB)
    _check_nothing_happened(rx)
    rx.do(f"move {flow.conn}")
    flow.join()
    flow.wait_arrived()
    _check_nothing_happened(rx)
    rx.exit()
    pair.wait_no_zcrx()


def no_buffers_during_registration(netnl) -> None:
    """
    The queue is open before the registration ends. Buffers that run out in
    between are notified of when it has ended.
    """
    pair = Pair(netnl)
    with socket.create_server(("::", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        pair.steer(port, pair.QUEUE)
        with NetNSEnter(pair.remote.name):
            sender = socket.create_connection((pair.addr_v["6"], port))

        def exhaust():
            # More than a buffer, and nothing to wait for: it can't arrive.
            sender.setblocking(False)
            sender.send(bytes(16 * KB))
            zl.wait_until(pair.alloc_fail, "the queue to find no buffer")
            # A reset ends it: nothing is sent again, which would fail, too.
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack("ii", 1, 0))
            sender.close()

        with sender, server.accept()[0]:
            rx = Receiver(pair, "--area", 4 * KB, "--hold",
                          meanwhile=exhaust)
            ksft_eq(rx.notification(), NO_BUFFERS)
    ksft_eq(rx.stats()["notifs"], 1)
    rx.exit()


def unasked_types_are_counted_only(netnl) -> None:
    """
    What the descriptor does not ask for is counted, but brings no notification
    and cannot be armed.
    """
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold", mask=COPY)
    flow = Flow(pair, rx)

    flow.start(MB)
    _wait_failures(rx, 2)
    ksft_eq(rx.command(f"arm {NO_BUFFERS}"), -errno.EINVAL)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    stats = rx.stats()
    ksft_eq(stats["notifs"], 0)
    ksft_ne(stats["no_buffers_count"], 0)
    ksft_eq(stats["no_buffers_count"], pair.alloc_fail())
    rx.exit()


def without_statistics_notifies_all_the_same(netnl) -> None:
    """Notifications do not depend on statistics"""
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", 256 * KB, "--hold", mask=NO_BUFFERS,
                  stats=False)
    flow = Flow(pair, rx)

    _exhaust(rx, flow, MB)
    rx.do(f"arm {NO_BUFFERS}")
    ksft_eq(rx.notification(), NO_BUFFERS)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.exit()


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([page_pool_notifies_of_no_buffers,
              zero_copy_alone_is_silent,
              copies_are_counted_exactly,
              corrupted_packets_are_not_delivered,
              copies_end_without_buffers,
              copies_to_a_dmabuf_fail_silently,
              notification_wakes_a_sleeping_receiver,
              urgent_data_is_stepped_over,
              large_buffers_given_back_in_pieces,
              copies_get_what_was_given_back,
              flow_moves_to_another_instance,
              no_buffers_during_registration,
              unasked_types_are_counted_only,
              without_statistics_notifies_all_the_same],
             args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
