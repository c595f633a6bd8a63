#include "core/schedule/tzif.h"

#include <algorithm>
#include <string>

#include "core/util/encoding.h"

namespace b2b {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

constexpr std::size_t header_size = 44;
constexpr std::size_t type_size = 6;
constexpr std::uint32_t most_entries = 100000;  // real files have a few hundred
constexpr sys_seconds earliest = sys_days(year(1700) / 1 / 1);
constexpr sys_seconds latest = sys_days(year(2400) / 1 / 1);

Error damaged(std::string const& why) {
  return make_error(Condition::corrupt, "the time zone file is damaged: " + why,
                    "Install the package tzdata anew, or set timezone to another zone");
}

struct Header {
  std::uint8_t version = 0;
  std::uint32_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, characters = 0;

  std::size_t body_size(std::size_t time_size) const {
    return times * (time_size + 1) + types * type_size + characters + leaps * (time_size + 4) +
           standard_flags + utc_flags;
  }
};

// Walks over the bytes; whoever takes has checked that they are there.
class Bytewise {
 public:
  explicit Bytewise(std::span<std::uint8_t const> bytes) : rest_(bytes) {}

  std::size_t left() const { return rest_.size(); }
  std::span<std::uint8_t const> rest() const { return rest_; }

  std::span<std::uint8_t const> take(std::size_t count) {
    B2B_ASSERT(count <= rest_.size());
    auto const taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  // Big-endian, signed when it is as wide as a time.
  std::int64_t take_integer(std::size_t size) {
    std::uint64_t value = 0;
    for (std::uint8_t const byte : take(size))
      value = value << 8 | byte;
    return size == 8 ? static_cast<std::int64_t>(value)
                     : static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  }

 private:
  std::span<std::uint8_t const> rest_;
};

Result<Header> take_header(Bytewise& in) {
  if (in.left() < header_size) return damaged("it ends early");
  if (as_text(in.take(4)) != "TZif") return damaged("it does not begin with TZif");
  Header header;
  header.version = in.take(1)[0];
  in.take(15);
  for (std::uint32_t* count : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.times,
                               &header.types, &header.characters}) {
    *count = static_cast<std::uint32_t>(in.take_integer(4));
    if (*count > most_entries) return damaged("a table has " + std::to_string(*count) + " entries");
  }
  if (header.types == 0) return damaged("it has no local time types");
  return header;
}

// A change outside the years that matter is dropped; those before set the offset to begin with.
void add_change(ZoneRules& rules, std::int64_t at, seconds offset) {
  if (at < earliest.time_since_epoch().count())
    rules.first_offset = offset;
  else if (at < latest.time_since_epoch().count())
    rules.changes.push_back({sys_seconds(seconds(at)), offset});
}

Result<ZoneRules> take_body(Bytewise& in, Header const& header, std::size_t time_size) {
  if (in.left() < header.body_size(time_size)) return damaged("it ends early");
  if (header.leaps != 0)
    return make_error(Condition::unsupported,
                      "the time zone file counts leap seconds, the system's clock does not",
                      "Use the zone of the same name without right/ before it");
  Bytewise times(in.take(header.times * time_size));
  auto const types = in.take(header.times);
  Bytewise type_table(in.take(header.types * type_size));
  in.take(header.characters + header.standard_flags + header.utc_flags);

  std::vector<seconds> offsets;
  for (std::uint32_t i = 0; i < header.types; ++i) {
    seconds const offset(type_table.take_integer(4));
    type_table.take(2);
    if (offset <= -hours(25) || offset >= hours(26)) return damaged("an offset of more than a day");
    offsets.push_back(offset);
  }
  ZoneRules rules;
  rules.first_offset = offsets.front();
  std::optional<std::int64_t> before;
  for (std::uint32_t i = 0; i < header.times; ++i) {
    std::int64_t const at = times.take_integer(time_size);
    if (before && at <= *before) return damaged("its changes are not in order");
    if (types[i] >= offsets.size()) return damaged("a change to a local time type that is not there");
    add_change(rules, at, offsets[types[i]]);
    before = at;
  }
  return rules;
}

Result<void> take_footer(Bytewise const& in, ZoneRules& rules) {
  std::string_view text = as_text(in.rest());
  auto const end = text.starts_with('\n') ? text.find('\n', 1) : std::string_view::npos;
  if (end == std::string_view::npos) return damaged("its last line is missing");
  text = text.substr(1, end - 1);
  if (text.empty()) return {};
  auto const zone = parse_posix_tz(text);
  if (!zone) return damaged(zone.error().message);
  rules.afterwards = *zone;
  return {};
}

}  // namespace

Result<ZoneRules> parse_tzif(std::span<std::uint8_t const> bytes) {
  Bytewise in(bytes);
  B2B_ASSIGN(Header header, take_header(in));
  if (header.version == 0) return take_body(in, header, 4);
  // Newer files repeat everything in 64 bits behind the old form, which may be a stub.
  if (in.left() < header.body_size(4)) return damaged("it ends early");
  in.take(header.body_size(4));
  B2B_ASSIGN(header, take_header(in));
  B2B_ASSIGN(ZoneRules rules, take_body(in, header, 8));
  B2B_TRY(take_footer(in, rules));
  return rules;
}

ZoneSpan zone_span_at(ZoneRules const& rules, sys_seconds time) {
  auto const& changes = rules.changes;
  auto const next = std::upper_bound(changes.begin(), changes.end(), time,
                                     [](sys_seconds t, ZoneChange const& change) { return t < change.at; });
  bool const by_rule = next == changes.end() && rules.afterwards;
  sys_seconds const begin = next == changes.begin() ? zone_begin : std::prev(next)->at;
  if (by_rule) {
    ZoneSpan span = posix_span_at(*rules.afterwards, time);
    span.begin = std::max(span.begin, begin);
    return span;
  }
  return {begin, next == changes.end() ? zone_end : next->at,
          next == changes.begin() ? rules.first_offset : std::prev(next)->offset};
}

}  // namespace b2b
