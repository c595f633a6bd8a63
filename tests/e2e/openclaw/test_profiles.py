"""Two profiles of OpenClaw on one machine: set up each by its name, and backed up apart."""
import subprocess
import unittest

from gateway import OPENCLAW, Gateway, Machine
from harness import BIN, Outcome  # gateway.py tells where


class Profiles(unittest.TestCase):
    def set_up_with(self, *words):
        done = subprocess.run([BIN / "daemonctl", "--json", "setup", "--endpoint", f"file://{self.machine.root}/store", "--bucket", "bucket",
                               "--no-encrypt", "--yes", *words], env={**self.machine.environment, "PATH": "/usr/bin:/bin"},
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def test_found_and_named(self):
        self.machine = machine = Machine()
        self.addCleanup(machine.close)
        machine.config_path.unlink()
        (machine.root / "store" / "bucket").mkdir(parents=True)
        machine.state.rmdir()
        gateways = {}
        for profile in ("work", "home-lab"):
            # The profile's own option makes the directory, and writes what it says about itself into openclaw.json.
            gateway = gateways[profile] = Gateway(machine, profile=profile)
            self.addCleanup(gateway.close)
            gateway.cli("config", "set", "messages.responsePrefix", profile)
            machine.home.joinpath(f".openclaw-{profile}", "workspace").mkdir(exist_ok=True)
            machine.home.joinpath(f".openclaw-{profile}", "workspace", "MEMORY.md").write_text(f"# {profile}\n")
        self.assertFalse(machine.state.exists(), "a profile leaves the default place alone")

        several = self.set_up_with()
        self.assertNotEqual(several.code, 0)
        for profile in gateways:
            self.assertIn(f".openclaw-{profile}", several.json["error"])
        self.assertIn("--profile", several.json["error"])

        for profile in gateways:
            done = self.set_up_with("--profile", profile)
            self.assertEqual(done.code, 0, done)
            self.assertEqual(done.json["stateDir"], str(gateways[profile].state))
            self.assertTrue((machine.config_path.parent / f"config-{profile}.json5").exists())
        for profile, gateway in gateways.items():
            listed = machine.ok("--profile", profile, "snapshots")
            self.assertEqual(listed["prefix"], f"openclaw-backup-{profile}")
            newest = listed["snapshots"][-1]
            self.assertEqual(newest["openclaw"], OPENCLAW)
            target = machine.root / f"restored-{profile}"
            machine.ok("--profile", profile, "restore", newest["id"], "--target", target, "--yes")
            self.assertEqual((target / "workspace/MEMORY.md").read_text(), f"# {profile}\n")
            self.assertEqual((target / "openclaw.json").read_bytes(), (gateway.state / "openclaw.json").read_bytes())


if __name__ == "__main__":
    unittest.main()
