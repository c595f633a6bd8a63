"""b2_rollback in a real gateway: over POST /tools/invoke, and as an agent calls it."""
import json
import unittest

from gateway import Daemon, Gateway, Machine

UNKNOWN = "2020-01-01T00-00-00-000Z"


class Tool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        cls.addClassCleanup(cls.machine.close)
        cls.gateway = Gateway(cls.machine)
        cls.addClassCleanup(cls.gateway.close)
        cls.gateway.install_plugin()
        cls.machine.write("workspace/MEMORY.md", "# one\n")
        cls.daemon = Daemon(cls.machine)
        cls.addClassCleanup(cls.daemon.kill)
        cls.daemon.until_backed_up()
        cls.gateway.start()

    def refused(self, arguments, status, text, **more):
        got, answer = self.gateway.invoke(arguments, **more)
        self.assertEqual((got, answer["ok"]), (status, False), answer)
        self.assertRegex(answer["error"]["message"], text)

    def test_push_list_diff_and_restore_of_a_file(self):
        memory = self.machine.write("workspace/MEMORY.md", "# before\n")
        text, details = self.gateway.tool({"action": "push"})
        snapshot = details["report"]["snapshot"]
        self.assertRegex(text, f"^Backed up: {snapshot}, [0-9]+ files?;")
        text, details = self.gateway.tool({"action": "list-snapshots", "limit": 1})
        self.assertEqual([entry["id"] for entry in details["snapshots"]], [snapshot])
        self.assertIn(f"- {snapshot}; just now; asked for; ", text)
        memory.write_text("# after\n")
        text, details = self.gateway.tool({"action": "diff", "snapshotId": snapshot})
        self.assertIn({"path": "workspace/MEMORY.md", "change": "changed"}, details["changes"])
        self.assertIn("~ workspace/MEMORY.md", text)
        # A plain file comes back while the gateway runs, also by the old name of the argument.
        text, details = self.gateway.tool({"action": "restore", "timestamp": snapshot, "paths": ["workspace/MEMORY.md"]})
        self.assertEqual(details["report"]["restored"], 1, text)
        self.assertEqual(memory.read_text(), "# before\n")
        self.assertIsNone(self.gateway.process.poll())

    def test_status(self):
        text, details = self.gateway.tool({"action": "status"})
        self.assertIn("Backups are in order.", text)
        self.assertEqual(details["daemon"]["pid"], self.daemon.pid)
        self.assertEqual(details["daemon"]["gateway"]["running"], "running")

    def test_bad_arguments_are_refused_with_what_to_give(self):
        self.refused({}, 400, "action is one of list-snapshots, status, diff, push, restore")
        self.refused({"action": "wipe"}, 400, 'there is no action "wipe"')
        self.refused({"action": "restore"}, 400, "restore needs snapshotId")
        self.refused({"action": "restore", "snapshotId": "latest", "paths": ["../../etc"]}, 400, "leads out of the state directory")
        self.refused({"action": "status", "verbose": True}, 400, 'status takes no "verbose"')
        self.refused({"action": "list-snapshots", "limit": "many"}, 400, "limit must be a whole number")

    def test_a_snapshot_that_does_not_exist(self):
        before = self.machine.state.joinpath("openclaw.json").read_bytes()
        text, details = self.gateway.tool({"action": "restore", "snapshotId": UNKNOWN, "paths": ["workspace/**"]})
        self.assertEqual((details["ok"], details["code"]), (False, "not-found"), text)
        self.assertIn(UNKNOWN, text)
        self.assertEqual(self.machine.state.joinpath("openclaw.json").read_bytes(), before)

    def test_strangers_get_nothing(self):
        status, _ = self.gateway.invoke({"action": "status"}, token="wrong")
        self.assertEqual(status, 401)

    def order(self, arguments):
        """What makes the stand-in for a model call the tool."""
        return f"call b2_rollback {json.dumps(arguments)}"

    def test_an_agent_asks_its_owner_before_a_restore(self):
        memory = self.machine.write("workspace/asked.md", "as it was\n")
        _, details = self.gateway.tool({"action": "push"})
        snapshot = details["report"]["snapshot"]
        memory.write_text("as it is\n")
        restore = self.order({"action": "restore", "snapshotId": snapshot, "paths": ["workspace/asked.md"]})
        approvals, text = self.gateway.web_chat("denied", restore, "deny")
        self.assertEqual([request["title"] for request in approvals], ["Restore files from a backup"])
        self.assertIn(f"Restores the snapshot {snapshot}. Only: workspace/asked.md.", approvals[0]["description"])
        self.assertEqual(approvals[0]["allowedDecisions"], ["allow-once", "deny"])
        self.assertEqual(memory.read_text(), "as it is\n", text)
        approvals, text = self.gateway.web_chat("allowed", restore, "allow-once")
        self.assertEqual(len(approvals), 1)
        self.assertIn("Restored 1 file from", text)
        self.assertEqual(memory.read_text(), "as it was\n")

    def test_an_agent_does_the_rest_without_asking(self):
        for arguments, said in (({"action": "status"}, "Backups are in order."), ({"action": "list-snapshots"}, "newest first"),
                                ({"action": "diff"}, "the newest snapshot")):
            approvals, text = self.gateway.web_chat("looks", self.order(arguments))
            self.assertEqual(approvals, [])
            self.assertIn(said, text)

    def test_somebody_else_in_the_chat_is_refused_and_nobody_is_asked(self):
        memory = self.machine.write("workspace/keep.md", "mine\n")
        guest = ("operator.read", "operator.write", "operator.approvals")
        for arguments in ({"action": "restore", "snapshotId": "latest"}, {"action": "restore", "snapshotId": "latest", "paths": ["workspace/**"]},
                          {"action": "push"}):
            approvals, text = self.gateway.web_chat("guest", self.order(arguments), "allow-once", guest)
            self.assertEqual(approvals, [])
            self.assertIn("only the owner of this agent may restore or push", text)
        self.assertEqual(memory.read_text(), "mine\n")

    def test_on_a_terminal_nobody_can_be_asked_so_nothing_is_restored(self):
        memory = self.machine.write("workspace/keep.md", "mine\n")
        answer = self.gateway.chat("terminal", self.order({"action": "restore", "snapshotId": "latest", "paths": ["workspace/**"]}))
        self.assertRegex(answer, "(?i)approval")
        self.assertEqual(memory.read_text(), "mine\n")


class NotTheOwner(unittest.TestCase):
    """A gateway behind somebody else's login: the caller's own scopes count, and an operator who may only write is not the owner."""

    def test_restore_and_push_are_refused(self):
        machine = Machine().use_directory(schedule="off")
        self.addCleanup(machine.close)
        gateway = Gateway(machine)
        self.addCleanup(gateway.close)
        config = json.loads((machine.state / "openclaw.json").read_text())
        config["gateway"]["auth"] = {"mode": "none"}
        (machine.state / "openclaw.json").write_text(json.dumps(config))
        gateway.install_plugin()
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        gateway.start()
        narrow = {"x-openclaw-scopes": "operator.write,operator.read"}
        for arguments in ({"action": "push"}, {"action": "restore", "snapshotId": "latest"},
                          {"action": "restore", "snapshotId": "latest", "paths": ["workspace/**"]}):
            status, answer = gateway.invoke(arguments, headers=narrow)
            self.assertEqual(status, 403, answer)
            self.assertRegex(answer["error"]["message"], "only the owner of this agent may restore or push.*Nothing was done")
        status, answer = gateway.invoke({"action": "status"}, headers=narrow)
        self.assertEqual(status, 200, answer)
        self.assertEqual(len(daemon.snapshots()), 1)
        status, answer = gateway.invoke({"action": "push"})  # the same caller with all scopes
        self.assertEqual((status, answer["result"]["details"]["ok"]), (200, True), answer)


if __name__ == "__main__":
    unittest.main()
