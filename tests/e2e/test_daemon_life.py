"""A daemon's life: start, pushes for every reason, a new configuration, a second one, its end, and a state directory that goes.

Two instances in one bucket push 4 times each, 50 times with B2B_LONG=1.
"""
import base64
import json
import shutil
import signal
import sqlite3
import time
import unittest

import harness
from harness import Daemon, FakeS3, Machine, Refusal

PUSHES = 50 if harness.LONG else 4


class Life(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory(schedule="off")
        self.addCleanup(self.machine.close)
        self.machine.populate()

    def daemon(self, *arguments, **more):
        daemon = Daemon(self.machine, *arguments, **more)
        self.addCleanup(daemon.kill)
        return daemon

    def restored(self, snapshot):
        target = self.machine.root / "restored"
        shutil.rmtree(target, ignore_errors=True)
        self.machine.ok("restore", snapshot, "--target", target, "--yes")
        return harness.tree(target)

    def test_the_first_push_and_what_the_daemon_says_of_itself(self):
        daemon = self.daemon()
        self.assertEqual(daemon.request("GET", "/healthz"), (200, b"ok\n"))
        status = daemon.until_backed_up()
        self.assertEqual((status["health"], status["stale"], status["watch"]["state"]), ("ok", False, "healthy"))
        self.assertEqual((status["pid"], status["bucket"]["snapshots"]), (daemon.pid, 1))
        snapshots = daemon.snapshots()
        self.assertEqual([s["id"] for s in snapshots], [status["lastGood"]["snapshot"]])
        metrics = daemon.request("GET", "/metrics")[1].decode()
        values = dict(line.split(" ") for line in metrics.splitlines() if not line.startswith("#"))
        self.assertEqual((values["b2backupd_up"], values["b2backupd_snapshots"], values["b2backupd_stale"]), ("1", "1", "0"))
        self.assertLess(time.time() - float(values["b2backupd_last_good_snapshot_time_seconds"]), 60)
        self.assertEqual(harness.without_databases(self.restored("latest")),
                         harness.without_databases(harness.tree(self.machine.state)))
        files = daemon.get(f"/v1/snapshots/{snapshots[0]['id']}/files")
        self.assertIn("workspace/MEMORY.md", [entry["path"] for entry in files["entries"]])

    def test_a_push_that_is_asked_for(self):
        daemon = self.daemon()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        self.machine.write("workspace/MEMORY.md", "a new thought\n")
        answer = daemon.push()
        self.assertNotEqual(answer["snapshot"], first)
        self.assertTrue(answer["complete"])
        self.assertEqual(self.restored(answer["snapshot"])[b"workspace/MEMORY.md"][2], b"a new thought\n")
        self.assertEqual(daemon.status()["lastGood"]["snapshot"], answer["snapshot"])
        with self.assertRaises(Refusal) as refused:
            daemon.post("/v1/push", {"dry": True})
        self.assertEqual((refused.exception.status, refused.exception.code), (400, "usage"))

    def test_a_file_is_answered_up_to_a_bound_and_refused_beyond(self):
        for name, size in (("fits", 12_000_000), ("large", 12_000_001), ("larger", 15_000_000)):
            self.machine.write(f"workspace/{name}.bin", bytes(size))
        daemon = self.daemon()
        daemon.until_backed_up()
        answer = daemon.post("/v1/cat", {"snapshot": "latest", "path": "workspace/fits.bin"})
        self.assertEqual(base64.b64decode(answer["contentBase64"]), bytes(12_000_000))
        for name in ("large", "larger"):
            with self.assertRaises(Refusal) as refused:
                daemon.post("/v1/cat", {"snapshot": "latest", "path": f"workspace/{name}.bin"})
            self.assertEqual((refused.exception.status, refused.exception.code), (501, "unsupported"))
            self.assertIn("daemonctl --direct cat", str(refused.exception))

    def test_pushes_without_a_pause(self):
        """A capture that ends while the one before is pruned is uploaded too, and its caller hears of it."""
        self.machine.configure(keepSnapshots=1)
        daemon = self.daemon()
        daemon.until_backed_up()
        for version in range(20):
            self.machine.write("workspace/MEMORY.md", f"version {version}\n")
            self.assertTrue(daemon.post("/v1/push", timeout=30)["snapshot"])
        daemon.until(lambda s: not s["jobs"] and not s["queue"] and s["bucket"]["snapshots"] == 1, "pruning")

    def test_a_compaction_while_the_daemon_prunes(self):
        """Its upload waits for the interval, and then begins although nothing else happens."""
        fake = FakeS3("--latency-ms", 300)
        self.addCleanup(fake.stop)
        self.machine.configure(endpoint=None, encryptionKey=None)
        self.machine.use_fake(fake, compactionUploadInterval="4s")
        daemon = self.daemon()
        daemon.until_backed_up()
        self.machine.write("workspace/MEMORY.md", "one\n")
        first = daemon.notify("before_compaction")["snapshot"]
        daemon.until(lambda s: s["lastGood"]["snapshot"] == first, "the first upload")
        self.machine.write("workspace/MEMORY.md", "two\n")
        second = daemon.notify("before_compaction")["snapshot"]
        daemon.until(lambda s: s["lastGood"]["snapshot"] == second, "the second upload", 30)

    def test_a_change_is_pushed_and_the_push_itself_is_no_change(self):
        self.machine.configure(watch={"push": True, "quiet": "1s", "minInterval": "1s"})
        daemon = self.daemon()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        # Reading databases makes their sidecars come and go. That must not go on for ever.
        daemon.until(lambda s: s["lastGood"]["ageSeconds"] > 4 and not s["jobs"], "rest after the first push")
        first = daemon.status()["lastGood"]["snapshot"]
        self.machine.write("workspace/MEMORY.md", "changed\n")
        status = daemon.until(lambda s: s["lastGood"]["snapshot"] != first, "a push for the change")
        newest = daemon.snapshots()[-1]
        self.assertEqual((newest["id"], newest["trigger"]), (status["lastGood"]["snapshot"], "change"))
        self.assertEqual(self.restored(newest["id"])[b"workspace/MEMORY.md"][2], b"changed\n")
        self.machine.database("state/openclaw.sqlite", table="cron_jobs", rows=10)
        status = daemon.until(lambda s: s["lastGood"]["snapshot"] != newest["id"], "a push for the database")
        self.restored(status["lastGood"]["snapshot"])
        self.assertEqual(len(harness.rows(self.machine.root / "restored/state/openclaw.sqlite", "cron_jobs")), 60)

    def test_a_schedule(self):
        self.machine.configure(schedule="*/2 * * * * *")
        daemon = self.daemon()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        self.machine.write("workspace/MEMORY.md", "scheduled\n")
        status = daemon.until(lambda s: s["lastGood"]["snapshot"] != first, "a scheduled push")
        self.assertEqual(daemon.snapshots()[-1]["trigger"], "schedule")
        self.assertIsNotNone(status["schedule"]["next"])
        self.assertEqual(self.restored("latest")[b"workspace/MEMORY.md"][2], b"scheduled\n")

    def test_a_new_configuration(self):
        daemon = self.daemon()
        daemon.until_backed_up()
        self.machine.configure(schedule="hourly", keepSnapshots=2)
        daemon.send(signal.SIGHUP)
        daemon.until(lambda s: s["schedule"]["text"] == "hourly", "the new schedule")
        for broken, reason in (({"schedule": "every now and then"}, "schedule"), ({"dataDir": "/elsewhere"}, "dataDir"),
                               ({"keepSnapshot": 3}, "keepSnapshots")):
            kept = dict(self.machine.config)
            self.machine.configure(**broken)
            before = daemon.log.count("the new configuration is refused")
            daemon.send(signal.SIGHUP)
            harness.wait_for(lambda: daemon.log.count("the new configuration is refused") > before, "the refusal")
            self.assertIn(reason, daemon.log.splitlines()[-1])
            self.assertEqual(daemon.status()["schedule"]["text"], "hourly")
            self.machine.config = kept
        self.machine.config_path.write_text("{ not json5")
        before = daemon.log.count("the new configuration is refused")
        daemon.send(signal.SIGHUP)
        harness.wait_for(lambda: daemon.log.count("the new configuration is refused") > before, "the refusal")
        for version in range(4):  # it still works, with the last good one
            self.machine.write("workspace/MEMORY.md", f"version {version}\n")
            self.assertTrue(daemon.push()["snapshot"])
        daemon.until(lambda s: not s["jobs"] and s["bucket"]["snapshots"] == 2, "pruning by the new number")
        self.assertEqual(len(daemon.snapshots()), 2)

    def test_a_schedule_of_openclaw_json_that_is_none_is_a_warning(self):
        """Agents can write that file; a slip in it must not end the backups."""
        self.machine.configure(schedule=None)
        write = lambda schedule: self.machine.write("openclaw.json", json.dumps(
            {"plugins": {"entries": {"b2-backup": {"enabled": True, "config": {"schedule": schedule}}}}}))
        write("every now and then")
        daemon = self.daemon()
        status = daemon.until_backed_up()
        self.assertEqual(status["schedule"]["text"], "daily")
        self.assertTrue(any("every now and then" in warning for warning in status["warnings"]), status["warnings"])
        outcome = self.machine.run("config", "check")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertIn("every now and then", outcome.err)
        write("hourly")
        daemon.send(signal.SIGHUP)
        daemon.until(lambda s: s["schedule"]["text"] == "hourly", "the new schedule")
        write("0 0 30 2 *")
        daemon.send(signal.SIGHUP)
        daemon.until(lambda s: s["schedule"]["text"] == "daily", "the default")
        self.assertEqual(daemon.terminate(), 0)
        self.machine.configure(schedule="every now and then")
        refused = self.daemon(wait=False)
        self.assertEqual(refused.process.wait(10), 65)
        self.assertIn("schedule", refused.log)

    def test_a_second_one_is_refused(self):
        first = self.daemon()
        second = self.daemon(wait=False)
        self.assertEqual(second.process.wait(10), 77)
        self.assertIn(str(first.pid), second.log)
        self.assertTrue(first.answers())

    def test_its_end(self):
        daemon = self.daemon()
        daemon.until_backed_up()
        began = time.monotonic()
        self.assertEqual(daemon.terminate(), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertFalse(daemon.socket.exists())
        again = self.daemon()
        self.assertEqual(again.status()["health"], "ok")  # it remembers
        again.kill()
        self.assertTrue(again.socket.exists())
        self.assertEqual(self.daemon().status()["health"], "ok")  # the socket of a killed one is no obstacle

    def test_a_change_right_before_its_end_is_captured(self):
        self.machine.configure(watch={"push": True, "quiet": "1m", "minInterval": "5m"})
        daemon = self.daemon()
        first = daemon.until_backed_up()["lastGood"]["snapshot"]
        self.machine.write("workspace/MEMORY.md", "last words\n")
        daemon.until(lambda s: "workspace/MEMORY.md" in s["changes"]["paths"], "the change")
        self.assertEqual(daemon.terminate(), 0)
        self.machine.write("workspace/MEMORY.md", "written while no daemon ran\n")
        again = self.daemon()
        again.until(lambda s: s["lastGood"]["snapshot"] != first and not s["queue"], "the capture from before the end")
        contents = [self.restored(s["id"])[b"workspace/MEMORY.md"][2] for s in again.snapshots()]
        self.assertIn(b"last words\n", contents)

    def test_a_state_directory_that_is_deleted_and_made_again(self):
        daemon = self.daemon()
        daemon.until_backed_up()
        shutil.rmtree(self.machine.state)
        harness.wait_for(lambda: not daemon.answers(), "the socket to be gone")
        self.machine.state.mkdir(mode=0o700)
        self.machine.populate()
        harness.wait_for(daemon.answers, "the daemon in the new directory", 30)
        self.machine.write("workspace/MEMORY.md", "made again\n")
        answer = daemon.push()
        self.assertEqual(self.restored(answer["snapshot"])[b"workspace/MEMORY.md"][2], b"made again\n")
        second = self.daemon(wait=False)
        self.assertEqual(second.process.wait(10), 77, "the lock of the new directory is held")
        self.assertEqual(daemon.terminate(), 0)


class Neighbours(unittest.TestCase):
    """Two state directories in one bucket."""

    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)

    def start(self, machine, *arguments, **more):
        daemon = Daemon(machine, *arguments, **more)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        return daemon

    def two_profiles(self, prefixes, **config):
        """Two daemons of one user, each with a state directory of its own: (daemon, state directory), twice."""
        machine = Machine().use_fake(self.fake, schedule="off", prefix=prefixes[0], **config)
        self.addCleanup(machine.close)
        self.machine = machine
        machine.populate(files=5)
        profile = machine.home / ".openclaw-work"
        shutil.copytree(machine.state, profile, symlinks=True)
        other_config = machine.config_path.with_name("config-work.json5")
        other_config.write_text(json.dumps({**machine.config, "prefix": prefixes[1]}))
        other_config.chmod(0o600)
        first = self.start(machine)
        second = self.start(machine, "--profile", "work", state=profile)
        self.assertEqual(second.status()["profile"], "work")
        return (first, machine.state), (second, profile)

    def memory_of(self, daemon, snapshot):
        answer = daemon.post("/v1/cat", {"snapshot": snapshot, "path": "workspace/MEMORY.md"})
        return base64.b64decode(answer["contentBase64"]).decode()

    def push_in_turns(self, profiles):
        """snapshot → what its MEMORY.md held, for each profile."""
        pushed = [{}, {}]
        for version in range(PUSHES):
            for number, (daemon, state) in enumerate(profiles):
                (state / "workspace/MEMORY.md").write_text(f"{number} {version}\n")
                pushed[number][daemon.push()["snapshot"]] = f"{number} {version}\n"
        return pushed

    def check_two_prefixes(self, *prefixes):
        profiles = self.two_profiles(prefixes, keepSnapshots=2)
        pushed = self.push_in_turns(profiles)
        for number, (daemon, state) in enumerate(profiles):
            status = daemon.until(lambda s: not s["jobs"] and s["bucket"]["snapshots"] == 2, "pruning")
            self.assertEqual((status["bucket"]["otherInstances"], status["warnings"]), ([], []))
            last = list(pushed[number])[-2:]
            self.assertEqual([s["id"] for s in daemon.snapshots()], last)
            self.assertEqual([self.memory_of(daemon, id) for id in last], [pushed[number][id] for id in last])
            self.assertEqual(daemon.post("/v1/verify", {"readData": True})["problems"], [])
            target = self.machine.root / f"restored{number}"
            daemon.post("/v1/restore", {"snapshot": "latest", "target": str(target), "yes": True})
            self.assertEqual(harness.without_databases(harness.tree(target)), harness.without_databases(harness.tree(state)))
        self.assertEqual([daemon.terminate() for daemon, _ in profiles], [0, 0])

    def test_two_profiles_with_two_prefixes(self):
        self.check_two_prefixes("one", "two")

    def test_a_prefix_that_begins_like_the_other(self):
        self.check_two_prefixes("one", "one-more")

    def test_a_prefix_inside_the_other(self):
        self.check_two_prefixes("one", "one/inside")

    def test_two_profiles_with_one_prefix(self):
        """Neither prunes, not even when it is asked to, until a person says yes; and both say why."""
        profiles = self.two_profiles(("one", "one"), keepSnapshots=2, autoRestore=False)
        pushed = self.push_in_turns(profiles)
        everything = pushed[0] | pushed[1]
        for daemon, _ in profiles:
            status = daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
            self.assertEqual(len(status["bucket"]["otherInstances"]), 1, status)
            self.assertTrue(any("also holds snapshots of" in warning for warning in status["warnings"]), status["warnings"])
            with self.assertRaises(Refusal) as refused:
                daemon.post("/v1/prune")
            self.assertEqual(refused.exception.code, "refused")
            listed = [s["id"] for s in daemon.snapshots()]
            self.assertEqual(len(listed), 2 + len(everything))  # and the first of each
            self.assertLessEqual(everything.keys(), set(listed))
            for snapshot in list(everything)[:2] + list(everything)[-2:]:
                self.assertEqual(self.memory_of(daemon, snapshot), everything[snapshot])
            self.assertEqual(daemon.post("/v1/verify", {"readData": True})["problems"], [])

    def two_on_one_prefix(self):
        machines = [Machine().use_fake(self.fake, schedule="off", keepSnapshots=1, autoRestore=False) for _ in range(2)]
        daemons = []
        for machine in machines:
            self.addCleanup(machine.close)
            machine.populate(files=5)
            daemons.append(self.start(machine))
        return machines, daemons

    def test_one_prefix_for_two_prunes_neither(self):
        machines, daemons = self.two_on_one_prefix()
        pushed = {s["id"] for s in daemons[0].snapshots()}
        for version in range(3):
            for number, daemon in enumerate(daemons):
                machines[number].write("workspace/MEMORY.md", f"{number} {version}\n")
                pushed.add(daemon.push()["snapshot"])
        for number, daemon in enumerate(daemons):
            status = daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
            self.assertEqual(len(status["bucket"]["otherInstances"]), 1, status)
            self.assertTrue(any("also holds snapshots of" in warning for warning in status["warnings"]), status["warnings"])
            self.assertLessEqual(pushed, {s["id"] for s in daemon.snapshots()})
            self.assertGreaterEqual(len(pushed), 8)

    def test_one_prefix_for_two_is_pruned_by_the_one_that_is_told_to(self):
        machines, daemons = self.two_on_one_prefix()
        daemons[1].until(lambda s: s["bucket"]["otherInstances"] and not s["bucket"]["mayPrune"], "the other one's snapshots")
        self.assertEqual(daemons[1].terminate(), 0)
        daemons[1] = self.start(machines[1])
        status = daemons[1].status()
        self.assertEqual((len(status["bucket"]["otherInstances"]), status["bucket"]["mayPrune"]), (1, False))
        machines[1].write("workspace/MEMORY.md", "after the restart\n")
        daemons[1].push()
        status = daemons[1].until(lambda s: not s["jobs"] and any("prune --take-over" in w for w in s["warnings"]), "the refusal")
        self.assertEqual(len(daemons[1].snapshots()), 3)
        with self.assertRaises(Refusal) as refused:
            daemons[1].post("/v1/prune", {"yes": True})
        self.assertEqual((refused.exception.status, refused.exception.code), (409, "refused"))
        daemons[1].post("/v1/prune", {"takeOver": True})
        self.assertEqual(len(daemons[1].snapshots()), 1)
        daemons[1].until(lambda s: s["bucket"]["mayPrune"], "the right to prune")
        machines[0].write("workspace/MEMORY.md", "of the other one\n")
        daemons[0].push()  # which has no right to prune, and one that is taken over stays taken over
        machines[1].write("workspace/MEMORY.md", "after the word\n")
        last = daemons[1].push()["snapshot"]
        daemons[1].until(lambda s: not s["jobs"] and s["bucket"]["snapshots"] == 1, "pruning")
        self.assertEqual([s["id"] for s in daemons[1].snapshots()], [last])


class Changed(unittest.TestCase):
    """What the status counts as changed since the last backup."""

    def setUp(self):
        self.machine = Machine().use_directory(schedule="off")
        self.addCleanup(self.machine.close)
        self.machine.populate(files=5)
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until_backed_up()

    def test_what_a_push_found_equal_is_not_counted(self):
        nothing = lambda status: not status["changes"]["paths"] and status["changes"]["count"] == 0
        for _ in range(3):  # each reads the databases, and SQLite touches their sidecars
            self.daemon.push()
            self.daemon.until(nothing, "the end of the changes")
            time.sleep(0.7)
            self.assertTrue(nothing(self.daemon.status()), self.daemon.status()["changes"])
        self.machine.write("workspace/MEMORY.md", "other\n")
        changes = self.daemon.until(lambda s: s["changes"]["count"] > 0, "the change")["changes"]
        self.assertEqual((changes["paths"], changes["count"]), (["workspace/MEMORY.md"], 1))
        self.assertTrue(changes["since"])
        self.daemon.push()
        changes = self.daemon.until(nothing, "the end of the change")["changes"]
        self.assertEqual((changes["more"], changes["since"]), (False, None))
        connection = sqlite3.connect(self.machine.state / "state/openclaw.sqlite")
        self.addCleanup(connection.close)
        connection.execute("INSERT INTO cron_jobs(body) VALUES('new')")
        connection.commit()
        changes = self.daemon.until(lambda s: s["changes"]["count"] > 0, "the change")["changes"]
        self.assertEqual(changes["paths"], ["state/openclaw.sqlite"])
        self.daemon.push()
        self.daemon.until(nothing, "the end of the change")


if __name__ == "__main__":
    unittest.main()
