# SPDX-License-Identifier: GPL-2.0
"""The places in a kernel where harness/bench/run counts instructions of functions.

A span is a name, the addresses where it starts and the addresses where it ends,
as harness/bench/plugin.c reads them. Functions that the kernel does not have are
left out.
"""

import bisect
import re
import subprocess
from pathlib import Path

# From the first instruction to the return, which does not count.
FUNCTIONS = ("io_pp_zc_alloc_netmems", "io_pp_zc_release_netmem", "io_zcrx_recv_skb",
             "zcrx_notif_task_work")
# How many fragments a call has.
STEPS = {"io_zcrx_recv_skb": "io_zcrx_queue_cqe"}
# Calls from anywhere in the code of zcrx, call and return included.
CALLS = {"raise": "__zcrx_notif_raise", "post": "io_post_aux_cqe"}
# From a call of the function to the end of the repetition.
EVENTS = {"event": "__zcrx_notif_raise"}
# The calls lie within this number of functions around this one.
CENTRE, AROUND = "io_register_zcrx", 150

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(?:(?:lock|rep|data16|cs|notrack|repz) )*(\S+)\s*(.*)$")


class Symbols:
    """what System.map says of the functions"""

    def __init__(self, text):
        found = {}
        for line in text.splitlines():
            address, kind, name = line.split()
            if kind in "tTwW":
                found.setdefault(int(address, 16), []).append(name)
        self.addresses = sorted(found)
        self.names = {name: address for address, names in found.items() for name in names}

    def range_of(self, name, around=0):
        at = bisect.bisect_left(self.addresses, self.names[name])
        return (self.addresses[max(0, at - around)],
                self.addresses[min(len(self.addresses) - 1, at + 1 + around)])


def parse(text):
    """[(address, mnemonic, operands)] of objdump's output"""
    return [(int(m[1], 16), m[2], m[3].split("#")[0].strip())
            for m in map(INSTRUCTION.match, text.splitlines()) if m]


def returns(code, start, end):
    """where a function ends: at a return, or a jump to another function"""
    result = []
    for address, mnemonic, operands in code:
        target = re.match(r"(?:0x)?([0-9a-f]+)\b", operands)
        if mnemonic.startswith("ret") or (mnemonic == "jmp" and target and
                                          not start <= int(target[1], 16) < end):
            result.append(address)
    return result


def calls(code, target):
    """[(address of a call, address of what comes after it)]"""
    return [(address, code[i + 1][0]) for i, (address, mnemonic, operands) in enumerate(code[:-1])
            if mnemonic == "call" and re.match(rf"(?:0x)?{target:x}\b", operands)]


def spans(symbols, disassemble):
    """[(name, starts, ends, step or None)]; disassemble(start, end) is the code there"""
    for name in FUNCTIONS:
        if name in symbols.names:
            start, end = symbols.range_of(name)
            yield (name, [start], returns(disassemble(start, end), start, end),
                   symbols.names[STEPS[name]] if name in STEPS else None)
    around = disassemble(*symbols.range_of(CENTRE, AROUND))
    for name, function in CALLS.items():
        found = calls(around, symbols.names[function]) if function in symbols.names else []
        if function == "io_post_aux_cqe" and "zcrx_notif_task_work" in symbols.names:
            # only those of notifications
            near = symbols.range_of("zcrx_notif_task_work")
            found = [pair for pair in found if near[0] <= pair[0] < near[1]]
        if found:
            yield name, [start for start, _ in found], [end for _, end in found], None
    for name, function in EVENTS.items():
        found = calls(around, symbols.names[function]) if function in symbols.names else []
        if found:
            yield name, [start for start, _ in found], "mark", None


def write(image, extract, out):
    """the plugin's file for a kernel image; System.map lies three directories up"""
    system_map = Path(image).parents[3] / "System.map"
    elf = Path(out).with_suffix(".vmlinux")
    with open(elf, "wb") as f:
        subprocess.run([extract, image], check=True, stdout=f, stderr=subprocess.DEVNULL)

    def disassemble(start, end):
        return parse(subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}",
             f"--stop-address={end:#x}", elf], check=True, text=True,
            stdout=subprocess.PIPE).stdout)

    lines = []
    for name, starts, ends, step in spans(Symbols(system_map.read_text(encoding="ascii")), disassemble):
        if not ends:
            raise ValueError(f"{name} has no end in {image}")
        lines.append(f"{name} {','.join(f'{a:x}' for a in starts)} "
                     f"{ends if ends == 'mark' else ','.join(f'{a:x}' for a in ends)}"
                     + (f" {step:x}" if step else "") + "\n")
    out.write_text("".join(lines), encoding="ascii")
    elf.unlink()
    return out
