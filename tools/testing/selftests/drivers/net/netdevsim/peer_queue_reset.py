#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
Resets of netdevsim's receive queues, as memory providers cause them, and other
changes of a device while its linked peer transmits. Traffic has to go on, and
what is reported of queues, NAPI and page pools has to be right.

Use of freed memory is only seen for sure with KASAN.
"""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.append((Path(__file__).parent / "..").resolve().as_posix())

# pylint: disable=wrong-import-position
from lib.py import ksft_disruptive, ksft_exit, ksft_run, ksft_variants
from lib.py import ksft_eq, ksft_ge, ksft_not_in, KsftNamedVariant
from lib.py import KsftFailEx, KsftSkipEx
from lib.py import EthtoolFamily, NetdevFamily, NlError
from lib.py import NetDrvEpEnv, NetdevSimDev, NetNSEnter
from lib.py import CmdExitFailure, cmd, defer, ethtool, ip

# The comment above struct nsim_queue_mem says what each does
MODES = [KsftNamedVariant(f"mode{mode}", mode) for mode in range(4)]

SO_SNDBUFFORCE = 32
UDP_SEGMENT = 103


class Stream:
    """ A bulk TCP flow from the peer to the device, its content checked """

    PATTERN = bytes(i * 7 & 0xff for i in range(256)) * 1024

    def __init__(self, cfg):
        self.received = 0
        self.wrong_at = None
        with socket.create_server((cfg.addr_v["4"], 0)) as server:
            with NetNSEnter(cfg.netns):
                self._tx = socket.create_connection(server.getsockname(), 5)
            self._rx, _ = server.accept()
        self._tx.settimeout(None)
        self._threads = [threading.Thread(target=self._send),
                         threading.Thread(target=self._recv)]
        for thread in self._threads:
            thread.start()
        defer(self.stop)
        self.check()

    def _send(self):
        try:
            while True:
                self._tx.sendall(self.PATTERN)
        except OSError:
            pass

    def _recv(self):
        buf = bytearray(len(self.PATTERN) // 2)
        try:
            while size := self._rx.recv_into(buf):
                start = self.received % 256
                if self.wrong_at is None and \
                   buf[:size] != self.PATTERN[start:start + size]:
                    self.wrong_at = self.received
                self.received += size
        except OSError:
            pass

    def stop(self):
        """ End the flow, even if it stalls """
        for sock in self._tx, self._rx:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._tx.close()
        self._rx.close()

    def check(self):
        """ Expect that the flow goes on and nothing in it is damaged """
        _expect_more("the flow goes on", lambda: self.received, 1 << 20)
        ksft_eq(self.wrong_at, None, comment="offset of the first wrong byte")


class Flood:
    """ Many small datagrams to the device, from two CPUs at a time """

    def __init__(self, ifname, addr, netns):
        self._rx_packets = f"/sys/class/net/{ifname}/statistics/rx_packets"
        self._end = False
        self._threads = []
        for cpu in sorted(os.sched_getaffinity(0))[:2]:
            with NetNSEnter(netns) if netns else contextlib.nullcontext():
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 16)
            sock.connect((addr, 9))
            sock.settimeout(0.1)
            self._threads.append(threading.Thread(target=self._send,
                                                  args=(sock, cpu)))
        for thread in self._threads:
            thread.start()
        defer(self.stop)
        if not self._goes_on():
            raise KsftFailEx("No datagrams arrive, before any change")

    def _send(self, sock, cpu):
        os.sched_setaffinity(0, [cpu])
        while not self._end:
            with contextlib.suppress(OSError):
                sock.send(bytes(16 * 60))
        sock.close()

    def stop(self):
        """ End the flood """
        self._end = True
        for thread in self._threads:
            thread.join()

    def _received(self):
        with open(self._rx_packets, encoding="ascii") as packets:
            return int(packets.read())

    def _goes_on(self):
        return _wait_for_more(self._received, 1000) >= 1000

    def check(self):
        """ Expect that datagrams arrive """
        _expect_more("datagrams arrive", self._received, 1000)


def _wait_for_more(value, amount, start=None):
    """ Let a value grow, with time for retransmission on a slow machine """
    if start is None:
        start = value()
    end = time.monotonic() + 15
    while value() - start < amount and time.monotonic() < end:
        time.sleep(0.02)
    return value() - start


def _expect_more(what, value, amount, start=None):
    ksft_ge(_wait_for_more(value, amount, start), amount, comment=what)


def _reset(nsim, mode, queue=0):
    nsim.dfs_write("queue_reset", f"{queue} {mode}")


def _set_link(ifname, state):
    # a flood on all CPUs leaves little time to a kernel that checks itself
    cmd(f"ip link set dev {ifname} {state}", timeout=60)


def _resets(nsim, mode, count=50):
    """ Some resets, with time in between for traffic """
    for _ in range(count):
        _reset(nsim, mode)
        time.sleep(0.005)


def _set_split(cfg, value):
    cfg.ethnl.rings_set({"header": {"dev-index": cfg.ifindex},
                         "tcp-data-split": value})


def _enable_split(cfg):
    try:
        _set_split(cfg, "enabled")
    except NlError as exc:
        raise KsftSkipEx("tcp-data-split can't be set") from exc
    defer(_set_split, cfg, "disabled")


@contextlib.contextmanager
def _two_queues():
    with NetdevSimDev(queue_count=2) as nsimdev:
        nsim = nsimdev.nsims[0]
        ip(f"link set dev {nsim.ifname} up")
        yield nsim


@ksft_variants(MODES)
def queue_has_its_napi(cfg, mode) -> None:
    """ queue-get reports the NAPI of the queue, not what is in freed memory """
    with _two_queues() as nsim:
        # The second queue gets the memory that the first one gave back
        for i in range(8):
            _reset(nsim, mode, i % 2)
            queues = cfg.netnl.queue_get({"ifindex": nsim.ifindex}, dump=True)
            napis = cfg.netnl.napi_get({"ifindex": nsim.ifindex}, dump=True)
            ksft_eq(sorted(queue.get("napi-id", -1) for queue in queues
                           if queue["type"] == "rx"),
                    sorted(napi["id"] for napi in napis),
                    comment=f"NAPI IDs of queues and device, reset {i}")


@ksft_variants(MODES)
def page_pool_has_its_device(cfg, mode) -> None:
    """ page-pool-get lists the pool of each queue """
    try:
        cfg.netnl.page_pool_get({}, dump=True)
    except NlError as exc:
        raise KsftSkipEx("page-pool-get isn't supported") from exc

    with _two_queues() as nsim:
        for queue in range(2):
            _reset(nsim, mode, queue)
        pools = cfg.netnl.page_pool_get({}, dump=True)
        ksft_eq(len([pool for pool in pools
                     if pool.get("ifindex") == nsim.ifindex and
                     "detach-time" not in pool]),
                2, comment="page pools of the device")


@ksft_variants(MODES)
def flow_outlives_resets(cfg, mode) -> None:
    """ A TCP flow goes on and is whole after resets of its queue """
    stream = Stream(cfg)
    _resets(cfg.nsim, mode)
    stream.check()


@ksft_variants(MODES)
def sender_is_woken(cfg, mode) -> None:
    """ No reset leaves the transmit queue of the peer stopped for good """
    flood = Flood(cfg.ifname, cfg.addr_v["4"], cfg.netns)
    _resets(cfg.nsim, mode)
    flood.check()


@ksft_disruptive
def sender_is_woken_after_down(cfg) -> None:
    """ Nor does it stay stopped when the receiver was down """
    defer(_set_link, cfg.ifname, "up")
    flood = Flood(cfg.ifname, cfg.addr_v["4"], cfg.netns)
    for _ in range(10):
        _set_link(cfg.ifname, "down")
        _set_link(cfg.ifname, "up")
    flood.check()


def sender_is_woken_in_loopback(_cfg) -> None:
    """ A device that receives its own packets wakes its own transmit queue """
    with NetdevSimDev() as nsimdev:
        nsim = nsimdev.nsims[0]
        ethtool(f"-K {nsim.ifname} loopback on")
        ip(f"addr add dev {nsim.ifname} 198.51.100.1/24 broadcast +")
        ip(f"link set dev {nsim.ifname} up")
        # defer() is too late, the device has to outlive the flood
        flood = Flood(nsim.ifname, "198.51.100.255", None)
        _resets(nsim, 1)
        flood.check()
        flood.stop()


@contextlib.contextmanager
def _kept_from_running(pid, cpu):
    """ Another thread with a higher priority has the only CPU of a thread """
    os.sched_setaffinity(pid, [cpu])
    os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    hog = subprocess.Popen([sys.executable, "-c",
                            "print(flush=True)\nwhile True: pass"],
                           stdout=subprocess.PIPE)
    try:
        hog.stdout.readline()
        os.sched_setaffinity(hog.pid, [cpu])
        os.sched_setscheduler(hog.pid, os.SCHED_FIFO, os.sched_param(2))
        yield
    finally:
        hog.kill()
        hog.wait()


@contextlib.contextmanager
def _without_napi(netnl, ifindex):
    """ The only NAPI instance of a device does not run """
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise KsftSkipEx("One CPU is busy during this test, that takes two")
    napi, = netnl.napi_get({"ifindex": ifindex}, dump=True)
    try:
        netnl.napi_set({"id": napi["id"], "threaded": "enabled"})
        pid = netnl.napi_get({"id": napi["id"]})["pid"]
        os.sched_setaffinity(0, cpus[:1])
        with _kept_from_running(pid, cpus[1]):
            yield
    finally:
        os.sched_setaffinity(0, cpus)
        netnl.napi_set({"id": napi["id"], "threaded": "disabled"})


def _broadcast(addr, count, netns=None):
    """ Datagrams that need no neighbour, more than the ring has room for """
    with NetNSEnter(netns) if netns else contextlib.nullcontext():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
        sock.connect((addr, 9))
        for _ in range(count):
            sock.send(b"")


def sender_is_woken_after_loopback(cfg) -> None:
    """ Not even when loopback was switched off while the queue was stopped """
    with NetdevSimDev() as nsimdev:
        nsim = nsimdev.nsims[0]
        ethtool(f"-K {nsim.ifname} loopback on")
        ip(f"addr add dev {nsim.ifname} 198.51.100.1/24 broadcast +")
        ip(f"link set dev {nsim.ifname} up")
        with _without_napi(cfg.netnl, nsim.ifindex):
            _broadcast("198.51.100.255", 1000)
            ethtool(f"-K {nsim.ifname} loopback off")
        ethtool(f"-K {nsim.ifname} loopback on")

        # defer() is too late, the device has to outlive the flood
        flood = Flood(nsim.ifname, "198.51.100.255", None)
        flood.check()
        flood.stop()


def sender_waits_after_loopback(cfg) -> None:
    """ After loopback mode, too, it is the peer that wakes the sender """
    addr = cfg.addr_v["4"].rsplit(".", 1)[0] + ".255"
    with NetNSEnter(cfg.netns):
        peer_netnl = NetdevFamily()

    def stat(name):
        path = f"/sys/class/net/{cfg.ifname}/statistics/{name}"
        with open(path, encoding="ascii") as value:
            return int(value.read())

    start = stat("rx_packets")
    ethtool(f"-K {cfg.ifname} loopback on")
    loopback_off = defer(ethtool, f"-K {cfg.ifname} loopback off")
    with _without_napi(cfg.netnl, cfg.ifindex):
        _broadcast(addr, 500)
    _expect_more("its own packets arrive", lambda: stat("rx_packets"), 500,
                 start)
    loopback_off.exec()

    dropped, start = stat("tx_dropped"), stat("rx_packets")
    with _without_napi(peer_netnl, cfg.remote_ifindex):
        _broadcast(addr, 500)
        for _ in range(10):
            _broadcast(addr, 1, cfg.netns)
        _expect_more("the peer's packets arrive",
                     lambda: stat("rx_packets"), 10, start)
        ksft_eq(stat("tx_dropped"), dropped, comment="packets without room")


def clones_are_not_shared(cfg) -> None:
    """ GRO leaves the sender's packets alone, and SACK finds them whole """
    _enable_split(cfg)
    stream = Stream(cfg)
    for _ in range(4):
        _resets(cfg.nsim, 1)
        _resets(cfg.nsim, 0)
    stream.check()


def split_changes_under_flow(cfg) -> None:
    """ Transmit can read the split's setting while it is changed """
    _enable_split(cfg)
    stream = Stream(cfg)
    for _ in range(30):
        _set_split(cfg, "disabled")
        _set_split(cfg, "enabled")
    stream.check()


def page_is_held_during_resets(cfg) -> None:
    """ A page can be taken from a pool that is about to be replaced """
    end = threading.Event()

    def hold():
        while not end.is_set():
            cfg.nsim.dfs_write("pp_hold", "y")
            cfg.nsim.dfs_write("pp_hold", "n")

    thread = threading.Thread(target=hold)
    thread.start()
    for mode in range(4):
        _resets(cfg.nsim, mode, 25)
    end.set()
    thread.join()


def vf_offers_no_queues(_cfg) -> None:
    """ A VF doesn't offer what needs receive queues, it has none """
    with NetdevSimDev() as nsimdev:
        name = f"netdevsim{nsimdev.addr}"
        nsimdev.ctrl_write(f"devices/{name}/sriov_numvfs", "1")
        try:
            cmd(f"devlink dev eswitch set netdevsim/{name} mode switchdev")
        except CmdExitFailure as exc:
            raise KsftSkipEx("There are no VFs") from exc
        vf, = set(nsimdev.get_ifnames()) - {nsimdev.nsims[0].ifname}

        loopback = ethtool(f"-k {vf}", json=True)[0]["loopback"]
        ksft_eq(loopback["fixed"], True, comment="loopback can't be enabled")

        ports = os.listdir(f"{nsimdev.dfs_dir}/ports")
        ksft_eq(len(ports), 2)
        ports.remove("0")
        ksft_not_in("pp_hold", os.listdir(f"{nsimdev.dfs_dir}/ports/{ports[0]}"))


def main() -> None:
    """ Ksft boiler plate main """
    with NetDrvEpEnv(__file__, nsim_test=True) as cfg:
        # pylint: disable=protected-access
        cfg.nsim = cfg._ns.nsims[0]
        cfg.netns = cfg._netns.name
        cfg.ethnl = EthtoolFamily()
        cfg.netnl = NetdevFamily()
        ksft_run([queue_has_its_napi,
                  page_pool_has_its_device,
                  flow_outlives_resets,
                  sender_is_woken,
                  sender_is_woken_after_down,
                  sender_is_woken_in_loopback,
                  sender_is_woken_after_loopback,
                  sender_waits_after_loopback,
                  clones_are_not_shared,
                  split_changes_under_flow,
                  page_is_held_during_resets,
                  vf_offers_no_queues],
                 args=(cfg, ))
    ksft_exit()


if __name__ == "__main__":
    main()
