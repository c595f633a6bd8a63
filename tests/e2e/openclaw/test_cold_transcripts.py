"""Transcripts that OpenClaw has moved out of its database, into sessions/cold: each snapshot holds every session whole, here or there."""
import hashlib
import json
import sqlite3
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, rows, transcripts, wait_for

FORTY_DAYS = 40 * 24 * 3600 * 1000
COLD = "agents/main/sessions/cold"


def archives(root):
    """session → the name and the SHA-256 of the file that has its transcript."""
    connection = sqlite3.connect(f"file:{root / AGENT_DATABASE}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT session_id, archive_name, archive_sha256 FROM session_transcript_cold_archives WHERE storage = 'file'")
        return {session: (name, digest) for session, name, digest in found}
    finally:
        connection.close()


class Cold(unittest.TestCase):
    def make_old(self, session):
        """As if nobody had used it for forty days; the gateway is stopped."""
        connection = sqlite3.connect(self.gateway.state / AGENT_DATABASE)
        key = f"agent:main:{session}"
        entry = json.loads(connection.execute("SELECT entry_json FROM session_nodes WHERE session_key = ?", (key,)).fetchone()[0])
        entry = {name: value - FORTY_DAYS if name.endswith("At") and isinstance(value, int) else value for name, value in entry.items()}
        connection.execute("UPDATE session_nodes SET entry_json = ? WHERE session_key = ?", (json.dumps(entry, separators=(",", ":")), key))
        for table, columns in (("session_nodes", ("updated_at", "created_at", "last_activity_at", "last_interaction_at")),
                               ("session_windows", ("updated_at", "created_at", "started_at", "ended_at", "transcript_updated_at",
                                                    "transcript_observed_at"))):
            connection.execute(f"UPDATE {table} SET {', '.join(f'{column} = {column} - {FORTY_DAYS}' for column in columns)} WHERE session_key = ?", (key,))
        connection.execute("UPDATE session_nodes SET entry_valid = 1 WHERE session_key = ?", (key,))
        connection.commit()
        connection.close()

    def assert_whole(self, root):
        """Every transcript of now is in the database of the copy, packed or not, or in the file that the database names."""
        cold = archives(root)
        for name, digest in cold.values():
            self.assertEqual(hashlib.sha256((root / COLD / name).read_bytes()).hexdigest(), digest)
        packed = {row[0] for row in rows(root / AGENT_DATABASE)["session_transcript_cold_archives"] if row[-2] == "sqlite"}
        self.assertEqual(set(transcripts(root / AGENT_DATABASE)) | packed | set(cold), self.sessions)
        return cold

    def restored(self, snapshot, name):
        target = self.machine.root / name
        self.daemon.post("/v1/restore", {"snapshot": snapshot, "target": str(target), "yes": True})
        return target

    def test_complete_in_a_snapshot(self):
        self.machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        self.gateway = gateway = Gateway(self.machine, {"session": {"maintenance": {"coldStorage": {"enabled": True, "afterDays": 1}}}})
        self.addCleanup(gateway.close)
        self.daemon = Daemon(self.machine, env={"PATH": gateway.environment["PATH"]})
        self.addCleanup(self.daemon.kill)
        gateway.start()
        for session in ("s0", "s1", "s2"):
            gateway.chat(session, f"The first words of {session}.")
        self.assertEqual(gateway.stop()[0], 0)
        self.sessions = set(gateway.transcripts())
        self.assertEqual(len(self.sessions), 3)
        for session in ("s0", "s1"):
            self.make_old(session)

        # Backed up again and again while they move.
        gateway.start()
        gateway.call("sessions.storage.run", {})
        taken = []

        def moved():
            taken.append(self.daemon.push()["snapshot"])
            return len(archives(gateway.state)) == 2
        wait_for(moved, "the move of two transcripts", 60)
        last = self.daemon.push()["snapshot"] or [snapshot for snapshot in taken if snapshot][-1]
        for number, snapshot in enumerate(snapshot for snapshot in {*taken, last} if snapshot):
            self.assert_whole(self.restored(snapshot, f"at-{number}"))

        # The last one, row by row and byte by byte.
        target = self.machine.root / "last"
        self.restored(last, "last")
        cold = self.assert_whole(target)
        self.assertEqual(cold, archives(gateway.state))
        self.assertEqual(len(cold), 2)
        for name, _ in cold.values():
            self.assertEqual((target / COLD / name).read_bytes(), (gateway.state / COLD / name).read_bytes())
        then = {"transcripts": gateway.transcripts(), "cron": cron_jobs(gateway.state / "state/openclaw.sqlite")}
        self.assertEqual(transcripts(target / AGENT_DATABASE), then["transcripts"])
        self.assertEqual(cron_jobs(target / "state/openclaw.sqlite"), then["cron"])
        for table in ("session_nodes", "session_windows", "session_transcript_cold_archives"):
            self.assertEqual(rows(target / AGENT_DATABASE)[table], rows(gateway.state / AGENT_DATABASE)[table])

        # Lost with their database, and back where OpenClaw finds them: it goes on in a session that was moved out.
        self.assertEqual(gateway.stop()[0], 0)
        for name, _ in cold.values():
            (gateway.state / COLD / name).unlink()
        report = self.daemon.post("/v1/restore", {"snapshot": last, "yes": True})
        self.assertEqual(report["failed"], [])
        self.assert_whole(gateway.state)
        gateway.start()
        self.assertIn("Answer", gateway.chat("s0", "Do you remember me?"))
        self.assertIn("The first words of s0.", json.dumps(gateway.model.requests[-1]))


if __name__ == "__main__":
    unittest.main()
