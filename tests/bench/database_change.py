#!/usr/bin/env python3
"""What a push on change costs when rows of a large database were updated: bytes copied on this machine, bytes uploaded, time.

    ninja -C build/release b2backupd daemonctl b2b_fake_s3
    tests/bench/database_change.py [--megabytes 300] [--updates 200] [--rounds 3]

A running daemon with the packed layout and `watch` as it is by default but for its times, against the project's S3 server in memory.
The database: WAL mode, pages of 4 KB, rows of some 1.5 KB of text and 1.5 KB of random bytes, an index over random keys.
Each round updates the text of that many random rows, one commit each. The first round's push comes by itself, two seconds after the last change; the others, which
would wait for their interval, are asked for. Twice: with `limits.spool` as it is by default (the database is larger, so
that it is captured and uploaded at once), and with 1 GB (captured into the queue first). Seeded.
"""
import argparse
import os
import pathlib
import random
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import Daemon, FakeS3, Machine  # noqa: E402


def make_database(path, megabytes, generator):
    words = ["".join(generator.choices("etaoinshrdlucmfwyp", k=generator.randint(2, 9))) for _ in range(8000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    prose = " ".join(generator.choices(words, weights, k=400_000))
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("CREATE TABLE chunks(id INTEGER PRIMARY KEY, key TEXT, body TEXT, vector BLOB)")
    connection.execute("CREATE INDEX by_key ON chunks(key)")

    def text():
        start = generator.randrange(len(prose) - 1500)
        return prose[start:start + 1500]

    while os.path.getsize(path) < megabytes * 1_000_000:
        connection.executemany("INSERT INTO chunks(key, body, vector) VALUES(?, ?, ?)",
                               [(generator.randbytes(16).hex(), text(), generator.randbytes(1536)) for _ in range(2000)])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return connection, text


class Peak:
    """The most bytes that the files below a folder had at once, looked at every few milliseconds."""

    def __init__(self, folder):
        self.folder, self.most, self.end = folder, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def size(self):
        total = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                try:
                    total += os.stat(os.path.join(place, name)).st_blocks * 512
                except OSError:
                    pass
        return total

    def look(self):
        self.before = self.most = self.size()
        while not self.end.wait(0.005):
            self.most = max(self.most, self.size())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.end.set()
        self.thread.join()


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(arguments, spool):
    generator = random.Random(20260219)
    fake = FakeS3()
    machine = Machine(layout="packed", schedule="off", watch={"quiet": "2s", "minInterval": "20s"})
    try:
        machine.use_fake(fake, **({"limits": {"spool": spool}} if spool else {}))
        machine.populate(databases=False)
        path = machine.state / "agents/main/agent/openclaw-agent.sqlite"
        connection, text = make_database(path, arguments.megabytes, generator)
        rows = connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
        daemon = Daemon(machine)
        try:
            daemon.until_backed_up(300)
            first = fake.stats()["bytesIn"]
            print(f"\nlimits.spool {spool or 'by default'}: {path.stat().st_size / 1e6:.0f} MB in {rows} rows; the first push uploaded {first / 1e6:.1f} MB")
            print("| round | uploaded MB | peak of the data directory MB | CPU s | wall s | next push on change not before s |\n|---|---|---|---|---|---|")
            for number in range(1, arguments.rounds + 1):
                before, used, last = fake.stats()["bytesIn"], cpu(daemon.pid), daemon.status()["lastGood"]["snapshot"]
                with Peak(machine.home / ".local/state/b2backupd") as peak:
                    for row in generator.sample(range(1, rows + 1), arguments.updates):
                        connection.execute("UPDATE chunks SET body=? WHERE id=?", (text(), row))
                        connection.commit()
                    began = time.monotonic()
                    if number > 1:
                        daemon.push()
                    status = daemon.until(lambda s: s["lastGood"]["snapshot"] != last and not s["jobs"] and not s["queue"], "a push", 600)
                    wall = time.monotonic() - began
                print(f"| {number} | {(fake.stats()['bytesIn'] - before) / 1e6:.1f} | {(peak.most - peak.before) / 1e6:.0f} | {cpu(daemon.pid) - used:.1f} | "
                      f"{wall:.1f} | {status['watch']['push']['intervalSeconds']} |", flush=True)
        finally:
            daemon.kill()
    finally:
        machine.close()
        fake.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for spool in (None, "1GB"):
        measure(arguments, spool)


if __name__ == "__main__":
    main()
