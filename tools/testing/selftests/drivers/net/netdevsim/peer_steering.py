#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0

"""
Receive steering of netdevsim: the indirection table, ntuple rules and RSS
contexts decide on which queue a packet arrives, judged by the NAPI instance
that real flows come in on. Until then the sender's choice decides.

A table that was set stays in force, so each case has new devices.
"""

import contextlib
import ctypes
import re
import socket
import struct
import sys
import threading
from pathlib import Path

sys.path.append((Path(__file__).parent / "..").resolve().as_posix())

# pylint: disable=wrong-import-position
from lib.py import ksft_exit, ksft_run, ksft_variants, KsftNamedVariant
from lib.py import ksft_eq, ksft_in, ksft_ne, ksft_raises, ksft_true
from lib.py import CmdExitFailure, KsftSkipEx, NlError
from lib.py import EthtoolFamily, NetdevFamily, NetDrvEpEnv, NetNSEnter
from lib.py import cmd, defer, ethtool, ip, rand_ports

QUEUES = 4
INDIR_SIZE = 128
KEY_SIZE = 40
MAX_RULES = 64

HFUNC_TOEPLITZ = 1      # ETH_RSS_HASH_TOP
SO_INCOMING_NAPI_ID = 56
SO_ATTACH_FILTER = 26
AF = {4: socket.AF_INET, 6: socket.AF_INET6}

PROTOS = ("tcp", "udp")
IPVERS = [KsftNamedVariant("ipv4", 4), KsftNamedVariant("ipv6", 6)]
FLOWS = [KsftNamedVariant(f"{proto}{ipver}", proto, ipver)
         for proto in PROTOS for ipver in AF]

# The verification suite of Microsoft's RSS specification: the key, then
# source, destination, hash with addresses only, hash with ports
RSS_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4"
                        "77cb2da38030f20c6a42b73bbeac01fa")
RSS_VECTORS = [
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e8fc2, 0x51ccc178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718262a, 0xc626b0ea),
    ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766,
     0x2cc18cd5, 0x40207d3d),
    ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739,
     0x0f0c461c, 0xdde51bbf),
]


def toeplitz_bytes(key, data):
    """ The hash of bytes, with plain integers """
    bits = int.from_bytes(data, "big")
    nbits = len(data) * 8
    key_bits = int.from_bytes(key, "big")
    res = 0
    for i in range(nbits):
        if bits >> (nbits - 1 - i) & 1:
            res ^= key_bits >> (len(key) * 8 - 32 - i) & 0xffffffff
    return res


def toeplitz(key, src, dst, sport=None, dport=None):
    """ The hash of a flow """
    af = socket.AF_INET6 if ":" in src else socket.AF_INET
    data = socket.inet_pton(af, src) + socket.inet_pton(af, dst)
    if sport is not None:
        data += struct.pack("!HH", sport, dport)
    return toeplitz_bytes(key, data)


def rss_get(cfg, **kwargs):
    """ The RSS configuration """
    return cfg.ethnl.rss_get({"header": {"dev-index": cfg.ifindex}} | kwargs)


def config(cfg):
    """ The whole readable state of the steering """
    return (rss_get(cfg), ethtool(f"-n {cfg.ifname}").stdout,
            cfg.ethnl.rss_get({"header": {"dev-index": cfg.ifindex}},
                              dump=True))


def add_rule(cfg, rule, loc=None):
    """ Add an ntuple rule, returns its ID """
    if loc is None:
        out = ethtool(f"-N {cfg.ifname} {rule}").stdout
        return int(out.split()[-1])
    ethtool(f"-N {cfg.ifname} {rule} loc {loc}")
    return loc


def del_rule(cfg, rule_id):
    """ Delete an ntuple rule """
    ethtool(f"-N {cfg.ifname} delete {rule_id}")


def add_ctx(cfg, args=""):
    """ Add an RSS context, returns its ID """
    out = ethtool(f"-X {cfg.ifname} context new {args}").stdout
    return int(out.split()[-1])


def set_indir(cfg, args):
    """ Set the indirection table """
    ethtool(f"-X {cfg.ifname} {args}")


def set_channels(cfg, count):
    """ Set the number of channels """
    ethtool(f"-L {cfg.ifname} combined {count}")


@contextlib.contextmanager
def sender_queue(cfg, queue):
    """ Have the peer send all packets from one TX queue """
    dev = f"dev {cfg.remote_ifname}"
    cmd(f"tc qdisc add {dev} clsact", host=cfg.remote)
    try:
        cmd(f"tc filter add {dev} egress protocol all flower "
            f"action skbedit queue_mapping {queue}", host=cfg.remote)
        yield
    finally:
        cmd(f"tc qdisc del {dev} clsact", host=cfg.remote)


def addresses(cfg, ipver, addr_v=None, remote_addr_v=None):
    """ The addresses of the device and its peer, unless others are given """
    return ((addr_v or cfg.addr_v)[str(ipver)],
            (remote_addr_v or cfg.remote_addr_v)[str(ipver)])


@contextlib.contextmanager
def tcp_flow(cfg, ipver, dport, *, sport=0, mss=None, **addrs):
    """ A TCP connection from the peer: its two sockets, the receiver first """
    addr, remote_addr = addresses(cfg, ipver, **addrs)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            socket.create_server((addr, dport), family=AF[ipver]))
        with NetNSEnter(cfg.remote.name):
            tx = stack.enter_context(socket.socket(AF[ipver]))
        tx.settimeout(5)
        tx.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # No TIME_WAIT: the next flow may have the same ports
        tx.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
        if mss:
            tx.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        tx.bind((remote_addr, sport))
        tx.connect((addr, dport))
        rx = stack.enter_context(server.accept()[0])
        rx.settimeout(5)
        yield rx, tx


@contextlib.contextmanager
def udp_flow(cfg, ipver, dport, *, sport=0, **addrs):
    """ UDP sockets here and at the peer: the receiver, the sender """
    addr, remote_addr = addresses(cfg, ipver, **addrs)
    with contextlib.ExitStack() as stack:
        rx = stack.enter_context(socket.socket(AF[ipver], socket.SOCK_DGRAM))
        with NetNSEnter(cfg.remote.name):
            tx = stack.enter_context(
                socket.socket(AF[ipver], socket.SOCK_DGRAM))
        rx.settimeout(5)
        rx.bind((addr, dport))
        tx.bind((remote_addr, sport))
        tx.connect((addr, dport))
        yield rx, tx


def arrives_at(cfg, ipver, dport, *, proto="tcp", size=1, **kwargs):
    """ The queue that a flow from the peer to a port arrives on """
    queues = cfg.netnl.queue_get({"ifindex": cfg.ifindex}, dump=True)
    by_napi = {q["napi-id"]: q["id"] for q in queues
               if q["type"] == "rx" and "napi-id" in q}

    flow = {"tcp": tcp_flow, "udp": udp_flow}[proto]
    with flow(cfg, ipver, dport, **kwargs) as (rx, tx):
        tx.send(bytes(size))
        ksft_eq(len(rx.recv(size)), size)
        napi_id = rx.getsockopt(socket.SOL_SOCKET, SO_INCOMING_NAPI_ID)
    if napi_id not in by_napi:
        raise KsftSkipEx("need the NAPI ID of a socket (NET_RX_BUSY_POLL)")
    return by_napi[napi_id]


def ports_at(cfg, ports, **kwargs):
    """ The queues that ports arrive on over IPv4, over IPv6 """
    return [[arrives_at(cfg, ipver, port, **kwargs) for port in ports]
            for ipver in AF]


def check_hash_to_queue(cfg, ipver, table):
    """ Flows arrive on the queues that their hashes pick from that table """
    key = rss_get(cfg)["hkey"]
    addr = cfg.addr_v[str(ipver)], cfg.remote_addr_v[str(ipver)]
    got, want = [], []
    dport, *sports = rand_ports(17)
    for sport in sports:
        got.append(arrives_at(cfg, ipver, dport, sport=sport))
        flow_hash = toeplitz(key, addr[1], addr[0], sport, dport)
        want.append(table[flow_hash % INDIR_SIZE])
    ksft_eq(got, want)


def test_python_toeplitz(_pair):
    """ The reference that the kernel is compared to is right itself """
    for src, sport, dst, dport, addr_hash, port_hash in RSS_VECTORS:
        ksft_eq(toeplitz(RSS_KEY, src, dst), addr_hash)
        ksft_eq(toeplitz(RSS_KEY, src, dst, sport, dport), port_hash)


def test_sender_decides(pair):
    """ Until the table is set, RX queue is TX queue, whatever else is set """
    cfg = pair()
    port, = rand_ports(1)
    set_key(cfg, RSS_KEY)
    add_ctx(cfg, "start 2 equal 1")
    for queue in range(QUEUES):
        with sender_queue(cfg, queue):
            ksft_eq(ports_at(cfg, [port]), [[queue], [queue]])


def test_table_decides(pair):
    """ Once the table is set the sender no longer decides """
    cfg = pair()
    port, = rand_ports(1)
    with sender_queue(cfg, 1):
        for queue in range(QUEUES):
            set_indir(cfg, f"start {queue} equal 1")
            ksft_eq(ports_at(cfg, [port]), [[queue], [queue]])


@ksft_variants([KsftNamedVariant("netlink", ""),
                KsftNamedVariant("ioctl", "--disable-netlink ")])
def test_default_table_decides(pair, opt):
    """ The default table is in force, too, when it's set after another one """
    cfg = pair()
    set_indir(cfg, "equal 1")
    ethtool(f"{opt}-X {cfg.ifname} default")
    with sender_queue(cfg, 1):
        check_hash_to_queue(cfg, 4, [i % QUEUES for i in range(INDIR_SIZE)])


def test_table_values(pair):
    """ The table that is read is the one that was set, in both APIs """
    cfg = pair()
    default = [i % QUEUES for i in range(INDIR_SIZE)]
    half = INDIR_SIZE // 2
    tables = [
        ("equal 1", [0] * INDIR_SIZE),
        ("equal 3", [i % 3 for i in range(INDIR_SIZE)]),
        ("start 1 equal 2", [1 + i % 2 for i in range(INDIR_SIZE)]),
        ("weight 0 1 0 1", [1] * half + [3] * half),
        ("default", default),
    ]
    rss = rss_get(cfg)
    ksft_eq(rss["indir"], default)
    ksft_eq(rss["hfunc"], HFUNC_TOEPLITZ)

    for opt in ("", "--disable-netlink "):
        for args, want in tables:
            ethtool(f"{opt}-X {cfg.ifname} {args}")
            ksft_eq(rss_get(cfg)["indir"], want, args)
            out = ethtool(f"-x {cfg.ifname}", json=True)[0]
            ksft_eq(out["rss-indirection-table"], want, args)

    cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex}, "indir": [3, 1]})
    ksft_eq(rss_get(cfg)["indir"], [3, 1] * half)


def set_key(cfg, key):
    """ Set the hash key """
    old = rss_get(cfg)["hkey"]
    ksft_eq(len(old), KEY_SIZE)
    ksft_ne(set(old), {0})
    cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex}, "hkey": key})
    ksft_eq(rss_get(cfg)["hkey"], key)


@ksft_variants(IPVERS)
def test_hash_to_queue(pair, ipver):
    """ The queue is the entry of the table that the Toeplitz hash picks """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    # Neighbouring entries differ, and so do those of bits in bytes swapped
    table = [(i * 7 + i // 5) % QUEUES for i in range(INDIR_SIZE)]
    cfg.ethnl.rss_set({"header": {"dev-index": cfg.ifindex}, "indir": table})
    check_hash_to_queue(cfg, ipver, table)


def cut_by_hash(sock, value):
    """ Let packets with that hash carry 4 bytes, all others 2 """
    code = [
        (0x20, 0, 0, 0xfffff000 + 32),  # ld SKF_AD_RXHASH
        (0x15, 0, 1, value),            # jeq: skip none or one
        (0x06, 0, 0, 8 + 4),            # ret, with the UDP header
        (0x06, 0, 0, 8 + 2),
    ]
    buf = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *insn) for insn in code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                    struct.pack("HP", len(code), ctypes.addressof(buf)))


@ksft_variants(IPVERS)
def test_hash_reported(pair, ipver):
    """ With receive hashing on the hash is in the skb, and changes nothing """
    cfg = pair()
    set_key(cfg, RSS_KEY)
    addr = cfg.addr_v[str(ipver)], cfg.remote_addr_v[str(ipver)]
    dport, sport = rand_ports(2)

    with udp_flow(cfg, ipver, dport, sport=sport) as (rx, tx):
        cut_by_hash(rx, toeplitz(RSS_KEY, addr[1], addr[0], sport, dport))

        lengths = []
        for state in ("off", "on", "off"):
            ethtool(f"-K {cfg.ifname} rxhash {state}")
            tx.send(b"12345678")
            lengths.append(len(rx.recv(100)))
    ksft_eq(lengths, [2, 4, 2])

    ethtool(f"-K {cfg.ifname} rxhash on")
    with sender_queue(cfg, 2):
        ksft_eq(arrives_at(cfg, ipver, dport), 2)


@ksft_variants(FLOWS)
def test_rule(pair, proto, ipver):
    """ A rule moves its port of its protocols, until it's deleted """
    cfg = pair()
    port, other = rand_ports(2)

    def check(is_set, rest):
        for any_proto in PROTOS:
            want = [[rest, rest], [rest, rest]]
            if is_set and any_proto == proto:
                want[ipver == 6][0] = 3
            ksft_eq(ports_at(cfg, [port, other], proto=any_proto), want)

    with sender_queue(cfg, 1):
        rule = add_rule(
            cfg, f"flow-type {proto}{ipver} dst-port {port} action 3")
        check(True, 1)
        set_indir(cfg, "equal 1")
        check(True, 0)
        del_rule(cfg, rule)
        check(False, 0)


def add_addresses(cfg, host, dev, remote=None):
    """ Two more addresses of a device, for addr_v or remote_addr_v """
    addr_v = {"4": f"{cfg.nsim_v4_pfx}{host}", "6": f"{cfg.nsim_v6_pfx}{host}"}
    ip(f"addr add {addr_v['4']}/24 dev {dev}", host=remote)
    ip(f"addr add {addr_v['6']}/64 dev {dev} nodad", host=remote)
    return addr_v


@ksft_variants([
    KsftNamedVariant(".".join(fields), *fields)
    for fields in (["src-ip"], ["dst-ip"], ["src-port"], ["dst-port"],
                   ["src-ip", "dst-ip", "src-port", "dst-port"])])
def test_rule_fields(pair, *fields):
    """ A rule moves the flow that has its fields, and none that differs """
    cfg = pair()
    dport, other_dport, sport, other_sport = rand_ports(4)
    # What is another value of a field
    others = {
        "src-ip": {"remote_addr_v": add_addresses(
            cfg, 12, cfg.remote_ifname, cfg.remote)},
        "dst-ip": {"addr_v": add_addresses(cfg, 11, cfg.ifname)},
        "src-port": {"sport": other_sport},
        "dst-port": {"dport": other_dport},
    }

    with sender_queue(cfg, 1):
        for variant in FLOWS:
            proto, ipver = variant.params
            value = {"src-ip": cfg.remote_addr_v[str(ipver)],
                     "dst-ip": cfg.addr_v[str(ipver)],
                     "src-port": sport, "dst-port": dport}
            this = {"proto": proto, "dport": dport, "sport": sport}
            match = " ".join(f"{field} {value[field]}" for field in fields)

            rule = add_rule(cfg, f"flow-type {proto}{ipver} {match} action 3")
            ksft_eq(arrives_at(cfg, ipver, **this), 3, variant.name)
            for field, other in others.items():
                ksft_eq(arrives_at(cfg, ipver, **(this | other)),
                        1 if field in fields else 3,
                        f"{variant.name}, other {field}")
            del_rule(cfg, rule)


@ksft_variants(FLOWS)
def test_rule_mask(pair, proto, ipver):
    """ Bits that the mask leaves out don't matter, the other bits do """
    cfg = pair()
    port, = rand_ports(1)
    flow_type = f"flow-type {proto}{ipver}"
    # For ethtool a mask has the bits that don't matter
    mask = "0.0.0.15" if ipver == 4 else "::f"
    value = cfg.remote_addr_v[str(ipver)]

    def at(dport, **addrs):
        return arrives_at(cfg, ipver, dport, proto=proto, **addrs)

    with sender_queue(cfg, 1):
        rule = add_rule(cfg, f"{flow_type} dst-port {port} m 0x101 action 3")
        ksft_eq([at(port ^ bits) for bits in (0, 1, 0x100, 0x101, 2, 0x200)],
                [3, 3, 3, 3, 1, 1])
        del_rule(cfg, rule)

        add_rule(cfg, f"{flow_type} src-ip {value} m {mask} action 3")
        near, far = (add_addresses(cfg, host, cfg.remote_ifname, cfg.remote)
                     for host in (9, 22))
        ksft_eq([at(port), at(port, remote_addr_v=near),
                 at(port, remote_addr_v=far)], [3, 3, 1])


def test_rule_any(pair):
    """ A rule without fields moves all flows of its type """
    cfg = pair()
    ports = rand_ports(2)
    with sender_queue(cfg, 1):
        add_rule(cfg, "flow-type udp6 action 3")
        ksft_eq(ports_at(cfg, ports, proto="udp"), [[1, 1], [3, 3]])
        ksft_eq(ports_at(cfg, ports), [[1, 1], [1, 1]])


@ksft_variants(IPVERS)
def test_rule_fragments(pair, ipver):
    """ Fragments, of which only one has ports, match no rule """
    cfg = pair()
    port, = rand_ports(1)
    with sender_queue(cfg, 1):
        add_rule(cfg, f"flow-type udp{ipver} dst-ip "
                      f"{cfg.addr_v[str(ipver)]} action 3")
        for size, queue in ((1000, 3), (4000, 1)):
            ksft_eq(arrives_at(cfg, ipver, port, proto="udp", size=size),
                    queue, f"{size} bytes")


def test_rule_order(pair):
    """ Of rules that match the one with the lowest location wins """
    cfg = pair()
    port, = rand_ports(1)
    rule = f"flow-type tcp4 dst-port {port}"

    add_rule(cfg, f"{rule} action 1", loc=9)
    add_rule(cfg, f"{rule} action 2", loc=4)
    add_rule(cfg, f"{rule} action 3", loc=30)
    ksft_eq(arrives_at(cfg, 4, port), 2)
    # Another one in its place
    add_rule(cfg, f"{rule} action 3", loc=4)
    ksft_eq(arrives_at(cfg, 4, port), 3)
    del_rule(cfg, 4)
    ksft_eq(arrives_at(cfg, 4, port), 1)


def test_rule_vlan(pair):
    """ A VLAN tag doesn't keep a rule from matching """
    cfg = pair()
    addr_v, remote_addr_v = {"4": "198.51.100.1"}, {"4": "198.51.100.2"}
    port, = rand_ports(1)

    for dev, addr, host in ((cfg.ifname, addr_v["4"], None),
                            (cfg.remote_ifname, remote_addr_v["4"],
                             cfg.remote)):
        vlan = f"{dev}.5"
        add = cmd(f"ip link add link {dev} name {vlan} type vlan id 5",
                  host=host, fail=False)
        if add.ret:
            raise KsftSkipEx(f"need VLANs: {add.stderr.strip()}")
        defer(ip, f"link del {vlan}", host=host)
        ip(f"addr add {addr}/24 dev {vlan}", host=host)
        ip(f"link set {vlan} up", host=host)

    add_rule(cfg, f"flow-type tcp4 dst-port {port} action 3")
    with sender_queue(cfg, 1):
        ksft_eq(arrives_at(cfg, 4, port, addr_v=addr_v,
                           remote_addr_v=remote_addr_v), 3)


def test_rule_values(pair):
    """ Rules are listed as they were added, and all locations can be used """
    cfg = pair()
    rules = [
        ("flow-type tcp4 dst-port 80 action 2",
         ["Rule Type: TCP over IPv4", "Dest port: 80 mask: 0x0",
          "Src port: 0 mask: 0xffff",
          "Dest IP addr: 0.0.0.0 mask: 255.255.255.255",
          "Action: Direct to queue 2"]),
        ("flow-type udp4 src-ip 192.0.2.2 m 0.0.0.15 dst-ip 192.0.2.1 action 0",
         ["Rule Type: UDP over IPv4", "Src IP addr: 192.0.2.2 mask: 0.0.0.15",
          "Dest IP addr: 192.0.2.1 mask: 0.0.0.0",
          "Dest port: 0 mask: 0xffff", "Action: Direct to queue 0"]),
        ("flow-type tcp6 dst-ip 2001:db8::1 src-port 5 m 0xf00 action 1",
         ["Rule Type: TCP over IPv6", "Dest IP addr: 2001:db8::1 mask: ::",
          "Src port: 5 mask: 0xf00", "Dest port: 0 mask: 0xffff",
          "Action: Direct to queue 1"]),
        ("flow-type udp6 src-ip 2001:db8::2 src-port 6 dst-port 7 action 3",
         ["Rule Type: UDP over IPv6", "Src IP addr: 2001:db8::2 mask: ::",
          "Src port: 6 mask: 0x0", "Dest port: 7 mask: 0x0",
          "Action: Direct to queue 3"]),
    ]
    used = {add_rule(cfg, rules[0][0], loc=7): rules[0]}
    used |= {add_rule(cfg, rule[0]): rule for rule in rules[1:]}
    ksft_eq(len(used), len(rules))

    for rule_id, (_, lines) in used.items():
        out = ethtool(f"-n {cfg.ifname} rule {rule_id}").stdout
        for line in lines:
            ksft_in(line, out)

    ids = set(used)
    while len(ids) < MAX_RULES:
        ids.add(add_rule(cfg, "flow-type tcp4 dst-port 80 action 0"))
    ksft_in(f"Total {MAX_RULES} rules", ethtool(f"-n {cfg.ifname}").stdout)
    with ksft_raises(CmdExitFailure):
        add_rule(cfg, "flow-type tcp4 dst-port 80 action 0")


@ksft_variants(FLOWS)
def test_context(pair, proto, ipver):
    """ A rule can name an RSS context, which then can't be deleted """
    cfg = pair()
    port, other = rand_ports(2)
    with sender_queue(cfg, 1):
        ctx = add_ctx(cfg, "start 2 equal 1")
        rule = add_rule(cfg, f"flow-type {proto}{ipver} "
                             f"dst-ip {cfg.addr_v[str(ipver)]} "
                             f"dst-port {port} context {ctx}")
        out = ethtool(f"-n {cfg.ifname} rule {rule}").stdout
        ksft_true(re.search(rf"RSS Context (ID: )?{ctx}\b", out), out)
        at = ports_at(cfg, [port, other], proto=proto)
        ksft_eq(at[ipver == 6], [2, 1])
        ksft_eq(at[ipver == 4], [1, 1])

        # The table of the device is another one
        set_indir(cfg, "equal 1")
        ethtool(f"-X {cfg.ifname} context {ctx} start 3 equal 1")
        at = ports_at(cfg, [port, other], proto=proto)
        ksft_eq(at[ipver == 6], [3, 0])
        ksft_eq(at[ipver == 4], [0, 0])

        with ksft_raises(CmdExitFailure) as cm:
            ethtool(f"-X {cfg.ifname} context {ctx} delete")
        ksft_in("busy", cm.exception.cmd.stderr)
        del_rule(cfg, rule)
        ethtool(f"-X {cfg.ifname} context {ctx} delete")
        ksft_eq(arrives_at(cfg, ipver, port, proto=proto), 0)


def test_context_own(pair):
    """ A rule that names context 0 excepts a flow from the next rules """
    cfg = pair()
    port, other = rand_ports(2)
    with sender_queue(cfg, 1):
        add_rule(cfg, "flow-type tcp4 action 3", loc=5)
        rule = add_rule(cfg, f"flow-type tcp4 dst-port {port} context 0",
                        loc=4)
        out = ethtool(f"-n {cfg.ifname} rule {rule}").stdout
        ksft_true(re.search(r"RSS Context (ID: )?0\b", out), out)
        ksft_eq(ports_at(cfg, [port, other]), [[1, 3], [1, 1]])
        set_indir(cfg, "start 2 equal 1")
        ksft_eq(ports_at(cfg, [port, other]), [[2, 3], [2, 2]])


def test_context_default(pair):
    """ A context without a table of its own spreads over all queues """
    cfg = pair()
    default = [i % QUEUES for i in range(INDIR_SIZE)]
    set_indir(cfg, "equal 1")
    ctx = add_ctx(cfg)
    ksft_eq(rss_get(cfg, context=ctx)["indir"], default)
    ethtool(f"-X {cfg.ifname} context {ctx} equal 3")
    ksft_eq(rss_get(cfg, context=ctx)["indir"],
            [i % 3 for i in range(INDIR_SIZE)])
    ksft_eq(rss_get(cfg)["indir"], [0] * INDIR_SIZE)

    # A new context with an old ID doesn't inherit the old table
    ethtool(f"-X {cfg.ifname} context {ctx} delete")
    ksft_eq(add_ctx(cfg), ctx)
    ksft_eq(rss_get(cfg, context=ctx)["indir"], default)


def test_context_limit(pair):
    """ Contexts run out with an error """
    cfg = pair()
    ids = [add_ctx(cfg, "equal 1") for _ in range(15)]
    ksft_eq(sorted(ids), list(range(1, 16)))
    with ksft_raises(CmdExitFailure):
        add_ctx(cfg)


def test_invalid(pair):
    """ An impossible request is refused and changes nothing """
    cfg = pair()
    tcp4, udp4, tcp6, udp6 = (f"flow-type {proto}{ipver} dst-port 80"
                              for ipver in AF for proto in PROTOS)
    inval, notsup, noent = "Invalid argument", "not supported", "No such file"
    cases = [
        (f"-N DEV {tcp4} action {QUEUES}", inval),
        (f"-N DEV {tcp4} vf 0 queue 1", inval),
        (f"-N DEV {tcp4} action 1 loc {MAX_RULES}", inval),
        (f"-N DEV {tcp4} context 9", inval),
        (f"-N DEV {tcp4} context 1 action 1", inval),
        (f"-N DEV {tcp4} action -1", notsup),
        (f"-N DEV {tcp4} action -2", notsup),
        (f"-N DEV {udp6} action -1", notsup),
        # Fields besides addresses and ports, also a single bit
        (f"-N DEV {tcp4} tos 4 action 1", notsup),
        (f"-N DEV {udp4} tos 4 m 0xfb action 1", notsup),
        (f"-N DEV {tcp6} tclass 4 action 1", notsup),
        (f"-N DEV {udp6} tclass 4 m 0xfb action 1", notsup),
        (f"-N DEV {tcp4} vlan 5 action 1", notsup),
        (f"-N DEV {udp6} user-def 5 action 1", notsup),
        (f"-N DEV {tcp4} dst-mac 00:00:5e:00:53:01 action 1", notsup),
        # Other protocols
        ("-N DEV flow-type sctp4 dst-port 80 action 1", notsup),
        ("-N DEV flow-type esp6 dst-ip 2001:db8::1 action 1", notsup),
        ("-N DEV flow-type ip4 dst-ip 192.0.2.1 action 1", notsup),
        ("-N DEV flow-type ip6 dst-ip 2001:db8::1 action 1", notsup),
        ("-N DEV flow-type ether proto 0x800 action 1", notsup),
        ("-N DEV delete 5", noent),
        (f"-N DEV delete {MAX_RULES}", inval),
        (f"-X DEV equal {QUEUES + 1}", ""),
        (f"--disable-netlink -X DEV equal {QUEUES + 1}", ""),
        (f"-X DEV context new equal {QUEUES + 1}", ""),
        ("-X DEV context 9 equal 1", ""),
        ("-X DEV context 9 delete", ""),
        ("-X DEV hfunc xor", ""),
    ]

    # State that a refused request could lose
    set_indir(cfg, "equal 3")
    ctx = add_ctx(cfg, "equal 2")
    add_rule(cfg, "flow-type tcp4 dst-port 80 action 3")
    add_rule(cfg, f"flow-type tcp6 dst-port 80 context {ctx}")
    before = config(cfg)

    for args, error in cases:
        res = cmd("ethtool " + args.replace("DEV", cfg.ifname), fail=False)
        ksft_ne(res.ret, 0, args)
        ksft_in(error, res.stderr, args)
        ksft_eq(config(cfg), before, args)

    hdr = {"header": {"dev-index": cfg.ifindex}}
    for attrs in ({"indir": [0, QUEUES]}, {"indir": [0, 0, 0]},
                  {"indir": [0] * INDIR_SIZE * 2}, {"hkey": b"short"},
                  {"hfunc": 2}, {"input-xfrm": {"sym-xor"}}):
        with ksft_raises(NlError):
            cfg.ethnl.rss_set(hdr | attrs)
        ksft_eq(config(cfg), before, attrs)


def test_vf(pair):
    """ A VF has no queues to choose from, and refuses all this """
    cfg = pair()
    nsim = cfg.nsimdev
    name = f"netdevsim{nsim.addr}"
    nsim.ctrl_write(f"devices/{name}/sriov_numvfs", "1")
    cmd(f"devlink dev eswitch set netdevsim/{name} mode switchdev")
    vf, = set(nsim.get_ifnames()) - {cfg.ifname}

    for args in ("-n DEV", "-x DEV", "-X DEV equal 1",
                 "-X DEV context new", "-N DEV delete 1",
                 "-N DEV flow-type tcp4 dst-port 80 action 0 loc 1"):
        for opt in ("", "--disable-netlink "):
            res = cmd(f"ethtool {opt}{args.replace('DEV', vf)}", fail=False)
            ksft_ne(res.ret, 0, opt + args)
            ksft_in("not supported", res.stderr, opt + args)


def test_channels(pair):
    """ A queue that something points to can't be taken away """
    cfg = pair()
    port, = rand_ports(1)

    def check_refused(count):
        with ksft_raises(CmdExitFailure):
            set_channels(cfg, count)
        channels = cfg.ethnl.channels_get(
            {"header": {"dev-index": cfg.ifindex}})
        ksft_eq(channels["combined-count"], QUEUES)

    rule = add_rule(cfg, f"flow-type tcp4 dst-port {port} action 2")
    check_refused(2)
    del_rule(cfg, rule)

    set_indir(cfg, "start 2 equal 1")
    check_refused(2)
    set_indir(cfg, "default")

    ctx = add_ctx(cfg, "start 2 equal 1")
    check_refused(2)
    ethtool(f"-X {cfg.ifname} context {ctx} delete")

    add_rule(cfg, f"flow-type tcp4 dst-port {port} action 1")
    set_channels(cfg, 2)
    ksft_eq(rss_get(cfg)["indir"], [i % 2 for i in range(INDIR_SIZE)])
    ksft_eq(arrives_at(cfg, 4, port), 1)
    with ksft_raises(CmdExitFailure):
        add_rule(cfg, f"flow-type tcp4 dst-port {port} action 2")
    with ksft_raises(CmdExitFailure):
        set_indir(cfg, "start 2 equal 1")
    set_channels(cfg, QUEUES)
    ksft_eq(rss_get(cfg)["indir"], [i % QUEUES for i in range(INDIR_SIZE)])


def test_full_ring(pair):
    """ A flow goes on after the ring of the queue that it moved to was full """
    cfg = pair()
    port, = rand_ports(1)
    add_rule(cfg, f"flow-type tcp4 dst-port {port} action 3")
    # The peer hands over a long row of small packets at once
    cmd(f"ethtool -K {cfg.remote_ifname} tso off", host=cfg.remote)

    def dropped():
        link = ip(f"-s link show dev {cfg.remote_ifname}", json=True,
                  host=cfg.remote)[0]
        return link["stats64"]["tx"]["dropped"]

    data = bytes(range(251)) * 4096
    before = dropped()
    with sender_queue(cfg, 0), tcp_flow(cfg, 4, port, mss=88) as (rx, tx):
        sender = threading.Thread(target=tx.sendall, args=(data,), daemon=True)
        tx.settimeout(60)
        rx.settimeout(60)
        sender.start()
        got = bytearray()
        while len(got) < len(data):
            piece = rx.recv(1 << 20)
            if not piece:
                break
            got += piece
        sender.join()
    ksft_true(got == data, "the data arrived, and in order")
    if dropped() == before:
        raise KsftSkipEx("the ring never was full")


def main():
    """ Ksft boilerplate main """

    ethnl, netnl = EthtoolFamily(), NetdevFamily()

    def pair():
        """ Two linked devices, until the end of the test case """
        cfg = NetDrvEpEnv(__file__, nsim_test=True, queue_count=QUEUES)
        defer(cfg.__del__)
        cfg.ethnl, cfg.netnl = ethnl, netnl
        cfg.nsimdev = cfg._ns  # pylint: disable=protected-access
        return cfg

    ksft_run([test_python_toeplitz,
              test_sender_decides,
              test_table_decides,
              test_default_table_decides,
              test_table_values,
              test_hash_to_queue,
              test_hash_reported,
              test_rule,
              test_rule_fields,
              test_rule_mask,
              test_rule_any,
              test_rule_fragments,
              test_rule_order,
              test_rule_vlan,
              test_rule_values,
              test_context,
              test_context_own,
              test_context_default,
              test_context_limit,
              test_invalid,
              test_vf,
              test_channels,
              test_full_ring], args=(pair, ))
    ksft_exit()


if __name__ == "__main__":
    main()
