"""A file that should never have been backed up, taken out of all snapshots as a person does it: with --direct and through the daemon. Some days
later nothing of it is left in the bucket: its objects are opened with the second reader (tests/reference), which shares nothing with the project's code.
"""
import unittest

import packed_bucket
from harness import Daemon, FakeS3, Machine, wait_for

LEAKED = "workspace/notes/passwords.txt"
MARKER = b"the password is swordfish, and so it has always been"


def content(version):
    """Incompressible, but for what is looked for, and of several chunks."""
    noise = packed_bucket.random_bytes(version, 150_000)
    return noise[:50_000] + MARKER + version.encode() + noise[50_000:]


class OnDirectory(unittest.TestCase):
    def place(self):
        machine = Machine().use_directory(keepSnapshots=100, layout="packed", schedule="off")
        return machine, packed_bucket.DirectoryBucket(machine)

    def setUp(self):
        self.machine, self.bucket = self.place()
        self.addCleanup(self.machine.close)
        self.machine.populate(files=30, databases=False)
        self.contents = {}
        for version in ("one", "two"):
            self.machine.write("workspace/big.bin", packed_bucket.random_bytes(version + " big", 400_000))
            self.machine.write(LEAKED, content(version))
            self.push()

    def push(self):
        snapshot = self.machine.ok("push")["snapshot"]
        self.keep(snapshot)
        return snapshot

    def keep(self, snapshot):
        """What is to be there of it in the end."""
        self.contents[snapshot] = {path: what for path, what in packed_bucket.fingerprint(self.machine.state).items() if path != LEAKED.encode()}

    def holds(self, snapshot):
        return any(entry["path"] == LEAKED for entry in self.machine.ok("ls", snapshot)["entries"])

    def leaks(self):
        """The objects that hold the content or the name of it."""
        with self.bucket.copy() as folder:
            return sorted({name for name, data in packed_bucket.everything(folder, self.bucket)
                           if MARKER in data or b"passwords.txt" in data})

    def restores(self):
        restores = packed_bucket.Restores(self.machine, self.contents)
        for snapshot in self.contents:
            restores.check(snapshot)

    def in_turn(self, *arguments):
        """The daemon may be at the end of an upload."""
        outcomes = []

        def done():
            outcomes.append(self.machine.run("--json", *arguments))
            return outcomes[-1].code == 0 or outcomes[-1].json["code"] != "busy"

        wait_for(done, "its turn")
        outcome = outcomes[-1]
        self.assertEqual(outcome.code, 0, outcome)
        return outcome.json

    def days_later(self):
        """Two prunes, which are what comes after a backup each day."""
        left = []
        for hours in (50, 26):
            self.bucket.age(hours)
            left.append(self.in_turn("prune")["packsToForget"])
        self.assertGreater(left[0], 0)
        self.assertEqual(left[1], 0)
        self.assertEqual(self.leaks(), [])
        self.assertEqual(self.bucket.hidden(), [])
        self.restores()
        problems, _ = packed_bucket.audit(self.bucket)
        self.assertEqual(problems, [])
        self.assertEqual(self.machine.ok("verify", "--read-data")["problems"], [])

    def test_alone(self):
        machine, path = self.machine, LEAKED
        before = machine.run("forget", "--path", path)
        self.assertEqual(before.code, 77, before)
        self.assertIn("--yes", before.err)
        dry = machine.run("forget", "--path", path, "--dry-run")
        self.assertEqual(dry.code, 0, dry)
        self.assertEqual(dry.out.count("held by"), 2, dry)
        self.assertIn(path, dry.out)
        self.assertIn("is still on this machine", dry.err)
        self.assertTrue(all(self.holds(snapshot) for snapshot in self.contents))
        self.assertGreater(len(self.leaks()), 2)

        (machine.state / path).unlink()
        # As a person may write it, too.
        done = machine.ok("forget", "--path", machine.state / path, "--yes")
        self.assertEqual([(gone["id"], gone["files"]) for gone in done["snapshots"]], [(snapshot, 1) for snapshot in self.contents])
        self.assertEqual((done["paths"], done["pathsTotal"], done["problems"], done["notes"]), ([path], 1, [], []))
        self.assertFalse(any(self.holds(snapshot) for snapshot in self.contents))
        self.restores()
        again = machine.run("forget", "--path", path, "--yes")
        self.assertEqual(again.code, 1, again)
        self.assertIn("no snapshot holds anything", again.err)
        machine.write("workspace/MEMORY.md", "after it\n")
        self.push()
        self.days_later()

    def test_through_the_daemon(self):
        machine = self.machine
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        (machine.state / LEAKED).unlink()
        done = self.in_turn("forget", "--path", LEAKED, "--yes")
        self.assertEqual([gone["id"] for gone in done["snapshots"]], list(self.contents))
        machine.write("workspace/new.md", "new\n")
        daemon.push()
        self.keep(daemon.snapshots()[-1]["id"])
        self.days_later()
        self.assertEqual(daemon.status()["health"], "ok")

    def test_mistakes(self):
        machine = self.machine
        self.assertEqual(machine.run("forget").code, 64)
        everything = machine.run("forget", "--path", machine.state, "--yes")
        self.assertEqual(everything.code, 64, everything)
        every_file = machine.run("forget", "--path", "**", "--yes")
        self.assertEqual(every_file.code, 3, every_file)
        self.assertIn("would lose all its files", every_file.err)
        self.assertIn("forget --path", machine.run("delete").err)
        self.assertTrue(all(self.holds(snapshot) for snapshot in self.contents))

    def test_one_file_at_the_top(self):
        """Given by its place, it is that file and none of the same name elsewhere."""
        machine = self.machine
        machine.write("workspace/openclaw.json", "another\n")
        self.push()
        done = machine.ok("forget", "--path", machine.state / "openclaw.json", "--yes")
        self.assertEqual(done["paths"], ["openclaw.json"])
        machine.ok("forget", "--path", LEAKED, "--yes")
        for content in self.contents.values():
            del content[b"openclaw.json"]
        self.restores()

    def test_plugin_layout(self):
        machine = self.machine
        first = next(iter(self.contents))
        machine.ok("copy", first, "--to-layout", "plugin")
        (machine.state / LEAKED).unlink()
        done = machine.run("--json", "forget", "--path", LEAKED, "--yes")
        self.assertEqual(done.code, 3, done)
        self.assertEqual(len(done.json["snapshots"]), 2)
        self.assertIn("1 snapshot in the plugin's layout, " + first, done.json["problems"][0]["problem"])
        only = machine.run("forget", "--path", LEAKED, "--yes")
        self.assertEqual(only.code, 1, only)
        self.assertIn("--to-layout packed", only.err)


class OnS3(OnDirectory):
    def place(self):
        fake = FakeS3()
        self.addCleanup(fake.stop)
        return Machine(layout="packed").use_fake(fake, keepSnapshots=100, schedule="off"), packed_bucket.FakeBucket(fake)


if __name__ == "__main__":
    unittest.main()
