"""What was signed in to after the snapshot works after the way back, and what was taken back by then stays so."""
import json
import sqlite3
import unittest

from served_gateway import AroundTheGateway


class Credentials(AroundTheGateway):
    def secrets(self):
        connection = sqlite3.connect(f"file:{self.machine.state}/state/openclaw.sqlite?mode=ro", uri=True)
        try:
            return {"profiles": connection.execute("SELECT state_key, value_json FROM config_machine_state"
                                                   " WHERE state_key LIKE 'authProfiles.%' ORDER BY 1").fetchall(),
                    **{table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall()
                       for table in ("secret_store_entries", "device_auth_tokens", "device_identities", "device_pairing_paired")}}
        finally:
            connection.close()

    def sign_in(self, key):
        self.gateway.cli("models", "auth", "paste-api-key", "--provider", "echo", typed=key + "\n")

    def test_the_newer_key_stays(self):
        self.prepare()
        self.sign_in("key-of-then")
        self.gateway.cli("secrets", "store", "set", "OLD_TOKEN", "--value-file", "-", typed="old-value")
        self.machine.write("workspace/MEMORY.md", "# Before\n")
        self.gateway.chat("s0", "Hello.")
        self.assertEqual(self.gateway.model.keys[-1], "key-of-then")
        _, details = self.gateway.tool({"action": "push"})
        snapshot, then = details["report"]["snapshot"], self.state()

        self.sign_in("key-of-now")
        self.gateway.cli("secrets", "store", "rm", "OLD_TOKEN", "--yes")
        self.gateway.cli("secrets", "store", "set", "NEW_TOKEN", "--value-file", "-", typed="new-value")
        self.gateway.chat("s0", "These words will be undone.")
        self.assertEqual(self.gateway.model.keys[-1], "key-of-now")
        secrets = self.secrets()
        self.assertIn("key-of-now", str(secrets["profiles"]))
        self.assertIn("NEW_TOKEN", str(secrets["secret_store_entries"]))

        text, details = self.gateway.tool({"action": "restore", "snapshotId": snapshot})
        self.assertTrue(details["ok"], text)
        self.ended()
        self.assert_back(then)
        self.assertNotIn("These words will be undone.", str(self.state()["transcripts"]))
        self.assertEqual(self.secrets(), secrets)
        self.assertIn("Answer", self.gateway.chat("s0", "Do you still have your key?"))
        self.assertEqual(self.gateway.model.keys[-1], "key-of-now")
        listed = self.gateway.cli("secrets", "store", "list").out
        self.assertIn("NEW_TOKEN", listed)
        self.assertNotIn("OLD_TOKEN", listed)
        profiles = self.gateway.cli_json("models", "auth", "list", "--json")["profiles"]
        self.assertEqual([profile["id"] for profile in profiles], ["echo:manual"], json.dumps(profiles))


if __name__ == "__main__":
    unittest.main()
