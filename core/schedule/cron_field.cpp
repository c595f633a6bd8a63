#include "core/schedule/cron_field.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>

#include "core/util/encoding.h"

namespace b2b {
namespace {

struct CronFieldSpec {
  std::string_view name;  // "minute"
  unsigned minimum = 0;
  unsigned maximum = 0;
  std::span<std::string_view const> names;  // of minimum, minimum + 1, ...; may be empty
  std::string_view allowed;                 // for the advice: "0-59"
};

constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

constexpr CronFieldSpec second_field{"second", 0, 59, {}, "0-59"};
constexpr CronFieldSpec minute_field{"minute", 0, 59, {}, "0-59"};
constexpr CronFieldSpec hour_field{"hour", 0, 23, {}, "0-23"};
constexpr CronFieldSpec day_field{"day-of-month", 1, 31, {}, "1-31, ?, L, L-3, 15W, LW"};
constexpr CronFieldSpec month_field{"month", 1, 12, month_names, "1-12, JAN-DEC"};
constexpr CronFieldSpec weekday_field{"day-of-week", 0, 7, weekday_names,
                                      "0-7 (0 and 7 are Sunday), SUN-SAT, ?, 5L, MON#2"};

Error field_error(CronFieldSpec const& spec, std::string_view item, std::string const& why) {
  return make_error(Condition::bad_config,
                    "\"" + printable(item) + "\" in the " + std::string(spec.name) + " field: " + why,
                    "The " + std::string(spec.name) + " field takes " + std::string(spec.allowed) +
                        ", * for all, lists (1,2), ranges (1-5) and steps (*/5, 1-5/2)",
                    "schedule");
}

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return upper(x) == upper(y); });
}

bool ends_with_letter(std::string_view text, char letter) {
  return !text.empty() && upper(text.back()) == letter;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

Result<unsigned> value_of(CronFieldSpec const& spec, std::string_view item, std::string_view text) {
  for (std::size_t i = 0; i < spec.names.size(); ++i)
    if (same_word(text, spec.names[i])) return spec.minimum + static_cast<unsigned>(i);
  auto const value = number(text);
  if (!value) return field_error(spec, item, text.empty() ? "a value is missing" : "it is not understood");
  if (*value < spec.minimum || *value > spec.maximum)
    return field_error(spec, item,
                       std::to_string(*value) + " is not between " + std::to_string(spec.minimum) + " and " +
                           std::to_string(spec.maximum));
  return *value;
}

Result<unsigned> step_of(CronFieldSpec const& spec, std::string_view item, std::string_view text) {
  auto const step = number(text);
  if (!step) return field_error(spec, item, "after / comes a step, a number");
  if (*step == 0) return field_error(spec, item, "a step of 0 never moves on");
  if (*step > spec.maximum)
    return field_error(spec, item,
                       "a step of " + std::to_string(*step) + " is larger than the field, which ends at " +
                           std::to_string(spec.maximum));
  return *step;
}

std::uint64_t mask_of(unsigned first, unsigned last, unsigned step) {
  std::uint64_t mask = 0;
  for (unsigned value = first; value <= last; value += step)
    mask |= std::uint64_t{1} << value;
  return mask;
}

struct Bounds {
  unsigned first = 0;
  unsigned last = 0;
};

Result<Bounds> bounds_of(CronFieldSpec const& spec, std::string_view item, std::string_view base,
                         bool has_step) {
  if (base == "*") return Bounds{spec.minimum, spec.maximum};
  auto const dash = base.find('-');
  B2B_ASSIGN(unsigned const first, value_of(spec, item, base.substr(0, dash)));
  if (dash == std::string_view::npos) return Bounds{first, has_step ? spec.maximum : first};
  B2B_ASSIGN(unsigned last, value_of(spec, item, base.substr(dash + 1)));
  if (spec.name == weekday_field.name && first > 0 && last == 0) last = 7;  // FRI-SUN
  if (first > last)
    return field_error(
        spec, item, "the range runs backwards; write it as two, like 22-23,0-2 for the hours from 22 to 2");
  return Bounds{first, last};
}

// value, range, "*", each with an optional step.
Result<CronFieldMask> parse_plain(CronFieldSpec const& spec, std::string_view item) {
  CronFieldMask mask;
  auto const slash = item.find('/');
  mask.has_step = slash != std::string_view::npos;
  unsigned step = 1;
  if (mask.has_step) {
    B2B_ASSIGN(step, step_of(spec, item, item.substr(slash + 1)));
  }
  B2B_ASSIGN(Bounds const bounds, bounds_of(spec, item, item.substr(0, slash), mask.has_step));
  mask.values = mask_of(bounds.first, bounds.last, step);
  return mask;
}

// Calls `take` for each item between commas, up to the first error.
template <class Take>
Result<void> each_item(std::string_view text, Take const& take) {
  while (true) {
    auto const comma = text.find(',');
    B2B_TRY(take(text.substr(0, comma)));
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

bool begins_with_star(std::string_view text) {
  return text.starts_with('*') || text.starts_with('?');
}

Result<CronFieldMask> parse_simple_field(CronFieldSpec const& spec, std::string_view text) {
  CronFieldMask all;
  all.begins_with_star = begins_with_star(text);
  B2B_TRY(each_item(text, [&](std::string_view item) -> Result<void> {
    B2B_ASSIGN(CronFieldMask const one, parse_plain(spec, item));
    all.values |= one.values;
    all.has_step = all.has_step || one.has_step;
    return {};
  }));
  return all;
}

Result<void> parse_day_item(std::string_view item, CronDays& days) {
  if (same_word(item, "L")) {
    days.before_last |= 1;
  } else if (same_word(item, "LW")) {
    days.last_weekday = true;
  } else if (item.size() > 2 && same_word(item.substr(0, 2), "L-")) {
    auto const count = number(item.substr(2));
    if (!count || *count > 30) return field_error(day_field, item, "after L- comes a number from 0 to 30");
    days.before_last |= std::uint32_t{1} << *count;
  } else if (ends_with_letter(item, 'W')) {
    B2B_ASSIGN(unsigned const day, value_of(day_field, item, item.substr(0, item.size() - 1)));
    days.nearest_weekday |= std::uint32_t{1} << day;
  } else {
    B2B_ASSIGN(CronFieldMask const plain, parse_plain(day_field, item == "?" ? "*" : item));
    days.days |= static_cast<std::uint32_t>(plain.values);
  }
  return {};
}

Result<void> parse_weekday_item(std::string_view item, CronWeekdays& weekdays) {
  auto const hash = item.find('#');
  if (hash != std::string_view::npos) {
    B2B_ASSIGN(unsigned const weekday, value_of(weekday_field, item, item.substr(0, hash)));
    auto const nth = number(item.substr(hash + 1));
    if (!nth || *nth < 1 || *nth > 5)
      return field_error(weekday_field, item, "after # comes a number from 1 to 5");
    weekdays.nth[weekday % 7] |= static_cast<std::uint8_t>(1u << *nth);
  } else if (same_word(item, "L")) {
    return field_error(weekday_field, item, "it does not say the last of which day; write SAT or 6L");
  } else if (ends_with_letter(item, 'L')) {
    B2B_ASSIGN(unsigned const weekday, value_of(weekday_field, item, item.substr(0, item.size() - 1)));
    weekdays.last |= static_cast<std::uint8_t>(1u << weekday % 7);
  } else {
    B2B_ASSIGN(CronFieldMask const plain, parse_plain(weekday_field, item == "?" ? "*" : item));
    weekdays.weekdays |= static_cast<std::uint8_t>((plain.values | plain.values >> 7) & 0x7f);
  }
  return {};
}

}  // namespace

Result<CronFieldMask> parse_cron_seconds(std::string_view text) {
  return parse_simple_field(second_field, text);
}
Result<CronFieldMask> parse_cron_minutes(std::string_view text) {
  return parse_simple_field(minute_field, text);
}
Result<CronFieldMask> parse_cron_hours(std::string_view text) {
  return parse_simple_field(hour_field, text);
}
Result<CronFieldMask> parse_cron_months(std::string_view text) {
  return parse_simple_field(month_field, text);
}

Result<CronDays> parse_cron_days(std::string_view text) {
  CronDays days;
  days.unrestricted = begins_with_star(text);
  B2B_TRY(each_item(text, [&](std::string_view item) { return parse_day_item(item, days); }));
  return days;
}

Result<CronWeekdays> parse_cron_weekdays(std::string_view text) {
  CronWeekdays weekdays;
  weekdays.unrestricted = begins_with_star(text);
  B2B_TRY(each_item(text, [&](std::string_view item) { return parse_weekday_item(item, weekdays); }));
  return weekdays;
}

}  // namespace b2b
