"""The control socket against clients that are slow, broken, many, or somebody else's: the daemon keeps working meanwhile.

1,000 slow clients; malformed requests for 3 s, 60 s with B2B_LONG=1. Who is somebody else is tested as root only.
"""
import array
import base64
import contextlib
import http.client
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

import harness
from harness import MEGABYTE, Connection, Daemon, Machine

CLIENTS = 1000
MALFORMED_SECONDS = 60 if harness.LONG else 3
NOBODY, STRANGER = 65534, 65533
STATUS = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(path, seconds=20):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(seconds)
    client.connect(str(path))
    return client


def answer_of(client):
    """The status of the answer on a bare connection, 0 where it ends without one."""
    try:
        answer = http.client.HTTPResponse(client)
        answer.begin()
        answer.read()
        return answer.status
    except (http.client.HTTPException, OSError):
        return 0


class WithDaemon(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory(schedule="off", keepSnapshots=3)
        self.addCleanup(self.machine.close)
        self.machine.populate()
        self.daemon = Daemon(self.machine)
        self.addCleanup(self.daemon.kill)
        self.daemon.until_backed_up()

    def descriptors(self):
        """Sockets and pipes; SQLite keeps files of its own for later."""
        kinds = []
        for number in os.listdir(f"/proc/{self.daemon.pid}/fd"):
            with contextlib.suppress(OSError):
                kinds.append(os.readlink(f"/proc/{self.daemon.pid}/fd/{number}"))
        return sum(kind.startswith(("socket:", "pipe:")) for kind in kinds)

    def push(self, number):
        self.machine.write("workspace/MEMORY.md", f"push {number}\n")
        answer = self.daemon.push()
        self.assertTrue(answer["snapshot"])

    def check_work(self, number):
        """Status at once, a push, and its restored content."""
        began = time.monotonic()
        self.daemon.status()
        took = time.monotonic() - began
        self.push(number)
        content = self.daemon.post("/v1/cat", {"snapshot": "latest", "path": "workspace/MEMORY.md"})
        self.assertEqual(base64.b64decode(content["contentBase64"]).decode(), f"push {number}\n")
        return took


class Clients(WithDaemon):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CLIENTS + 500) if hard != -1 else CLIENTS + 500, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        super().setUp()

    def crowd(self, beginnings):
        """CLIENTS connections that stay open as long as the daemon lets them; each sends a beginning and then waits."""
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for number in range(CLIENTS):
            client = connect(self.daemon.socket)
            clients.append(client)
            with contextlib.suppress(OSError):  # early ones are closed already
                client.sendall(beginnings[number % len(beginnings)])
        return clients

    def check_with(self, beginnings, drip=b"x"):
        rest = self.descriptors()
        clients = self.crowd(beginnings)
        done = threading.Event()

        def go_on():
            while not done.wait(0.2):
                for client in clients:
                    with contextlib.suppress(OSError):
                        client.send(drip)

        dripping = threading.Thread(target=go_on)
        dripping.start()
        try:
            longest = max(self.check_work(number) for number in range(5))
        finally:
            done.set()
            dripping.join()
        peak = self.daemon.memory("VmHWM")
        for client in clients:
            client.close()
        harness.wait_for(lambda: self.descriptors() <= rest, "the connections' end")
        print(f"{CLIENTS} clients: a status took {longest * 1000:.0f} ms at most, peak {peak / MEGABYTE:.1f} MB", file=sys.stderr)
        self.assertLess(longest, 5)
        self.assertLessEqual(peak, 64 * MEGABYTE)

    def test_slow_ones(self):
        self.check_with([b"", b"G", b"GET /v1/status HTTP/1.1\r\nX-Slow: ", b"POST /v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
                         b"POST /v1/push HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n{"])

    def test_ones_that_speak_no_http(self):
        self.check_with([b"rubbish\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100])

    def test_ones_that_read_no_answer(self):
        """They are given the time that the page promises, so the others may be told to come again; none waits for longer than that."""
        clients = self.crowd([STATUS * 200])
        began = time.monotonic()

        def status():
            with contextlib.suppress(harness.Refusal, OSError, http.client.HTTPException):
                return self.daemon.status()

        harness.wait_for(status, "an answer to somebody else", 25)
        print(f"{CLIENTS} clients that do not read: a status after {time.monotonic() - began:.1f} s", file=sys.stderr)
        self.check_work(1)
        self.assertLessEqual(self.daemon.memory("VmHWM"), 64 * MEGABYTE)
        for client in clients:
            client.close()

    def test_listeners(self):
        """Event streams have a bound of their own, and one that is not read is let go."""
        clients = self.crowd([b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n"])
        self.assertLess(max(self.check_work(number) for number in range(5)), 5)
        statuses = [answer_of_head(client) for client in clients]
        self.assertEqual((statuses.count(200), statuses.count(200) + statuses.count(503)), (16, CLIENTS))

    def test_malformed_requests(self):
        randomly = harness.seeded()
        whole = [STATUS, b"POST /v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"dryRun\":true}",
                 b"POST /v1/cat HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n",
                 b"GET /v1/snapshots/latest/files?path=a%2Fb HTTP/1.0\r\n\r\n",
                 b"POST /v1/notify HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 27\r\n\r\n{\"event\":\"after_compaction\"}"]
        pieces = [b"\r\n", b"\n", b"\0", b"\xff", b" ", b":", b"%", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
                  b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n", b"{" * 2000, b"[" * 100_000, b"HTTP/1.1", b"A" * 20_000]
        rest = self.descriptors()
        count, statuses, end = 0, {}, time.monotonic() + MALFORMED_SECONDS
        while time.monotonic() < end:
            text = bytearray(randomly.choice(whole) * randomly.choice((1, 1, 3)))
            for _ in range(randomly.randrange(1, 4)):
                at = randomly.randrange(len(text) + 1)
                kind = randomly.randrange(4)
                if kind == 0:
                    text[at:at] = randomly.choice(pieces)
                elif kind == 1:
                    del text[at:at + randomly.randrange(1, 20)]
                elif kind == 2 and at < len(text):
                    text[at] ^= 1 << randomly.randrange(8)
                else:
                    text[at:] = text[at:][::-1]
            with connect(self.daemon.socket) as client:
                with contextlib.suppress(OSError):
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                status = answer_of(client)
            statuses[status] = statuses.get(status, 0) + 1
            count += 1
        print(f"{count} malformed requests, by status: {dict(sorted(statuses.items()))}", file=sys.stderr)
        self.assertLessEqual(set(statuses), {0, 200, 400, 403, 404, 405, 408, 409, 411, 413, 417, 431, 500, 501, 505})
        self.assertEqual(statuses.get(500, 0), 0, "a client's mistake is no failure of the daemon")
        self.check_work(1)
        harness.wait_for(lambda: self.descriptors() <= rest, "the connections' end")


def answer_of_head(client):
    """The status alone; what follows may never end."""
    try:
        return int(client.recv(12).split()[1])
    except (OSError, IndexError, ValueError):
        return 0


# What another user's process does, in a program of its own, since one that was forked off a test may hold its locks. It takes its orders
# on the socket that is its standard input, and passes connections with them.
OTHER = """
import array, os, socket, sys
orders = socket.socket(fileno=0)
def answer(client):
    client.settimeout(20)
    text = b""
    try:
        while b"\\r\\n" not in text:
            got = client.recv(4096)
            if not got: break
            text += got
    except OSError:
        pass
    return text.split(b" ")[1] if text.startswith(b"HTTP/1.1 ") else b"none"
def fresh(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client
while True:
    data, ancillary, _, _ = orders.recvmsg(4096, socket.CMSG_SPACE(4))
    if not data: break
    order, _, rest = data.partition(b" ")
    handed = None
    for _, _, raw in ancillary:
        handed = socket.socket(fileno=array.array("i", raw)[0])
    if order == b"ask":
        try:
            client = handed or fresh(rest)
            client.sendall(b"GET /v1/status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        except BrokenPipeError:
            pass
        except OSError as error:
            orders.sendall(b"errno " + str(error.errno).encode())
            continue
        orders.sendall(answer(client))
    elif order == b"open":
        client = fresh(rest)
        orders.sendmsg([b"here"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [client.fileno()]))])
        client.close()
"""


class Other:
    """A process of another user."""

    def __init__(self, user):
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.orders.settimeout(30)
        self.process = subprocess.Popen([interpreter(), "-c", OTHER], stdin=theirs, user=user, group=user, extra_groups=[], cwd="/")
        theirs.close()

    def order(self, text, descriptor=None):
        """Its answer, and the connection that it passed, if any."""
        rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        self.orders.sendmsg([text.encode()], rights)
        data, ancillary, _, _ = self.orders.recvmsg(4096, socket.CMSG_SPACE(4))
        handed = [socket.socket(fileno=array.array("i", raw)[0]) for _, _, raw in ancillary]
        return data.decode(), handed[0] if handed else None

    def ask(self, path):
        """The status of its answer to a request of its own."""
        return self.order(f"ask {path}")[0]

    def close(self):
        self.orders.close()
        self.process.wait(10)


def interpreter():
    """A Python that other users may start."""
    for path in ("/usr/bin/python3", sys.executable):
        if os.path.exists(path) and subprocess.run([path, "-c", ""], user=NOBODY, group=NOBODY, cwd="/", check=False,
                                                   stderr=subprocess.DEVNULL).returncode == 0:
            return path
    raise unittest.SkipTest("no Python here that another user may start")


def open_up(machine, path):
    """Lets everybody through the directories to the socket, and the socket itself: what is left is the look at the peer."""
    for folder in [machine.root, *[parent for parent in path.parents if machine.root in parent.parents]]:
        folder.chmod(0o755)
    path.chmod(0o666)


class OtherUsers(WithDaemon):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            print("SKIPPED: who may use the control socket. Becoming another user takes root.", file=sys.stderr)
            raise unittest.SkipTest("needs root")
        interpreter()

    def stranger(self, user=NOBODY):
        other = Other(user)
        self.addCleanup(other.close)
        return other

    def refusals(self):
        return self.daemon.log.count("tried to use the control socket, and is refused")

    def test_the_modes_keep_them_out(self):
        self.machine.root.chmod(0o755)
        self.assertEqual(self.stranger().ask(self.daemon.socket), "errno 13")
        self.assertEqual(self.refusals(), 0)

    def test_the_peer_check_keeps_them_out(self):
        open_up(self.machine, self.daemon.socket)
        before = len(self.daemon.snapshots())
        stranger = self.stranger()
        for _ in range(3):
            self.assertEqual(stranger.ask(self.daemon.socket), "403")
        self.assertEqual(self.refusals(), 3)
        self.assertEqual(len(self.daemon.snapshots()), before)
        self.check_work(1)

    def test_a_connection_that_another_user_opened_and_we_use(self):
        """Refused: what counts is who connected."""
        open_up(self.machine, self.daemon.socket)
        handed = self.stranger().order(f"open {self.daemon.socket}")[1]
        with handed:
            handed.settimeout(20)
            with contextlib.suppress(BrokenPipeError):
                handed.sendall(STATUS)
            self.assertEqual(answer_of(handed), 403)
        self.assertEqual(self.refusals(), 1)
        self.check_work(1)

    def test_a_connection_that_we_opened_and_another_user_uses(self):
        """Served: it is ours, and we answer for it."""
        with connect(self.daemon.socket) as ours:
            self.assertEqual(self.stranger().order("ask", ours.fileno())[0], "200")
            # It is one connection still, and theirs is gone with nobody's doing of ours.
            ours.sendall(STATUS)
            self.assertEqual(answer_of(ours), 200)
        self.assertEqual(self.refusals(), 0)

    def test_descriptors_that_come_along(self):
        """What comes along with a request is closed unseen."""
        before = self.descriptors()
        end, theirs = os.pipe()
        with connect(self.daemon.socket) as client:
            for piece in (STATUS[:10], STATUS[10:]):
                client.sendmsg([piece], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs] * 50))])
            self.assertEqual(answer_of(client), 200)
            os.close(theirs)
            self.assertLessEqual(self.descriptors(), before + 1, "its connection alone")
            with open(end, "rb") as pipe:
                self.assertEqual(pipe.read(), b"", "nobody holds the other end any more")

    def test_a_flood_of_strangers(self):
        open_up(self.machine, self.daemon.socket)
        strangers = [self.stranger() for _ in range(4)]
        done = threading.Event()
        asked = []

        def ask(stranger):
            while not done.is_set():
                asked.append(stranger.ask(self.daemon.socket))

        threads = [threading.Thread(target=ask, args=(stranger,)) for stranger in strangers]
        for thread in threads:
            thread.start()
        try:
            longest = max(self.check_work(number) for number in range(3))
        finally:
            done.set()
            for thread in threads:
                thread.join()
        print(f"{len(asked)} requests of another user meanwhile; a status took {longest * 1000:.0f} ms at most; "
              f"the log has {len(self.daemon.log):,} bytes", file=sys.stderr)
        self.assertLessEqual(set(asked), {"403", "none"})  # beyond 64 at once they are closed without a word
        self.assertLess(longest, 5)


class OwnedByAnother(unittest.TestCase):
    """A daemon that is not root's: its owner and root are served, a third user is not."""

    @classmethod
    def setUpClass(cls):
        OtherUsers.setUpClass()

    def test_who_is_served(self):
        machine = Machine().use_directory(schedule="off")
        self.addCleanup(machine.close)
        machine.populate()
        programs = machine.root / "bin"
        programs.mkdir()
        shutil.copy(harness.BIN / "b2backupd", programs)
        subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", machine.root], check=True)
        log = open(machine.root / "log", "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen([programs / "b2backupd", "-v"], env=machine.environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, user=STRANGER, group=STRANGER, extra_groups=[], cwd="/")
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        path = machine.state / "b2backupd" / "daemon.sock"
        harness.wait_for(path.exists, "the socket")
        owner, nobody = Other(STRANGER), Other(NOBODY)
        self.addCleanup(owner.close)
        self.addCleanup(nobody.close)
        self.assertEqual(owner.ask(path), "200")
        open_up(machine, path)
        self.assertEqual((owner.ask(path), nobody.ask(path)), ("200", "403"))
        connection = Connection(path, 20)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/status")
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["pid"]), (200, process.pid))
        handed = nobody.order(f"open {path}")[1]
        with handed:
            handed.settimeout(20)
            with contextlib.suppress(BrokenPipeError):
                handed.sendall(STATUS)
            self.assertEqual(answer_of(handed), 403)


if __name__ == "__main__":
    unittest.main()
