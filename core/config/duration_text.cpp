#include "core/config/duration_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/util/encoding.h"

namespace b2b {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr std::array<Unit, 6> units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}, {"", 1000}}};
constexpr double longest = 36'500.0 * 86'400'000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

Error not_understood(std::string_view text, std::string const& why) {
  return make_error(
      Condition::bad_config, "\"" + printable(text) + "\" is no length of time: " + why,
      "Write a number of seconds, or a number with a unit, like \"20s\", \"5m\", \"2h\" or \"1d\"");
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::string_view const whole = trimmed(text);
  std::size_t const number_end = std::min(whole.find_first_not_of("0123456789."), whole.size());
  std::string_view const number = whole.substr(0, number_end);
  std::string_view const unit_name = trimmed(whole.substr(number_end));
  if (number.empty()) return not_understood(text, "it does not begin with a number");

  double value = 0;
  auto const parsed =
      std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size() || !is_digit(number.front()) ||
      !is_digit(number.back()))
    return not_understood(text, "\"" + printable(number) + "\" is no number");
  auto const unit =
      std::find_if(units.begin(), units.end(), [&](Unit const& known) { return known.name == unit_name; });
  if (unit == units.end())
    return not_understood(text, "the unit \"" + printable(unit_name) +
                                    "\" is not one of s (seconds), m (minutes), h (hours), d (days), ms");
  double const milliseconds = value * static_cast<double>(unit->milliseconds);
  if (!(milliseconds <= longest)) return not_understood(text, "it is longer than a hundred years");
  return std::chrono::milliseconds(std::llround(milliseconds));
}

std::string format_duration(std::chrono::milliseconds duration) {
  std::int64_t const count = duration.count();
  for (Unit const& unit : units)
    if (count != 0 && count % unit.milliseconds == 0)
      return std::to_string(count / unit.milliseconds) + std::string(unit.name);
  return "0s";
}

}  // namespace b2b
