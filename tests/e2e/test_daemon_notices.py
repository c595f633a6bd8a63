"""What the daemon hears from the gateway, and whom it tells: the snapshot after a stop, commands, a monitor, a metrics file."""
import http.server
import os
import subprocess
import sys
import threading
import time
import unittest

import harness
from harness import Daemon, FakeS3, Gate, Machine

# Holds the lock as a gateway's SQLite does: PENDING_BYTE and what follows.
GATEWAY = """
import fcntl, json, os, sys
folder = sys.argv[1]
fd = os.open(folder + "/gateway.state.lock.sqlite", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(fd, fcntl.LOCK_EX, 512, 0x40000000)
ticks = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
open(folder + "/gateway.state.lock", "w").write(json.dumps({"pid": os.getpid(), "port": 18789, "startTime": ticks}))
print("held", flush=True)
sys.stdin.read()
os.unlink(folder + "/gateway.state.lock")
"""


class Gateway:
    def __init__(self, machine):
        folder = machine.state / "tmp" / f"openclaw-{os.getuid()}"
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen([sys.executable, "-c", GATEWAY, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"held\n"

    def stop(self):
        if self.process.poll() is None:
            self.process.communicate()


class Monitor:
    """A server that keeps what was asked of it."""

    def __init__(self):
        calls = self.calls = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                calls.append((self.path, body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            do_GET = do_HEAD = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ping/secret-id"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def paths(self):
        return [path for path, _ in self.calls]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Notices(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.gate = Gate(self.fake.port)
        self.addCleanup(self.gate.close)
        self.machine = Machine().use_s3(self.gate.url, self.fake.key_id, self.fake.key, self.fake.bucket, region="us-west-004",
                                        schedule="off", compactionUploadInterval="0s", limits={"retrySeconds": 1})
        self.addCleanup(self.machine.close)
        self.machine.populate()
        self.told = self.machine.root / "told"

    def start(self):
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        return daemon

    def gateway(self):
        gateway = Gateway(self.machine)
        self.addCleanup(gateway.stop)
        return gateway

    def telling(self):
        """A command that notes what it was told."""
        return ["/bin/sh", "-c", 'printf "%s|%s|%s|%s|%s|%s\\n" "$B2B_EVENT" "$B2B_SNAPSHOT" "$B2B_ERROR" "$B2B_STATE_DIR" '
                f'"$B2B_RECOVERED" "$B2_APPLICATION_KEY" >> {self.told}']

    def lines(self, event):
        if not self.told.exists():
            return []
        return [line.split("|") for line in self.told.read_text().splitlines() if line.startswith(event + "|")]

    # --- the gateway ---------------------------------------------------------------------------------------------

    def test_a_gateway_that_stops(self):
        gateway = self.gateway()
        daemon = self.start()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        self.assertEqual(daemon.status()["gateway"]["running"], "running")
        began = time.monotonic()
        self.assertTrue(daemon.notify("gateway_stop", data={"reason": "gateway stopping"})["accepted"])
        self.assertLess(time.monotonic() - began, 0.5, "the gateway must not wait")
        self.machine.write("workspace/MEMORY.md", "flushed while it stops\n")
        daemon.until(lambda s: s["gateway"]["said"].startswith("gateway_stop"), "the note")
        # It holds its lock for some looks more, and nothing is captured yet.
        looks = time.monotonic() + 2.5
        daemon.until(lambda s: time.monotonic() > looks, "some looks")
        self.assertEqual(daemon.status()["lastGood"]["snapshot"], first)
        gateway.stop()
        status = daemon.until(lambda s: s["lastGood"]["snapshot"] != first, "the snapshot after the stop")
        newest = daemon.snapshots()[-1]
        self.assertEqual((newest["id"], newest["trigger"]), (status["lastGood"]["snapshot"], "gateway-stop"))
        target = self.machine.root / "restored"
        daemon.post("/v1/restore", {"snapshot": newest["id"], "target": str(target), "yes": True})
        self.assertEqual((target / "workspace/MEMORY.md").read_text(), "flushed while it stops\n")
        self.assertEqual(status["gateway"]["running"], "stopped")

    def test_a_gateway_that_restarts(self):
        gateway = self.gateway()
        daemon = self.start()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        self.machine.write("workspace/MEMORY.md", "before the restart\n")
        daemon.notify("gateway_stop", data={"reason": "gateway stopping"})
        gateway.stop()
        self.gateway()
        daemon.until(lambda s: s["lastGood"]["snapshot"] != first, "the snapshot")
        self.assertEqual(daemon.snapshots()[-1]["trigger"], "gateway-stop")

    # --- whom it tells -------------------------------------------------------------------------------------------

    def test_commands(self):
        command = self.telling()
        self.machine.configure(onSuccess=command, onFailure=command)
        daemon = self.start()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        harness.wait_for(lambda: self.lines("success"), "the first success")
        self.assertEqual(self.lines("success")[0], ["success", first, "", str(self.machine.state), "", ""])
        self.gate.set("refuse")
        for version in range(2):
            self.machine.write("workspace/MEMORY.md", f"lost store {version}\n")
            with self.assertRaises(harness.Refusal):
                daemon.push()
        harness.wait_for(lambda: self.lines("failure"), "the failure")
        failure = self.lines("failure")[0]
        self.assertTrue(failure[2])
        self.assertEqual(failure[3], str(self.machine.state))
        self.gate.set("open")
        daemon.send(1)
        daemon.until_backed_up()
        harness.wait_for(lambda: len(self.lines("success")) > 1, "the recovery")
        self.assertEqual([line[4] for line in self.lines("success")[:2]], ["", "1"])
        self.assertEqual(len(self.lines("failure")), 1, "the same failure is told once")
        # A command that fails harms nothing.
        self.machine.configure(onSuccess=["/bin/sh", "-c", "echo no thanks; exit 3"])
        daemon.send(1)
        harness.wait_for(lambda: "onSuccess" in daemon.log, "the new configuration")
        self.machine.write("workspace/MEMORY.md", "once more\n")
        self.assertTrue(daemon.push()["snapshot"])
        harness.wait_for(lambda: "no thanks" in daemon.log, "the command's output in the log")
        self.assertEqual(daemon.status()["health"], "ok")

    def test_a_monitor(self):
        monitor = Monitor()
        self.addCleanup(monitor.stop)
        self.machine.configure(healthcheckUrl=monitor.url)
        daemon = self.start()
        daemon.until_backed_up()
        harness.wait_for(lambda: "/ping/secret-id" in monitor.paths(), "the call after a success")
        self.assertEqual(monitor.paths()[:2], ["/ping/secret-id/start", "/ping/secret-id"])
        self.gate.set("refuse")
        self.machine.write("workspace/MEMORY.md", "lost store\n")
        with self.assertRaises(harness.Refusal):
            daemon.push()
        harness.wait_for(lambda: "/ping/secret-id/fail" in monitor.paths(), "the call after a failure")
        body = dict(monitor.calls)["/ping/secret-id/fail"]
        self.assertTrue(body)
        self.assertNotIn(self.fake.key.encode(), body)
        self.assertNotIn("secret-id", daemon.log)

    def test_a_metrics_file(self):
        path = self.machine.root / "b2backupd.prom"
        self.machine.configure(metricsTextfile=str(path))
        daemon = self.start()
        status = daemon.until_backed_up()

        def values():
            return dict(line.split(" ") for line in path.read_text().splitlines() if not line.startswith("#")) if path.exists() else {}

        harness.wait_for(lambda: values().get("b2backupd_snapshots") == "1", "the metrics")
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        self.assertGreater(float(values()["b2backupd_last_good_snapshot_time_seconds"]), time.time() - 60)
        self.gate.set("refuse")
        self.machine.write("workspace/MEMORY.md", "lost store\n")
        with self.assertRaises(harness.Refusal):
            daemon.push()
        harness.wait_for(lambda: values()["b2backupd_failing"] == "1" and values()["b2backupd_queue_captures"] == "1", "the metrics")
        self.assertEqual(values()["b2backupd_store_reachable"], "0")
        self.assertEqual(status["health"], "ok")

    def test_a_stale_alarm(self):
        self.machine.configure(staleAfter="2s", onStale=self.telling())
        daemon = self.start()
        daemon.until_backed_up()
        status = daemon.until(lambda s: s["stale"], "a stale backup", 20)
        self.assertEqual(status["health"], "stale")
        harness.wait_for(lambda: self.lines("stale"), "the command's call, although nothing else happens", 15)
        self.assertIn(b"b2backupd_stale 1", daemon.request("GET", "/metrics")[1])
        self.machine.write("workspace/MEMORY.md", "fresh\n")
        daemon.push()
        daemon.until(lambda s: not s["stale"], "a fresh backup")


if __name__ == "__main__":
    unittest.main()
