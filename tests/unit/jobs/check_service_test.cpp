#include "daemon/jobs/check_service.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::jobs;

namespace {

Config with(std::string schedule, std::string timezone = {}) {
  Config config;
  config.service.schedule = std::move(schedule);
  config.service.timezone = std::move(timezone);
  return config;
}

// What is said about settings that are refused.
std::string refused(Config const& config) {
  auto const checked = check_service(config);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().condition == Condition::bad_config);
  CHECK(exit_code_of(checked.error().condition) == 65);
  return checked.error().subject + ": " + checked.error().text();
}

bool has(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("check_service: what is right") {
  CHECK(check_service(Config{}));
  for (char const* const schedule : {"", "off", "hourly", "daily", "@monthly", "30 3 * * *", "0 0 29 2 *"}) {
    CAPTURE(schedule);
    CHECK(check_service(with(schedule)));
  }
  CHECK(check_service(with("daily", "UTC")));
}

TEST_CASE("check_service: schedules that are none") {
  std::string const nonsense = refused(with("nonsense"));
  CHECK(nonsense.starts_with("schedule: "));
  CHECK(has(nonsense, "\"nonsense\""));
  CHECK(has(refused(with("61 * * * *")), "61"));
  CHECK(has(refused(with("0 0 30 2 *")), "never fires"));
}

TEST_CASE("check_service: time zones that are none") {
  std::string const nowhere = refused(with("daily", "Nowhere"));
  CHECK(nowhere.starts_with("timezone: "));
  CHECK(has(nowhere, "\"Nowhere\""));
  CHECK(has(refused(with("off", "../../etc/passwd")), "there is no time zone"));
}

TEST_CASE("check_service: a schedule from openclaw.json that is none is a warning, from anywhere else an error") {
  LoadedConfig loaded;
  loaded.config = with("sometimes");
  loaded.openclaw_json = "/home/a/.openclaw/openclaw.json";
  loaded.shown = {{"bucket", "b", "openclaw.json"}, {"schedule", "sometimes", "openclaw.json"}};
  SECTION("from openclaw.json") {
    REQUIRE(check_service(loaded));
    CHECK(loaded.config.service.schedule == "daily");
    REQUIRE(loaded.warnings.size() == 1);
    CHECK(has(loaded.warnings.front(), "\"sometimes\""));
    CHECK(has(loaded.warnings.front(), "daily is in its place"));
    CHECK(loaded.shown.back().value == "daily");
    CHECK(loaded.shown.back().source == "default");
  }
  SECTION("from its copy of the last one that worked") {
    loaded.shown.back().source = "openclaw.json.last-good";
    REQUIRE(check_service(loaded));
    CHECK(loaded.config.service.schedule == "daily");
  }
  SECTION("from our own file") {
    loaded.shown.back().source = "/etc/b2backupd/config.json5";
    CHECK_FALSE(check_service(loaded));
    CHECK(loaded.warnings.empty());
  }
  SECTION("a time zone that is none, beside it") {
    loaded.config.service.timezone = "Nowhere";
    CHECK_FALSE(check_service(loaded));
  }
  SECTION("one that is right") {
    loaded.config = with("hourly");
    REQUIRE(check_service(loaded));
    CHECK(loaded.config.service.schedule == "hourly");
    CHECK(loaded.warnings.empty());
  }
}
