"""OpenClaw itself, from the npm registry, once for all runs: Node.js and the package `openclaw` in a cache folder (800 MB), and in a folder
of its own below that (550 MB) the release of the older layout, with JSONL sessions and without a database of its own.

B2B_OPENCLAW_CACHE names the folder; else it is `b2backupd-tests` in $XDG_CACHE_HOME or ~/.cache. A release is installed when it is missing
or another version; what cannot be installed fails the tests that need it.
"""
import fcntl
import json
import os
import pathlib
import shutil
import subprocess

OPENCLAW = "2026.9.6"
OLDER = "2026.2.26"
NODE = "26.10.0"  # OpenClaw needs 24.16 or newer, and distributions have older ones

# A library of WhatsApp's that the older release takes from a git repository, to which not every machine with a registry has a way.
WITHOUT_GIT = {"libsignal": "npm:libsignal-node@2.0.1"}


def cache():
    named = os.environ.get("B2B_OPENCLAW_CACHE")
    if named:
        return pathlib.Path(named)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "b2backupd-tests"


class Installation:
    """One release. Node.js is that of the newest one."""

    def __init__(self, version):
        self.version = version
        self.folder = cache() if version == OPENCLAW else cache() / f"openclaw-{version}"
        self.modules = self.folder / "node_modules"
        self.node = cache() / "node_modules" / "node" / "bin" / "node"
        self.openclaw = self.modules / "openclaw" / "openclaw.mjs"
        self.path = f"{self.node.parent}:{self.modules / '.bin'}"
        self.compiled, self.translated = self.folder / "compiled", self.folder / "translated"  # what it keeps to start faster
        self.wanted = {"node": NODE, "openclaw": OPENCLAW} if version == OPENCLAW else {"openclaw": version}

    @property
    def layout(self):
        """Where sessions are: "databases", or "files" in releases up to 2026.2."""
        return "files" if self.version == OLDER else "databases"

    def whole(self):
        """npm writes its hidden lock file last, so what stands there was installed to the end."""
        try:
            packages = json.loads((self.modules / ".package-lock.json").read_text())["packages"]
            versions = {name: packages[f"node_modules/{name}"]["version"] for name in self.wanted}
        except (OSError, ValueError, KeyError):
            return False
        return versions == self.wanted and self.node.exists() and self.openclaw.exists()

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        package = self.folder / "package.json"
        if package.exists():
            return
        if self.version == OPENCLAW:
            package.write_text('{"name": "b2backupd-tests", "private": true}\n')
            return
        package.write_text(json.dumps({"name": f"b2backupd-tests-{self.version}", "private": True, "overrides": WITHOUT_GIT}) + "\n")

    def make(self):
        npm = shutil.which("npm")
        assert npm, "npm is needed to install OpenClaw for these tests (scripts/test --all installs it)"
        self.prepare()
        # Its own Node.js first: OpenClaw's installation scripts run with it.
        for name, version in self.wanted.items():
            # The older release names a library for models on this machine as a peer: 800 MB that no test needs.
            peers = [] if self.version == OPENCLAW else ["--legacy-peer-deps"]
            done = subprocess.run([npm, "install", "--no-audit", "--no-fund", *peers, f"{name}@{version}"], cwd=self.folder,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200, check=False,
                                  env={**os.environ, "PATH": f"{self.node.parent}:{os.environ['PATH']}"})
            problem = "\n".join(line for line in done.stderr.splitlines() if "npm warn" not in line)
            assert done.returncode == 0, f"{name}@{version} could not be installed in {self.folder}: npm ended with {done.returncode}\n{problem[-3000:]}"
        assert self.whole(), f"npm installed OpenClaw in {self.folder}, and it is not whole: remove that folder and try again"


def openclaw(version=OPENCLAW):
    """The installation, made when it is not there yet. One process at a time makes it."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for needed in dict.fromkeys((OPENCLAW, version)):  # the newest one has the Node.js
            installation = Installation(needed)
            if not installation.whole():
                installation.make()
        return installation


if __name__ == "__main__":
    for release in (OPENCLAW, OLDER):
        print(openclaw(release).openclaw)
