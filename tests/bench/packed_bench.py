#!/usr/bin/env python3
"""The packed layout beside restic, against the same S3 server in the same run: push and restore of three trees.

    scripts/lib/radosgw.sh up DIR && . DIR/env
    ninja -C build/release packed_bench
    tests/bench/packed_bench.py [--runs 3] [--trees 2000,10000,append] [--folder /dev/shm]

The trees: 2,000 files with 525 MB of random bytes; 10,000 files of 4 KB; one file of 200 MB to which 1 KB is appended. Each restore is
by a machine that has seen nothing, and is compared with the tree. Prints medians as a table.
"""
import argparse
import filecmp
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make_tree(name, folder):
    generator = random.Random(name)
    count, size = {"2000": (2000, 262_500), "10000": (10000, 4096), "append": (1, 200_000_000)}[name]
    for i in range(count):
        path = folder / f"d{i % 50:02}" / f"f{i:05}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:  # in pieces: what this process holds counts as the memory of those that it starts
            for done in range(0, size, 1 << 20):
                file.write(generator.randbytes(min(1 << 20, size - done)))


def measure(command, environment):
    began = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}: {err.read().decode()}")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024 / 1e6}


def server_cpu():
    """Of the three servers, in seconds."""
    folder = pathlib.Path(os.environ["B2B_RADOSGW_CA"]).parent
    ticks = 0
    for line in (folder / "pids").read_text().splitlines():
        fields = pathlib.Path(f"/proc/{line.split()[0]}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Program:
    """One of the two, with a repository of its own."""

    def __init__(self, work):
        self.bucket = f"bench-{uuid.uuid4().hex[:12]}"
        self.work = work
        self.data = 0
        self.environment = dict(os.environ, **self.settings())

    def fresh(self):
        self.data += 1
        folder = self.work / f"{type(self).__name__}-{self.data}"
        folder.mkdir()
        return folder


class Restic(Program):
    def settings(self):
        return {"AWS_ACCESS_KEY_ID": os.environ["B2B_RADOSGW_KEY_ID"], "AWS_SECRET_ACCESS_KEY": os.environ["B2B_RADOSGW_APPLICATION_KEY"],
                "RESTIC_PASSWORD": "correct horse", "RESTIC_REPOSITORY": f"s3:{os.environ['B2B_RADOSGW_ENDPOINT']}/{self.bucket}/restic"}

    def prepare(self):
        self.cache = self.fresh()
        self.run(self.cache, "init")

    def run(self, cache, *words):
        return measure(["restic", "--quiet", "--cache-dir", str(cache), *words], self.environment)

    def push(self, tree):
        return self.run(self.cache, "backup", str(tree))

    def restore(self, target):
        return self.run(self.fresh(), "restore", "latest", "--target", str(target))

    def restored(self, target, tree):
        return target / tree.relative_to("/")


class Packed(Program):
    def settings(self):
        return {"B2B_BENCH_ENDPOINT": os.environ["B2B_RADOSGW_ENDPOINT"], "B2B_BENCH_BUCKET": self.bucket,
                "B2B_BENCH_KEY_ID": os.environ["B2B_RADOSGW_KEY_ID"], "B2B_BENCH_APPLICATION_KEY": os.environ["B2B_RADOSGW_APPLICATION_KEY"]}

    def prepare(self):
        self.state = self.fresh()
        # restic can make buckets.
        restic = dict(self.environment, **Restic.settings(self))
        subprocess.run(["restic", "--quiet", "--no-cache", "init"], env=restic, check=True)

    def run(self, *words):
        return measure([str(ROOT / "build/release/bin/packed_bench"), *words], self.environment)

    def push(self, tree):
        return self.run("push", str(self.state), str(tree))

    def restore(self, target):
        return self.run("restore", str(self.fresh()), str(target))

    def restored(self, target, tree):
        return target


def same(a, b):
    names = sorted(str(p.relative_to(a)) for p in a.rglob("*") if p.is_file())
    return filecmp.cmpfiles(a, b, names, shallow=False)[0] == names and len(names) > 0


def one_round(name, folder):
    rows = {}
    with tempfile.TemporaryDirectory(dir=folder) as work_name:
        work = pathlib.Path(work_name)
        tree = work / "tree"
        make_tree(name, tree)
        for program in (Packed(work), Restic(work)):
            program.prepare()
            jobs = {"first push": lambda: program.push(tree)}
            if name == "append":
                jobs["1 KB appended"] = lambda: program.push(tree)
            target = work / f"restored-{type(program).__name__}"
            target.mkdir()
            jobs["restore"] = lambda: program.restore(target)
            for job, run in jobs.items():
                if job == "1 KB appended":
                    with open(tree / "d00/f00000.bin", "ab") as file:
                        file.write(os.urandom(1024))
                before = server_cpu()
                row = run()
                row["server"] = server_cpu() - before
                row["load"] = os.getloadavg()[0]
                rows[(name, job, type(program).__name__)] = row
            if not same(tree, program.restored(target, tree)):
                raise SystemExit(f"{type(program).__name__} restored another tree")
            shutil.rmtree(target)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trees", default="2000,10000,append")
    parser.add_argument("--folder", default="/dev/shm")
    arguments = parser.parse_args()
    titles = {"2000": "2,000 files, 525 MB", "10000": "10,000 files, 41 MB", "append": "1 file, 200 MB"}
    print("| tree | job | program | wall s | CPU s | server CPU s | peak MB | load |\n|---|---|---|---|---|---|---|---|")
    for name in arguments.trees.split(","):
        rounds = [one_round(name, arguments.folder) for _ in range(arguments.runs)]
        for key in rounds[0]:
            middle = {what: statistics.median(r[key][what] for r in rounds) for what in rounds[0][key]}
            print(f"| {titles[name]} | {key[1]} | {'packed layout' if key[2] == 'Packed' else 'restic'} | {middle['wall']:.2f} | {middle['cpu']:.2f} | "
                  f"{middle['server']:.2f} | {middle['memory']:.0f} | {middle['load']:.1f} |", flush=True)


main()
