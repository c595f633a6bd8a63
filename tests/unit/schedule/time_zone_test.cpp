#include "core/schedule/time_zone.h"

#include <random>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/util/file.h"
#include "tests/support/scratch.h"
#include "tests/unit/schedule/zones.h"

using namespace b2b;
using namespace schedule_test;

namespace {

LocalSeconds local(std::string_view text) {
  return LocalSeconds(std::chrono::floor<std::chrono::seconds>(at(text)).time_since_epoch());
}

// What the C library makes of it, an implementation of its own.
long libc_offset(std::string const& zone, std::chrono::sys_seconds time) {
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
  std::time_t const seconds = time.time_since_epoch().count();
  std::tm out{};
  REQUIRE(::localtime_r(&seconds, &out) != nullptr);
  return out.tm_gmtoff;
}

}  // namespace

TEST_CASE("time zone: local times that are unique, skipped or shown twice") {
  TimeZone const zone = rule_zone(berlin.rule);
  using Kind = LocalLookup::Kind;
  auto const unique = zone.to_utc(local("2026-07-01T12:00:00Z"));
  CHECK(unique.kind == Kind::unique);
  CHECK(unique.first == at("2026-07-01T10:00:00Z"));
  CHECK(unique.last == unique.first);
  for (char const* skipped : {"2026-03-29T02:00:00Z", "2026-03-29T02:59:59Z"}) {
    auto const gap = zone.to_utc(local(skipped));
    CHECK(gap.kind == Kind::gap);
    CHECK(gap.first == at("2026-03-29T01:00:00Z"));
    CHECK(gap.last == gap.first);
  }
  CHECK(zone.to_utc(local("2026-03-29T01:59:59Z")).kind == Kind::unique);
  CHECK(zone.to_utc(local("2026-03-29T03:00:00Z")).kind == Kind::unique);
  auto const overlap = zone.to_utc(local("2026-10-25T02:30:00Z"));
  CHECK(overlap.kind == Kind::overlap);
  CHECK(overlap.first == at("2026-10-25T00:30:00Z"));
  CHECK(overlap.last == at("2026-10-25T01:30:00Z"));
  CHECK(zone.to_utc(local("2026-10-25T02:00:00Z")).kind == Kind::overlap);
  CHECK(zone.to_utc(local("2026-10-25T03:00:00Z")).kind == Kind::unique);
}

TEST_CASE("time zone: there and back") {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<std::int64_t> seconds(0, 4102444800);  // 1970 to 2100
  for (NamedRule const& named : {berlin, new_york, lord_howe, santiago, beirut}) {
    TimeZone const zone = rule_zone(named.rule);
    for (int round = 0; round < 2000; ++round) {
      std::chrono::sys_seconds const time{std::chrono::seconds(seconds(random))};
      auto const back = zone.to_utc(zone.to_local(time));
      CHECK(back.kind != LocalLookup::Kind::gap);
      CHECK((back.first == time || back.last == time));
    }
  }
}

TEST_CASE("time zone: agrees with the C library") {
  std::string const before = ::getenv("TZ") ? ::getenv("TZ") : "";
  std::mt19937_64 random(11);
  std::uniform_int_distribution<std::int64_t> seconds(-2208988800, 4102444800);  // 1900 to 2100
  for (char const* name :
       {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut",
        "Europe/Dublin", "Africa/Casablanca", "Asia/Gaza", "Asia/Kolkata", "Pacific/Apia", "Pacific/Chatham",
        "America/Nuuk", "Etc/UTC", "Asia/Tokyo", "Antarctica/Troll"}) {
    auto const zone = TimeZone::find(name);
    REQUIRE(zone);
    CHECK(zone->name() == name);
    for (int round = 0; round < 1000; ++round) {
      std::chrono::sys_seconds const time{std::chrono::seconds(seconds(random))};
      INFO(name << " at " << text_of(time));
      REQUIRE(zone->span_at(time).offset.count() == libc_offset(name, time));
    }
  }
  if (before.empty())
    ::unsetenv("TZ");
  else
    ::setenv("TZ", before.c_str(), 1);
  ::tzset();
}

TEST_CASE("time zone: names that are none") {
  for (char const* name :
       {"Europe/Atlantis", "Europe", "../../../etc/passwd", "/usr/share/zoneinfo/Europe/Berlin", "zone.tab",
        "Europe/Berlin ", "europe berlin", "\x1b[2J"}) {
    INFO(name);
    auto const zone = TimeZone::find(name);
    REQUIRE(zone.has_error());
    CHECK(zone.error().condition == Condition::bad_config);
    CHECK(zone.error().subject == "timezone");
    CHECK_THAT(zone.error().message, Catch::Contains("there is no time zone"));
    CHECK_FALSE(zone.error().advice.empty());
    CHECK(check_timezone(name).has_error());
  }
  CHECK(check_timezone("Europe/Berlin"));
  ZonePlaces const bare{"", "/no/such/localtime", "/no/such/zoneinfo"};
  CHECK_THAT(TimeZone::find("Europe/Berlin", bare).error().advice,
             Catch::Contains("install the package tzdata"));
  CHECK(TimeZone::find("UTC", bare));
}

TEST_CASE("time zone: the system's own") {
  test::Scratch const scratch;
  std::string const folder = scratch / "zoneinfo";
  REQUIRE(make_directories(folder + "/Here"));
  std::string const bytes = *read_file("/usr/share/zoneinfo/Asia/Tokyo", 1 << 20);
  REQUIRE(atomic_write_file(folder + "/Here/There", bytes));
  ZonePlaces places{"", scratch / "localtime", folder};
  auto const offset_hours = [&] {
    auto const zone = TimeZone::find("", places);
    REQUIRE(zone);
    auto const offset =
        zone->span_at(std::chrono::floor<std::chrono::seconds>(at("2026-01-01T00:00:00Z"))).offset;
    return zone->name() + " " + std::to_string(offset / std::chrono::hours(1));
  };
  CHECK(offset_hours() == "UTC 0");  // neither TZ nor a file
  REQUIRE(::symlink((folder + "/Here/There").c_str(), places.localtime_file.c_str()) == 0);
  CHECK(offset_hours() == "Here/There 9");
  REQUIRE(::unlink(places.localtime_file.c_str()) == 0);
  REQUIRE(atomic_write_file(places.localtime_file, bytes));  // a copy, as in containers
  CHECK(offset_hours() == "local time 9");
  places.tz_variable = "EST5EDT,M3.2.0,M11.1.0";
  CHECK(offset_hours() == "EST5EDT,M3.2.0,M11.1.0 -5");
  places.tz_variable = "Here/There";
  CHECK(offset_hours() == "Here/There 9");
  places.tz_variable = ":" + places.localtime_file;
  CHECK(offset_hours() == places.localtime_file + " 9");
  places.tz_variable = "Nowhere/At/All";
  auto const none = TimeZone::find("", places);
  REQUIRE(none.has_error());
  CHECK_THAT(none.error().message, Catch::Contains("the environment variable TZ"));
  places.tz_variable = "";
  REQUIRE(atomic_write_file(places.localtime_file, "TZif2 and no more"));
  auto const damaged = TimeZone::find("", places);
  REQUIRE(damaged.has_error());
  CHECK(damaged.error().condition == Condition::corrupt);
  CHECK(damaged.error().subject == places.localtime_file);
}
