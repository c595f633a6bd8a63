"""A gateway that has a service: two commands start and stop it, and the daemon knows them."""
import os
import signal
import unittest

from gateway import AGENT_DATABASE, Daemon, Gateway, Machine, cron_jobs, transcripts, wait_for


class ServedGateway(Gateway):
    """A gateway that a service would start and stop: by two commands, which the daemon knows too. As with service managers there is one process
    at most: starting what runs, or is on its way, does nothing. They return from the stop when the process is gone; waits=False: it only sends the
    signal."""

    def __init__(self, machine, waits=True):
        super().__init__(machine)
        self.pids = machine.root / "gateway.pids"
        environment = {name: self.environment[name] for name in ("PATH", "HOME", "TMPDIR", "OPENCLAW_DISABLE_BONJOUR", "NO_COLOR")}
        exports = "\n".join(f"export {name}='{value}'" for name, value in environment.items())
        run = " ".join(f"'{word}'" for word in self.command("gateway", "run", "--port", self.port, "--bind", "loopback"))
        self.start_command = self.script("start-gateway", f"{exports}\ncd '{machine.home}'\nexec 9>'{self.pids}.lock'\nflock 9\n"
                                                          f"pid=$(tail -n 1 '{self.pids}' 2>/dev/null || true)\n"
                                                          "if [ -n \"$pid\" ] && kill -0 $pid 2>/dev/null; then\n"
                                                          f"  [ -e '{self.pids}.told-'$pid ] || exit 0\n"
                                                          "  while kill -0 $pid 2>/dev/null; do sleep 0.2; done\nfi\n"
                                                          f"setsid {run} >>'{self.log_path}' 2>&1 </dev/null 9>&- &\necho $! >>'{self.pids}'\n")
        wait = "while kill -0 $pid 2>/dev/null; do sleep 0.2; done\n" if waits else ""
        self.stop_command = self.script("stop-gateway", f"pid=$(tail -n 1 '{self.pids}')\ntouch '{self.pids}.told-'$pid\nkill -TERM $pid\n{wait}")

    def script(self, name, text):
        path = self.machine.root / name
        path.write_text(f"#!/bin/sh\nset -e\n{text}")
        path.chmod(0o755)
        return [str(path)]

    def start(self, seconds=120):
        os.spawnv(os.P_WAIT, self.start_command[0], self.start_command)
        wait_for(self.ready, "the gateway", seconds)
        return self

    @property
    def pid(self):
        return int(self.pids.read_text().split()[-1])

    def close(self):
        for pid in self.pids.read_text().split() if self.pids.exists() else []:
            try:
                os.killpg(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.model.stop()


class AroundTheGateway(unittest.TestCase):
    """A daemon, and a gateway that it may stop and start."""

    def ended(self):
        """What became of the restore, when the gateway is there again."""
        status = self.daemon.until(lambda s: s["restore"] and s["restore"]["state"] in ("done", "failed", "cancelled", "expired"), "the restore", 240)
        self.assertEqual(status["restore"]["state"], "done", status["restore"])
        wait_for(self.gateway.ready, "the gateway after the restore", 120)
        return status["restore"]

    def state(self):
        return {"transcripts": transcripts(self.machine.state / AGENT_DATABASE),
                "cron": cron_jobs(self.machine.state / "state/openclaw.sqlite"),
                "memory": (self.machine.state / "workspace/MEMORY.md").read_text()}

    def assert_back(self, then):
        """Everything of then is there; what a gateway adds when it starts may be, too."""
        now = self.state()
        self.assertEqual({session: now["transcripts"].get(session) for session in then["transcripts"]}, then["transcripts"])
        self.assertEqual({name: now["cron"].get(name) for name in then["cron"]}, then["cron"])
        self.assertEqual(now["memory"], then["memory"])

    def prepare(self, kind=ServedGateway, **more):
        self.machine = Machine().use_directory(schedule="off", keepSnapshots=50)
        self.addCleanup(self.machine.close)
        self.gateway = kind(self.machine, **more)
        self.addCleanup(self.gateway.close)
        self.machine.configure(gateway={"start": self.gateway.start_command, "stop": self.gateway.stop_command})
        self.gateway.install_plugin()
        self.start_daemon()
        self.gateway.start()

    def start_daemon(self):
        self.daemon = Daemon(self.machine, env={"PATH": self.gateway.environment["PATH"]})
        self.addCleanup(self.daemon.kill)
