"""What the gateway waits for before a compaction: a capture of 200 MB with a live database, while nothing else is done and while a
long upload runs. The figures are printed; the bounds are wide, since other work on the machine must not fail them.
"""
import base64
import shutil
import sqlite3
import statistics
import sys
import time
import unittest

import harness
from harness import Daemon, FakeS3, Machine

ROUNDS = 20
FILES = 1700
FILE_BYTES = 100_000
BOUND_SECONDS = 1.5
LONG_UPLOAD_BYTES = 30_000_000  # a minute at 500 kB/s


class BeforeCompaction(unittest.TestCase):
    def setUp(self):
        self.random = harness.seeded()

    def prepare(self, machine):
        self.machine = machine
        self.addCleanup(machine.close)
        machine.populate(files=0, databases=False)
        for i in range(FILES):
            machine.write(f"workspace/files/{i % 40:02}/f{i:04}.bin", self.random.randbytes(FILE_BYTES))
        machine.database("agents/main/agent/openclaw-agent.sqlite", rows=1)
        self.writer = sqlite3.connect(machine.state / "agents/main/agent/openclaw-agent.sqlite", isolation_level=None)
        self.addCleanup(self.writer.close)
        self.writer.execute("PRAGMA wal_autocheckpoint=200")
        self.writer.execute("BEGIN")
        for _ in range(30):
            self.writer.executemany("INSERT INTO items(body) VALUES(?)", [(self.random.randbytes(500).hex(),)] * 1000)
        self.writer.execute("COMMIT")
        self.daemon = Daemon(machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until_backed_up(120)

    def change(self, number):
        for i in self.random.sample(range(FILES), 20):
            self.machine.write(f"workspace/files/{i % 40:02}/f{i:04}.bin", self.random.randbytes(FILE_BYTES))
        self.writer.execute("INSERT INTO items(body) VALUES(?)", (f"before {number}",))
        self.machine.write("workspace/marker.txt", f"before {number}\n")

    def capture(self, number):
        """One compaction: the snapshot's id and how long its answer took."""
        self.change(number)
        began = time.monotonic()
        answer = self.daemon.notify("before_compaction", data={"session": "s"})
        seconds = time.monotonic() - began
        self.machine.write("workspace/marker.txt", f"after {number}\n")
        self.writer.execute("INSERT INTO items(body) VALUES(?)", (f"after {number}",))
        self.assertTrue(answer["captured"], answer)
        self.assertTrue(answer["complete"], answer)
        return answer["snapshot"], seconds

    def marker(self, snapshot):
        return base64.b64decode(self.daemon.post("/v1/cat", {"snapshot": snapshot, "path": "workspace/marker.txt"})["contentBase64"])

    def rows_of(self, snapshot):
        target = self.machine.root / "restored"
        shutil.rmtree(target, ignore_errors=True)
        self.daemon.post("/v1/restore", {"snapshot": snapshot, "target": str(target), "paths": ["agents/**"], "yes": True})
        return harness.rows(target / "agents/main/agent/openclaw-agent.sqlite", "items")[-1][1]

    def report(self, what, times):
        ordered = sorted(times)
        median, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
        print(f"{what}: median {median * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, longest {ordered[-1] * 1000:.0f} ms "
              f"of {len(ordered)}", file=sys.stderr)
        self.assertLess(median, BOUND_SECONDS)

    def test_at_rest(self):
        self.prepare(Machine().use_directory(schedule="off", compactionUploadInterval="1h", keepSnapshots=1000,
                                             limits={"spool": "4GiB"}))
        first, _ = self.capture(0)
        self.daemon.until(lambda s: not s["queue"] and not s["jobs"], "the upload of the first")
        self.assertEqual(self.marker(first), b"before 0\n")
        self.assertEqual(self.rows_of(first), "before 0")
        times = []
        for number in range(1, ROUNDS + 1):
            snapshot, seconds = self.capture(number)
            times.append(seconds)
            self.daemon.until(lambda s, id=snapshot: s["queue"] and s["queue"][-1]["snapshot"] == id and
                              all(job["phase"].startswith("waiting") for job in s["jobs"]), "the check of its databases")
        self.report("before_compaction at rest", times)
        last = self.daemon.push()  # something that may not wait takes all before it along
        self.daemon.until(lambda s: not s["queue"] and not s["jobs"], "the uploads", 240)
        self.assertEqual(self.marker(snapshot), f"before {ROUNDS}\n".encode())
        self.assertEqual(self.rows_of(snapshot), f"before {ROUNDS}")
        self.assertEqual(self.marker(last["snapshot"]), f"after {ROUNDS}\n".encode())

    def test_while_a_long_upload_runs(self):
        fake = FakeS3("--trust-bodies")
        self.addCleanup(fake.stop)
        self.prepare(Machine().use_fake(fake, schedule="off", compactionUploadInterval="0s", keepSnapshots=1000,
                                        limits={"spool": "4GiB"}))
        self.machine.configure(limits={"spool": "4GiB", "upload": "500kB"})
        self.daemon.send(1)
        harness.wait_for(lambda: "read again" in self.daemon.log, "the slow upload")
        self.change(-1)
        self.machine.write("workspace/recording.bin", self.random.randbytes(LONG_UPLOAD_BYTES))
        self.daemon.post("/v1/push", {"wait": False})
        self.daemon.until(lambda s: any(job["phase"] == "uploading" for job in s["jobs"]), "the upload")
        times, snapshots = [], []
        for number in range(ROUNDS):
            snapshot, seconds = self.capture(number)
            times.append(seconds)
            snapshots.append(snapshot)
        waiting = [item["snapshot"] for item in self.daemon.status()["queue"]]
        self.assertEqual(waiting[1:], snapshots, "the upload of the first went on all the while")
        self.report("before_compaction during an upload", times)
        self.machine.configure(limits={"spool": "4GiB"}, compactionUploadInterval="0s")
        self.assertEqual(self.daemon.terminate(), 0)
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until(lambda s: snapshots[1] not in [item["snapshot"] for item in s["queue"]], "the uploads", 240)
        for number in (0, 1):
            self.assertEqual(self.marker(snapshots[number]), f"before {number}\n".encode())


if __name__ == "__main__":
    unittest.main()
