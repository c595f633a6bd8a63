#include "core/snapshot/rule_window.h"

namespace b2b {
namespace {

enum class Place { newest, has_newer, beyond };   // beyond: further back than the rule looks

Place place_in(std::set<std::string>& taken, std::string const& name, std::uint32_t limit) {
  if (taken.contains(name)) return Place::has_newer;
  if (taken.size() >= limit) return Place::beyond;
  taken.insert(name);
  return Place::newest;
}

// "the newest 10 and the last 24 hours, 30 days and 12 months with a snapshot"
std::string reach(RetentionRules const& rules) {
  std::string periods;
  auto const add = [&](std::uint32_t count, char const* unit) {
    if (count == 0) return;
    periods += (periods.empty() ? "" : ", ") + std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
  };
  add(rules.hourly, "hour");
  add(rules.daily, "day");
  add(rules.monthly, "month");
  std::string const newest = "the newest " + std::to_string(rules.last);
  return periods.empty() ? newest : newest + " and the last " + periods + " with a snapshot";
}

}  // namespace

RuleWindow::Judgement RuleWindow::next(TimePoint time) {
  std::string const written = format_iso8601(time);   // UTC
  std::string const month = written.substr(0, 7);
  std::string const day = written.substr(0, 10);
  std::string const hour = day + " " + written.substr(11, 2) + ":00";
  Place const in_hour = place_in(hours_, hour, rules_.hourly);
  Place const in_day = place_in(days_, day, rules_.daily);
  Place const in_month = place_in(months_, month, rules_.monthly);
  if (seen_++ < rules_.last) return {true, "one of the newest " + std::to_string(rules_.last)};
  if (in_hour == Place::newest) return {true, "newest of the hour " + hour};
  if (in_day == Place::newest) return {true, "newest of the day " + day};
  if (in_month == Place::newest) return {true, "newest of the month " + month};
  if (in_hour == Place::has_newer) return {false, "the hour " + hour + " has a newer one"};
  if (in_day == Place::has_newer) return {false, "the day " + day + " has a newer one"};
  if (in_month == Place::has_newer) return {false, "the month " + month + " has a newer one"};
  return {false, "older than " + reach(rules_)};
}

}  // namespace b2b
