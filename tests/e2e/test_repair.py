"""A packed repository in a directory, damaged and mended: through the command line, and through the daemon."""
import pathlib
import unittest

from harness import Daemon, Machine, Refusal, wait_for


class Repair(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory(layout="packed").populate(files=5, databases=False)
        self.addCleanup(self.machine.close)
        self.machine.write("workspace/log.jsonl", b"".join(b'{"n":%d}\n' % n for n in range(20_000)))
        self.first = self.machine.ok("push")["snapshot"]
        self.machine.write("workspace/note.md", b"a note\n")
        self.second = self.machine.ok("push")["snapshot"]
        bucket = next(path for path in self.machine.root.rglob("*.repo") if path.is_dir())
        self.packs = sorted(path for path in (bucket / "packs").rglob("*") if path.is_file() and len(path.name) == 64)
        self.index = sorted(path for path in (bucket / "index").iterdir() if path.is_file() and len(path.name) == 64)
        self.assertEqual(len(self.packs), 2)

    def check_restores(self, snapshot):
        target = self.machine.root / ("restored-" + snapshot)
        self.machine.ok("restore", snapshot, "--target", str(target))
        for path in ("workspace/log.jsonl", "workspace/MEMORY.md"):
            self.assertEqual((target / path).read_bytes(), (self.machine.state / path).read_bytes(), path)

    def damage(self, path: pathlib.Path):
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)

    def test_a_damaged_pack_is_found_by_reading_and_mended(self):
        for pack in self.packs:
            self.damage(pack)
        problems = self.machine.ok("verify", "--read-data", code=3)["problems"]
        named = {(problem["snapshot"], bool(problem["path"])) for problem in problems}
        self.assertIn(("", True), named)                    # the packs themselves
        self.assertTrue({self.first, self.second} & {snapshot for snapshot, _ in named})
        outcome = self.machine.run("--json", "repair")
        report = outcome.json
        self.assertEqual(outcome.code, 3 if report["problems"] else 0)
        self.assertEqual(report["packsRemoved"], 2)
        self.assertTrue(report["healed"])
        self.assertTrue(report["snapshot"])
        # Which chunk lies at that place is chance: the list of the first snapshot is on this machine no more, all else is.
        lost = {problem["snapshot"] for problem in report["problems"]}
        self.assertLessEqual(lost, {self.first})
        self.assertEqual({problem["snapshot"] for problem in self.machine.ok("verify", "--read-data", code=3 if lost else 0)["problems"]}, lost)
        for snapshot in {self.first, self.second, report["snapshot"]} - lost:
            self.check_restores(snapshot)

    def test_the_index_is_written_anew_from_the_packs(self):
        for path in self.index:
            path.unlink()
        self.assertTrue(self.machine.ok("verify", code=3)["problems"])
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.terminate)
        reports = []

        def repaired():
            try:
                reports.append(daemon.post("/v1/repair", {"index": True}))
            except Refusal as refusal:  # it has just started, and looks whether something waits
                self.assertEqual(refusal.code, "busy")
            return bool(reports)

        wait_for(repaired, "the repair")
        report = reports[0]
        self.assertEqual((report["packsIndexed"], report["problems"]), (2, []))
        self.assertEqual(daemon.post("/v1/verify", {"readDataSubset": 50})["problems"], [])
        daemon.terminate()
        self.check_restores(self.first)

    def test_what_is_said(self):
        self.assertIn("all is well", self.machine.run("repair", "index").out)
        wrong = self.machine.run("verify", "--read-data-subset", "half")
        self.assertEqual(wrong.code, 64)
        self.assertIn("percentage", wrong.err)
        self.assertEqual(self.machine.run("repair", "everything").code, 64)
        self.packs[0].unlink()
        self.index[0].unlink()
        gone = self.machine.run("repair", "index")
        self.assertEqual(gone.code, 3)
        self.assertIn("problem", gone.out)


if __name__ == "__main__":
    unittest.main()
