"""Two machines on one prefix in the packed layout: both push, one collects, and at random steps one of them sleeps for days in the middle of a push or of a
collection, while the other one goes on. Machine's clocks are set a month ahead, or back, meanwhile. In the end every snapshot whose push said that it
is there, and that no prune removed, restores byte for byte on both machines.

Sleep is SIGSTOP; meanwhile the clocks of the store and of both machines are moved on. The machines' clocks are those of libfaketime (Debian: faketime).
2 seeded runs, 20 with B2B_LONG=1, or as many as B2B_RUNS says. The seed is printed.
"""
import collections
import glob
import json
import os
import random
import signal
import socket
import time
import unittest

import harness
import packed_bucket
from harness import Daemon, FakeS3, Machine

RUNS = int(os.environ.get("B2B_RUNS", 20 if harness.LONG else 2))
STEPS = 24
FILES = 24
DAY = 24   # hours
LIBFAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


class Laptop:
    """A machine, its clock, and what its user expects to find."""

    def __init__(self, name, fake, draw):
        self.name, self.random = name, draw
        self.machine = Machine(layout="packed", keepSnapshots=1000, schedule="off").use_fake(fake)
        self.clock_file = self.machine.root / "clock"
        self.slept, self.wrong_by = 0, 0   # hours
        self.set_clock()
        self.versions = 0
        self.change()

    @property
    def env(self):
        return {"LD_PRELOAD": LIBFAKETIME[0], "FAKETIME_TIMESTAMP_FILE": str(self.clock_file), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def set_clock(self):
        whole = self.clock_file.with_suffix(".new")
        whole.write_text(f"{(self.slept + self.wrong_by) * 3600:+d}\n")
        whole.rename(self.clock_file)

    def change(self):
        """Contents from a small pool that both machines draw from: what goes comes back, perhaps while it is about to be removed."""
        for i in range(FILES):
            if self.versions and self.random.random() > 0.25:
                continue
            content = random.Random(self.random.randrange(5) * FILES + i)
            self.machine.write(f"workspace/files/f{i:02}.bin", content.randbytes(2000 + 3000 * i))
        self.versions += 1
        self.machine.write("workspace/MEMORY.md", f"{self.name}, {self.versions}\n")
        self.state = packed_bucket.fingerprint(self.machine.state)

    def begin(self, *arguments):
        self.machine.configure(keepSnapshots=6 if "prune" in arguments else 1000)   # only what says so removes snapshots
        return self.machine.start("--json", *arguments, env=self.env)


class TwoMachines(unittest.TestCase):
    def setUp(self):
        self.assertTrue(LIBFAKETIME, "libfaketime is missing (Debian: apt-get install faketime)")

    def test_runs(self):
        draw = harness.seeded()
        total = collections.Counter()
        for number in range(RUNS):
            seed = draw.randrange(1 << 32)
            with self.subTest(run=number, seed=seed):
                run = Run(self, random.Random(seed))
                try:
                    run.play()
                finally:
                    run.close()
                    total += run.counts
        print(f"{RUNS} runs:", *(f"{count:5} {what}" for what, count in sorted(total.items())), sep="\n  ", file=harness.sys.stderr)
        self.assertGreater(total["asleep in a push"] + total["asleep in a collection"], RUNS * 3, "too few slept at work")


class Run:
    def __init__(self, test, draw):
        self.test, self.random, self.counts = test, draw, collections.Counter()
        self.fake = FakeS3("--latency-ms", 2)   # so that most of the time passes between requests
        self.bucket = packed_bucket.FakeBucket(self.fake)
        self.laptops = [Laptop(name, self.fake, draw) for name in ("one", "two")]
        self.contents, self.removed = {}, set()   # of snapshots that were said to exist; ids that a prune said it removed
        self.collectors = set()
        self.requests = {"push": 25, "prune": 25}   # what one takes, about

    def close(self):
        self.fake.stop()
        for laptop in self.laptops:
            laptop.machine.close()

    def time_passes(self, hours):
        self.bucket.age(hours)
        for laptop in self.laptops:
            laptop.slept += hours
            laptop.set_clock()

    # --- jobs ------------------------------------------------------------------------------------------------------

    def finish(self, laptop, verb, process):
        """What a job said; a push that failed promises nothing."""
        out, err = process.communicate(timeout=120)
        what = f"{laptop.name}: {verb}: exit {process.returncode}\n{out.decode()}\n{err.decode()}"
        answer = json.loads(out)
        self.test.assertIn(answer.get("code", "ok"), ("ok", "changed") if verb == "push" else ("ok", "refused"), what)
        if process.returncode == 0 and verb == "push" and answer["snapshot"]:
            self.contents[answer["snapshot"]] = laptop.state
            self.counts["pushes"] += 1
        if process.returncode == 0 and verb == "prune":
            self.removed |= set(answer["removed"])
            self.counts["collections"] += 1
            self.test.assertIn(laptop.name, self.collectors, what)
            for warning in answer["warnings"]:
                self.counts["collection: " + warning[:90]] += 1
        if process.returncode != 0:
            self.counts[f"{verb} ended with {answer['code']}"] += 1
        return answer

    def job(self, laptop, verb, *more):
        if verb == "push":
            laptop.change()
        before = self.fake.stats()["total"]
        outcome = self.finish(laptop, verb, laptop.begin(verb, *more))
        self.requests[verb] = self.fake.stats()["total"] - before
        return outcome

    def sleeps(self, laptop, other, verb):
        """In the middle of it, by the number of requests that it has made."""
        if verb == "push":
            laptop.change()
        process = laptop.begin(verb)
        target = self.fake.stats()["total"] + self.random.uniform(0, self.requests[verb])
        while process.poll() is None and self.fake.stats()["total"] < target:
            pass
        time.sleep(self.random.uniform(0, 0.003))
        process.send_signal(signal.SIGSTOP)
        asleep = process.poll() is None
        self.counts[f"asleep in a {'push' if verb == 'push' else 'collection'}" if asleep else "woken too late"] += 1
        for _ in range(self.random.randint(1, 3)):
            self.time_passes(self.random.choice((3, 20, 26, 30)))
            self.job(other, self.random.choice(self.verbs(other)))
        self.time_passes(self.random.choice((1, 26, 49)))
        process.send_signal(signal.SIGCONT)
        self.finish(laptop, verb, process)

    def verbs(self, laptop):
        return ("push", "push", "prune") if laptop.name in self.collectors else ("push",)

    def step(self):
        laptop, other = self.random.sample(self.laptops, 2)
        if self.random.random() < 0.1:
            laptop.wrong_by = self.random.choice((-30 * DAY, 0, 30 * DAY))
            laptop.set_clock()
            self.counts["clocks set"] += 1
        self.time_passes(self.random.choice((0, 1, 7, 26, 50)))
        verb = self.random.choice(self.verbs(laptop))
        if self.random.random() < 0.6:
            self.sleeps(laptop, other, verb)
        else:
            self.job(laptop, verb)

    # --- what must hold --------------------------------------------------------------------------------------------

    def check(self, samples):
        for laptop in self.laptops:
            listed = [row["id"] for row in laptop.machine.ok("snapshots", env=laptop.env)["snapshots"]]
            self.test.assertEqual(sorted(self.contents.keys() - self.removed - set(listed)), [], "committed, and gone")
            restores = packed_bucket.Restores(laptop.machine, self.contents)
            known = [id for id in listed if id in self.contents]
            for id in self.random.sample(known, min(samples, len(known))):
                restores.check(id, laptop.env)
            self.counts["restored snapshots compared"] += restores.compared
            problems = json.loads(laptop.machine.run("--json", "verify", env=laptop.env).out)["problems"]
            if len(self.collectors) == 2:   # may name a pack that is gone, and whose chunks lie elsewhere (docs/format.md); a lost one names its snapshot
                problems = [problem for problem in problems if problem["snapshot"] or "it is gone" not in problem["problem"]]
            self.test.assertEqual(problems, [])
            # What no push said exists, but was written all the same, is whole, too: verify looks at all of them.
            self.counts["snapshots whose push did not say so"] += len(listed) - len(known)

    def play(self):
        one, two = self.laptops
        for laptop in self.laptops:
            answer = self.job(laptop, "push")
            # A machine that finds no snapshot of another one collects. These stay to be found.
            self.test.assertTrue(laptop.machine.ok("pin", answer["snapshot"], env=laptop.env)["pinned"])
        self.time_passes(1)
        for laptop in self.laptops:   # neither collects by itself
            self.test.assertIn("also holds snapshots of", self.job(laptop, "prune")["error"])
        self.collectors.add("one")
        self.test.assertTrue(self.job(one, "prune", "--take-over")["ok"])
        self.test.assertIn("also holds snapshots of", self.job(two, "prune")["error"])
        both = self.random.random() < 0.3
        for number in range(STEPS):
            if both and number == STEPS // 2:   # the first one hears nothing of it: both collect
                self.collectors.add("two")
                self.test.assertTrue(self.job(two, "prune", "--take-over")["ok"])
            self.step()
            if number % 3 == 2:
                self.check(1)
        for laptop in self.laptops:
            laptop.wrong_by = 0
            laptop.set_clock()
        self.check(1000)
        self.named_in_status()
        self.time_passes(40 * DAY)   # what was dated a month ahead can be pruned by then
        for _ in range(8):
            self.time_passes(80)
            for laptop in self.laptops:
                if laptop.name in self.collectors:
                    self.test.assertTrue(self.job(laptop, "prune")["ok"])
        self.check(1000)
        problems, (_, packs, _) = packed_bucket.audit(self.bucket)
        # Two collectors may leave each other's mark or name of a pack for a while (docs/format.md).
        if len(self.collectors) == 1:
            self.test.assertEqual(problems, [])
        self.counts["packs in the end"] += packs

    def named_in_status(self):
        for laptop in self.laptops:
            daemon = Daemon(laptop.machine, env=laptop.env)
            try:
                status = daemon.until(lambda s: s["bucket"] and s["bucket"]["otherInstances"], "the other machine's name", 60)
                # Its host, which is this one as well.
                self.test.assertEqual((status["bucket"]["otherInstances"], status["bucket"]["mayPrune"]),
                                      ([socket.gethostname()], laptop.name in self.collectors))
            finally:
                daemon.terminate()


if __name__ == "__main__":
    unittest.main()
