"""A gateway whose daemon is away, and one that is reloaded, restarted and used by commands."""
import signal
import time
import unittest

from gateway import Daemon, Gateway, Machine, captured, wait_for


class DaemonAway(unittest.TestCase):
    def test_the_gateway_does_not_care_and_says_it_once(self):
        machine = Machine().use_directory(schedule="off", compactionUploadInterval="0s")
        self.addCleanup(machine.close)
        gateway = Gateway(machine)
        self.addCleanup(gateway.close)
        gateway.install_plugin()
        gateway.start()
        gateway.populate(sessions=1)
        gateway.compact("s0")
        status, answer = gateway.invoke({"action": "status"})
        self.assertEqual((status, answer["result"]["details"]["code"]), (200, "absent"), answer)
        self.assertIn("b2backupd does not run, so nothing was done", answer["result"]["content"][0]["text"])
        self.assertEqual(len(gateway.lines()), 1, gateway.lines())
        self.assertRegex(gateway.lines()[0], "was not told of gateway_start: there is no socket")

        # It comes: one line.
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        gateway.chat("s0", "Something new to compact, said at some length. " * 40)
        gateway.compact("s0")
        self.assertRegex(gateway.lines()[-1], "b2backupd answers again")

        # It hangs: a compaction waits ten seconds for it and a stop one, and neither fails.
        daemon.send(signal.SIGSTOP)
        gateway.chat("s0", "Something new again. " * 40)
        gateway.compact("s0")
        code, seconds = gateway.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 20)
        self.assertIn("completed cleanly", gateway.log)
        self.assertEqual(len(gateway.lines()), 3, gateway.lines())
        self.assertRegex(gateway.lines()[-1], "was not told of before_compaction: no answer within 10 s")


class Reloads(unittest.TestCase):
    def test_no_storm_of_backups(self):
        machine = Machine().use_directory(schedule="off", compactionUploadInterval="0s", keepSnapshots=50)
        self.addCleanup(machine.close)
        gateway = Gateway(machine)
        self.addCleanup(gateway.close)
        gateway.install_plugin()
        daemon = Daemon(machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        gateway.start()
        gateway.chat("a", "Hello.")
        before = len(daemon.snapshots())

        for _ in range(2):
            gateway.cli("plugins", "reload", "b2-backup")
        self.assertRegex(daemon.status()["gateway"]["said"], "^gateway_start")
        gateway.cli("message", "send", "--channel", "telegram", "--target", "nobody", "--message", "hi", code=None)
        gateway.cli("plugins", "list")
        gateway.cli("status", code=None)
        daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
        self.assertEqual(len(daemon.snapshots()), before, "nothing stopped and nothing was compacted")

        gateway.call("gateway.restart.request", {})
        wait_for(lambda: not gateway.ready(), "the restart in the same process", 30)
        gateway.until_ready()
        self.assertEqual(gateway.cli("health", "--json").code, 0)
        asked = time.time()
        code, _ = gateway.stop()
        self.assertEqual(code, 0)
        self.assertIn("completed cleanly", gateway.log)
        # The restart may have had one of its own.
        daemon.until(lambda s: captured(s) > asked and not s["jobs"] and not s["queue"], "the snapshot after the stop", 60)
        self.assertEqual(daemon.snapshots()[-1]["trigger"], "gateway-stop")
        count = len(daemon.snapshots())
        self.assertLessEqual(count - before, 2, [s["trigger"] for s in daemon.snapshots()])

        # A turn without a gateway loads the plugin as well, and is no gateway that stops.
        said = daemon.status()["gateway"]["said"]
        gateway.cli("agent", "--local", "--agent", "main", "--session-key", "agent:main:local", "--message", "Hello.", "--json")
        daemon.until(lambda s: not s["jobs"] and not s["queue"], "rest")
        self.assertEqual((len(daemon.snapshots()), daemon.status()["gateway"]["said"]), (count, said))
        self.assertEqual(gateway.lines(), [])


if __name__ == "__main__":
    unittest.main()
