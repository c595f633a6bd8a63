"""What the tests of the units share: the units with their placeholders filled in, as scripts/install fills them."""
import os
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
USER_UNITS = ("b2backupd.service", "b2backupd@.service")
SYSTEM_UNIT = "b2backupd@.service"
HAVE_SYSTEMD = shutil.which("systemd-analyze") is not None
SKIPPED = "systemd-analyze is not installed here (Debian: apt-get install systemd), so the units are NOT checked"


class Installed:
    """A temporary installation with dummy programs; everything lies below `root`."""

    def __init__(self, prefix_name="prefix"):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="b2b-units-"))
        self.home = self.root / "home"
        self.home.mkdir()
        self.programs = self.root / "programs"
        self.programs.mkdir()
        for name in ("b2backupd", "daemonctl"):
            self.write_program(name, "first")
        self.prefix = self.root / prefix_name
        self.tools = self.root / "tools"
        self.tools.mkdir()
        for name in ("systemctl", "loginctl"):  # this machine's own service manager is left alone
            self.write_tool(name, "exit 1")

    def write_program(self, name, text):
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n# {text}\n")
        path.chmod(0o755)

    def write_tool(self, name, text):
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def environment(self, **more):
        return {"PATH": f"{self.tools}:{os.environ['PATH']}", "HOME": str(self.home), "LC_ALL": "C", **more}

    def run(self, script, *arguments, environment=None, code=0):
        done = subprocess.run([ROOT / "scripts" / script, *map(str, arguments)], env=environment or self.environment(),
                              cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, f"{script} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def install(self, *arguments, **how):
        return self.run("install", "--prefix", self.prefix, "--programs", self.programs, *arguments, **how)

    def files(self):
        """Everything below the root but the test's own folders, as paths relative to it."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*")
                      if path != self.home and not {self.programs, self.tools} & {path, *path.parents})

    def close(self):
        shutil.rmtree(self.root)
