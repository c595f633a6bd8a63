"""The plugin in a real gateway, from its installation to the snapshot after the stop."""
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, transcripts, wait_for

ENTRY = {"config": {"bucket": "bucket", "keyId": "${B2_KEY_ID}", "applicationKey": {"source": "env", "provider": "default", "id": "B2_KEY"},
                    "region": "us-west-004", "prefix": "openclaw-backup", "schedule": "off", "encrypt": True, "keepSnapshots": 50,
                    "keepSafetySnapshots": 5, "keepsnapshots": "mistyped"}}


class Cycle(unittest.TestCase):
    """With the original plugin's settings as they stand in openclaw.json, whose secrets are set nowhere: the daemon has its own."""

    def restored(self, snapshot, name):
        target = self.machine.root / name
        self.daemon.post("/v1/restore", {"snapshot": snapshot, "target": str(target), "yes": True})
        return target

    def snapshot_of(self, trigger):
        found = [snapshot for snapshot in self.daemon.snapshots() if snapshot["trigger"] == trigger]
        return found[-1]["id"] if found else None

    def test_compaction_and_stop(self):
        self.machine = Machine().use_directory(schedule="off", compactionUploadInterval="0s", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        gateway = Gateway(self.machine, entry=ENTRY)
        self.addCleanup(gateway.close)
        gateway.install_plugin()
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        gateway.start()
        gateway.populate()
        self.daemon.until(lambda s: s["gateway"]["said"].startswith("gateway_start"), "gateway_start")
        self.daemon.until_backed_up()

        # Compaction: the snapshot holds the transcripts from before it, and neither the summary nor what it displaced.
        before = gateway.transcripts()
        jobs = cron_jobs(gateway.state / "state/openclaw.sqlite")
        self.assertEqual(len(before), 2)
        self.assertIn("daily", jobs)
        gateway.compact("s0")
        after = gateway.transcripts()
        self.assertNotEqual(before, after)
        wait_for(lambda: self.snapshot_of("compaction"), "the snapshot from before the compaction")
        target = self.restored(self.snapshot_of("compaction"), "before-compaction")
        self.assertEqual(transcripts(target / AGENT_DATABASE), before)
        self.assertEqual(cron_jobs(target / "state/openclaw.sqlite"), jobs)
        self.assertEqual((target / "workspace/MEMORY.md").read_text(), "# Memory\nBackups are good.\n")
        self.assertRegex(self.daemon.status()["gateway"]["said"], "^after_compaction")

        # The stop: what was said last is in the snapshot, which is taken after the gateway has let go.
        gateway.chat("s1", "These are the last words.")
        code, seconds = gateway.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 20)
        self.assertIn("completed cleanly", gateway.log)
        final = gateway.transcripts()
        self.assertIn("These are the last words.", str(final))
        wait_for(lambda: self.snapshot_of("gateway-stop"), "the snapshot after the stop", 60)
        target = self.restored(self.snapshot_of("gateway-stop"), "after-stop")
        self.assertEqual(transcripts(target / AGENT_DATABASE), final)
        self.assertEqual(cron_jobs(target / "state/openclaw.sqlite"), cron_jobs(gateway.state / "state/openclaw.sqlite"))
        self.assertEqual(gateway.lines(), [], "nothing was wrong, so the plugin said nothing")


if __name__ == "__main__":
    unittest.main()
