"""What the daemon costs: memory while 10,000 files are watched, wake-ups while nothing happens, memory after many pushes.

20 s and 100 pushes, 60 s and 1,000 pushes with B2B_LONG=1. The figures are printed.
"""
import shutil
import signal
import subprocess
import sys
import time
import unittest

import harness
from harness import Daemon, Machine

SECONDS = 60 if harness.LONG else 20
PUSHES = (100, 1000) if harness.LONG else (20, 100)
MEGABYTE = 1 << 20


def returned(line):
    """When a call of strace -ttt -T ended; the time of a resumed one is that already."""
    began, spent = float(line.split()[1]), line.rsplit("<", 1)
    return began if "resumed>" in line or len(spent) < 2 else began + float(spent[1].rstrip(">"))


class Idle(unittest.TestCase):
    def start(self, files):
        self.machine = Machine().use_directory(schedule="daily", keepSnapshots=3, watch={"push": True, "quiet": "1s", "minInterval": "1h"})
        self.addCleanup(self.machine.close)
        self.machine.populate(files=0)
        for i in range(files):
            self.machine.write(f"workspace/many/{i % 100:02}/f{i:05}.txt", f"file {i}\n")
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up(120)
        return daemon

    def test_ten_thousand_files(self):
        daemon = self.start(10_000)
        self.machine.write("workspace/MEMORY.md", "one more push, which finds most files as they were\n")
        daemon.push()
        daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
        memory = daemon.memory()
        print(f"10,000 watched files: VmRSS {memory / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLessEqual(memory, 20 * MEGABYTE)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_wake_ups(self):
        daemon = self.start(1000)
        # The change that is left for later is the push's own reading of the databases; its timer is an hour away.
        report = self.machine.root / "strace"
        trace = subprocess.Popen(["strace", "-f", "-ttt", "-T", "-o", report, "-p", str(daemon.pid)], stderr=subprocess.PIPE)
        self.addCleanup(trace.kill)
        self.assertIn(b"attached", trace.stderr.readline())
        try:
            trace.wait(SECONDS)  # the measured time
            self.fail(f"strace ended: {trace.stderr.read()}")
        except subprocess.TimeoutExpired:
            end = time.time()
        self.assertTrue(daemon.answers())
        trace.send_signal(signal.SIGINT)
        trace.communicate(timeout=20)
        # A call that is seen whole, or that ended ("resumed"), is something that the daemon did: it was awake.
        seen = [line for line in report.read_text().splitlines()
                if "<unfinished" not in line and "<detached" not in line and "restart_syscall(" not in line and "(" in line]
        calls = [line for line in seen if returned(line) < end]
        self.assertGreater(len(seen), len(calls), "the request afterwards is seen: so would be anything else")
        wake_ups = [line for line in calls if "epoll_wait" in line or "futex" in line]
        print(f"idle for {SECONDS} s: {len(wake_ups)} wake-ups, {len(calls)} system calls", file=sys.stderr)
        self.assertLessEqual(len(wake_ups), 2 * SECONDS / 60, "\n".join(calls[:50]))

    def test_memory_after_many_pushes(self):
        daemon = self.start(300)
        sizes = {}
        for number in range(1, PUSHES[1] + 1):
            self.machine.write("workspace/MEMORY.md", f"push {number}\n")
            self.assertTrue(daemon.push()["snapshot"])
            if number in PUSHES:
                daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
                sizes[number] = daemon.memory()
        growth = sizes[PUSHES[1]] - sizes[PUSHES[0]]
        print(f"memory after {PUSHES[0]} and {PUSHES[1]} pushes: {sizes[PUSHES[0]] / MEGABYTE:.1f} and "
              f"{sizes[PUSHES[1]] / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLessEqual(growth, 2 * MEGABYTE)


if __name__ == "__main__":
    unittest.main()
