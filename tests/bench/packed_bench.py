#!/usr/bin/env python3
"""daemonctl with the packed layout beside restic, against the same S3 server in the same run.

    scripts/lib/radosgw.sh up DIR
    ninja -C build/release daemonctl
    B2B_RADOSGW_ENV=DIR/env tests/bench/packed_bench.py [--runs 5] [--trees 2000,10000,append,database] [--edits 20] [--markdown FILE]

The trees: 2,000 files with 525 MB of random bytes; 10,000 files of 4 KB; one file of 200 MB, to which 1 KB is appended and in which 1 KB is
edited at random places; a SQLite database of 300 MB, of which 200 random rows are updated. Each restore is by a machine that has seen
nothing, and is compared with what was pushed, but for the database (captured, not copied). Prints medians and their ratio to restic's; the load is that of the machine before each job.
"""
import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
from test_cycle import S3Admin  # noqa: E402

TITLES = {"2000": "2,000 files, 525 MB", "10000": "10,000 files, 41 MB", "append": "1 file, 200 MB", "database": "SQLite, 300 MB"}
SIZES = {"2000": (2000, 262_500), "10000": (10_000, 4096), "append": (1, 200_000_000)}
PIECE = 1 << 20  # what this process holds counts as the memory of those that it starts
EDITED_BYTES = 1024


def settle(folder):
    """As in real life: files that were written within the last seconds are read again."""
    past = time.time() - 3600
    for path in folder.rglob("*"):
        os.utime(path, (past, past), follow_symlinks=False)


def make_tree(name, folder):
    generator = random.Random(name)
    if name == "database":
        make_database(folder / "memory.sqlite", generator)
    else:
        count, size = SIZES[name]
        for i in range(count):
            path = folder / f"d{i % 50:02}" / f"f{i:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                for done in range(0, size, PIECE):
                    file.write(generator.randbytes(min(PIECE, size - done)))
    settle(folder)


def make_database(path, generator):
    """Rows of text and a vector, with an index on a random key, as a memory of an agent has; made as it grows."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE memory(id INTEGER PRIMARY KEY, name TEXT, body TEXT, vector BLOB)")
        database.execute("CREATE INDEX by_name ON memory(name)")
        while path.stat().st_size < 300_000_000:
            database.executemany("INSERT INTO memory(name, body, vector) VALUES(?, ?, ?)",
                                 [(generator.randbytes(8).hex(), generator.randbytes(500).hex(), generator.randbytes(1536)) for _ in range(2000)])
            database.commit()
    database.close()


def update_rows(path, generator):
    with sqlite3.connect(path) as database:
        last, = database.execute("SELECT max(id) FROM memory").fetchone()
        for _ in range(200):
            database.execute("UPDATE memory SET body = ? WHERE id = ?", (generator.randbytes(500).hex(), generator.randrange(1, last + 1)))
    database.close()


def append(path, generator):
    with open(path, "ab") as file:
        file.write(generator.randbytes(EDITED_BYTES))


def edit(path, generator):
    with open(path, "r+b") as file:
        file.seek(generator.randrange(path.stat().st_size - EDITED_BYTES))
        file.write(generator.randbytes(EDITED_BYTES))


def measure(command, environment):
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        out.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}: {err.read().decode()}")
        answer = [json.loads(line) for line in out if line.startswith(b"{")]
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024 / 1e6}, answer[-1] if answer else {}


class Packed:
    name = "packed"

    def __init__(self, server, tree):
        self.server, self.machine, self.bucket = server, harness.Machine(layout="packed"), server.make_bucket()
        self.use(self.machine)
        self.tree = shutil.copytree(tree, self.machine.state / "workspace")
        time.sleep(3)  # what was made within two seconds before its capture is read once more by the next push

    def use(self, machine):
        machine.use_s3(self.server.url, self.server.key_id, self.server.key, self.bucket)

    def push(self):
        figures, answer = measure(self.machine.command("--json", "push"), self.machine.environment)
        return {**figures, "uploaded": answer["bytesUploaded"]}

    def restore(self):
        """Of a machine that has seen nothing; and where it went."""
        other = harness.Machine(layout="packed")
        try:
            self.use(other)
            target = self.machine.root / "restored"
            figures, _ = measure(other.command("--json", "restore", "latest", "--target", target, "--yes"), other.environment)
            return figures, target / "workspace"
        finally:
            other.close()

    def close(self):
        self.machine.close()


class Restic:
    name = "restic"

    def __init__(self, server, tree):
        self.machine = harness.Machine()
        self.tree = shutil.copytree(tree, self.machine.state / "workspace")
        self.environment = dict(self.machine.environment, AWS_ACCESS_KEY_ID=server.key_id, AWS_SECRET_ACCESS_KEY=server.key,
                                RESTIC_PASSWORD="correct horse", RESTIC_REPOSITORY=f"s3:{server.url}/{server.make_bucket()}/restic")
        self.run("cache", "init")

    def run(self, cache, *words):
        return measure(["restic", "--quiet", "--json", "--cache-dir", str(self.machine.root / cache), *words], self.environment)

    def push(self):
        # Version 0.14 tells what it added before it is compressed, not what travels: no measure where content shrinks.
        figures, answer = self.run("cache", "backup", str(self.tree))
        return {**figures, "uploaded": answer.get("data_added", 0)}

    def restore(self):
        target = self.machine.root / "restored"
        figures, _ = self.run("cache of another machine", "restore", "latest", "--target", str(target))
        return figures, target / self.tree.relative_to("/")

    def close(self):
        self.machine.close()


class Server:
    def __init__(self):
        settings = harness.radosgw()
        if settings is None:
            raise SystemExit("no radosgw: start one with scripts/lib/radosgw.sh and set B2B_RADOSGW_ENV")
        self.url, self.key_id = settings["B2B_RADOSGW_ENDPOINT"], settings["B2B_RADOSGW_KEY_ID"]
        self.key = settings["B2B_RADOSGW_APPLICATION_KEY"]
        self.admin = S3Admin(self.url, self.key_id, self.key)

    def make_bucket(self):
        bucket = f"bench-{uuid.uuid4().hex[:12]}"
        self.admin.make_versioned_bucket(bucket)
        return bucket


def same(a, b):
    return subprocess.run(["diff", "-rq", a, b], capture_output=True, check=False).returncode == 0


def jobs_of(name, program, edits):
    """What is measured, in turn: title, what is changed before, what is run."""
    one = program.tree / ("memory.sqlite" if name == "database" else "d00/f00000.bin")
    generator = random.Random("changes")
    yield "first push", None, program.push
    yield "no change", None, program.push
    if name == "append":
        yield "1 KB appended", lambda: append(one, generator), program.push
        for _ in range(edits):
            yield "1 KB edited", lambda: edit(one, generator), program.push
    if name == "database":
        yield "200 rows updated", lambda: update_rows(one, generator), program.push


def one_round(name, server, edits):
    """(job, program): figures, several for a job that is done several times."""
    rows = {}

    def note(job, program, figures, load):
        rows.setdefault((job, program.name), []).append({**figures, "load": load})

    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder) / "tree"
        tree.mkdir()
        make_tree(name, tree)
        programs = [Packed(server, tree), Restic(server, tree)]
    try:
        for steps in zip(*(jobs_of(name, program, edits) for program in programs)):
            for program, (job, change, run) in zip(programs, steps):  # one after the other, so that a busy moment hits both
                if change:
                    change()
                load = os.getloadavg()[0]
                note(job, program, run(), load)
        for program in programs:
            load = os.getloadavg()[0]
            figures, target = program.restore()
            note("restore", program, figures, load)
            if name != "database" and not same(program.tree, target):  # a database is captured, not copied
                raise SystemExit(f"{program.name} restored another tree")
            shutil.rmtree(target)
    finally:
        for program in programs:
            program.close()
    return rows


def line_of(name, job, ours, theirs):
    middle = [{what: statistics.median(row[what] for row in rows) for what in rows[0]} for rows in (ours, theirs)]
    ratio = lambda what: f"{middle[0][what] / middle[1][what]:.2f}" if middle[1][what] else ""  # noqa: E731
    figures = lambda row: f"{row['wall']:.2f}, {row['cpu']:.2f}, {row['memory']:.0f}"  # noqa: E731
    uploaded = "" if "uploaded" not in middle[0] else "{:.3f} / {:.3f}".format(*(row["uploaded"] / 1e6 for row in middle))
    if job == "1 KB edited":
        uploaded += f" (most {max(row['uploaded'] for row in ours) / 1e6:.3f})"
    load = statistics.median(row["load"] for row in ours + theirs)
    return (f"| {TITLES[name]} | {job} | {len(ours)} | {figures(middle[0])} | {figures(middle[1])} | {ratio('wall')} | {ratio('cpu')} | {uploaded} | "
            f"{load:.1f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--trees", default=",".join(TITLES))
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--markdown")
    arguments = parser.parse_args()
    lines = [f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}; medians", "",
             "| tree | job | times | packed: wall s, CPU s, peak MB | restic: wall s, CPU s, peak MB | wall ratio | CPU ratio | MB uploaded, packed / restic | load |",
             "|---|---|---|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name in arguments.trees.split(","):
        together = {}
        for _ in range(arguments.runs):
            for key, rows in one_round(name, Server(), arguments.edits).items():
                together.setdefault(key, []).extend(rows)
        for job, program in together:
            if program == Packed.name:
                lines.append(line_of(name, job, together[(job, Packed.name)], together[(job, Restic.name)]))
                print(lines[-1], flush=True)
    if arguments.markdown:
        pathlib.Path(arguments.markdown).write_text("\n".join(lines) + "\n")


main()
