#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
The header fields that RSS of netdevsim hashes: they can be chosen for each flow
type, in the device's configuration and in RSS contexts, and real flows arrive
on the queue that the hash of these fields picks.
"""

import itertools
import socket
import struct
import sys
from pathlib import Path

sys.path.append((Path(__file__).parent / "..").resolve().as_posix())

# pylint: disable=wrong-import-position
from lib.py import ksft_exit, ksft_run, ksft_variants
from lib.py import ksft_eq, ksft_in, ksft_ne, ksft_raises
from lib.py import EthtoolFamily, NetdevFamily, NetDrvEpEnv, NlError
from lib.py import cmd, defer, ethtool, rand_ports
from peer_steering import AF, FLOWS, INDIR_SIZE, QUEUES, RSS_KEY
from peer_steering import add_ctx, add_rule, addresses, arrives_at, config
from peer_steering import cut_by_hash, rss_get, set_key, toeplitz_bytes
from peer_steering import udp_flow

# The letters of ethtool, in the order in which the fields are hashed
FIELDS = {"s": "ip-src", "d": "ip-dst", "f": "l4-b-0-1", "n": "l4-b-2-3"}
DEFAULTS = {"ip4": "sd", "ip6": "sd", "tcp4": "sdfn", "tcp6": "sdfn",
            "udp4": "sdfn", "udp6": "sdfn"}
# Some that a driver could confuse
SELECTIONS = ("sd", "sdfn", "f", "n", "sn", "dfn", "")


def subsets(letters):
    """ All selections of some fields """
    return ["".join(some) for size in range(len(letters) + 1)
            for some in itertools.combinations(letters, size)]


def flow_hash(key, flow, fields):
    """ The hash of the selected fields of a flow (s, d, f, n) """
    af = socket.AF_INET6 if ":" in flow[0] else socket.AF_INET
    parts = ([socket.inet_pton(af, addr) for addr in flow[:2]] +
             [struct.pack("!H", port) for port in flow[2:]])
    return toeplitz_bytes(key, b"".join(
        part for letter, part in zip(FIELDS, parts) if letter in fields))


def get_fields(cfg, **kwargs):
    """ The fields of all flow types, in ethtool's letters """
    letters = {name: letter for letter, name in FIELDS.items()}
    return {flow_type: "".join(sorted((letters[name] for name in names),
                                      key="sdfn".index))
            for flow_type, names in rss_get(cfg, **kwargs)["flow-hash"].items()}


def set_fields(cfg, flow_type, fields, **kwargs):
    """ Set the fields of one flow type """
    cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex},
                       "flow-hash": {flow_type: {FIELDS[f] for f in fields}}} |
                      kwargs)


def set_table(cfg, **kwargs):
    """ Set a table whose neighbouring entries differ, and return it """
    table = [(i * 7 + i // 5) % QUEUES for i in range(INDIR_SIZE)]
    cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex},
                       "indir": table} | kwargs)
    return table


def check_flows(cfg, proto, ipver, dport, fields, table):
    """ Flows arrive on the queues that the hashes of these fields pick """
    addr, remote_addr = addresses(cfg, ipver)
    got, want = [], []
    for sport in rand_ports(5):
        got.append(arrives_at(cfg, ipver, dport, proto=proto, sport=sport))
        value = flow_hash(RSS_KEY, (remote_addr, addr, sport, dport), fields)
        want.append(table[value % INDIR_SIZE])
    ksft_eq(got, want, f"fields '{fields}'")


def test_values(pair):
    """ Each selection can be set, for one flow type at a time """
    cfg = pair()
    want = dict(DEFAULTS)
    ksft_eq(get_fields(cfg), want)
    for flow_type, default in DEFAULTS.items():
        for fields in subsets(default):
            set_fields(cfg, flow_type, fields)
            want[flow_type] = fields
            ksft_eq(get_fields(cfg), want, f"{flow_type} {fields}")


def test_values_ioctl(pair):
    """ The older API sets and shows the same fields """
    cfg = pair()
    want = dict(DEFAULTS)
    for flow_type in ("tcp4", "udp4", "tcp6", "udp6"):
        for fields in ("sn", "df"):
            ethtool(f"--disable-netlink -N {cfg.ifname} "
                    f"rx-flow-hash {flow_type} {fields}")
            want[flow_type] = fields
            ksft_eq(get_fields(cfg), want)
        out = ethtool(f"--disable-netlink -n {cfg.ifname} "
                      f"rx-flow-hash {flow_type}").stdout
        ksft_eq([line for line in out.splitlines()[1:] if line],
                ["IP DA", "L4 bytes 0 & 1 [TCP/UDP src port]"])


@ksft_variants(FLOWS)
def test_queue(pair, proto, ipver):
    """ The hash of the selected fields picks the queue """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    table = set_table(cfg)
    dport, = rand_ports(1)
    for fields in SELECTIONS:
        set_fields(cfg, f"{proto}{ipver}", fields)
        check_flows(cfg, proto, ipver, dport, fields, table)


def test_flow_types(pair):
    """ The fields of a flow type are not those of another one """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    table = set_table(cfg)
    dport, = rand_ports(1)
    chosen = {}
    for variant, fields in zip(FLOWS, ("f", "dn", "sf", "n")):
        set_fields(cfg, variant.name, fields)
        chosen[variant] = fields
    for variant, fields in chosen.items():
        check_flows(cfg, *variant.params, dport, fields, table)


def test_hash_reported(pair):
    """ The hash in the skb has the selected fields """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    for ipver in AF:
        addr, remote_addr = addresses(cfg, ipver)
        dport, sport = rand_ports(2)
        for fields in SELECTIONS:
            set_fields(cfg, f"udp{ipver}", fields)
            with udp_flow(cfg, ipver, dport, sport=sport) as (rx, tx):
                cut_by_hash(rx, flow_hash(
                    RSS_KEY, (remote_addr, addr, sport, dport), fields))
                tx.send(b"12345678")
                ksft_eq(len(rx.recv(100)), 4, f"IPv{ipver} '{fields}'")


def test_hash_by_default(pair):
    """ A new device reports its hash """
    cfg = pair()
    ksft_in("receive-hashing: on", ethtool(f"-k {cfg.ifname}").stdout)


def test_context(pair):
    """ A context has other fields than the device, and other contexts """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    table = set_table(cfg)
    port, other = rand_ports(2)
    ctx, neighbour = add_ctx(cfg, "equal 1"), add_ctx(cfg, "equal 1")
    ctx_table = set_table(cfg, context=ctx)
    add_rule(cfg, f"flow-type tcp4 dst-port {port} context {ctx}")

    set_fields(cfg, "tcp4", "f", context=ctx)
    ksft_eq(get_fields(cfg, context=ctx), DEFAULTS | {"tcp4": "f"})
    ksft_eq(get_fields(cfg, context=neighbour), DEFAULTS)
    ksft_eq(get_fields(cfg), DEFAULTS)
    check_flows(cfg, "tcp", 4, port, "f", ctx_table)
    check_flows(cfg, "tcp", 4, other, "sdfn", table)

    # The table of a context is not its fields
    ethtool(f"-X {cfg.ifname} context {ctx} start 1 equal 2")
    set_fields(cfg, "tcp4", "sd")
    ksft_eq(get_fields(cfg, context=ctx), DEFAULTS | {"tcp4": "f"})
    check_flows(cfg, "tcp", 4, port, "f",
                [1 + i % 2 for i in range(INDIR_SIZE)])
    check_flows(cfg, "tcp", 4, other, "sd", table)


def test_context_default(pair):
    """ A new context with an old ID doesn't inherit the old fields """
    cfg = pair()
    set_fields(cfg, "tcp6", "n")
    ctx = add_ctx(cfg)
    ksft_eq(get_fields(cfg, context=ctx), DEFAULTS)
    set_fields(cfg, "tcp6", "s", context=ctx)
    ethtool(f"-X {cfg.ifname} context {ctx} delete")
    ksft_eq(add_ctx(cfg), ctx)
    ksft_eq(get_fields(cfg, context=ctx), DEFAULTS)


def test_invalid(pair):
    """ An impossible request is refused and changes nothing """
    cfg = pair()
    set_fields(cfg, "tcp4", "sd")
    ctx = add_ctx(cfg)
    set_fields(cfg, "udp6", "f", context=ctx)
    before = config(cfg)

    for flow_type, names in (("tcp4", {"vlan"}), ("udp4", {"ip-src", "l3-proto"}),
                             ("tcp6", {"ip6-fl"}), ("udp6", {"discard"}),
                             ("ip4", {"l4-b-0-1"}), ("ip6", {"l4-b-2-3"}),
                             ("ether", {"l2da"}), ("sctp4", {"ip-src"})):
        for context in ({}, {"context": ctx}):
            with ksft_raises(NlError):
                cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex},
                                   "flow-hash": {flow_type: names}} | context)
            ksft_eq(config(cfg), before, flow_type)

    # The older API doesn't look whether there is such a context
    for context in (ctx + 1, 15, 16, 99, 0xfffffffe):
        for args in (f"-n {cfg.ifname} rx-flow-hash tcp4 context {context}",
                     f"-N {cfg.ifname} rx-flow-hash tcp4 sd context {context}"):
            res = cmd(f"ethtool --disable-netlink {args}", fail=False)
            ksft_ne(res.ret, 0, args)
            ksft_eq(config(cfg), before, args)


def main():
    """ Ksft boilerplate main """

    ethnl, netnl = EthtoolFamily(), NetdevFamily()

    def pair():
        """ Two linked devices, until the end of the test case """
        cfg = NetDrvEpEnv(__file__, nsim_test=True, queue_count=QUEUES)
        defer(cfg.__del__)
        cfg.ethnl, cfg.netnl = ethnl, netnl
        return cfg

    ksft_run([test_values, test_values_ioctl, test_queue, test_flow_types,
              test_hash_reported, test_hash_by_default, test_context,
              test_context_default, test_invalid], args=(pair, ))
    ksft_exit()


if __name__ == "__main__":
    main()
