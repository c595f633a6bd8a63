"""kill -9 of the daemon at random moments of push, prune and restore: the next one finishes or undoes what was under way, and every
snapshot that exists restores byte for byte.

10 moments for each test; 100 with B2B_LONG=1, or as many as B2B_MOMENTS says. The seed is printed.
"""
import collections
import os
import shutil
import time
import unittest

import harness
from harness import Daemon, FakeS3, Machine

MOMENTS = int(os.environ.get("B2B_MOMENTS", 100 if harness.LONG else 10))
FILES = 300


class Killing(unittest.TestCase):
    database = "agents/main/agent/openclaw-agent.sqlite"  # None: this version replaces no database in place

    def setUp(self):
        self.random = harness.seeded()
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake, schedule="off", compactionUploadInterval="0s", keepSnapshots=5)
        self.addCleanup(self.machine.close)
        self.machine.populate(files=FILES, databases=False)
        if self.database:
            self.machine.database(self.database)
        self.version = 0
        self.contents = {}  # snapshot id → the state it was taken from
        self.compared = self.kills = 0
        self.haste = 1  # a share of the time that a job takes when nothing else goes on
        self.daemon = None
        self.start()
        self.daemon.until_backed_up()
        self.remember(self.daemon.status()["lastGood"]["snapshot"])

    def start(self):
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)

    def state(self, path=None):
        """Files as they are, the database as its rows."""
        path = path or self.machine.state
        entries = harness.without_databases(harness.tree(path))
        if self.database:
            entries[self.database] = harness.rows(path / self.database, "items")
        return entries

    def differences(self, left, right):
        return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))

    def remember(self, snapshot):
        if snapshot:
            self.contents[snapshot] = self.state()

    def remember_new(self):
        """Whatever came since the last change can only hold the state as it is now: nothing else was there to be captured."""
        for snapshot in self.daemon.snapshots():
            if snapshot["kind"] != "safety" and snapshot["id"] not in self.contents:
                self.remember(snapshot["id"])

    def check_nothing_is_left(self):
        """Of what was interrupted: no half-made capture, no spooled body, no swap under way."""
        for data in (self.machine.home / ".local/state/b2backupd").iterdir():
            left = [str(path.relative_to(data)) for pattern in ("queue/*", "spool/*", "restores/*") for path in data.glob(pattern)]
            self.assertEqual(left, [])

    def change(self):
        """A new version of the state: every third file tells which, so that a mixture is seen."""
        self.version += 1
        for i in range(0, FILES, 3):
            self.machine.write(f"workspace/files/f{i:04}.txt", f"version {self.version} of {i}\n" * (i % 20 + 1))
        if self.database:
            self.machine.database(self.database, rows=1)

    def until_quiet(self):
        # Right after a start nothing is known yet, neither a last good snapshot nor what waits.
        return self.daemon.until(lambda s: s["lastGood"] and not s["queue"] and not s["jobs"], "rest", 60)

    def check_all_snapshots(self):
        for snapshot in self.daemon.snapshots():
            if snapshot["kind"] == "safety":
                continue
            target = self.machine.root / "check"
            try:
                answer = self.daemon.post("/v1/restore", {"snapshot": snapshot["id"], "target": str(target), "yes": True})
            except harness.Refusal:
                self.assertNotIn(snapshot["id"], [s["id"] for s in self.machine.ok("snapshots")["snapshots"]])
                continue
            if answer["failed"] and snapshot["id"] not in [s["id"] for s in self.machine.ok("snapshots")["snapshots"]]:
                shutil.rmtree(target, ignore_errors=True)  # pruned in the meantime: pruning is no job that could be waited for
                continue
            self.assertEqual(answer["failed"], [], snapshot)
            restored = self.state(target)
            self.assertTrue(snapshot["id"] in self.contents, f"{snapshot} came unseen")
            self.assertEqual(self.differences(restored, self.contents[snapshot["id"]]), [], snapshot)
            self.compared += 1
            shutil.rmtree(target)

    def kill_at(self, seconds, answer=None):
        """While the daemon works on something that takes about so long. `answer`: the connection on which it is asked for.
        Returns whether it was still at work. How long it takes depends on what else the machine does: after a kill that came too
        late the next ones come sooner."""
        busy = self.kill_within(seconds * 1.1 * self.haste, answer)
        self.haste = min(1, self.haste * 1.15) if busy else self.haste * 0.7
        return busy

    def kill_within(self, seconds, answer):
        try:
            self.daemon.process.wait(self.random.uniform(0, seconds))
        except harness.subprocess.TimeoutExpired:
            pass
        self.kills += 1
        if answer:
            self.daemon.kill()
            # An answer that was sent is there to be read after the end of who sent it.
            try:
                return not answer.sock.recv(1)
            except ConnectionResetError:
                return True  # before it read the request
            finally:
                answer.close()
        busy = None
        try:
            busy = self.daemon.request("GET", "/v1/status", timeout=2)[1]
        except OSError:
            pass
        self.daemon.kill()
        return busy is None or b'"jobs":[]' not in busy

    def begin(self, path, **body):
        """Asks for a job and does not wait for its answer."""
        connection = harness.Connection(self.daemon.socket, 10)
        connection.request("POST", path, harness.json.dumps(body))
        return connection

    def report(self, busy, more=""):
        print(f"killed at work: {busy} of {self.kills}; {self.compared} restored snapshots compared{more}", file=harness.sys.stderr)

    def push_seconds(self):
        self.change()
        began = time.monotonic()
        self.remember(self.daemon.push()["snapshot"])
        self.until_quiet()
        return time.monotonic() - began


class KilledDaemon(Killing):
    def test_push_and_prune(self):
        typical = self.push_seconds()
        busy = 0
        for moment in range(MOMENTS):
            self.change()
            answered = []
            if moment % 2:
                answer = self.daemon.notify("before_compaction")
                self.assertTrue(answer["captured"], answer)
                answered.append(answer["snapshot"])
                self.remember(answer["snapshot"])
            else:
                self.daemon.post("/v1/push", {"wait": False})
            busy += self.kill_at(typical)
            self.start()
            if answered:
                harness.wait_for(lambda id=answered[0]: id in [s["id"] for s in self.daemon.snapshots()], "an answered capture", 60)
            self.until_quiet()
            self.remember_new()
            if moment % 5 == 4:
                self.check_all_snapshots()
            self.remember(self.daemon.push()["snapshot"])
            self.until_quiet()
        self.check_all_snapshots()
        self.assertGreater(busy, MOMENTS // 4, "too few were killed at work")
        everything = lambda: self.machine.ok("snapshots", "--all")["snapshots"]
        harness.wait_for(lambda: len(everything()) <= 5, "the end of pruning")
        self.assertEqual([s["id"] for s in everything() if s.get("unfinished")], [])
        self.check_nothing_is_left()
        self.report(busy)

    def keep(self, count):
        seen = self.daemon.log.count("keepSnapshots")
        self.machine.configure(keepSnapshots=count)
        self.daemon.send(1)
        harness.wait_for(lambda: self.daemon.log.count("keepSnapshots") > seen, "the new configuration")

    def test_prune(self):
        self.keep(1000)
        busy, each = 0, None
        for _ in range(1 + MOMENTS):
            for _ in range(3):
                self.change()
                self.remember(self.daemon.push()["snapshot"])
            self.until_quiet()
            self.keep(2)
            surplus = len(self.daemon.snapshots()) - 2
            if not each:
                began = time.monotonic()
                self.daemon.post("/v1/prune")
                each = (time.monotonic() - began) / surplus
                self.keep(1000)
                continue
            busy += self.kill_at(each * surplus, self.begin("/v1/prune"))
            self.machine.configure(keepSnapshots=1000)
            self.start()
            self.until_quiet()
            self.check_all_snapshots()
        self.keep(2)
        self.daemon.post("/v1/prune")
        self.check_all_snapshots()
        self.assertEqual(len(self.machine.ok("snapshots", "--all")["snapshots"]), 2)
        self.check_nothing_is_left()
        self.report(busy)


class KilledFirstPush(Killing):
    """The first push captures and uploads at once; nothing waits on this machine for the next one to find."""

    def test_first_push(self):
        began = time.monotonic()
        self.again()
        self.daemon.until_backed_up()
        typical, busy = time.monotonic() - began, 0
        for moment in range(MOMENTS):
            self.again()
            for _ in range(1 + moment % 3):  # killed again while it goes on
                busy += self.kill_at(typical)
                self.start()
            self.daemon.until_backed_up()
            self.remember_new()
            self.check_all_snapshots()
            everything = self.machine.ok("snapshots", "--all")["snapshots"]
            self.assertEqual(len(everything), 1, everything)
        self.assertGreater(busy, MOMENTS // 4, "too few were killed at work")
        self.check_nothing_is_left()
        self.report(busy)

    def again(self):
        """The same state on a machine and in a bucket that know nothing yet."""
        self.daemon.kill()
        shutil.rmtree(self.machine.home / ".local")
        self.version += 1
        self.machine.configure(prefix=f"number-{self.version}", autoRestore=False)
        self.contents = {}
        self.start()


class KilledRestore(Killing):
    database = None

    def test_restore_in_place(self):
        self.machine.configure(keepSnapshots=1000)
        self.daemon.send(1)
        first = self.daemon.status()["lastGood"]["snapshot"]
        self.change()
        second = self.daemon.push()["snapshot"]
        self.remember(second)
        began = time.monotonic()
        self.daemon.post("/v1/restore", {"snapshot": first, "yes": True})
        typical = time.monotonic() - began
        self.assertEqual(self.differences(self.state(), self.contents[first]), [])
        current, busy, outcomes = first, 0, collections.Counter()
        for _ in range(MOMENTS):
            wanted = second if current == first else first
            busy += self.kill_at(typical, self.begin("/v1/restore", snapshot=wanted, yes=True))
            self.start()
            self.until_quiet()  # the swap is finished or undone before anything else is done
            self.remember(self.daemon.push()["snapshot"])
            now = self.state()
            old, new = (self.differences(now, self.contents[id]) for id in (current, wanted))
            self.assertFalse(old and new, f"the state is neither the old nor the new one: {old[:5]}, {new[:5]}")
            outcomes["undone" if new else "finished"] += 1
            self.daemon.post("/v1/restore", {"snapshot": wanted, "yes": True})
            self.assertEqual(self.differences(self.state(), self.contents[wanted]), [])
            current = wanted
        self.assertGreater(busy, MOMENTS // 4, "too few were killed at work")
        self.check_all_snapshots()
        self.until_quiet()
        self.check_nothing_is_left()
        self.report(busy, f"; {dict(outcomes)}")


if __name__ == "__main__":
    unittest.main()
