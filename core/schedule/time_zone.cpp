#include "core/schedule/time_zone.h"

#include <algorithm>
#include <memory>

#include <stdlib.h>

#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::uint64_t largest_file = 1 << 20;
constexpr auto widest_offset = std::chrono::hours(26);

Error no_such_zone(std::string_view name, ZonePlaces const& places) {
  bool const installed = path_exists(places.zone_folder);
  return make_error(
      Condition::bad_config, "there is no time zone \"" + printable(name) + "\"",
      installed ? "Use a name like Europe/Berlin, in this spelling (timedatectl list-timezones shows them "
                  "all), or leave timezone out for the system's"
                : "The system has no time zones in " + places.zone_folder +
                      ": install the package tzdata, or use UTC",
      "timezone");
}

// Names are relative, stay below the folder, and have no characters that a zone's name never has.
bool is_zone_name(std::string_view name) {
  auto const allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '_' || c == '-' || c == '+';
  };
  return !name.empty() && name.size() <= 200 && name.front() != '/' &&
         std::all_of(name.begin(), name.end(), allowed);
}

Result<TimeZone> read_zone(std::string const& path, std::string name) {
  B2B_ASSIGN(std::string const bytes, read_file(path, largest_file));
  auto rules = parse_tzif(as_bytes(bytes));
  if (!rules) {
    Error error = std::move(rules).error();
    error.subject = path;
    error.message += " (" + printable(path) + ")";
    return error;
  }
  return TimeZone(std::move(name), std::move(*rules));
}

bool is_tzif(std::string const& path) {
  auto const file = read_file(path, largest_file);
  return file && file->starts_with("TZif");
}

Result<TimeZone> zone_by_name(std::string_view name, ZonePlaces const& places) {
  if (name == "UTC") return TimeZone();
  std::string const path = join_path(places.zone_folder, name);
  if (!is_zone_name(name) || !is_tzif(path)) return no_such_zone(name, places);
  return read_zone(path, std::string(name));
}

// "/usr/share/zoneinfo/Europe/Berlin" for a link to it; the link's name tells people more than "local time".
std::string name_of_link(ZonePlaces const& places) {
  auto const resolve = [](std::string const& path) {
    std::unique_ptr<char, decltype(&::free)> const real(::realpath(path.c_str(), nullptr), &::free);
    return real ? std::string(real.get()) : std::string();
  };
  std::string const target = resolve(places.localtime_file);
  std::string const folder = resolve(places.zone_folder) + "/";
  return folder.size() > 1 && target.starts_with(folder) ? target.substr(folder.size()) : "local time";
}

Result<TimeZone> zone_by_variable(ZonePlaces const& places) {
  std::string_view value = places.tz_variable;
  if (value.starts_with(':')) value.remove_prefix(1);
  if (value.starts_with('/')) return read_zone(std::string(value), std::string(value));
  auto by_name = zone_by_name(value, places);
  if (by_name) return by_name;
  if (auto const rule = parse_posix_tz(value)) return TimeZone(std::string(value), ZoneRules{{}, {}, *rule});
  Error error = std::move(by_name).error();
  error.message += ", which the environment variable TZ names";
  return error;
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name, ZonePlaces const& places) {
  if (!name.empty()) return zone_by_name(name, places);
  if (!places.tz_variable.empty()) return zone_by_variable(places);
  if (!path_exists(places.localtime_file)) return TimeZone();
  return read_zone(places.localtime_file, name_of_link(places));
}

LocalSeconds TimeZone::to_local(sys_seconds time) const {
  return LocalSeconds((time + span_at(time).offset).time_since_epoch());
}

LocalLookup TimeZone::to_utc(LocalSeconds time) const {
  sys_seconds const as_utc(time.time_since_epoch());
  std::vector<sys_seconds> found;
  sys_seconds change{};
  bool in_gap = false;
  // Each span near enough is asked whether its clocks show this time.
  ZoneSpan span = span_at(std::max(as_utc - widest_offset, zone_begin));
  while (true) {
    sys_seconds const candidate = as_utc - span.offset;
    if (candidate >= span.begin && candidate < span.end) found.push_back(candidate);
    if (span.end > as_utc + widest_offset || span.end >= zone_end) break;
    ZoneSpan const next = span_at(span.end);
    bool const skipped = candidate >= span.end && as_utc - next.offset < next.begin;
    if (skipped && !in_gap) {
      change = next.begin;
      in_gap = true;
    }
    span = next;
  }
  if (found.empty()) {
    B2B_ASSERT(in_gap || as_utc - widest_offset < zone_begin || as_utc + widest_offset >= zone_end);
    return {LocalLookup::Kind::gap, change, change};
  }
  return {found.size() == 1 ? LocalLookup::Kind::unique : LocalLookup::Kind::overlap, found.front(),
          found.back()};
}

Result<void> check_timezone(std::string_view name, ZonePlaces const& places) {
  B2B_TRY(TimeZone::find(name, places));
  return {};
}

}  // namespace b2b
