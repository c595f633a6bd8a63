"""Manual pages and completions as the build made them: no fault found by those who read them, and completed by real shells."""
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGES = pathlib.Path(os.environ.get("B2B_PAGES", ROOT / "build/release/pages"))
DAEMONCTL = pathlib.Path(os.environ.get("B2B_BIN", ROOT / "build/release/bin")) / "daemonctl"
PROGRAMS = ("b2backupd", "daemonctl")


def run(*command, **how):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **how)


def needs(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    return unittest.skipIf(missing, f"{', '.join(missing)} is not installed here, so what is made for it is NOT checked")


def options_in_help(*verb):
    """The long options that the program itself names, of that verb."""
    done = run(DAEMONCTL, *verb, "--help")
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", done.stdout, re.M))


def verbs_in_help(*verb):
    text = run(DAEMONCTL, *verb, "--help").stdout
    return set(re.findall(r"^  ([a-z][a-z-]*)", text.split("Subcommands:")[1].split("\n\n")[0], re.M))


@needs("mandoc", "man")
class Man(unittest.TestCase):
    def test_no_fault_is_found(self):
        pages = sorted((PAGES / "man").iterdir())
        self.assertEqual([page.name for page in pages], ["b2backupd-config.5", "b2backupd.8", "daemonctl.1"])
        for page in pages:
            with self.subTest(page.name):
                done = run("mandoc", "-Tlint", page)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
                done = run("man", "-l", "--warnings=w", page, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_fault_would_be_found(self):
        broken = subprocess.run(
            ["mandoc", "-Tlint"], input=".TH X 1 2026-02-19\n.SH NAME\nx \\- y\n.NOSUCH\n", capture_output=True, text=True, timeout=60)
        self.assertIn("NOSUCH", broken.stdout + broken.stderr)

    def test_what_a_person_reads(self):
        text = run("man", "-l", PAGES / "man/daemonctl.1", env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "200"}).stdout
        self.assertIn("daemonctl - asks b2backupd", text)
        for option in options_in_help("restore"):
            self.assertIn(option, text)


class _Shell(unittest.TestCase):
    """What every shell must offer; a class for each says how it is asked."""

    def offered(self, *words):
        raise NotImplementedError

    def check_all(self):
        self.assertEqual(self.offered("daemonctl", ""), verbs_in_help())
        self.assertEqual(self.offered("daemonctl", "re"), {"repair", "restore"})
        self.assertEqual(self.offered("daemonctl", "--json", "--socket", "push", "key", ""), verbs_in_help("key"))
        self.assertEqual(self.offered("daemonctl", "config", "sh"), {"show"})
        self.assertEqual(self.offered("daemonctl", "copy", "latest", "--to-layout", ""), {"packed", "plugin"})
        self.assertEqual(self.offered("daemonctl", "restore", "--when"), {"--when-stopped"})
        self.assertEqual(self.offered("daemonctl", "restore", ""), {"latest"})
        self.assertEqual(self.offered("daemonctl", "--set", "limits.up"), {"limits.upload="})
        for verb in (("restore",), ("key", "add"), ("setup",)):
            with self.subTest(verb):
                self.assertLessEqual(options_in_help(*verb) | options_in_help(), self.offered("daemonctl", *verb, "--"))


class Bash(_Shell):
    def offered(self, *words):
        script = ('set -eu; compopt() { :; }  # it works only while bash completes\n'
                  '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); complete -p "$1" >/dev/null; "_$1"\n'
                  'for each in ${COMPREPLY[@]+"${COMPREPLY[@]}"}; do printf "%s\\n" "$each"; done')
        done = run("bash", "--norc", "-c", script, "bash", PAGES / "bash" / words[0], *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return set(done.stdout.split())

    def test_verbs_and_options(self):
        self.check_all()

    def test_values(self):
        self.assertEqual(self.offered("daemonctl", "copy", "latest", "--to-layout", "=", "pa"), {"packed"})
        self.assertEqual(self.offered("daemonctl", "copy", "latest", "--to-layout", "="), {"packed", "plugin"})
        self.assertEqual(self.offered("daemonctl", "--set", "prefix", "=", "te"), set())
        self.assertEqual(self.offered("daemonctl", "--set", "endpoint", "=", "https", ":", "//x", "stat"), {"status"})
        self.assertEqual(self.offered("b2backupd", "--log-format", ""), {"json", "text"})
        self.assertEqual(self.offered("b2backupd", "--log-fi"), {"--log-file"})
        self.assertEqual(self.offered("daemonctl", "--config", str(PAGES) + "/ba"), {str(PAGES / "bash")})


@needs("fish")
class Fish(_Shell):
    def offered(self, *words):
        done = run("fish", "--no-config", "-c", f"source {PAGES}/fish/{words[0]}.fish; complete -C $argv[1]", " ".join(words))
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return {line.split("\t")[0] for line in done.stdout.splitlines()}

    def test_verbs_and_options(self):
        for program in PROGRAMS:
            self.assertEqual(run("fish", "-n", PAGES / "fish" / f"{program}.fish").returncode, 0)
        self.check_all()
        self.assertEqual(self.offered("b2backupd", "--log-format", ""), {"json", "text"})


@needs("zsh")
class Zsh(_Shell):
    """Its completion works in its line editor only: on a pseudo-terminal, where ^X lists what there is to choose from."""

    def offered(self, *words):
        line = " ".join(words)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "PS1": "READY> ", "LC_ALL": "C.UTF-8"})
        try:
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 400, 200, 0, 0))
            os.write(terminal, f"fpath=({PAGES}/zsh $fpath); autoload -U compinit; compinit -D -u; LISTMAX=0; bindkey '^X' list-choices\n"
                               "zstyle ':completion:*' verbose no; print SET''UP\n".encode())
            self.read_until(terminal, r"SETUP\r.*READY> ")
            os.write(terminal, line.encode() + b"\x18")
            said = self.read_until(terminal, "READY> " + re.escape(line))
        finally:
            os.close(terminal)
            os.waitpid(pid, 0)
        listed = said.split("\n", 1)[1].rpartition("READY> ")[0]
        return set(listed.split())

    def read_until(self, terminal, pattern):
        said, end = b"", time.monotonic() + 30
        while not re.search(pattern.encode(), said, re.DOTALL):
            self.assertLess(time.monotonic(), end, said)
            if select.select([terminal], [], [], 1)[0]:
                said += os.read(terminal, 65536)
        return said.decode("utf-8", "replace")

    def test_verbs_and_options(self):
        self.check_all()
        self.assertEqual(self.offered("b2backupd", "--log-format", ""), {"json", "text"})

    def test_it_is_understood_and_found(self):
        for program in PROGRAMS:
            page = PAGES / "zsh" / f"_{program}"
            done = run("zsh", "-n", page)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            script = f"fpath=({page.parent} $fpath); autoload -U compinit; compinit -D -u; echo $_comps[{program}]; autoload +X _{program} && echo loaded"
            done = run("zsh", "-f", "-c", script)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"_{program}\nloaded\n", ""))
