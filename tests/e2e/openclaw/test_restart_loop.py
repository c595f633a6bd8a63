"""Something starts the gateway every second while a restore is under way: none of them ever comes up on half a state."""
import json
import os
import signal
import subprocess
import threading
import unittest

from gateway import wait_for
from served_gateway import AroundTheGateway, ServedGateway

FILES = 1000


class RestlessGateway(ServedGateway):
    """Its start command leaves starting to the loop; its stop command ends whichever process has the lock."""

    def __init__(self, machine):
        super().__init__(machine)
        self.first_start, self.start_command = self.start_command, self.script("start-gateway-later", "")
        self.lock = self.state / "tmp" / f"openclaw-{os.getuid()}" / "gateway.state.lock"
        self.stop_command = self.script("stop-gateway", f"pid=$(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' '{self.lock}')\nkill -TERM $pid\n"
                                                        "while kill -0 $pid 2>/dev/null; do sleep 0.2; done\n")
        self.started, self.enough, self.loop = [], threading.Event(), threading.Thread(target=self.start_again)

    def start(self, seconds=120):
        os.spawnv(os.P_WAIT, self.first_start[0], self.first_start)
        wait_for(self.ready, "the gateway", seconds)
        return self

    def start_again(self):
        """Every second, four at a time at most."""
        while not self.enough.is_set():
            if len(self.alive()) < 4:
                with open(self.log_path, "ab") as log:
                    self.started.append(subprocess.Popen(
                        self.command("gateway", "run", "--port", self.port, "--bind", "loopback"), env=self.environment,
                        cwd=self.machine.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True))
            self.enough.wait(1)

    def holder(self):
        return json.loads(self.lock.read_text())["pid"]

    def alive(self):
        return [process for process in self.started if process.poll() is None]

    def close(self):
        self.enough.set()
        if self.loop.is_alive():
            self.loop.join()
        for process in self.alive():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        super().close()


@unittest.skipUnless(os.environ.get("B2B_LONG"), "only with B2B_LONG=1: which of the starters wins is left to chance")
class RestartLoop(AroundTheGateway):
    def test_a_rollback(self):
        self.prepare(RestlessGateway)
        for i in range(FILES):
            self.machine.write(f"workspace/files/f{i:04}.txt", f"before {i}\n")
        self.gateway.populate(sessions=1, turns=1)
        _, details = self.gateway.tool({"action": "push"})
        snapshot, then = details["report"]["snapshot"], self.state()
        for i in range(FILES):
            self.machine.write(f"workspace/files/f{i:04}.txt", f"after {i}\n")
        self.machine.write("workspace/MEMORY.md", "# Spoiled\n")
        self.gateway.chat("s0", "These words will be undone.")

        self.daemon.post("/v1/restore", {"snapshot": snapshot, "yes": True, "gateway": "stop", "wait": False, "delaySeconds": 5})
        # What comes after the first safety snapshot is for the second one to keep, while no gateway may start.
        self.machine.write("workspace/big.bin", os.urandom(1 << 20) * 100)
        self.daemon.until(lambda s: s["restore"]["state"] in ("stopping-gateway", "done", "failed"), "the stop", 60)
        self.gateway.loop.start()
        report = self.ended()["report"]
        self.gateway.enough.set()
        self.assertTrue(report["gateway"]["up"], report)
        # One has the lock. Those that were turned away, by the fence or by that one, ended with an error, or are told to end.
        holder = self.gateway.holder()
        self.assertIn(holder, [process.pid for process in self.gateway.alive()])
        codes = [process.returncode for process in self.gateway.started if process.returncode is not None]
        self.assertGreater(len(codes), 0)
        self.assertNotIn(0, codes)
        for process in self.gateway.alive():
            if process.pid != holder:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.assert_back(then)
        self.assertNotIn("These words will be undone.", str(self.state()["transcripts"]))
        for i in range(FILES):
            self.assertEqual((self.machine.state / f"workspace/files/f{i:04}.txt").read_text(), f"before {i}\n")
        self.assertFalse((self.machine.state / "workspace/big.bin").exists())
        self.assertIn("Answer", self.gateway.chat("s0", "Do you still talk to me?"))
        self.assertNotIn("malformed", self.gateway.log)
        self.gateway.cli("doctor", "--non-interactive")


if __name__ == "__main__":
    unittest.main()
