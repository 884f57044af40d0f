#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
The end of devmem TCP on netdevsim: the receiver goes away under traffic, or the
device does before its users. Nothing may keep the dma-buf then. devmem.py in
drivers/net/hw tests the transfer of data.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

sys.path.append((Path(__file__).parent / "..").resolve().as_posix())

# pylint: disable=wrong-import-position
from lib.py import ksft_eq, ksft_exit, ksft_in, ksft_not_in, ksft_raises
from lib.py import ksft_run, ksft_true, ksft_variants, KsftNamedVariant
from lib.py import KsftFailEx, KsftSkipEx, NlError
from lib.py import NetDrvEpEnv, NetdevFamily, NetNSEnter
from lib.py import defer, ethtool, rand_port

PAGE = os.sysconf("SC_PAGESIZE")
QUEUE = 1
PERIOD = bytes(range(251))
PATTERN = PERIOD * 600

UDMABUF_CREATE = 0x40187542
MSG_SOCK_DEVMEM = 0x2000000
SCM_DEVMEM_DMABUF = 79
SO_DEVMEM_DONTNEED = 80


def wait_until(cond, what, deadline=60):
    """ Wait for a condition, for long on a slow machine """
    end = time.monotonic() + deadline
    while not cond():
        if time.monotonic() > end:
            raise KsftFailEx(f"timed out waiting for {what}")
        time.sleep(0.02)


class DmaBuf:
    """ A dma-buf that is ordinary memory, which the test can look at """

    def __init__(self, size):
        memfd = os.memfd_create("devmem", os.MFD_ALLOW_SEALING)
        os.ftruncate(memfd, size)
        fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        self.mem = mmap.mmap(memfd, size)
        try:
            dev = os.open("/dev/udmabuf", os.O_RDWR)
        except FileNotFoundError as exc:
            raise KsftSkipEx("need /dev/udmabuf (UDMABUF)") from exc
        create = bytearray(struct.pack("IIQQ", memfd, 0, 0, size))
        self.fd = fcntl.ioctl(dev, UDMABUF_CREATE, create)
        os.close(dev)
        os.close(memfd)
        defer(os.close, self.fd)

    def users(self):
        """ References to the dma-buf, without that of the test """
        with open(f"/proc/self/fdinfo/{self.fd}", encoding="ascii") as info:
            fields = dict(line.split(":\t") for line in info)
        return int(fields["count"]) - 1

    def wait_free(self):
        """ Wait until nobody else has the dma-buf """
        wait_until(lambda: not self.users(), "the dma-buf to be free")


def bind(op, cfg, buf, **kwargs):
    """ Bind a dma-buf to the device. To close what this returns unbinds. """
    netnl = NetdevFamily()
    defer(netnl.close)
    try:
        getattr(netnl, op)({"ifindex": cfg.ifindex, "fd": buf.fd} | kwargs)
    except NlError as exc:
        if exc.error == errno.EOPNOTSUPP:
            raise KsftSkipEx(f"{op}: {exc}") from exc
        raise
    ksft_true(buf.users(), "the binding has the dma-buf")
    return netnl


def bind_rx(cfg, buf, **kwargs):
    """ Bind a dma-buf to the queue """
    return bind("bind_rx", cfg, buf,
                queues=[{"type": "rx", "id": QUEUE}], **kwargs)


def bind_tx(cfg, buf):
    """ Bind a dma-buf to transmit from """
    return bind("bind_tx", cfg, buf)


def rx_queue(cfg):
    """ The queue, as netlink shows it """
    with NetdevFamily() as netnl:
        return netnl.queue_get({"ifindex": cfg.ifindex, "id": QUEUE,
                                "type": "rx"})


class Flow:
    """ A TCP connection from the peer to the queue, with a lot of data """

    def __init__(self, cfg, buf):
        port = rand_port()
        ethtool(f"-N {cfg.ifname} flow-type tcp4 dst-port {port} "
                f"action {QUEUE}")
        self._buf = buf
        self._received = 0
        self._kept = []
        with socket.create_server((cfg.addr_v["4"], port)) as server:
            with NetNSEnter(cfg.remote.name):
                self._tx = socket.create_connection(server.getsockname())
            self._rx = server.accept()[0]
        self._rx.settimeout(60)
        self._sender = threading.Thread(target=self._send)
        self._sender.start()
        defer(self.end)

    def _send(self):
        with contextlib.suppress(OSError):
            while True:
                self._tx.sendall(PERIOD * 1024)

    def _fragments(self):
        ancdata = self._rx.recvmsg(1 << 20, 1 << 16, MSG_SOCK_DEVMEM)[1]
        for level, kind, data in ancdata:
            if (level, kind) != (socket.SOL_SOCKET, SCM_DEVMEM_DMABUF):
                raise KsftFailEx(f"data outside of the dma-buf: {kind}")
            yield struct.unpack("QIIII", data)[:3]

    def receive(self, amount):
        """ Receive some more, and compare it with what was sent """
        end = self._received + amount
        while self._received < end:
            before = self._received
            for offset, size, token in self._fragments():
                start = self._received % len(PERIOD)
                if self._buf.mem[offset:offset + size] != \
                        PATTERN[start:start + size]:
                    raise KsftFailEx(f"wrong data at {self._received}")
                self._received += size
                self._kept.append(token)
            if self._received == before:
                raise KsftFailEx(f"nothing arrived after {before}")
            self.give_back(8)

    def give_back(self, keep=0):
        """ Give buffers back to the kernel, but for some """
        while len(self._kept) > keep:
            self._rx.setsockopt(socket.SOL_SOCKET, SO_DEVMEM_DONTNEED,
                                struct.pack("II", self._kept.pop(0), 1))

    def close_receiver(self):
        """ End the connection at the receiver, which still has buffers """
        self._rx.close()

    def end(self):
        """ End all of it """
        self._rx.close()
        with contextlib.suppress(OSError):
            self._tx.shutdown(socket.SHUT_RDWR)
        self._sender.join()
        self._tx.close()


@ksft_variants([KsftNamedVariant("connection_first", True),
                KsftNamedVariant("binding_first", False)])
def receiver_ends_under_traffic(pair, connection_first) -> None:
    """ The receiver ends with buffers in its hands, and another one follows """
    cfg = pair()
    for _ in range(2):
        buf = DmaBuf(1 << 24)
        binding = bind_rx(cfg, buf)
        ksft_in("dmabuf", rx_queue(cfg))
        flow = Flow(cfg, buf)
        flow.receive(1 << 20)
        steps = [flow.close_receiver, binding.close]
        for step in steps if connection_first else reversed(steps):
            step()
        flow.end()
        buf.wait_free()
        ksft_not_in("dmabuf", rx_queue(cfg))


def device_removed_under_traffic(pair) -> None:
    """ The receiver can use what it has when the device is gone """
    cfg = pair()
    buf = DmaBuf(1 << 24)
    binding = bind_rx(cfg, buf)
    flow = Flow(cfg, buf)
    flow.receive(1 << 20)
    cfg.get_local_nsim_dev().remove()
    flow.give_back()
    flow.end()
    binding.close()
    buf.wait_free()


@ksft_variants([KsftNamedVariant("rx", bind_rx), KsftNamedVariant("tx", bind_tx)])
def binding_outlives_device(pair, bind_some) -> None:
    """ A binding ends after the device that it was made for """
    cfg = pair()
    buf = DmaBuf(1 << 20)
    binding = bind_some(cfg, buf)
    cfg.get_local_nsim_dev().remove()
    ksft_true(buf.users(), "the binding has the dma-buf")
    binding.close()
    buf.wait_free()


def part_of_a_buffer_is_refused(pair) -> None:
    """ No dma-buf whose last buffer isn't whole, and nothing is left of it """
    cfg = pair()
    buf = DmaBuf(5 * PAGE)
    with ksft_raises(NlError) as raised:
        bind_rx(cfg, buf, **{"rx-page-size": 4 * PAGE})
    ksft_eq(raised.exception.error, errno.EINVAL)
    buf.wait_free()
    ksft_not_in("dmabuf", rx_queue(cfg))
    bind_rx(cfg, buf)
    ksft_in("dmabuf", rx_queue(cfg))


def free_packets_at_once() -> None:
    """
    Packets that were allocated on another CPU wait to be freed until that one
    receives the next time, and their buffers with them.
    """
    name = "/proc/sys/net/core/skb_defer_max"

    def write(value):
        with open(name, "w", encoding="ascii") as file:
            file.write(value)

    with open(name, encoding="ascii") as file:
        defer(write, file.read())
    write("0")


def main() -> None:
    """ Ksft boilerplate main """

    def pair():
        """ Two linked devices, until the end of the test case """
        free_packets_at_once()
        cfg = NetDrvEpEnv(__file__, nsim_test=True, queue_count=QUEUE + 1)
        defer(cfg.__del__)
        ethtool(f"-G {cfg.ifname} tcp-data-split on hds-thresh 0")
        ethtool(f"-X {cfg.ifname} equal {QUEUE}")
        return cfg

    ksft_run([receiver_ends_under_traffic,
              device_removed_under_traffic,
              binding_outlives_device,
              part_of_a_buffer_is_refused], args=(pair, ))
    ksft_exit()


if __name__ == "__main__":
    main()
