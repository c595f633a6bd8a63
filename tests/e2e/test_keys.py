"""daemonctl key: what opens the backups of the packed layout, from the first slot to a recovery code on a new machine."""
import os
import pty
import re
import signal
import subprocess
import unittest

from harness import BIN, Daemon, FakeS3, Machine, Outcome, tree
from test_setup import Conversation

PASSPHRASE = "correct horse battery staple"


def kinds(machine):
    """(kind, which configured secret opens it), sorted."""
    return sorted((slot["kind"], slot["opensWith"] or "") for slot in machine.ok("key", "list")["slots"])


class Case(unittest.TestCase):
    def machine(self, **config):
        machine = Machine(layout="packed", **config).populate(files=3, databases=False)
        self.addCleanup(machine.close)
        return machine

    def on_directory(self, **config):
        return self.machine(**config).use_directory()

    def new_machine(self, old, **config):
        """Another home on the same store."""
        machine = Machine(**{**old.config, **config})
        self.addCleanup(machine.close)
        return machine

    def piped(self, machine, text, *arguments):
        done = subprocess.run(machine.command(*arguments), env=machine.environment, input=text.encode(), capture_output=True, timeout=60)
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def recovery_code(self, machine):
        """A conversation, up to the question; and the code."""
        talk = Conversation(machine, "key", "recovery").expect("type group ")
        code = re.search(r"\s((?:[0-9A-HJKMNP-TV-Z]{4}-){8}[0-9A-HJKMNP-TV-Z]{4})\s", talk.seen).group(1)
        talk.expect(" of the 9")
        number = int(re.search(r"type group (\d)", talk.seen).group(1))
        return talk, code, code.split("-")[number - 1]

    def put_away(self, machine):
        talk, code, group = self.recovery_code(machine)
        self.assertEqual(talk.type(group.lower()).end(), 0, talk.seen)
        return code


class Slots(Case):
    def test_before_the_first_push_there_is_nothing(self):
        machine = self.on_directory()
        for verb in (["list"], ["rewrap"], ["remove", "abcd"]):
            outcome = machine.run("key", *verb)
            self.assertEqual(outcome.code, 1, outcome)
            self.assertIn("there is no repository of the packed layout openclaw-backup.repo in ", outcome.err)

    def test_list_add_and_remove(self):
        machine = self.on_directory()
        machine.ok("push")
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey")])
        listed = machine.ok("key", "list")
        self.assertEqual((listed["recoveryCode"], listed["keyIsHere"], listed["problems"]), (False, True, []))
        first = listed["slots"][0]["id"]
        self.assertIn("(opens with the configured encryptionKey)", machine.run("key", "list").out)
        self.assertIn("There is no recovery code yet: daemonctl key recovery", machine.run("key", "list").out)

        refused = machine.run("key", "remove", first[:8], "--yes")
        self.assertEqual(refused.code, 77, refused)
        self.assertIn("is the last one of", refused.err)

        secret = machine.root / "passphrase"
        secret.write_text("a passphrase for the safe\n")
        added = machine.ok("key", "add", "--from-file", secret, "--label", "in the safe")["slot"]
        self.assertEqual(kinds(machine), [("passphrase", ""), ("passphrase", "encryptionKey")])
        again = self.piped(machine, "a passphrase for the safe\n", "key", "add")
        self.assertEqual(again.code, 77, again)
        self.assertIn(f"already, with the key slot {added[:8]}", again.err)

        asked = machine.run("key", "remove", first[:8])
        self.assertEqual(asked.code, 77, asked)
        self.assertIn("nothing was changed", asked.err)
        removed = machine.ok("key", "remove", first[:8], "--yes")
        self.assertEqual(removed["slot"], first)
        self.assertIn("the next push makes a new slot for it", removed["warnings"][0])
        self.assertEqual(kinds(machine), [("passphrase", "")])
        machine.write("workspace/new.md", "new\n")
        machine.ok("push")
        self.assertEqual(kinds(machine), [("passphrase", ""), ("passphrase", "encryptionKey")])

    def test_bad_input(self):
        machine = self.on_directory()
        machine.ok("push")
        empty = self.piped(machine, "\n", "key", "add")
        self.assertEqual(empty.code, 64, empty)
        self.assertIn("standard input is empty", empty.err)
        long = self.piped(machine, "x" * 5000, "key", "add")
        self.assertEqual(long.code, 64, long)
        self.assertNotIn("xxx", long.err)
        for slot, code in (("0", 64), ("../config", 64), ("0123456789", 1)):
            outcome = machine.run("key", "remove", slot, "--yes")
            self.assertEqual(outcome.code, code, outcome)
            self.assertIn("daemonctl key list", outcome.err)
        outcome = machine.run("key", "add", "secret on the command line")
        self.assertEqual(outcome.code, 64, outcome)
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey")])

    def test_rewrap_gives_the_configured_secret_another_slot(self):
        machine = self.on_directory()
        machine.ok("push")
        before = machine.ok("key", "list")["slots"][0]["id"]
        done = machine.ok("key", "rewrap")
        self.assertEqual((done["removed"], done["problems"], len(done["made"])), ([before], [], 1))
        self.assertEqual([slot["id"] for slot in machine.ok("key", "list")["slots"]], done["made"])
        self.assertEqual(machine.ok("restore", "latest", "--target", machine.root / "restored")["failed"], [])

    def test_the_kept_key_is_private_and_in_no_snapshot(self):
        machine = self.on_directory()
        machine.ok("push")
        kept = list(machine.home.rglob("packed.key"))
        self.assertEqual(len(kept), 1)
        self.assertEqual(kept[0].stat().st_mode & 0o777, 0o600)
        self.assertNotIn(machine.state, kept[0].parents)
        self.assertNotIn("packed.key", machine.run("ls", "latest").out)


class Rotation(Case):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)

    def test_a_changed_application_key(self):
        machine = self.machine().use_fake(self.fake)
        machine.ok("push")
        self.assertEqual(kinds(machine), [("application-key", "applicationKey")])
        # The store of this test has one key: what opens the backups is encryptionKey now, and the application key needs no slot.
        machine.configure(encryptionKey=PASSPHRASE)
        machine.ok("snapshots")
        self.assertEqual(kinds(machine), [("application-key", "applicationKey")])
        machine.ok("push")  # nothing else has changed
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey")])
        fresh = self.new_machine(machine, encryptionKey=None)
        outcome = fresh.run("restore", "latest", "--target", fresh.root / "restored")
        self.assertEqual(outcome.code, 77, outcome)
        self.assertIn("daemonctl key open", outcome.err)

    def test_the_daemon_does_it_too(self):
        machine = self.machine().use_fake(self.fake)
        daemon = Daemon(machine)
        self.addCleanup(daemon.terminate)
        self.assertIsNone(daemon.status()["recoveryCode"])
        daemon.push()
        self.assertIs(daemon.status()["recoveryCode"], False)
        machine.configure(encryptionKey=PASSPHRASE)
        daemon.send(signal.SIGHUP)
        daemon.until(lambda _: "encryptionKey" in daemon.log, "the new configuration")
        machine.write("workspace/new.md", "new\n")
        daemon.push()
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey")])


class Recovery(Case):
    def test_the_code_brings_everything_back_on_a_new_machine(self):
        machine = self.on_directory()
        machine.ok("push")
        talk, code, group = self.recovery_code(machine)
        wrong = "0000" if group != "0000" else "1111"
        talk.type(wrong).expect("That is not group ").type(f" {group[:2].lower()}-{group[2:]} ").expect("The recovery code is in force.")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertEqual(talk.seen.count(code), 1)
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey"), ("recovery", "")])

        new = self.new_machine(machine, encryptionKey="lost, and this is another one")
        outcome = new.run("restore", "latest", "--yes")
        self.assertEqual(outcome.code, 77, outcome)
        self.assertIn("daemonctl key open", outcome.err)
        mistyped = code[:2] + ("0" if code[2] != "0" else "1") + code[3:]
        outcome = self.piped(new, mistyped, "key", "open")
        self.assertEqual(outcome.code, 64, outcome)
        self.assertIn("mistyped in group 1", outcome.err)
        self.assertNotIn(code[5:], outcome.err + outcome.out)
        self.assertEqual(list(new.home.rglob("packed.key")), [])

        talk = Conversation(new, "key", "open").answer("The recovery code", mistyped).expect("mistyped in group 1")
        talk.answer("The recovery code", code.lower().replace("-", " ")).expect("This machine has the key now")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertEqual(new.ok("restore", "latest", "--yes")["failed"], [])
        self.assertEqual(tree(new.state), tree(machine.state))
        # Its own passphrase gets a slot with its first push.
        new.write("workspace/new.md", "new\n")
        new.ok("push")
        self.assertIn(("passphrase", "encryptionKey"), kinds(new))

    def test_a_new_code_replaces_the_older_one(self):
        machine = self.on_directory()
        machine.ok("push")
        first = self.put_away(machine)
        second = self.put_away(machine)
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey"), ("recovery", "")])
        new = self.new_machine(machine, encryptionKey="another one entirely")
        outcome = self.piped(new, first, "key", "open")
        self.assertEqual(outcome.code, 77, outcome)
        self.assertIn("this recovery code does not open", outcome.err)
        self.assertIn("A newer code replaces the older ones", outcome.err)
        self.assertEqual(self.piped(new, second, "key", "open").code, 0)
        self.assertEqual(len(new.ok("snapshots")["snapshots"]), 1)

    def test_given_up_the_older_code_is_still_good(self):
        machine = self.on_directory()
        machine.ok("push")
        code = self.put_away(machine)
        before = machine.ok("key", "list")["slots"]
        talk, _, _ = self.recovery_code(machine)
        self.assertEqual(talk.interrupt().end(), 130, talk.seen)
        self.assertIn("The code that was shown does NOT count", talk.seen)
        self.assertIn("The older code is still good", talk.seen)
        self.assertEqual(machine.ok("key", "list")["slots"], before)
        new = self.new_machine(machine, encryptionKey="another one entirely")
        self.assertEqual(self.piped(new, code, "key", "open").code, 0)

    def test_a_code_is_shown_on_a_terminal_only(self):
        machine = self.on_directory()
        machine.ok("push")
        for arguments in ([], ["--json"]):
            outcome = machine.run(*arguments, "key", "recovery")
            self.assertEqual(outcome.code, 77, outcome)
            self.assertIn("shown on a terminal and nowhere else", outcome.out + outcome.err)
        # Input and messages at a terminal, output into a file.
        talk = Conversation.__new__(Conversation)
        path = machine.root / "output"
        talk.master, slave = pty.openpty()
        with path.open("wb") as output:
            talk.process = subprocess.Popen([str(BIN / "daemonctl"), "key", "recovery"], stdin=slave, stdout=output, stderr=slave,
                                            env=machine.environment, start_new_session=True)
        os.close(slave)
        talk.seen, talk.read_up_to = "", 0
        self.assertEqual(talk.end(), 77, talk.seen)
        self.assertEqual(path.read_text(), "")
        self.assertEqual(kinds(machine), [("passphrase", "encryptionKey")])

    def test_the_status_says_until_done_that_there_is_none(self):
        machine = self.on_directory()
        daemon = Daemon(machine)
        self.addCleanup(daemon.terminate)
        status = [str(BIN / "daemonctl"), "status"]
        said = lambda: subprocess.run(status, env=machine.environment, capture_output=True, check=True).stdout.decode()
        self.assertNotIn("recovery code", said())
        daemon.push()
        self.assertIn("no recovery code yet", said())
        self.assertIn("daemonctl key recovery", said())
        self.put_away(machine)
        self.assertNotIn("recovery code", said())
        self.assertIs(daemon.status()["recoveryCode"], True)

    def test_a_passphrase_that_was_added_opens_a_new_machine_too(self):
        machine = self.on_directory()
        machine.ok("push")
        talk = Conversation(machine, "key", "add").answer("The passphrase", "first try of it here").answer("Once more", "typo")
        talk.expect("the two are not the same").answer("The passphrase", "kept in the safe, 2026").answer("Once more", "kept in the safe, 2026")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertTrue(talk.echo_was_off)
        self.assertNotIn("kept in the safe", talk.seen)
        new = self.new_machine(machine, encryptionKey="another one entirely")
        refused = new.run("verify")
        self.assertEqual(refused.code, 3, refused)
        self.assertIn("daemonctl: none of the configured secrets opens the repository", refused.err)
        self.assertNotIn(": :", refused.err)
        talk = Conversation(new, "key", "open", "--passphrase").answer("The passphrase", "kept in the safe, 2026")
        self.assertEqual(talk.end(), 0, talk.seen)
        self.assertEqual(new.ok("restore", "latest", "--yes")["failed"], [])


if __name__ == "__main__":
    unittest.main()
