"""A bucket with a repository of the packed layout as tests see it from outside: its objects, its clock, and whether everything in it is needed,
told by the second reader (tests/reference), which shares nothing with the project's code.
"""
import contextlib
import io
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree

import harness
from test_cycle import S3Admin

sys.path.insert(0, str(harness.SOURCE / "tests" / "reference"))
import read_repository  # noqa: E402

PREFIX = "openclaw-backup"
HOUR = 3600


class DirectoryBucket:
    """Its clock is that of the file system, which nobody can move: what lies in it is made older instead."""

    kind = "passphrase"

    def __init__(self, machine):
        self.folder, self.secret = machine.root / "store" / "bucket", machine.config["encryptionKey"]

    def age(self, hours):
        for at, _, files in os.walk(self.folder):
            for name in files:
                path = os.path.join(at, name)
                then = os.lstat(path).st_mtime_ns - int(hours * HOUR * 1e9)
                os.utime(path, ns=(then, then), follow_symlinks=False)

    def keys(self):
        return {os.path.relpath(os.path.join(at, name), self.folder) for at, _, files in os.walk(self.folder) for name in files}

    def hidden(self):
        """Versions that are not the newest, hide markers, uploads that were begun."""
        return []

    @contextlib.contextmanager
    def copy(self):
        yield self.folder


class FakeBucket:
    """In the fake S3 server, whose clock is told how far it is ahead."""

    kind = "application-key"

    def __init__(self, fake):
        self.fake, self.secret, self.ahead = fake, fake.key, 0
        self.admin = S3Admin(fake.url, fake.key_id, fake.key, region="us-west-004")

    def age(self, hours):
        self.ahead += int(hours * HOUR)
        self.fake.control("", {"clockOffsetSeconds": self.ahead})

    def get(self, path, query=()):
        return self.admin.request("GET", "/" + self.fake.bucket + path, query, ahead=self.ahead)

    def pages(self, query):
        """The elements of a listing; `query` with what is to be listed."""
        more = []
        while True:
            root = xml.etree.ElementTree.fromstring(self.get("", [*query, *more]))
            fields = {child.tag.rpartition("}")[2]: child for child in root}
            for child in root:
                yield child.tag.rpartition("}")[2], {part.tag.rpartition("}")[2]: part.text for part in child}
            if fields["IsTruncated"].text != "true":
                return
            if "NextContinuationToken" in fields:
                more = [("continuation-token", fields["NextContinuationToken"].text)]
            else:
                more = [("key-marker", fields["NextKeyMarker"].text or ""), ("version-id-marker", fields["NextVersionIdMarker"].text or "")]

    def keys(self):
        return {fields["Key"] for tag, fields in self.pages([("list-type", "2")]) if tag == "Contents"}

    def hidden(self):
        versions = [fields for tag, fields in self.pages([("versions", "")]) if tag in ("Version", "DeleteMarker")]
        uploads = [fields["Key"] for tag, fields in self.pages([("uploads", "")]) if tag == "Upload"]
        seen = set()
        return [key for key in (fields["Key"] for fields in versions) if key in seen or seen.add(key)] + uploads

    @contextlib.contextmanager
    def copy(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="b2b-copy-"))
        try:
            for key in self.keys():
                path = folder / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.get("/" + key))
            yield folder
        finally:
            shutil.rmtree(folder)


def names(keys, folder):
    """What lies in one folder of the repository."""
    top = f"{PREFIX}.repo/{folder}/"
    return {key[len(top):] for key in keys if key.startswith(top)}


def audit(bucket):
    """What is wrong with the repository or superfluous in it, as lines; and its snapshots, packs and bytes."""
    with bucket.copy() as folder:
        repository = read_repository.Repository(str(folder), PREFIX, bucket.secret, bucket.kind)
        with contextlib.redirect_stdout(io.StringIO()):
            read_repository.check(repository)
        problems = list(repository.problems)
        keys = {os.path.relpath(os.path.join(at, name), folder) for at, _, files in os.walk(folder) for name in files}
        live = set()
        for name in repository.names("snapshots"):
            snapshot = read_repository.json.loads(repository.open_sealed(f"snapshots/{name}", b"B2BRSNP1", "snapshot", name))
            live |= {(read_repository.LIST, bytes.fromhex(chunk)) for chunk in snapshot["list"]["chunks"]}
            live |= {(read_repository.DATA, chunk) for entry in repository.snapshot(name) for chunk in entry["ids"]}
        problems += [f"a chunk is in no pack: {chunk.hex()}" for kind, chunk in live if (kind, chunk) not in repository.chunks]
        packs = {name[3:] for name in repository.names("packs")}
        problems += [f"no index object names pack {pack}" for pack in packs - repository.packs.keys()]
        for pack, (_, _, places) in repository.packs.items():
            if not any((kind, chunk) in live for chunk, kind, _, _, _ in places):
                problems.append(f"nothing in pack {pack} is needed")
        problems += [f"a mark is left: {name}" for name in names(keys, "marks")]
        problems += [f"left over: {key}" for key in keys if not re.match(re.escape(PREFIX) + r"\.repo/(config|(keys|packs|index|snapshots|pins)/)", key)]
        problems += [f"hidden or unfinished: {key}" for key in bucket.hidden()]
        return problems, (len(repository.names("snapshots")), len(packs), sum(os.path.getsize(folder / key) for key in keys))


def everything(folder, bucket):
    """What lies in the repository, decrypted, whether an index names it or not: name of the object and bytes, once for each chunk of a pack."""
    reader = read_repository
    repository = reader.Repository(str(folder), PREFIX, bucket.secret, bucket.kind)
    found = []

    def open_chunk(kind, chunk, salt, number, box, content, what):
        data = reader.Repository.open_chunk(repository, kind, chunk, salt, number, box, content, what)
        found.append((what, data))
        return data

    repository.open_chunk = open_chunk
    for name in repository.names("packs"):
        repository.check_pack(name)
    for kind, magic, purpose in (("index", b"B2BRIDX1", "index"), ("snapshots", b"B2BRSNP1", "snapshot")):
        for name in repository.names(kind):
            found.append((f"{kind}/{name}", repository.open_sealed(f"{kind}/{name}", magic, purpose, name if kind == "snapshots" else "")))
    assert not repository.problems, repository.problems
    # And all of it as it lies there, in the open.
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            found.append((str(path.relative_to(folder)), str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes()))
    return found


def random_bytes(seed, count):
    return random.Random(seed).randbytes(count)


def left_on_the_machine(machine):
    """Of what was interrupted: captures, spooled bodies and packs, scratch folders, swaps under way. A file in in-use/ that nobody holds means
    nothing."""
    patterns = ("queue/*", "spool/*", "packed-spool/*", "restores/*", "scratch-*")
    return [str(path) for data in (machine.home / ".local/state/b2backupd").iterdir() for pattern in patterns for path in data.glob(pattern)]


def fingerprint(path):
    """A tree as it is compared: name → kind, mode and hash of the content. Small enough to keep hundreds."""
    return {name: (*value[:2], harness.sha256(value[2])) if value[0] == "file" else value for name, value in harness.tree(path).items()}


def differences(left, right):
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


class Restores:
    """Restores snapshots of one machine and compares them with the states that they were taken from."""

    def __init__(self, machine, contents):
        self.machine, self.contents, self.compared = machine, contents, 0

    def check(self, snapshot, env=None):
        out = self.machine.root / f"check-{time.monotonic_ns()}"
        answer = self.machine.ok("restore", snapshot, "--target", out, "--yes", env=env)
        assert answer["failed"] == [], f"{snapshot}: {answer}"
        wrong = differences(fingerprint(out), self.contents[snapshot])
        assert not wrong, f"{snapshot} differs in {wrong[:5]}"
        shutil.rmtree(out)
        self.compared += 1
