"""The packages: what is in them, and a whole life on a machine that has nothing but them."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/package")]

from clean_root import CleanRoot as Root  # noqa: E402
from clean_root import run  # noqa: E402
from harness import tree, wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("B2B_BUILD", ROOT / "build/release"))
CPACK = os.environ.get("B2B_CPACK", "cpack")
VERSION = re.search(r"project\(b2backupd VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
# What lintian says of a package that nobody uploads to Debian, and of scripts that stop a template's instances by their pattern.
KNOWN_TAGS = {"bogus-mail-host", "bogus-mail-host-in-debian-changelog", "initial-upload-closes-no-bugs", "maintainer-script-calls-systemctl"}


class _Made(unittest.TestCase):
    """A package, made once for the class."""

    generator = pattern = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="b2b-package-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.package = cls.make(cls.folder / "made")

    @classmethod
    def make(cls, folder):
        run(CPACK, "--config", BUILD / "CPackConfig.cmake", "-G", cls.generator, "-B", folder,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}, umask=0o022)
        found = list(folder.glob(cls.pattern))
        assert len(found) == 1, found
        return found[0]

    def install(self, source, *arguments):
        """What scripts/install puts below /usr: path → content."""
        place = self.folder / "installed"
        shutil.rmtree(place, ignore_errors=True)
        run(source / "scripts/install", "--system", "--prefix", "/usr", "--destdir", place, *arguments)
        return contents(place)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Debian(_Made):
    generator, pattern = "DEB", "b2backupd_*.deb"

    def field(self, name):
        return run("dpkg-deb", "-f", self.package, name).strip()

    def test_control(self):
        self.assertEqual(self.field("Package"), "b2backupd")
        self.assertEqual(self.field("Version"), f"{VERSION}-1")
        self.assertEqual(self.package.name, f"b2backupd_{VERSION}-1_{run('dpkg', '--print-architecture').strip()}.deb")
        depends = self.field("Depends")
        for library in ("libc6 (>=", "libssl3 (>=", "libsqlite3-0 (>=", "libzstd1 (>=", "libboost-json1", "procps"):
            self.assertIn(library, depends)
        self.assertIn("ca-certificates", self.field("Recommends"))

    def test_it_has_what_scripts_install_puts_there(self):
        place = self.folder / "unpacked"
        run("dpkg-deb", "-x", self.package, place)
        packed, installed = contents(place), self.install(ROOT, "--programs", BUILD / "bin")
        # Each has its own record of what is installed, and Debian its own places and its own papers.
        del installed["usr/share/b2backupd/installed-files"]
        installed = {path.replace("zsh/site-functions", "zsh/vendor-completions"): text for path, text in installed.items()}
        papers = {f"usr/share/doc/b2backupd/{name}" for name in ("copyright", "changelog.gz", "changelog.Debian.gz")}
        self.assertEqual({path.removesuffix(".gz") if "/man/" in path else path for path in packed} - papers, set(installed))
        for path, text in installed.items():
            if path in packed and not path.startswith("usr/bin/"):  # the package's programs are stripped
                self.assertEqual(packed[path], text, path)
        self.assertTrue(papers <= set(packed))
        for path in place.rglob("*"):
            self.assertFalse(path.stat().st_mode & 0o022, f"{path} can be written by others")
        self.assertNotIn(b".debug_info", run("readelf", "-SW", place / "usr/bin/daemonctl").encode())

    def test_the_same_sources_make_the_same_package(self):
        self.assertEqual(self.make(self.folder / "again").read_bytes(), self.package.read_bytes())

    def test_lintian(self):
        if not shutil.which("lintian"):
            self.fail("lintian is not installed (scripts/test --all does that)")
        said = subprocess.run(["lintian", "--allow-root", str(self.package)], capture_output=True, text=True, timeout=300).stdout
        tags = set(re.findall(r"^[EW]: b2backupd: (\S+)", said, re.M))
        self.assertTrue(tags, "lintian has nothing to say, not even what is known: did it look?")
        self.assertEqual(tags - KNOWN_TAGS, set(), said)


class Archive(_Made):
    generator, pattern = "TGZ", "b2backupd-*.tar.gz"

    def test_it_runs_and_installs_from_anywhere(self):
        place = self.folder / "a folder of somebody's"
        place.mkdir()
        run("tar", "-xf", self.package, "-C", place)
        (unpacked,) = place.iterdir()
        self.assertEqual(unpacked.name, f"b2backupd-{VERSION}-linux-{os.uname().machine}")
        for program in ("b2backupd", "daemonctl"):
            self.assertTrue(run(unpacked / "bin" / program, "--version").startswith(f"{program} {VERSION}\n"))
        here = self.install(ROOT, "--programs", BUILD / "bin")
        there = self.install(unpacked)
        self.assertEqual(set(there), set(here))
        different = {path for path in there if there[path] != here[path]}
        self.assertEqual(different, {"usr/bin/b2backupd", "usr/bin/daemonctl", "usr/share/b2backupd/installed-files"})  # stripped
        self.assertIn("usr/share/man/man1/daemonctl.1", there)


class CleanRoot(_Made):
    """Install, three fields, a first backup, a restore, a purge, with nothing there but what the package asks for."""

    generator, pattern = "DEB", "b2backupd_*.deb"
    user = "anna"

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            print("SKIPPED: a root of another system can only be entered as root")
            raise unittest.SkipTest("needs root")
        super().setUpClass()

    def setUp(self):
        self.root = Root()
        self.addCleanup(self.root.close)

    def own(self, path):
        """Gives what is below `path` to the user; numbers are those of the root's own passwd."""
        line = next(line for line in self.root.there("/etc/passwd").read_text().splitlines() if line.startswith(self.user + ":"))
        uid, gid = map(int, line.split(":")[2:4])
        for folder, folders, files in os.walk(path):
            for name in [".", *folders, *files]:
                os.lchown(os.path.join(folder, name), uid, gid)

    def write(self, path, text, mode=0o600):
        place = self.root.there(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def daemonctl(self, *words):
        return json.loads(self.root.run("daemonctl", "--json", *words, user=self.user))

    def use_it(self):
        home = self.root.there(f"/home/{self.user}")
        self.write(f"/home/{self.user}/.openclaw/openclaw.json", "{}\n")
        self.write(f"/home/{self.user}/.openclaw/workspace/MEMORY.md", "# memory\n" * 1000, 0o644)
        self.write(f"/home/{self.user}/.openclaw/workspace/notes (a b) ü 🦞.md", "names\n")
        fields = {"endpoint": "file:///srv/store", "bucket": "backups", "encryptionKey": "correct horse battery staple"}
        self.write(f"/home/{self.user}/.config/b2backupd/config.json5", json.dumps(fields))
        self.root.there("/srv/store").mkdir()
        self.own(home)
        self.own(self.root.there("/srv/store"))
        before = tree(home / ".openclaw")
        self.assertTrue(self.daemonctl("config", "check")["ok"])
        with subprocess.Popen(self.root.command("b2backupd", user=self.user), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as daemon:
            socket = home / ".openclaw/b2backupd/daemon.sock"
            try:
                wait_for(lambda: socket.exists() or daemon.poll() is not None, "the daemon")
                pushed = self.daemonctl("push")
                self.assertTrue(pushed["ok"], pushed)
                snapshots = self.daemonctl("snapshots")["snapshots"]
                self.assertEqual([each["complete"] for each in snapshots], [True])
                self.assertEqual(self.daemonctl("restore", "latest", "--target", f"/home/{self.user}/restored", "--yes")["failed"], [])
            finally:
                daemon.terminate()
                said = daemon.communicate(timeout=60)[0]
        self.assertEqual(daemon.returncode, 0, said)
        self.assertEqual(tree(home / "restored"), before)

    def look_at_units(self):
        self.root.apt("install", "systemd")
        self.root.run("install", "-d", "-m", "700", "-o", self.user, "/tmp/runtime")
        said = self.root.run("env", "XDG_RUNTIME_DIR=/tmp/runtime", "systemd-analyze", "--user", "verify", "/usr/lib/systemd/user/b2backupd.service",
                             user=self.user)
        self.assertEqual(said, "")
        self.root.run("systemctl", "--root=/", "enable", f"b2backupd@{self.user}.service")
        self.assertTrue(self.root.there(f"/etc/systemd/system/multi-user.target.wants/b2backupd@{self.user}.service").is_symlink())

    def data(self):
        return {place: tree(self.root.there(place)) for place in (f"/home/{self.user}", "/srv/store", "/etc/b2backupd")}

    def test_a_whole_life(self):
        self.assertFalse([path for path in self.root.files() if "b2backup" in path], "the root is not clean")
        shutil.copy(self.package, self.root.there("/root"))
        self.root.apt("install", f"/root/{self.package.name}")
        self.root.there(f"/root/{self.package.name}").unlink()
        self.assertEqual(self.root.run("dpkg", "--verify", "b2backupd"), "")
        version = self.root.run("b2backupd", "--version")
        self.assertRegex(version, r"^b2backupd \S+\nOpenSSL 3\.\S+\nSQLite 3\.\S+\nzstd 1\.\S+\nBoost 1\.")
        self.root.run("useradd", "--create-home", self.user)
        self.use_it()
        self.root.run("bash", "-c", ". /usr/share/bash-completion/completions/daemonctl && complete -p daemonctl")
        self.look_at_units()

        self.write("/etc/b2backupd/config.json5", "{ bucket: 'of the administrator' }\n")
        of_the_package = self.root.run("dpkg", "-L", "b2backupd").split()
        data = self.data()
        self.root.apt("purge", "b2backupd")
        left = [path for path in of_the_package if self.root.there(path).is_file() or path.endswith("b2backupd")]
        self.assertEqual([path for path in left if self.root.there(path).exists()], [])
        theirs = (f"/home/{self.user}/", "/srv/store", "/etc/b2backupd", "/root/")
        found = [path for path in self.root.files() if ("b2backup" in path or "daemonctl" in path) and not path.startswith(theirs)]
        self.assertEqual(found, [])
        self.assertEqual(self.data(), data, "the purge touched somebody's data")
