#include "core/schedule/tzif.h"

#include "core/util/encoding.h"
#include "tests/unit/schedule/zones.h"

using namespace b2b;
using schedule_test::at;

namespace {

void put(std::string& out, std::int64_t value, int size) {
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff);
}

struct Block {
  std::vector<std::pair<std::int64_t, std::uint8_t>> changes;
  std::vector<std::int32_t> offsets{0};
  std::uint32_t leaps = 0;
};

std::string block(char version, Block const& content, int time_size) {
  std::string out = "TZif";
  out += version;
  out.append(15, '\0');
  for (std::size_t const count : {std::size_t{0}, std::size_t{0}, std::size_t{content.leaps},
                                  content.changes.size(), content.offsets.size(), std::size_t{4}})
    put(out, static_cast<std::int64_t>(count), 4);
  for (auto const& change : content.changes)
    put(out, change.first, time_size);
  for (auto const& change : content.changes)
    out += static_cast<char>(change.second);
  for (std::int32_t const offset : content.offsets) {
    put(out, offset, 4);
    out.append(2, '\0');
  }
  out.append("ABC\0", 4);
  out.append(content.leaps * static_cast<std::size_t>(time_size + 4), '\0');
  return out;
}

std::string file(Block const& content, std::string const& footer) {
  return block('2', {}, 4) + block('2', content, 8) + "\n" + footer + "\n";
}

std::int64_t offset_at(ZoneRules const& rules, std::string_view time) {
  return zone_span_at(rules, std::chrono::floor<std::chrono::seconds>(at(time))).offset.count();
}

std::int64_t offset_in(ZoneRules const& rules, int year) {
  return zone_span_at(rules, std::chrono::sys_days(std::chrono::year(year) / 7 / 1)).offset.count();
}

Result<ZoneRules> parse(std::string const& bytes) {
  return parse_tzif(as_bytes(bytes));
}

constexpr std::int64_t y2000 = 946684800, y2010 = 1262304000;

}  // namespace

TEST_CASE("tzif: changes, and the rule after the last") {
  auto const rules = parse(file({{{y2000, 1}, {y2010, 0}}, {3600, 7200}}, "CET-1CEST,M3.5.0,M10.5.0/3"));
  REQUIRE(rules);
  CHECK(offset_at(*rules, "1990-01-01T00:00:00Z") == 3600);
  CHECK(offset_at(*rules, "1999-12-31T23:59:59Z") == 3600);
  CHECK(offset_at(*rules, "2000-01-01T00:00:00Z") == 7200);
  CHECK(offset_at(*rules, "2009-12-31T23:59:59Z") == 7200);  // the rule does not reach back
  CHECK(offset_at(*rules, "2010-01-01T00:00:00Z") == 3600);
  CHECK(offset_at(*rules, "2060-07-01T00:00:00Z") == 7200);
  auto const span = zone_span_at(*rules, std::chrono::sys_seconds(std::chrono::seconds(y2010 + 5)));
  CHECK(span.begin == std::chrono::sys_seconds(std::chrono::seconds(y2010)));
  CHECK(span.end == at("2010-03-28T01:00:00Z"));
}

TEST_CASE("tzif: without a rule the last offset stays") {
  auto const rules = parse(file({{{y2000, 1}}, {3600, -7200}}, ""));
  REQUIRE(rules);
  CHECK(offset_at(*rules, "2060-07-01T00:00:00Z") == -7200);
}

TEST_CASE("tzif: the first version has 32-bit times and no rule") {
  std::string bytes = block('\0', {{{-y2000, 1}, {y2000, 0}}, {3600, 7200}}, 4);
  auto const rules = parse(bytes);
  REQUIRE(rules);
  CHECK(offset_in(*rules, 1930) == 3600);
  CHECK(offset_at(*rules, "1980-01-01T00:00:00Z") == 7200);
  CHECK(offset_at(*rules, "2060-01-01T00:00:00Z") == 3600);
}

TEST_CASE("tzif: changes of long ago and far ahead only set where to begin") {
  std::int64_t const big_bang = -(std::int64_t{1} << 59);
  auto const rules = parse(file({{{big_bang, 1}, {y2000, 0}, {std::int64_t{1} << 60, 1}}, {60, 120}}, ""));
  REQUIRE(rules);
  CHECK(rules->changes.size() == 1);
  CHECK(offset_in(*rules, 1800) == 120);
  CHECK(offset_in(*rules, 2200) == 60);
}

TEST_CASE("tzif: damaged files are refused") {
  std::string const good = file({{{y2000, 1}, {y2010, 0}}, {3600, 7200}}, "CET-1");
  REQUIRE(parse(good));
  for (std::size_t length = 0; length < good.size(); ++length) {
    INFO(length);
    auto const cut = parse(good.substr(0, length));
    REQUIRE(cut.has_error());
    CHECK(cut.error().condition == Condition::corrupt);
  }
  CHECK(parse(file({{{y2010, 1}, {y2000, 0}}, {3600, 7200}}, "")).has_error());
  CHECK(parse(file({{{y2000, 2}}, {3600, 7200}}, "")).has_error());
  CHECK(parse(file({{}, {25 * 3600 * 2}}, "")).has_error());
  CHECK(parse(file({{}, {}}, "")).has_error());
  CHECK(parse(file({{}, {0}}, "no rule")).has_error());
  std::string huge = good;
  huge[32] = '\x7f';  // number of changes
  CHECK(parse(huge).has_error());
  auto const leaps = parse(file({{{y2000, 1}}, {3600, 7200}, 1}, ""));
  REQUIRE(leaps.has_error());
  CHECK(leaps.error().condition == Condition::unsupported);
}
