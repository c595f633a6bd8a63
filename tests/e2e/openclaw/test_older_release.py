"""OpenClaw 2026.2.26, whose sessions are JSONL files: backed up, restored, and taken over by the newer release."""
import json
import sqlite3
import subprocess
import unittest

from gateway import AGENT_DATABASE, OLDER, OPENCLAW, Daemon, Gateway, Machine, cron_jobs, files_of_sessions, rows, transcripts, wait_for
from harness import BIN, Outcome, Refusal, tree  # gateway.py tells where

MEMORY_INDEX = "memory/main.sqlite"
AT_LENGTH = "the quick brown fox jumps over the lazy dog. " * 1500  # enough for a compaction


class OlderGateway(unittest.TestCase):
    def prepare(self):
        self.machine = Machine().use_directory(schedule="off", compactionUploadInterval="0s", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        self.gateway = Gateway(self.machine, release=OLDER)
        self.addCleanup(self.gateway.close)
        self.gateway.install_plugin()
        self.daemon = self.start_daemon()

    def start_daemon(self, **more):
        """With the OpenClaw of now in its PATH, and its temporary directory, where that release has its locks."""
        daemon = Daemon(self.machine, env={"PATH": self.gateway.environment["PATH"], "TMPDIR": str(self.machine.root), **more})
        self.addCleanup(daemon.kill)
        return daemon

    def daemonctl(self, *words):
        done = subprocess.run([BIN / "daemonctl", *words], env={**self.machine.environment, "PATH": self.gateway.environment["PATH"]},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def populate(self, turns):
        for turn in range(turns):
            self.gateway.chat("s0", f"Turn {turn} of session 0: {AT_LENGTH}")
        self.gateway.cli("cron", "add", "--name", "daily", "--cron", "0 7 * * *", "--session", "isolated", "--message", "x", "--no-deliver")
        self.machine.write("workspace/MEMORY.md", "# Memory\nBackups are good.\n")
        self.gateway.cli("memory", "index")

    def index_something(self):
        """What an index with an embedding provider would write, which there is none of here."""
        connection = sqlite3.connect(self.machine.state / MEMORY_INDEX)
        connection.execute("INSERT INTO meta VALUES('of-the-test', 'spoiled')")
        connection.commit()
        connection.close()

    def state(self, root=None):
        root = root or self.machine.state
        jobs = json.loads((root / "cron/jobs.json").read_text())["jobs"]
        return {"sessions": files_of_sessions(root), "store": json.loads((root / "agents/main/sessions/sessions.json").read_text()),
                "memory": rows(root / MEMORY_INDEX), "cron": [job["name"] for job in jobs],
                "words": (root / "workspace/MEMORY.md").read_text()}

    def restored(self, snapshot, name):
        target = self.machine.root / name
        self.daemon.post("/v1/restore", {"snapshot": snapshot, "target": str(target), "yes": True})
        return self.state(target)

    def snapshot_of(self, trigger):
        found = [snapshot for snapshot in self.daemon.snapshots() if snapshot["trigger"] == trigger]
        return found[-1]["id"] if found else None


class Files(OlderGateway):
    def test_the_whole_cycle(self):
        self.prepare()
        gateway, daemon = self.gateway, self.daemon
        gateway.start()
        daemon.until(lambda s: s["gateway"]["said"].startswith("gateway_start"), "gateway_start")
        self.assertEqual(daemon.status()["gateway"]["running"], "running")
        self.populate(turns=3)
        first = daemon.push()["snapshot"]
        then = self.state()
        self.assertEqual(len(then["sessions"]), 1)
        self.assertGreater(len(then["memory"]["meta"]), 0)
        self.assertEqual(self.restored(first, "first"), then)

        # In the chat and over HTTP it shows and lists; who asks is not told to plugins of this release, so it changes nothing.
        text, _ = gateway.tool({"action": "list-snapshots", "limit": 1})
        self.assertIn(first, text)
        for arguments in ({"action": "push"}, {"action": "restore", "snapshotId": first},
                          {"action": "restore", "snapshotId": first, "paths": ["workspace/**"]}):
            status, answer = gateway.invoke(arguments)
            self.assertEqual(status, 403, answer)
            self.assertRegex(answer["error"]["message"], "does not tell the plugin here who asks.*Nothing was done.*daemonctl restore")
            self.assertRegex(gateway.chat("asks", f"call b2_rollback {json.dumps(arguments)}"), "does not tell the plugin here who asks.*Nothing was done")
        self.assertIn(first, gateway.chat("asks", 'call b2_rollback {"action": "list-snapshots"}'))

        # Compaction: the snapshot has the transcript from before it. This release does not wait for its plugins then, so the summary, which it
        # appends, may be there already; of what was there before nothing may be missing.
        before = self.state()
        gateway.compact("s0")
        wait_for(lambda: self.snapshot_of("compaction"), "the snapshot from before the compaction", 60)
        daemon.until(lambda s: s["gateway"]["said"].startswith("after_compaction"), "after_compaction")
        name, = then["sessions"]
        kept = self.restored(self.snapshot_of("compaction"), "before-compaction")
        lines = kept["sessions"][name]
        self.assertEqual(lines[:len(before["sessions"][name])], before["sessions"][name])
        wait_for(lambda: '"type":"compaction"' in "".join(files_of_sessions(self.machine.state)[name]), "the compaction", 30)

        # The rollback: not under the gateway, and after its stop by one command. The stop leaves a snapshot of its own.
        gateway.chat("s0", "These words will be undone.")
        self.machine.write("workspace/MEMORY.md", "# Spoiled\n")
        self.index_something()
        refused = self.daemonctl("restore", first, "--yes")
        self.assertEqual(refused.code, 77, refused)
        self.assertRegex(refused.err, "a gateway is running.*Nothing was changed")
        self.assertEqual(gateway.stop()[0], 0)
        final = self.state()
        wait_for(lambda: self.snapshot_of("gateway-stop"), "the snapshot after the stop", 60)
        self.assertEqual(self.restored(self.snapshot_of("gateway-stop"), "after-stop"), final)
        done = self.daemonctl("restore", first, "--yes")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.state(), then)
        gateway.start()
        self.assertIn("Answer", gateway.chat("s0", "Do you still talk to me?"))
        self.assertIn("Turn 1 of session 0", json.dumps(gateway.model.requests[-1]))
        self.assertNotIn("will be undone", json.dumps(gateway.model.requests[-1]))
        self.assertEqual(gateway.lines(), [])

    def test_a_gateway_whose_locks_lie_elsewhere(self):
        """The daemon has another temporary directory: what is left to see is the port of openclaw.json."""
        self.prepare()
        self.machine.database(MEMORY_INDEX)
        self.daemon.kill()
        self.daemon = self.start_daemon(TMPDIR=str(self.machine.home))
        snapshot = self.daemon.push()["snapshot"] or self.daemon.snapshots()[-1]["id"]
        self.machine.database(MEMORY_INDEX)  # more rows, so that it is to be put back
        self.gateway.start()
        gateway = self.daemon.status()["gateway"]
        self.assertEqual(gateway["running"], "unknown", gateway)
        self.assertIn(f"port {self.gateway.port}", gateway["detail"])
        with self.assertRaises(Refusal) as refusal:
            self.daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True})
        self.assertRegex(str(refusal.exception), "cannot be told whether a gateway is running.*Nothing was changed")
        self.gateway.stop()
        self.daemon.until(lambda s: s["gateway"]["running"] == "stopped", "the stop")


class Migrated(OlderGateway):
    def refused(self, snapshot, said):
        """However it is asked for, and nothing is changed."""
        before = tree(self.machine.state)
        for words in (("restore", snapshot, "--yes"), ("restore", snapshot, "--stop-gateway", "--yes"), ("--direct", "restore", snapshot, "--yes")):
            done = self.daemonctl(*words)
            self.assertEqual(done.code, 77, (words, done))
            self.assertRegex(done.err, said)
            self.assertIn("Nothing was changed", done.err)
        self.assertEqual({name: entry for name, entry in tree(self.machine.state).items() if not name.startswith(b"b2backupd")},
                         {name: entry for name, entry in before.items() if not name.startswith(b"b2backupd")})

    def newer_takes_over(self, then):
        """It is installed, its doctor migrates what is there, and its gateway starts and stops on it."""
        self.gateway.use(OPENCLAW)
        self.daemon.kill()
        self.daemon = self.start_daemon()
        self.gateway.cli("doctor", "--fix", "--non-interactive", timeout=300)
        self.gateway.start()
        self.assert_taken_over(then)
        self.assertEqual(self.gateway.stop()[0], 0)

    def assert_taken_over(self, then):
        """The sessions of the older release are in the newer one's database, and the agent goes on in them."""
        self.assertIn("Answer", self.gateway.chat("s0", "Do you remember me?"))
        self.assertIn("Turn 0 of session 0", json.dumps(self.gateway.model.requests[-1]))
        events = transcripts(self.machine.state / AGENT_DATABASE)
        self.assertLessEqual({name.removesuffix(".jsonl") for name in then["sessions"]}, set(events))
        self.assertIn("daily", cron_jobs(self.machine.state / "state/openclaw.sqlite"))

    def test_there_and_back_and_there_again(self):
        self.prepare()
        gateway = self.gateway
        gateway.start()
        self.populate(turns=1)
        self.assertEqual(gateway.stop()[0], 0)
        wait_for(lambda: self.snapshot_of("gateway-stop"), "the snapshot after the stop", 60)
        self.daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
        older = self.daemon.push()["snapshot"] or self.daemon.snapshots()[-1]["id"]
        then = self.state()

        # The newer release takes the state over.
        self.newer_takes_over(then)
        self.daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest", 60)
        newer = self.daemon.push()["snapshot"] or self.daemon.snapshots()[-1]["id"]
        versions = {entry["id"]: entry["openclaw"] for entry in self.daemon.snapshots()}
        self.assertEqual((versions[older], versions[newer]), (OLDER, OPENCLAW))
        migrated = transcripts(self.machine.state / AGENT_DATABASE)

        # Back to before: the databases of the newer release go, the older one's files are as they were, and doctor takes them over anew.
        report = self.daemon.post("/v1/restore", {"snapshot": older, "yes": True})
        self.assertEqual(report["failed"], [])
        self.assertEqual(self.state(), then)
        self.assertFalse((self.machine.state / AGENT_DATABASE).exists())

        # With the older release here, the newer one's databases are not for it.
        gateway.use(OLDER)
        self.daemon.kill()
        self.daemon = self.start_daemon()
        self.refused(newer, f"from OpenClaw {OPENCLAW}, and here is {OLDER}")
        self.assertEqual(self.state(), then)

        self.newer_takes_over(then)

        # And forth: what the newer release had.
        report = self.daemon.post("/v1/restore", {"snapshot": newer, "yes": True})
        self.assertEqual(report["failed"], [])
        self.assertEqual(transcripts(self.machine.state / AGENT_DATABASE), migrated)


if __name__ == "__main__":
    unittest.main()
