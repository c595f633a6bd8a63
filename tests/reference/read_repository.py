#!/usr/bin/env python3
"""Reads a repository of the packed layout: a second reader, written from docs/format.md alone.

Object KEY is the file BUCKET/KEY. SNAPSHOT may be "latest"; TARGET must not exist, or be an empty directory. Needs Python 3.9 and the shared
libraries of OpenSSL 3 and zstd. What is damaged is named, the rest goes on; the exit code is 1 then.
"""
import argparse, hashlib, hmac, json, os, re, struct, sys

from libraries import open_aes_256_gcm, open_zstd
from problems import Damaged, need, noting
from tree import restore, text_of

MIB = 1 << 20
DATA, LIST = 1, 2
TIME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z"
NAMES = {"keys": r"[0-9a-f]{32}", "index": r"[0-9a-f]{64}", "packs": r"([0-9a-f]{2})/\1[0-9a-f]{62}",
         "snapshots": rf"(safety-[0-9A-Za-z._-]+/)?{TIME}-[0-9a-f]{{8}}"}


def open_box(key, nonce, additional, box, what):
    plain = open_aes_256_gcm(key, nonce, additional, box)
    need(plain is not None, f"{what}: does not decrypt")
    return plain


def hkdf(key, salt, info):
    return hmac.digest(hmac.digest(salt or bytes(32), key, "sha256"), info.encode() + b"\x01", "sha256")


def decode(codec, payload, limit, what):
    need(codec in (0, 1), f"{what}: unknown codec {codec}")
    content = payload if codec == 0 else open_zstd(payload, limit)
    need(content is not None and len(content) <= limit, f"{what}: does not decompress, or is longer than it may be")
    return content


def is_padme(length):
    exponent = length.bit_length() - 1
    return length % (1 << max(0, exponent - exponent.bit_length())) == 0


class Fields:
    """Binary fields, one after the other."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, size):
        need(self.at + size <= len(self.data), f"{self.what}: ends too early")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size=4):
        return int.from_bytes(self.take(size), "little")

    def places(self):
        """For each chunk: id, type, offset, length of the box, length of the content."""
        count = self.number()
        need(count <= 262144, f"{self.what}: more than 262,144 chunks")
        return [struct.unpack("<32sBIII", self.take(45)) for _ in range(count)]


class Repository:
    def __init__(self, bucket, prefix, secret, kind):
        self.root, self.problems, self.pack_keys = os.path.join(bucket, prefix + ".repo"), [], {}
        config = json.loads(self.read("config", 64 << 10))
        need(config["format"] == "b2backupd-packed" and config["version"] <= 1,
             f"config: {config['format']}, version {config['version']}: use a newer program")
        self.id_hex, self.id = config["repository"], bytes.fromhex(config["repository"])
        need(len(self.id) == 16, "config: a repository id has 16 bytes")
        self.master = self.open_slots(secret, kind)
        self.id_keys = {DATA: hkdf(self.master, None, "b2backupd packed chunk id data v1"),
                        LIST: hkdf(self.master, None, "b2backupd packed chunk id list v1")}
        self.read_index()

    def read(self, name, limit, offset=0):
        with open(os.path.join(self.root, name), "rb") as file:
            file.seek(offset)
            data = file.read(limit + 1)
        need(offset or len(data) <= limit, f"{name}: longer than {limit} bytes")
        return data[:limit]

    def names(self, folder):
        top = os.path.join(self.root, folder)
        found = [os.path.relpath(os.path.join(at, file), top) for at, _, files in os.walk(top) for file in files]
        return sorted(name for name in found if re.fullmatch(NAMES[folder], name))

    def open_slots(self, secret, kind):
        if kind == "recovery":
            secret = secret.upper().translate({ord("O"): "0", ord("I"): "1", ord("L"): "1", ord(" "): None, ord("-"): None})
        problems = []
        for name in self.names("keys")[:100]:
            with noting(problems, f"keys/{name}: "):
                slot = json.loads(self.read(f"keys/{name}", 16 << 10))
                need(slot["version"] <= 1, f"version {slot['version']}: use a newer program")
                if slot["repository"] == self.id_hex and slot["kind"] == kind:
                    return self.open_slot(slot, name, secret)
        raise Damaged("; ".join([f"no key slot opens with this secret as {kind}", *problems]))

    def open_slot(self, slot, name, secret):
        kdf = slot["kdf"]
        n, r, p = kdf["n"], kdf["r"], kdf["p"]
        need(kdf["name"] == "scrypt" and n & (n - 1) == 0 and 2**14 <= n <= 2**20 and 1 <= r <= 16 and 1 <= p <= 4
             and 128 * n * r < 256 * MIB, "derivation out of bounds")
        need(slot["slot"] == name, "has another name inside")
        key = hashlib.scrypt(secret.encode("utf-8", "surrogateescape"), salt=bytes.fromhex(kdf["salt"]), n=n, r=r, p=p, dklen=32,
                             maxmem=300 * MIB)
        additional = "\0".join(("b2backupd packed slot v1", self.id_hex, name, slot["kind"])).encode()
        master = open_box(key, bytes.fromhex(slot["nonce"]), additional, bytes.fromhex(slot["wrapped"]), "slot")
        need(len(master) == 32, "the master key has another length")
        return master

    def open_sealed(self, name, magic, purpose, authenticated_name):
        data = self.read(name, 20 * MIB)
        need(data[:8] == magic and is_padme(len(data)), f"{name}: not an object of its kind")
        need(purpose != "index" or name.endswith(hashlib.sha256(data).hexdigest()), f"{name}: is not what its name says")
        key = hkdf(self.master, data[8:40], f"b2backupd packed {purpose} v1")
        fields = Fields(open_box(key, bytes(12), magic + self.id + authenticated_name.encode(), data[40:], name), name)
        size, codec = fields.number(), fields.number(1)
        payload = fields.take(size)
        need(size <= 16 * MIB and not any(fields.data[fields.at:]), f"{name}: bad padding")
        return decode(codec, payload, 16 * MIB, name)

    def read_index(self):
        replaced, objects = set(), {}
        for name in self.names("index"):
            with noting(self.problems):
                fields = Fields(self.open_sealed(f"index/{name}", b"B2BRIDX1", "index", ""), f"index/{name}")
                gone = {fields.take(32).hex() for _ in range(fields.number())}
                packs = [(fields.take(32).hex(), fields.take(32), fields.number(8), fields.places()) for _ in range(fields.number())]
                need(fields.at == len(fields.data), f"index/{name}: bytes behind its end")
                replaced |= gone
                objects[name] = packs
        self.packs, self.chunks = {}, {}
        for pack, salt, length, places in sum((packs for name, packs in objects.items() if name not in replaced), []):
            self.packs[pack] = (salt, length, places)
            for number, (chunk, kind, offset, size, content) in enumerate(places):
                self.chunks.setdefault((kind, chunk), []).append((pack, salt, number, offset, size, content))

    def open_chunk(self, kind, chunk, salt, number, box, content, what):
        need(content <= 4 * MIB, f"{what}: a chunk over 4 MiB")
        if salt not in self.pack_keys:
            self.pack_keys[salt] = hkdf(self.master, salt, "b2backupd packed pack v1")
        plain = open_box(self.pack_keys[salt], struct.pack("<Q4x", number), bytes([kind]) + self.id + chunk, box, what)
        data = decode(plain[0] if plain else None, plain[1:], content, what)
        need(len(data) == content and hmac.digest(self.id_keys[kind], data, "sha256") == chunk, f"{what}: has other content")
        return data

    def chunk(self, kind, chunk):
        problems = []
        for pack, salt, number, offset, size, content in self.chunks.get((kind, chunk), ()):  # any of them will do
            with noting(problems):
                box = self.read(f"packs/{pack[:2]}/{pack}", min(size, 5 * MIB), offset)
                return self.open_chunk(kind, chunk, salt, number, box, content, f"chunk {chunk.hex()} in pack {pack}")
        raise Damaged("; ".join(problems) or f"chunk {chunk.hex()} is in no pack")

    def snapshot(self, name):
        """Its entries, each with its path as bytes and the ids of its chunks."""
        where = f"snapshots/{name}"
        snapshot = json.loads(self.open_sealed(where, b"B2BRSNP1", "snapshot", name))
        need(snapshot["version"] <= 1, f"{where}: version {snapshot['version']}: use a newer program")
        data = b"".join(self.chunk(LIST, bytes.fromhex(chunk)) for chunk in snapshot["list"]["chunks"])
        need(snapshot["id"] == name and len(data) == snapshot["list"]["bytes"], f"{where}: not what its name or its list says")
        need(not data or data.endswith(b"\n"), f"{where}: its list is cut off")
        entries, lines = [], iter(data.split(b"\n")[:-1])
        for line in lines:
            need(line[:1] == b"{" and len(line) <= MIB, f"{where}: {line[:40]!r} is no entry")
            entry = json.loads(line)
            entry["path"] = text_of(entry, "path")
            need(not entries or entries[-1]["path"] < entry["path"], f"{where}: paths do not ascend")
            entry["ids"] = [bytes.fromhex(next(lines, b"").decode()) for _ in range(entry.get("chunks", 0))]
            need(all(len(chunk) == 32 for chunk in entry["ids"]), f"{where}: ids of chunks are missing")
            entries.append(entry)
        need(len(entries) == snapshot["list"]["entries"], f"{where}: its list has another number of entries")
        return entries

    def content(self, entry):
        """The pieces of a file; at the end its size and hash are compared."""
        whole, size = hashlib.sha256(), 0
        for chunk in entry["ids"]:
            piece = self.chunk(DATA, chunk)
            whole.update(piece)
            size += len(piece)
            yield piece
        need(size == entry["size"] and whole.hexdigest() == entry["hash"], "content has another size or hash")

    def check_pack(self, name):
        what = f"packs/{name}"
        data = self.read(what, 64 * MIB)
        pack, salt, size = hashlib.sha256(data).hexdigest(), data[8:40], int.from_bytes(data[-16:-12], "little")
        need(name[3:] == pack, f"{what}: is not what its name says")
        need(data[:8] == b"B2BRPCK1" and data[-12:] == bytes(4) + b"B2BREND1" and is_padme(len(data)), f"{what}: not a pack")
        start = len(data) - 16 - size
        need(size <= 16 * MIB and start >= 40, f"{what}: bad length of directory")
        key = hkdf(self.master, salt, "b2backupd packed pack v1")
        fields = Fields(open_box(key, b"\xff" * 8 + bytes(4), b"\0" + self.id, data[start:-16], what), what)
        places, end = fields.places(), 40
        need(len(fields.data) % 4096 == 0 and not any(fields.data[fields.at:]), f"{what}: bad padding of directory")
        for number, (chunk, kind, offset, box, content) in enumerate(places):
            need(kind in self.id_keys and end <= offset and offset + box <= start, f"{what}: bad place of chunk {number}")
            end = offset + box
            self.open_chunk(kind, chunk, salt, number, data[offset:end], content, f"{what}: chunk {chunk.hex()}")
        need(self.packs.get(pack, (salt, len(data), places)) == (salt, len(data), places), f"{what}: the index says something else")


def check(repository):
    packs, snapshots, good = repository.names("packs"), repository.names("snapshots"), set()
    for pack in sorted(set(repository.packs) - {name[3:] for name in packs}):
        repository.problems.append(f"packs/{pack[:2]}/{pack}: is in the index and not there")
    for name in packs:
        with noting(repository.problems):
            repository.check_pack(name)
    for name in snapshots:
        with noting(repository.problems):
            for entry in repository.snapshot(name):
                same = (entry.get("hash"), entry.get("size"), tuple(entry["ids"]))
                if entry["type"] == "file" and same not in good:
                    with noting(repository.problems, f"{name}: {os.fsdecode(entry['path'])}: "):
                        for _ in repository.content(entry):
                            pass
                        good.add(same)
    print(f"looked at {len(packs)} packs, {len(repository.chunks)} chunks, {len(snapshots)} snapshots, {len(good)} different files")


def run(given):
    with open(given.secret_file, encoding="utf-8", errors="surrogateescape", newline="") as file:
        secret = file.read().rstrip("\r\n")
    repository = Repository(given.bucket, given.prefix, secret, given.kind)
    names = repository.names("snapshots")
    if given.verb == "list":
        print("\n".join(names))
    elif given.verb == "check":
        check(repository)
    else:
        newest = max((name for name in names if not name.startswith("safety-")), default="latest")
        with noting(repository.problems):
            restore(repository, newest if given.snapshot == "latest" else given.snapshot, given.target)
    return repository.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bucket")
    parser.add_argument("prefix")
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--kind", choices=("application-key", "passphrase", "recovery"), default="application-key")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    verbs.add_parser("check")
    restoring = verbs.add_parser("restore")
    restoring.add_argument("snapshot")
    restoring.add_argument("target")
    problems = []
    with noting(problems):
        problems += run(parser.parse_args())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
