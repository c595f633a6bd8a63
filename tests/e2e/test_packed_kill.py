"""kill -9 of pushes and collections in the packed layout, repacking and merging included, at random moments: after each kill every snapshot that
was committed and that retention keeps is listed and sound, and in the end collections leave nothing that is not needed.

A collection waits for days; the store's clock is moved on (or what lies in a directory made older), as if they had passed.
15 moments on each of the two stores, 250 with B2B_LONG=1, or as many as B2B_MOMENTS says. The seed is printed.
"""
import collections
import os
import random
import subprocess
import time
import unittest

import harness
import packed_bucket
from harness import FakeS3, Machine
from packed_bucket import names

MOMENTS = int(os.environ.get("B2B_MOMENTS", 250 if harness.LONG else 15))
FILES = 90
KEEP = 12  # so that there are enough small packs to be put together


class Killing:
    """Mixed into a TestCase whose setUp makes self.machine and self.bucket, and calls begin()."""

    def begin(self):
        self.random = harness.seeded()
        self.version, self.contents = 0, {}   # snapshot id → state
        self.takes = collections.defaultdict(lambda: collections.deque(maxlen=5))   # how much progress a push or a prune takes, lately
        self.seen = collections.Counter()
        self.restores = packed_bucket.Restores(self.machine, self.contents)
        self.machine.populate(files=FILES, databases=False)
        self.state = packed_bucket.fingerprint(self.machine.state)

    # --- the state and what is known of snapshots ------------------------------------------------------------------

    def change(self):
        """Of every third file another version: most are new, some come back, perhaps while a collection is about to remove them."""
        self.version += 1
        for i in range(self.random.randrange(3), FILES, 3):
            seed = self.random.randrange(20) if self.random.random() < 0.3 else self.version * 1000
            self.machine.write(f"workspace/files/f{i:04}.txt", random.Random(seed * FILES + i).randbytes(1000 + 100 * i))
        large = self.machine.state / "workspace" / "large.bin"
        if self.random.random() < 0.06:
            large.write_bytes(self.random.randbytes(20_000_000))   # more than one pack
        elif self.random.random() < 0.2:
            large.unlink(missing_ok=True)
        self.state = packed_bucket.fingerprint(self.machine.state)

    def listed(self):
        """All that the store has. Those that came since the last time hold the state as it is: nothing changes during a push, and who takes up
        a killed one captures anew."""
        listed = [row["id"] for row in self.machine.ok("snapshots")["snapshots"]]
        for id in set(listed) - self.contents.keys():
            self.contents[id] = self.state
        return listed

    def check(self, samples):
        """Pruning may take what retention lets go, and nothing else."""
        listed = self.listed()
        must = sorted(self.contents)[-KEEP:] + ([self.pinned] if self.pinned else [])
        self.assertEqual([id for id in must if id not in listed], [], "committed, and gone")
        for id in self.random.sample(listed, min(samples, len(listed))):
            self.restores.check(id)
        if self.random.random() < 0.5:
            answer = self.machine.ok("verify", *(["--read-data"] if self.random.random() < 0.1 else []))
            self.assertEqual((answer["problems"], answer["snapshots"]), ([], len(listed)))

    pinned = None

    # --- what is run -----------------------------------------------------------------------------------------------

    def whole(self, verb):
        before = self.progress()
        answer = self.machine.ok(verb)
        self.takes[verb].append(self.progress() - before)
        self.assertEqual(answer["warnings"], [])
        if verb == "push" and answer["snapshot"]:
            self.contents[answer["snapshot"]] = self.state
        return answer

    def kill_within(self, verb):
        """Starts it and kills it at a random moment. Whether it was still at work."""
        process = self.machine.start(verb)
        try:
            self.wait_for_a_moment(process, verb)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        self.assertIn(process.returncode, (-9, 0))
        return process.returncode == -9

    def classify(self, verb, before, after):
        """What a killed run had done, by the objects that came and went."""
        def came(folder):
            return names(after, folder) - names(before, folder)

        def went(folder):
            return names(before, folder) - names(after, folder)
        if verb == "push" and came("snapshots"):
            return "push: its snapshot was there already"
        if went("packs") and not went("marks"):
            return f"{verb}: among the packs that a mark names"
        if came("marks"):
            return f"{verb}: behind a new mark"
        if verb == "prune" and came("packs"):
            return "prune: repacking, " + ("with its index object" if came("index") else "without its index object")
        if came("packs"):
            return "push: with packs, " + ("with an index object" if came("index") else "without an index object")
        if before != after:
            return f"{verb}: something else had changed"
        return f"{verb}: nothing had changed"

    def prepare(self, verb):
        if verb == "push":
            self.change()
            self.bucket.age(self.random.choice((0, 0, 1, 26)))
            return
        if self.random.random() < 0.04:
            for _ in range(35):   # so many index objects that they are put together
                self.change()
                self.whole("push")
        for _ in range(self.random.randint(1, 4)):
            self.change()
            self.whole("push")
        self.bucket.age(self.random.choice((0, 26, 26, 50, 80)))

    def moment(self):
        verb = self.random.choice(("push", "prune"))
        self.prepare(verb)
        before = self.bucket.keys()
        if self.kill_within(verb):
            self.seen[self.classify(verb, before, self.bucket.keys())] += 1
        else:
            self.seen["came too late"] += 1
        self.check(1)
        if self.random.random() < 0.5:
            self.whole(verb)   # takes up what was left

    def collect_all(self):
        for _ in range(12):
            self.whole("prune")
            before = self.bucket.keys()
            self.bucket.age(80)
            self.whole("prune")
            self.bucket.age(80)
            if self.bucket.keys() == before:
                break
        self.bucket.age(200)   # uploads that were begun and never finished
        self.whole("prune")

    def test_push_and_collection(self):
        for _ in range(3):
            self.change()
            self.whole("push")
            self.whole("prune")
        self.pinned = self.listed()[1]
        self.machine.ok("pin", self.pinned)
        for _ in range(MOMENTS):
            self.moment()
        self.whole("push")
        self.whole("prune")
        self.check(1000)
        self.assertEqual(packed_bucket.left_on_the_machine(self.machine), [])
        self.collect_all()
        problems, (snapshots, packs, size) = packed_bucket.audit(self.bucket)
        self.assertEqual(problems, [])
        self.assertEqual(snapshots, KEEP + 1)
        self.check(1000)
        killed = sum(self.seen.values()) - self.seen["came too late"]
        print(f"killed at work: {killed} of {MOMENTS}; {self.restores.compared} restored snapshots compared; at the end {packs} packs, {size} bytes; "
              "killed", *(f"{count:5} {what}" for what, count in sorted(self.seen.items())),
              sep="\n  ", file=harness.sys.stderr)
        self.assertGreater(killed, MOMENTS // 4, "too few were killed at work")


class OnDirectory(Killing, unittest.TestCase):
    def setUp(self):
        self.machine = Machine(layout="packed", keepSnapshots=KEEP).use_directory()
        self.addCleanup(self.machine.close)
        self.bucket = packed_bucket.DirectoryBucket(self.machine)
        self.haste = {"push": 1, "prune": 1}   # a share of the time that it takes when nothing else goes on
        self.begin()

    progress = staticmethod(time.monotonic)

    def wait_for_a_moment(self, process, verb):
        """How long it takes depends on what else the machine does: after a kill that came too late the next ones come sooner. Most of the
        changes are made late."""
        longest = max(self.takes[verb]) * 1.1
        try:
            process.wait(self.random.triangular(0, longest * self.haste[verb], longest * self.haste[verb] * 0.8))
            self.haste[verb] *= 0.85
        except subprocess.TimeoutExpired:
            self.haste[verb] = min(1, self.haste[verb] * 1.15)
            raise


class OnFakeS3(Killing, unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3("--latency-ms", 1)   # so that most of the time passes between requests
        self.addCleanup(self.fake.stop)
        self.machine = Machine(layout="packed", keepSnapshots=KEEP).use_fake(self.fake)
        self.addCleanup(self.machine.close)
        self.bucket = packed_bucket.FakeBucket(self.fake)
        self.begin()

    def progress(self):
        return self.fake.stats()["total"]

    def wait_for_a_moment(self, process, verb):
        """By the number of requests, which no other work on the machine changes; and some way to the next one. A collection reads for long
        before it changes anything."""
        takes = self.random.choice(self.takes[verb])
        end = self.progress() + (self.random.uniform(0, takes) if verb == "push" else self.random.triangular(0, takes, takes * 0.9))
        while self.progress() < end:
            if process.poll() is not None:
                return
        process.wait(self.random.uniform(0, 0.004))


if __name__ == "__main__":
    unittest.main()
