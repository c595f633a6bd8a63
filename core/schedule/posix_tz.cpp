#include "core/schedule/posix_tz.h"

#include <algorithm>
#include <string>

#include "core/util/encoding.h"

namespace b2b {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

constexpr std::string_view default_dates = ",M3.2.0,M11.1.0";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Reads from the front of the text; each function is false when the text does not go on that way.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool next_is(char c) const { return rest_.starts_with(c); }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_number(unsigned minimum, unsigned maximum, unsigned& out) {
    std::size_t count = 0;
    out = 0;
    for (; count < rest_.size() && count < 3 && is_digit(rest_[count]); ++count)
      out = out * 10 + static_cast<unsigned>(rest_[count] - '0');
    rest_.remove_prefix(count);
    return count > 0 && !(!rest_.empty() && is_digit(rest_.front())) && out >= minimum && out <= maximum;
  }

  bool take_name() {
    bool const quoted = take('<');
    std::size_t count = 0;
    while (count < rest_.size() &&
           (is_letter(rest_[count]) ||
            (quoted && (is_digit(rest_[count]) || rest_[count] == '+' || rest_[count] == '-'))))
      ++count;
    rest_.remove_prefix(count);
    return count >= 3 && (!quoted || take('>'));
  }

  // [+|-]hours[:minutes[:seconds]]
  bool take_time(unsigned most_hours, seconds& out) {
    bool const negative = take('-');
    if (!negative) take('+');
    unsigned hour = 0, minute = 0, second = 0;
    if (!take_number(0, most_hours, hour)) return false;
    if (take(':')) {
      if (!take_number(0, 59, minute)) return false;
      if (take(':') && !take_number(0, 59, second)) return false;
    }
    out = hours(hour) + minutes(minute) + seconds(second);
    if (negative) out = -out;
    return true;
  }

  bool take_date(PosixDate& out) {
    if (take('M')) {
      out.form = PosixDate::Form::week_of_month;
      if (!take_number(1, 12, out.month) || !take('.') || !take_number(1, 5, out.week) || !take('.') ||
          !take_number(0, 6, out.weekday))
        return false;
    } else if (take('J')) {
      out.form = PosixDate::Form::day_without_leap;
      if (!take_number(1, 365, out.day)) return false;
    } else {
      out.form = PosixDate::Form::day_of_year;
      if (!take_number(0, 365, out.day)) return false;
    }
    out.time = hours(2);
    return !take('/') || take_time(167, out.time);
  }

  bool take_dates(PosixZone& zone) {
    return take(',') && take_date(zone.begins) && take(',') && take_date(zone.ends);
  }

  bool take_zone(PosixZone& zone) {
    if (!take_name() || !take_time(24, zone.standard)) return false;
    zone.standard = -zone.standard;
    if (at_end()) return true;
    zone.has_daylight = true;
    zone.daylight = zone.standard + hours(1);
    if (!take_name()) return false;
    if (!at_end() && !next_is(',')) {
      if (!take_time(24, zone.daylight)) return false;
      zone.daylight = -zone.daylight;
    }
    if (at_end()) return Reader(default_dates).take_dates(zone);
    return take_dates(zone) && at_end();
  }

 private:
  std::string_view rest_;
};

// Local midnight of that day, before `date.time` is added, counted as if local time were UTC.
sys_days day_in_year(PosixDate const& date, year in_year) {
  sys_days const new_year{in_year / 1 / 1};
  switch (date.form) {
    case PosixDate::Form::week_of_month: {
      std::chrono::weekday const wanted(date.weekday);
      auto const month = in_year / std::chrono::month(date.month);
      return date.week == 5 ? sys_days(month / wanted[std::chrono::last])
                            : sys_days(month / wanted[date.week]);
    }
    case PosixDate::Form::day_without_leap:
      return new_year + days(date.day - 1 + (in_year.is_leap() && date.day >= 60 ? 1 : 0));
    case PosixDate::Form::day_of_year:
      return new_year + days(date.day);
  }
  return new_year;
}

struct Change {
  sys_seconds at;
  bool daylight = false;
};

}  // namespace

Result<PosixZone> parse_posix_tz(std::string_view text) {
  PosixZone zone;
  if (!Reader(text).take_zone(zone))
    return make_error(Condition::bad_config, "\"" + printable(text) + "\" is no time zone rule",
                      "A rule looks like CET-1CEST,M3.5.0,M10.5.0/3; a name like Europe/Berlin is easier");
  return zone;
}

ZoneSpan posix_span_at(PosixZone const& zone, sys_seconds time) {
  if (!zone.has_daylight) return {zone_begin, zone_end, zone.standard};
  year const middle = std::chrono::year_month_day(std::chrono::floor<days>(time)).year();
  // Rule times reach a week beyond their year, so the years beside this one matter as well.
  std::array<Change, 10> changes;
  std::size_t count = 0;
  for (int near = -2; near <= 2; ++near) {
    year const in_year = middle + std::chrono::years(near);
    changes[count++] = {day_in_year(zone.begins, in_year) + zone.begins.time - zone.standard, true};
    changes[count++] = {day_in_year(zone.ends, in_year) + zone.ends.time - zone.daylight, false};
  }
  // Daylight saving that ends the moment it begins again goes on (all year round, in RFC 9636's notation).
  std::sort(changes.begin(), changes.end(), [](Change const& a, Change const& b) {
    return a.at != b.at ? a.at < b.at : b.daylight && !a.daylight;
  });
  std::size_t next = 0;
  while (changes[next].at <= time)
    ++next;
  Change const& current = changes[next - 1];
  return {current.at, changes[next].at, current.daylight ? zone.daylight : zone.standard};
}

}  // namespace b2b
