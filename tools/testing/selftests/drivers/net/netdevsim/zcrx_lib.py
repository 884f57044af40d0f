# SPDX-License-Identifier: GPL-2.0

"""
What the tests of zcrx on netdevsim share: a pair of devices, a receiver on one
of the queues, and flows to it.

The receiver is the program zcrx_rx, which says how it is driven.
"""

import errno
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(HERE.parent.as_posix())

# pylint: disable=wrong-import-position
from lib.py import KsftFailEx, KsftSkipEx, NetDrvEpEnv, NetNSEnter
from lib.py import cmd, defer, ethtool, ip, ksft_eq

# Of struct zcrx_notification_desc.type_mask
NO_BUFFERS = 1 << 0
COPY = 1 << 1

PAGE = os.sysconf("SC_PAGESIZE")
KB = 1 << 10
MB = 1 << 20

# For what must happen; a debug kernel on an emulated machine is slow.
DEADLINE = 60

PATTERN_PERIOD = 65521
PATTERN_STRIDE = 4099

TCP_RTO_MAX_MS = 44

BIN = HERE / "zcrx_rx"


def wait_until(cond, what, deadline=DEADLINE):
    """Wait for a condition to hold and return what it returned"""
    end = time.monotonic() + deadline
    while True:
        value = cond()
        if value:
            return value
        if time.monotonic() > end:
            raise KsftFailEx(f"timed out waiting for {what}")
        time.sleep(0.02)


def _make_pattern():
    """The same as in zcrx_notif_common.c"""
    value = 1
    period = bytearray()
    for _ in range(PATTERN_PERIOD):
        value = (value * 1103515245 + 12345) & 0xffffffff
        period.append((value >> 16) & 0xff)
    return memoryview(bytes(period * 2))


_PATTERN = _make_pattern()


def free_packets_at_once():
    """
    Packets that were allocated on another CPU wait to be freed until that one
    receives the next time, and their buffers with them. A NIC interrupts the
    same CPU each time. netdevsim polls where the sender happens to run, so that
    they could wait for good.
    """
    name = "/proc/sys/net/core/skb_defer_max"
    with open(name, encoding="ascii") as f:
        before = f.read()
    _write_file(name, "0")
    defer(_write_file, name, before)


def _write_file(name, value):
    with open(name, "w", encoding="ascii") as f:
        f.write(str(value))


class Pair(NetDrvEpEnv):
    """
    Two linked netdevsims with some queues each; the one here receives and
    splits headers and data. Made for one test case, which takes it down when
    it ends.
    """
    QUEUE = 1   # the one with zcrx
    OTHER = 0   # the one without

    # What __del__() looks for, although __init__() may skip the test
    remote = _netns = _ns = _ns_peer = None

    def __init__(self, netnl, queues=2):
        free_packets_at_once()
        if "queue_count" not in inspect.signature(NetDrvEpEnv).parameters:
            raise KsftSkipEx("NetDrvEpEnv cannot create devices with queues")
        super().__init__(__file__, nsim_test=True, queue_count=queues)
        defer(self.__del__)
        self.netnl = netnl
        self._configure(f"-G {self.ifname} tcp-data-split on hds-thresh 0")
        # Addresses and so the connections outlive the interface going down.
        _write_file(f"/proc/sys/net/ipv6/conf/{self.ifname}/keep_addr_on_down",
                    1)
        # Packets without a rule arrive on the first queue.
        self._configure(f"-X {self.ifname} equal 1")

    @staticmethod
    def _configure(args):
        """Configure the device; skip if it or ethtool does not know how"""
        if cmd(f"ethtool {args}", fail=False).ret:
            raise KsftSkipEx(f"netdevsim of this kernel, or ethtool, cannot: "
                             f"ethtool {args}")

    def steer(self, port, queue):
        """Let TCP to a port arrive on a queue, returns the rules' IDs"""
        return [ethtool(f"-N {self.ifname} flow-type {flow_type} "
                        f"dst-port {port} action {queue}").stdout.split()[-1]
                for flow_type in ("tcp4", "tcp6")]

    def set_threaded(self):
        """Let threads instead of softirqs do the polling"""
        _write_file(f"/sys/class/net/{self.ifname}/threaded", 1)

    def reset_queue(self, mode):
        """Restart the queue, in one of the orders that netdevsim knows"""
        self._ns.nsims[0].dfs_write("queue_reset", f"{self.QUEUE} {mode}")

    def remove_device(self):
        """Remove the device here"""
        self._ns.remove()

    def devices_are_gone(self):
        """Note that both were removed by other means"""
        self._ns.removed = self._ns_peer.removed = True

    def queue(self):
        """What netlink says of the queue"""
        return self.netnl.queue_get({"ifindex": self.ifindex, "type": "rx",
                                     "id": self.QUEUE})

    def napi(self):
        """What netlink says of the NAPI instance that serves the queue"""
        return self.netnl.napi_get({"id": self.queue()["napi-id"]})

    def alloc_fail(self):
        """How often the queue got no buffer, in the driver's own view"""
        stats = self.netnl.qstats_get({"ifindex": self.ifindex,
                                       "scope": "queue"}, dump=True)
        for entry in stats:
            if (entry["queue-type"], entry["queue-id"]) == ("rx", self.QUEUE):
                return entry["rx-alloc-fail"]
        raise KsftFailEx("no statistics of the queue")

    def zcrx_pools(self):
        """
        Page pools whose memory comes from io_uring, of the device or left over
        from one that is gone
        """
        return [pool for pool in self.netnl.page_pool_get({}, dump=True)
                if pool.get("ifindex") in (self.ifindex, None) and
                "io-uring" in pool]

    def zcrx_pools_in_use(self):
        """The pools that the driver has not given up"""
        return [p for p in self.zcrx_pools() if "detach-time" not in p]

    def wait_no_zcrx(self):
        """
        Wait for all of zcrx to be gone from the device: rings are freed in the
        background, and page pools look at what they wait for once a second.
        """
        wait_until(lambda: not self.zcrx_pools(), "the page pools to be freed")
        if not self._ns.removed:
            queues = self.netnl.queue_get({"ifindex": self.ifindex}, dump=True)
            ksft_eq([q for q in queues if "io-uring" in q], [])


class Events:
    """Printed lines of a receiver that no caller has taken yet"""
    def __init__(self, pipe):
        self._pipe = pipe
        self._cond = threading.Condition()
        self._waiting = []
        self._ended = False
        self.corrupt = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._pipe:
            event = json.loads(line)
            with self._cond:
                if event["ev"] == "corrupt":
                    self.corrupt.append(event)
                self._waiting.append(event)
                self._cond.notify_all()
        with self._cond:
            self._ended = True
            self._cond.notify_all()

    def _find(self, kinds):
        return [event for event in self._waiting if event["ev"] in kinds]

    def count(self, *kinds):
        """How many there are of these kinds"""
        with self._cond:
            return len(self._find(kinds))

    def get(self, *kinds, deadline=DEADLINE):
        """Wait for the first of any of these kinds and take it"""
        with self._cond:
            self._cond.wait_for(lambda: self._ended or self._find(kinds),
                                deadline)
            for event in self._find(kinds):
                self._waiting.remove(event)
                return event
            why = "the receiver ended" if self._ended else "timed out"
        raise KsftFailEx(f"{why} waiting for: {', '.join(kinds)}")


class Receiver:
    """
    zcrx_rx on the queue of a pair, or without a device. Ends with the test
    case. Options are those of the program. If there is something to do
    meanwhile, it is done in the middle of the registration.
    """
    def __init__(self, pair, *options, mask=NO_BUFFERS | COPY, stats=True,
                 deadline=DEADLINE, meanwhile=None):
        if not BIN.exists():
            raise KsftSkipEx(f"{BIN} is not there (built without liburing?)")
        args = [BIN.as_posix(), "--mask", str(mask)]
        if stats:
            args.append("--stats")
        if pair:
            args += ["--interface", pair.ifname, "--queue", str(pair.QUEUE)]
        if meanwhile:
            args.append("--pause")
        args += [str(option) for option in options]
        # pylint: disable=consider-using-with
        self._proc = subprocess.Popen(args, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE,
                                      encoding="ascii")
        self.events = Events(self._proc.stdout)
        self._end = defer(self._cleanup)
        ready = self.events.get("ready", "paused", "failed", deadline=deadline)
        if ready["ev"] == "paused":
            meanwhile()
            self._write("go on")
            ready = self.events.get("ready", "failed", deadline=deadline)
        if ready["ev"] == "failed":
            self._refused(ready)
        self.ports = ready["ports"]
        self.buffers, self.buf_len = ready["buffers"], ready["buf_len"]

    def _refused(self, failed):
        """Skip for what this kernel lacks"""
        what, error = failed["what"], failed["errno"]
        self.refusal = error
        if what == "query":
            raise KsftSkipEx("the kernel has no zcrx, or cannot be asked")
        if what == "pause":
            raise KsftSkipEx("no userfaultfd: " + os.strerror(error))
        if what == "query of notifications":
            raise KsftSkipEx("the kernel has no zcrx notifications")
        if what == "area" and error in (errno.ENOENT, errno.ENOMEM):
            raise KsftSkipEx("no memory of this kind: " + os.strerror(error))
        if what == "registration" and error == errno.EOPNOTSUPP:
            raise KsftSkipEx("netdevsim of this kernel cannot host zcrx")
        raise KsftFailEx(f"{what}: {os.strerror(error)}")

    def command(self, line):
        """Have a command carried out and return its result"""
        self._write(line)
        return self.events.get("reply")["ret"]

    def do(self, line):
        """Have a command carried out that must not fail"""
        ksft_eq(self.command(line), 0, line)

    def _write(self, line):
        self._proc.stdin.write(line + "\n")
        self._proc.stdin.flush()

    def stats(self):
        """Counters, bytes by connection and others"""
        self._write("stats")
        return self.events.get("stats")

    def bytes(self, flow):
        """How much of a flow has arrived"""
        return self.stats()["bytes"][flow.conn]

    def notification(self):
        """Wait for a notification and return its types"""
        event = self.events.get("notif")
        ksft_eq(event["flags"], 0, "flags of a notification")
        return event["types"]

    def wait_bytes(self, flow, number):
        """Wait for a number of bytes of a flow, nothing may be wrong"""
        wait_until(lambda: self.bytes(flow) >= number or
                   self.events.count("corrupt", "end"),
                   f"{number} bytes of a flow")
        self.check_intact()
        if self.events.count("end"):
            raise KsftFailEx(f"the receive ended: {self.events.get('end')}")

    def check_intact(self):
        """Check that all data arrived right"""
        if self.events.corrupt:
            raise KsftFailEx(f"corrupt data: {self.events.corrupt}")

    def exit(self):
        """End in order; everything must have been right until here"""
        self._write("exit")
        ksft_eq(self._proc.wait(DEADLINE), 0, "exit status of the receiver")
        self.check_intact()
        self._end.exec()

    def kill(self):
        """End in the middle of everything"""
        self._proc.kill()
        self._proc.wait(DEADLINE)
        self.check_intact()
        self._end.exec()

    def _cleanup(self):
        if self._proc.poll() is None:
            self._proc.kill()
            self._proc.wait(DEADLINE)
        self._proc.stdin.close()


class Flow:
    """A connection from the peer to a receiver"""
    def __init__(self, pair, rx, listener=0, queue=None, ipver=6):
        port = rx.ports[listener]
        self.rx = rx
        self.sent = 0
        self._stop = False
        self._thread = None
        self._error = None
        if pair:
            self.rules = pair.steer(port,
                                    pair.QUEUE if queue is None else queue)
            addr = pair.addr_v[str(ipver)]
            with NetNSEnter(pair.remote.name):
                self._sock = self._socket(ipver)
        else:
            addr = "::1" if ipver == 6 else "127.0.0.1"
            self._sock = self._socket(ipver)
        defer(self.close)
        self._sock.settimeout(DEADLINE)
        self._sock.connect((addr, port))
        seed = self._sock.getsockname()[1]
        self._start = seed * PATTERN_STRIDE
        accept = rx.events.get("accept")
        ksft_eq((accept["port"], accept["peer"]), (port, seed), "connection")
        self.conn = accept["conn"]

    @staticmethod
    def _socket(ipver):
        sock = socket.socket(socket.AF_INET6 if ipver == 6 else socket.AF_INET)
        try:
            # Try again soon when packets are dropped for a while.
            sock.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, 1000)
        except OSError:
            pass
        return sock

    def _send_some(self, most):
        at = (self._start + self.sent) % PATTERN_PERIOD
        self.sent += self._sock.send(_PATTERN[at:at + min(most, 65536)])

    def send_urgent(self):
        """Send a byte that is not part of the stream"""
        self._sock.send(b"!", socket.MSG_OOB)

    def send(self, number):
        """Send a number of bytes, in the foreground"""
        end = self.sent + number
        while self.sent < end:
            self._send_some(end - self.sent)

    def start(self, number=None):
        """Send in the background, until stop() when there is no number"""
        def run():
            end = None if number is None else self.sent + number
            try:
                while not self._stop and self.sent != end:
                    self._send_some(65536 if end is None else end - self.sent)
            except OSError as error:
                self._error = error

        self._stop = False
        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def is_sending(self):
        """Whether the background is not done"""
        return self._thread.is_alive()

    def join(self):
        """Wait for the background to be done"""
        self._thread.join(DEADLINE)
        if self._error or self._thread.is_alive():
            raise KsftFailEx(f"sending: {self._error or 'timed out'} after "
                             f"{self.sent} bytes; {self.rx.stats()}")

    def tell_to_stop(self):
        """Have the background stop, which it does once it can send"""
        self._stop = True

    def stop(self):
        """Stop sending in the background"""
        self.tell_to_stop()
        self.join()

    def wait_arrived(self):
        """Wait for all that was sent to be received, intact"""
        self.rx.wait_bytes(self, self.sent)
        ksft_eq(self.rx.bytes(self), self.sent, "bytes of a flow")

    def wait_progress(self, number):
        """Wait for more to arrive than has until now"""
        self.rx.wait_bytes(self, self.rx.bytes(self) + number)

    def close(self):
        """Let go of the connection, whatever its state"""
        self._stop = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        if self._thread:
            self._thread.join(DEADLINE)
        self._sock.close()


def need_huge_pages(size):
    """Reserve huge pages for a size in bytes until the test case ends"""
    with open("/proc/meminfo", encoding="ascii") as f:
        info = dict(line.split(":", 1) for line in f)
    if "Hugepagesize" not in info:
        raise KsftSkipEx("the kernel has no huge pages")
    number = -(-size // (int(info["Hugepagesize"].split()[0]) * KB))

    name = "/proc/sys/vm/nr_hugepages"
    with open(name, encoding="ascii") as f:
        before = int(f.read())
    _write_file(name, before + number)
    defer(_write_file, name, before)
    with open(name, encoding="ascii") as f:
        if int(f.read()) < before + number:
            raise KsftSkipEx(f"cannot have {number} more huge pages")
