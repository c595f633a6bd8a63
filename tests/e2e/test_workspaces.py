"""Workspaces that OpenClaw's configuration puts outside of the state directory."""
import json
import shutil
import unittest

import harness
from harness import Daemon, Machine


class Workspaces(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory(schedule="off", watch={"push": True, "quiet": "200ms", "minInterval": "1s"})
        self.addCleanup(self.machine.close)
        self.machine.populate(files=5, databases=False)
        self.clawd = self.machine.root / "clawd"
        self.clawd.mkdir()
        (self.clawd / "SOUL.md").write_text("soul\n")
        self.place(defaults={"workspace": str(self.clawd)})

    def place(self, **agents):
        self.machine.write("openclaw.json", json.dumps({"agents": agents}))

    def restored(self):
        target = self.machine.root / "restored"
        shutil.rmtree(target, ignore_errors=True)
        self.machine.ok("restore", "latest", "--target", target, "--yes")
        return harness.tree(target)

    def test_they_are_backed_up_under_their_label(self):
        self.machine.ok("push")
        listed = self.machine.ok("ls", "latest", "@workspace")
        self.assertIn("@workspace/SOUL.md", [entry["path"] for entry in listed["entries"]])
        self.assertEqual(self.machine.run("cat", "latest", "@workspace/SOUL.md").out, "soul\n")
        self.assertEqual(self.restored()[b"@workspace/SOUL.md"][2], b"soul\n")
        (self.clawd / "SOUL.md").write_text("another\n")
        changes = self.machine.ok("diff", "latest")["changes"]
        self.assertEqual([(c["path"], c["change"]) for c in changes if c["path"].endswith("SOUL.md")], [("@workspace/SOUL.md", "changed")])

    def test_the_daemon_watches_them_and_hears_of_new_ones(self):
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        (self.clawd / "memory").mkdir()
        (self.clawd / "memory/today.md").write_text("today\n")
        second = daemon.until(lambda s: s["lastGood"]["snapshot"] != first and not s["jobs"], "a push on a change there")
        self.assertEqual(self.restored()[b"@workspace/memory/today.md"][2], b"today\n")
        work = self.machine.root / "work"
        work.mkdir()
        (work / "plan.md").write_text("plan\n")
        self.place(defaults={"workspace": str(self.clawd)}, entries={"work": {"workspace": str(work)}})
        daemon.until(lambda s: b"@workspace-work/plan.md" in self.restored(), "a push of the new workspace")
        (work / "plan.md").write_text("another plan\n")
        daemon.until(lambda s: self.restored()[b"@workspace-work/plan.md"][2] == b"another plan\n", "a push on a change there")
        self.assertEqual(daemon.status()["watch"]["state"], "healthy")


if __name__ == "__main__":
    unittest.main()
