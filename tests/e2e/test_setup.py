"""daemonctl setup: the whole conversation on a real terminal, and what scripts get instead."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import unittest
import uuid

import harness
from harness import BIN, Daemon, FakeS3, Machine
from test_cycle import S3Admin


class Conversation:
    """daemonctl setup with a terminal of its own. `seen` is all that showed."""

    def __init__(self, machine, *arguments, env=None):
        self.master, slave = pty.openpty()
        self.echo_was_off = False
        self.process = subprocess.Popen([str(BIN / "daemonctl"), *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
                                        env={**machine.environment, "TERM": "xterm", "PATH": f"{machine.root}/bin:/usr/bin:/bin",
                                             "TMPDIR": f"{machine.root}/tmp", **(env or {})},
                                        start_new_session=True)
        os.close(slave)
        self.seen, self.read_up_to = "", 0

    def _more(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        assert ready, f"nothing for {seconds} s: {self.seen}"
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, words, seconds=60):
        """Reads on until `words` show, from where the last expect ended."""
        while words not in self.seen[self.read_up_to:]:
            assert self._more(seconds), f"ended before {words!r}: {self.seen}"
        self.read_up_to = self.seen.index(words, self.read_up_to) + len(words)
        return self

    def type(self, text):
        os.write(self.master, text.encode() + b"\n")
        return self

    def answer(self, question, text):
        self.expect(question)
        self.echo_was_off = not termios.tcgetattr(self.master)[3] & termios.ECHO
        return self.type(text)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self

    def end(self, seconds=120):
        while self._more(seconds):
            pass
        code = self.process.wait(60)
        self.echo_is_off = not termios.tcgetattr(self.master)[3] & termios.ECHO
        os.close(self.master)
        return code


def newcomer(**more):
    """A machine with an OpenClaw and no configuration."""
    machine = Machine().populate(**more)
    machine.config_path.unlink()
    machine.config_path.parent.rmdir()
    machine.config_path.parent.parent.rmdir()
    (machine.root / "bin").mkdir()
    (machine.root / "tmp").mkdir()
    machine.systemctl("exit 1")
    return machine


def systemctl(self, script, loginctl="exit 1"):
    """Stands in for the machine's systemd: what is called is written down."""
    for name, body in (("systemctl", script), ("loginctl", loginctl)):
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.root}/calls\n{body}\n')
        path.chmod(0o755)


Machine.systemctl = systemctl


class Case(unittest.TestCase):
    def newcomer(self, **more):
        machine = newcomer(**more)
        self.addCleanup(machine.close)
        (machine.root / "store" / "openclaw").mkdir(parents=True)
        return machine

    def endpoint(self, machine):
        return f"file://{machine.root}/store"

    def folder(self, machine):
        return machine.config_path.parent

    def assert_nothing_written(self, machine):
        self.assertFalse(self.folder(machine).exists())

    def script(self, machine, *arguments, env=None, json_wanted=True):
        command = [str(BIN / "daemonctl"), *(["--json"] if json_wanted else []), "setup", *map(str, arguments)]
        done = subprocess.run(command, env={**machine.environment, "PATH": f"{machine.root}/bin:/usr/bin:/bin", **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return harness.Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


class OnATerminal(Case):
    def passphrase(self, talk):
        talk.expect("RECOVERY NOTE").expect("type the last group")
        return re.search(r"passphrase\s+([0-9a-z]{5}(?:-[0-9a-z]{5}){7})\s", talk.seen).group(1)

    def test_directory_with_a_new_passphrase_and_a_restore_elsewhere(self):
        machine = self.newcomer()
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine))
        talk.answer("Bucket (Enter takes openclaw)", "")
        talk.answer("Your choice [1]", "")
        passphrase = self.passphrase(talk)
        talk.type("wrong").answer("That is not it", passphrase[-5:].upper())
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("Test passed: everything came back the same", talk.seen)
        self.assertIn("No systemd answers here", talk.seen)
        self.assertIn(f"{BIN}/b2backupd", talk.seen)
        self.assertIn("daemonctl status", talk.seen)
        folder = self.folder(machine)
        self.assertEqual((folder / "passphrase.txt").read_text(), passphrase + "\n")
        for name in ("config.json5", "passphrase.txt"):
            self.assertEqual((folder / name).stat().st_mode & 0o7777, 0o600)
        self.assertNotIn(passphrase, (folder / "config.json5").read_text())
        self.assertEqual(list((machine.root / "tmp").iterdir()), [])
        # The note's own commands, as a new machine has nothing else.
        new = self.newcomer()
        (new.state / "openclaw.json").unlink()
        commands = "\n".join(line.strip().split("#")[0] for line in talk.seen.replace("\r", "").splitlines() if line.startswith("  export B2_"))
        done = subprocess.run(["bash", "-c", f"{commands}\nexport B2_ENCRYPTION_KEY={passphrase}\nexport PATH={BIN}:$PATH\n"
                               f"daemonctl --direct restore latest --target {new.root}/restored"], env=new.environment, capture_output=True)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual((new.root / "restored/workspace/MEMORY.md").read_text(), "# memory\n")
        # And the daemon's view: everything is in the file.
        self.assertEqual(machine.run("config", "check").code, 0)
        self.assertEqual(len(machine.ok("snapshots")["snapshots"]), 1)

    def test_ctrl_c_at_every_question(self):
        machine = self.newcomer()
        for questions in (["Bucket"], ["Bucket", "Your choice"], ["Bucket", "Your choice", "type the last group"]):
            talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine))
            for question in questions[:-1]:
                talk.answer(question, "")
            talk.expect(questions[-1]).interrupt()
            self.assertEqual(talk.end(), 130, talk.seen)
            self.assertIn("Nothing was changed", talk.seen)
            self.assert_nothing_written(machine)

    def test_ctrl_c_while_nothing_shows(self):
        machine = self.newcomer()
        talk = Conversation(machine, "setup", "--endpoint", "https://s3.example.invalid")
        talk.answer("Key id", "backup").expect("Application key").interrupt()
        self.assertEqual(talk.end(), 130, talk.seen)
        self.assertFalse(talk.echo_is_off)
        self.assert_nothing_written(machine)

    def test_end_of_input_is_an_interruption(self):
        machine = self.newcomer()
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine))
        talk.expect("Bucket")
        os.write(talk.master, b"\x04")
        self.assertEqual(talk.end(), 130, talk.seen)
        self.assert_nothing_written(machine)

    def test_openclaw_json_has_the_fields_already(self):
        fake = FakeS3()
        self.addCleanup(fake.stop)
        machine = self.newcomer()
        config = {"keyId": fake.key_id, "applicationKey": fake.key, "bucket": fake.bucket, "endpoint": fake.url, "region": "us-west-004"}
        machine.write("openclaw.json", json.dumps({"plugins": {"entries": {"b2-backup": {"config": config}}}}), mode=0o600)
        talk = Conversation(machine, "setup", "--no-service")
        talk.expect(fake.key_id + "   (found in openclaw.json)").expect("(hidden)").answer("Use these? [Y/n]", "").answer("Your choice", "3")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertNotIn(fake.key, talk.seen)
        self.assertEqual((self.folder(machine) / "application-key.txt").read_text(), fake.key + "\n")

    def test_s3_with_mistakes(self):
        fake = FakeS3()
        self.addCleanup(fake.stop)
        machine = self.newcomer()
        talk = Conversation(machine, "setup", "--endpoint", fake.url, "--set", "region=us-west-004")
        talk.answer("Key id", f'  "{fake.key_id}", ')
        talk.answer("Application key", "K004thisIsTheWrongOne")
        self.assertTrue(talk.echo_was_off)
        talk.answer("Bucket", fake.bucket)
        talk.answer("Correct it and try again? [Y/n]", "")
        talk.answer("Key id", "")
        talk.answer("Application key", f" '{fake.key}' ")
        talk.answer("Bucket", "no-such-bucket")
        talk.answer("Correct it and try again? [Y/n]", "y")
        talk.answer("Bucket", f"b2://{fake.bucket}/")
        talk.expect("The test will tell".lower())
        talk.answer("Your choice [1]", "3")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("Test passed", talk.seen)
        self.assertNotIn(fake.key, talk.seen)
        self.assertNotIn("thisIsTheWrongOne", talk.seen)
        self.assertEqual((self.folder(machine) / "application-key.txt").read_text(), fake.key + "\n")
        # Again, with an edited file: its other settings stay.
        config = self.folder(machine) / "config.json5"
        config.write_text(config.read_text().replace("{", "{ schedule: 'hourly', limits: {transfers: 4},", 1))
        talk = Conversation(machine, "setup")
        talk.expect("found in").answer("Use these? [Y/n]", "")
        talk.answer("Your choice [1]", "2").answer("The passphrase", "correct horse battery staple")
        talk.answer("Once more", "correct horse battery staple")
        talk.answer("anew?", "y")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertNotIn("correct horse", talk.seen)
        self.assertTrue((self.folder(machine) / "config.json5.bak").exists())
        shown = json.loads(subprocess.run([BIN / "daemonctl", "--json", "config", "show"], env=machine.environment, capture_output=True).stdout)["config"]
        self.assertEqual(shown["schedule"]["value"], "hourly")
        self.assertEqual(shown["limits.transfers"]["value"], "4")

    def test_profiles_are_chosen_from(self):
        machine = self.newcomer()
        work = machine.home / ".openclaw-work"
        work.mkdir()
        (work / "openclaw.json").write_text("{}")
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine), "--no-encrypt")
        talk.expect("1) " + str(machine.state)).expect("2) " + str(work)).answer("[1]", "3").answer("from 1 to 2", "2")
        talk.answer("Bucket", "")
        self.assertEqual(talk.end(), 0, talk.seen)
        text = (self.folder(machine) / "config-work.json5").read_text()
        self.assertIn("openclaw-backup-work", text)
        self.assertIn("--profile work", talk.seen)

    def test_the_service_is_started_and_lingers(self):
        machine = self.newcomer()
        machine.systemctl('[ "$2" = is-active ] && exit 3\nexit 0', 'echo no')
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine), "--no-encrypt")
        talk.answer("Bucket", "").answer("Start b2backupd.service now and at every login? [Y/n]", "y")
        talk.answer("while you are not logged in", "n")
        self.assertEqual(talk.end(), 0, talk.seen)
        calls = (machine.root / "calls").read_text()
        self.assertIn("systemctl --user enable --now b2backupd.service\n", calls)
        self.assertNotIn("enable-linger", calls)

    def test_the_service_does_not_start(self):
        machine = self.newcomer()
        machine.systemctl('[ "$2" = is-active ] && exit 3; [ "$2" = enable ] && { echo boom; exit 1; }; exit 0')
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine), "--no-encrypt")
        talk.answer("Bucket", "").answer("Start b2backupd.service", "")
        self.assertEqual(talk.end(), 1, talk.seen)
        self.assertIn("boom", talk.seen)
        self.assertIn("journalctl --user -u b2backupd.service", talk.seen)
        self.assertIn("run daemonctl setup again", talk.seen)

    def test_the_service_is_not_installed(self):
        machine = self.newcomer()
        machine.systemctl('[ "$2" = cat ] && exit 1; exit 0')
        talk = Conversation(machine, "setup", "--endpoint", self.endpoint(machine), "--no-encrypt")
        talk.answer("Bucket", "")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("scripts/install", talk.seen)

    def test_a_running_service_is_restarted_for_a_new_configuration(self):
        machine = self.newcomer()
        machine.systemctl("exit 0", "echo yes")
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual((outcome.json["service"], outcome.json["lingering"]), ("running", True))
        calls = (machine.root / "calls").read_text()
        self.assertIn("restart b2backupd.service", calls)
        self.assertNotIn("enable-linger", calls)
        # Nothing new in the file: the service is left alone.
        (machine.root / "calls").unlink()
        self.assertEqual(self.script(machine, "--yes").json["service"], "running")
        self.assertNotIn("restart", (machine.root / "calls").read_text())

    def test_a_failing_test_leaves_the_configuration(self):
        fake = FakeS3()
        self.addCleanup(fake.stop)
        fake.faults({"action": "status", "method": "PUT", "status": 403, "code": "AccessDenied", "message": "no", "count": 100000})
        machine = self.newcomer()
        arguments = ("setup", "--endpoint", fake.url, "--set", "region=us-west-004", "--no-encrypt", "--no-service")
        talk = Conversation(machine, *arguments)
        talk.answer("Key id", fake.key_id).answer("Application key", fake.key).answer("Bucket", fake.bucket)
        self.assertEqual(talk.end(), 77, talk.seen)
        self.assertIn("the test backup failed", talk.seen)
        self.assertIn("run daemonctl setup again", talk.seen)
        self.assertTrue((self.folder(machine) / "config.json5").exists())
        fake.faults()
        talk = Conversation(machine, *arguments).answer("Use these?", "")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("says all of this already", talk.seen)

    def test_a_running_daemon_does_the_backup(self):
        machine = self.newcomer()
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt", "--no-service")
        self.assertEqual(outcome.code, 0, outcome)
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        machine.write("workspace/new.md", "new\n")
        talk = Conversation(machine, "setup", "--no-encrypt", "--no-service")
        talk.answer("Use these?", "")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("says all of this already", talk.seen)
        self.assertIn("through the daemon", talk.seen)
        self.assertIn("Test passed", talk.seen)
        # A change of the configuration: setup tests it itself, and starts no second daemon.
        changed = self.script(machine, "--yes", env={"B2_ENCRYPTION_KEY": "a passphrase of mine"}, json_wanted=False)
        self.assertEqual(changed.code, 0, changed)
        self.assertIn("A daemon runs already, with its configuration of before", changed.out)
        self.assertEqual(daemon.terminate(), 0)


class WithoutATerminal(Case):
    def test_it_is_refused_and_says_how(self):
        machine = self.newcomer()
        outcome = self.script(machine, json_wanted=False)
        self.assertEqual(outcome.code, 77, outcome)
        for option in ("--yes", "--key-id", "--key-file", "B2_APPLICATION_KEY", "--bucket", "--endpoint", "--encrypt", "--no-encrypt", "--no-service"):
            self.assertIn(option, outcome.err)
        self.assertEqual(self.script(machine).json["code"], "refused")
        self.assert_nothing_written(machine)

    def test_yes_does_it_all(self):
        machine = self.newcomer()
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw",
                              env={"B2_ENCRYPTION_KEY": "a passphrase of mine"})
        self.assertEqual(outcome.code, 0, outcome)
        answer = outcome.json
        self.assertTrue(answer["ok"] and answer["tested"] and answer["pushed"] and answer["written"])
        self.assertEqual((answer["encryption"], answer["newPassphrase"], answer["service"]), ("passphrase", False, "by-hand"))
        self.assertGreater(answer["filesCompared"], 20)
        self.assertNotIn("a passphrase of mine", outcome.out + outcome.err)
        self.assertEqual((self.folder(machine) / "passphrase.txt").read_text(), "a passphrase of mine\n")
        self.assertEqual(len(machine.ok("snapshots")["snapshots"]), 1)
        # Again: nothing to write.
        again = self.script(machine, "--yes")
        self.assertEqual(again.code, 0, again)
        self.assertFalse(again.json["written"])
        # Another passphrase from the environment: the one of the file still opens what it closed.
        other = self.script(machine, "--yes", env={"B2_ENCRYPTION_KEY": "a second passphrase"})
        self.assertEqual(other.code, 0, other)
        self.assertEqual(other.json["backup"], str(machine.config_path) + ".bak")
        self.assertIn('decryptionKeys: ["a passphrase of mine"]', machine.config_path.read_text())
        self.assertEqual((self.folder(machine) / "passphrase.txt").read_text(), "a second passphrase\n")

    def test_a_directory_needs_no_bucket(self):
        machine = self.newcomer()
        folder = self.endpoint(machine).removeprefix("file://")
        wrong = self.script(machine, "--yes", "--endpoint", folder, "--no-encrypt")
        self.assertEqual(wrong.code, 64, wrong)
        self.assertIn(f"file://{folder}", wrong.json["error"])
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--no-encrypt")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(outcome.json["bucket"], "openclaw")
        self.assertTrue(os.path.isdir(os.path.join(folder, "openclaw")))

    def test_the_key_comes_from_a_file_or_the_environment(self):
        fake = FakeS3()
        self.addCleanup(fake.stop)
        machine = self.newcomer()
        key_file = machine.root / "key"
        key_file.write_text(f'"{fake.key}"\n')
        common = ("--yes", "--endpoint", fake.url, "--set", "region=us-west-004", "--key-id", fake.key_id, "--bucket", fake.bucket)
        missing = self.script(machine, *common)
        self.assertEqual(missing.code, 65, missing)
        self.assertIn("applicationKey", missing.json["error"])
        wrong = self.script(machine, *common, env={"B2_APPLICATION_KEY": "K004wrong"})
        self.assertEqual(wrong.code, 77, wrong)
        self.assert_nothing_written(machine)
        outcome = self.script(machine, *common, "--key-file", key_file)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(outcome.json["encryption"], "application-key")
        self.assertNotIn(fake.key, outcome.out + outcome.err)

    def test_a_new_passphrase_needs_a_terminal(self):
        machine = self.newcomer()
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--encrypt")
        self.assertEqual(outcome.code, 77, outcome)
        self.assertIn("terminal", outcome.json["error"])
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw")
        self.assertEqual(outcome.code, 64, outcome)
        self.assert_nothing_written(machine)

    def test_no_openclaw_an_empty_one_and_more_than_one(self):
        machine = self.newcomer()
        common = ("--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt", "--no-service")
        empty = machine.home / ".openclaw-empty"
        empty.mkdir()
        several = self.script(machine, *common)
        self.assertEqual(several.code, 64, several)
        self.assertIn("--profile", several.json["error"])
        nothing = self.script(machine, *common, "--profile", "empty")
        self.assertEqual(nothing.code, 77, nothing)
        self.assertIn("is empty", nothing.json["error"])
        self.assertEqual(self.script(machine, *common, "--profile", "empty", "--no-test").code, 0)
        away = self.script(machine, *common, "--state-dir", machine.root / "nowhere")
        self.assertEqual(away.code, 1, away)
        other = self.newcomer()
        subprocess.run(["rm", "-r", other.state], check=True)
        none = self.script(other, *common)
        self.assertEqual(none.code, 1, none)
        self.assertIn("no OpenClaw state directory was found", none.json["error"])
        self.assertIn("--state-dir", none.json["error"])

    def test_the_configuration_folder_cannot_be_written(self):
        machine = self.newcomer()
        (machine.home / ".config").write_text("not a folder")
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt", "--no-service")
        self.assertNotEqual(outcome.code, 0, outcome)
        self.assertIn("--config FILE", outcome.json["error"])
        elsewhere = machine.root / "mine.json5"
        command = ["--config", elsewhere, "setup", "--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt"]
        outcome = machine.run("--json", *command)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertTrue(elsewhere.exists())
        self.assertEqual(outcome.json["service"], "by-hand")

    def test_a_broken_configuration_is_not_overwritten(self):
        machine = self.newcomer()
        self.folder(machine).mkdir(parents=True)
        machine.config_path.write_text("{ bucket: ")
        outcome = self.script(machine, "--yes", "--endpoint", self.endpoint(machine), "--no-encrypt")
        self.assertEqual(outcome.code, 65, outcome)
        self.assertIn("begin anew", outcome.json["error"])
        self.assertEqual(machine.config_path.read_text(), "{ bucket: ")

    def test_a_new_machine_does_not_cover_its_backups(self):
        machine = self.newcomer()
        common = ("--yes", "--endpoint", self.endpoint(machine), "--bucket", "openclaw", "--no-encrypt", "--no-service")
        self.assertEqual(self.script(machine, *common).code, 0)
        subprocess.run(["rm", "-r", machine.state], check=True)
        machine.write("openclaw.json", "{}\n")
        outcome = self.script(machine, *common)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertFalse(outcome.json["pushed"])
        self.assertTrue(outcome.json["tested"])
        self.assertEqual(len(machine.ok("snapshots")["snapshots"]), 1)

    def test_other_verbs_lead_to_setup(self):
        machine = self.newcomer()
        for verb in (["status"], ["push"], ["--direct", "push"], ["config", "check"]):
            done = subprocess.run([str(BIN / "daemonctl"), *verb], env=machine.environment, capture_output=True, text=True)
            self.assertEqual(done.returncode, 65, done)
            self.assertIn("daemonctl setup", done.stderr)


class OnRadosgw(Case):
    def test_against_a_real_server(self):
        settings = harness.radosgw()
        if settings is None:
            self.skipTest("no radosgw here (scripts/test --all starts one)")
        machine = self.newcomer()
        key_id, key, bucket = settings["B2B_RADOSGW_KEY_ID"], settings["B2B_RADOSGW_APPLICATION_KEY"], f"setup-{uuid.uuid4().hex[:12]}"
        S3Admin(settings["B2B_RADOSGW_ENDPOINT"], key_id, key).make_versioned_bucket(bucket)
        talk = Conversation(machine, "setup", "--endpoint", settings["B2B_RADOSGW_ENDPOINT"])
        talk.answer("Key id", key_id).answer("Application key", key + "x").answer("Bucket", bucket)
        talk.answer("Correct it and try again? [Y/n]", "")
        talk.answer("Key id", "").answer("Application key", key).answer("Bucket", bucket + "-not")
        talk.answer("Correct it and try again? [Y/n]", "")
        talk.answer("Bucket", bucket)
        talk.answer("Your choice [1]", "3")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertIn("Test passed", talk.seen)
        self.assertNotIn(key, talk.seen)


if __name__ == "__main__":
    unittest.main()
