"""What a person sees on a terminal: one live progress line, a question before overwriting; none of it in pipes."""
import os
import pty
import select
import subprocess
import unittest

import harness
from harness import FakeS3, Machine


def on_terminal(machine, *arguments, answer=None):
    """Runs with a terminal as stdin, stdout and stderr; types `answer` when asked. Returns the exit code and all output."""
    master, slave = pty.openpty()
    process = subprocess.Popen(machine.command(*arguments), env={**machine.environment, "TERM": "xterm"}, stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True)
    os.close(slave)
    seen = b""
    answered = False
    while True:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, f"nothing for a minute: {seen}"
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        if answer is not None and not answered and b"[y/N]" in seen:
            os.write(master, answer.encode() + b"\n")
            answered = True
    os.close(master)
    return process.wait(60), seen.decode("utf-8", "replace")


class Terminal(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3("--latency-ms", "60")
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake).populate(files=200, databases=False)
        self.addCleanup(self.machine.close)

    def test_progress_is_one_line_on_a_terminal_only(self):
        code, seen = on_terminal(self.machine, "push")
        self.assertEqual(code, 0, seen)
        self.assertIn("\r\x1b[K", seen)
        self.assertIn("files", seen)
        self.assertTrue(any(f"/{n} files" in seen for n in range(200, 210)), seen)
        code, seen = on_terminal(self.machine, "--quiet", "push")
        self.assertNotIn("\x1b", seen)
        outcome = self.machine.run("push")
        self.assertNotIn("\x1b", outcome.out + outcome.err)

    def test_overwriting_is_asked_about(self):
        self.machine.ok("push")
        self.machine.write("workspace/MEMORY.md", "edited\n")
        memory = self.machine.state / "workspace/MEMORY.md"
        code, seen = on_terminal(self.machine, "restore", "latest", answer="n")
        self.assertEqual(code, 77, seen)
        self.assertIn("nothing was changed", seen)
        self.assertEqual(memory.read_text(), "edited\n")
        code, seen = on_terminal(self.machine, "restore", "latest", answer="y")
        self.assertEqual(code, 0, seen)
        self.assertEqual(memory.read_text(), "# memory\n")


if __name__ == "__main__":
    unittest.main()
