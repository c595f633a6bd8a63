// A time zone: UTC to local time and back. Holds its own changes only, a few kilobytes. Safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/schedule/calendar.h"
#include "core/schedule/tzif.h"
#include "core/util/error.h"

namespace b2b {

// Where the system keeps its time zones. The caller reads TZ; a TZ that is set and empty counts as not set.
struct ZonePlaces {
  std::string tz_variable;
  std::string localtime_file = "/etc/localtime";
  std::string zone_folder = "/usr/share/zoneinfo";
};

// What UTC times a local time stands for.
struct LocalLookup {
  enum class Kind {
    unique,
    gap,      // clocks skipped it: `first` and `last` are both the moment of the change
    overlap,  // clocks showed it more than once: the first and the last time
  };
  Kind kind = Kind::unique;
  std::chrono::sys_seconds first;
  std::chrono::sys_seconds last;
};

class TimeZone {
 public:
  // UTC; needs no files.
  TimeZone() = default;
  TimeZone(std::string name, ZoneRules rules) : name_(std::move(name)), rules_(std::move(rules)) {}

  // A zone by its name ("Europe/Berlin"), from the system's zone folder; "UTC" always works. An empty name is
  // the system's zone: TZ (a name, a path, or a rule like CET-1CEST,M3.5.0,M10.5.0/3), else /etc/localtime,
  // else UTC. Errors: bad_config when there is no such zone, corrupt or unsupported when its file is no use.
  static Result<TimeZone> find(std::string_view name, ZonePlaces const& places = {});

  std::string const& name() const { return name_; }  // "Europe/Berlin", or what stands for it ("local time")

  // The stretch with one offset that holds `time`. Here and below: times between the years 1 and 9999.
  ZoneSpan span_at(std::chrono::sys_seconds time) const { return zone_span_at(rules_, time); }
  LocalSeconds to_local(std::chrono::sys_seconds time) const;
  LocalLookup to_utc(LocalSeconds time) const;

 private:
  std::string name_ = "UTC";
  ZoneRules rules_;
};

// For `config check` and the daemon's start: is there such a zone?
Result<void> check_timezone(std::string_view name, ZonePlaces const& places = {});

}  // namespace b2b
