"""The daemon's own checks of what is stored: damage and losses are found without being asked for, told, and shown."""
import subprocess
import unittest

from harness import Daemon, Machine, wait_for
from test_daemon_notices import Monitor


class Checks(unittest.TestCase):
    layout = "packed"

    def setUp(self):
        self.machine = Machine().use_directory(layout=self.layout, schedule="off", check={"every": "10s", "subset": "100%"})
        self.addCleanup(self.machine.close)
        self.machine.populate(files=5, databases=False)
        self.machine.write("workspace/log.jsonl", b"".join(b'{"n":%d}\n' % n for n in range(20_000)))
        self.told = self.machine.root / "told"
        self.machine.configure(onFailure=["/bin/sh", "-c", f'printf "%s|%s\\n" "$B2B_EVENT" "$B2B_ERROR" >> {self.told}'],
                               metricsTextfile=str(self.machine.root / "metrics.prom"))
        self.first = self.machine.ok("push")["snapshot"]
        self.machine.write("workspace/note.md", b"a note\n")
        self.second = self.machine.ok("push")["snapshot"]

    def objects(self, kind):
        bucket = next(path for path in self.machine.root.rglob("*.repo") if path.is_dir())
        return sorted(path for path in (bucket / kind).rglob("*") if path.is_file() and ".b2b" not in path.name and "attributes" not in path.name)

    def damage(self, path):
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)

    def start(self):
        daemon = Daemon(self.machine)
        self.addCleanup(daemon.kill)
        return daemon

    def until_told(self, words):
        wait_for(lambda: self.told.exists() and words in self.told.read_text(), "the alarm", 60)
        self.assertTrue(all(line.startswith("damage|") for line in self.told.read_text().splitlines()))

    def text(self):
        daemonctl = [word for word in self.machine.command("status") if word != "--direct"]
        return subprocess.run(daemonctl, env=self.machine.environment, capture_output=True, text=True, timeout=60).stdout

    def checked(self, daemon):
        return daemon.until(lambda s: s["lastCheck"] and s["lastLook"] and not s["jobs"], "both checks", 60)

    def test_all_is_well(self):
        daemon = self.start()
        status = self.checked(daemon)
        check = status["lastCheck"]
        self.assertEqual((check["outcome"], check["problems"], check["snapshot"]), ("fine", [], self.second))
        self.assertGreater(check["bytesRead"], 1000)
        self.assertGreaterEqual(check["filesRestored"], 8)
        self.assertEqual(status["lastLook"]["outcome"], "fine")
        self.assertEqual(status["health"], "ok")
        self.assertIn("last check:", self.text())
        self.assertIn(", fine", self.text())
        self.assertIn("b2backupd_last_check_problems 0", daemon.request("GET", "/metrics")[1].decode())
        daemon.terminate()
        self.assertEqual([path for path in self.machine.home.rglob("check") if path.is_dir()], [], "the scratch folder stays")
        self.assertFalse(self.told.exists())

    def test_a_damaged_pack(self):
        for pack in self.objects("packs"):
            self.damage(pack)
        daemon = self.start()
        status = daemon.until(lambda s: s["lastCheck"] and not s["jobs"], "the check", 60)
        self.assertEqual(status["lastCheck"]["outcome"], "damaged")
        self.assertEqual(status["health"], "degraded")
        self.assertTrue(any("/packs/" in problem["path"] for problem in status["lastCheck"]["problems"]))
        self.until_told("what is stored is damaged")
        for words in ("DAMAGED", "daemonctl verify", "daemonctl repair"):
            self.assertIn(words, self.text())
        self.assertNotIn("b2backupd_last_check_problems 0", daemon.request("GET", "/metrics")[1].decode())
        # What this machine still has is stored again; the list of the first snapshot, where that was hit, is lost.
        report = daemon.post("/v1/repair", {})
        self.assertEqual(daemon.status()["lastCheck"]["outcome"], "damaged" if report["problems"] else "fine", report)

    def test_repair_clears_what_it_mended(self):
        # Only what this machine has still is hit.
        before = set(self.objects("packs"))
        self.machine.write("workspace/another.bin", bytes(n * n % 251 for n in range(200_000)))
        self.machine.ok("push")
        for pack in set(self.objects("packs")) - before:
            self.damage(pack)
        daemon = self.start()
        daemon.until(lambda s: s["lastCheck"] and s["lastCheck"]["outcome"] == "damaged" and not s["jobs"], "the check", 60)
        report = daemon.post("/v1/repair", {})
        self.assertEqual(report["problems"], [], report)
        self.assertEqual(daemon.status()["lastCheck"]["outcome"], "fine")
        self.assertEqual(daemon.status()["health"], "ok")

    def test_a_monitor_hears_of_damage_until_it_is_mended(self):
        monitor = Monitor()
        self.addCleanup(monitor.stop)
        self.machine.configure(healthcheckUrl=monitor.url)
        for pack in self.objects("packs"):
            self.damage(pack)
        daemon = self.start()
        daemon.until(lambda s: s["lastCheck"] and s["lastCheck"]["outcome"] == "damaged" and not s["jobs"], "the check", 60)
        wait_for(lambda: monitor.paths()[-1:] == ["/ping/secret-id/fail"], "the alarm", 30)
        told = len(monitor.calls)
        self.machine.write("workspace/note.md", b"another note\n")
        daemon.push()
        wait_for(lambda: "/ping/secret-id/start" in monitor.paths()[told:] and len(monitor.calls) >= told + 2, "the calls of the push", 30)
        self.assertNotIn("/ping/secret-id", monitor.paths()[told:])

    def test_a_pack_that_was_deleted(self):
        daemon = self.start()
        self.assertEqual(self.checked(daemon)["lastLook"]["outcome"], "fine")
        pack = self.objects("packs")[0]
        pack.unlink()
        status = daemon.until(lambda s: s["lastLook"]["outcome"] == "damaged", "the alarm", 60)
        self.assertTrue(any(problem["path"].endswith(pack.name) for problem in status["lastLook"]["problems"]))
        self.until_told(pack.name)

    def test_a_snapshot_that_was_deleted(self):
        daemon = self.start()
        self.checked(daemon)
        snapshots = [path for path in self.objects("snapshots") if self.first in path.name]
        self.assertTrue(snapshots)
        for path in snapshots:
            path.unlink()
        status = daemon.until(lambda s: s["lastLook"]["outcome"] == "damaged", "the alarm", 60)
        self.assertIn(self.first, [problem["snapshot"] for problem in status["lastLook"]["problems"]])
        self.until_told(self.first)
        self.assertIn("snapshots --all", self.text())
        self.assertNotIn("daemonctl repair", self.text())
        # A person is told, once; then it is forgotten.
        self.assertEqual(self.machine.run("verify").code, 3)

    def test_checks_that_fail_are_shown(self):
        daemon = self.start()
        self.checked(daemon)
        bucket = next(path for path in self.machine.root.rglob("store"))
        away = bucket.with_name("away")
        bucket.rename(away)
        self.addCleanup(lambda: away.exists() and away.rename(bucket))
        status = daemon.until(lambda s: s["checkOverdue"], "the word of failing checks", 90)
        self.assertTrue(status["checkOverdue"]["error"])
        self.assertNotEqual(status["health"], "ok")
        self.assertIn("not for", self.text())

    def test_a_killed_check_leaves_nothing_behind(self):
        data = next(path.parent for path in self.machine.home.rglob("index.sqlite"))
        left = data / "check" / "sample-left"
        left.mkdir(parents=True)
        (left / "restored-1").write_bytes(b"content")
        self.machine.configure(check=False)
        daemon = self.start()
        self.assertFalse((data / "check").exists())
        self.assertIsNone(daemon.status()["lastCheck"])


class ChecksOfThePluginLayout(Checks):
    layout = "plugin"
    test_a_pack_that_was_deleted = test_a_snapshot_that_was_deleted = test_repair_clears_what_it_mended = None
    test_checks_that_fail_are_shown = test_a_monitor_hears_of_damage_until_it_is_mended = None

    def objects(self, kind):
        return [path for path in (self.machine.root / "store").rglob("*.jsonl*") if path.is_file()] if kind == "packs" else []

    def test_a_damaged_pack(self):
        # Snapshots may share a file of the store: each of them once.
        for body in {path.stat().st_ino: path for path in self.objects("packs")}.values():
            self.damage(body)
        daemon = self.start()
        status = daemon.until(lambda s: s["lastCheck"] and not s["jobs"], "the check", 60)
        self.assertEqual(status["lastCheck"]["outcome"], "damaged")
        self.assertTrue(any(problem["path"].endswith(".jsonl") for problem in status["lastCheck"]["problems"]))
        self.until_told(".jsonl")
        self.assertNotIn("daemonctl repair", self.text())

    def test_a_manifest_that_was_deleted(self):
        daemon = self.start()
        daemon.until(lambda s: s["lastCheck"] and not s["jobs"], "the check", 60)
        manifests = [path for path in (self.machine.root / "store").rglob("manifest.json") if self.first in str(path)]
        self.assertTrue(manifests)
        for path in manifests:
            path.unlink()
        daemon.until(lambda s: s["lastCheck"]["outcome"] == "damaged", "the alarm", 60)
        self.until_told(self.first)
        self.assertIn("snapshots --all", self.text())


if __name__ == "__main__":
    unittest.main()
