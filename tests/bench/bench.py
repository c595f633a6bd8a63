"""The benchmark: first push, no change, one 1 KB append, restore; on three trees, against several stores, beside rclone.

    tests/bench/bench.py [--stores directory,fake,radosgw] [--trees 461,2000,10000] [--runs 3] [--markdown FILE]

Prints medians with wall time, CPU, peak memory, requests and bytes of daemonctl itself. For the in-memory S3 server its own
CPU is given too, since it shares the machine. rclone (copy of the same tree to the same radosgw, 32 transfers) runs in
the same round, so that a busy moment hits both. Data is random (incompressible) and seeded.
"""
import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
from test_cycle import S3Admin  # noqa: E402

TREES = {"461": (461, 62_000_000), "2000": (2000, 525_000_000), "10000": (10_000, 40_960_000),
         "4gb": (1, 4_000_000_000)}


# Small: what this process holds when it starts another one counts as that one's peak.
PIECE = 1 << 20


def make_tree(machine, name):
    files, total = TREES[name]
    generator = random.Random(name)
    size = total // files
    for i in range(files):
        # Sizes vary threefold around the mean except in the tree of equal small files.
        n = size if name in ("10000", "4gb") else max(1, int(size * generator.uniform(0.5, 1.5)))
        path = f"workspace/d{i % 50:02}/f{i:05}.bin"
        machine.write(path, generator.randbytes(min(n, PIECE)))
        with open(machine.state / path, "ab") as file:
            for done in range(PIECE, n, PIECE):
                file.write(generator.randbytes(min(PIECE, n - done)))
    machine.write("openclaw.json", "{}")
    # Settled files, as in real life: the rule for "unchanged" distrusts what was written within the last seconds.
    past = time.time() - 3600
    for path in machine.state.rglob("*"):
        os.utime(path, (past, past))


def measure(command, environment):
    """wall s, CPU s, peak MB, the JSON answer"""
    out = tempfile.TemporaryFile()
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise SystemExit(f"{command} ended with {process.returncode}: {error.decode()}")
    out.seek(0)
    text = out.read()
    answer = json.loads(text) if text.startswith(b"{") else {}
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, answer


class Round:
    def __init__(self, store, tree):
        self.machine = harness.Machine()
        self.fake = None
        self.rclone = None
        if store == "directory":
            self.machine.use_directory()
        elif store == "fake":
            self.fake = harness.FakeS3("--trust-bodies")
            self.machine.use_fake(self.fake)
        else:
            settings = harness.radosgw()
            if settings is None:
                raise SystemExit("no radosgw: start one with scripts/lib/radosgw.sh and set B2B_RADOSGW_ENV")
            bucket = f"bench-{uuid.uuid4().hex[:12]}"
            admin = S3Admin(settings["B2B_RADOSGW_ENDPOINT"], settings["B2B_RADOSGW_KEY_ID"], settings["B2B_RADOSGW_APPLICATION_KEY"])
            admin.make_versioned_bucket(bucket)
            self.machine.use_s3(settings["B2B_RADOSGW_ENDPOINT"], settings["B2B_RADOSGW_KEY_ID"],
                                settings["B2B_RADOSGW_APPLICATION_KEY"], bucket)
            if shutil.which("rclone"):
                self.rclone = ["rclone", "--config", "/dev/null", "--s3-provider", "Ceph", "--s3-endpoint", settings["B2B_RADOSGW_ENDPOINT"],
                               "--s3-access-key-id", settings["B2B_RADOSGW_KEY_ID"], "--s3-secret-access-key",
                               settings["B2B_RADOSGW_APPLICATION_KEY"], "--transfers", "32", "copy", str(self.machine.state),
                               f":s3:{bucket}/rclone"]
        make_tree(self.machine, tree)

    def run(self, *arguments):
        before = self.fake.stats()["cpuSeconds"] if self.fake else None
        wall, cpu, memory, answer = measure(self.machine.command("--json", *arguments), self.machine.environment)
        server = self.fake.stats()["cpuSeconds"] - before if self.fake else None
        return {"wall": wall, "cpu": cpu, "memory": memory, "server": server, "requests": answer.get("requests"),
                "bytes": answer.get("bytesUploaded", answer.get("bytes"))}

    def all(self):
        rows = {"first push": self.run("push"), "no change": self.run("push")}
        path = next(self.machine.state.glob("workspace/d00/*.bin"))
        with open(path, "ab") as file:
            file.write(random.Random(1).randbytes(1024))
        rows["1 KB appended"] = self.run("push")
        target = self.machine.root / "restored"
        rows["restore"] = self.run("restore", "latest", "--target", target, "--yes")
        same = subprocess.run(["diff", "-rq", "--exclude=b2backupd", self.machine.state, target], capture_output=True, check=False)
        if same.returncode != 0:
            raise SystemExit(f"the restored tree differs: {same.stdout.decode()[:500]}")
        if self.rclone:
            wall, cpu, memory, _ = measure(self.rclone, self.machine.environment)
            rows["rclone copy"] = {"wall": wall, "cpu": cpu, "memory": memory, "server": None, "requests": None, "bytes": None}
        return rows

    def close(self):
        if self.fake:
            self.fake.stop()
        self.machine.close()


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--stores", default="directory,fake,radosgw" if harness.radosgw() else "directory,fake")
    parser.add_argument("--trees", default="461,2000,10000", help="also 4gb: one file, for a directory store")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--markdown")
    arguments = parser.parse_args()
    lines = [f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}; medians of {arguments.runs}; "
             f"load before: {os.getloadavg()[0]:.1f}", "",
             "| tree | store | job | wall s | CPU s | server CPU s | peak MB | requests | MB moved |", "|---|---|---|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for tree in arguments.trees.split(","):
        for store in arguments.stores.split(","):
            rounds = []
            for _ in range(arguments.runs):
                one = Round(store, tree)
                try:
                    rounds.append(one.all())
                finally:
                    one.close()
            for job in rounds[0]:
                values = {key: median([r[job][key] for r in rounds]) for key in rounds[0][job]}
                text = lambda key, digits=2, scale=1: "" if values[key] is None else f"{values[key] / scale:.{digits}f}"  # noqa: E731
                files, total = TREES[tree]
                line = (f"| {files:,} files, {total / 1e6:.0f} MB | {store} | {job} | {text('wall')} | {text('cpu')} | {text('server')} | "
                        f"{text('memory', 0)} | {text('requests', 0)} | {text('bytes', 2, 1e6)} |")
                lines.append(line)
                print(line, flush=True)
    if arguments.markdown:
        pathlib.Path(arguments.markdown).write_text("\n".join(lines) + "\n")


main()
