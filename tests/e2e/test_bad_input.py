"""Bad input and bad luck: each gets a clear message and the right exit code, and nothing is changed."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import unittest

import harness
from harness import FakeS3, Machine


class Case(unittest.TestCase):
    def expect(self, outcome, code, *words):
        """The exit code, and each of `words` somewhere in the message."""
        self.assertEqual(outcome.code, code, outcome)
        text = (outcome.out + outcome.err).lower()
        for word in words:
            self.assertIn(word.lower(), text, outcome)
        self.assertNotIn("internal error", text, outcome)


class Configuration(Case):
    def setUp(self):
        self.machine = Machine().use_directory()
        self.addCleanup(self.machine.close)
        self.machine.populate(files=3, databases=False)

    def test_unknown_key_names_the_nearest(self):
        self.machine.configure(keepSnapshot=3)
        self.expect(self.machine.run("push"), 65, "keepSnapshot", "keepSnapshots", "config.json5")

    def test_malformed_json5_says_where(self):
        self.machine.config_path.write_text('{\n  bucket: "a",\n  prefix "b",\n}\n')
        self.expect(self.machine.run("push"), 65, "config.json5:3:")

    def test_wrong_type(self):
        self.machine.configure(keepSnapshots="many")
        self.expect(self.machine.run("push"), 65, "keepSnapshots")

    def test_a_broken_openclaw_json_is_not_fine(self):
        self.machine.write("openclaw.json", '{\n  agents: { list }\n}\n')
        for words in (("config", "check"), ("config", "check", "--offline")):
            outcome = self.machine.run(*words)
            self.expect(outcome, 0, "openclaw.json:2:", "meanwhile this program's own settings are used", "cannot be read. Correct it")
            self.assertNotIn("is fine", outcome.out)
        answer = self.machine.ok("config", "check", "--offline")
        self.assertIn("openclaw.json:2:", answer["warnings"][0])
        self.machine.write("openclaw.json.last-good", "{}")
        self.expect(self.machine.run("config", "check"), 0, "openclaw.json:2:", "openclaw.json.last-good is used")
        (self.machine.state / "openclaw.json.last-good").unlink()
        self.machine.configure(endpoint=None, bucket=None)
        self.expect(self.machine.run("config", "check"), 65, "openclaw.json:2:", "nothing else names a complete store")

    def test_status_shows_a_broken_openclaw_json_until_it_is_mended(self):
        daemon = harness.Daemon(self.machine)
        self.addCleanup(daemon.kill)
        daemon.until_backed_up()
        told = lambda status: any("openclaw.json:2:" in warning for warning in status["warnings"])
        self.assertFalse(told(daemon.status()))
        self.machine.write("openclaw.json", '{\n  agents: { list }\n}\n')
        daemon.until(told, "the warning")
        self.machine.write("openclaw.json", "{}")
        daemon.until(lambda status: not told(status), "the end of the warning")
        self.machine.write("openclaw.json", '{\n  agents: { list }\n}\n')
        daemon.terminate()
        daemon = harness.Daemon(self.machine)
        self.addCleanup(daemon.kill)
        status = daemon.until(told, "the warning")
        self.assertEqual(sum("openclaw.json:2:" in warning for warning in status["warnings"]), 1)
        self.machine.write("openclaw.json", "{}")
        daemon.until(lambda status: not status["warnings"], "the end of all warnings")

    def test_missing_fields_are_named(self):
        self.machine.configure(endpoint=None, bucket=None)
        self.expect(self.machine.run("push"), 65, "bucket")

    def test_configuration_file_that_does_not_exist(self):
        self.expect(self.machine.run("--config", "/nowhere/config.json5", "push"), 65, "/nowhere/config.json5")

    def test_readable_secrets_are_warned_about(self):
        self.machine.config_path.chmod(0o644)
        outcome = self.machine.run("push")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertIn("chmod 600", outcome.err)

    def test_state_directory_missing(self):
        shutil.rmtree(self.machine.state)
        self.expect(self.machine.run("push"), 1, ".openclaw", "does not exist", "stateDir")

    def test_secrets_never_show(self):
        self.machine.configure(applicationKey="K004-very-secret", keyId="004id-secret")
        for arguments in (("config", "show"), ("--json", "config", "show"), ("config", "check"), ("--verbose", "push")):
            outcome = self.machine.run(*arguments)
            for secret in ("K004-very-secret", "004id-secret", "correct horse"):
                self.assertNotIn(secret, outcome.out + outcome.err)

    def test_usage(self):
        self.expect(self.machine.run("pusch"), 64, "pusch")
        self.expect(self.machine.run("restore"), 64, "SNAPSHOT")
        self.expect(self.machine.run("push", "--frobnicate"), 64, "--frobnicate")
        self.expect(self.machine.run("--set", "nonsense", "push"), 64, "KEY=VALUE")

    def test_without_direct_there_is_nobody_to_ask(self):
        done = subprocess.run([harness.BIN / "daemonctl", "push"], env=self.machine.environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 69)
        self.assertIn("--direct", done.stderr)


class CommandLine(unittest.TestCase):
    """Mistakes on the command line, and answers that cannot be delivered."""

    def setUp(self):
        self.machine = Machine().use_directory()
        self.addCleanup(self.machine.close)
        self.machine.populate()
        self.machine.ok("push")

    def test_an_empty_target_is_not_in_place(self):
        self.machine.write("workspace/MEMORY.md", "edited\n")
        before = harness.tree(self.machine.state)
        outcome = self.machine.run("restore", "latest", "--target", "", "--yes")
        self.assertEqual(outcome.code, 64, outcome)
        self.assertIn("names no directory", outcome.err)
        self.assertEqual(harness.tree(self.machine.state), before)

    def test_mistakes_are_told_as_json_too(self):
        for words in (["push", "--frob"], ["restore"], ["frob"], ["--set", "x", "push"], ["config"]):
            outcome = self.machine.run("--json", *words)
            self.assertEqual(outcome.code, 64, outcome)
            self.assertEqual(outcome.json["code"], "usage")
            self.assertFalse(outcome.json["ok"])

    def without_direct(self, *words):
        done = subprocess.run([harness.BIN / "daemonctl", *map(str, words)], env=self.machine.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        return harness.Outcome(done.returncode, done.stdout, done.stderr)

    def test_mistakes_name_what_is_wrong_and_what_to_do(self):
        gone = self.machine.root / "gone"
        for words, code, said in ((("--config", self.machine.home, "status"), 65, "is not a regular file but a directory"),
                                  (("--socket", gone, "status"), 69, f"there is no {gone}"),
                                  (("--state-dir", gone, "status"), 69, "does not exist"),
                                  (("--direct", "status"), 64, "daemonctl --direct snapshots"),
                                  (("--direct", "restore", "lat", "--yes"), 1, "Did you mean latest"),
                                  (("--direct", "restore", "latest", "--path", "nope/**", "--yes"), 1, "relative to the state directory"),
                                  (("--direct", "ls", "latest", "/somewhere/else"), 1, "relative to the state directory")):
            with self.subTest(words):
                outcome = self.without_direct(*words)
                self.assertEqual(outcome.code, code, outcome)
                self.assertIn(said, outcome.err)

    def test_a_setting_that_the_daemon_never_hears_of_is_refused(self):
        outcome = self.without_direct("--set", "bucket=other", "push")
        self.assertEqual(outcome.code, 64, outcome)
        self.assertIn("--set bucket would have no effect", outcome.err)
        self.assertEqual(self.without_direct("--set", f"stateDir={self.machine.state}", "push").code, 69)
        self.assertEqual(self.without_direct("--set", "prefix=other", "config", "show").code, 0)

    def test_a_path_on_this_machine_is_understood(self):
        state = self.machine.state
        listed = self.machine.run("ls", "latest", state / "workspace")
        self.assertEqual(listed.code, 0, listed)
        self.assertIn("workspace/MEMORY.md", listed.out)
        self.assertEqual(self.machine.run("cat", "latest", "~/.openclaw/workspace/MEMORY.md").out, "# memory\n")
        self.machine.write("workspace/MEMORY.md", "edited\n")
        self.machine.write("workspace/script.sh", "edited\n")
        done = self.machine.ok("restore", "latest", "--path", f"{state}/workspace/*.md", "--yes")
        self.assertEqual(done["restored"], 1)
        self.assertEqual((state / "workspace/MEMORY.md").read_text(), "# memory\n")
        self.assertEqual((state / "workspace/script.sh").read_text(), "edited\n")

    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        for words in (["snapshots"], ["--json", "snapshots"], ["ls", "latest"], ["verify"], ["config", "show"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                process = subprocess.run(self.machine.command(*words), env=self.machine.environment, stdin=subprocess.DEVNULL,
                                         stdout=full, stderr=subprocess.PIPE, check=False)
            self.assertEqual(process.returncode, 1, words)
            self.assertIn(b"could be written", process.stderr)

    def test_a_paused_prune_says_so_and_removes_nothing(self):
        for path in list(self.machine.state.rglob("*.md")) + list(self.machine.state.rglob("*.jsonl")):
            path.unlink()
        for path in (self.machine.state / "workspace").rglob("*"):
            if path.is_file():
                path.unlink()
        outcome = self.machine.run("--json", "push")
        self.assertEqual(outcome.code, 3, outcome)
        count = len(self.machine.ok("snapshots")["snapshots"])
        outcome = self.machine.run("--json", "prune")
        self.assertEqual((outcome.code, outcome.json["ok"], outcome.json["code"]), (77, False, "refused"))
        outcome = self.machine.run("prune")
        self.assertEqual(outcome.code, 77, outcome)
        self.assertNotIn("removed", outcome.out)
        self.assertEqual(len(self.machine.ok("snapshots")["snapshots"]), count)


class Snapshots(Case):
    def setUp(self):
        self.machine = Machine().use_directory().populate(files=5, databases=False)
        self.addCleanup(self.machine.close)
        self.snapshot = self.machine.ok("push")["snapshot"]
        self.store = self.machine.root / "store" / "bucket" / "openclaw-backup"
        self.folder = self.store / self.snapshot
        self.manifest = self.folder / "manifest.json"
        self.before = harness.tree(self.machine.state)
        self.out = self.machine.root / "out"

    def replace(self, path, content):
        path.unlink()
        path.write_bytes(content)

    def restore(self, *more, snapshot=None):
        return self.machine.run("restore", snapshot or self.snapshot, "--target", self.out, "--yes", *more)

    def tearDown(self):
        # SQLite itself makes the sidecars when a database is opened for reading.
        after, before = ({k: v for k, v in t.items() if not k.endswith((b"-wal", b"-shm"))}
                         for t in (harness.tree(self.machine.state), self.before))
        self.assertEqual(sorted(after), sorted(before))
        self.assertTrue(after == before, "the state directory was changed")

    def test_wrong_passphrase(self):
        self.machine.configure(encryptionKey="not the one")
        self.expect(self.restore(), 77, "key")
        self.assertFalse(self.out.exists())

    def test_old_passphrase_in_decryption_keys_works(self):
        self.machine.configure(encryptionKey="a new one", decryptionKeys=["correct horse battery staple"])
        self.assertEqual(self.restore().code, 0)

    def test_corrupt_manifest(self):
        self.replace(self.manifest, b"{ this is no manifest")
        self.expect(self.restore(), 1, self.snapshot)
        self.assertFalse(self.out.exists())

    def test_manifest_altered_in_the_bucket(self):
        text = self.manifest.read_bytes()
        altered = text.replace(b'"size":9,', b'"size":8,', 1)
        self.assertNotEqual(text, altered)
        self.replace(self.manifest, altered)
        self.expect(self.restore(), 1, self.snapshot)
        self.assertFalse(self.out.exists())

    def test_manifest_of_another_snapshot(self):
        self.machine.write("workspace/MEMORY.md", "later\n")
        later = self.machine.ok("push")["snapshot"]
        self.before = harness.tree(self.machine.state)
        self.replace(self.store / later / "manifest.json", self.manifest.read_bytes())
        self.expect(self.restore(snapshot=later), 1, later)
        self.assertFalse(self.out.exists())

    def plugin_manifest(self, files):
        """An unsigned snapshot, as the plugin writes them, with whatever paths somebody wants us to write to."""
        folder = self.store / "2026-01-01T00-00-00-000Z-00000001"
        folder.mkdir()
        entries = {}
        for name, content in files.items():
            entries[name] = {"hash": harness.sha256(content), "size": len(content)}
            if not name.startswith("/") and ".." not in name:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        (folder / "manifest.json").write_text(
            json.dumps({"version": 1, "timestamp": "2026-01-01T00:00:00.000Z", "files": entries}))
        return folder.name

    def test_paths_that_lead_out_are_refused_by_name(self):
        name = self.plugin_manifest({"../escape": b"x", "/tmp/b2b-absolute": b"x", "a/../../b": b"x", "fine.md": b"fine"})
        outcome = self.machine.run("--json", "restore", name, "--target", self.out, "--yes")
        self.assertEqual(outcome.code, 3, outcome)
        failed = {f["path"] for f in outcome.json["failed"]}
        self.assertEqual(failed, {"../escape", "/tmp/b2b-absolute", "a/../../b"})
        self.assertEqual((self.out / "fine.md").read_bytes(), b"fine")
        self.assertFalse((self.machine.root / "escape").exists())
        self.assertFalse(pathlib.Path("/tmp/b2b-absolute").exists())

    def test_symlinked_parents_are_not_followed(self):
        elsewhere = self.machine.root / "elsewhere"
        elsewhere.mkdir()
        self.out.mkdir()
        (self.out / "workspace").symlink_to(elsewhere)
        outcome = self.restore()
        self.assertEqual(list(elsewhere.iterdir()), [])
        self.assertIn(outcome.code, (0, 1, 3, 77), outcome)

    def test_unsigned_snapshots_are_never_chosen_by_themselves(self):
        shutil.rmtree(self.folder)
        name = self.plugin_manifest({"fine.md": b"fine"})
        outcome = self.machine.run("restore", "latest", "--target", self.out, "--yes")
        self.expect(outcome, 77, name)
        self.assertFalse(self.out.exists())

    def test_plaintext_body_in_an_encrypted_set(self):
        self.replace(self.folder / "workspace/files/f0002.txt", (self.machine.state / "workspace/files/f0002.txt").read_bytes())
        outcome = self.machine.run("--json", "restore", self.snapshot, "--target", self.out, "--yes")
        self.assertEqual(outcome.code, 3, outcome)
        self.assertEqual([f["path"] for f in outcome.json["failed"]], ["workspace/files/f0002.txt"])

    def test_unknown_snapshot_names_the_nearest(self):
        self.expect(self.restore(snapshot="2020-01-01"), 1, "2020-01-01")

    def test_overwriting_needs_a_yes(self):
        self.machine.write("workspace/MEMORY.md", "edited\n")
        self.before = harness.tree(self.machine.state)
        self.expect(self.machine.run("restore", "latest"), 77, "--yes")

    def test_databases_are_not_replaced_under_a_gateway(self):
        self.machine.database("state/openclaw.sqlite")
        self.machine.database("agents/main/agent/openclaw-agent.sqlite")
        snapshot = self.machine.ok("push")["snapshot"]
        self.machine.database("state/openclaw.sqlite", rows=7)
        lock = self.machine.state / "tmp" / f"openclaw-{os.geteuid()}" / "gateway.state.lock.sqlite"
        lock.parent.mkdir(parents=True)
        # In a process of its own: reading the file here would drop the lock.
        gateway = subprocess.Popen([sys.executable, "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
                                    "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()", lock],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(gateway.wait)
        self.addCleanup(gateway.kill)
        self.assertEqual(gateway.stdout.readline(), b"held\n")
        self.before = harness.tree(self.machine.state)
        self.expect(self.machine.run("restore", snapshot, "--yes"), 77, "gateway is running", "--stop-gateway", "--target")
        # What the message offers does work.
        self.machine.write("workspace/MEMORY.md", "edited\n")
        self.assertEqual(self.machine.run("restore", snapshot, "--path", "workspace/**", "--yes").code, 0)
        self.before[b"workspace/MEMORY.md"] = ("file", 0o644, b"# memory\n")
        self.assertEqual(harness.without_databases(harness.tree(self.machine.state)), harness.without_databases(self.before))
        self.assertEqual(len(harness.rows(self.machine.state / "state/openclaw.sqlite", "items")), 57)
        gateway.communicate()
        answer = self.machine.ok("restore", snapshot, "--yes")
        self.assertEqual(len(harness.rows(self.machine.state / "state/openclaw.sqlite", "items")), 50)
        self.assertEqual(len(harness.rows(os.path.join(answer["quarantine"], "state/openclaw.sqlite"), "items")), 57)
        self.before = harness.tree(self.machine.state)

    def test_disk_full_in_staging(self):
        if os.geteuid() != 0:
            self.skipTest("needs to mount a small file system")
        small = self.machine.root / "small"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True).returncode != 0:
            self.skipTest("mounting is not allowed here")
        try:
            self.machine.write("workspace/large.bin", os.urandom(3_000_000))
            snapshot = self.machine.ok("push")["snapshot"]
            self.before = harness.tree(self.machine.state)
            self.expect(self.machine.run("restore", snapshot, "--target", small / "out", "--yes"), 1, "space")
            self.assertEqual(list(small.iterdir()), [])
        finally:
            subprocess.run(["umount", small], check=True)

    def small_data_disk(self, size):
        """A file system of its own for the data directory; 64 MB of it are always left alone."""
        if os.geteuid() != 0:
            self.skipTest("needs to mount a small file system")
        small = self.machine.root / "small-data"
        small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", small], capture_output=True).returncode != 0:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        self.machine.configure(dataDir=str(small))

    def test_a_file_too_large_for_the_spool_is_skipped(self):
        self.small_data_disk("72m")
        self.machine.write("workspace/huge.bin", os.urandom(20_000_000))
        self.machine.write("workspace/large.bin", os.urandom(2_000_000))
        self.before = harness.tree(self.machine.state)
        outcome = self.machine.run("--json", "push")
        self.assertEqual(outcome.code, 3, outcome)
        self.assertFalse(outcome.json["complete"])
        self.assertEqual([s["path"] for s in outcome.json["skipped"]], ["workspace/huge.bin"])
        self.assertIn("no room for a file of 20000000 bytes", outcome.json["skipped"][0]["reason"])
        self.assertEqual(self.restore(snapshot=outcome.json["snapshot"]).code, 0)
        self.assertTrue((self.out / "workspace/large.bin").exists())
        self.assertFalse((self.out / "workspace/huge.bin").exists())

    def test_spool_disk_full(self):
        """Small files need no room there."""
        self.small_data_disk("64m")
        self.machine.write("workspace/ordinary.bin", os.urandom(100_000))
        self.before = harness.tree(self.machine.state)
        self.assertEqual(self.machine.run("push").code, 0)
        self.assertEqual(self.restore(snapshot="latest").code, 0)
        name = "workspace/ordinary.bin"
        self.assertEqual((self.out / name).read_bytes(), (self.machine.state / name).read_bytes())
        self.machine.write("workspace/large.bin", os.urandom(2_000_000))
        self.before = harness.tree(self.machine.state)
        self.expect(self.machine.run("push"), 1, "spool", "no room", "dataDir")

    def test_half_of_the_files_gone_pauses_pruning(self):
        self.machine.configure(keepSnapshots=1)
        shutil.rmtree(self.machine.state / "workspace")
        outcome = self.machine.run("push")
        self.before = harness.tree(self.machine.state)
        self.expect(outcome, 3, "vanished", "prune --yes")
        self.assertTrue(self.manifest.exists())
        self.expect(self.machine.run("prune"), 77)
        self.assertTrue(self.manifest.exists())
        self.assertEqual(self.machine.run("prune", "--yes").code, 0)
        self.assertFalse(self.manifest.exists())

    def test_two_jobs_at_once(self):
        self.machine.configure(limits={"upload": "1MB/s"})
        fake = FakeS3()
        self.addCleanup(fake.stop)
        machine = Machine().use_fake(fake).populate(files=3, databases=False)
        self.addCleanup(machine.close)
        fake.faults({"action": "delay", "method": "PUT", "delayMs": 3000, "count": 1})
        first = machine.start("push")
        harness.wait_for(lambda: (machine.state / "b2backupd/lock").exists() and (machine.state / "b2backupd/lock").read_text(),
                         "the lock")
        self.expect(machine.run("push"), 1, str(first.pid))
        first.communicate()
        self.assertEqual(first.returncode, 0)

    def test_prefix_of_another_machine_is_not_pruned(self):
        other = Machine(**self.machine.config)
        self.addCleanup(other.close)
        other.configure(keepSnapshots=1, dataDir=str(other.root / "data"))
        other.populate(files=2, databases=False)
        other.ok("push")
        other.write("workspace/MEMORY.md", "x")
        outcome = other.run("push")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertTrue(self.manifest.exists())
        self.expect(other.run("prune"), 77, "--take-over")
        self.expect(other.run("prune", "--yes"), 77, "--take-over")
        self.assertTrue(self.manifest.exists())
        other.ok("prune", "--take-over")
        self.assertFalse(self.manifest.exists())


class Store(Case):
    def fake(self, *arguments):
        fake = FakeS3(*arguments)
        self.addCleanup(fake.stop)
        machine = Machine().use_fake(fake).populate(files=5, databases=False)
        self.addCleanup(machine.close)
        return fake, machine

    def test_wrong_key(self):
        _, machine = self.fake()
        machine.configure(applicationKey="K004wrong")
        self.expect(machine.run("push"), 77, "applicationKey")
        machine.configure(keyId="004wrong")
        self.expect(machine.run("push"), 77, "keyId")

    def test_missing_bucket(self):
        _, machine = self.fake()
        machine.configure(bucket="no-such-bucket")
        self.expect(machine.run("push"), 65, "no-such-bucket")

    def test_key_without_list_buckets_works(self):
        _, machine = self.fake("--no-list-buckets")
        machine.ok("push")
        machine.write("workspace/MEMORY.md", "changed\n")
        machine.ok("push")
        self.assertEqual(len(machine.ok("snapshots")["snapshots"]), 2)
        machine.ok("restore", "latest", "--target", machine.root / "out", "--yes")
        self.assertEqual(harness.tree(machine.root / "out"), harness.tree(machine.state))

    def test_nobody_listens(self):
        _, machine = self.fake()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            machine.configure(endpoint=f"http://127.0.0.1:{unused.getsockname()[1]}", limits={"retrySeconds": 3})
            self.expect(machine.run("push"), 69, "127.0.0.1")

    def test_plain_http_off_loopback(self):
        _, machine = self.fake()
        machine.configure(endpoint="http://s3.example.com")
        self.expect(machine.run("push"), 65, "https")

    def test_expired_certificate(self):
        folder = pathlib.Path(harness.tempfile.mkdtemp(prefix="b2b-tls-"))
        self.addCleanup(shutil.rmtree, folder)
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        # A certificate whose time is over: made with an end before its begin is refused, so it is signed by hand for the past.
        subprocess.run([*make, "-days", "30"], check=True, capture_output=True)
        subprocess.run(["openssl", "req", "-new", "-key", folder / "key.pem", "-subj", "/CN=localhost", "-out", folder / "r.csr"],
                       check=True, capture_output=True)
        (folder / "index").write_text("")
        (folder / "serial").write_text("01")
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\ndefault_md=sha256\n"
            "policy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE\n")
        subprocess.run(["openssl", "ca", "-batch", "-config", folder / "ca.cnf", "-selfsign", "-keyfile", folder / "key.pem", "-in",
                        folder / "r.csr", "-out", folder / "expired.pem", "-startdate", "20200101000000Z", "-enddate",
                        "20200201000000Z", "-notext"], check=True, capture_output=True)
        fake, machine = FakeS3("--tls", folder / "expired.pem", folder / "key.pem"), None
        self.addCleanup(fake.stop)
        machine = Machine().use_fake(fake, caFile=str(folder / "expired.pem")).populate(files=1, databases=False)
        self.addCleanup(machine.close)
        machine.configure(endpoint=f"https://127.0.0.1:{fake.port}", caFile=str(folder / "expired.pem"))
        self.expect(machine.run("push"), 69, "expired")
        machine.configure(caFile=None)
        self.expect(machine.run("push"), 69, "certificate")

    def test_store_gone_half_way_and_back(self):
        fake, machine = self.fake()
        for i in range(60):
            machine.write(f"workspace/more{i}", f"more {i}")
        fake.faults({"action": "drop", "skip": 30, "count": 100_000})
        machine.configure(limits={"retrySeconds": 2})
        self.expect(machine.run("push"), 69)
        fake.faults()
        sent = fake.stats()["requests"]["PUT"]
        answer = machine.ok("push")
        self.assertLess(fake.stats()["requests"]["PUT"] - sent, 60, "bodies that were there were sent again")
        machine.ok("restore", "latest", "--target", machine.root / "out", "--yes")
        self.assertEqual(harness.tree(machine.root / "out"), harness.tree(machine.state))
        self.assertTrue(answer["complete"])

    def test_store_gone_half_way_through_a_restore(self):
        fake, machine = self.fake()
        machine.ok("push")
        machine.configure(limits={"retrySeconds": 2})
        fake.faults({"action": "drop", "skip": 6, "count": 100_000})
        outcome = machine.run("restore", "latest", "--target", machine.root / "out", "--yes")
        self.assertIn(outcome.code, (3, 69), outcome)
        fake.faults()
        machine.ok("restore", "latest", "--target", machine.root / "out2", "--yes")
        self.assertEqual(harness.tree(machine.root / "out2"), harness.tree(machine.state))

    def test_cap_exceeded_is_for_the_owner(self):
        fake, machine = self.fake()
        fake.faults({"action": "status", "status": 403, "code": "AccessDenied", "message": "Transaction cap exceeded, see the Caps & Alerts page", "count": 1000})
        self.expect(machine.run("push"), 77, "cap")

    def test_a_busy_store_is_waited_for(self):
        fake, machine = self.fake()
        fake.faults({"action": "status", "status": 503, "code": "SlowDown", "retryAfter": "1", "count": 3})
        machine.ok("push")

    def test_interrupted_by_a_person(self):
        fake, machine = self.fake()
        fake.control("", {"latencyMs": 300})
        process = machine.start("push")
        harness.wait_for(lambda: fake.stats()["requests"].get("PUT", 0) > 0, "the first upload")
        process.send_signal(harness.signal.SIGINT)
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn(b"next push goes on", err)


if __name__ == "__main__":
    unittest.main()
