"""Pins and the rules of retention, as a person meets them: with --direct and through the daemon, on a directory and on S3."""
import unittest

from harness import Daemon, FakeS3, Machine

# As a key answers that is restricted to names that begin with "openclaw-backup/".
REFUSED = {"action": "status", "status": 403, "code": "AccessDenied", "target": "openclaw-backup.repo", "count": 1000}


def verdicts(answer):
    return {row["id"]: (row["keep"], row["reason"]) for row in answer["snapshots"]}


class Pins(unittest.TestCase):
    layout, snapshot_object = "plugin", "openclaw-backup/{}/manifest.json"

    def setUp(self):
        self.machine = Machine().use_directory(keepSnapshots=100, layout=self.layout).populate(files=2, databases=False)
        self.addCleanup(self.machine.close)

    def push(self, text):
        self.machine.write("workspace/MEMORY.md", text)
        return self.machine.ok("push")["snapshot"]

    def ids(self):
        return [row["id"] for row in self.machine.ok("snapshots")["snapshots"]]

    def test_a_pinned_snapshot_outlives_retention_and_the_machine(self):
        machine = self.machine
        first, second, third = self.push("one\n"), self.push("two\n"), self.push("three\n")
        self.assertEqual(machine.ok("pin")["pins"], [])
        self.assertIn("No snapshot is pinned", machine.run("pin").out)
        said = machine.run("pin", first[:-1])
        self.assertEqual((said.code, said.out.split(" is pinned")[0]), (0, "Snapshot " + first))
        self.assertIn("pinned already", machine.run("pin", first).out)
        self.assertTrue((machine.root / "store" / "bucket" / "openclaw-backup.repo" / "pins" / first).is_file())
        self.assertEqual([row["id"] for row in machine.ok("snapshots")["snapshots"] if row.get("pinned")], [first])
        line = next(line for line in machine.run("snapshots").out.splitlines() if line.startswith(first))
        self.assertTrue(line.endswith(", pinned"), line)
        self.assertIn(first + "  since ", machine.run("pin").out)

        machine.configure(keepSnapshots=1)
        dry = verdicts(machine.ok("prune", "--dry-run"))
        self.assertEqual(dry[first], (True, "pinned"))
        self.assertFalse(dry[second][0])
        self.assertIn(f"keep    {first}  (pinned)", machine.run("prune", "--dry-run").out)
        # The machine is lost: the pin is not.
        other = Machine(**machine.config)
        self.addCleanup(other.close)
        self.assertEqual([pin["snapshot"] for pin in other.ok("pin")["pins"]], [first])
        self.assertEqual(machine.ok("prune")["removed"], [second])
        machine.ok("restore", first, "--target", machine.root / "back")
        self.assertEqual((machine.root / "back" / "workspace" / "MEMORY.md").read_text(), "one\n")

        fourth = self.push("four\n")  # prunes at its end
        self.assertEqual(self.ids(), [first, fourth])
        self.assertFalse(machine.ok("pin", first, "--remove")["pinned"])
        self.assertIn("is not pinned", machine.ok("pin", first, "--remove", code=1)["error"])
        self.assertEqual(machine.ok("prune")["removed"], [first])
        self.assertNotIn(third, self.ids())

    def test_through_the_daemon(self):
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.terminate)
        daemon.push()
        self.machine.write("workspace/MEMORY.md", "more\n")
        daemon.push()
        first = daemon.snapshots()[0]["id"]
        self.assertEqual(daemon.post("/v1/pin", {"snapshot": first})["changed"], True)
        self.assertEqual([row.get("pinned") for row in daemon.snapshots()], [True] + [None] * (len(daemon.snapshots()) - 1))
        self.assertEqual(daemon.get("/v1/pinned")["pins"][0]["snapshot"], first)
        self.assertFalse(daemon.post("/v1/pin", {"snapshot": first, "remove": True})["pinned"])

    def test_a_pin_whose_snapshot_is_gone(self):
        first, second = self.push("one\n"), self.push("two\n")
        self.machine.ok("pin", first)
        (self.machine.root / "store" / "bucket" / self.snapshot_object.format(first)).unlink()
        third = self.push("three\n")
        self.assertEqual([pin["snapshot"] for pin in self.machine.ok("pin")["pins"]], [first])
        self.machine.configure(keepSnapshots=1)
        self.assertEqual(self.machine.ok("prune")["removed"], [second])
        self.assertEqual(self.machine.ok("pin")["pins"], [])
        self.assertIn(third, self.ids())

    def test_rules_of_retention(self):
        made = [self.push(f"{i}\n") for i in range(4)]
        self.machine.configure(retention={"last": 2, "hourly": 0, "daily": 0, "monthly": 0})
        dry = verdicts(self.machine.ok("prune", "--dry-run"))
        self.assertEqual([dry[id] for id in made[:3]], [(False, "older than the newest 2")] * 2 + [(True, "one of the newest 2")])
        self.assertEqual(self.machine.ok("prune")["removed"], made[:2])
        self.assertIn("keepSnapshots is set and not used", self.machine.run("config", "show").out)

    def test_what_is_not_certain_is_not_pruned(self):
        made = [self.push(f"{i}\n") for i in range(2)]
        self.machine.configure(keepSnapshots=None)
        (self.machine.state / "openclaw.json").write_text("{ plugins: oops")
        self.machine.configure(retention={"last": 1, "hourly": 0, "daily": 0, "monthly": 0})  # says nothing about safety snapshots
        answer = self.machine.ok("prune")
        self.assertEqual(answer["removed"], [])
        self.assertTrue(any("how many snapshots to keep is not certain" in text for text in answer["warnings"]), answer)
        self.machine.configure(keepSafetySnapshots=10)
        self.assertEqual(self.machine.ok("prune")["removed"], made[:1])

    def test_the_packed_layout_needs_encryption(self):
        for config, words in (({"layout": "packed", "encrypt": False}, ("layout", "encrypt is false")),
                              ({"layout": "packed", "encryptionKey": None}, ("neither encryptionKey nor applicationKey",))):
            machine = Machine().use_directory()
            self.addCleanup(machine.close)
            machine.configure(**config)
            answer = machine.ok("config", "check", code=65)
            self.assertEqual(answer["code"], "bad-config")
            for word in words:
                self.assertIn(word, answer["error"])


class PinsOfPackedSnapshots(Pins):
    layout, snapshot_object = "packed", "openclaw-backup.repo/snapshots/{}"

    def test_rules_that_nobody_set(self):
        made = [self.push(f"{i}\n") for i in range(12)]
        self.machine.configure(keepSnapshots=None)
        dry = verdicts(self.machine.ok("prune", "--dry-run"))
        self.assertEqual(dry[made[11]][1], "the newest complete snapshot")
        self.assertEqual(dry[made[10]][1], "one of the newest 10")
        self.assertRegex(dry[made[0]][1], "has a newer one|^newest of the hour")  # when it struck just then


class PinsOnS3(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine(limits={"retrySeconds": 1}).use_fake(self.fake, keepSnapshots=100).populate(files=2, databases=False)
        self.addCleanup(self.machine.close)

    def test_a_key_that_does_not_reach_the_pins(self):
        machine, made = self.machine, []
        for text in ("one\n", "two\n"):
            machine.write("workspace/MEMORY.md", text)
            made.append(machine.ok("push")["snapshot"])
        machine.ok("pin", made[0])
        machine.ok("pin", made[0], "--remove")
        self.assertEqual(machine.ok("pin")["pins"], [])  # no older version of it is listed
        machine.configure(keepSnapshots=1)
        self.fake.faults(REFUSED)
        refused = machine.ok("pin", made[0], code=77)
        self.assertIn('whose name prefix is "openclaw-backup", without the slash', refused["error"])
        answer = machine.ok("prune")
        self.assertEqual(answer["removed"], [])
        self.assertIn("nothing is pruned: which snapshots are pinned cannot be listed", answer["warnings"][0])
        listed = machine.ok("snapshots")
        self.assertEqual([row["id"] for row in listed["snapshots"]], made)
        self.assertIn("without the slash", listed["warnings"][0])
        self.fake.faults()
        self.assertEqual(machine.ok("prune")["removed"], made[:1])


if __name__ == "__main__":
    unittest.main()
