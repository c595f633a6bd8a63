#include "core/schedule/cron.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/schedule/calendar.h"
#include "core/schedule/cron_field.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t longest_text = 1000;  // no expression with a meaning comes near it

struct Alias {
  std::string_view word;
  std::string_view expression;
};

constexpr std::array<Alias, 10> aliases{{{"hourly", "0 * * * *"},
                                         {"daily", "0 0 * * *"},
                                         {"weekly", "0 0 * * 0"},
                                         {"@hourly", "0 * * * *"},
                                         {"@daily", "0 0 * * *"},
                                         {"@midnight", "0 0 * * *"},
                                         {"@weekly", "0 0 * * 0"},
                                         {"@monthly", "0 0 1 * *"},
                                         {"@yearly", "0 0 1 1 *"},
                                         {"@annually", "0 0 1 1 *"}}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  std::vector<std::string_view> words;
  for (auto begin = text.find_first_not_of(blank); begin != std::string_view::npos;) {
    auto const end = std::min(text.find_first_of(blank, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(blank, end);
  }
  return words;
}

Error not_a_schedule(std::string_view text, std::string const& why) {
  return make_error(
      Condition::bad_config, "the schedule \"" + printable(text) + "\" " + why,
      "Write off, hourly, daily, weekly, or five fields (minute hour day-of-month month day-of-week), like "
      "\"30 3 * * *\" for every day at 3:30; six fields begin with the second",
      "schedule");
}

Error in_whole(Error error, std::string_view text) {
  error.message = "the schedule \"" + printable(text) + "\" is not understood: " + error.message;
  return error;
}

Result<CronSchedule> parse_fields(std::vector<std::string_view> fields) {
  if (fields.size() == 5) fields.insert(fields.begin(), "0");
  CronSchedule schedule;
  B2B_ASSIGN(CronFieldMask const seconds, parse_cron_seconds(fields[0]));
  B2B_ASSIGN(CronFieldMask const minutes, parse_cron_minutes(fields[1]));
  B2B_ASSIGN(CronFieldMask const hours, parse_cron_hours(fields[2]));
  B2B_ASSIGN(schedule.days, parse_cron_days(fields[3]));
  B2B_ASSIGN(CronFieldMask const months, parse_cron_months(fields[4]));
  B2B_ASSIGN(schedule.weekdays, parse_cron_weekdays(fields[5]));
  constexpr std::uint32_t all_hours = 0xffffff;
  schedule.seconds = seconds.values;
  schedule.minutes = minutes.values;
  schedule.hours = static_cast<std::uint32_t>(hours.values);
  schedule.months = static_cast<std::uint16_t>(months.values);
  schedule.repeats_by_hour = hours.begins_with_star || hours.has_step || schedule.hours == all_hours;
  return schedule;
}

// The calendar repeats after 400 years, weekdays included: what does not fire in these never does.
bool ever_fires(CronSchedule const& schedule) {
  using namespace std::chrono_literals;
  constexpr std::chrono::local_days start{2000y / 1 / 1};
  return next_local(schedule, start - std::chrono::seconds(1), 2400y).has_value();
}

}  // namespace

Result<CronSchedule> parse_schedule(std::string_view text) {
  if (text.size() > longest_text)
    return make_error(Condition::bad_config,
                      "the schedule is " + std::to_string(text.size()) + " characters long, more than " +
                          std::to_string(longest_text),
                      "Write a cron expression like \"30 3 * * *\"", "schedule");
  std::vector<std::string_view> fields = words_of(text);
  CronSchedule off;
  off.text = text;
  if (fields.empty()) return off;
  if (fields.size() == 1) {
    std::string const word = lower(fields[0]);
    if (word == "off") return off;
    auto const alias =
        std::find_if(aliases.begin(), aliases.end(), [&](Alias const& a) { return a.word == word; });
    if (alias == aliases.end())
      return not_a_schedule(text, word.starts_with('@')
                                      ? "is not one of @hourly, @daily, @midnight, @weekly, @monthly, "
                                        "@yearly, @annually"
                                      : "is not understood");
    fields = words_of(alias->expression);
  }
  if (fields.size() != 5 && fields.size() != 6)
    return not_a_schedule(text, "has " + std::to_string(fields.size()) + " fields instead of five or six");
  auto schedule = parse_fields(fields);
  if (!schedule) return in_whole(std::move(schedule).error(), text);
  schedule->text = text;
  if (!ever_fires(*schedule))
    return make_error(Condition::bad_config,
                      "the schedule \"" + printable(text) + "\" never fires: no date fits it",
                      "Check its day-of-month and month fields; February has no 30th", "schedule");
  return schedule;
}

Result<void> check_schedule(std::string_view text) {
  B2B_TRY(parse_schedule(text));
  return {};
}

}  // namespace b2b
