"""kill -9 of the daemon while it rolls a real gateway back: the next one ends with the old state or the new one, whole, and the gateway up.

Two moments, behind the fence and while the gateway starts; 30 with B2B_LONG=1, or as many as B2B_MOMENTS says. The seed is printed.
"""
import collections
import os
import sys
import time
import unittest

from gateway import Daemon, wait_for
from harness import LONG, seeded  # gateway.py tells where
from served_gateway import AroundTheGateway

MOMENTS = int(os.environ.get("B2B_MOMENTS", 30 if LONG else 2))
PHASES = ("behind the fence", "starting the gateway", "fetching", "stopping the gateway")


class Killed(AroundTheGateway):
    def start_daemon(self):
        """Without openclaw in its PATH: doctor waits a minute for a gateway, and so there are more moments in the time."""
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)

    def phase(self):
        status = self.daemon.status()
        state = status["restore"]["state"]
        if state == "restoring":
            return "behind the fence" if self.stopped_before else "fetching"
        self.stopped_before = self.stopped_before or state == "stopping-gateway"
        return {"stopping-gateway": "stopping the gateway", "starting-gateway": "starting the gateway"}.get(state, state)

    def which(self):
        """Whose state it is, of the two: by all its parts."""
        now = self.state()
        found = []
        for snapshot, then in self.states.items():
            same = (all(now["transcripts"].get(session) == events for session, events in then["transcripts"].items())
                    and all(now["cron"].get(name) == job for name, job in then["cron"].items())
                    and ("weekly" in now["cron"]) == ("weekly" in then["cron"]) and now["memory"] == then["memory"])
            found += [snapshot] if same else []
        return found

    def test_anywhere(self):
        random = seeded()
        self.prepare()
        self.gateway.populate(sessions=1, turns=1)
        old = self.gateway.tool({"action": "push"})[1]["report"]["snapshot"]
        self.states = {old: self.state()}
        self.gateway.chat("s0", "The later words.")
        self.gateway.cli("cron", "add", "--name", "weekly", "--cron", "0 7 * * 1", "--session", "isolated", "--message", "x", "--no-deliver")
        self.machine.write("workspace/MEMORY.md", "# Later\n")
        new = self.gateway.tool({"action": "push"})[1]["report"]["snapshot"]
        self.states[new] = self.state()
        self.assertEqual(self.which(), [new])
        current, outcomes, reached = new, collections.Counter(), collections.Counter()
        for moment in range(MOMENTS):
            wanted = new if current == old else old
            phase, self.stopped_before = PHASES[moment % len(PHASES)], False
            self.daemon.until(lambda s: not s["jobs"], "rest")
            self.daemon.post("/v1/restore", {"snapshot": wanted, "yes": True, "gateway": "stop", "wait": False})
            wait_for(lambda: self.phase() in (phase, "done", "failed"), phase, 120)
            time.sleep(random.uniform(0, 0.5) if moment >= len(PHASES) else 0)  # behind the fence it is for about as long
            reached[self.phase()] += 1
            self.daemon.kill()
            self.start_daemon()
            self.daemon.until(lambda s: s["restore"] is None or s["restore"]["state"] in ("done", "failed"), "the end of the restore", 240)
            wait_for(self.gateway.ready, f"the gateway after moment {moment}: {self.daemon.log[-2000:]}", 120)
            self.assertIn(self.which(), [[current], [wanted]], f"moment {moment}, {phase}: {self.daemon.log[-3000:]}")
            outcomes["restored" if self.which() == [wanted] else "given up"] += 1
            current = self.which()[0]
        print(f"outcomes {dict(outcomes)}, killed while {dict(reached)}", file=sys.stderr)
        self.assertGreater(reached["behind the fence"], 0, reached)
        self.assertIn("Answer", self.gateway.chat("s0", "Do you still talk to me?"))
        self.gateway.cli("doctor", "--non-interactive")


if __name__ == "__main__":
    unittest.main()
