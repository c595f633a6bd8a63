"""What goes wrong in the OpenClaw B2 plugin and its family, as tests that this project passes: one for each of the fourteen."""
import json
import os
import shutil
import subprocess
import threading
import unittest

import harness
from harness import FakeS3, Machine


class Directory(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory()
        self.addCleanup(self.machine.close)
        self.store = self.machine.root / "store" / "bucket" / "openclaw-backup"

    def restore(self, snapshot="latest", target="out", code=0):
        return self.machine.ok("restore", snapshot, "--target", self.machine.root / target, "--yes", code=code)

    def folders(self):
        return sorted(p.name for p in self.store.iterdir())


class SeedFailures(Directory):
    def test_01_incremental_snapshots_restore_and_survive_pruning_to_one(self):
        m = self.machine.populate()
        m.configure(keepSnapshots=1)
        m.ok("push")
        for i in range(11):
            m.write("workspace/MEMORY.md", f"# memory {i}\n")
            answer = m.ok("push")
            self.assertTrue(answer["complete"])
        self.assertEqual(len(m.ok("snapshots")["snapshots"]), 1)
        self.restore()
        expected = harness.without_databases(harness.tree(m.state))
        self.assertEqual(harness.without_databases(harness.tree(m.root / "out")), expected)

    def test_02_a_torn_upload_is_never_latest(self):
        m = self.machine.populate(databases=False)
        first = m.ok("push")["snapshot"]
        m.write("workspace/MEMORY.md", "newer\n")
        second = m.ok("push")["snapshot"]
        (self.store / second / "manifest.json").unlink()
        self.assertEqual(self.restore()["snapshot"], first)
        listed = {s["id"]: s for s in m.ok("snapshots", "--all")["snapshots"]}
        self.assertTrue(listed[second]["unfinished"])
        self.assertFalse(listed[second]["complete"])

    def test_03_what_is_hashed_is_what_is_uploaded_although_files_change(self):
        m = self.machine.populate(files=300)
        stop = threading.Event()

        def scribble():
            n = 0
            while not stop.is_set():
                for i in range(0, 300, 7):
                    m.write(f"workspace/files/f{i:04}.txt", f"version {n} " * (n % 50 + 1))
                with open(m.state / "agents/main/sessions/a.jsonl", "a", encoding="utf-8") as log:
                    log.write('{"n":2}\n')
                n += 1

        writer = threading.Thread(target=scribble)
        writer.start()
        try:
            for _ in range(5):
                outcome = m.run("--json", "push")
                self.assertIn(outcome.code, (0, 3), outcome)
        finally:
            stop.set()
            writer.join()
        verified = m.ok("verify", "--read-data")
        self.assertEqual(verified["problems"], [])
        self.assertGreaterEqual(verified["snapshots"], 1)

    def test_04_without_encryption_a_file_that_looks_encrypted_restores(self):
        m = self.machine
        m.configure(encrypt=False, encryptionKey=None)
        m.populate(databases=False)
        tricky = b"B2EN" + os.urandom(200)
        m.write("workspace/tricky.bin", tricky)
        m.ok("push")
        self.restore()
        self.assertEqual((m.root / "out/workspace/tricky.bin").read_bytes(), tricky)

    def test_05_a_stale_wal_is_never_replayed_into_a_restored_database(self):
        m = self.machine.populate()
        m.ok("push")
        self.restore()
        database = m.root / "out/state/openclaw.sqlite"
        before = harness.rows(database, "cron_jobs")
        # A later life of the restored database, killed with commits in its WAL only.
        script = ("import sqlite3,os\n"
                  f"c=sqlite3.connect({str(database)!r})\n"
                  "c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA wal_autocheckpoint=0')\n"
                  "c.execute(\"UPDATE cron_jobs SET body='wrong'\"); c.commit(); os._exit(0)\n")
        subprocess.run(["python3", "-c", script], check=True)
        self.assertTrue(os.path.getsize(f"{database}-wal") > 0)
        answer = self.restore()
        self.assertEqual(answer["failed"], [])
        self.assertEqual(harness.rows(database, "cron_jobs"), before)

    def test_06_one_corrupt_object_costs_one_file_and_a_vanishing_file_no_push(self):
        m = self.machine.populate()
        snapshot = m.ok("push")["snapshot"]
        body = self.store / snapshot / "workspace/files/f0003.txt"
        data = bytearray(body.read_bytes())
        data[-1] ^= 1
        body.chmod(0o600)
        body.write_bytes(data)
        answer = self.restore(code=3)
        self.assertEqual([f["path"] for f in answer["failed"]], ["workspace/files/f0003.txt"])
        self.assertGreater(answer["restored"], 20)

        stop = threading.Event()

        def vanish():
            n = 0
            while not stop.is_set():
                path = m.write(f"workspace/files/fleeting{n % 50}", "x" * 1000)
                path.unlink()
                n += 1

        thread = threading.Thread(target=vanish)
        thread.start()
        try:
            for i in range(10):
                m.write("workspace/MEMORY.md", f"{i}")
                outcome = m.run("--json", "push")
                self.assertIn(outcome.code, (0, 3), outcome)
                self.assertIsNotNone(outcome.json["snapshot"], outcome)
        finally:
            stop.set()
            thread.join()

    def test_08_files_over_2_gib_work_in_bounded_memory(self):
        m = self.machine.populate(files=1, databases=False)
        with open(m.state / "workspace/large.bin", "wb") as file:
            file.truncate((2 << 30) + 123_457)
            file.seek(1 << 30)
            file.write(os.urandom(1 << 20))
            file.seek((2 << 30) + 1000)
            file.write(b"the end")
        m.configure(limits={"spool": "4GB"})
        peak = peak_memory_mb(m, "push")
        self.assertLess(peak, 64, "peak memory of push in MB")
        peak = peak_memory_mb(m, "restore", "latest", "--target", m.root / "out", "--yes")
        self.assertLess(peak, 64, "peak memory of restore in MB")
        same = subprocess.run(["cmp", m.state / "workspace/large.bin", m.root / "out/workspace/large.bin"], check=False)
        self.assertEqual(same.returncode, 0)

    def test_10_an_emptied_bucket_is_noticed(self):
        m = self.machine.populate()
        m.ok("push")
        shutil.rmtree(self.store)
        answer = m.ok("push")
        self.assertIsNotNone(answer["snapshot"])
        self.assertIn("no longer in", " ".join(answer["warnings"]))
        self.restore()

    def test_11_modes_links_and_empty_directories_come_back_and_later_files_do_not_stay(self):
        m = self.machine.populate(databases=False)
        m.ok("push")
        expected = harness.tree(m.state)
        m.write("workspace/added-later.md", "later\n")
        m.write("workspace/MEMORY.md", "edited\n")
        (m.state / "workspace/script.sh").chmod(0o600)
        answer = m.ok("restore", "latest", "--yes")
        self.assertEqual(harness.tree(m.state), expected)
        self.assertEqual(answer["removed"], 1)
        self.assertIsNotNone(answer["safety"])
        kept = list((m.state / "b2backupd").glob("quarantine-*/workspace/added-later.md"))
        self.assertEqual([p.read_text() for p in kept], ["later\n"])

    def test_12_a_new_machine_restores_and_without_a_safety_copy_nothing_is_swapped(self):
        m = self.machine.populate(databases=False)
        m.ok("push")
        with self.subTest("the configuration is already there"):
            fresh = Machine(**m.config)
            self.addCleanup(fresh.close)
            fresh.write("openclaw.json", json.dumps({"plugins": {"entries": {"b2-backup": {"config": {"bucket": "bucket"}}}}}))
            answer = fresh.ok("restore", "latest", "--yes")
            self.assertEqual(answer["failed"], [])
            self.assertTrue((fresh.state / "workspace/MEMORY.md").exists())
        with self.subTest("the safety copy fails"):
            m.write("workspace/MEMORY.md", "precious\n")
            before = harness.tree(m.state)
            data = next((m.home / ".local/state/b2backupd").iterdir())
            shutil.rmtree(data / "safety", ignore_errors=True)
            (data / "safety").write_text("in the way")
            outcome = m.run("restore", "latest", "--yes")
            self.assertNotEqual(outcome.code, 0, outcome)
            self.assertEqual(harness.tree(m.state), before)

    def test_13_one_derivation_for_a_whole_push(self):
        m = self.machine.populate(files=200)
        snapshot = m.ok("push")["snapshot"]
        salts, ivs = set(), set()
        for path in (self.store / snapshot).rglob("*"):
            if path.is_file() and path.name != "manifest.json":
                head = path.read_bytes()[:64]
                self.assertEqual(head[:4], b"B2EN")
                salts.add(head[4:36])
                ivs.add(head[36:48])
        self.assertEqual(len(salts), 1)
        self.assertGreater(len(ivs), 200)


class SeedFailuresOnS3(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake)
        self.addCleanup(self.machine.close)

    def test_07_a_slow_uplink_is_no_failure_while_bytes_flow(self):
        m = self.machine
        # The whole request takes longer than any single timeout of ours in the long run; a tenth of that otherwise.
        seconds = 75 if harness.LONG else 8
        m.write("workspace/large.bin", os.urandom(seconds * 200_000))
        m.configure(limits={"upload": "200KB/s"})
        answer = m.ok("push", timeout=seconds * 4)
        self.assertGreaterEqual(answer["seconds"], seconds * 0.8)
        self.assertEqual(self.fake.stats()["requests"].get("PUT"), 2)

    def test_09_every_legal_prefix_works(self):
        m = self.machine.populate(files=3, databases=False)
        for prefix in ("it's (mine) *!", "a+b&c=d?e#f", "ünï/日本 🦞", "100%25"):
            with self.subTest(prefix):
                m.configure(prefix=prefix)
                m.ok("push")
                self.assertEqual(len(m.ok("snapshots")["snapshots"]), 1)
                m.ok("restore", "latest", "--target", m.root / "out", "--yes")
                self.assertEqual(harness.tree(m.root / "out"), harness.tree(m.state))
                shutil.rmtree(m.root / "out")

    def test_14_requests_go_side_by_side_and_deletions_in_batches(self):
        m = self.machine.populate(files=150, databases=False)
        m.configure(keepSnapshots=1)
        m.ok("push")
        self.fake.control("", {"latencyMs": 50})
        m.write("workspace/MEMORY.md", "changed\n")
        before = self.fake.stats()["requests"]
        answer = m.ok("push")
        after = self.fake.stats()["requests"]
        # One after the other, some 160 requests of 50 ms would take 8 s.
        self.assertLess(answer["seconds"], 4)
        self.assertEqual(after.get("DELETE", 0), before.get("DELETE", 0))
        self.assertLessEqual(after.get("POST", 0) - before.get("POST", 0), 4)
        import time
        began = time.monotonic()
        m.ok("restore", "latest", "--target", m.root / "out", "--yes")
        self.assertLess(time.monotonic() - began, 4)


def peak_memory_mb(machine, *arguments):
    """Peak resident memory of one run, in MB (1,000,000 bytes)."""
    process = machine.start("--json", *arguments)
    out, err = process.stdout, process.stderr
    reader = threading.Thread(target=lambda: (out.read(), err.read()))
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    out.close()
    err.close()
    assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
    return usage.ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    unittest.main()
