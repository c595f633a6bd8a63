"""The whole cycle on every store: push, change, push, restore each to a target, roll back in place, restore to an empty
directory, prune; and on versioned stores no hidden version is left."""
import hashlib
import hmac
import http.client
import datetime
import os
import shutil
import ssl
import unittest
import urllib.parse
import uuid
import xml.etree.ElementTree

import harness
from harness import FakeS3, Machine


class S3Admin:
    """The few requests the tests themselves make, signed with SigV4 by code that shares nothing with the project's."""

    def __init__(self, endpoint, key_id, key, ca=None, region="us-east-1"):
        self.url, self.key_id, self.key, self.ca, self.region = urllib.parse.urlparse(endpoint), key_id, key, ca, region

    def request(self, method, path, query=(), body=b"", headers=None, ahead=0):
        """`ahead`: how many seconds the server's clock is ahead of ours."""
        now = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead)).strftime("%Y%m%dT%H%M%SZ")
        host = self.url.netloc
        digest = hashlib.sha256(body).hexdigest()
        text = "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}" for k, v in sorted(query))
        path = urllib.parse.quote(path, safe="/-_.~")
        headers = {**(headers or {}), "x-amz-date": now, "x-amz-content-sha256": digest}
        signed = sorted({**headers, "host": host}.items())
        names = ";".join(name for name, _ in signed)
        canonical = f"{method}\n{path}\n{text}\n" + "".join(f"{name}:{value}\n" for name, value in signed) + f"\n{names}\n{digest}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + self.key.encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        if self.url.scheme == "https":
            connection = http.client.HTTPSConnection(host, timeout=60, context=ssl.create_default_context(cafile=self.ca))
        else:
            connection = http.client.HTTPConnection(host, timeout=60)
        try:
            connection.request(method, path + ("?" + text if text else ""), body=body or None, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
            assert answer.status < 300, f"{method} {path}: {answer.status} {data[:500]}"
            return data
        finally:
            connection.close()

    def make_versioned_bucket(self, name):
        self.request("PUT", f"/{name}")
        self.request("PUT", f"/{name}", [("versioning", "")],
                     b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status>'
                     b"</VersioningConfiguration>")

    def versions(self, bucket):
        """(key, is latest, is hide marker) of everything in the bucket; the tests keep below 1,000."""
        return [(fields["Key"], fields["IsLatest"] == "true", marker) for fields, marker in self.all_versions(bucket)]

    def hide_markers(self, bucket):
        """(key, version id) of each."""
        return [(fields["Key"], fields["VersionId"]) for fields, marker in self.all_versions(bucket) if marker]

    def all_versions(self, bucket):
        root = xml.etree.ElementTree.fromstring(self.request("GET", f"/{bucket}", [("versions", "")]))
        out = []
        for item in root:
            tag = item.tag.rpartition("}")[2]
            if tag in ("Version", "DeleteMarker"):
                fields = {child.tag.rpartition("}")[2]: child.text for child in item}
                out.append((fields, tag == "DeleteMarker"))
        return out


class Cycle:
    """Mixed into a TestCase whose setUp makes self.machine; self.versions lists the bucket's versions, or is None."""

    versions = None

    def check_hidden(self):
        if self.versions is None:
            return
        hidden = [version for version in self.versions() if not version[1] or version[2]]
        self.assertEqual(hidden, [])

    def restored(self, snapshot, expected, database_rows):
        out = self.machine.root / f"out-{uuid.uuid4().hex}"
        answer = self.machine.ok("restore", snapshot, "--target", out, "--yes")
        self.assertEqual(answer["failed"], [])
        self.assertEqual(harness.without_databases(harness.tree(out)), harness.without_databases(expected))
        self.assertEqual(len(harness.rows(out / "state/openclaw.sqlite", "cron_jobs")), database_rows)
        self.assertEqual(list(out.rglob("*.sqlite-*")), [])
        shutil.rmtree(out)

    def test_cycle(self):
        m = self.machine.populate()
        m.configure(keepSnapshots=3)
        m.write("workspace/large.bin", os.urandom(400_000))
        states = []

        def push():
            answer = m.ok("push")
            self.assertTrue(answer["complete"])
            states.append((answer["snapshot"], harness.tree(m.state), len(harness.rows(m.state / "state/openclaw.sqlite", "cron_jobs"))))
            return answer

        push()
        self.assertIsNone(m.ok("push")["snapshot"])
        m.write("workspace/MEMORY.md", "# second\n")
        (m.state / "workspace/files/f0001.txt").unlink()
        m.database("state/openclaw.sqlite", rows=5, table="cron_jobs")
        answer = push()
        self.assertEqual((answer["added"], answer["deleted"]), (0, 1))
        self.assertGreaterEqual(answer["changed"], 2)
        m.write("workspace/new/deep/er.md", "third\n")
        self.assertEqual(push()["added"], 1)
        for snapshot, expected, count in states:
            self.restored(snapshot, expected, count)
        self.assertEqual(m.ok("verify", "--read-data")["problems"], [])

        # Roll back plain files in place; the safety snapshot holds what was there.
        m.write("workspace/MEMORY.md", "a bad edit\n")
        rolled = m.ok("restore", states[0][0], "--path", "workspace/**", "--yes")
        self.assertEqual((m.state / "workspace/MEMORY.md").read_text(), "# memory\n")
        self.assertEqual(m.run("cat", rolled["safety"], "workspace/MEMORY.md").out, "a bad edit\n")

        # Pruned down to one; nothing hidden stays behind.
        m.configure(keepSnapshots=1)
        m.write("workspace/MEMORY.md", "# last\n")
        push()
        self.assertEqual([s["id"] for s in m.ok("snapshots")["snapshots"] if s["kind"] == "regular"], [states[-1][0]])
        self.restored(*states[-1])
        self.check_hidden()

        # A new machine: an empty state directory, restored in place.
        fresh = Machine(**m.config)
        try:
            answer = fresh.ok("restore", "latest", "--yes")
            self.assertEqual(answer["failed"], [])
            self.assertEqual(harness.without_databases(harness.tree(fresh.state)), harness.without_databases(states[-1][1]))
        finally:
            fresh.close()


class OnDirectory(Cycle, unittest.TestCase):
    def setUp(self):
        self.machine = Machine().use_directory()
        self.addCleanup(self.machine.close)


class OnDirectoryUnencrypted(Cycle, unittest.TestCase):
    def setUp(self):
        self.machine = Machine(encrypt=False).use_directory()
        self.machine.configure(encryptionKey=None, layout="plugin")  # the packed layout has no unencrypted form
        self.addCleanup(self.machine.close)


class OnFakeS3(Cycle, unittest.TestCase):
    def setUp(self):
        self.fake = FakeS3()
        self.addCleanup(self.fake.stop)
        self.machine = Machine().use_fake(self.fake)
        self.addCleanup(self.machine.close)
        admin = S3Admin(self.fake.url, self.fake.key_id, self.fake.key, region="us-west-004")
        self.versions = lambda: admin.versions(self.fake.bucket)


class OnRadosgw(Cycle, unittest.TestCase):
    tls = False

    def setUp(self):
        settings = harness.radosgw()
        if settings is None:
            self.skipTest("no radosgw here (scripts/test --all starts one)")
        bucket = f"cycle-{uuid.uuid4().hex[:12]}"
        plain = S3Admin(settings["B2B_RADOSGW_ENDPOINT"], settings["B2B_RADOSGW_KEY_ID"], settings["B2B_RADOSGW_APPLICATION_KEY"])
        plain.make_versioned_bucket(bucket)
        self.versions = lambda: plain.versions(bucket)
        endpoint = settings["B2B_RADOSGW_TLS_ENDPOINT" if self.tls else "B2B_RADOSGW_ENDPOINT"]
        self.machine = Machine().use_s3(endpoint, settings["B2B_RADOSGW_KEY_ID"], settings["B2B_RADOSGW_APPLICATION_KEY"], bucket,
                                        caFile=settings["B2B_RADOSGW_CA"] if self.tls else None)
        self.addCleanup(self.machine.close)


class OnRadosgwOverTls(OnRadosgw):
    tls = True


if __name__ == "__main__":
    unittest.main()
