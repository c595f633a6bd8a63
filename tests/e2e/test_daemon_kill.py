"""kill -9 of the daemon at random moments of push, prune and restore: the next one finishes or undoes what was under way, and every
snapshot that exists restores byte for byte.

10 moments, 200 with B2B_LONG=1. The seed is printed.
"""
import shutil
import time
import unittest

import harness
from harness import Daemon, FakeS3, Machine

MOMENTS = 200 if harness.LONG else 10
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
        self.daemon = None
        self.start()
        self.daemon.until_backed_up()
        self.remember(self.daemon.status()["lastGood"]["snapshot"])

    def start(self):
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)

    def state(self):
        return harness.without_databases(harness.tree(self.machine.state))

    def remember(self, snapshot):
        if snapshot:
            self.contents[snapshot] = self.state()

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
            if self.database:
                harness.rows(target / self.database, "items")
            restored = harness.without_databases(harness.tree(target))
            if snapshot["id"] in self.contents:
                self.assertEqual(restored, self.contents[snapshot["id"]])
            versions = {content[2].split()[1] for name, content in restored.items()
                        if name.startswith(b"workspace/files/") and content[2].startswith(b"version")}
            self.assertLessEqual(len(versions), 1, "a snapshot mixes versions of the state")
            shutil.rmtree(target)

    def kill_at(self, seconds):
        """While the daemon works on something that takes about so long."""
        try:
            self.daemon.process.wait(self.random.uniform(0, seconds * 1.2))
        except harness.subprocess.TimeoutExpired:
            pass
        busy = None
        try:
            busy = self.daemon.request("GET", "/v1/status", timeout=2)[1]
        except OSError:
            pass
        self.daemon.kill()
        return busy is None or b'"jobs":[]' not in busy

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
            if moment % 5 == 4:
                self.check_all_snapshots()
            self.remember(self.daemon.push()["snapshot"])
            self.until_quiet()
        self.check_all_snapshots()
        self.assertGreater(busy, MOMENTS // 4, "too few were killed at work")
        everything = lambda: self.machine.ok("snapshots", "--all")["snapshots"]
        harness.wait_for(lambda: len(everything()) <= 5, "the end of pruning")
        self.assertEqual([s["id"] for s in everything() if s.get("unfinished")], [])

    def test_prune(self):
        self.machine.configure(keepSnapshots=1000)
        self.daemon.send(1)
        for _ in range(MOMENTS):
            for _ in range(3):
                self.change()
                self.remember(self.daemon.push()["snapshot"])
            self.until_quiet()
            self.machine.configure(keepSnapshots=2)
            self.daemon.send(1)
            harness.wait_for(lambda: "keepSnapshots" in self.daemon.log.splitlines()[-1], "the new configuration")
            connection = harness.Connection(self.daemon.socket, 10)
            connection.request("POST", "/v1/prune", "{}")
            self.kill_at(0.15)
            connection.close()
            self.machine.configure(keepSnapshots=1000)
            self.start()
            self.until_quiet()
            self.check_all_snapshots()
        self.machine.configure(keepSnapshots=2)
        self.daemon.send(1)
        harness.wait_for(lambda: "keepSnapshots" in self.daemon.log.splitlines()[-1], "the new configuration")
        self.daemon.post("/v1/prune")
        self.check_all_snapshots()
        self.assertEqual(len(self.machine.ok("snapshots", "--all")["snapshots"]), 2)


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
        self.assertEqual(self.state(), self.contents[first])
        current, busy, outcomes = first, 0, set()
        for _ in range(MOMENTS):
            wanted = second if current == first else first
            connection = harness.Connection(self.daemon.socket, 10)
            connection.request("POST", "/v1/restore", harness.json.dumps({"snapshot": wanted, "yes": True}))
            busy += self.kill_at(typical)
            connection.close()
            self.start()
            self.until_quiet()  # the swap is finished or undone before anything else is done
            self.daemon.push()
            now = self.state()
            self.assertIn(now, (self.contents[current], self.contents[wanted]), "the state is neither the old nor the new one")
            outcomes.add(now == self.contents[wanted])
            self.daemon.post("/v1/restore", {"snapshot": wanted, "yes": True})
            self.assertEqual(self.state(), self.contents[wanted])
            current = wanted
        self.assertGreater(busy, MOMENTS // 4, "too few were killed at work")
        self.check_all_snapshots()
        print(f"killed at work: {busy} of {MOMENTS}; outcomes: {sorted(outcomes)}", file=harness.sys.stderr)


if __name__ == "__main__":
    unittest.main()
