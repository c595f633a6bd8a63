"""A stolen application key, and one that cannot delete: what a thief hides or overwrites is listed and restored as it was (--at), no push begins a
new repository over a hidden one, and a key without deleteFiles backs up and restores."""
import base64
import hashlib
import re
import shutil
import subprocess
import time
import unittest
import uuid

import harness
from harness import Daemon, FakeS3, Machine
from test_cycle import S3Admin


def now():
    """A moment between what was done and what comes, by the clock that the store shares with us."""
    time.sleep(0.05)
    stamp = time.time()
    time.sleep(0.05)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp)) + f".{int(stamp * 1000) % 1000:03}Z"


class Thief:
    """Does what the key's deleteFiles or writeFiles allow, without deleting a version."""

    def __init__(self, admin, bucket):
        self.admin, self.bucket = admin, bucket

    def keys(self):
        return sorted({key for key, _, _ in self.admin.versions(self.bucket)})

    def versions(self):
        return len(self.admin.versions(self.bucket))

    def hide_all(self):
        for key in self.keys():
            self.admin.request("DELETE", f"/{self.bucket}/{key}")

    def overwrite_all(self, rubbish=b"rubbish"):
        for key in self.keys():
            self.admin.request("PUT", f"/{self.bucket}/{key}", body=rubbish,
                               headers={"content-md5": base64.b64encode(hashlib.md5(rubbish).digest()).decode()})

    def hide(self, text):
        found = [key for key in self.keys() if text in key]
        for key in found:
            self.admin.request("DELETE", f"/{self.bucket}/{key}")
        return found

    def unhide_all(self):
        """What the owner does when it is over."""
        for key, version in self.admin.hide_markers(self.bucket):
            self.admin.request("DELETE", f"/{self.bucket}/{key}", [("versionId", version)])


class Hidden(unittest.TestCase):
    layout = "packed"

    def make(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.thief = Thief(S3Admin(self.fake.url, self.fake.key_id, self.fake.key, region="us-west-004"), self.fake.bucket)
        return Machine().use_fake(self.fake, layout=self.layout)

    def setUp(self):
        self.machine = self.make()
        self.addCleanup(self.machine.close)
        self.machine.populate()
        self.ids = []
        for text in ("one\n", "two\n"):
            self.machine.write("workspace/MEMORY.md", text)
            self.ids.append(self.machine.ok("push")["snapshot"])
        self.before = now()

    def named_time(self, text):
        found = re.search(r"--at (\S+Z)", text)
        self.assertTrue(found, text)
        return found.group(1)

    def listed(self, *arguments):
        return [row["id"] for row in self.machine.ok("snapshots", *arguments)["snapshots"] if not row.get("problem")]

    def check_reads(self, at):
        machine = self.machine
        self.assertEqual(self.listed("--at", at), self.ids)
        self.assertEqual(machine.run("cat", self.ids[0], "workspace/MEMORY.md", "--at", at).out, "one\n")
        self.assertIn("workspace/MEMORY.md", [row["path"] for row in machine.ok("ls", "latest", "--at", at)["entries"]])
        changes = machine.ok("diff", *self.ids, "--at", at)["changes"]
        self.assertEqual([change["path"] for change in changes], ["workspace/MEMORY.md"])
        target = machine.root / "restored"
        answer = machine.ok("restore", "latest", "--at", at, "--target", target)
        self.assertEqual((answer["snapshot"], answer["failed"]), (self.ids[1], []))
        for file in (path for path in self.machine.state.rglob("*.txt")):
            self.assertEqual((target / file.relative_to(machine.state)).read_bytes(), file.read_bytes())
        self.assertEqual((target / "workspace/MEMORY.md").read_text(), "two\n")
        shutil.rmtree(target)

    def test_what_was_hidden_is_there_still(self):
        machine = self.machine
        self.thief.hide_all()
        answer = machine.ok("snapshots")
        self.assertEqual(answer["snapshots"], [])
        self.assertIn("2 snapshots were hidden", answer["warnings"][0])
        at = self.named_time(answer["warnings"][0])
        refused = machine.run("restore", "latest", "--target", machine.root / "nothing")
        self.assertNotEqual(refused.code, 0)
        self.assertIn(f"daemonctl restore latest --at {at}", refused.err)
        self.check_reads(at)
        self.check_reads(self.before)
        # In place, with what was there kept.
        machine.write("workspace/MEMORY.md", "damaged\n")
        answer = machine.ok("restore", self.ids[0], "--at", at, "--yes")
        self.assertTrue(answer["safety"])
        self.assertEqual((machine.state / "workspace/MEMORY.md").read_text(), "one\n")

    def test_on_a_new_machine(self):
        shutil.rmtree(self.machine.home / ".local")
        self.thief.hide_all()
        self.check_reads(self.named_time(self.machine.ok("snapshots")["warnings"][0]))

    def test_what_was_overwritten_is_there_still(self):
        self.thief.overwrite_all()
        self.assertEqual(self.listed("--all"), [])   # without it, what is known of them from before is shown
        self.check_reads(self.before)

    def test_a_push_does_not_bury_it(self):
        machine = self.machine
        self.thief.hide_all()
        versions = self.thief.versions()
        machine.write("workspace/MEMORY.md", "three\n")
        if self.layout == "packed":
            outcome = machine.run("push")
            self.assertEqual(outcome.code, 77, outcome)
            self.assertIn("was hidden on", outcome.err)
            self.check_reads(self.named_time(outcome.err))
            self.assertEqual(self.thief.versions(), versions)
            self.thief.unhide_all()
            self.ids.append(machine.ok("push")["snapshot"])
        else:
            self.ids = [machine.ok("push")["snapshot"]]
        self.assertEqual(self.listed(), self.ids)


    def hide_first(self):
        """One snapshot: all that a list shows it by."""
        hidden = self.thief.hide(f"snapshots/{self.ids[0]}" if self.layout == "packed" else f"{self.ids[0]}/manifest.json")
        self.assertEqual(len(hidden), 1)

    def test_some_are_hidden_and_pushes_and_prunes_go_on(self):
        machine = self.machine
        self.hide_first()
        self.assertIn("hidden", machine.run("verify", "--json").out)   # which also forgets what this machine remembers of it
        for i in range(4):
            machine.write("workspace/MEMORY.md", f"later {i}\n")
            machine.ok("push")
            warnings = " ".join(machine.ok("prune")["warnings"])
            self.assertIn("hidden", warnings)
        at = self.named_time(warnings)
        self.assertIn(self.ids[1], self.listed())
        self.assertNotIn(self.ids[0], self.listed())
        self.assertIn("hidden", " ".join(machine.ok("snapshots")["warnings"]))
        self.check_reads(at)
        self.check_reads(self.before)
        dry = machine.ok("prune", "--dry-run", "--give-up-hidden")
        self.assertEqual(dry["removed"], [self.ids[0]])
        self.check_reads(self.before)
        self.assertEqual(machine.ok("prune", "--give-up-hidden")["removed"], [self.ids[0]])
        self.assertEqual(machine.ok("prune")["warnings"], [])
        self.assertEqual(machine.ok("snapshots").get("warnings", []), [])
        self.assertEqual(self.listed("--at", self.before), [self.ids[1]])


class HiddenInPluginLayout(Hidden):
    layout = "plugin"


class HiddenOnRadosgw(Hidden):
    def make(self):
        settings = harness.radosgw()
        if settings is None:
            self.skipTest("no radosgw here (scripts/test --all starts one)")
        key_id, key = settings["B2B_RADOSGW_KEY_ID"], settings["B2B_RADOSGW_APPLICATION_KEY"]
        admin = S3Admin(settings["B2B_RADOSGW_ENDPOINT"], key_id, key)
        bucket = f"at-time-{uuid.uuid4().hex[:12]}"
        admin.make_versioned_bucket(bucket)
        self.thief = Thief(admin, bucket)
        return Machine().use_s3(settings["B2B_RADOSGW_ENDPOINT"], key_id, key, bucket, layout=self.layout)


class Told(unittest.TestCase):
    """What the daemon says, and what cannot be read at another time."""

    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake, layout="packed", schedule="off", watch={"push": False})
        self.addCleanup(self.machine.close)
        self.thief = Thief(S3Admin(self.fake.url, self.fake.key_id, self.fake.key, region="us-west-004"), self.fake.bucket)

    def daemon(self):
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        return daemon

    def test_a_new_machine_says_that_the_snapshots_are_hidden(self):
        machine = self.machine
        machine.populate()
        machine.ok("push")
        self.thief.hide_all()
        shutil.rmtree(machine.home / ".local")
        shutil.rmtree(machine.state)
        machine.state.mkdir(mode=0o700)
        daemon = self.daemon()
        status = daemon.until(lambda s: any("hidden" in w for w in s["warnings"]), "the warning")
        self.assertIn("this machine is new, and nothing is restored by itself: 1 snapshot was hidden", " ".join(status["warnings"]))
        self.assertIn("daemonctl restore latest --at ", " ".join(status["warnings"]))

    def test_the_daemon_says_it_when_it_pushes_and_reads_at_another_time(self):
        machine = self.machine
        machine.populate()
        daemon = self.daemon()
        daemon.until_backed_up()
        snapshot = daemon.snapshots()[0]["id"]
        self.thief.hide_all()
        machine.write("workspace/MEMORY.md", "new\n")
        with self.assertRaises(harness.Refusal) as refused:
            daemon.push()
        self.assertEqual(refused.exception.code, "refused")
        status = daemon.status()
        self.assertEqual(status["health"], "failing")
        self.assertIn("was hidden on", status["lastError"]["error"])
        at = re.search(r"--at (\S+Z)", status["lastError"]["error"]).group(1)
        self.assertEqual([row["id"] for row in daemon.get(f"/v1/snapshots?at={at}")["snapshots"]], [snapshot])
        self.assertTrue(daemon.get(f"/v1/snapshots/{snapshot}/files?at={at}")["entries"])
        target = machine.root / "restored"
        answer = daemon.post("/v1/restore", {"snapshot": "latest", "at": at, "target": str(target)})
        self.assertEqual((answer["snapshot"], answer["failed"]), (snapshot, []))
        self.assertEqual((target / "workspace/MEMORY.md").read_text(), "# memory\n")

    def test_status_says_that_some_are_hidden_until_they_are_shown_again(self):
        machine = self.machine
        machine.populate()
        daemon = self.daemon()
        daemon.until_backed_up()
        first = daemon.snapshots()[0]["id"]
        machine.write("workspace/MEMORY.md", "new\n")
        daemon.push()
        self.assertEqual(daemon.status()["health"], "ok")
        self.thief.hide(f"snapshots/{first}")
        daemon.post("/v1/prune", {})
        status = daemon.status()
        self.assertEqual(status["health"], "degraded")
        self.assertIn("1 snapshot was hidden", " ".join(status["warnings"]))
        self.thief.unhide_all()
        daemon.post("/v1/prune", {})
        status = daemon.status()
        self.assertEqual((status["health"], [w for w in status["warnings"] if "hidden" in w]), ("ok", []))

    def test_times_that_cannot_be(self):
        machine = self.machine.populate(files=1, databases=False)
        machine.ok("push")
        self.assertEqual(machine.run("snapshots", "--at", "yesterday").code, 64)
        self.assertEqual(machine.run("snapshots", "--at", "2999-01-01T00:00:00Z").code, 64)
        self.assertEqual(machine.ok("snapshots", "--at", "2001-01-01T00:00:00Z")["snapshots"], [])
        refused = machine.run("restore", "latest", "--at", now(), "--stop-gateway")
        self.assertEqual((refused.code, "--at does not go with --stop-gateway" in refused.err), (64, True))

    def test_a_directory_has_no_other_times(self):
        machine = Machine().use_directory(layout="packed").populate(files=1, databases=False)
        self.addCleanup(machine.close)
        machine.ok("push")
        for verb in (("snapshots",), ("ls", "latest"), ("restore", "latest", "--target", machine.root / "x")):
            outcome = machine.run(*verb, "--at", now())
            self.assertEqual(outcome.code, 1, outcome)
            self.assertIn("keeps no older versions", outcome.err)


class AppendOnly(unittest.TestCase):
    """A key without deleteFiles."""

    def setUp(self):
        self.fake = FakeS3("--no-delete-files")
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake, layout="packed", keepSnapshots=1)
        self.addCleanup(self.machine.close)
        self.machine.populate()

    def push(self, text):
        self.machine.write("workspace/MEMORY.md", text)
        return self.machine.ok("push")

    def about_deleting(self, answer):
        return [text for text in answer["warnings"] if "delete" in text]

    def test_pushes_list_restore_and_say_once_that_nothing_is_pruned(self):
        machine = self.machine
        answers = [self.push(f"{i}\n") for i in range(5)]
        ids = [answer["snapshot"] for answer in answers]
        told = [self.about_deleting(answer) for answer in answers]
        self.assertEqual([bool(texts) for texts in told], [False, True, False, False, False], told)
        self.assertIn("could not be deleted", told[1][0])
        self.assertIn("backups and restores go on", told[1][1])
        self.assertEqual([row["id"] for row in machine.ok("snapshots")["snapshots"]], ids)
        self.assertEqual(machine.ok("verify", "--read-data")["problems"], [])
        for i, snapshot in enumerate(ids):
            target = machine.root / f"to{i}"
            machine.ok("restore", snapshot, "--target", target)
            self.assertEqual((target / "workspace/MEMORY.md").read_text(), f"{i}\n")
        # Who asks is told each time.
        for _ in range(2):
            answer = machine.ok("prune")
            self.assertEqual(answer["removed"], [])
            self.assertIn("could not be deleted", " ".join(answer["warnings"]))

    def test_the_daemon_is_well_and_its_status_says_it(self):
        machine = self.machine
        machine.configure(schedule="off", watch={"push": False})
        self.push("0\n")
        self.push("1\n")
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        status = daemon.status()
        self.assertEqual(status["health"], "ok")
        self.assertTrue(status["deletesRefusedSince"])
        shown = subprocess.run([*machine.command("status")[:1], "status"], env=machine.environment, capture_output=True, timeout=60, text=True)
        self.assertIn("Pruning:   none: the application key may not delete", shown.stdout)
        machine.write("workspace/MEMORY.md", "2\n")
        daemon.push()
        status = daemon.until_backed_up()
        self.assertEqual((status["health"], [w for w in status["warnings"] if "delete" in w]), ("ok", []))


if __name__ == "__main__":
    unittest.main()
