"""Makes a small state directory like OpenClaw's: sample_state.py DIRECTORY"""
import json
import pathlib
import sqlite3
import sys


def database(path, table, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, body TEXT)")
    connection.executemany(f"INSERT INTO {table}(body) VALUES(?)", [(f"row {i} " + "x" * 200,) for i in range(rows)])
    connection.commit()
    connection.close()


def main():
    root = pathlib.Path(sys.argv[1])
    root.mkdir(parents=True, mode=0o700)
    (root / "openclaw.json").write_text('{\n  // a sample\n  agents: { defaults: { model: "sample" } },\n}\n')
    database(root / "state" / "openclaw.sqlite", "cron_jobs", 40)
    database(root / "agents" / "main" / "agent" / "openclaw-agent.sqlite", "transcript_events", 400)
    sessions = root / "agents" / "main" / "sessions"
    sessions.mkdir(parents=True)
    with open(sessions / "first.jsonl", "w", encoding="utf-8") as out:
        for i in range(200):
            out.write(json.dumps({"type": "message", "n": i, "text": "hello " * 20}) + "\n")
    workspace = root / "workspace"
    (workspace / "notes" / "empty folder").mkdir(parents=True)
    (workspace / "MEMORY.md").write_text("# What I remember\n\n- The backup comes first.\n")
    (workspace / "notes" / "naïve 日本 🦞.md").write_text("names of every kind\n")
    (workspace / "latest.md").symlink_to("MEMORY.md")


main()
