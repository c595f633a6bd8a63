#include "core/schedule/calendar.h"

#include <bit>

namespace b2b {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::weekday;
using std::chrono::year_month;

unsigned last_day(year_month month) {
  return static_cast<unsigned>((month / std::chrono::last).day());
}

unsigned weekday_of(year_month month, unsigned in_month) {
  return weekday(std::chrono::local_days(month / day(in_month))).c_encoding();
}

std::uint32_t bit(unsigned n) {
  return std::uint32_t{1} << n;
}

// The Monday to Friday nearest to the day, in the same month.
unsigned nearest_weekday(year_month month, unsigned in_month) {
  unsigned const of_week = weekday_of(month, in_month);
  if (of_week == 6) return in_month == 1 ? in_month + 2 : in_month - 1;
  if (of_week == 0) return in_month == last_day(month) ? in_month - 2 : in_month + 1;
  return in_month;
}

std::uint32_t by_day(CronDays const& days_field, year_month month) {
  unsigned const last = last_day(month);
  std::uint32_t mask = days_field.days;
  for (unsigned before = 0; before < last; ++before)
    if (days_field.before_last & bit(before)) mask |= bit(last - before);
  for (unsigned in_month = 1; in_month <= last; ++in_month)
    if (days_field.nearest_weekday & bit(in_month)) mask |= bit(nearest_weekday(month, in_month));
  if (days_field.last_weekday) mask |= bit(nearest_weekday(month, last));
  return mask;
}

std::uint32_t by_weekday(CronWeekdays const& field, year_month month) {
  unsigned const last = last_day(month);
  unsigned const first_weekday = weekday_of(month, 1);
  std::uint32_t mask = 0;
  for (unsigned in_month = 1; in_month <= last; ++in_month) {
    unsigned const of_week = (first_weekday + in_month - 1) % 7;
    unsigned const nth = (in_month - 1) / 7 + 1;
    bool const fits = (field.weekdays & bit(of_week)) || (field.nth[of_week] & bit(nth)) ||
                      ((field.last & bit(of_week)) && in_month + 7 > last);
    if (fits) mask |= bit(in_month);
  }
  return mask;
}

// The lowest value of the mask that is `from` or more.
std::optional<unsigned> next_value(std::uint64_t mask, unsigned from) {
  mask = from < 64 ? mask >> from << from : 0;
  if (mask == 0) return std::nullopt;
  return static_cast<unsigned>(std::countr_zero(mask));
}

// The first second of the day, `from` or later, that the schedule names.
std::optional<unsigned> next_in_day(CronSchedule const& schedule, unsigned from) {
  unsigned hour = from / 3600, minute = from / 60 % 60, second = from % 60;
  auto const found_second = next_value(schedule.seconds, second);
  if (!found_second) ++minute;
  auto found_minute = next_value(schedule.minutes, minute);
  if (!found_minute) ++hour;
  auto const found_hour = next_value(schedule.hours, hour);
  if (!found_hour) return std::nullopt;
  bool const same_hour = *found_hour == from / 3600;
  if (!same_hour) found_minute = next_value(schedule.minutes, 0);
  bool const same_minute = same_hour && *found_minute == from / 60 % 60;
  return *found_hour * 3600 + *found_minute * 60 +
         *(same_minute ? found_second : next_value(schedule.seconds, 0));
}

}  // namespace

std::uint32_t days_in_month(CronSchedule const& schedule, year_month month) {
  std::uint32_t const existing = static_cast<std::uint32_t>((std::uint64_t{2} << last_day(month)) - 2);
  std::uint32_t const day_mask = by_day(schedule.days, month);
  std::uint32_t const weekday_mask = by_weekday(schedule.weekdays, month);
  bool const either = !schedule.days.unrestricted && !schedule.weekdays.unrestricted;
  return existing & (either ? day_mask | weekday_mask : day_mask & weekday_mask);
}

std::optional<LocalSeconds> next_local(CronSchedule const& schedule, LocalSeconds after,
                                       std::chrono::year last_year) {
  if (schedule.is_off()) return std::nullopt;
  LocalSeconds const from = after + std::chrono::seconds(1);
  auto const first_day = std::chrono::floor<days>(from);
  std::chrono::year_month_day const date(first_day);
  year_month month = date.year() / date.month();
  auto day_from = static_cast<unsigned>(date.day());
  auto second_from = static_cast<unsigned>((from - first_day).count());
  for (; month.year() <= last_year; month += std::chrono::months(1), day_from = 1, second_from = 0) {
    if (!(schedule.months & bit(static_cast<unsigned>(month.month())))) continue;
    std::uint32_t const fitting = days_in_month(schedule, month);
    for (auto in_month = next_value(fitting, day_from); in_month;
         in_month = next_value(fitting, *in_month + 1)) {
      auto const second = next_in_day(schedule, *in_month == day_from ? second_from : 0);
      if (second) return std::chrono::local_days(month / day(*in_month)) + std::chrono::seconds(*second);
    }
  }
  return std::nullopt;
}

}  // namespace b2b
