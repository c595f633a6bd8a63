#include "daemon/setup/config_text.h"

#include <boost/json/parse.hpp>

#include "core/config/config.h"
#include "core/config/json5.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

boost::json::object parsed(FileValues const& values) {
  auto const document = parse_json5(config_text(values), "config.json5");
  REQUIRE(document);
  return document->as_object();
}

FileValues usual() {
  FileValues values;
  values.key_id = "0001a2b3c4d5e6f0000000001";
  values.application_key_file = "application-key.txt";
  values.bucket = "my-backups";
  values.prefix = "openclaw-backup";
  values.encryption_key_file = "passphrase.txt";
  return values;
}

}  // namespace

TEST_CASE("config text: the usual file says what is needed and no more") {
  auto const object = parsed(usual());
  CHECK(object.size() == 5);
  CHECK(object.at("keyId") == "0001a2b3c4d5e6f0000000001");
  CHECK(object.at("applicationKeyFile") == "application-key.txt");
  CHECK(object.at("bucket") == "my-backups");
  CHECK(object.at("encrypt") == true);
  CHECK(object.at("encryptionKeyFile") == "passphrase.txt");
  CHECK(config_text(usual()).find("keep a copy of it somewhere else") != std::string::npos);
}

TEST_CASE("config text: what is awkward comes back as it was") {
  FileValues values = usual();
  values.state_dir = "/home/a b/\"quoted\"\\ \u00fc\n";
  values.prefix = "two/folders";
  values.found_endpoint = "https://evil\n}: {";
  values.decryption_keys = {Secret(std::string_view("old \"one\"")), Secret(std::string_view("older\\"))};
  auto const object = parsed(values);
  CHECK(object.at("stateDir").as_string() == values.state_dir);
  CHECK(object.at("prefix") == "two/folders");
  CHECK(object.at("decryptionKeys") == boost::json::parse(R"(["old \"one\"","older\\"])"));
}

TEST_CASE("config text: not encrypted is said, and a directory has no key") {
  FileValues values;
  values.bucket = "openclaw";
  values.endpoint = "file:///mnt/backup";
  values.encrypt = false;
  auto const object = parsed(values);
  CHECK(object.size() == 3);
  CHECK(object.at("encrypt") == false);
  CHECK(object.at("endpoint") == "file:///mnt/backup");
}

TEST_CASE("config text: other settings of the old file stay, those of setup do not come twice") {
  auto const old = parse_json5(
      R"({ keyId: "old", applicationKey: "K", watch: {push: true, quiet: "20s"}, schedule: 'hourly', limits: {upload: "2MB/s"},
                                    decryptionKeys: ["x"], "$schema": "schema.json" })",
      "old");
  REQUIRE(old);
  FileValues values = usual();
  values.kept = kept_settings(old->as_object());
  CHECK(values.kept.size() == 4);
  auto const object = parsed(values);
  CHECK(object.at("keyId").as_string() == values.key_id);
  CHECK_FALSE(object.contains("applicationKey"));
  CHECK(object.at("watch") == boost::json::parse(R"({"push":true,"quiet":"20s"})"));
  CHECK(object.at("limits") == boost::json::parse(R"({"upload":"2MB/s"})"));
  CHECK(object.at("$schema") == "schema.json");
  CHECK(is_setup_key("decryptionKeys"));
  CHECK_FALSE(is_setup_key("schedule"));
}

TEST_CASE("config text: the program itself takes the file") {
  test::Scratch const scratch;
  FileValues values = usual();
  values.kept = boost::json::parse(R"({"schedule":"hourly","keepSnapshots":7})").as_object();
  REQUIRE(atomic_write_file(scratch / "config.json5", config_text(values)));
  REQUIRE(atomic_write_file(scratch / "application-key.txt", "K001key\n"));
  REQUIRE(atomic_write_file(scratch / "passphrase.txt", "pass\n"));
  ConfigSources sources;
  sources.home = scratch.path();
  sources.config_file = scratch / "config.json5";
  auto const loaded = load_config(sources);
  REQUIRE(loaded);
  CHECK(loaded->warnings.empty());
  CHECK(loaded->config.application_key.reveal() == "K001key");
  CHECK(loaded->config.encryption_key.reveal() == "pass");
  CHECK(loaded->config.keep_snapshots == 7);
}
