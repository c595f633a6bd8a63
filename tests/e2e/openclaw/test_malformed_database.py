"""An agent's database is damaged: it goes back to the snapshot, and what was there is kept as it was."""
import hashlib
import sqlite3
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, wait_for

PAGE = 4096


def whole(path):
    """Does SQLite find nothing wrong with it?"""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.create_function("octet_length", 1, lambda value: len(value.encode() if isinstance(value, str) else value or b""))
    try:
        return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


class Malformed(unittest.TestCase):
    def spoil(self, path):
        """Every second page of its middle third is noise."""
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        with open(path, "r+b") as file:
            pages = file.seek(0, 2) // PAGE
            self.assertGreater(pages, 30)
            for page in range(pages // 3, 2 * pages // 3, 2):
                file.seek(page * PAGE)
                file.write(hashlib.sha256(str(page).encode()).digest() * (PAGE // 32))
        return path.read_bytes()

    def test_back_to_a_whole_one(self):
        machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        self.addCleanup(machine.close)
        gateway = Gateway(machine)
        self.addCleanup(gateway.close)
        daemon = Daemon(machine, env={"PATH": gateway.environment["PATH"]})
        self.addCleanup(daemon.kill)
        gateway.start()
        gateway.populate(sessions=1)
        self.assertEqual(gateway.stop()[0], 0)
        then = {"transcripts": gateway.transcripts(), "cron": cron_jobs(machine.state / "state/openclaw.sqlite")}
        snapshot = daemon.push()["snapshot"]
        path = machine.state / AGENT_DATABASE
        self.assertTrue(whole(path))
        damaged = self.spoil(path)
        self.assertFalse(whole(path))

        report = daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True})
        self.assertEqual(report["failed"], [])
        self.assertTrue(any("is damaged" in note and AGENT_DATABASE in note for note in report["notes"]), report)
        self.assertTrue(whole(path))
        self.assertEqual(gateway.transcripts(), then["transcripts"])
        self.assertEqual(cron_jobs(machine.state / "state/openclaw.sqlite"), then["cron"])

        # What was there is kept as it was.
        wait_for(lambda: report["safety"] in [entry["id"] for entry in daemon.snapshots()], "the upload of the safety snapshot", 60)
        target = machine.root / "safety"
        daemon.post("/v1/restore", {"snapshot": report["safety"], "target": str(target), "yes": True})
        self.assertEqual((target / AGENT_DATABASE).read_bytes(), damaged)

        gateway.start()
        self.assertIn("Answer", gateway.chat("s0", "Are you whole again?"))
        self.assertIn("Turn 1 of session 0", str(gateway.model.requests[-1]))
        self.assertIn("daily", gateway.cli("cron", "list").out)


if __name__ == "__main__":
    unittest.main()
