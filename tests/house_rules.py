"""Rules of the house that a compiler does not check. Ends with 1 and names each place."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

RULES = [
    # pattern, where it is looked for, where it is allowed, what to do instead
    (r"system_clock::now|steady_clock::now|\bgettimeofday\(|[^_\w.]time\((nullptr|NULL|0)\)", ("core", "daemon"), ("core/util/clock.cpp",),
     "time comes from a Clock (core/util/clock.h)"),
    (r"\bsleep_for\(|\bsleep_until\(|\busleep\(", ("core", "daemon", "tests/unit"), ("core/store/s3/",), "wait for an event, not for time"),
    (r"\b(FIXME|TODO|XXX|HACK)\b", ("core", "daemon", "gateway-plugin", "tests", "scripts", "docs", "cmake"), ("tests/house_rules.py",),
     "finish it, or say in the docs what is missing"),
    (r"\busing namespace std;", ("core", "daemon", "tests"), ("tests/house_rules.py",), "name what is used"),
    (r"\b(std::)?(rand|srand)\(\)", ("core", "daemon"), (), "random_bytes (core/crypto/hash.h)"),
    (r"\bsystem\(\"|\bpopen\(", ("core", "daemon"), (), "commands are argument lists, never run through a shell"),
]
SUFFIXES = {".cpp", ".h", ".js", ".py", ".sh", ".md", ".cmake", ".txt", ""}
LONGEST_FILE = {"core": 450, "daemon": 450, "gateway-plugin": 450, "tests": 1000}  # lines; tables of cases may be long


def files(folder):
    for path in sorted((ROOT / folder).rglob("*")):
        if path.is_file() and path.suffix in SUFFIXES and "corpus" not in path.parts and "__pycache__" not in path.parts:
            yield path


def main():
    problems, looked_at = [], 0
    for pattern, folders, allowed, advice in RULES:
        expression = re.compile(pattern)
        for folder in folders:
            for path in files(folder):
                name = str(path.relative_to(ROOT))
                if any(name.startswith(place) for place in allowed):
                    continue
                for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                    if expression.search(line):
                        problems.append(f"{name}:{number}: {line.strip()[:80]}  ({advice})")
    for folder in ("core", "daemon", "gateway-plugin", "tests"):
        for path in files(folder):
            looked_at += 1
            name = str(path.relative_to(ROOT))
            text = path.read_text(encoding="utf-8", errors="replace")
            if path.suffix == ".h" and "#pragma once" not in text:
                problems.append(f"{name}: no #pragma once")
            if path.suffix in (".cpp", ".h", ".js") and text.count("\n") > LONGEST_FILE[folder]:
                problems.append(f"{name}: {text.count(chr(10))} lines; a file is one idea")
    # The layers: a file may include only from its own layer and those below it.
    order = ["util", "sqlite", "crypto", "config", "schedule", "watch", "store", "notify", "gateway", "capture", "snapshot", "engine", "control"]
    for path in files("core"):
        layer = path.relative_to(ROOT / "core").parts[0]
        if layer not in order:
            continue
        for included in re.findall(r'#include "core/([a-z]+)/', path.read_text(encoding="utf-8", errors="replace")):
            if included in order and order.index(included) > order.index(layer):
                problems.append(f"{path.relative_to(ROOT)}: includes core/{included}, which is above core/{layer}")
    print("\n".join(problems) if problems else f"{looked_at} files keep the rules")
    return 1 if problems or looked_at < 100 else 0


sys.exit(main())
