"""docs/openapi.json against a running daemon: every route is called, and every answer fits what is written there."""
import fcntl
import json
import os
import pathlib
import re
import signal
import unittest
import urllib.parse

from harness import SOURCE, Connection, Daemon, FakeS3, Machine, wait_for

DOCUMENT = json.loads((SOURCE / "docs" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "post", "put", "delete", "patch")

TYPES = {"null": type(None), "boolean": bool, "string": str, "array": list, "object": dict}
NOTES = {"description", "default"}  # what says nothing about the value


def is_type(value, name):
    if name in ("integer", "number"):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (name == "number" and isinstance(value, float))
    return isinstance(value, TYPES[name])


def problems_of(value, schema, where="answer"):
    """What is wrong with `value`, a list of texts. A keyword that this validator does not know is an error of the schema:
    nothing in the file is there for show."""
    if "$ref" in schema:
        return problems_of(value, SCHEMAS[schema["$ref"].removeprefix("#/components/schemas/")], where)
    known = {"type", "enum", "const", "oneOf", "properties", "required", "additionalProperties", "items", "maxItems", "minimum",
             "maximum", "pattern", "minLength", "maxLength"}
    unknown = set(schema) - known - NOTES
    assert not unknown, f"{where}: the validator does not know {unknown}"
    out = []
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(is_type(value, name) for name in names):
            return [f"{where}: {value!r} is not {' or '.join(names)}"]
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{where}: {value!r} is none of {schema['enum']}")
    if "const" in schema and (value != schema["const"] or type(value) is not type(schema["const"])):
        out.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "oneOf" in schema:
        each = [problems_of(value, option, where) for option in schema["oneOf"]]
        if sum(not found for found in each) != 1:
            out.append(f"{where}: fits {sum(not found for found in each)} of {len(each)} forms: {each}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        out += [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, member in value.items():
            if name in properties:
                out += problems_of(member, properties[name], f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                out.append(f"{where}: {name} is not in the description")
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            out.append(f"{where}: {len(value)} items")
        for number, item in enumerate(value):
            out += problems_of(item, schema.get("items", {}), f"{where}[{number}]")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            out.append(f"{where}: {value} is out of bounds")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            out.append(f"{where}: {value!r} does not match {schema['pattern']}")
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            out.append(f"{where}: has the length {len(value)}")
    return out


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def request_schema(operation):
    return operation["requestBody"]["content"]["application/json"]["schema"]


def schema_of(operation, status):
    """Media type and schema of an answer."""
    response = operation["responses"].get(str(status), operation["responses"]["default"])
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].removeprefix("#/components/responses/")]
    return next((media, content["schema"]) for media, content in response["content"].items())


class Described(Daemon):
    """A daemon that is asked by what the description says, and whose answers are held against it."""

    def __init__(self, machine):
        super().__init__(machine)
        self.answered = set()

    def connect(self):
        return Connection(self.socket, 60)

    def raw(self, method, address, body=None):
        connection = self.connect()
        try:
            connection.request(method, address, body=body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def ask(self, method, path, body=None, query=None, status=200, **parameters):
        """Calls a documented operation; the answer, if it is as documented."""
        operation = DOCUMENT["paths"][path][method.lower()]
        address = path
        for name, value in parameters.items():
            address = address.replace("{" + name + "}", urllib.parse.quote(value, safe=""))
        if query:
            address += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        got, headers, text = self.raw(method, address, None if body is None else json.dumps(body))
        assert got == status, f"{method} {address} {body}: {got} {text}\n{self.log[-2000:]}"
        media, schema = schema_of(operation, got)
        assert headers["Content-Type"].split(";")[0] == media, f"{method} {address}: {headers}"
        value = json.loads(text) if media == "application/json" else text
        wrong = problems_of(value, schema)
        assert not wrong, f"{method} {address} {body}: {wrong}\n{text}"
        if got == 200:
            self.answered.add((method, path))
            if body is not None and "requestBody" in operation:
                wrong = problems_of(body, request_schema(operation), "request")
                assert not wrong, f"{method} {address} takes what the description forbids: {wrong}"
        return value

    def push(self, **body):
        return self.ask("POST", "/v1/push", body)

    def status(self):
        return self.ask("GET", "/v1/status")

    def events(self):
        """(name, data) of what happened and happens, each as it is described."""
        connection = self.connect()
        try:
            connection.request("GET", "/v1/events", headers={"Last-Event-ID": "another-1"})
            answer = connection.getresponse()
            assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream"
            self.answered.add(("GET", "/v1/events"))
            name = None
            for line in answer.fp:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    data = json.loads(value)
                    wrong = problems_of(data, SCHEMAS["Event-" + name], name)
                    assert not wrong, wrong
                    yield name, data
        finally:
            connection.close()

    def events_so_far(self):
        self.raw("POST", "/v1/notify", '{"event":"after_compaction"}')  # the mark that ends what is read here
        names = set()
        for name, data in self.events():
            names.add(name)
            if (name, data) == ("notify", {"event": "after_compaction"}):
                return names
        raise AssertionError("the stream ended")


class WithDaemon(unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory().populate()
        self.addCleanup(self.machine.close)
        self.daemon = Described(self.machine)
        self.addCleanup(self.daemon.terminate)


class Description(unittest.TestCase):
    """The file itself, against the code's list of routes and the page for people."""

    def test_it_lists_the_routes_of_the_code_and_no_others(self):
        code = (SOURCE / "daemon" / "service" / "routes.cpp").read_text(encoding="utf-8")
        routes = set(re.findall(r'server\.route\("([A-Z]+)", "([^"]+)"', code))
        routes |= {("GET", path) for path in re.findall(r'server\.route_events\("([^"]+)"', code)}
        self.assertEqual(routes, {(method, path) for method, path, _ in operations()})

    def test_the_page_has_each_route(self):
        page = (SOURCE / "docs" / "control-api.md").read_text(encoding="utf-8")
        self.assertEqual(sorted(f"{method} {path}" for method, path, _ in operations()),
                         sorted(re.findall(r"^\| `([A-Z]+ /[^` ]*)`", page, re.MULTILINE)))

    def test_references_lead_somewhere_and_each_schema_is_used(self):
        text = json.dumps(DOCUMENT)
        used = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
        self.assertLessEqual(used, set(SCHEMAS))
        self.assertEqual(set(SCHEMAS) - used, {name for name in SCHEMAS if name.startswith("Event-")})

    def test_the_validator_finds_what_is_wrong(self):
        schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}, "b": {"enum": ["x"]},
                                                   "c": {"type": "array", "items": {"type": "string"}, "maxItems": 1}},
                  "required": ["a"], "additionalProperties": False}
        self.assertEqual(problems_of({"a": 1, "b": "x", "c": ["t"]}, schema), [])
        for wrong in ({}, {"a": "1"}, {"a": True}, {"a": 1.5}, {"a": -1}, {"a": 1, "b": "y"}, {"a": 1, "c": [1]}, {"a": 1, "c": ["t", "t"]},
                      {"a": 1, "d": 1}, [], None):
            self.assertEqual(len(problems_of(wrong, schema)), 1, wrong)
        self.assertTrue(problems_of(1, {"const": True}))
        self.assertTrue(problems_of(1, {"oneOf": [{"type": "integer"}, {"type": "number"}]}))
        with self.assertRaises(AssertionError):
            problems_of(1, {"minimun": 1})


class Answers(WithDaemon):
    def test_every_route_answers_as_described(self):
        ask, daemon, machine = self.daemon.ask, self.daemon, self.machine
        ask("GET", "/healthz")
        self.assertIn("b2backupd_up 1\n", ask("GET", "/metrics"))
        status = daemon.status()
        self.assertEqual((status["pid"], status["stateDir"]), (daemon.pid, str(machine.state)))

        # Push. The daemon makes the first one by itself.
        self.assertTrue(daemon.push()["complete"])
        machine.write("workspace/new.md", "new\n")
        report = daemon.push()
        self.assertEqual(report["added"], 1)
        self.assertTrue(daemon.push(dryRun=False, wait=True)["unchanged"])
        machine.write("workspace/other.md", "other\n")
        self.assertEqual(daemon.push(dryRun=True)["files"], report["files"] + 1)
        self.assertTrue(daemon.push(wait=False)["accepted"])
        daemon.push()
        status = daemon.status()
        self.assertEqual((status["health"], status["lastError"], status["queue"]), ("ok", None, []))

        # Read.
        plain, everything = ask("GET", "/v1/snapshots"), ask("GET", "/v1/snapshots", query={"all": "1"})
        self.assertNotIn("foreign", plain)
        self.assertEqual(everything["foreign"], [])
        first = plain["snapshots"][0]["id"]
        files = ask("GET", "/v1/snapshots/{id}/files", id=first)
        kinds = {entry["type"] for entry in files["entries"]}
        self.assertEqual(kinds, {"file", "directory", "symlink"})
        self.assertTrue(any(entry.get("database") for entry in files["entries"]))
        script = ask("GET", "/v1/snapshots/{id}/files", id="latest", query={"path": "workspace/script.sh"})["entries"]
        self.assertEqual([entry["mode"] for entry in script], [0o755])
        self.assertEqual(ask("POST", "/v1/cat", {"snapshot": first, "path": "workspace/MEMORY.md"})["size"], len("# memory\n"))
        self.assertEqual({change["path"] for change in ask("POST", "/v1/diff", {"first": first, "second": "latest"})["changes"]},
                         {"workspace/new.md", "workspace/other.md"})
        self.assertTrue(ask("POST", "/v1/diff", {"first": first})["changes"])
        self.assertEqual(ask("POST", "/v1/verify")["problems"], [])
        self.assertGreater(ask("POST", "/v1/verify", {"snapshot": "latest", "readData": True})["bytesRead"], 0)
        self.assertEqual(ask("POST", "/v1/verify", {"readDataSubset": 50})["problems"], [])
        self.assertEqual(ask("POST", "/v1/repair", {"index": True}, status=404)["code"], "not-found")

        # Restore.
        target = str(machine.root / "restored")
        self.assertGreater(ask("POST", "/v1/restore", {"snapshot": "latest", "target": target, "dryRun": True})["restored"], 0)
        self.assertFalse(os.path.exists(target))
        self.assertIsNone(ask("POST", "/v1/restore", {"snapshot": "latest", "target": target})["safety"])
        self.assertEqual(pathlib.Path(target, "workspace/new.md").read_text(), "new\n")
        machine.write("workspace/MEMORY.md", "# changed\n")
        some = {"snapshot": first, "paths": ["workspace/**"]}
        self.assertEqual(ask("POST", "/v1/restore", some, status=409)["code"], "refused")
        self.assertEqual((machine.state / "workspace/MEMORY.md").read_text(), "# changed\n")
        report = ask("POST", "/v1/restore", {**some, "yes": True})
        self.assertEqual((machine.state / "workspace/MEMORY.md").read_text(), "# memory\n")
        wait_for(lambda: report["safety"] in [s["id"] for s in daemon.snapshots()], "the upload of the safety snapshot")
        self.assertTrue(ask("GET", "/v1/snapshots/{id}/files", id=report["safety"])["entries"])
        machine.write("workspace/MEMORY.md", "# changed\n")
        self.assertIsNone(ask("POST", "/v1/restore", {**some, "yes": True, "safety": False})["safety"])

        # Around the gateway: here none runs, so it is done at once.
        around = ask("POST", "/v1/restore", {"snapshot": first, "yes": True, "gateway": "stop"})
        self.assertIn("advice", around)
        queued = ask("POST", "/v1/restore", {"snapshot": first, "yes": True, "gateway": "when-stopped", "wait": False, "expiresSeconds": 60})
        self.assertEqual(queued["snapshot"], first)
        daemon.until(lambda s: s["restore"]["state"] == "done", "the restore")
        self.assertEqual(daemon.status()["restore"]["job"], queued["job"])

        # Prune, the gateway's news, cancel.
        self.assertTrue(all(snapshot["keep"] for snapshot in ask("POST", "/v1/prune", {"dryRun": True})["snapshots"]))
        ask("POST", "/v1/prune", {"yes": True, "takeOver": True})
        self.assertTrue(ask("POST", "/v1/pin", {"snapshot": first})["changed"])
        self.assertEqual([pin["snapshot"] for pin in ask("GET", "/v1/pinned")["pins"]], [first])
        self.assertEqual([s["id"] for s in ask("GET", "/v1/snapshots")["snapshots"] if s.get("pinned")], [first])
        self.assertFalse(ask("POST", "/v1/pin", {"snapshot": first, "remove": True})["pinned"])
        machine.write("workspace/before.md", "before\n")
        captured = ask("POST", "/v1/notify", {"event": "before_compaction", "data": {"agent": "main"}, "deadlineMs": 30_000})
        self.assertTrue(captured["captured"])
        self.assertFalse(ask("POST", "/v1/notify", {"event": "before_compaction", "deadlineMs": 0})["captured"])
        for event in ("gateway_start", "gateway_stop"):
            ask("POST", "/v1/notify", {"event": event})
        self.assertIn("gateway_stop", daemon.status()["gateway"]["said"])
        ask("POST", "/v1/cancel", {"job": 1_000_000}, status=404)

        self.assertLessEqual({"gap", "job", "captured", "uploaded", "notify", "watch", "recovered", "restore"}, daemon.events_so_far())
        ask("POST", "/v1/notify", {"event": "after_compaction"})
        self.assertFalse(ask("POST", "/v1/copy", {"snapshot": first, "toLayout": "packed"})["wasThere"])
        self.assertEqual([s["layout"] for s in ask("GET", "/v1/snapshots")["snapshots"] if s["id"] == first], ["plugin", "packed"])
        machine.write("workspace/leaked.txt", "secret\n")
        daemon.push()
        ask("POST", "/v1/copy", {"snapshot": daemon.snapshots()[-1]["id"], "toLayout": "packed"})
        leaked = {"paths": ["workspace/leaked.txt"]}
        self.assertEqual(ask("POST", "/v1/forget", leaked, status=409)["code"], "refused")
        for how in ("dryRun", "yes"):
            forgotten = ask("POST", "/v1/forget", {**leaked, how: True})
            self.assertEqual((len(forgotten["snapshots"]), forgotten["paths"], len(forgotten["problems"])), (1, leaked["paths"], 1))
        self.assertEqual(ask("POST", "/v1/forget", {"paths": ["workspace/nowhere"], "yes": True}, status=404)["code"], "not-found")
        self.assertEqual({(method, path) for method, path, _ in operations()} - daemon.answered,
                         {("POST", "/v1/cancel"), ("POST", "/v1/repair")})  # repair: test_repair.py

    def test_a_job_can_be_cancelled(self):
        self.daemon.push()
        with open(self.machine.state / "b2backupd" / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # as another process at work: a push waits for it
            asking = self.daemon.connect()
            self.addCleanup(asking.close)
            asking.request("POST", "/v1/push", body="{}")
            self.assertTrue(any(name == "waiting" for name, _ in self.daemon.events()))  # tried, and tried again in a second
            job = self.daemon.status()["jobs"][0]
            self.assertEqual(job["what"], "push (manual)")
            self.assertEqual(self.daemon.ask("POST", "/v1/cancel", {"job": job["id"]})["cancelled"], job["id"])
            answer = asking.getresponse()
            error = json.loads(answer.read())
        self.assertEqual((answer.status, error["code"]), (503, "cancelled"))
        self.assertEqual(problems_of(error, SCHEMAS["Error"]), [])


class Requests(WithDaemon):
    def test_bodies_are_taken_as_described(self):
        examples = {"snapshot": "latest", "path": "workspace/MEMORY.md", "first": "latest", "job": 1, "event": "gateway_start", "toLayout": "packed",
                    "paths": ["workspace"]}
        wrong_values = {"boolean": "yes", "string": 1, "integer": "1", "array": "text", "object": []}
        for method, path, operation in operations():
            if "requestBody" not in operation:
                continue
            schema = SCHEMAS[request_schema(operation)["$ref"].removeprefix("#/components/schemas/")]
            required = {name: examples[name] for name in schema["required"]}
            with self.subTest(path=path):
                self.assertIs(schema["additionalProperties"], False)
                self.assertEqual(operation["requestBody"]["required"], bool(required))
                for name in required:
                    body = {key: value for key, value in required.items() if key != name}
                    self.assertIn(name, self.daemon.ask(method, path, body, status=400)["error"])
                for name, member in schema["properties"].items():
                    value = wrong_values[member.get("type", "string")]
                    answer = self.daemon.ask(method, path, {**required, name: value}, status=400)
                    self.assertIn(name, answer["error"])
                # A parameter that does not exist is refused with the list of those that do.
                every = {name: member.get("default", examples.get(name)) for name, member in schema["properties"].items()
                         if "default" in member or name in required}
                answer = self.daemon.ask(method, path, {**every, "wat": 1}, status=400)
                self.assertEqual(answer["subject"], "wat")
                self.assertEqual(set(answer["advice"].removeprefix("It takes ").split(", ")), set(schema["properties"]))
                for text in ("[]", "{", '"text"'):
                    status, _, body = self.daemon.raw(method, path, text)
                    self.assertEqual((status, json.loads(body)["code"]), (400, "usage"))

    def test_addresses(self):
        for method, path, _ in operations():
            address = path.replace("{id}", "latest")
            with self.subTest(path=path):
                other = "POST" if method == "GET" else "GET"
                status, headers, text = self.daemon.raw(other, address)
                self.assertEqual(status, 405)
                self.assertIn(method, headers["Allow"])
                self.assertEqual(problems_of(json.loads(text), SCHEMAS["Error"]), [])
                for wrong in (address + "/", address + "/more", "/v2" + address, address[:-1]):
                    status, _, text = self.daemon.raw(method, wrong)
                    self.assertEqual((status, problems_of(json.loads(text), SCHEMAS["Error"])), (404, []), wrong)
        for address in ("/", "/v1", "/v1/snapshots/latest", "/v1/Status"):
            self.assertEqual(self.daemon.raw("GET", address)[0], 404, address)
        status, _, text = self.daemon.raw("HEAD", "/v1/status")
        self.assertEqual((status, text), (200, ""))

    def test_what_is_not_there(self):
        self.daemon.push()
        ask = self.daemon.ask
        for path, body in (("/v1/cat", {"snapshot": "latest", "path": "nothing"}), ("/v1/cat", {"snapshot": "2001", "path": "x"}),
                           ("/v1/diff", {"first": "2001"}), ("/v1/verify", {"snapshot": "2001"}), ("/v1/restore", {"snapshot": "2001"})):
            self.assertEqual(ask("POST", path, body, status=404)["code"], "not-found")
        ask("GET", "/v1/snapshots/{id}/files", id="2001", status=404)
        ask("GET", "/v1/snapshots/{id}/files", id="latest", query={"path": "nothing"}, status=404)
        ask("POST", "/v1/restore", {"snapshot": "latest", "target": "relative"}, status=400)


class StoreAway(unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine(limits={"retrySeconds": 1}).use_fake(self.fake).populate()
        self.addCleanup(self.machine.close)
        self.daemon = Described(self.machine)
        self.addCleanup(self.daemon.terminate)

    def test_what_waits_is_shown(self):
        daemon, machine = self.daemon, self.machine
        self.assertTrue(daemon.push()["complete"])
        self.assertIsNotNone(daemon.status()["keyReminder"])
        self.fake.faults({"action": "drop", "count": 100_000})
        machine.write("workspace/new.md", "new\n")
        error = daemon.ask("POST", "/v1/push", {}, status=502)
        self.assertEqual(error["code"], "unreachable")
        status = daemon.status()
        self.assertEqual([waiting["trigger"] for waiting in status["queue"]], ["manual"])
        self.assertFalse(status["storeReachable"])
        self.assertEqual(status["health"], "failing")
        self.assertGreater(status["queueBytes"], 0)
        self.assertIsNotNone(status["nextUploadSeconds"])
        self.fake.faults()
        daemon.send(signal.SIGHUP)  # also: try the uploads now
        waiting = status["queue"][0]["snapshot"]
        self.assertTrue(any(name == "uploaded" and data["snapshot"] == waiting for name, data in daemon.events()))
        self.assertEqual(daemon.status()["queue"], [])
        self.assertEqual(daemon.status()["health"], "ok")
        self.assertLessEqual({"captured", "failed", "uploaded", "reloaded"}, daemon.events_so_far())


if __name__ == "__main__":
    unittest.main()
