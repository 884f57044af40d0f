#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
What the operator of a host sees of a receiver on a queue of a netdevsim: netlink,
fdinfo, tracepoints and ynltool show the figures that the receiver reads itself.
"""

import errno
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from shutil import which

import zcrx_lib as zl
from zcrx_lib import COPY, KB, MB, Flow, Pair, Receiver

from lib.py import KsftNamedVariant, KsftSkipEx, NetdevFamily
from lib.py import cmd, defer
from lib.py import ksft_eq, ksft_exit, ksft_ge, ksft_gt, ksft_in, ksft_ne, \
    ksft_run, ksft_variants

COUNTERS = ("copy-count", "copy-bytes", "no-buffers-count")

SIZE = MB
# It is copied, which takes few of the buffers of zero-copy.
COPIED = 64 * KB

NOBODY = 65534

HERE = Path(__file__).resolve().parent

TRACING = Path("/sys/kernel/tracing")


def _counters(nest):
    return {name: nest[name] for name in COUNTERS}


def _own(rx):
    """The counters as the application reads them"""
    stats = rx.stats()
    return {name: stats[name.replace("-", "_")] for name in COUNTERS}


def _nest(pair):
    """What netlink shows of the queue"""
    return pair.queue()["io-uring"]


def _pool(pair):
    """The page pool of the queue, as netlink shows it"""
    pools = pair.zcrx_pools()
    ksft_eq(len(pools), 1, "page pools of zcrx")
    return pools[0]


def _receiver(pair, *options, **kwargs):
    return Receiver(pair, "--area", SIZE, "--listeners", 2, "--hold", *options,
                    **kwargs)


def _run_dry(pair, flow, failures):
    """Send more than the area has room for, and wait for failed attempts"""
    flow.start(2 * SIZE)
    zl.wait_until(lambda: pair.alloc_fail() >= failures, "failed attempts")


def _copy_and_run_dry(pair, rx):
    """Copies, then failed attempts, then all goes on; returns both flows"""
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)
    copied.send(COPIED)
    copied.wait_arrived()
    rx.do("give")
    rx.do("flush")

    flow = Flow(pair, rx)
    _run_dry(pair, flow, 3)
    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    return flow, copied


def _check_buffers(pair, rx):
    """Each buffer is on the free list, or the page pool has taken it"""
    nest = _nest(pair)
    ksft_eq(nest["nr-buffers"], rx.buffers)
    ksft_eq(nest["free-buffers"] + _pool(pair)["inflight"], rx.buffers,
            "free buffers and those of the page pool")


def _check_all_agree(pair, rx):
    """Two views of netlink, and that of the application; returns it"""
    own = _own(rx)
    nest = _nest(pair)
    ksft_eq(_counters(nest), own, "queue-get and the application")
    ksft_eq(_pool(pair)["io-uring"], nest, "page-pool-get and queue-get")
    return own


@ksft_variants([
    KsftNamedVariant("creator"),
    KsftNamedVariant("importer_after_creator_closed", "--hand-over"),
])
def netlink_shows_what_the_application_counts(netnl, *options) -> None:
    """
    After copies and failed attempts queue-get and page-pool-get show the
    counters of the application, and how many buffers are left.
    """
    pair = Pair(netnl)
    rx = _receiver(pair, *options)
    ksft_eq(_check_all_agree(pair, rx), dict.fromkeys(COUNTERS, 0))
    _check_buffers(pair, rx)

    _, copied = _copy_and_run_dry(pair, rx)
    own = _check_all_agree(pair, rx)
    ksft_eq(own["copy-bytes"], copied.sent)
    ksft_gt(own["copy-count"], 0)
    ksft_ge(own["no-buffers-count"], 3)
    ksft_eq(own["no-buffers-count"], pair.alloc_fail(), "the driver's view")
    if options:
        # The notification went with its ring, so that nothing fired.
        ksft_eq(rx.events.count("notif"), 0)
        ksft_eq(rx.command(f"arm {COPY}"), -errno.EINVAL)
    rx.exit()
    pair.wait_no_zcrx()


def free_buffers_follow(netnl) -> None:
    """
    Buffers that zero-copy takes are not free any more, down to none. What copies
    take is free again after it was given back.
    """
    pair = Pair(netnl)
    rx = _receiver(pair, "--flush")
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)
    free = _nest(pair)["free-buffers"]
    copied.send(COPIED)
    copied.wait_arrived()
    # Pieces of a packet share buffers, but not with another packet.
    ksft_ge(free - COPIED // rx.buf_len, _nest(pair)["free-buffers"])
    rx.do("give")
    ksft_eq(_nest(pair)["free-buffers"], free)
    _check_buffers(pair, rx)

    flow = Flow(pair, rx)
    flow.send(SIZE // 2)
    flow.wait_arrived()
    _check_buffers(pair, rx)
    ksft_gt(free, _nest(pair)["free-buffers"])
    _run_dry(pair, flow, 3)
    ksft_eq(_nest(pair)["free-buffers"], 0)
    _check_buffers(pair, rx)

    rx.do("refill")
    flow.join()
    flow.wait_arrived()
    rx.exit()


@ksft_variants([
    KsftNamedVariant("types_only"),
    KsftNamedVariant("no_descriptor", "--no-desc"),
])
def counters_need_no_statistics(netnl, *options) -> None:
    """
    The kernel counts for the operator, too, when the application has not asked
    for it.
    """
    pair = Pair(netnl)
    rx = _receiver(pair, *options, stats=False)
    _, copied = _copy_and_run_dry(pair, rx)

    nest = _nest(pair)
    ksft_eq(_pool(pair)["io-uring"], nest)
    ksft_eq(nest["copy-bytes"], copied.sent)
    ksft_gt(nest["copy-count"], 0)
    ksft_ge(nest["copy-bytes"], nest["copy-count"])
    ksft_eq(nest["no-buffers-count"], pair.alloc_fail())
    ksft_eq(rx.events.count("notif") > 0, not options, "notifications")
    rx.exit()


def instances_do_not_mix(netnl) -> None:
    """Each of two queues shows the counters of its own instance."""
    pair = Pair(netnl, queues=3)
    rx = Receiver(pair, "--area", SIZE, "--second", 2)
    copied = Flow(pair, rx, queue=pair.OTHER)
    copied.send(COPIED)
    copied.wait_arrived()

    nests = {queue["id"]: queue["io-uring"]
             for queue in netnl.queue_get({"ifindex": pair.ifindex}, dump=True)
             if "io-uring" in queue}
    ksft_eq(sorted(nests), [pair.QUEUE, 2])
    ksft_eq(_counters(nests[pair.QUEUE]), _own(rx))
    ksft_eq(nests[pair.QUEUE]["copy-bytes"], copied.sent)
    ksft_eq(_counters(nests[2]), dict.fromkeys(COUNTERS, 0))
    rx.exit()


def other_queues_have_no_nest(netnl) -> None:
    """
    Only the queue and the page pool of the instance have the nest, and as long
    as the instance is there.
    """
    pair = Pair(netnl)
    rx = _receiver(pair)
    queues = netnl.queue_get({"ifindex": pair.ifindex}, dump=True)
    ksft_eq([(queue["type"], queue["id"]) for queue in queues
             if "io-uring" in queue], [("rx", pair.QUEUE)])
    ksft_gt(len(queues), 2)
    pools = [pool for pool in netnl.page_pool_get({}, dump=True)
             if pool.get("ifindex") == pair.ifindex]
    ksft_eq(len([pool for pool in pools if "io-uring" in pool]), 1)
    ksft_gt(len(pools), 1)
    rx.exit()
    pair.wait_no_zcrx()


def page_pool_outlives_the_device(netnl) -> None:
    """
    The application still has buffers of a device that is gone. Its page pool
    shows the counters as the application does.
    """
    pair = Pair(netnl)
    rx = _receiver(pair)
    copied = Flow(pair, rx, listener=1, queue=pair.OTHER)
    copied.send(COPIED)
    copied.wait_arrived()
    flow = Flow(pair, rx)
    flow.send(SIZE // 4)
    flow.wait_arrived()
    pair.remove_device()

    pool = zl.wait_until(lambda: [pool for pool in pair.zcrx_pools()
                                  if "detach-time" in pool],
                         "the page pool to be given up")[0]
    own = _own(rx)
    ksft_eq(_counters(pool["io-uring"]), own)
    ksft_eq(own["copy-bytes"], copied.sent)
    ksft_eq(pool["io-uring"]["nr-buffers"], rx.buffers)
    rx.exit()
    pair.wait_no_zcrx()


# What a user sees, printed
LOOK = """
import json, sys
sys.path.append(sys.argv[1])
from lib.py import NetdevFamily
netnl = NetdevFamily()
queues = netnl.queue_get({"ifindex": int(sys.argv[2])}, dump=True)
pools = netnl.page_pool_get({}, dump=True)
with open("/proc/self/status", encoding="ascii") as f:
    status = dict(line.split(":", 1) for line in f)
print(json.dumps([[entry["io-uring"] for entry in queues + pools
                   if "io-uring" in entry], int(status["CapEff"], 16)]))
"""


def _as_nobody(*args):
    """The output of a program without privileges, which is JSON"""
    if any(not path.stat().st_mode & stat.S_IXOTH for path in HERE.parents):
        raise KsftSkipEx("the tests are where only some users can read them")
    done = subprocess.run(args, user=NOBODY, group=NOBODY, extra_groups=[],
                          stdout=subprocess.PIPE, check=True, encoding="ascii")
    return json.loads(done.stdout)


def everybody_may_look(netnl) -> None:
    """Netlink shows the nest to a user without privileges."""
    pair = Pair(netnl)
    rx = _receiver(pair)
    nests, privileges = _as_nobody(sys.executable, "-c", LOOK, HERE.parent,
                                   str(pair.ifindex))
    ksft_eq(privileges, 0)
    ksft_eq(nests, [_nest(pair)] * 2, "queue and page pool")
    ksft_in("nr-buffers", nests[0])
    rx.exit()


def other_statistics_stay_as_they_are(netnl) -> None:
    """qstats have no other keys for a queue of zcrx; ethtool -S, which has none
    for netdevsim, gets none."""
    pair = Pair(netnl)

    def keys():
        stats = netnl.qstats_get({"ifindex": pair.ifindex, "scope": "queue"},
                                 dump=True)
        shown = cmd(f"ethtool -S {pair.ifname}", fail=False).stdout
        return ([sorted(entry) for entry in stats],
                [line.split(":")[0] for line in shown.splitlines()])

    before = keys()
    rx = _receiver(pair)
    _copy_and_run_dry(pair, rx)
    ksft_eq(keys(), before)
    for entry in before[0]:
        ksft_eq([key for key in entry
                 if "buffers" in key or "cop" in key], [])
    rx.exit()


def _fdinfo(pair):
    """The lines of all rings about the device, each as a dict of its words"""
    lines = []
    for path in Path("/proc").glob("[0-9]*/fdinfo/*"):
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        lines += [dict(word.split("=") for word in line.split()[1:])
                  for line in text.splitlines()
                  if f" ifindex={pair.ifindex} " in line]
    return lines


def fdinfo_shows_the_same(netnl) -> None:
    """fdinfo of the receiver's ring names the queue, and agrees with netlink."""
    pair = Pair(netnl)
    rx = _receiver(pair)
    _copy_and_run_dry(pair, rx)
    # A ring that is busy shows nothing.
    lines = zl.wait_until(lambda: _fdinfo(pair), "a line in fdinfo")
    ksft_eq(len(lines), 1)
    nest = _nest(pair)
    want = {"queue": pair.QUEUE, "buffers": nest["nr-buffers"],
            "free": nest["free-buffers"],
            **{name.replace("-", "_"): nest[name] for name in COUNTERS}}
    ksft_eq({name: int(lines[0][name]) for name in want}, want)
    rx.exit()


def traces_name_the_queue(netnl) -> None:
    """There is a line for each copy and each failed attempt of the queue."""
    instance = TRACING / "instances/zcrx_observe"
    if not instance.parent.is_dir():
        raise KsftSkipEx("no tracefs")
    # A test that was killed may have left it.
    instance.mkdir(exist_ok=True)
    defer(instance.rmdir)
    (instance / "trace").write_text("", encoding="ascii")
    for name in ("copy", "no_buffers"):
        enable = instance / f"events/io_uring/io_uring_zcrx_{name}/enable"
        enable.write_text("1", encoding="ascii")
        defer(enable.write_text, "0", encoding="ascii")

    pair = Pair(netnl)
    rx = _receiver(pair)
    _copy_and_run_dry(pair, rx)
    own = _own(rx)
    trace = (instance / "trace").read_text(encoding="ascii")
    where = f"ifindex {pair.ifindex}, queue {pair.QUEUE}"
    copies = re.findall(f" io_uring_zcrx_copy: {where}, bytes ([0-9]+)\n", trace)
    ksft_eq(len(copies), own["copy-count"])
    ksft_eq(sum(int(size) for size in copies), own["copy-bytes"])
    ksft_eq(trace.count(f" io_uring_zcrx_no_buffers: {where}, from pool\n"),
            own["no-buffers-count"])
    rx.exit()


def _ynltool():
    """Its path: in the kernel's tree, or wherever it is installed"""
    in_tree = HERE.parents[5] / "tools/net/ynl/ynltool/ynltool"
    path = in_tree if os.access(in_tree, os.X_OK) else which("ynltool")
    if not path:
        raise KsftSkipEx("ynltool is not built")
    if cmd([path, "zcrx", "help"], fail=False).ret:
        raise KsftSkipEx("this ynltool does not know zcrx")
    return path


def _ynltool_json(path, pair):
    """What ynltool shows of the device"""
    return json.loads(cmd([path, "-j", "zcrx", "show", "dev",
                           pair.ifname]).stdout)


def ynltool_shows_what_netlink_does(netnl) -> None:
    """ynltool lists the queue with its figures, as JSON and as text."""
    path = _ynltool()
    pair = Pair(netnl)
    ksft_eq(_ynltool_json(path, pair), [])
    rx = _receiver(pair)
    _copy_and_run_dry(pair, rx)

    nest = _nest(pair)
    want = {"ifname": pair.ifname, "ifindex": pair.ifindex,
            "queue-id": pair.QUEUE, **nest}
    ksft_eq(_ynltool_json(path, pair), [want])
    ksft_in(want, json.loads(cmd([path, "-j", "zcrx"]).stdout))
    ksft_eq(cmd([path, "zcrx", "show", "dev", pair.ifname]).stdout,
            f"dev: {pair.ifname}[{pair.ifindex}]  queue: {pair.QUEUE}"
            f"  buffers: {nest['nr-buffers']}  free: {nest['free-buffers']}"
            f"  copies: {nest['copy-count']}"
            f"  copied-bytes: {nest['copy-bytes']}"
            f"  failed: {nest['no-buffers-count']}\n")
    ksft_eq(_counters(nest), _own(rx))
    ksft_in(want, _as_nobody(path, "-j", "zcrx"))
    rx.exit()
    zl.wait_until(lambda: not _ynltool_json(path, pair), "an empty list")


def ynltool_shows_rates(netnl) -> None:
    """
    With an interval, ynltool prints a line for each: the figures, and what was
    copied in a second.
    """
    path = _ynltool()
    pair = Pair(netnl)
    rx = Receiver(pair, "--area", SIZE)
    copied = Flow(pair, rx, queue=pair.OTHER)
    copied.send(COPIED)
    copied.wait_arrived()

    def shows():
        return json.loads(shown.stdout.readline())

    # pylint: disable=consider-using-with
    shown = subprocess.Popen([path, "-j", "zcrx", "show", "dev", pair.ifname,
                              "interval", "1"],
                             stdout=subprocess.PIPE, encoding="ascii")
    defer(shown.stdout.close)
    defer(shown.wait)
    defer(shown.kill)

    # Copies may come before it looks for the first time: not those that come
    # when it has printed something.
    last = shows()[0]
    copied.send(COPIED)
    copied.wait_arrived()
    for _ in range(zl.DEADLINE):
        if last["copy-bytes"] == copied.sent:
            break
        now = shows()[0]
        rates = now["per-second"]
        for name in COUNTERS:
            added = now[name] - last[name]
            ksft_ge(added, rates[name], f"{name}: a second has passed")
            ksft_ge(rates[name], added / zl.DEADLINE, name)
            ksft_eq(rates[name] > 0, added > 0, name)
        last = now
    ksft_eq(_counters(last), _own(rx))

    ksft_eq(shows()[0]["per-second"], dict.fromkeys(COUNTERS, 0.0))
    rx.exit()
    # It notices that the queue has been given up, and goes on.
    for _ in range(zl.DEADLINE):
        if shows() == []:
            break
    ksft_eq(shows(), [])


def ynltool_ends_when_nobody_reads(netnl) -> None:
    """With an interval, it fails when its output cannot be written any more."""
    path = _ynltool()
    pair = Pair(netnl)
    rx = _receiver(pair)
    for form in ([], ["-j"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([path, *form, "zcrx", "show", "interval", "1"],
                                  stdout=full, stderr=subprocess.DEVNULL,
                                  check=False, timeout=zl.DEADLINE)
        ksft_ne(done.returncode, 0)
    rx.exit()


def ynltool_refuses_bad_arguments(_netnl) -> None:
    """Each says what is wrong, and fails."""
    path = _ynltool()
    for args, error in (("dev", "'dev' needs at least 1"),
                        ("dev nosuch", "no device 'nosuch'"),
                        ("interval", "'interval' needs at least 1"),
                        ("interval 0", "invalid interval '0'"),
                        ("interval 1s", "invalid interval '1s'"),
                        ("queue", "unknown option 'queue'")):
        done = cmd([path, "zcrx", "show", *args.split()], fail=False)
        ksft_ne(done.ret, 0, args)
        ksft_eq(done.stdout, "", args)
        ksft_in(f"Error: {error}", done.stderr)
        done = cmd([path, "-j", "zcrx", "show", *args.split()], fail=False)
        ksft_ne(done.ret, 0, args)
        ksft_in(error, json.loads(done.stdout)["error"])


def main() -> None:
    """Ksft boiler plate main"""
    ksft_run([netlink_shows_what_the_application_counts,
              free_buffers_follow,
              counters_need_no_statistics,
              instances_do_not_mix,
              other_queues_have_no_nest,
              page_pool_outlives_the_device,
              fdinfo_shows_the_same,
              traces_name_the_queue,
              everybody_may_look,
              other_statistics_stay_as_they_are,
              ynltool_shows_what_netlink_does,
              ynltool_shows_rates,
              ynltool_ends_when_nobody_reads,
              ynltool_refuses_bad_arguments],
             args=(NetdevFamily(), ))
    ksft_exit()


if __name__ == "__main__":
    main()
