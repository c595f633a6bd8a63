"""The store is away: captures wait on this machine, arrive in their order when it is back, and each restores to its own moment;
also when the daemon is stopped or killed meanwhile.
"""
import base64
import unittest

import harness
from harness import Daemon, FakeS3, Gate, Machine, Refusal

# Tried for so long before an upload waits for a later attempt.
RETRY_SECONDS = 1


class StoreAway(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.gate = Gate(self.fake.port)
        self.addCleanup(self.gate.close)
        self.machine = Machine().use_s3(self.gate.url, self.fake.key_id, self.fake.key, self.fake.bucket, region="us-west-004",
                                        schedule="off", compactionUploadInterval="0s", keepSnapshots=1000,
                                        limits={"retrySeconds": RETRY_SECONDS})
        self.addCleanup(self.machine.close)
        self.machine.populate()
        self.expected = {}  # snapshot id → every file at its moment

    def start(self):
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        return self.daemon

    def first_push(self):
        self.start().until_backed_up()

    def capture(self, number):
        """One moment: changed, new, renamed and deleted files, and a row more in a database."""
        m = self.machine
        m.write("workspace/MEMORY.md", f"moment {number}\n")
        m.write(f"workspace/files/new{number}.txt", f"new at {number}\n")
        m.write(f"workspace/files/f{number:04}.txt", f"changed at {number}\n" * 3)
        (m.state / f"workspace/files/f{number + 10:04}.txt").unlink()
        m.database("agents/main/agent/openclaw-agent.sqlite", rows=1)
        answer = self.daemon.notify("before_compaction", deadlineMs=30000)
        self.assertTrue(answer["captured"], answer)
        self.expected[answer["snapshot"]] = (harness.without_databases(harness.tree(m.state)), 51 + number)
        return answer["snapshot"]

    def captures(self, numbers):
        return [self.capture(number) for number in numbers]

    def waiting(self):
        return [item["snapshot"] for item in self.daemon.status()["queue"]]

    def store_is_back(self):
        """Does not wait for the next attempt, which comes later each time."""
        self.gate.set("open")
        self.fake.faults()
        self.daemon.send(1)

    def test_one_that_takes_connections_and_says_nothing_is_told(self):
        self.first_push()
        self.assertIsNone(self.daemon.status()["notAnsweringSince"])
        self.gate.set("hole")
        self.capture(1)
        status = self.daemon.until(lambda s: s["notAnsweringSince"], "the silence", 40)
        self.assertFalse(status["storeReachable"])
        self.assertIsNone(status["lastError"])  # no attempt has failed yet
        self.store_is_back()
        status = self.daemon.until(lambda s: s["lastGood"]["snapshot"] in self.expected and s["storeReachable"], "the upload", 60)
        self.assertIsNone(status["notAnsweringSince"])

    def check_all(self):
        last = list(self.expected)[-1]
        self.daemon.until(lambda s: s["lastGood"] and s["lastGood"]["snapshot"] == last and not s["jobs"], "all uploads", 60)
        self.assertTrue(self.daemon.status()["storeReachable"])
        self.assertEqual(self.daemon.status()["health"], "ok")
        listed = [s["id"] for s in self.daemon.snapshots()]
        ours = [id for id in listed if id in self.expected]
        self.assertEqual(ours, list(self.expected), "all are there, in the order of their capture")
        for snapshot, (files, rows) in self.expected.items():
            target = self.machine.root / snapshot
            answer = self.daemon.post("/v1/restore", {"snapshot": snapshot, "target": str(target), "yes": True})
            self.assertEqual(answer["failed"], [])
            self.assertEqual(harness.without_databases(harness.tree(target)), files)
            self.assertEqual(len(harness.rows(target / "agents/main/agent/openclaw-agent.sqlite", "items")), rows)
        problems = self.daemon.post("/v1/verify", {"readData": True})["problems"]
        self.assertEqual(problems, [])

    def until_noticed(self, seconds=60):
        return self.daemon.until(lambda s: not s["storeReachable"], "the daemon to notice", seconds)

    def test_refused_connections(self):
        self.first_push()
        self.gate.set("refuse")
        ids = self.captures(range(4))
        status = self.until_noticed()
        self.assertEqual(self.waiting(), ids)
        self.assertEqual(status["health"], "failing")
        harness.wait_for(lambda: self.daemon.status()["nextUploadSeconds"] is not None, "the next attempt to be set")
        with self.assertRaises(Refusal) as refused:
            self.daemon.push()
        self.assertIn(refused.exception.code, ("unreachable", "busy"))
        self.store_is_back()
        self.check_all()

    def test_it_comes_back_by_itself(self):
        self.first_push()
        self.gate.set("refuse")
        self.captures(range(2))
        self.until_noticed()
        self.gate.set("open")  # nobody says so: the next attempt is 15 s after the first
        self.check_all()

    def test_black_hole(self):
        self.first_push()
        self.gate.set("hole")
        ids = self.captures(range(3))
        self.assertEqual(self.waiting(), ids)
        self.until_noticed(200)  # an answer may take a minute
        ids += self.captures(range(3, 5))
        self.assertEqual(self.waiting(), ids)
        self.store_is_back()
        self.check_all()

    def test_slow_down(self):
        self.first_push()
        self.fake.faults({"action": "status", "status": 503, "code": "SlowDown", "count": 100000})
        ids = self.captures(range(3))
        self.until_noticed()
        self.assertEqual(self.waiting(), ids)
        self.store_is_back()
        self.check_all()

    def test_gone_in_the_middle_of_an_upload(self):
        self.first_push()
        self.fake.faults({"action": "status", "status": 503, "method": "PUT", "count": 100000, "skip": 5})
        ids = self.captures(range(3))
        self.until_noticed()
        self.assertEqual(self.waiting(), ids)
        ids += self.captures(range(3, 5))
        self.store_is_back()
        self.check_all()

    def test_stopped_and_killed_while_it_is_away(self):
        self.first_push()
        self.gate.set("refuse")
        ids = self.captures(range(2))
        self.until_noticed()
        self.assertEqual(self.daemon.terminate(), 0)
        self.start()
        self.daemon.until(lambda s: [item["snapshot"] for item in s["queue"]] == ids, "the queue of the one before")
        ids += self.captures(range(2, 4))
        self.daemon.kill()
        self.start()
        self.daemon.until(lambda s: [item["snapshot"] for item in s["queue"]] == ids, "the queue of the one before")
        ids += self.captures(range(4, 5))
        self.assertEqual(self.waiting(), ids)
        self.store_is_back()
        self.check_all()

    def test_killed_right_after_the_answer(self):
        """What was answered is durable, also when its databases were not checked yet."""
        self.first_push()
        self.gate.set("refuse")
        for number in range(4):
            self.capture(number)
            self.daemon.kill()
            self.start()
        self.store_is_back()
        self.check_all()

    def test_the_first_push_waits_for_the_store(self):
        self.gate.set("refuse")
        self.start()
        self.until_noticed()
        answer = self.daemon.notify("before_compaction", deadlineMs=3000)
        self.assertFalse(answer["captured"])
        self.machine.write("workspace/MEMORY.md", "of the first push\n")
        self.gate.set("open")
        status = self.daemon.until(lambda s: s["lastGood"], "the first push", 90)
        content = self.daemon.post("/v1/cat", {"snapshot": status["lastGood"]["snapshot"], "path": "workspace/MEMORY.md"})
        self.assertEqual(base64.b64decode(content["contentBase64"]), b"of the first push\n")


if __name__ == "__main__":
    unittest.main()
