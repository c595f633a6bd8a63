"""The gateway and the daemon in containers that share the state directory, as config/compose.example.yaml has it: each in namespaces of its
own for processes, network and /tmp, made by unshare(1), since no container engine is needed for what the kernel shows them."""
import os
import pathlib
import subprocess
import sys
import unittest

import harness

NAMESPACES = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--mount", "--ipc")
SKIP = "SKIPPED: making namespaces is not allowed here"

GATEWAY = """
import fcntl, json, os, pathlib, sqlite3, sys
state = pathlib.Path(sys.argv[1])
locks = state / "tmp" / f"openclaw-{os.getuid()}"
locks.mkdir(parents=True, exist_ok=True)
lock = os.open(locks / "gateway.state.lock.sqlite", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(lock, fcntl.LOCK_EX, 512, 0x40000000)
ticks = int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
(locks / "gateway.state.lock").write_text(json.dumps({"pid": os.getpid(), "startTime": ticks, "role": "gateway", "port": 18789}))
print("up", flush=True)
sys.stdin.read()
"""

READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM items").fetchone()
print("up", flush=True)
sys.stdin.read()
"""


def may_make_namespaces():
    return os.geteuid() == 0 and subprocess.run([*NAMESPACES, "true"], capture_output=True).returncode == 0


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not may_make_namespaces():
            print(SKIP, file=sys.stderr)
            raise unittest.SkipTest(SKIP)

    def setUp(self):
        self.machine = harness.Machine().use_directory()
        self.addCleanup(self.machine.close)
        self.machine.write("openclaw.json", "{}")
        self.database = self.machine.state / "state/openclaw.sqlite"
        self.machine.database("state/openclaw.sqlite")

    def container(self, code, argument, pids=NAMESPACES):
        """A process that says when it is up, and ends with its standard input."""
        process = subprocess.Popen([*pids, sys.executable, "-c", code, argument], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"up\n")
        return process

    def backup(self, *words, pids=NAMESPACES, direct=True):
        """daemonctl in the other container."""
        command = self.machine.command(*words)
        if not direct:
            command = [word for word in command if word != "--direct"]
        done = subprocess.run([*pids, *command], env=self.machine.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300)
        return harness.Outcome(done.returncode, done.stdout, done.stderr)

    def rows(self):
        return len(harness.rows(self.database, "items"))

    def refused(self, outcome, *words):
        self.assertEqual(outcome.code, 77, outcome)
        for word in words:
            self.assertIn(word, outcome.out + outcome.err)
        self.assertEqual(self.rows(), 57)

    def test_the_volume_alone(self):
        """The lock on the volume is seen, though its holder is not."""
        self.assertEqual(self.backup("push").code, 0)
        self.machine.database("state/openclaw.sqlite", rows=7)
        gateway = self.container(GATEWAY, self.machine.state)
        self.assertEqual(self.backup("push").code, 0)
        oldest = self.machine.ok("snapshots")["snapshots"][0]["id"]
        self.refused(self.backup("restore", oldest, "--yes"), "gateway is running")
        self.assertEqual(self.backup("restore", oldest, "--target", self.machine.root / "out", "--yes").code, 0)
        gateway.communicate()
        outcome = self.backup("restore", oldest, "--yes")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(self.rows(), 50)

    def test_the_daemon_is_reached_through_the_volume(self):
        """Its socket lies in the state directory; who asks is known by the user, not by the process."""
        daemon = harness.Daemon(self.machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        outcome = self.backup("--json", "status", direct=False)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(outcome.json["pid"], daemon.pid)

    def test_a_pid_namespace_that_a_third_one_owns(self):
        """Whoever has a database open is seen, too, and named."""
        owner = subprocess.Popen([*NAMESPACES, "sh", "-c", "echo up; exec sleep 1000"], stdout=subprocess.PIPE)
        self.addCleanup(owner.stdout.close)
        self.addCleanup(owner.wait)
        self.addCleanup(owner.kill)
        self.assertEqual(owner.stdout.readline(), b"up\n")
        inside = subprocess.run(["pgrep", "-P", str(owner.pid)], capture_output=True, text=True, check=True).stdout.strip()
        joined = ("nsenter", "-t", inside, "--pid", "--mount", "--")
        self.assertEqual(self.backup("push", pids=joined).code, 0)
        self.machine.database("state/openclaw.sqlite", rows=7)
        snapshot = self.machine.ok("snapshots")["snapshots"][0]["id"]
        reader = self.container(READER, self.database, pids=(*joined, "unshare", "--net"))
        self.refused(self.backup("restore", snapshot, "--yes", pids=joined), "is open in", pathlib.Path(sys.executable).name[:6])
        reader.communicate()
        outcome = self.backup("restore", snapshot, "--yes", pids=joined)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(self.rows(), 50)


if __name__ == "__main__":
    unittest.main()
