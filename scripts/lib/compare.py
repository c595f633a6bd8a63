"""Compares a restored snapshot: compare.py ENTRIES.json RESTORED LIVE

Every restored file must have the hash that was captured; plain files must also equal the live ones byte for byte (one that
changed since the snapshot was taken is named, and only its captured hash counts).
"""
import base64
import hashlib
import json
import os
import sys


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def main():
    entries_path, restored, live = sys.argv[1:4]
    with open(entries_path, encoding="utf-8") as file:
        entries = json.load(file)["entries"]
    wrong, changed_since, plain, databases = [], [], 0, 0
    for entry in entries:
        name = base64.b64decode(entry["path64"]) if "path64" in entry else os.fsencode(entry["path"])
        there = os.path.join(os.fsencode(restored), name)
        if not os.path.lexists(there):
            wrong.append((entry["path"], "is missing"))
        elif entry["type"] == "symlink":
            if os.readlink(there) != os.fsencode(entry["target"]):
                wrong.append((entry["path"], "points elsewhere"))
        elif entry["type"] == "file":
            restored_hash = sha256(there)
            if restored_hash != entry["hash"]:
                wrong.append((entry["path"], "differs from what was captured"))
            if entry.get("database"):
                databases += 1
                continue
            plain += 1
            source = os.path.join(os.fsencode(live), name)
            if not os.path.exists(source) or sha256(source) != restored_hash:
                changed_since.append(entry["path"])
    for path in changed_since:
        print(f"changed since the snapshot was taken: {path}")
    for path, problem in wrong:
        print(f"WRONG: {path} {problem}")
    print(f"{plain} plain files equal byte for byte, {databases} databases as they were captured, {len(wrong)} wrong")
    return 1 if wrong or plain + databases == 0 else 0


sys.exit(main())
