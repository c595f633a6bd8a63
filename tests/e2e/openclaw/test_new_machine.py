"""A machine is lost, and its gateway comes back on another: OpenClaw, the plugin, three fields, and the daemon."""
import json
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, transcripts, wait_for


class NewMachine(unittest.TestCase):
    def test_restored_before_the_gateway_starts(self):
        machine = Machine()
        self.addCleanup(machine.close)
        store = machine.root / "store"
        store.mkdir()
        fields = {"endpoint": f"file://{store}", "bucket": "bucket", "applicationKey": "correct horse battery staple"}
        machine.configure(**fields, schedule="off")
        gateway = Gateway(machine)
        self.addCleanup(gateway.close)
        gateway.install_plugin()
        gateway.start()
        gateway.populate(sessions=1)
        self.assertEqual(gateway.stop()[0], 0)
        then = {"transcripts": gateway.transcripts(), "cron": cron_jobs(machine.state / "state/openclaw.sqlite")}
        self.assertEqual(len(then["transcripts"]), 1)
        self.assertIn("daily", then["cron"])
        snapshot = machine.ok("push")["snapshot"]

        # The machine is gone with all that the daemon knew, and of the new one's configuration nothing was written by hand.
        machine.home.rename(machine.root / "lost")
        machine.home.mkdir()
        gateway.install_plugin()
        gateway.cli("config", "set", "--batch-json", json.dumps(
            [{"path": f"plugins.entries.b2-backup.config.{name}", "value": value} for name, value in fields.items()]))
        self.assertFalse(machine.config_path.exists())
        self.assertTrue((machine.state / "state/openclaw.sqlite").exists(), "as OpenClaw leaves a new state directory")
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        status = daemon.until(lambda s: any(snapshot in warning for warning in s["warnings"]), "the restore", 60)
        self.assertEqual(transcripts(machine.state / AGENT_DATABASE), then["transcripts"], status)
        self.assertEqual(cron_jobs(machine.state / "state/openclaw.sqlite"), then["cron"])
        self.assertEqual((machine.state / "workspace/MEMORY.md").read_text(), "# Memory\nBackups are good.\n")
        config = json.loads((machine.state / "openclaw.json").read_text())
        self.assertEqual(config["plugins"]["entries"]["b2-backup"]["config"], fields)
        self.assertEqual(config["gateway"]["port"], gateway.port)

        # The gateway finds itself at home: it loads the plugin, and the agent goes on talking in the old session.
        said = len(gateway.lines())  # on the old machine no daemon ran
        gateway.start()
        sessions = set(gateway.transcripts())
        self.assertIn("Answer", gateway.chat("s0", "Do you remember me?"))
        self.assertIn("Turn 1 of session 0", json.dumps(gateway.model.requests[-1]))
        now = gateway.transcripts()
        self.assertEqual(set(now), sessions)
        for session, events in then["transcripts"].items():
            self.assertEqual(now[session][:len(events)], events)
            self.assertGreater(len(now[session]), len(events))
        self.assertIn("daily", gateway.cli("cron", "list").out)
        daemon.until(lambda s: s["gateway"]["said"].startswith("gateway_start"), "gateway_start")
        text, _ = gateway.tool({"action": "list-snapshots"})
        self.assertIn(snapshot, text)
        self.assertEqual(gateway.lines()[said:], [])
        # Its own backups begin behind the old machine's.
        wait_for(lambda: daemon.status()["lastGood"], "its own first backup", 60)
        self.assertIn(snapshot, [entry["id"] for entry in daemon.snapshots()])


if __name__ == "__main__":
    unittest.main()
