"""What a change costs in the packed layout, by the size of chunks: transcripts and SQLite databases.

    ninja -C build/release chunk_sizes
    tests/bench/chunk_sizes.py [--tool build/release/bin/chunk_sizes] [--only TEXT]

Makes the files (seeded, about 400 MB in a temporary folder), changes them, and prints the tables of docs/benchmarks.md. What is stored is
counted as boxes: each new chunk compressed by itself, with its tag; packs, their padding and snapshot objects come on top.
"""
import argparse
import json
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile

LETTERS = "etaoinshrdlcumwfgypbvk"


class Words:
    """Text of words as frequent as in a language, so that it compresses like one."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.words = ["".join(self.random.choices(LETTERS, k=self.random.randint(2, 10))) for _ in range(20_000)]
        total, self.weights = 0.0, []
        for i in range(len(self.words)):
            total += 1 / (i + 3)
            self.weights.append(total)

    def text(self, count):
        return " ".join(self.random.choices(self.words, cum_weights=self.weights, k=max(1, count // 6)))

    def line(self, count):
        return json.dumps({"type": "message", "id": f"{self.random.getrandbits(64):016x}", "parentId": f"{self.random.getrandbits(64):016x}",
                           "timestamp": f"2026-02-{self.random.randint(1, 28):02}T12:{self.random.randint(0, 59):02}:07.123Z",
                           "message": {"role": self.random.choice(["user", "assistant", "toolResult"]),
                                       "content": [{"type": "text", "text": self.text(count)}],
                                       "usage": {"input": self.random.randint(1, 90000), "output": self.random.randint(1, 4000)}}}) + "\n"

    def lines(self, size):
        out, have = [], 0
        while have < size:
            out.append(self.line(int(self.random.lognormvariate(6, 1.2))).encode())
            have += len(out[-1])
        return out


def transcripts(folder):
    """(name, old, new)"""
    words = Words("transcripts")
    lines = words.lines(40_000_000)
    old = folder / "session.jsonl"
    old.write_bytes(b"".join(lines))

    def changed(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    whole = b"".join(lines)
    yield "40 MB of transcript: 2 KB appended", old, changed("append2", whole + b"".join(words.lines(2000)))
    yield "… 200 KB appended", old, changed("append200", whole + b"".join(words.lines(200_000)))
    middle = len(lines) // 2
    yield "… one line in the middle edited", old, changed("edit", b"".join(lines[:middle] + [words.line(700).encode()] + lines[middle + 1:]))
    places = words.random.sample(range(len(lines)), 20)
    for place in places:
        lines[place] = words.line(700).encode()
    yield "… 20 lines edited", old, changed("edits", b"".join(lines))
    yield "… the first half replaced by a summary", old, changed("compacted", words.line(8000).encode() + whole[len(whole) // 2:])
    small = folder / "small.jsonl"
    small.write_bytes(whole[:150_000])
    yield "150 KB of transcript: 2 KB appended", small, changed("small2", whole[:152_000])


def databases(folder):
    words = Words("databases")
    old = folder / "memory.sqlite"
    base = sqlite3.connect(old)
    base.executescript("PRAGMA page_size=4096; CREATE TABLE chunk(id INTEGER PRIMARY KEY, path TEXT, at INTEGER, body TEXT, vector BLOB);"
                       "CREATE INDEX chunk_path ON chunk(path); CREATE INDEX chunk_at ON chunk(at);")

    def row(number):
        return (number, f"agents/main/sessions/{words.random.randint(0, 400)}.jsonl", words.random.getrandbits(40), words.text(1600),
                words.random.randbytes(1536))

    rows = 36_000
    base.executemany("INSERT INTO chunk VALUES (?,?,?,?,?)", (row(i) for i in range(rows)))
    base.commit()
    base.close()

    def changed(name, change, start=old):
        path = folder / name
        shutil.copyfile(start, path)
        database = sqlite3.connect(path, isolation_level=None)
        change(database)
        database.close()
        return path

    def update(count):
        def run(database):
            database.execute("BEGIN")
            for number in words.random.sample(range(rows), count):
                database.execute("UPDATE chunk SET at=?, body=? WHERE id=?", (words.random.getrandbits(40), words.text(1600), number))
            database.execute("COMMIT")
        return run

    def insert(count):
        def run(database):
            database.execute("BEGIN")
            database.executemany("INSERT INTO chunk VALUES (?,?,?,?,?)", (row(rows + i) for i in range(count)))
            database.execute("COMMIT")
        return run

    def delete(database):
        database.execute("DELETE FROM chunk WHERE id % 37 = 5")

    yield f"{old.stat().st_size / 1e6:.0f} MB of SQLite: one row updated", old, changed("update1", update(1))
    updated = changed("update200", update(200))
    yield "… 200 random rows updated", old, updated
    yield "… 500 rows inserted", old, changed("insert", insert(500))
    deleted = changed("delete", delete)
    yield f"… {rows // 37} rows deleted", old, deleted
    yield "… VACUUM, 200 updates after it was made", updated, changed("vacuum", lambda database: database.execute("VACUUM"), updated)
    yield "… VACUUM, after those were deleted", deleted, changed("vacuumed", lambda database: database.execute("VACUUM"), deleted)


def table(title, changes, cell):
    print(f"\n| {title} | " + " | ".join(way["way"] for way in changes[0][1]) + " |\n|---" + "|---" * len(changes[0][1]) + "|")
    for name, ways in changes:
        print(f"| {name} | " + " | ".join(cell(way) for way in ways) + " |")


def size(count):
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} KB"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default=str(pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/chunk_sizes"))
    parser.add_argument("--only", default="", help="changes whose name has this text")
    arguments = parser.parse_args()

    def run(*words):
        return [json.loads(line) for line in subprocess.run([arguments.tool, *map(str, words)], check=True, capture_output=True).stdout.splitlines()]

    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for kind in (transcripts, databases):
            (folder / kind.__name__).mkdir()
        made = [item for kind in (transcripts, databases) for item in kind(folder / kind.__name__) if arguments.only in item[0]]
        print("| file | chunks of | chunks | zstd 1 | zstd 3 | ids in list and index, before compression |\n|---|---|---|---|---|---|")
        for name, path in (("transcript", folder / "transcripts/session.jsonl"), ("SQLite", folder / "databases/memory.sqlite")):
            for way in run("whole", path):
                print(f"| {name}, {size(way['bytes'])} | {way['way']} | {way['chunks']} | {size(way['zstd1'])} | {size(way['zstd3'])} | "
                      f"{size(110 * way['chunks'])}, {11000 * way['chunks'] / way['bytes']:.2f} % |")
        changes = [(name, run("change", old, new)) for name, old, new in made]
        table("new chunks, and their content", changes, lambda way: f"{way['chunks']}, {size(way['raw'])}")
        table("stored, zstd 1, with list and index", changes, lambda way: size(way["zstd1"] + way["list"] + way["index"]))
        table("stored, zstd 3, with list and index", changes, lambda way: size(way["zstd3"] + way["list"] + way["index"]))
        table("of that list and index", changes, lambda way: size(way["list"] + way["index"]))
        noise = folder / "noise"
        noise.write_bytes(random.Random(1).randbytes(40_000_000))
        print("\n| content, in chunks of 16/64/256 | cut MB/s | id MB/s | zstd 1 MB/s | back | ratio | zstd 3 MB/s | back | ratio |\n|---|---|---|---|---|---|---|---|---|")
        for name, path in (("transcript", folder / "transcripts/session.jsonl"), ("SQLite", folder / "databases/memory.sqlite"), ("noise", noise)):
            figures = run("speed", path)[0]
            one, three = figures["level1"], figures["level3"]
            print(f"| {name} | {figures['cut']} | {figures['id']} | {one['compress']} | {one['decompress']} | {one['ratio']:.2f} | "
                  f"{three['compress']} | {three['decompress']} | {three['ratio']:.2f} |")


main()
