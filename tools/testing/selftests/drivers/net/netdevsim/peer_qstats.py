#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
netdevsim's statistics by queue: a queue counts what it sent or received, and
the sums are those of the device, whatever happens to the queues.
"""

import contextlib
import socket
import sys
import time
from pathlib import Path

sys.path.append((Path(__file__).parent / "..").resolve().as_posix())

# pylint: disable=wrong-import-position
from lib.py import ksft_exit, ksft_run, ksft_variants, KsftNamedVariant
from lib.py import ksft_eq
from lib.py import NetdevFamily, NetDrvEpEnv, NetNSEnter
from lib.py import cmd, defer, ethtool, ip

QUEUES = 4
RESET_MODES = 4
ETH_HLEN = 14
ETH_P_LOCAL = 0x88b5    # for experiments, nobody else sends it
COUNTERS = ("packets", "bytes")


def queue_stats(cfg, direction):
    """ The counters of each queue: [packets, bytes], by queue """
    stats = cfg.netnl.qstats_get({"ifindex": cfg.ifindex, "scope": ["queue"]},
                                 dump=True)
    queues = sorted((q for q in stats if q["queue-type"] == direction),
                    key=lambda q: q["queue-id"])
    return [[q[f"{direction}-{counter}"] for counter in COUNTERS]
            for q in queues]


def device_stats(cfg, direction):
    """ The sums of the queues' counters, of those that are gone, too """
    stats = cfg.netnl.qstats_get({"ifindex": cfg.ifindex}, dump=True)[0]
    return [stats[f"{direction}-{counter}"] for counter in COUNTERS]


def link_stats(cfg, direction):
    """ The counters of the device that don't come from the queues """
    stats = ip(f"-s link show dev {cfg.ifname}", json=True)[0]["stats64"]
    return [stats[direction][counter] for counter in COUNTERS]


def send(cfg, direction, queue, count, size):
    """ Have the device send or receive frames, on one queue """
    host = cfg.remote if direction == "rx" else None
    dev = cfg.remote_ifname if direction == "rx" else cfg.ifname
    want = link_stats(cfg, direction)[0] + count

    cmd(f"tc qdisc add dev {dev} clsact", host=host)
    try:
        cmd(f"tc filter add dev {dev} egress protocol all flower "
            f"action skbedit queue_mapping {queue}", host=host)
        with NetNSEnter(host.name) if host else contextlib.nullcontext():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with sock:
            sock.bind((dev, ETH_P_LOCAL))
            frame = b"\xff" * 6 + bytes(6) + ETH_P_LOCAL.to_bytes(2, "big")
            for _ in range(count):
                sock.send(frame.ljust(size, b"x"))
        for _ in range(100):
            if link_stats(cfg, direction)[0] >= want:
                break
            time.sleep(0.02)
    finally:
        cmd(f"tc qdisc del dev {dev} clsact", host=host)


def counted(direction, count, size):
    """ What frames add to the counters """
    # The link header is gone when a received packet is counted
    return [count, count * (size - (ETH_HLEN if direction == "rx" else 0))]


def add(counters, new):
    """ Add to the counters of a queue """
    return [old + diff for old, diff in zip(counters, new)]


def check_sums(cfg, direction):
    """ The queues count what the device counts """
    ksft_eq(device_stats(cfg, direction), link_stats(cfg, direction))


DIRECTIONS = ksft_variants([KsftNamedVariant("rx", "rx"),
                            KsftNamedVariant("tx", "tx")])


@DIRECTIONS
def test_queue(pair, direction):
    """ A queue counts its packets, the other queues count nothing """
    cfg = pair()
    want = queue_stats(cfg, direction)
    ksft_eq(len(want), QUEUES)
    for queue in range(QUEUES):
        count, size = 3 + queue, 100 + 10 * queue
        send(cfg, direction, queue, count, size)
        want[queue] = add(want[queue], counted(direction, count, size))
        ksft_eq(queue_stats(cfg, direction), want, f"after queue {queue}")
    check_sums(cfg, direction)


@DIRECTIONS
def test_channels(pair, direction):
    """ The device keeps what a queue has counted that is switched off """
    cfg = pair()
    before = [add(old, counted(direction, 5, 200))
              for old in queue_stats(cfg, direction)]
    for queue in range(QUEUES):
        send(cfg, direction, queue, 5, 200)
    ksft_eq(queue_stats(cfg, direction), before)
    total = device_stats(cfg, direction)

    for count in (2, 1, 3, QUEUES):
        ethtool(f"-L {cfg.ifname} combined {count}")
        ksft_eq(queue_stats(cfg, direction), before[:count])
        ksft_eq(device_stats(cfg, direction), total, f"{count} queues")
        check_sums(cfg, direction)


def test_reset(pair):
    """ A queue goes on counting after it was restarted """
    cfg = pair()
    want = queue_stats(cfg, "rx")
    for mode in range(RESET_MODES):
        send(cfg, "rx", 2, 4, 150)
        want[2] = add(want[2], counted("rx", 4, 150))
        cfg.nsim.dfs_write("queue_reset", f"2 {mode}")
        ksft_eq(queue_stats(cfg, "rx"), want, f"mode {mode}")
    check_sums(cfg, "rx")


def test_down(pair):
    """ The counters outlive that the device is down """
    cfg = pair()
    send(cfg, "rx", 1, 6, 120)
    before = queue_stats(cfg, "rx")
    ip(f"link set dev {cfg.ifname} down")
    # The core doesn't show the queues now
    check_sums(cfg, "rx")
    ip(f"link set dev {cfg.ifname} up")
    ksft_eq(queue_stats(cfg, "rx"), before)
    check_sums(cfg, "rx")


def main():
    """ Ksft boilerplate main """

    netnl = NetdevFamily()

    def pair():
        """ Two linked devices on which nobody but the test sends """
        cfg = NetDrvEpEnv(__file__, nsim_test=True, queue_count=QUEUES)
        defer(cfg.__del__)
        cfg.netnl = netnl
        cfg.nsim = cfg._ns.nsims[0]    # pylint: disable=protected-access
        for dev, host in ((cfg.ifname, None), (cfg.remote_ifname, cfg.remote)):
            cmd(f"sysctl -w net.ipv6.conf.{dev}.disable_ipv6=1", host=host)
        return cfg

    ksft_run([test_queue, test_channels, test_reset, test_down], args=(pair, ))
    ksft_exit()


if __name__ == "__main__":
    main()
