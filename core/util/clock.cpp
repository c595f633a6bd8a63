#include "core/util/clock.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace b2b {
namespace {

class SystemClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  std::chrono::nanoseconds monotonic() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::nanoseconds> time;
};

Civil civil(TimePoint t) {
  auto const day = std::chrono::floor<std::chrono::days>(t);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<std::chrono::nanoseconds>(t - day)};
}

bool digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
  if (at + count > text.size()) return false;
  out = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  return true;
}

std::optional<TimePoint> assemble(int year, int month, int day, int hour, int minute, int second, long nanos) {
  std::chrono::year_month_day const date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1970 || year > 2261 || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::nanoseconds(nanos);
}

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

TimePoint ManualClock::now() const {
  std::scoped_lock lock(mutex_);
  return now_;
}

std::chrono::nanoseconds ManualClock::monotonic() const {
  std::scoped_lock lock(mutex_);
  return monotonic_;
}

void ManualClock::advance(std::chrono::nanoseconds by) {
  std::scoped_lock lock(mutex_);
  now_ += by;
  monotonic_ += by;
}

void ManualClock::set_wall(TimePoint to) {
  std::scoped_lock lock(mutex_);
  now_ = to;
}

std::string format_iso8601(TimePoint time) {
  auto const c = civil(time);
  std::array<char, 64> out{};
  auto const millis = std::chrono::duration_cast<std::chrono::milliseconds>(c.time.subseconds()).count();
  std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(c.date.year()),
                static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                static_cast<int>(c.time.hours().count()), static_cast<int>(c.time.minutes().count()),
                static_cast<int>(c.time.seconds().count()), static_cast<int>(millis));
  return out.data();
}

std::string format_basic8601(TimePoint time) {
  auto const c = civil(time);
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(c.date.year()),
                static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()),
                static_cast<int>(c.time.hours().count()), static_cast<int>(c.time.minutes().count()),
                static_cast<int>(c.time.seconds().count()));
  return out.data();
}

std::optional<TimePoint> parse_iso8601(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z')
    return std::nullopt;
  if (!digits(text, 0, 4, year) || !digits(text, 5, 2, month) || !digits(text, 8, 2, day) ||
      !digits(text, 11, 2, hour) || !digits(text, 14, 2, minute) || !digits(text, 17, 2, second))
    return std::nullopt;
  long nanos = 0;
  if (text.size() > 20) {
    std::size_t const count = text.size() - 21;
    if (text[19] != '.' || count < 1 || count > 9) return std::nullopt;
    for (std::size_t i = 0; i < 9; ++i) {
      int digit = 0;
      if (i < count && !digits(text, 20 + i, 1, digit)) return std::nullopt;
      nanos = nanos * 10 + digit;
    }
  }
  return assemble(year, month, day, hour, minute, second, nanos);
}

std::optional<TimePoint> parse_http_date(std::string_view text) {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int day = 0, year = 0, hour = 0, minute = 0, second = 0;
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text[19] != ':' || text[22] != ':')
    return std::nullopt;
  auto const month = months.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  if (!digits(text, 5, 2, day) || !digits(text, 12, 4, year) || !digits(text, 17, 2, hour) ||
      !digits(text, 20, 2, minute) || !digits(text, 23, 2, second))
    return std::nullopt;
  return assemble(year, static_cast<int>(month / 3 + 1), day, hour, minute, second, 0);
}

}  // namespace b2b
