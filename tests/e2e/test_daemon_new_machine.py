"""A new machine restores itself: only what `openclaw plugins install` leaves, and a bucket with another machine's snapshots."""
import json
import shutil
import sqlite3
import subprocess
import unittest

import harness
from harness import Daemon, FakeS3, Machine


class NewMachine(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.old = Machine().use_fake(self.fake, schedule="off")
        self.addCleanup(self.old.close)
        self.old.populate()
        self.old.write("openclaw.json", json.dumps({"agents": {"defaults": {"model": "old"}}, "plugins": {"entries": {
            "b2-backup": {"enabled": True, "config": {"bucket": "gone"}}, "other": {"enabled": True}}}}))
        self.snapshot = self.old.ok("push")["snapshot"]

    def entry(self, **more):
        return {"keyId": self.fake.key_id, "applicationKey": self.fake.key, "bucket": self.fake.bucket, "region": "us-west-004",
                "endpoint": self.fake.url, "schedule": "off", **more}

    def new_machine(self, entry=None, **config):
        """As an installation leaves it: the plugin's entry, and a database with rows about the installation alone."""
        machine = Machine(**config)
        self.addCleanup(machine.close)
        machine.write("openclaw.json", "// written by the installation\n" + json.dumps(
            {"plugins": {"entries": {"b2-backup": {"enabled": True, "config": entry or self.entry()}}}}), mode=0o600)
        (machine.state / "state").mkdir()
        connection = sqlite3.connect(machine.state / "state/openclaw.sqlite")
        connection.executescript("CREATE TABLE schema_meta(key TEXT, value TEXT); INSERT INTO schema_meta VALUES('version','3');"
                                 "CREATE TABLE schema_migrations(id INTEGER); INSERT INTO schema_migrations VALUES(1);"
                                 "CREATE TABLE plugin_install_records(id TEXT); INSERT INTO plugin_install_records VALUES('b2-backup');"
                                 "CREATE TABLE cron_jobs(id INTEGER PRIMARY KEY, body TEXT);")
        connection.close()
        return machine

    def start(self, machine):
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        return daemon

    def until_said(self, daemon, text):
        return daemon.until(lambda s: any(text in warning for warning in s["warnings"]), f"the warning '{text}'")

    def assert_not_restored(self, machine):
        self.assertFalse((machine.state / "workspace/notes (a b) + ü 日本 🦞.md").exists())

    def test_restored_at_the_start(self):
        machine = self.new_machine()
        daemon = self.start(machine)
        self.until_said(daemon, self.snapshot)
        expected, restored = harness.tree(self.old.state), harness.tree(machine.state)
        for name, value in harness.without_databases(expected).items():
            if name != b"openclaw.json":
                self.assertEqual(restored.get(name), value, name)
        self.assertEqual(len(harness.rows(machine.state / "state/openclaw.sqlite", "cron_jobs")), 50)
        config = json.loads((machine.state / "openclaw.json").read_text())
        self.assertEqual(config["plugins"]["entries"]["b2-backup"]["config"], self.entry())
        self.assertEqual(config["plugins"]["entries"]["other"], {"enabled": True})
        self.assertEqual(config["agents"], {"defaults": {"model": "old"}})
        # The old machine pushed a moment ago: they share the prefix, which is said, and nothing is pruned.
        status = self.until_said(daemon, "two machines share it now")
        daemon.until(lambda s: s["lastGood"], "its own first push")
        self.assertIn(self.snapshot, [s["id"] for s in daemon.snapshots()])
        self.assertEqual(status["watch"]["state"], "healthy")
        # Only once: what is deleted later stays deleted.
        daemon.until_backed_up()
        self.assertEqual(daemon.terminate(), 0)
        (machine.state / "workspace/MEMORY.md").unlink()
        daemon = self.start(machine)
        daemon.push()
        self.assertFalse((machine.state / "workspace/MEMORY.md").exists())

    def test_a_workspace_outside_whose_place_is_taken_is_told_with_what_to_run(self):
        place = self.old.root / "work space"
        place.mkdir()
        (place / "notes.md").write_text("of the snapshot\n")
        self.old.write("openclaw.json", json.dumps({"agents": {"defaults": {"workspace": str(place)}}}))
        snapshot = self.old.ok("push")["snapshot"]
        (place / "notes.md").write_text("what is there now\n")
        machine = self.new_machine()
        daemon = self.start(machine)
        status = self.until_said(daemon, "NOT all of it came back: @workspace: not restored")
        said = next(warning for warning in status["warnings"] if "@workspace" in warning)
        self.assertIn(f"daemonctl restore {snapshot} --path '@workspace/**'", said)
        self.assertIn("--target DIR", said)
        self.assertEqual((place / "notes.md").read_text(), "what is there now\n")
        daemon.until_backed_up()
        done = subprocess.run([harness.BIN / "daemonctl", "restore", snapshot, "--path", "@workspace/**", "--yes"], env=machine.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual((place / "notes.md").read_text(), "of the snapshot\n")

    def test_not_when_it_is_used(self):
        machine = self.new_machine()
        machine.write("agents/main/sessions/own.jsonl", '{"own":1}\n')
        daemon = self.start(machine)
        daemon.until_backed_up()
        self.assert_not_restored(machine)
        self.assertEqual((machine.state / "agents/main/sessions/own.jsonl").read_text(), '{"own":1}\n')

    def test_not_with_rows_of_use(self):
        machine = self.new_machine()
        connection = sqlite3.connect(machine.state / "state/openclaw.sqlite")
        connection.execute("INSERT INTO cron_jobs(body) VALUES('own')")
        connection.commit()
        connection.close()
        self.start(machine).until_backed_up()
        self.assert_not_restored(machine)

    def test_not_when_it_is_off(self):
        machine = self.new_machine(autoRestore=False)
        self.start(machine).until_backed_up()
        self.assert_not_restored(machine)

    def push_of_another(self, **config):
        other = Machine().use_fake(self.fake, schedule="off", **config)
        self.addCleanup(other.close)
        other.populate(files=3)
        other.write("workspace/MEMORY.md", "planted\n")
        return other.ok("push")["snapshot"]

    def test_not_from_one_that_is_not_signed(self):
        """Whoever can write into the bucket must not get a machine restored to what they like."""
        planted = self.push_of_another(encrypt=False, prefix="unsigned")
        machine = self.new_machine(entry=self.entry(prefix="unsigned"))
        daemon = self.start(machine)
        self.until_said(daemon, f"If you trust it: daemonctl restore {planted}")
        self.assert_not_restored(machine)

    def test_not_an_older_one_when_the_newest_is_not_signed(self):
        """Yesterday's state in silence would be as bad as a planted one: a person chooses."""
        planted = self.push_of_another(encrypt=False)
        self.assertGreater(planted, self.snapshot)
        machine = self.new_machine()
        daemon = self.start(machine)
        self.until_said(daemon, f"daemonctl restore {planted} (or daemonctl restore {self.snapshot}, ")
        self.assert_not_restored(machine)
        self.assertFalse((machine.state / "workspace/MEMORY.md").exists())

    def test_not_with_a_wrong_passphrase(self):
        self.push_of_another(encryptionKey="the right one", prefix="keyed")
        machine = self.new_machine(entry=self.entry(prefix="keyed"), encryptionKey="another one")
        daemon = self.start(machine)
        self.until_said(daemon, "this machine is new")
        self.assert_not_restored(machine)

    def test_an_empty_bucket(self):
        machine = self.new_machine(entry=self.entry(prefix="empty"))
        status = self.start(machine).until_backed_up()
        self.assertEqual(status["bucket"]["snapshots"], 1)
        self.assertFalse(any("new" in warning for warning in status["warnings"]), status["warnings"])

    def test_an_alarm_when_this_machine_pushed_before(self):
        """A disk that is not mounted looks like a new machine. Nothing is restored over it, and nothing is pushed or pruned for it."""
        failures = self.old.root / "failures"
        self.old.configure(keepSnapshots=1, onFailure=["/bin/sh", "-c", f'printf "%s\\n" "$B2B_ERROR" >> {failures}'])
        daemon = self.start(self.old)
        daemon.until_backed_up()
        self.assertEqual(daemon.terminate(), 0)
        shutil.rmtree(self.old.state)
        self.old.state.mkdir(mode=0o700)
        daemon = self.start(self.old)
        self.until_said(daemon, "Is its disk mounted")
        self.assertEqual(list(self.old.state.glob("workspace/*")), [])
        harness.wait_for(lambda: failures.exists() and "Is its disk mounted" in failures.read_text(), "the command's call")
        self.assertIn(self.snapshot, [s["id"] for s in daemon.snapshots()])


if __name__ == "__main__":
    unittest.main()
