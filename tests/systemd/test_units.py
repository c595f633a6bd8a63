"""The units: understood by systemd without a complaint, exposed as little as can be, and saying what the daemon needs."""
import re
import shutil
import subprocess
import unittest

from units import HAVE_SYSTEMD, ROOT, SKIPPED, SYSTEM_UNIT, USER_UNITS, Installed

EXPOSURE_MAX = 20  # tenths


class _WithUnits(unittest.TestCase):
    def setUp(self):
        self.installed = Installed(prefix_name="a prefix with $100 % and blanks")
        self.addCleanup(self.installed.close)
        self.installed.install("--system")
        units = self.installed.prefix / "lib/systemd"
        self.user, self.system = units / "user", units / "system"
        shutil.copy(self.user / "b2backupd@.service", self.user / "b2backupd@work.service")
        shutil.copy(self.system / SYSTEM_UNIT, self.system / "b2backupd@games.service")  # a user of every Debian

    def analyze(self, *arguments):
        runtime = self.installed.root / "runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
        return subprocess.run(["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              env=self.installed.environment(XDG_RUNTIME_DIR=str(runtime)))

    def assert_clean(self, done):
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


@unittest.skipUnless(HAVE_SYSTEMD, SKIPPED)
class Verify(_WithUnits):
    def test_system_unit(self):
        self.assert_clean(self.analyze("verify", self.system / "b2backupd@games.service"))

    def test_user_units(self):
        self.assert_clean(self.analyze("--user", "verify", self.user / "b2backupd.service", self.user / "b2backupd@work.service"))

    def test_credentials_drop_in(self):
        folder = self.user / "b2backupd.service.d"
        shutil.copy(folder / "credentials.conf.example", folder / "credentials.conf")
        self.assert_clean(self.analyze("--user", "verify", self.user / "b2backupd.service"))

    def test_verify_would_complain(self):
        (self.installed.prefix / "bin/b2backupd").unlink()
        self.assertNotEqual(self.analyze("verify", self.system / "b2backupd@games.service").returncode, 0)


@unittest.skipUnless(HAVE_SYSTEMD, SKIPPED)
class Exposure(_WithUnits):
    def test_system_unit(self):
        unit = self.system / "b2backupd@games.service"
        done = self.analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
        self.assertEqual(done.returncode, 0, done.stdout[-200:] + done.stderr)
        self.assertRegex(done.stdout, r"Overall exposure level for b2backupd@games.service: [0-9]\.[0-9]")
        tighter = self.analyze("security", "--offline=true", "--threshold=5", unit)
        self.assertNotEqual(tighter.returncode, 0, "the threshold is not looked at")


def settings(path):
    """Every assignment of a unit: {(section, key): [values]}."""
    out, section = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            out.setdefault((section, key), []).append(value)
    return out


class Content(unittest.TestCase):
    """What systemd cannot check: that the units fit the program and one another."""

    paths = {"user": ROOT / "systemd/b2backupd.service", "profile": ROOT / "systemd/b2backupd@.service",
             "system": ROOT / "systemd/system/b2backupd@.service"}

    def setUp(self):
        self.units = {name: settings(path) for name, path in self.paths.items()}

    def test_contract_with_the_daemon(self):
        for name, unit in self.units.items():
            with self.subTest(name):
                service = lambda key: unit[("[Service]", key)]
                self.assertEqual(service("Type"), ["notify"])
                self.assertEqual(service("NotifyAccess"), ["main"])
                self.assertEqual(service("Restart"), ["on-failure"])
                self.assertEqual(set(service("RestartPreventExitStatus")[0].split()), {"64", "65", "77"})
                self.assertGreater(int(service("TimeoutStopSec")[0]), 60)  # the daemon stops within 60 s
                self.assertGreaterEqual(int(service("WatchdogSec")[0]), 60)
                self.assertRegex(service("ExecReload")[0], r"^/bin/kill -HUP \$MAINPID$")
                self.assertTrue(service("ExecStart")[0].startswith('"@bindir@/b2backupd"'))

    def test_nothing_that_breaks_the_work(self):
        # Each of these hides processes, locks or places, or breaks commands on Node.js (the units say which and why).
        harmful = {"PrivateTmp", "PrivateUsers", "ProtectHome", "ProtectProc", "ProcSubset", "MemoryDenyWriteExecute", "RemoveIPC",
                   "PrivateNetwork", "DynamicUser", "RootDirectory"}
        # In a user's manager newer releases of systemd answer these with a user namespace.
        namespaced = {"ProtectSystem", "PrivateDevices", "PrivateMounts", "ProtectKernelTunables", "ProtectKernelModules",
                      "ProtectKernelLogs", "ProtectControlGroups", "ProtectClock", "ProtectHostname", "ReadWritePaths", "ReadOnlyPaths",
                      "InaccessiblePaths", "BindPaths", "CapabilityBoundingSet"}
        for name, unit in self.units.items():
            present = {key for _, key in unit}
            self.assertEqual(present & (harmful | (namespaced if name != "system" else set())), set(), name)
        self.assertEqual(self.units["system"][("[Service]", "ProtectSystem")], ["full"])

    def test_order(self):
        before = {name: unit[("[Unit]", "Before")] for name, unit in self.units.items()}
        self.assertEqual(before, {"user": ["openclaw-gateway.service"], "profile": ["openclaw-gateway-%i.service"],
                                  "system": ["openclaw-gateway.service openclaw-gateway-%i.service"]})
        for name, unit in self.units.items():  # an order is no bond: neither drags the other along
            self.assertEqual({key for _, key in unit} & {"Requires", "BindsTo", "PartOf", "Conflicts", "Requisite"}, set(), name)

    def test_the_template_is_the_user_unit_for_a_profile(self):
        differing = {key for key in self.units["user"] | self.units["profile"]
                     if self.units["user"].get(key) != self.units["profile"].get(key)}
        self.assertEqual(differing, {("[Unit]", "Description"), ("[Unit]", "Before"), ("[Service]", "ExecStart")})
        self.assertEqual(self.units["profile"][("[Service]", "ExecStart")], ['"@bindir@/b2backupd" --profile %i'])

    def test_the_system_unit_only_adds(self):
        for key, value in self.units["user"].items():
            if key[1] in ("Description", "Before", "WantedBy"):
                continue
            self.assertEqual(self.units["system"].get(key, [])[:len(value)], value, key)

    def test_credentials_are_those_that_the_program_reads(self):
        source = (ROOT / "core/config/sources.cpp").read_text()
        read = set(re.findall(r'"(\w+)"', re.search(r"std::string_view const name : \{(.*?)\}", source).group(1)))
        example = settings(ROOT / "systemd/b2backupd.service.d/credentials.conf.example")
        offered = {value.split(":")[0] for value in example[("[Service]", "LoadCredential")]}
        self.assertTrue(read)
        self.assertEqual(offered, read)


if __name__ == "__main__":
    unittest.main()
