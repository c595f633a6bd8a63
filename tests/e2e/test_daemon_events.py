"""Very many file events: several processes create, write, rename and remove files and folders as fast as 10,000 times a second, while
the daemon watches and pushes. The push that follows misses nothing, memory stays bounded, and then there is rest.

5 s; 60 s with B2B_LONG=1, or as many as B2B_EVENT_SECONDS says. What was reached is printed: a busy machine may not reach the rate.
"""
import multiprocessing
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

import harness
from harness import MEGABYTE, Daemon, FakeS3, Machine

SECONDS = int(os.environ.get("B2B_EVENT_SECONDS", 60 if harness.LONG else 5))
RATE = 10_000
WRITERS = 4
FILES = 300  # of each writer, at most


class Writer:
    """Changes things in a folder of its own, and counts the changes and the events that inotify makes of them, at least: two of a new
    file (made, written), one of a write, two of a rename, one of a removal."""

    def __init__(self, folder, seed, folders):
        self.folder, self.random, self.folders_at_most = folder, random.Random(seed), folders
        self.files, self.folders, self.number = [], [folder], 0
        self.changes = self.events = 0

    def count(self, events):
        self.changes += 1
        self.events += events

    def name(self):
        self.number += 1
        return os.path.join(self.random.choice(self.folders), f"n{self.number}")

    def create(self):
        if len(self.files) < FILES:
            path = self.name()
            self.put(path, os.O_EXCL)
            self.files.append(path)
            self.count(2)

    def put(self, path, flags):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
        os.write(file, b"%d " % self.number * self.random.choice((1, 10, 100)))
        os.close(file)

    def write(self):
        if self.files:
            self.number += 1
            self.put(self.random.choice(self.files), self.random.choice((0, os.O_TRUNC, os.O_APPEND if self.number % 50 == 0 else 0)))
            self.count(1)

    def rename(self):
        if self.files:
            place = self.random.randrange(len(self.files))
            # Every tenth over another file, which is gone with that.
            over = self.random.randrange(len(self.files)) if self.random.random() < 0.1 else place
            path = self.files[over] if over != place else self.name()
            os.rename(self.files[place], path)
            self.files[place] = path
            if over != place:
                self.files.pop(over)
            self.count(2)

    def remove(self):
        if self.files:
            os.unlink(self.files.pop(self.random.randrange(len(self.files))))
            self.count(1)

    def folder_comes_or_moves(self):
        """A new one, or one with all that is in it gets another name."""
        if self.folders_at_most == 1:
            return
        if len(self.folders) < self.folders_at_most:
            path = self.name()
            os.mkdir(path)
            self.folders.append(path)
        else:
            old = self.random.choice(self.folders[1:])
            new = os.path.join(self.folder, f"n{self.number}d")
            self.number += 1
            if os.path.exists(new):
                return
            os.rename(old, new)

            def moved(path):
                return new + path[len(old):] if path == old or path.startswith(old + "/") else path

            self.files, self.folders = [moved(path) for path in self.files], [moved(path) for path in self.folders]
        self.count(1)

    def run(self, seconds, rate):
        began = time.monotonic()
        kinds = [self.create] * 30 + [self.write] * 30 + [self.rename] * 20 + [self.remove] * 20
        while (passed := time.monotonic() - began) < seconds:
            if self.events > rate * passed:
                time.sleep(0.002)
                continue
            for _ in range(50):
                self.random.choice(kinds)()
            if self.random.random() < 0.1:
                self.folder_comes_or_moves()
        return self.changes, self.events, time.monotonic() - began


def run_writer(folder, seed, folders, seconds, rate, result):
    result.send(Writer(folder, seed, folders).run(seconds, rate))
    result.close()


class ManyEvents(unittest.TestCase):
    def setUp(self):
        self.random = harness.seeded()
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake, schedule="daily", keepSnapshots=1000,
                                          watch={"push": True, "quiet": "1s", "minInterval": "2s"})
        self.addCleanup(self.machine.close)
        self.machine.populate(files=200)
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until_backed_up()

    def folders(self):
        """A new one for each writer."""
        new = [self.machine.state / f"workspace/writer{number}" / str(self.random.random()) for number in range(WRITERS)]
        for folder in new:
            folder.mkdir(parents=True)
        return new

    def write(self, places, folders, seconds):
        """All writers at once: changes, events, and events a second."""
        fork = multiprocessing.get_context("fork")
        running = []
        for folder in places:
            near, far = fork.Pipe()
            process = fork.Process(target=run_writer, args=(str(folder), self.random.random(), folders, seconds, RATE * 1.05 / WRITERS, far))
            process.start()
            far.close()
            running.append((process, near))
        done = [(near.recv(), process.join())[0] for process, near in running]
        return (sum(changes for changes, _, _ in done), sum(events for _, events, _ in done),
                sum(events / seconds for _, events, seconds in done))

    def switches(self):
        """How often a thread of the daemon was given a processor or gave it up."""
        total = 0
        for task in os.listdir(f"/proc/{self.daemon.pid}/task"):
            for line in pathlib.Path(f"/proc/{self.daemon.pid}/task/{task}/status").read_text().splitlines():
                if "ctxt_switches" in line:
                    total += int(line.split()[1])
        return total

    def check_push_that_follows(self, ended):
        # Nobody asks for a push: the watcher must know that there is something to do.
        status = self.daemon.until(lambda s: harness.captured(s) > ended and not s["queue"] and not s["jobs"], "the push that follows", 120)
        self.assertEqual(status["watch"]["state"], "healthy")
        expected = harness.without_databases(harness.tree(self.machine.state))
        target = self.machine.root / "restored"
        self.daemon.post("/v1/restore", {"snapshot": status["lastGood"]["snapshot"], "target": str(target), "yes": True})
        restored = harness.without_databases(harness.tree(target))
        different = sorted(name for name in expected.keys() | restored.keys() if expected.get(name) != restored.get(name))
        self.assertEqual(different, [])
        self.assertGreater(len(expected), WRITERS * 100)
        return len(expected)

    def test_nothing_is_missed(self):
        changes, events, rate = self.write(self.folders(), 12, SECONDS)
        entries = self.check_push_that_follows(time.time())
        peak = self.daemon.memory("VmHWM")
        pushes = len(self.daemon.snapshots()) - 1
        print(f"{changes:,} changes, {events:,} events, {rate:,.0f} a second; {entries:,} entries at the end, none missed; "
              f"{pushes} pushes by the watcher; peak {peak / MEGABYTE:.1f} MB, now {self.daemon.memory() / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLessEqual(peak, 64 * MEGABYTE)
        self.assertEqual(self.daemon.post("/v1/verify", {"readData": True})["problems"], [])
        self.check_rest()

    def test_more_than_the_system_keeps(self):
        """The daemon does not come to read the events, and most of them are dropped."""
        kept = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        rounds = [self.folders() for _ in range(10)]
        made = time.time()  # a push after that: they are watched
        self.daemon.until(lambda s: harness.captured(s) > made and not s["jobs"] and not s["changes"]["count"], "rest")
        self.daemon.send(signal.SIGSTOP)
        events = 0
        for places in rounds:  # all in folders that are watched
            events += self.write(places, 1, 2)[1]
            if events > 2 * kept:
                break
        self.daemon.send(signal.SIGCONT)
        self.assertGreater(events, 2 * kept, "too few for this system")
        entries = self.check_push_that_follows(time.time())
        print(f"{events:,} events while {kept:,} are kept; {entries:,} entries at the end, none missed", file=sys.stderr)
        self.check_rest()

    def check_rest(self):
        self.daemon.until(lambda s: not s["jobs"] and not s["queue"] and not s["changes"]["count"], "rest", 60)
        self.pass_seconds(1)  # the end of that question's own connection
        seconds = 20 if SECONDS > 20 else 5
        before = self.switches()
        self.pass_seconds(seconds)
        woken = self.switches() - before
        print(f"at rest for {seconds} s: {woken} context switches", file=sys.stderr)
        self.assertLessEqual(woken, 10)

    def pass_seconds(self, seconds):
        with self.assertRaises(subprocess.TimeoutExpired, msg="the daemon ended"):
            self.daemon.process.wait(seconds)


if __name__ == "__main__":
    unittest.main()
