"""A whole agent goes back in time, asked for over /tools/invoke and in a chat, while its gateway runs."""
import unittest

from served_gateway import AroundTheGateway


class Rollback(AroundTheGateway):
    def test_a_stop_that_does_not_wait(self):
        """The gateway lets go of its lock before its process ends, and for so long it has its databases open."""
        self.prepare(waits=False)
        self.gateway.chat("s0", "Hello.")
        self.machine.write("workspace/MEMORY.md", "# Before\n")
        _, details = self.gateway.tool({"action": "push"})
        then = self.state()
        self.machine.write("workspace/MEMORY.md", "# Spoiled\n")
        self.gateway.chat("s0", "These words will be undone.")
        text, answer = self.gateway.tool({"action": "restore", "snapshotId": details["report"]["snapshot"]})
        self.assertTrue(answer["ok"], text)
        self.ended()
        self.assert_back(then)

    def test_back_and_forth(self):
        self.prepare()
        self.gateway.populate(sessions=1)
        _, details = self.gateway.tool({"action": "push"})
        snapshot, then = details["report"]["snapshot"], self.state()

        self.gateway.chat("s0", "These words will be undone.")
        self.gateway.cli("cron", "add", "--name", "weekly", "--cron", "0 7 * * 1", "--session", "isolated", "--message", "x", "--no-deliver")
        self.machine.write("workspace/MEMORY.md", "# Spoiled\n")
        spoiled = self.state()
        self.assertIn("These words will be undone.", str(spoiled["transcripts"]))

        # By the holder of the gateway's token: the answer comes before the gateway goes.
        first = self.gateway.pid
        text, details = self.gateway.tool({"action": "restore", "snapshotId": snapshot})
        self.assertTrue(details["ok"], text)
        self.assertTrue(details["restore"]["queued"])
        self.assertEqual((details["restore"]["snapshot"], details["restore"]["gateway"]), (snapshot, "stop"))
        self.assertTrue(details["restore"]["safety"], text)
        self.assertIn("gateway", text)
        self.ended()
        self.assertNotEqual(self.gateway.pid, first)
        self.assertNotIn("These words will be undone.", str(self.state()["transcripts"]))
        self.assertNotIn("weekly", self.state()["cron"])
        self.assert_back(then)
        text, details = self.gateway.tool({"action": "status"})
        self.assertRegex(text, f"^Restore of {snapshot}: done")
        self.assertIn("Answer", self.gateway.chat("s0", "Do you still talk to me?"))

        # And forth again, by the owner in a chat, to what the safety snapshot kept.
        safety = details["daemon"]["restore"]["report"]["safety"]
        approvals, text = self.gateway.web_chat("owner", f'call b2_rollback {{"action": "restore", "snapshotId": "{safety}"}}', "allow-once")
        self.assertEqual([request["title"] for request in approvals], ["Roll this agent back to a backup"])
        self.assertIn("queued", text)
        self.ended()
        self.assert_back(spoiled)
        self.assertEqual(self.gateway.lines(), [])


if __name__ == "__main__":
    unittest.main()
