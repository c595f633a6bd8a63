// A time zone file, or else a rule: reading ends, and what it accepts gives spans without holes, and times
// that go there and back.
#include <cstdint>
#include <string_view>

#include "core/schedule/time_zone.h"
#include "core/util/encoding.h"

using namespace b2b;

namespace {

void check_zone(TimeZone const& zone) {
  using namespace std::chrono;
  for (int in_year = 1890; in_year < 2450; in_year += 7) {
    sys_seconds const time = sys_days(year(in_year) / 3 / 29) + hours(in_year % 24);
    ZoneSpan const span = zone.span_at(time);
    B2B_ASSERT(span.begin <= time && time < span.end);
    B2B_ASSERT(zone.span_at(span.end - seconds(1)).end == span.end);
    if (span.end < zone_end) B2B_ASSERT(zone.span_at(span.end).begin == span.end);
    auto const back = zone.to_utc(zone.to_local(time));
    B2B_ASSERT(back.kind != LocalLookup::Kind::gap && back.first <= time && time <= back.last);
    auto const other = zone.to_utc(LocalSeconds(time.time_since_epoch()));
    B2B_ASSERT(other.first <= other.last);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input = as_text({data, size});
  if (input.starts_with("TZif")) {
    auto const rules = parse_tzif(as_bytes(input));
    if (rules)
      check_zone(TimeZone("fuzz", *rules));
    else
      B2B_ASSERT(rules.error().condition == Condition::corrupt ||
                 rules.error().condition == Condition::unsupported);
  } else if (auto const rule = parse_posix_tz(input)) {
    check_zone(TimeZone("fuzz", ZoneRules{{}, {}, *rule}));
  } else {
    B2B_ASSERT(rule.error().condition == Condition::bad_config);
  }
  return 0;
}
