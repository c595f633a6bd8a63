#include "core/config/changes.h"

#include <boost/json/serialize.hpp>

#include "core/config/json5.h"
#include "core/config/schema.h"
#include "tests/unit/config/config_fixture.h"

using namespace b2b;

namespace {

// A value of each key that is not its default.
constexpr std::string_view other_values = R"({
  stateDir: "/s", keyId: "a", applicationKey: "b", bucket: "ccc", region: "d", endpoint: "https://e", caFile: "/f",
  prefix: "g", schedule: "off", timezone: "UTC", jitter: 1, encrypt: false, encryptionKey: "h", decryptionKeys: ["i"],
  keepSnapshots: 11, keepSafetySnapshots: 11, "retention.last": 10, "retention.hourly": 1, "retention.daily": 1,
  "retention.monthly": 1, layout: "packed", include: ["j"], exclude: ["k"], secrets: "include", "watch.push": true,
  "watch.quiet": 1, "watch.minInterval": 1, "check.enabled": false, "check.every": "1d", "check.subset": "100%", compactionUploadInterval: 1, autoRestore: false, "gateway.stop": ["l"],
  "gateway.start": ["m"], "gateway.port": 1, "gateway.stopTimeout": 1, onSuccess: ["n"], onFailure: ["o"], onStale: ["p"],
  notifyInterval: 1, staleAfter: 1, healthcheckUrl: "https://q", metricsTextfile: "/r", "limits.upload": 1,
  "limits.download": 1, "limits.spool": "1MiB", "limits.transfers": 1, "limits.retrySeconds": 1, dataDir: "/s",
  socket: "/t", stopTimeout: 1,
})";

Config configured(test::ConfigHome& home, std::string const& name, boost::json::value const& value) {
  home.sources.command_line = {
      {name, value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value)}};
  return home.load().config;
}

}  // namespace

TEST_CASE("changes: each key of the table, alone") {
  test::ConfigHome home;
  Config const before = home.load().config;
  CHECK(describe_changes(before, before).empty());
  auto const values = parse_json5(other_values, "t");
  REQUIRE(values.has_value());
  for (KeySpec const& key : key_table()) {
    INFO(key.name);
    if (key.name.ends_with("KeyFile")) continue;  // these count as what they hold
    boost::json::value const* const value = values->as_object().if_contains(key.name);
    REQUIRE(value != nullptr);
    auto const changes = describe_changes(before, configured(home, std::string(key.name), *value));
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].key == (key.name.starts_with("retention.") ? "retention" : key.name));  // one of them sets all
    bool const restart = key.name == "stateDir" || key.name == "dataDir" || key.name == "socket";
    CHECK(changes[0].needs_restart == restart);
  }
}

TEST_CASE("changes: a count that says what the default says is a choice all the same") {
  test::ConfigHome home;
  Config const before = home.load().config;
  auto const changes = describe_changes(before, configured(home, "keepSnapshots", 10));
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key == "keepSnapshots");
}

TEST_CASE("changes: in the schema's order, both ways") {
  Config before;
  Config after;
  after.service.socket = "/a";
  after.service.schedule = "off";
  after.limits.transfers = 1;
  auto const changes = describe_changes(before, after);
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].key == "schedule");
  CHECK(changes[1].key == "limits.transfers");
  CHECK(changes[2].key == "socket");
  CHECK(changes[2].needs_restart);
  CHECK(describe_changes(after, before).size() == 3);
}
