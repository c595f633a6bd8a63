"""Install, install again, uninstall: what is there, what stays, and what systemd is asked to do."""
import os
import pty
import subprocess
import unittest

from units import ROOT, Installed

UNIT_FILES = ["b2backupd.service", "b2backupd@.service", "b2backupd.service.d/credentials.conf.example"]


class _Case(unittest.TestCase):
    def setUp(self):
        self.installed = Installed()
        self.addCleanup(self.installed.close)


class Destdir(_Case):
    """Below another root; systemd is left alone."""

    def setUp(self):
        super().setUp()
        self.destdir = self.installed.root / "dest"
        self.prefix = "/opt/b2"

    def install(self, *arguments, **how):
        return self.installed.run("install", "--destdir", self.destdir, "--programs", self.installed.programs, *arguments, **how)

    def uninstall(self, *arguments, **how):
        return self.installed.run("uninstall", "--destdir", self.destdir, *arguments, **how)

    def there(self, path):
        return self.destdir / path.lstrip("/")

    def test_user(self):
        home = str(self.installed.home)
        self.install("--user")
        for name in ("b2backupd", "daemonctl"):
            self.assertTrue(os.access(self.there(f"{home}/.local/bin/{name}"), os.X_OK))
        for name in UNIT_FILES:
            text = self.there(f"{home}/.config/systemd/user/{name}").read_text()
            self.assertNotRegex(text, "@(bindir|docdir)@")
        self.assertIn(f'ExecStart="{home}/.local/bin/b2backupd" --profile %i\n',
                      self.there(f"{home}/.config/systemd/user/b2backupd@.service").read_text())
        self.assertTrue(self.there(f"{home}/.local/share/doc/b2backupd/service.md").is_file())
        for name in ("index.js", "package.json", "openclaw.plugin.json", "lib/tool.js"):
            self.assertTrue(self.there(f"{home}/.local/share/b2backupd/gateway-plugin/{name}").is_file(), name)
        self.assertFalse(self.there("/usr/local").exists())
        self.assertFalse(any(self.installed.home.iterdir()), "something was written outside --destdir")

    def test_system(self):
        self.install("--system")
        units = self.there("/usr/local/lib/systemd")
        for name in UNIT_FILES:
            self.assertTrue((units / "user" / name).is_file(), name)
        system = (units / "system/b2backupd@.service").read_text()
        self.assertIn('ExecStart="/usr/local/bin/b2backupd"\n', system)
        self.assertIn("User=%i\n", system)

    def test_again_changes_nothing(self):
        self.install("--system", "--prefix", self.prefix)
        before = self.installed.files()
        self.install("--system", "--prefix", self.prefix)
        self.assertEqual(self.installed.files(), before)

    def test_uninstall_leaves_nothing(self):
        for scope in ("--user", "--system"):
            with self.subTest(scope):
                self.install(scope, "--prefix", self.prefix)
                self.install(scope, "--prefix", self.prefix)
                self.assertTrue(self.installed.files())
                self.uninstall(scope, "--prefix", self.prefix)
                self.assertEqual(self.installed.files(), ["dest"])

    def test_uninstall_names_what_it_leaves(self):
        self.install("--user")
        home = self.there(str(self.installed.home))
        kept = [home / ".config/b2backupd/config.json5", home / ".local/state/b2backupd/instance/index.sqlite",
                home / ".openclaw/b2backupd/lock", home / ".openclaw-work/b2backupd/lock",
                home / ".config/systemd/user/b2backupd.service.d/credentials.conf", home / ".local/bin/another-program"]
        for path in kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("precious")
        said = self.uninstall("--user")
        self.assertEqual(sorted(path for path in self.destdir.rglob("*") if path.is_file()), sorted(kept))
        for path in kept:
            self.assertEqual(path.read_text(), "precious")
        for folder in (".config/b2backupd", ".local/state/b2backupd", ".openclaw/b2backupd", ".openclaw-work/b2backupd",
                       ".config/systemd/user/b2backupd.service.d"):
            self.assertIn(f"{home / folder}\n", said)
        self.assertRegex(said, "snapshots +in the bucket")
        self.assertIn("encryption key", said)

    def test_upgrade(self):
        self.install("--system", "--prefix", self.prefix)
        program = self.there("/opt/b2/bin/b2backupd")
        unit = self.there("/opt/b2/lib/systemd/user/b2backupd.service")
        drop_in = unit.parent / "b2backupd.service.d/own.conf"
        drop_in.write_text("[Service]\nNice=5\n")
        unit.write_text(unit.read_text() + "# my own change\n")
        manifest = self.there("/opt/b2/share/b2backupd/installed-files")
        old = self.there("/opt/b2/share/doc/b2backupd/old-page.md")
        old.write_text("of an older version")
        manifest.write_text(manifest.read_text() + "file 0123 /opt/b2/share/doc/b2backupd/old-page.md\n")
        with open(program, "rb") as running:
            self.installed.write_program("b2backupd", "second")
            said = self.install("--system", "--prefix", self.prefix)
            self.assertIn(b"first", running.read(), "a running program lost its file")
        self.assertIn("second", program.read_text())
        self.assertFalse(old.exists())
        self.assertEqual(drop_in.read_text(), "[Service]\nNice=5\n")
        self.assertNotIn("my own change", unit.read_text())
        self.assertIn("my own change", unit.with_name("b2backupd.service.edited").read_text())
        self.assertIn("b2backupd.service.edited", said)
        said = self.uninstall("--system", "--prefix", self.prefix)
        self.assertIn("b2backupd.service.edited", said)
        self.assertIn("b2backupd.service.d", said)
        self.assertEqual(sorted(path.name for path in self.destdir.rglob("*") if path.is_file()),
                         ["b2backupd.service.edited", "own.conf"])

    def test_an_interrupted_installation_is_removed(self):
        in_the_way = self.there("/opt/b2/lib/systemd/system")  # where a folder has to be
        in_the_way.parent.mkdir(parents=True)
        in_the_way.write_text("")
        self.install("--system", "--prefix", self.prefix, code=1)
        self.assertTrue(self.there("/opt/b2/bin/b2backupd").exists())
        self.uninstall("--system", "--prefix", self.prefix)
        self.assertEqual([path.name for path in self.destdir.rglob("*") if path.is_file()], ["system"])

    def test_what_is_refused(self):
        self.assertIn("unknown argument: --frobnicate", self.install("--frobnicate", code=64))
        self.assertIn("unknown argument: --frobnicate", self.uninstall("--frobnicate", code=64))
        self.assertIn("a quote", self.install("--prefix", '/opt/"b2"', code=64))
        self.assertIn("Nothing is installed", self.uninstall("--prefix", "/opt/elsewhere"))
        (self.installed.programs / "b2backupd").unlink()
        self.assertIn("there are no programs", self.install(code=1))
        self.assertFalse(self.destdir.exists())

    def test_the_other_scope_is_not_removed(self):
        self.install("--system", "--prefix", self.prefix)
        before = self.installed.files()
        self.assertIn("installed with --system", self.uninstall("--user", "--prefix", self.prefix, code=64))
        self.assertEqual(self.installed.files(), before)

    def test_help(self):
        for script in ("install", "uninstall"):
            said = self.installed.run(script, "--help")
            self.assertIn(f"scripts/{script} [--prefix DIR]", said)
            self.assertNotIn("set -e", said)


class WithSystemd(_Case):
    """What systemctl and loginctl are asked: stand-ins write it down."""

    def setUp(self):
        super().setUp()
        self.calls = self.installed.tools / "calls"
        self.active = self.installed.tools / "active"
        self.active.write_text("")
        for name in ("systemctl", "loginctl"):
            self.installed.write_tool(name, f'''
echo "{name} $*" >>"{self.calls}"
case "$*" in
  *list-units*) cat "{self.active}" ;;
  *list-unit-files*) echo "b2backupd.service disabled enabled" ;;
esac''')

    def asked(self):
        """What changed something; questions are left out."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [line for line in lines if not any(word in line for word in (" show", " list-unit", " show-user"))]

    def install(self, *arguments):
        return self.installed.install(*arguments)

    def uninstall(self, *arguments):
        return self.installed.run("uninstall", "--prefix", self.installed.prefix, *arguments)

    def test_nothing_is_started_unasked(self):
        said = self.install("--user")
        self.assertEqual(self.asked(), ["systemctl --user daemon-reload"])
        self.assertIn("systemctl --user enable --now b2backupd", said)
        self.assertIn("loginctl enable-linger", said)

    def test_asked_for(self):
        self.install("--user", "--enable", "--linger", "--no-questions")
        asked = self.asked()
        self.assertEqual(asked[:2], ["systemctl --user daemon-reload", "systemctl --user enable --now b2backupd.service"])
        self.assertRegex(asked[2], "^loginctl enable-linger ")
        self.assertEqual(len(asked), 3)

    def test_a_newcomer_is_led_to_the_set_up(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        done = subprocess.run([ROOT / "scripts/install", "--user", "--prefix", self.installed.prefix, "--programs", self.installed.programs],
                              env=self.installed.environment(), stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, timeout=60, text=True)
        os.close(terminal)
        self.assertEqual(done.returncode, 0)
        self.assertIn("daemonctl setup", done.stdout)
        self.assertEqual(self.asked(), ["systemctl --user daemon-reload"])

    def test_a_person_is_asked(self):
        config = self.installed.home / ".config/b2backupd/config.json5"
        config.parent.mkdir(parents=True)
        config.write_text("{}")
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        os.write(controller, b"y\n\n")  # yes to the service, the default (no) to lingering
        done = subprocess.run([ROOT / "scripts/install", "--user", "--prefix", self.installed.prefix, "--programs", self.installed.programs],
                              env=self.installed.environment(), stdin=terminal, stdout=terminal, stderr=terminal, timeout=60)
        os.close(terminal)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.asked(), ["systemctl --user daemon-reload", "systemctl --user enable --now b2backupd.service"])

    def test_upgrade_of_a_running_service(self):
        self.active.write_text("b2backupd.service loaded active running x\nb2backupd@work.service loaded active running x\n")
        said = self.install("--user")
        self.assertEqual(self.asked(), ["systemctl --user daemon-reload"])
        self.assertIn("restart b2backupd.service b2backupd@work.service", said)
        self.install("--user", "--enable")
        self.assertEqual(self.asked(), ["systemctl --user daemon-reload",
                                        "systemctl --user restart b2backupd.service b2backupd@work.service"])

    def test_uninstall_stops_what_runs_and_disables_what_would_start(self):
        self.install("--user")
        wants = self.installed.home / ".config/systemd/user/default.target.wants"
        wants.mkdir()
        (wants / "b2backupd@idle.service").symlink_to("../b2backupd@.service")
        self.active.write_text("b2backupd@work.service loaded active running x\n")
        self.asked()
        self.uninstall("--user")
        asked = self.asked()
        self.assertEqual(sorted(asked[:-1]), [f"systemctl --user disable --now {unit}" for unit in
                                              ("b2backupd.service", "b2backupd@idle.service", "b2backupd@work.service")])
        self.assertEqual(asked[-1], "systemctl --user daemon-reload")

    def test_system(self):
        said = self.install("--system")
        self.assertEqual(self.asked(), ["systemctl daemon-reload"])
        self.assertIn("systemctl enable --now b2backupd@USER", said)
        self.assertIn("systemd does not look for units", said)
        self.active.write_text("b2backupd@games.service loaded active running x\n")
        self.uninstall("--system")
        self.assertEqual([line for line in self.asked() if "games" in line], ["systemctl disable --now b2backupd@games.service"])

    def test_with_destdir_nothing_is_asked(self):
        self.installed.run("install", "--destdir", self.installed.root / "dest", "--programs", self.installed.programs,
                           "--enable", "--linger")
        self.installed.run("uninstall", "--destdir", self.installed.root / "dest")
        self.assertFalse(self.calls.exists())


if __name__ == "__main__":
    unittest.main()
