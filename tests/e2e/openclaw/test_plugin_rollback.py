"""A whole agent goes back in time, asked for over /tools/invoke and in a chat, while its gateway runs."""
import os
import signal
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, transcripts, wait_for


class ServedGateway(Gateway):
    """A gateway that a service would start and stop: by two commands, which the daemon knows too. Service managers return from the second when
    the process is gone; waits=False: it only sends the signal."""

    def __init__(self, machine, waits=True):
        super().__init__(machine)
        self.pids = machine.root / "gateway.pids"
        environment = {name: self.environment[name] for name in ("PATH", "HOME", "TMPDIR", "OPENCLAW_DISABLE_BONJOUR", "NO_COLOR")}
        exports = "\n".join(f"export {name}='{value}'" for name, value in environment.items())
        run = " ".join(f"'{word}'" for word in self.command("gateway", "run", "--port", self.port, "--bind", "loopback"))
        self.start_command = self.script("start-gateway", f"{exports}\ncd '{machine.home}'\nsetsid {run} >>'{self.log_path}' 2>&1 </dev/null &\n"
                                                          f"echo $! >>'{self.pids}'\n")
        wait = "while kill -0 $pid 2>/dev/null; do sleep 0.2; done\n" if waits else ""
        self.stop_command = self.script("stop-gateway", f"pid=$(tail -n 1 '{self.pids}')\nkill -TERM $pid\n{wait}")

    def script(self, name, text):
        path = self.machine.root / name
        path.write_text(f"#!/bin/sh\nset -e\n{text}")
        path.chmod(0o755)
        return [str(path)]

    def start(self, seconds=120):
        os.spawnv(os.P_WAIT, self.start_command[0], self.start_command)
        wait_for(self.ready, "the gateway", seconds)
        return self

    @property
    def pid(self):
        return int(self.pids.read_text().split()[-1])

    def close(self):
        for pid in self.pids.read_text().split() if self.pids.exists() else []:
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.model.stop()


class Rollback(unittest.TestCase):
    def ended(self):
        """What became of the restore, when the gateway is there again."""
        status = self.daemon.until(lambda s: s["restore"] and s["restore"]["state"] in ("done", "failed", "cancelled", "expired"), "the restore", 240)
        self.assertEqual(status["restore"]["state"], "done", status["restore"])
        wait_for(self.gateway.ready, "the gateway after the restore", 120)
        return status["restore"]

    def state(self):
        return {"transcripts": transcripts(self.machine.state / AGENT_DATABASE),
                "cron": cron_jobs(self.machine.state / "state/openclaw.sqlite"),
                "memory": (self.machine.state / "workspace/MEMORY.md").read_text()}

    def assert_back(self, then):
        """Everything of then is there; what a gateway adds when it starts may be, too."""
        now = self.state()
        self.assertEqual({session: now["transcripts"].get(session) for session in then["transcripts"]}, then["transcripts"])
        self.assertEqual({name: now["cron"].get(name) for name in then["cron"]}, then["cron"])
        self.assertEqual(now["memory"], then["memory"])

    def prepare(self, **more):
        self.machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        self.gateway = ServedGateway(self.machine, **more)
        self.addCleanup(self.gateway.close)
        self.machine.configure(gateway={"start": self.gateway.start_command, "stop": self.gateway.stop_command})
        self.gateway.install_plugin()
        self.daemon = Daemon(self.machine, env={"PATH": self.gateway.environment["PATH"]})
        self.addCleanup(self.daemon.kill)
        self.gateway.start()

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
