"""A real OpenClaw gateway on a machine of harness.py: headless, on loopback, with a model that is none, and this project's plugin."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import SOURCE, Daemon, Machine, Outcome, captured, wait_for  # noqa: E402
from installation import OLDER, OPENCLAW, openclaw  # noqa: E402
from model_server import Model  # noqa: E402

TOKEN = "the-token-of-the-tests"
AGENT_DATABASE = "agents/main/agent/openclaw-agent.sqlite"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """`settings` is merged into openclaw.json at the top; `entry` is the plugin's in plugins.entries. Another `release` than the newest has
    its own way to things, below; with a `profile` the state directory is that profile's."""

    def __init__(self, machine, settings=None, entry=None, release=OPENCLAW, profile=None):
        self.machine, self.profile = machine, profile
        self.state = machine.home / f".openclaw-{profile}" if profile else machine.state
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.use(release)
        self.model = Model().start()
        self.port = free_port()
        self.process = None
        self.log_path = machine.root / "gateway.log"
        provider = {"baseUrl": f"http://127.0.0.1:{self.model.port}/v1", "apiKey": "none", "api": "openai-completions",
                    "models": [{"id": "echo-1", "name": "Echo", "input": ["text"], "contextWindow": 200000, "maxTokens": 4096}]}
        config = {
            "gateway": {"mode": "local", "port": self.port, "bind": "loopback", "auth": {"mode": "token", "token": TOKEN}},
            "models": {"providers": {"echo": provider}},
            "agents": {"defaults": {"workspace": str(self.state / "workspace"), "model": {"primary": "echo/echo-1"}}},
            **({"plugins": {"entries": {"b2-backup": entry}}} if entry else {}), **(settings or {})}
        (self.state / "openclaw.json").write_text(json.dumps(config, indent=1))

    def use(self, release):
        """From now on it is this release that runs, on the same state."""
        self.installation = openclaw(release)
        self.in_files = self.installation.layout == "files"
        translated = self.machine.root / "jiti"
        if self.in_files and not translated.is_symlink():
            # Its own plugins are TypeScript, which it translates anew (for a minute) wherever it finds no translation.
            self.installation.translated.mkdir(exist_ok=True)
            translated.symlink_to(self.installation.translated)

    @property
    def environment(self):
        environment = self.machine.environment
        environment.update(PATH=f"{self.installation.path}:{environment['PATH']}", OPENCLAW_DISABLE_BONJOUR="1", NO_COLOR="1",
                           TMPDIR=str(self.machine.root), NODE_COMPILE_CACHE=str(self.installation.compiled))
        return environment

    # --- commands ------------------------------------------------------------------------------------------------

    def command(self, *arguments):
        profile = ("--profile", self.profile) if self.profile else ()
        return [str(self.installation.node), str(self.installation.openclaw), *profile, *map(str, arguments)]

    def cli(self, *arguments, timeout=120, code=0, typed=""):
        done = subprocess.run(self.command(*arguments), env=self.environment, cwd=self.machine.home, input=typed.encode(),
                              capture_output=True, timeout=timeout, check=False)
        outcome = Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        assert code is None or outcome.code == code, f"openclaw {' '.join(map(str, arguments))}: {outcome}"
        return outcome

    def cli_json(self, *arguments, **more):
        outcome = self.cli(*arguments, **more)
        return json.loads(outcome.out[outcome.out.index("{"):])

    def install_plugin(self):
        """As a person does it: packed by npm, installed by OpenClaw."""
        npm = shutil.which("npm")
        assert npm, "npm is needed to pack the plugin"
        packed = subprocess.run([npm, "pack", "--json", "--offline", "--pack-destination", self.machine.root, SOURCE / "gateway-plugin"],
                                capture_output=True, text=True, timeout=120, check=True, cwd=self.machine.root)
        archive = self.machine.root / json.loads(packed.stdout)[0]["filename"]
        # The older release translates itself on its first run ever, for a minute or two.
        return self.cli("plugins", "install", archive, *([] if self.in_files else ["--force", "--accept-capabilities"]), timeout=600)

    # --- the gateway ---------------------------------------------------------------------------------------------

    def start(self, seconds=120):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command("gateway", "run", "--port", self.port, "--bind", "loopback"), env=self.environment,
                                            cwd=self.machine.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.until_ready(seconds)
        return self

    def until_ready(self, seconds=120):
        ended = lambda: self.process.poll() is not None  # noqa: E731
        wait_for(lambda: self.ready() or ended(), "the gateway", seconds)
        assert not ended(), f"the gateway ended with {self.process.returncode}: {self.log[-3000:]}"

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                # The older release has no such page, and shows its control page when it listens.
                return self.in_files or json.loads(answer.read()).get("ready") is True
        except (OSError, ValueError):
            return False

    def stop(self, seconds=60):
        """Its exit code after SIGTERM, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds), time.monotonic() - began

    def close(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(10)
        self.model.stop()

    @property
    def log(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log_path.read_text(errors="replace")) if self.log_path.exists() else ""

    def lines(self):
        """What the plugin said."""
        return [line for line in self.log.splitlines() if " b2-backup: " in line and "[config]" not in line]

    # --- what is done with it ------------------------------------------------------------------------------------

    def invoke(self, arguments, tool="b2_rollback", headers=None, token=TOKEN):
        """POST /tools/invoke: status and answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/tools/invoke", method="POST",
                                         data=json.dumps({"tool": tool, "args": arguments}).encode(),
                                         headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def tool(self, arguments):
        """Text and details of a call that must be answered."""
        status, answer = self.invoke(arguments)
        assert status == 200, (status, answer)
        return answer["result"]["content"][0]["text"], answer["result"]["details"]

    def call(self, method, parameters):
        return self.cli_json("gateway", "call", method, "--params", json.dumps(parameters), "--timeout", "120000", "--json")

    def chat(self, session, text):
        """One turn; what the agent said."""
        if self.in_files:  # its command knows sessions by their id alone
            parameters = {"message": text, "sessionKey": f"agent:main:{session}", "idempotencyKey": str(uuid.uuid4())}
            answer = self.cli_json("gateway", "call", "agent", "--expect-final", "--params", json.dumps(parameters), "--timeout", "120000", "--json")
            return "\n".join(payload["text"] for payload in answer["result"]["payloads"])
        answer = self.cli_json("agent", "--agent", "main", "--session-key", f"agent:main:{session}", "--message", text, "--json")
        return "\n".join(payload["text"] for payload in answer["result"]["payloads"])

    def web_chat(self, session, text, decision="deny", scopes=("operator.admin", "operator.read", "operator.write", "operator.approvals")):
        """One turn as somebody has it in the web chat, who answers approvals with `decision`: what was asked, and what the agent said."""
        client = self.installation.modules / "openclaw" / "dist" / "plugin-sdk" / "gateway-runtime.js"
        request = {"url": f"ws://127.0.0.1:{self.port}", "token": TOKEN, "scopes": scopes, "session": session, "message": text, "decision": decision}
        done = subprocess.run([self.installation.node, pathlib.Path(__file__).with_name("webchat.mjs"), client, json.dumps(request)],
                              env=self.environment, cwd=self.machine.home, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=180, check=False)
        assert done.returncode == 0, f"the web chat ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer["approvals"], answer["text"]

    def compact(self, session):
        if self.in_files:
            # By the command in the chat, which needs enough to sum up; its RPC of that name only cuts the transcript off.
            parameters = {"message": "/compact", "sessionKey": f"agent:main:{session}", "idempotencyKey": str(uuid.uuid4())}
            return self.call("chat.send", parameters)
        answer = self.call("sessions.compact", {"key": f"agent:main:{session}"})
        assert answer.get("compacted"), answer
        return answer

    def populate(self, sessions=2, turns=2):
        """Sessions, cron jobs and memory, all made by OpenClaw."""
        for session in range(sessions):
            for turn in range(turns):
                self.chat(f"s{session}", f"Turn {turn} of session {session}: " + "the quick brown fox jumps over the lazy dog. " * 60)
        self.cli("cron", "add", "--name", "daily", "--cron", "0 7 * * *", "--session", "isolated", "--message", "a summary", "--no-deliver")
        self.machine.write("workspace/memory/2026-02-19.md", "- the user likes backups\n")
        self.machine.write("workspace/MEMORY.md", "# Memory\nBackups are good.\n")
        self.cli("memory", "index")

    def transcripts(self, state=None):
        """session → its events, in order, as they stand in the agent's database."""
        return transcripts((state or self.state) / AGENT_DATABASE)


def files_of_sessions(state):
    """The older layout: name → lines of each transcript."""
    return {path.name: path.read_text().splitlines() for path in sorted((state / "agents/main/sessions").glob("*.jsonl"))}


def rows(path):
    """table → its rows, of any database."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type='table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
                                                       " ORDER BY name")]
        return {table: sorted(connection.execute(f'SELECT * FROM "{table}"').fetchall(), key=repr) for table in tables}
    finally:
        connection.close()


def transcripts(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = {}
        for session, sequence, text, packed in connection.execute(
                "SELECT session_id, seq, event_json, event_zstd FROM transcript_events ORDER BY session_id, seq"):
            found.setdefault(session, []).append((sequence, text, packed))
        return found
    finally:
        connection.close()


def cron_jobs(path):
    """name → definition; OpenClaw has some of its own."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT name, job_json FROM cron_jobs ORDER BY name").fetchall())
    finally:
        connection.close()


__all__ = ["AGENT_DATABASE", "Daemon", "Gateway", "Machine", "OLDER", "OPENCLAW", "TOKEN", "captured", "cron_jobs", "files_of_sessions", "rows",
           "transcripts", "wait_for"]
