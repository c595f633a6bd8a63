"""What the daemon costs: memory while 10,000 files are watched, wake-ups while nothing happens, memory after many pushes.

20 s and 50 pushes; 200 s and 1,000 pushes with B2B_LONG=1, or as many as B2B_IDLE_SECONDS and B2B_PUSHES say. The figures are printed.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

import harness
from harness import MEGABYTE, Daemon, FakeS3, Machine

FILES = 10_000
SECONDS = int(os.environ.get("B2B_IDLE_SECONDS", 200 if harness.LONG else 20))
PUSHES = int(os.environ.get("B2B_PUSHES", 1000 if harness.LONG else 50))


def returned(line):
    """When a call of strace -ttt -T ended; the time of a resumed one is that already."""
    began, spent = float(line.split()[1]), line.rsplit("<", 1)
    return began if "resumed>" in line or len(spent) < 2 else began + float(spent[1].rstrip(">"))


class Idle(unittest.TestCase):
    def start(self):
        self.machine = Machine().use_directory(schedule="daily", keepSnapshots=3, watch={"push": True, "quiet": "1s", "minInterval": "1h"})
        self.addCleanup(self.machine.close)
        self.machine.populate(files=0)
        for i in range(FILES):
            self.machine.write(f"workspace/many/{i % 100:02}/f{i:05}.txt", f"file {i}\n")
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up(120)
        self.machine.write("workspace/MEMORY.md", "one more push, which finds most files as they were\n")
        daemon.push()
        daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
        return daemon

    def test_memory(self):
        daemon = self.start()
        memory = daemon.memory_at_rest()
        print(f"{FILES:,} watched files: VmRSS {memory / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLessEqual(memory, 20 * MEGABYTE)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_wake_ups(self):
        daemon = self.start()
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


class ManyPushes(unittest.TestCase):
    """Memory stays where it is, push after push: of files that change, come and go, and of a database."""

    def start(self, **config):
        self.machine = Machine()
        self.addCleanup(self.machine.close)
        self.machine.use_fake(self.fake, keepSnapshots=3, **config) if self.fake else self.machine.use_directory(keepSnapshots=3, **config)
        self.machine.populate(files=300)
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until_backed_up(120)

    def change(self, number):
        self.machine.write("workspace/MEMORY.md", f"push {number}\n")
        self.machine.write(f"workspace/files/f{number % 300:04}.txt", f"changed by {number}\n" * (number % 500))
        self.machine.write(f"workspace/new/{number % 7}/n{number}.txt", b"n" * 5000)
        gone = self.machine.state / f"workspace/new/{(number - 20) % 7}/n{number - 20}.txt"
        if gone.exists():
            gone.unlink()
        self.machine.database("agents/main/agent/openclaw-agent.sqlite", rows=1)

    def check(self, push):
        """`push` brings what changed into the store."""
        sizes = {}
        for number in range(1, PUSHES + 1):
            self.change(number)
            push()
            if number % max(PUSHES // 10, 1) == 0:
                self.daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
                sizes[number] = self.daemon.memory_at_rest()
        print("VmRSS after " + ", ".join(f"{number:,}: {size / MEGABYTE:.2f} MB" for number, size in sizes.items()), file=sys.stderr)
        # In a short run the first tenth is no hundred pushes yet; there the caches still fill.
        reference = min(number for number in sizes if number >= min(100, PUSHES // 2))
        self.assertLessEqual(sizes[PUSHES] - sizes[reference], 2 * MEGABYTE)
        target = self.machine.root / "last"
        self.daemon.post("/v1/restore", {"snapshot": "latest", "target": str(target), "yes": True})
        self.assertEqual((target / "workspace/MEMORY.md").read_text(), f"push {PUSHES}\n")
        self.assertEqual(len(harness.rows(target / "agents/main/agent/openclaw-agent.sqlite", "items")), 50 + PUSHES)

    def test_asked_for_s3(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.start(schedule="off")
        self.check(lambda: self.assertTrue(self.daemon.push()["snapshot"]))

    def test_on_change(self):
        self.fake = None
        self.start(schedule="daily", watch={"push": True, "quiet": "0s", "minInterval": "0s"})

        self.check(self.wait_for_the_last_change)

    def wait_for_the_last_change(self):
        """A good backup whose capture began after the change has all of it, also when it found nothing new."""
        changed = time.time()
        self.daemon.until(lambda s: harness.captured(s) > changed and not s["queue"] and not s["jobs"], "a push for the change", 60)


if __name__ == "__main__":
    unittest.main()
