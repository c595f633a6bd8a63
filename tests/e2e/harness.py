"""What the end-to-end tests share: a machine with a state directory, stores, daemonctl run as a person or script would, and a
running b2backupd.

Environment: B2B_BIN (folder of the programs), B2B_LONG=1 (full counts), B2B_RADOSGW_ENV (file written by
scripts/lib/radosgw.sh), B2B_SHARED (folder of shared fixtures), B2B_SEED (for tests that draw numbers).
"""
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("B2B_BIN", SOURCE / "build" / "release" / "bin"))
LONG = os.environ.get("B2B_LONG") == "1"
LAYOUT = os.environ.get("B2B_LAYOUT", "plugin")   # "packed": the same tests with that layout, where they do not choose one themselves
SEED = int(os.environ.get("B2B_SEED", random.SystemRandom().randrange(1 << 32)))
MEGABYTE = 1 << 20
SHARED = pathlib.Path(os.environ.get("B2B_SHARED", SOURCE.parent / "shared"))


def seeded():
    """A generator whose seed is printed, so that a failure can be repeated with B2B_SEED."""
    print(f"B2B_SEED={SEED}", file=sys.stderr)
    return random.Random(SEED)


class Outcome:
    """What one run of daemonctl came to."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"


class FakeS3:
    """The project's fake S3 server, as a process of its own."""

    def __init__(self, *arguments):
        self.folder = tempfile.mkdtemp(prefix="b2b-fake-")
        port_file = os.path.join(self.folder, "port")
        self.key_id, self.key, self.bucket = "004e2e0000000000000000001", "K004endToEndTests", "test-bucket"
        self.process = subprocess.Popen([BIN / "b2b_fake_s3", "--port", "0", "--port-file", port_file, "--bucket", self.bucket,
                                         "--key-id", self.key_id, "--application-key", self.key, *map(str, arguments)],
                                        stdout=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(port_file), "the fake S3 server")  # it appears whole
        self.port = int(pathlib.Path(port_file).read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def control(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/__control{path}",
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")

    def faults(self, *faults):
        self.control("", {"clear": True, "faults": list(faults)})

    def stats(self):
        return self.control("/stats")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(condition, what, seconds=20):
    """Polls; for things outside our processes' reach that give no other sign."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


class Gate:
    """A way to a server that can be closed: "open", "refuse" (nobody listens), "hole" (takes connections, never answers)."""

    def __init__(self, port):
        self.server_port, self.connections, self.listener, self.mode = port, set(), None, "refuse"
        self.lock = threading.Lock()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.set("open")

    def set(self, mode):
        """Connections of the old mode end."""
        with self.lock:
            self.mode = mode
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if mode == "refuse" and self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        elif mode != "refuse" and not self.listener:
            self.listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self):
        self.set("refuse")

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with near, socket.socket() as far:
            with self.lock:
                ends = {near, far} if self.mode == "open" else {near}
                self.connections |= ends
            try:
                if far in ends:
                    far.connect(("127.0.0.1", self.server_port))
                    back = threading.Thread(target=self._copy, args=(far, near), daemon=True)
                    back.start()
                    self._copy(near, far)
                    back.join()
                else:
                    while near.recv(1 << 16):
                        pass
            except OSError:
                pass
            with self.lock:
                self.connections -= ends

    def _copy(self, source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Machine:
    """One user's machine: home, state directory, configuration."""

    def __init__(self, **config):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="b2b-e2e-"))
        self.home = self.root / "home"
        self.state = self.home / ".openclaw"
        self.state.mkdir(parents=True, mode=0o700)
        self.config_path = self.home / ".config" / "b2backupd" / "config.json5"
        self.config = {"layout": LAYOUT}
        self.configure(**config)

    def use_fake(self, fake, **more):
        return self.use_s3(fake.url, fake.key_id, fake.key, fake.bucket, region="us-west-004", **more)

    def configure(self, **config):
        self.config.update(config)
        self.config = {key: value for key, value in self.config.items() if value is not None}
        self.config_path.parent.mkdir(parents=True, exist_ok=True)
        self.config_path.write_text(json.dumps(self.config))
        self.config_path.chmod(0o600)

    def use_directory(self, **more):
        store = self.root / "store"
        store.mkdir(exist_ok=True)
        self.configure(endpoint=f"file://{store}", bucket="bucket", encryptionKey="correct horse battery staple", **more)
        return self

    def use_s3(self, endpoint, key_id, key, bucket, **more):
        self.configure(endpoint=endpoint, keyId=key_id, applicationKey=key, bucket=bucket, **more)
        return self

    @property
    def environment(self):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("B2_", "OPENCLAW_", "XDG_", "AWS_")) and "proxy" not in key.lower()}
        environment["HOME"] = str(self.home)
        return environment

    def command(self, *arguments):
        return [str(BIN / "daemonctl"), "--direct", *map(str, arguments)]

    def run(self, *arguments, env=None, timeout=300, stdin=subprocess.DEVNULL):
        done = subprocess.run(self.command(*arguments), env={**self.environment, **(env or {})}, stdin=stdin,
                              capture_output=True, timeout=timeout)
        return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def start(self, *arguments, env=None):
        return subprocess.Popen(self.command(*arguments), env={**self.environment, **(env or {})}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ok(self, *arguments, code=0, **more):
        """Runs with --json and gives the answer; fails unless it ends with `code`."""
        outcome = self.run("--json", *arguments, **more)
        assert outcome.code == code, f"{arguments}: {outcome}"
        return outcome.json

    # --- content -------------------------------------------------------------------------------------------------

    def write(self, name, content=b"content\n", mode=0o644):
        path = self.state / name if isinstance(name, str) else pathlib.Path(os.fsdecode(os.fsencode(self.state) + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def database(self, name, rows=50, table="items"):
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table}(id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany(f"INSERT INTO {table}(body) VALUES(?)", [("x" * 100,)] * rows)
        connection.commit()
        connection.close()
        return path

    def populate(self, files=20, databases=True):
        self.write("openclaw.json", '{ agents: { defaults: { model: "m" } } }\n')
        self.write("workspace/MEMORY.md", "# memory\n")
        self.write("workspace/empty.md", b"")
        self.write("workspace/script.sh", "#!/bin/sh\n", mode=0o755)
        self.write("workspace/notes (a b) + ü 日本 🦞.md", "names\n")
        (self.state / "workspace" / "an empty folder").mkdir(exist_ok=True)
        link = self.state / "workspace" / "link.md"
        if not link.is_symlink():
            link.symlink_to("MEMORY.md")
        self.write("agents/main/sessions/a.jsonl", '{"n":1}\n' * 50)
        for i in range(files):
            self.write(f"workspace/files/f{i:04}.txt", f"file {i}\n" * (i % 7 + 1))
        if databases:
            self.database("agents/main/agent/openclaw-agent.sqlite")
            self.database("state/openclaw.sqlite", table="cron_jobs")
        return self

    def close(self):
        subprocess.run(["chmod", "-R", "u+rwx", self.root], check=False)
        shutil.rmtree(self.root, ignore_errors=True)


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Refusal(AssertionError):
    """The daemon answered a request with an error."""

    def __init__(self, status, answer):
        super().__init__(f"{status}: {answer}")
        self.status, self.code = status, answer.get("code") if isinstance(answer, dict) else None


class Daemon:
    """A b2backupd of a machine, and its control API."""

    def __init__(self, machine, *arguments, state=None, env=None, wait=True):
        self.machine, self.state = machine, pathlib.Path(state or machine.state)
        self.socket = self.state / "b2backupd" / "daemon.sock"
        descriptor, name = tempfile.mkstemp(prefix="daemon-", suffix=".log", dir=machine.root)
        self.log_path = pathlib.Path(name)
        self.process = subprocess.Popen([BIN / "b2backupd", "-v", *map(str, arguments)],
                                        env={**machine.environment, **(env or {})}, stdin=subprocess.DEVNULL, stdout=descriptor,
                                        stderr=descriptor)
        os.close(descriptor)
        if wait:
            wait_for(lambda: self.answers() or self.process.poll() is not None, "the daemon")
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}: {self.log}"

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def answers(self):
        try:
            return self.request("GET", "/healthz")[1] == b"ok\n"
        except (OSError, http.client.HTTPException):
            return False

    def request(self, method, path, body=None, timeout=120):
        """Status and body."""
        connection = Connection(self.socket, timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None, timeout=120):
        """The answer's object; Refusal when it is an error."""
        status, text = self.request(method, path, body, timeout)
        answer = json.loads(text)
        if status != 200:
            raise Refusal(status, answer)
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", path, body or {}, **more)

    def status(self):
        return self.get("/v1/status")

    def push(self):
        return self.post("/v1/push")

    def snapshots(self):
        return self.get("/v1/snapshots")["snapshots"]

    def notify(self, event, **more):
        return self.post("/v1/notify", {"event": event, **more})

    def until(self, condition, what, seconds=30):
        """The first status that fulfils the condition."""
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if condition(status):
                return status
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come within {seconds} s: {json.dumps(status, indent=1)}\n{self.log[-3000:]}")
            time.sleep(0.05)

    def until_backed_up(self, seconds=60):
        """Everything that was captured is in the store, and nothing is under way."""
        return self.until(lambda s: s["lastGood"] and s["bucket"] and not s["queue"] and not s["jobs"], "a good backup", seconds)

    def send(self, number):
        self.process.send_signal(number)

    def terminate(self, seconds=30):
        """Its exit code after SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def memory(self, name="VmRSS"):
        """In bytes; VmHWM is the most that it ever was."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no " + name)

    def memory_at_rest(self):
        """The least VmRSS within a second: what a job took is given back a moment after the job has left the status."""
        readings = []
        for _ in range(10):
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                readings.append(self.memory())
                continue
            raise AssertionError("the daemon ended")
        return min(readings)


def captured(status):
    """When the last good snapshot was captured, by the daemon's clock, in seconds since 1970."""
    return datetime.datetime.fromisoformat(status["lastGood"]["time"].replace("Z", "+00:00")).timestamp()


def tree(path):
    """Everything below `path` that a restore brings back: name → (kind, mode, content or target)."""
    out = {}
    path = os.fsencode(path)
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            full = os.path.join(folder, name)
            relative = os.path.relpath(full, path)
            if relative == b"b2backupd" or relative.startswith(b"b2backupd/"):
                continue
            status = os.lstat(full)
            mode = status.st_mode & 0o7777
            if os.path.islink(full):
                out[relative] = ("symlink", os.readlink(full))
            elif os.path.isdir(full):
                out[relative] = ("directory", mode)
            else:
                with open(full, "rb") as file:
                    out[relative] = ("file", mode, file.read())
    return out


def without_databases(entries):
    """Databases are compared by their rows, since a copy is not the live file byte for byte."""
    return {name: value for name, value in entries.items()
            if not (b".sqlite" in name)}


def rows(path, table):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    finally:
        connection.close()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def radosgw():
    """Settings of the real S3 server, or None where none was started."""
    path = os.environ.get("B2B_RADOSGW_ENV")
    if not path or not os.path.exists(path):
        return None
    settings = {}
    for line in open(path, encoding="utf-8"):
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if value:
            settings[name] = value.strip("'\"")
    return settings
