# SPDX-License-Identifier: GPL-2.0
"""harness/boot/judge on small console logs."""

import os
import subprocess
import tempfile
import unittest

JUDGE = os.path.join(os.path.dirname(__file__), "..", "boot/judge")

BOOT = """\
[    0.000000] Linux version 7.1.13 (gcc (Debian 12.2.0) 12.2.0) #1 SMP PREEMPT
[    0.000000] Spectre V2 : WARNING: Unprivileged eBPF is enabled, data leaks possible
[    0.031338] found SMP MP-table at [mem 0x000f5b80-0x000f5b8f]
[    0.212000] debug: ignoring loglevel setting. BUGS: none
[    0.300000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)
[    0.310000] DMA-API: preallocated 65536 debug entries
[    0.330000] ODEBUG: selftest passed
[    0.400000] RCU Tasks: Setting shift to 0 and lim to 1
[    0.410000] rcu: RCU lockdep checking is enabled.
[    0.420000] Warning: unable to open an initial console.
[    0.600000] WARNING! This is a notice in another form
[    1.594391] Run /sbin/guest-init as init process
[    2.877903] guest-init: begin
"""
COMMAND = """\
[    3.000000] workqueue: foo hogged CPU for >10000us 4 times
[    3.100000] traps: prog[12] general protection fault ip:401000 sp:7ffc error:0
[    3.200000] prog[13]: segfault at 0 ip 0000000000401000 sp 00007ffc error 4
[    3.300000] netdevsim netdevsim0 eth0: renamed from eth1
"""
END = """\
[    3.409692] guest-init: end, status 0, taint 0
[    3.455119] sysrq: Resetting
"""

# kind -> lines of the kernel; the judge must name the first one
SPLATS = {
    "WARNING": [
        "WARNING: io_uring/zcrx.c:123 at io_zcrx_foo+0x12/0x40, CPU#1: test/99",
        "WARNING: CPU: 1 PID: 99 at io_uring/zcrx.c:123 io_zcrx_foo+0x12/0x40",
        "WARNING: at io_zcrx_foo+0x12/0x40, CPU#1: test/99",
    ],
    "BUG": [
        "BUG: Bad page state in process test  pfn:12345",
        "BUG: scheduling while atomic: test/99/0x00000002",
        "BUG: sleeping function called from invalid context at mm/slab.h:123",
        "BUG: MAX_LOCKDEP_CHAINS too low!",
    ],
    "KASAN": ["BUG: KASAN: slab-use-after-free in io_zcrx_foo+0x12/0x40"],
    "KCSAN": ["BUG: KCSAN: data-race in io_zcrx_foo / io_zcrx_bar"],
    "KFENCE": ["BUG: KFENCE: out-of-bounds read in io_zcrx_foo+0x12/0x40"],
    "UBSAN": ["UBSAN: array-index-out-of-bounds in io_uring/zcrx.c:12:3"],
    "lockdep": [
        "WARNING: possible recursive locking detected",
        "WARNING: possible circular locking dependency detected",
        "WARNING: inconsistent lock state",
        "WARNING: suspicious RCU usage",
        "WARNING: held lock freed!",
        "WARNING: bad unlock balance detected!",
        "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
        "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
        "[ BUG: Invalid wait context ]",
        "INFO: trying to register non-static key.",
        "DEBUG_LOCKS_WARN_ON(1)",
        "WARNING: test/99 still has locks held!",
        "WARNING: lock held when returning to user space!",
    ],
    "RCU stall": [
        "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {",
        "rcu: rcu_preempt kthread starved for 2100 jiffies! g12 f0x0",
    ],
    "hung task": [
        "INFO: task test:99 blocked for more than 120 seconds.",
        "INFO: task kworker/0:1 a b:99 blocked in I/O wait for more than 120 seconds.",
    ],
    "lockup": [
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [test:99]",
        "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0",
    ],
    "kmemleak": [
        "unreferenced object 0xffff888003f0a000 (size 64):",
        "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "kmemleak: Kernel memory leak detector disabled",
    ],
    "page_pool": [
        "page_pool_release_retry() stalled pool shutdown: id 3, 1 inflight 60 sec",
    ],
    "refcount": ["refcount_t: underflow; use-after-free."],
    "reference leak": [
        "unregister_netdevice: waiting for eth0 to become free. Usage count = 2",
    ],
    "list corruption": [
        "list_add corruption. next->prev should be prev (ffff), but was 0000.",
        "list_add double add: new=ffff, prev=ffff, next=fffe.",
        "list_del corruption, ffff->next is LIST_POISON1",
    ],
    "ODEBUG": ["ODEBUG: free active (active state 0) object: ffff object type: work"],
    "slab": ["BUG kmalloc-64 (Not tainted): Poison overwritten"],
    "assertion": ["kernel BUG at io_uring/zcrx.c:123!"],
    "oops": [
        "Oops: 0002 [#1] SMP",
        "Oops: general protection fault, probably for non-canonical address 0xdead",
        "general protection fault, probably for non-canonical address 0xdead",
        "BUG: unable to handle page fault for address: ffffffffffffffd0",
        "Unable to handle kernel NULL pointer dereference at 0000000000000000",
    ],
    "panic": ["Kernel panic - not syncing: Fatal exception"],
    "call trace": ["Call Trace:"],
}


def judge(log):
    with tempfile.NamedTemporaryFile("wb", suffix=".log") as file:
        file.write(log if isinstance(log, bytes) else log.encode())
        file.flush()
        return subprocess.run([JUDGE, file.name], capture_output=True, text=True)


class CleanLogs(unittest.TestCase):
    def test_a_normal_log_is_clean(self):
        result = judge(BOOT + COMMAND + END)
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_a_serial_log_with_carriage_returns_is_clean(self):
        log = (BOOT + COMMAND + END).replace("\n", "\r\n")
        self.assertEqual(judge(log).returncode, 0)

    def test_bytes_that_are_no_text_do_no_harm(self):
        log = BOOT.encode() + b"\xff\xfe\x00\r\n" + END.encode()
        self.assertEqual(judge(log).returncode, 0)

    def test_caller_information_does_not_hide_the_marks(self):
        log = (BOOT + END).replace("] guest", "][    T1] guest")
        self.assertEqual(judge(log).returncode, 0)


class Splats(unittest.TestCase):
    def test_each_kind_is_named_with_its_line(self):
        number = BOOT.count("\n") + 1
        for kind, lines in SPLATS.items():
            for line in lines:
                for prefix in ("[    3.000000] ", "[    3.000000][   T99] "):
                    with self.subTest(line=line, prefix=prefix):
                        result = judge(BOOT + prefix + line + "\r\n" + END)
                        self.assertEqual(result.returncode, 1)
                        self.assertIn(f":{number}: {kind}: {line}\n", result.stdout)
                        self.assertEqual(result.stdout.count("\n"), 1)

    def test_a_call_trace_belongs_to_the_complaint_above_it(self):
        splat = ("[    3.0] WARNING: a.c:1 at f+0x0/0x1, CPU#0: x/1\n"
                 "[    3.0] Modules linked in:\n[    3.0] Call Trace:\n")
        result = judge(BOOT + splat + END)
        self.assertEqual(result.stdout.count("\n"), 1)

    def test_each_of_several_complaints_is_named(self):
        splat = "[    3.0] WARNING: a.c:1 at f+0x0/0x1, CPU#0: x/1\n"
        result = judge(BOOT + splat + COMMAND + splat + END)
        self.assertEqual(result.stdout.count(": WARNING: WARNING:"), 2)

    def test_a_complaint_before_or_after_the_command_counts(self):
        splat = "[    0.5] BUG: KASAN: slab-out-of-bounds in f+0x0/0x1\n"
        self.assertEqual(judge(splat + BOOT + END).returncode, 1)
        self.assertEqual(judge(BOOT + END + splat).returncode, 1)

    def test_a_leak_listed_without_a_time_stamp_is_named(self):
        result = judge(BOOT + "unreferenced object 0xffff8880 (size 64):\n" + END)
        self.assertEqual(result.returncode, 1)

    def test_a_taint_tells_of_a_warning_that_was_not_printed(self):
        result = judge(BOOT + END.replace("taint 0", "taint 512"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("warning", result.stdout)

    def test_a_taint_without_a_complaint_is_clean(self):
        unsigned_and_test_module = 1 << 13 | 1 << 18
        log = BOOT + END.replace("taint 0", f"taint {unsigned_and_test_module}")
        self.assertEqual(judge(log).returncode, 0)


class CutLogs(unittest.TestCase):
    def check(self, log, word):
        result = judge(log)
        self.assertEqual(result.returncode, 1)
        self.assertIn(word, result.stdout)

    def test_a_log_without_the_end_mark_is_not_clean(self):
        self.check(BOOT + COMMAND, "no end mark")

    def test_a_log_cut_in_the_end_mark_is_not_clean(self):
        self.check(BOOT + COMMAND + END[:END.index("taint")], "no end mark")

    def test_a_log_without_the_begin_mark_is_not_clean(self):
        self.check(BOOT[:BOOT.index("guest-init: begin")], "no begin mark")

    def test_an_empty_log_is_not_clean(self):
        self.check("", "no begin mark")

    def test_a_missing_log_is_not_clean(self):
        result = subprocess.run([JUDGE, "/nonexistent.log"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent.log", result.stderr)

    def test_one_bad_log_among_good_ones_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for i, log in enumerate((BOOT + END, BOOT, BOOT + END)):
                paths.append(os.path.join(directory, f"{i}.log"))
                with open(paths[-1], "w", encoding="utf-8") as file:
                    file.write(log)
            result = subprocess.run([JUDGE, *paths], capture_output=True, text=True)
            self.assertEqual(result.returncode, 1)
            self.assertIn(paths[1], result.stdout)
            self.assertNotIn(paths[0], result.stdout)

    def test_no_log_at_all_is_a_usage_error(self):
        self.assertEqual(subprocess.run([JUDGE], capture_output=True).returncode, 2)


if __name__ == "__main__":
    unittest.main()
