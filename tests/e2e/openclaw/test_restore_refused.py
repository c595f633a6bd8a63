"""Databases are not restored under a gateway that runs, nor under a command of OpenClaw that has one open, however it is asked for."""
import os
import sqlite3
import subprocess
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, transcripts, wait_for
from harness import BIN, Outcome, Refusal, tree  # gateway.py tells where

SHARED_DATABASE = "state/openclaw.sqlite"


class Refused(unittest.TestCase):
    def prepare(self):
        self.machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        self.gateway = Gateway(self.machine)  # started by hand: nobody knows how to stop it
        self.addCleanup(self.gateway.close)
        self.gateway.install_plugin()
        self.daemon = Daemon(self.machine, env={"PATH": self.gateway.environment["PATH"]})
        self.addCleanup(self.daemon.kill)

    def local_turn(self, text):
        subprocess.run(self.local_command(text), env=self.gateway.environment, cwd=self.machine.home, stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=120, check=True)

    def local_command(self, text):
        return self.gateway.command("agent", "--local", "--agent", "main", "--session-key", "agent:main:s0", "--message", text, "--json")

    def kept(self):
        """What a restore would change: rows, which files the databases are, and plain files."""
        state = self.machine.state
        databases = [(state / name).stat().st_ino for name in (AGENT_DATABASE, SHARED_DATABASE)]
        return {"databases": databases, "transcripts": transcripts(state / AGENT_DATABASE), "cron": cron_jobs(state / SHARED_DATABASE),
                "workspace": tree(state / "workspace"), "configuration": (state / "openclaw.json").read_bytes()}

    def daemonctl(self, *words):
        done = subprocess.run([BIN / "daemonctl", *words], env=self.machine.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def assert_refused(self, snapshot, said):
        for words in (("restore", "latest", "--yes"), ("restore", snapshot, "--yes"), ("--direct", "restore", "latest", "--yes"),
                      ("restore", snapshot, "--path", AGENT_DATABASE, "--yes"),
                      ("--direct", "restore", snapshot, "--path", AGENT_DATABASE, "--yes"),
                      ("restore", snapshot, "--no-safety", "--yes"), ("restore", snapshot, "--with-secrets", "--yes")):
            done = self.daemonctl(*words)
            self.assertEqual(done.code, 77, (words, done))
            self.assertRegex(done.err, said)
            self.assertIn("Nothing was changed", done.err)
        for body in ({}, {"paths": [AGENT_DATABASE]}, {"paths": ["**"]}, {"gateway": "refuse"}):
            with self.assertRaises(Refusal) as refusal:
                self.daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True, **body})
            self.assertEqual((refusal.exception.status, refusal.exception.code), (409, "refused"), body)
            self.assertRegex(str(refusal.exception), said)

    def test_a_gateway_runs(self):
        self.prepare()
        self.gateway.start()
        self.gateway.chat("s0", "As it was.")
        self.machine.write("workspace/MEMORY.md", "# As it was\n")
        _, details = self.gateway.tool({"action": "push"})
        snapshot = details["report"]["snapshot"]
        self.gateway.chat("s0", "As it is.")
        self.machine.write("workspace/MEMORY.md", "# As it is\n")
        before = self.kept()

        self.assert_refused(snapshot, "a gateway is running")
        # Where the tool asks for the stop that nobody knows how to do, it waits, and says so.
        for paths in ({}, {"paths": [AGENT_DATABASE]}):
            text, details = self.gateway.tool({"action": "restore", "snapshotId": snapshot, **paths})
            self.assertTrue(details["restore"]["queued"], text)
            self.assertIn("cannot be stopped from here", text)
            self.assertEqual(self.daemon.status()["restore"]["state"], "queued")
            self.daemon.post("/v1/cancel", {"job": details["restore"]["job"]})
            self.assertEqual(self.daemon.status()["restore"]["state"], "cancelled")
        self.assertEqual(self.kept(), before)

        self.assertIsNone(self.gateway.process.poll())
        self.assertIn("Answer", self.gateway.chat("s0", "Do you still talk to me?"))
        self.assertIn("As it is.", str(self.gateway.transcripts()))
        self.assertNotIn("malformed", self.gateway.log)
        self.assertEqual(self.gateway.stop()[0], 0)

    def test_a_database_is_open(self):
        """No gateway. A program that knows nothing of OpenClaw's locks (Python), then `openclaw agent --local`, waiting for its model's answer:
        it takes the gateway's lock, and is named for what it is; a restore that may stop a gateway waits for it, and starts none after it."""
        self.prepare()
        self.local_turn("As it was.")
        snapshot = self.daemon.push()["snapshot"]
        self.local_turn("As it became.")
        connection = sqlite3.connect(self.machine.state / AGENT_DATABASE)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        before = self.kept()
        self.assert_refused(snapshot, rf"{AGENT_DATABASE} is open in python.* \(pid {os.getpid()}\)")
        self.assertEqual(self.kept(), before)
        connection.close()

        asked = len(self.gateway.model.requests)
        self.gateway.model.speaks.clear()
        turn = subprocess.Popen(self.local_command("As it is."), env=self.gateway.environment, cwd=self.machine.home,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            wait_for(lambda: len(self.gateway.model.requests) > asked, "the question to the model", 60)
            before = self.kept()
            named = r"an agent in a terminal \(`openclaw agent --local`, pid [0-9]+\) works on this state"
            self.assert_refused(snapshot, named)
            self.assertEqual(self.kept(), before)
            queued = self.daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True, "gateway": "when-stopped", "wait": False})
            self.assertRegex(queued["text"], "as soon as this ends, within 15 minutes: " + named)
            self.daemon.post("/v1/cancel", {"job": queued["job"]})
        finally:
            self.gateway.model.speaks.set()
            out, err = turn.communicate(timeout=60)
        self.assertEqual(turn.returncode, 0, err)
        self.assertIn(b"Answer", out)
        self.assertIn("As it is.", str(self.gateway.transcripts()))

        # With its end the way is free.
        report = self.daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True, "gateway": "stop"})
        self.assertTrue(report["doctor"]["good"], report)
        self.assertNotIn("As it is.", str(self.gateway.transcripts()))
        self.assertIn("As it was.", str(self.gateway.transcripts()))


if __name__ == "__main__":
    unittest.main()
