// Reads a compiled time zone file (TZif, RFC 9636, versions 1 to 4), as in /usr/share/zoneinfo. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/schedule/posix_tz.h"
#include "core/util/error.h"

namespace b2b {

struct ZoneChange {
  std::chrono::sys_seconds at;     // between the years 1700 and 2400
  std::chrono::seconds offset{0};  // from then on; local time minus UTC
};

struct ZoneRules {
  std::chrono::seconds first_offset{0};  // before the first change
  std::vector<ZoneChange> changes;       // ascending
  std::optional<PosixZone> afterwards;   // from the last change on; without changes, always
};

// Errors: corrupt; unsupported for files that count leap seconds ("right/…"): the system's clock does not.
Result<ZoneRules> parse_tzif(std::span<std::uint8_t const> bytes);

// `time` between zone_begin and zone_end.
ZoneSpan zone_span_at(ZoneRules const& rules, std::chrono::sys_seconds time);

}  // namespace b2b
