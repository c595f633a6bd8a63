"""kill -9 at random moments of push, restore and prune: every listed snapshot restores, the target is old or new or absent.

10 moments, 100 with B2B_LONG=1. The seed is printed.
"""
import shutil
import sqlite3
import subprocess
import time
import unittest

import harness
from harness import Machine

MOMENTS = 100 if harness.LONG else 10


class Kill(unittest.TestCase):
    def setUp(self):
        self.random = harness.seeded()
        self.haste = 1  # a share of the time that a job takes when nothing else goes on
        self.machine = Machine().use_directory(keepSnapshots=4)
        self.addCleanup(self.machine.close)
        self.machine.populate(files=400, databases=False)
        self.version = 0
        self.contents = {}  # snapshot id → the state it was taken from

    def change(self):
        """A new version of the state: every file tells which, so that a mixture is seen."""
        self.version += 1
        for i in range(0, 400, 3):
            self.machine.write(f"workspace/files/f{i:04}.txt", f"version {self.version} of {i}\n" * (i % 20 + 1))

    def timed(self, *arguments):
        began = time.monotonic()
        self.machine.ok(*arguments)
        return time.monotonic() - began

    def kill_within(self, seconds, *arguments):
        """Starts daemonctl and kills it at a random moment of about the time it takes."""
        process = self.machine.start(*arguments)
        try:
            process.wait(self.random.uniform(0, seconds * 1.1 * self.haste))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        # How long it takes depends on what else the machine does: after a kill that came too late the next ones come sooner.
        self.haste = min(1, self.haste * 1.15) if process.returncode == -9 else self.haste * 0.7
        return process.returncode

    def check_all_snapshots(self):
        for snapshot in self.machine.ok("snapshots")["snapshots"]:
            if snapshot["kind"] == "safety":
                continue
            out = self.machine.root / "check"
            answer = self.machine.ok("restore", snapshot["id"], "--target", out, "--yes")
            self.assertEqual(answer["failed"], [])
            restored = harness.tree(out)
            if snapshot["id"] in self.contents:
                self.assertEqual(restored, self.contents[snapshot["id"]])
            versions = {content[2].split()[1] for name, content in restored.items()
                        if name.startswith(b"workspace/files/") and content[2].startswith(b"version")}
            self.assertLessEqual(len(versions), 1, "a snapshot mixes versions of the state")
            shutil.rmtree(out)

    def push(self):
        answer = self.machine.ok("push")
        if answer["snapshot"]:
            self.contents[answer["snapshot"]] = harness.tree(self.machine.state)
        return answer

    def test_push_and_prune(self):
        self.push()
        self.change()
        typical = self.timed("push")
        killed = 0
        for moment in range(MOMENTS):
            self.change()
            killed += self.kill_within(typical, "push") == -9
            if moment % 5 == 4:
                self.check_all_snapshots()
            self.push()
        self.check_all_snapshots()
        self.assertGreater(killed, MOMENTS // 4, "too few runs were killed half-way")
        kept = [s for s in self.machine.ok("snapshots", "--all")["snapshots"]]
        self.assertEqual([s for s in kept if s.get("unfinished")], [])

    def test_prune_alone(self):
        self.machine.configure(keepSnapshots=1000)
        for _ in range(4):
            self.change()
            self.push()
        killed = 0
        for _ in range(MOMENTS):
            self.machine.configure(keepSnapshots=1000)
            for _ in range(3):
                self.change()
                self.push()
            self.machine.configure(keepSnapshots=2)
            killed += self.kill_within(0.15, "prune") == -9
            self.check_all_snapshots()
        self.machine.ok("prune")
        self.check_all_snapshots()
        self.assertEqual(len(self.machine.ok("snapshots", "--all")["snapshots"]), 2)

    def test_restore_to_a_new_target(self):
        snapshot = self.push()["snapshot"]
        target = self.machine.root / "target"
        typical = self.timed("restore", snapshot, "--target", target, "--yes")
        shutil.rmtree(target)
        for _ in range(MOMENTS):
            self.kill_within(typical, "restore", snapshot, "--target", target, "--yes")
            if target.exists():
                self.assertEqual(harness.tree(target), self.contents[snapshot])
                shutil.rmtree(target)
        self.machine.ok("restore", snapshot, "--target", target, "--yes")
        self.assertEqual(harness.tree(target), self.contents[snapshot])

    def test_restore_in_place(self):
        self.machine.configure(keepSnapshots=1000)  # the two must not be pruned meanwhile
        first = self.push()["snapshot"]
        self.change()
        second = self.push()["snapshot"]
        typical = self.timed("restore", first, "--yes")
        self.machine.ok("restore", second, "--yes")
        current = second
        killed = 0
        for _ in range(MOMENTS):
            wanted = first if current == second else second
            killed += self.kill_within(typical, "restore", wanted, "--yes") == -9
            self.machine.run("push")  # any job that takes the lock finishes or undoes the swap first
            now = harness.tree(self.machine.state)
            self.assertIn(now, (self.contents[current], self.contents[wanted]), "the state is neither the old nor the new one")
            self.machine.ok("restore", wanted, "--yes")
            self.assertEqual(harness.tree(self.machine.state), self.contents[wanted])
            current = wanted
        self.assertGreater(killed, MOMENTS // 4, "too few runs were killed half-way")

    def kill_in_the_swap(self, *arguments):
        """Kills it as soon as openclaw.json is away."""
        process = self.machine.start(*arguments)
        config = self.machine.state / "openclaw.json"
        while process.poll() is None and config.exists():
            pass
        process.kill()
        process.communicate()
        return process.returncode

    def databases(self):
        """Rows of each, read without touching anything; None where there is none."""
        counts = []
        for name in ("state/openclaw.sqlite", "agents/main/agent/openclaw-agent.sqlite"):
            path = self.machine.state / name
            counts.append(None)
            if path.exists():
                connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
                counts[-1] = connection.execute("SELECT count(*) FROM items").fetchone()[0]
                connection.close()
        return counts

    def test_restore_of_databases_in_place(self):
        """Never openclaw.json beside databases of two times, whenever it is killed."""
        self.machine.configure(keepSnapshots=1000)
        snapshots = []
        for rows in (50, 30):
            self.machine.database("state/openclaw.sqlite", rows=rows)
            self.machine.database("agents/main/agent/openclaw-agent.sqlite", rows=rows)
            self.change()
            snapshots.append((self.push()["snapshot"], [50, 50] if rows == 50 else [80, 80]))
        typical = self.timed("restore", snapshots[0][0], "--yes")
        self.assertEqual(self.databases(), [50, 50])
        killed, without = 0, 0
        for moment in range(MOMENTS):
            wanted, rows = snapshots[(moment + 1) % 2]
            if moment % 2:
                killed += self.kill_in_the_swap("restore", wanted, "--yes") == -9
            else:
                killed += self.kill_within(typical, "restore", wanted, "--yes") == -9
            if (self.machine.state / "openclaw.json").exists():
                self.assertIn(self.databases(), ([50, 50], [80, 80]))
            else:
                without += 1
            self.machine.run("push")  # any job that takes the lock finishes or undoes the swap first
            self.assertIn(self.databases(), ([50, 50], [80, 80]))
            self.assertTrue((self.machine.state / "openclaw.json").exists())
            self.machine.ok("restore", wanted, "--yes")
            self.assertEqual(self.databases(), rows)
        print(f"killed: {killed} of {MOMENTS}, {without} of them without openclaw.json", file=harness.sys.stderr)
        self.assertGreater(killed, MOMENTS // 4, "too few runs were killed half-way")
        self.assertGreater(without, 0, "none was killed while it swapped")


if __name__ == "__main__":
    unittest.main()
