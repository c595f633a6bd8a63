"""A restore around a gateway: the daemon stops it, or waits until somebody does, restores, starts it again and tells; also when it is
killed anywhere in between.

30 moments of killing, 200 with B2B_LONG=1. The seed is printed.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import unittest

import harness
from harness import BIN, Daemon, Machine, Refusal

MOMENTS = 200 if harness.LONG else 30
FAKE = pathlib.Path(__file__).with_name("fake_openclaw.py")
DATABASE = "state/openclaw.sqlite"


class Gateway(unittest.TestCase):
    service = True

    def setUp(self):
        self.machine = Machine().use_directory(schedule="off", gateway={"stopTimeout": "3s"})
        self.addCleanup(self.machine.close)
        self.fake = self.machine.home / "fake-openclaw"
        self.fake.mkdir()
        self.set("port", "0")
        programs = self.machine.home / "programs"
        programs.mkdir()
        shutil.copy(FAKE, programs / "openclaw")
        (programs / "openclaw").chmod(0o755)
        # Found first; what a machine of its own may have is not asked.
        (programs / "systemctl").write_text("#!/bin/sh\nexit 1\n")
        (programs / "systemctl").chmod(0o755)
        self.env = {"PATH": f"{programs}:{os.environ['PATH']}"}
        if self.service:
            units = self.machine.home / ".config" / "systemd" / "user"
            units.mkdir(parents=True)
            (units / "openclaw-gateway.service").write_text("[Service]\nExecStart=openclaw gateway run\n")
        self.machine.populate(files=40)
        self.addCleanup(self.kill_gateway)
        self.start_daemon()
        self.daemon.until_backed_up()
        self.old = self.daemon.status()["lastGood"]["snapshot"]
        self.old_state = self.state()
        self.change(1)
        self.new = self.daemon.push()["snapshot"]
        self.daemon.until_backed_up()
        self.new_state = self.state()
        self.assertNotEqual(self.old_state, self.new_state)

    # --- the machine ---------------------------------------------------------------------------------------------

    def start_daemon(self):
        self.daemon = Daemon(self.machine, env=self.env)
        self.addCleanup(self.daemon.kill)

    def set(self, name, value):
        if value is None:
            (self.fake / name).unlink(missing_ok=True)
        else:
            (self.fake / name).write_text(str(value))

    def openclaw(self, *words):
        subprocess.run(["openclaw", *words], env={**self.machine.environment, **self.env}, check=True, stdout=subprocess.DEVNULL)

    def start_gateway(self):
        before = self.calls().count("up")
        if before > self.calls().count("down"):
            return
        self.openclaw("gateway", "start")
        harness.wait_for(lambda: self.calls().count("up") > before, "the gateway")

    def gateway_up(self):
        return self.daemon.status()["gateway"]["running"] == "running"

    def gateway_pid(self):
        return int((self.fake / "pid").read_text())

    def kill_gateway(self):
        try:
            os.kill(self.gateway_pid(), signal.SIGKILL)
        except (OSError, ValueError):
            pass

    def calls(self):
        return (self.fake / "calls.log").read_text().splitlines() if (self.fake / "calls.log").exists() else []

    def state(self):
        files = harness.without_databases(harness.tree(self.machine.state))
        files = {name: value for name, value in files.items() if not name.startswith(b"tmp")}
        files[b"rows"] = harness.rows(self.machine.state / DATABASE, "cron_jobs")
        return files

    def change(self, version):
        for i in range(0, 40, 3):
            self.machine.write(f"workspace/files/f{i:04}.txt", f"version {version} of {i}\n" * (i + 1))
        self.machine.write("workspace/later.md", f"version {version}\n")
        self.machine.database(DATABASE, rows=3, table="cron_jobs")

    # --- asking --------------------------------------------------------------------------------------------------

    def restore(self, snapshot=None, **more):
        return self.daemon.post("/v1/restore", {"snapshot": snapshot or self.old, "yes": True, **more})

    def daemonctl(self, *words):
        done = subprocess.run([BIN / "daemonctl", *words], env={**self.machine.environment, **self.env}, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=120)
        return harness.Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def until_ended(self, seconds=60):
        ended = ("done", "failed", "cancelled", "expired")
        return self.daemon.until(lambda s: s["restore"] and s["restore"]["state"] in ended, "the end of the restore", seconds)["restore"]


class StopGateway(Gateway):
    def test_it_is_stopped_restored_and_started_again(self):
        self.start_gateway()
        first = self.gateway_pid()
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes", "--json")
        self.assertEqual(done.code, 0, done)
        answer = done.json
        self.assertEqual(answer["snapshot"], self.old)
        self.assertTrue(answer["gateway"]["up"], answer)
        self.assertTrue(answer["doctor"]["good"], answer)
        self.assertTrue(answer["safety"])
        self.assertTrue(any("WhatsApp" in line for line in answer["advice"]), answer)
        self.assertEqual(self.state(), self.old_state)
        self.assertTrue(self.gateway_up())
        self.assertNotEqual(self.gateway_pid(), first)
        order = [call for call in self.calls() if not call.startswith("database")]
        self.assertEqual(order[-5:], ["gateway stop --force", "down", "gateway start", "up", "doctor --non-interactive"])
        status = self.daemon.status()["restore"]
        self.assertEqual(status["state"], "done")
        self.assertTrue(status["safety"])
        self.assertNotEqual(status["safety"], answer["safety"], "one from before the stop, one from before the swap")
        # And back again, in words; its upload comes after the answer, by itself.
        harness.wait_for(lambda: answer["safety"] in [snapshot["id"] for snapshot in self.daemon.snapshots()], "the safety snapshot")
        done = self.daemonctl("restore", answer["safety"], "--stop-gateway", "--yes")
        self.assertEqual(done.code, 0, done)
        self.assertIn("The gateway is up again", done.out)
        self.assertRegex(done.out, "To undo it, with what was there before: daemonctl restore safety-[^ ]+ --stop-gateway")
        self.assertEqual(done.out.count("safety-"), 2, "the id that was restored, and the way back, once")
        last = self.daemon.status()["lastRestore"]
        self.assertEqual((last["state"], last["snapshot"]), ("done", answer["safety"]))
        self.assertEqual(last["undo"], f"daemonctl restore {last['safety']} --stop-gateway")
        said = self.daemonctl("status").out
        self.assertIn("Restored:", said)
        self.assertIn(last["undo"], said)
        self.assertIn("WhatsApp", said)
        self.assertEqual(self.state(), self.new_state)

    def test_a_snapshot_of_a_newer_release_than_is_installed(self):
        """Its own, too: openclaw.json of now does not say what would open the databases."""
        self.machine.write("openclaw.json", '{ meta: { lastTouchedVersion: "2026.9.6" } }')
        newer = self.daemon.push()["snapshot"]
        self.assertEqual([entry["openclaw"] for entry in self.daemon.snapshots() if entry["id"] == newer], ["2026.9.6"])
        self.change(2)
        self.set("version", "2026.2.26")
        self.start_gateway()
        before = self.state()
        done = self.daemonctl("restore", newer, "--stop-gateway", "--yes")
        self.assertEqual(done.code, 77, done)
        self.assertIn("from OpenClaw 2026.9.6, and here is 2026.2.26", done.err)
        self.assertIn("Nothing was changed", done.err)
        self.assertEqual(self.state(), before)
        self.assertNotIn("gateway stop --force", self.calls())
        self.assertTrue(self.gateway_up())
        self.set("version", "2026.9.6")
        self.assertEqual(self.daemonctl("restore", newer, "--stop-gateway", "--yes").code, 0)

    def test_the_answer_comes_before_the_stop_and_a_push_meanwhile_comes_after_the_swap(self):
        self.start_gateway()
        self.set("stop-delay", 1)
        answer = self.restore(gateway="stop", wait=False, delaySeconds=2)
        self.assertTrue(answer["queued"] and answer["safety"] and answer["job"], answer)
        self.assertIn("the gateway is stopped", answer["text"])
        self.assertNotIn("gateway stop --force", self.calls())
        with self.assertRaises(Refusal) as busy:
            self.restore(gateway="stop")
        self.assertEqual(busy.exception.code, "busy")
        self.machine.write("workspace/while.md", "it waits\n")
        self.daemon.until(lambda s: s["restore"]["state"] == "stopping-gateway", "the stop")
        self.daemon.notify("gateway_stop", data={"reason": "gateway stopping"})
        pushed = self.daemon.push()["snapshot"]
        self.assertEqual(self.until_ended()["state"], "done")
        self.assertTrue(self.gateway_up())
        self.assertTrue(pushed)
        listed = self.daemonctl("ls", pushed, "workspace").out
        self.assertIn("files", listed)
        self.assertNotIn("while.md", listed, "it was pushed after the swap")

    def test_a_gateway_that_does_not_stop_runs_on_and_nothing_is_changed(self):
        self.start_gateway()
        self.set("refuse-stop", 1)
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes")
        self.assertEqual(done.code, 77, done)
        self.assertIn("gateway.stopTimeout", done.err)
        self.assertIn("up again", done.err)
        self.assertEqual(self.state(), self.new_state)
        self.assertTrue(self.gateway_up())
        self.assertEqual(self.daemon.status()["restore"]["state"], "failed")
        # It is told to start all the same: it could have ended a moment later.
        self.assertEqual(self.calls()[-1], "gateway start")
        self.set("refuse-stop", None)

    def test_a_gateway_that_does_not_come_back_is_told(self):
        self.start_gateway()
        self.set("no-start", 1)
        self.daemon.kill()
        self.machine.configure(gateway={"stopTimeout": "3s", "start": ["/bin/sh", "-c", "echo the unit is masked; exit 1"]})
        self.start_daemon()
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes")
        self.assertEqual(done.code, 3, done)
        self.assertIn("the gateway is NOT up again", done.err)
        self.assertIn("the unit is masked", done.err)
        self.assertEqual(self.state(), self.old_state)
        self.assertIn("THE GATEWAY IS NOT UP", self.daemonctl("status").out)

    def test_doctor_that_is_not_content_is_told(self):
        self.start_gateway()
        self.set("doctor-code", 4)
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes")
        self.assertIn("openclaw doctor is not content", done.err)
        self.assertIn("doctor looks at", done.err)
        self.assertTrue(self.gateway_up())

    def test_doctor_does_not_keep_the_gateway_down(self):
        self.start_gateway()
        self.set("doctor-delay", 5)
        answer = self.restore(gateway="stop", wait=False)
        self.daemon.until(lambda s: s["restore"]["state"] == "checking", "the check")
        self.assertTrue(self.gateway_up())
        text = self.daemon.status()["restore"]["text"]
        self.assertIn("The gateway is up again", text)
        self.assertNotIn("daemonctl cancel", self.daemonctl("status").out)
        with self.assertRaises(Refusal) as late:
            self.daemon.post("/v1/cancel", {"job": answer["job"]})
        self.assertEqual(late.exception.code, "refused")
        # The next daemon asks again, and does not touch the gateway.
        harness.wait_for(lambda: "doctor --non-interactive" in self.calls(), "doctor")
        self.daemon.kill()
        self.set("doctor-delay", None)
        self.start_daemon()
        ended = self.until_ended()
        self.assertEqual(ended["state"], "done", ended)
        self.assertTrue(ended["report"]["doctor"]["good"] and ended["report"]["gateway"]["up"], ended)
        self.assertEqual(self.calls().count("gateway start"), 2, "by us, and after the restore")
        self.assertEqual(self.calls().count("doctor --non-interactive"), 2)

    def test_doctor_may_bring_up_a_gateway_that_does_not_start(self):
        self.start_gateway()
        self.set("no-start", "until doctor")
        self.daemon.kill()
        self.machine.configure(gateway={"stopTimeout": "3s", "start": ["/bin/sh", "-c", "openclaw gateway start; test ! -e ~/fake-openclaw/no-start"]})
        self.start_daemon()
        answer = self.restore(gateway="stop")
        self.assertTrue(answer["gateway"]["up"], answer)
        self.assertTrue(self.gateway_up())
        order = [call for call in self.calls() if not call.startswith("database")]
        self.assertEqual(order[-4:], ["gateway start", "doctor --non-interactive", "gateway start", "up"])

    def test_a_database_that_openclaw_cannot_use_refuses_it_before_the_gateway_is_touched(self):
        self.start_gateway()
        self.set("preflight", "incompatible")
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes")
        self.assertEqual(done.code, 77, done)
        self.assertIn("cannot use state/openclaw.sqlite of this snapshot (incompatible: as configured)", done.err)
        self.assertEqual([call for call in self.calls() if call.startswith("gateway")], ["gateway start"])
        self.assertEqual(self.state(), self.new_state)
        self.set("preflight", "indeterminate")
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--yes")
        self.assertEqual(done.code, 0, done)
        self.assertIn("could not tell", done.err)

    def test_a_dry_run_says_what_it_would_do(self):
        self.start_gateway()
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--dry-run")
        self.assertEqual(done.code, 0, done)
        self.assertIn("would be restored", done.out)
        self.assertIn("The gateway is stopped for it, and started again.", done.out)
        self.assertEqual([call for call in self.calls() if call.startswith("gateway")], ["gateway start"])

    def test_plain_files_leave_the_gateway_running(self):
        self.start_gateway()
        answer = self.restore(gateway="stop", paths=["workspace/**"])
        self.assertNotIn("gateway", answer)
        self.assertEqual([call for call in self.calls() if call.startswith("gateway")], ["gateway start"])
        self.assertEqual((self.machine.state / "workspace/files/f0000.txt").read_text(), "file 0\n")

    def test_a_stopped_gateway_stays_stopped(self):
        answer = self.restore(gateway="stop")
        self.assertNotIn("gateway", answer)
        self.assertEqual(self.state(), self.old_state)
        self.assertEqual([call for call in self.calls() if call.startswith("gateway")], [])
        self.assertIn("doctor --non-interactive", self.calls())

    def test_it_can_be_cancelled_while_the_gateway_drains(self):
        self.start_gateway()
        self.set("stop-delay", 2)
        answer = self.restore(gateway="stop", wait=False)
        self.daemon.until(lambda s: s["restore"]["state"] == "stopping-gateway", "the stop")
        self.assertEqual(self.daemonctl("cancel", str(answer["job"])).code, 0)
        self.assertEqual(self.until_ended()["state"], "cancelled")
        self.assertEqual(self.state(), self.new_state)
        harness.wait_for(self.gateway_up, "the gateway")

    def test_what_was_cancelled_stays_so_when_the_daemon_dies_right_after(self):
        self.start_gateway()
        self.set("stop-delay", 4)
        answer = self.restore(gateway="stop", wait=False)
        self.daemon.until(lambda s: s["restore"]["state"] == "stopping-gateway", "the stop")
        self.daemon.post("/v1/cancel", {"job": answer["job"]})
        self.daemon.kill()
        self.start_daemon()
        self.assertEqual(self.until_ended()["state"], "cancelled")
        self.assertEqual(self.state(), self.new_state)
        harness.wait_for(self.gateway_up, "the gateway", 30)

    def test_the_gateway_comes_back_without_a_store(self):
        """The daemon dies while the gateway is down, and the next one is refused its bucket: whatever it cannot do, it starts the gateway."""
        store, aside = self.machine.root / "store", self.machine.root / "store-aside"
        for reached in ("stopping-gateway", "starting-gateway"):
            with self.subTest(reached):
                self.start_gateway()
                self.set("stop-delay", 3)
                self.set("start-delay", 4 if reached == "starting-gateway" else None)
                self.restore(gateway="stop", wait=False)
                self.daemon.until(lambda s: s["restore"]["state"] == reached, reached)
                self.daemon.kill()
                store.rename(aside)
                store.write_text("no directory")
                self.start_daemon()
                ended = self.until_ended(90)
                self.assertEqual(ended["state"], "failed" if reached == "stopping-gateway" else "done", ended)
                self.assertTrue(ended["report"]["gateway"]["up"], ended)
                self.assertTrue(self.gateway_up())
                self.assertEqual(self.state(), self.new_state if reached == "stopping-gateway" else self.old_state)
                self.daemon.kill()
                store.unlink()
                aside.rename(store)
                self.start_daemon()

    def test_an_agent_in_a_terminal_is_waited_for_and_no_gateway_is_started_after_it(self):
        agent = subprocess.Popen([self.machine.home / "programs" / "openclaw", "agent", "--local"], env={**self.machine.environment, **self.env})
        self.addCleanup(agent.kill)
        harness.wait_for(lambda: "up" in self.calls(), "the agent")
        named = f"an agent in a terminal (`openclaw agent --local`, pid {agent.pid})"
        done = self.daemonctl("restore", self.old, "--yes")
        self.assertEqual(done.code, 77, done)
        self.assertIn(named, done.err)
        self.assertIn("Wait until it ends", done.err)
        answer = self.restore(gateway="stop", wait=False)
        self.assertIn(f"as soon as this ends, within 15 minutes: {named}", answer["text"])
        time.sleep(3)
        self.assertEqual(self.daemon.status()["restore"]["state"], "queued")
        self.assertIn(named, self.daemonctl("status").out)
        self.assertEqual(self.state(), self.new_state)
        agent.terminate()
        agent.wait()
        ended = self.until_ended()
        self.assertEqual(ended["state"], "done", ended)
        self.assertNotIn("gateway", ended["report"])
        self.assertEqual(self.state(), self.old_state)
        self.assertEqual([call for call in self.calls() if call.startswith("gateway")], [])

    def test_what_cannot_be_asked_for(self):
        for body, code in (({"gateway": "now"}, "usage"), ({"gateway": "stop", "target": "/tmp/x"}, "usage"), ({"wait": False}, "usage"),
                           ({"gateway": "stop", "delaySeconds": 61}, "usage"), ({"gateway": "stop", "expiresSeconds": 0}, "usage"),
                           ({"gateway": "stop", "yes": False}, "refused"), ({"gateway": "stop", "snapshot": "2001"}, "not-found")):
            with self.subTest(body), self.assertRaises(Refusal) as refusal:
                self.restore(**{**body}) if "snapshot" not in body else self.daemon.post("/v1/restore", {"yes": True, **body})
            self.assertEqual(refusal.exception.code, code, body)
        self.assertIsNone(self.daemon.status()["restore"])
        self.assertEqual(self.daemonctl("--direct", "restore", self.old, "--stop-gateway", "--yes").code, 64)
        self.assertEqual(self.daemonctl("restore", self.old, "--stop-gateway", "--when-stopped").code, 64)

    def test_a_running_gateway_and_no_word_about_it(self):
        self.start_gateway()
        done = self.daemonctl("restore", self.old, "--yes")
        self.assertEqual(done.code, 77, done)
        self.assertIn("--stop-gateway", done.err)
        self.assertIn("--when-stopped", done.err)
        self.assertEqual(self.state(), self.new_state)


class WhenStopped(Gateway):
    def queue(self, *words):
        self.start_gateway()
        done = self.daemonctl("restore", self.old, "--when-stopped", "--yes", "--json", *words)
        self.assertEqual(done.code, 0, done)
        return done.json

    def test_it_waits_for_the_stop(self):
        answer = self.queue("--expires", "1h")
        self.assertTrue(answer["queued"], answer)
        status = self.daemon.status()["restore"]
        self.assertEqual(status["state"], "queued")
        self.assertEqual(status["job"], answer["job"])
        first = self.daemonctl("status").out.splitlines()[0]
        self.assertIn("as soon as somebody stops the gateway", first)
        self.assertIn(f"daemonctl cancel {answer['job']}", first)
        self.assertTrue(self.daemon.push())
        self.assertEqual(self.daemon.status()["restore"]["state"], "queued")
        self.openclaw("gateway", "stop", "--force")
        ended = self.until_ended()
        self.assertEqual(ended["state"], "done", ended)
        self.assertEqual(self.state(), self.old_state)
        # Whoever stopped it starts it.
        self.assertNotIn("gateway", ended["report"])
        self.assertNotIn("gateway start", self.calls()[1:])

    def test_the_gateways_notice_makes_it_look(self):
        self.queue()
        self.openclaw("gateway", "stop", "--force")
        self.daemon.notify("gateway_stop", data={"reason": "gateway stopping"})
        self.assertEqual(self.until_ended()["state"], "done")
        self.daemon.until_backed_up()

    def test_a_service_that_tried_to_start_meanwhile_is_started(self):
        self.queue()
        # What a unit of systemd says that ended with 78 against the fence.
        (self.machine.home / "programs" / "systemctl").write_text('#!/bin/sh\n[ "$2" = is-failed ]\n')
        self.openclaw("gateway", "stop", "--force")
        ended = self.until_ended()
        self.assertEqual(ended["state"], "done", ended)
        self.assertTrue(ended["report"]["gateway"]["up"], ended)

    def test_it_expires(self):
        self.queue("--expires", "3s")
        ended = self.until_ended()
        self.assertEqual(ended["state"], "expired", ended)
        self.openclaw("gateway", "stop", "--force")
        time.sleep(3)
        self.assertEqual(self.state(), self.new_state)
        self.assertIn("was not restored", self.daemonctl("status").out)

    def test_it_is_given_up(self):
        self.queue()
        self.assertEqual(self.daemonctl("cancel").code, 0)
        self.assertEqual(self.daemon.status()["restore"]["state"], "cancelled")
        self.assertEqual(self.daemonctl("cancel").code, 1)
        self.openclaw("gateway", "stop", "--force")
        time.sleep(3)
        self.assertEqual(self.state(), self.new_state)

    def test_it_survives_a_restart_of_the_daemon(self):
        for end in (self.daemon.kill, self.daemon.terminate):
            with self.subTest(end):
                self.queue()
                end()
                self.start_daemon()
                self.daemon.until(lambda s: s["restore"]["state"] == "queued", "the restore")
                self.daemonctl("cancel")
        self.queue()
        self.daemon.kill()
        self.openclaw("gateway", "stop", "--force")
        harness.wait_for(lambda: self.calls()[-1] == "down", "the end of the gateway")
        self.start_daemon()
        self.assertEqual(self.until_ended()["state"], "done")
        self.assertEqual(self.state(), self.old_state)


class WithoutARecord(Gateway):
    """A machine ended in the middle of a swap, its gateway was kept from starting after that, and nobody knows of a restore around one."""

    def leave_a_swap(self, about):
        self.daemon.kill()
        folder = self.machine.state / "b2backupd" / "restore-0a1b2c3d4e5f"
        folder.mkdir(mode=0o700)
        first = "b2backupd restore journal 1\n"
        (folder / "lock").write_text("")
        (folder / "undo.ready").write_text("")
        (folder / "databases").write_text("this restore changes databases: no gateway may run\n" + about)
        (folder / "journal").write_text(f"{first}end 0 {hashlib.sha256(first.encode()).hexdigest()}\n")
        self.start_daemon()
        self.assertFalse(folder.exists())

    def test_a_gateway_that_ran_before_is_started(self):
        self.leave_a_swap(f"snapshot {self.old}\ngateway ran\n")
        ended = self.until_ended()
        self.assertEqual((ended["state"], ended["snapshot"]), ("done", self.old))
        self.assertTrue(ended["report"]["gateway"]["up"], ended)
        self.assertTrue(self.gateway_up())

    def test_one_whose_service_failed_meanwhile_is_started(self):
        (self.machine.home / "programs" / "systemctl").write_text('#!/bin/sh\n[ "$2" = is-failed ]\n')
        self.leave_a_swap(f"snapshot {self.old}\n")
        self.assertTrue(self.until_ended()["report"]["gateway"]["up"])
        self.assertTrue(self.gateway_up())

    def test_one_that_did_not_run_stays_down(self):
        self.leave_a_swap(f"snapshot {self.old}\n")
        self.assertNotIn("gateway", self.until_ended()["report"])
        self.assertNotIn("gateway start", self.calls())


class ByHand(Gateway):
    """No service, nothing configured: the gateway could be stopped, and never started again."""
    service = False

    def test_it_waits_for_somebody_to_stop_it(self):
        self.start_gateway()
        answer = self.restore(gateway="stop", wait=False)
        self.assertIn("it cannot be stopped from here", answer["text"])
        self.assertIn("gateway.stop and gateway.start", answer["text"])
        time.sleep(3)
        self.assertTrue(self.gateway_up())
        self.openclaw("gateway", "stop", "--force")
        self.assertEqual(self.until_ended()["state"], "done")
        self.assertEqual(self.state(), self.old_state)


    def test_a_dry_run_says_that_it_would_wait(self):
        self.start_gateway()
        done = self.daemonctl("restore", self.old, "--stop-gateway", "--dry-run")
        self.assertEqual(done.code, 0, done)
        self.assertIn("it cannot be stopped from here", done.out)
        self.assertIn("until you stop the gateway yourself", done.out)

    def test_whoever_waits_is_told_at_once_what_to_do(self):
        self.start_gateway()
        process = subprocess.Popen([BIN / "daemonctl", "restore", self.old, "--stop-gateway", "--yes"], env={**self.machine.environment, **self.env},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        said = process.stderr.readline()
        self.assertIn("Stop it yourself", said)
        self.assertIn("within 15 minutes", said)
        self.assertIn("daemonctl cancel", said)
        self.assertEqual(self.daemon.status()["restore"]["state"], "queued")
        self.openclaw("gateway", "stop", "--force")
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(self.state(), self.old_state)

    def test_a_gateway_that_is_stopped_already_is_not_waited_for(self):
        answer = self.restore(gateway="stop", wait=False)
        self.assertNotIn("somebody stops", answer["text"])
        self.assertEqual(self.until_ended()["state"], "done")
        self.assertNotIn("somebody stops", self.daemon.log)
        done = self.daemonctl("restore", self.new, "--stop-gateway", "--dry-run")
        self.assertIn("No gateway runs", done.out)

    def test_status_shows_a_plain_restore_too_and_one_that_was_given_up(self):
        done = self.daemonctl("restore", self.old, "--yes")
        self.assertEqual(done.code, 0, done)
        last = self.daemon.status()["lastRestore"]
        self.assertEqual((last["state"], last["snapshot"], last["undo"]), ("done", self.old, f"daemonctl restore {last['safety']}"))
        self.assertIn(last["undo"], done.out)
        self.assertIn(last["undo"], self.daemonctl("status").out)
        self.start_gateway()
        self.restore(self.new, gateway="stop", wait=False)
        self.assertEqual(self.daemonctl("cancel").code, 0)
        said = self.daemonctl("status").out
        self.assertIn("was cancelled, and nothing was changed", said)
        self.assertNotIn("To undo it", said)


class Killed(Gateway):
    """kill -9 of the daemon at any moment: the next one ends with the old state or the new one, whole, and the gateway up."""

    def test_anywhere(self):
        random = harness.seeded()
        self.set("stop-delay", "0.1")
        self.start_gateway()
        began = time.monotonic()
        self.restore(gateway="stop")
        typical = time.monotonic() - began
        self.assertEqual(self.state(), self.old_state)
        states = {self.old: self.old_state, self.new: self.new_state}
        current, outcomes, reached = self.old, set(), set()
        for moment in range(MOMENTS):
            wanted = self.new if current == self.old else self.old
            self.daemon.until(lambda s: not s["jobs"], "rest")
            connection = harness.Connection(self.daemon.socket, 30)
            connection.request("POST", "/v1/restore", json.dumps({"snapshot": wanted, "yes": True, "gateway": "stop"}))
            time.sleep(random.uniform(0, typical * 1.1))
            try:
                restore = self.daemon.status()["restore"]
                reached.add(restore["state"] if restore and restore["snapshot"] == wanted else "preparing")
            except OSError:
                reached.add("busy")
            self.daemon.kill()
            connection.close()
            self.start_daemon()
            self.daemon.until(lambda s: s["restore"] is None or s["restore"]["state"] in ("done", "failed"), "the end of the restore", 90)
            harness.wait_for(self.gateway_up, f"the gateway after moment {moment}: {self.daemon.log[-2000:]}", 30)
            now = self.state()
            self.assertIn(now, list(states.values()), f"moment {moment}: neither the old nor the new state\n{self.daemon.log[-3000:]}")
            outcomes.add(now == states[wanted])
            current = wanted if now == states[wanted] else current
        print(f"outcomes {sorted(outcomes)}, killed while {sorted(reached)}", file=harness.sys.stderr)
        self.assertGreater(len(reached), 2, reached)


if __name__ == "__main__":
    unittest.main()
