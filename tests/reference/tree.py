"""Entries of a snapshot, made again as files, directories and symbolic links below a new directory."""
import os
from base64 import b64decode

from problems import need, noting


def text_of(entry, name):
    return b64decode(entry[name + "64"]) if name + "64" in entry else entry.get(name, "").encode()


def restore(repository, name, target):
    entries, made, files = repository.snapshot(name), [], {}
    os.makedirs(target, 0o700, exist_ok=True)
    target = os.path.realpath(os.fsencode(target))
    need(not os.listdir(target), f"{os.fsdecode(target)}: is not empty")
    for entry in sorted(entries, key=lambda e: (e["type"] == "symlink", bool(text_of(e, "link")))):
        path = os.path.join(target, entry["path"])
        with noting(repository.problems, f"{os.fsdecode(entry['path'])}: "):
            need(b"\0" not in path and not {b"", b".", b".."} & set(entry["path"].split(b"/")), "leads out of the target")
            folder = path if entry["type"] == "dir" else os.path.dirname(path)
            need(os.path.realpath(folder) == folder, "leads through a symbolic link")
            os.makedirs(folder, 0o700, exist_ok=True)
            if entry["type"] == "symlink":
                os.symlink(text_of(entry, "target"), path)
            elif entry["type"] == "file":
                restore_file(repository, entry, path, files.get((text_of(entry, "link"), entry["hash"])))
                files[entry["path"], entry["hash"]] = path
            else:
                need(entry["type"] == "dir", f"unknown type {entry['type']}")
            made.append((path, entry))
    for path, entry in sorted(made, key=lambda item: item[0], reverse=True):  # what is inside a folder before the folder
        with noting(repository.problems, f"{os.fsdecode(entry['path'])}: "):
            metadata(path, entry)
    print(f"restored {len(made)} of {len(entries)} entries")


def restore_file(repository, entry, path, other_name):
    with open(path, "xb") as file:
        try:
            file.writelines(repository.content(entry))
        except Exception:
            os.unlink(path)
            raise
    if other_name:  # the same file, restored already
        os.unlink(path)
        os.link(other_name, path)


def metadata(path, entry):
    if os.geteuid() == 0:
        os.chown(path, entry["uid"], entry["gid"], follow_symlinks=False)
    attributes = {name.encode(): value for name, value in entry.get("xattrs", {}).items()}
    attributes.update({b64decode(name): value for name, value in entry.get("xattrs64", {}).items()})
    for name, value in attributes.items():
        os.setxattr(path, name, b64decode(value), follow_symlinks=False)
    if entry["type"] != "symlink":
        os.chmod(path, entry["mode"])
    os.utime(path, ns=(int(entry["mtime"]), int(entry["mtime"])), follow_symlinks=False)
