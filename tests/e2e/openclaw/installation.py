"""OpenClaw itself, from the npm registry, once for all runs: Node.js and the package `openclaw` in a cache folder (800 MB).

B2B_OPENCLAW_CACHE names the folder; else it is `b2backupd-tests` in $XDG_CACHE_HOME or ~/.cache. It is installed when it is missing or
another version; what cannot be installed fails the tests that need it.
"""
import fcntl
import json
import os
import pathlib
import shutil
import subprocess

OPENCLAW = "2026.9.6"
NODE = "26.10.0"  # OpenClaw needs 24.16 or newer, and distributions have older ones


def cache():
    named = os.environ.get("B2B_OPENCLAW_CACHE")
    if named:
        return pathlib.Path(named)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "b2backupd-tests"


class Installation:
    def __init__(self, folder):
        self.modules = folder / "node_modules"
        self.node = self.modules / "node" / "bin" / "node"
        self.openclaw = self.modules / "openclaw" / "openclaw.mjs"
        self.path = f"{self.node.parent}:{self.modules / '.bin'}"

    def whole(self):
        """npm writes its hidden lock file last, so what stands there was installed to the end."""
        try:
            packages = json.loads((self.modules / ".package-lock.json").read_text())["packages"]
            versions = [packages[f"node_modules/{name}"]["version"] for name in ("openclaw", "node")]
        except (OSError, ValueError, KeyError):
            return False
        return versions == [OPENCLAW, NODE] and self.node.exists() and self.openclaw.exists()


def openclaw():
    """The installation, made when it is not there yet. One process at a time makes it."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installation = Installation(folder)
        if not installation.whole():
            npm = shutil.which("npm")
            assert npm, "npm is needed to install OpenClaw for these tests (scripts/test --all installs it)"
            if not (folder / "package.json").exists():
                (folder / "package.json").write_text('{"name": "b2backupd-tests", "private": true}\n')
            # Its own Node.js first: OpenClaw's installation scripts run with it.
            for package in (f"node@{NODE}", f"openclaw@{OPENCLAW}"):
                done = subprocess.run([npm, "install", "--no-audit", "--no-fund", package], cwd=folder, stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=1200, check=False,
                                      env={**os.environ, "PATH": f"{installation.node.parent}:{os.environ['PATH']}"})
                problem = "\n".join(line for line in done.stderr.splitlines() if "npm warn" not in line)
                assert done.returncode == 0, f"{package} could not be installed in {folder}: npm ended with {done.returncode}\n{problem[-3000:]}"
            assert installation.whole(), f"npm installed OpenClaw in {folder}, and it is not whole: remove that folder and try again"
        return installation


if __name__ == "__main__":
    print(openclaw().openclaw)
