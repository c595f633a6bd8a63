#!/usr/bin/env python3
"""Stands in for the program `openclaw` of a machine: its service can be stopped and started, its gateway holds the lock of a real one,
has its database open and answers on its port. What it is told is appended to calls.log; files in its folder change how it behaves:

version       of which release it says that it is
refuse-stop   the gateway ignores SIGTERM           stop-delay   seconds that it drains
start-delay   seconds until it is up
no-start      starting it does nothing; with "until doctor" in it, doctor removes it
doctor-code   what doctor ends with                 doctor-delay seconds that it takes
"""
import fcntl
import http.server
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time

HOME = pathlib.Path(os.environ["HOME"])
STATE = pathlib.Path(os.environ.get("OPENCLAW_STATE_DIR") or HOME / ".openclaw")
FOLDER = HOME / "fake-openclaw"
LOCKS = STATE / "tmp" / f"openclaw-{os.getuid()}"


def setting(name, otherwise=None):
    path = FOLDER / name
    return path.read_text().strip() if path.exists() else otherwise


def note(text):
    with open(FOLDER / "calls.log", "a") as file:
        file.write(text + "\n")


def started_ticks():
    return int(pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def run(role="gateway"):
    if not (STATE / "openclaw.json").exists():
        note("missing config")
        sys.exit(78)
    time.sleep(float(setting("start-delay", "0")))
    LOCKS.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(LOCKS / "gateway.state.lock.sqlite", os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + 5
    while True:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 512, 0x40000000)
            break
        except OSError:
            if time.monotonic() > end:
                note("locked out")
                sys.exit(78)
            time.sleep(0.05)
    if not (STATE / "openclaw.json").exists():
        note("missing config")
        sys.exit(78)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(setting("port", "0"))), Health)
    (FOLDER / "port").write_text(str(server.server_port))
    database = STATE / "state" / "openclaw.sqlite"
    connection = sqlite3.connect(database) if database.exists() else None
    if connection:
        connection.execute("SELECT count(*) FROM cron_jobs").fetchone()
    record = {"pid": os.getpid(), "startTime": started_ticks(), "role": role}
    (LOCKS / "gateway.state.lock").write_text(json.dumps({**record, "port": server.server_port} if role == "gateway" else record))
    (FOLDER / ("pid" if role == "gateway" else "agent-pid")).write_text(str(os.getpid()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    note("up")
    while not stop.wait(0.05) or setting("refuse-stop"):
        stop.clear() if setting("refuse-stop") else None
    time.sleep(float(setting("stop-delay", "0.2")))
    if connection:
        connection.close()
    (LOCKS / "gateway.state.lock").unlink()
    note("down")
    os._exit(0)


def running():
    """The pid of the gateway that runs, or None."""
    try:
        pid = int(setting("pid", "0"))
        if pid and b"gateway" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    except OSError:
        pass
    return None


def main(words):
    if words == ["gateway", "run"]:
        return run()
    if words == ["agent", "--local"]:
        return run("agent-embedded")
    note(" ".join(words))
    if words[:2] == ["gateway", "stop"]:
        if "--force" not in words:
            sys.exit("refused: not without --force")
        pid = running()
        if pid:
            os.kill(pid, signal.SIGTERM)
    elif words[:2] == ["gateway", "start"]:
        if not setting("no-start") and not running():
            subprocess.Popen([sys.executable, os.path.abspath(__file__), "gateway", "run"], start_new_session=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    elif words[:1] == ["doctor"]:
        print("doctor looks at", STATE)
        time.sleep(float(setting("doctor-delay", "0")))
        if setting("no-start") == "until doctor":
            (FOLDER / "no-start").unlink()
        sys.exit(int(setting("doctor-code", "0")))
    elif words[:1] == ["database"]:
        print(json.dumps({"schema": "fake-schema-preflight.v1", "status": setting("preflight", "exact"), "reason": "as configured"}))
        sys.exit(0 if setting("preflight", "exact") == "exact" else 1)
    elif words == ["--version"]:
        print("OpenClaw", setting("version", "2026.9.6"), "(fake)")
    else:
        sys.exit(f"no such command: {words}")


main([word for word in sys.argv[1:] if word])
