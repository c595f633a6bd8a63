#include "core/config/size_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/util/encoding.h"

namespace b2b {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<Unit, 19> units{{{"", 1},
                                      {"B", 1},
                                      {"b", 1},
                                      {"kB", 1000},
                                      {"KB", 1000},
                                      {"kb", 1000},
                                      {"MB", 1000ull * 1000},
                                      {"mb", 1000ull * 1000},
                                      {"GB", 1000ull * 1000 * 1000},
                                      {"gb", 1000ull * 1000 * 1000},
                                      {"TB", 1000ull * 1000 * 1000 * 1000},
                                      {"KiB", 1ull << 10},
                                      {"kib", 1ull << 10},
                                      {"MiB", 1ull << 20},
                                      {"mib", 1ull << 20},
                                      {"GiB", 1ull << 30},
                                      {"gib", 1ull << 30},
                                      {"TiB", 1ull << 40},
                                      {"tib", 1ull << 40}}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

Error not_understood(std::string_view text, std::string_view why) {
  return make_error(
      Condition::bad_config, "\"" + printable(text) + "\" is no size: " + std::string(why),
      "Write a number of bytes, or a number with a unit, like \"500 KiB\", \"10MB\" or \"1.5GiB\"");
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view const whole = trimmed(text);
  std::size_t const digits_end = std::min(whole.find_first_not_of("0123456789."), whole.size());
  std::string_view const number = whole.substr(0, digits_end);
  std::string_view const unit_name = trimmed(whole.substr(digits_end));
  if (number.empty()) return not_understood(text, "it does not begin with a number");

  double value = 0;
  auto const parsed =
      std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size())
    return not_understood(text, "\"" + printable(number) + "\" is no number");
  for (Unit const& unit : units) {
    if (unit.name != unit_name) continue;
    // Whole numbers exactly, fractions to the nearest byte.
    std::uint64_t exact = 0;
    auto const integer = std::from_chars(number.data(), number.data() + number.size(), exact);
    bool const is_whole = integer.ec == std::errc{} && integer.ptr == number.data() + number.size();
    constexpr double largest = 9.0e18;
    if (value * static_cast<double>(unit.bytes) > largest) return not_understood(text, "it is too large");
    if (is_whole) return exact * unit.bytes;
    return static_cast<std::uint64_t>(std::llround(value * static_cast<double>(unit.bytes)));
  }
  return not_understood(text,
                        "the unit \"" + printable(unit_name) +
                            "\" is not one of B, kB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB (1,024)");
}

Result<std::uint64_t> parse_rate(std::string_view text) {
  std::string_view size = trimmed(text);
  if (size.ends_with("/s")) size = trimmed(size.substr(0, size.size() - 2));
  return parse_size(size);
}

std::string format_size(std::uint64_t bytes) {
  constexpr std::array<Unit, 4> steps{
      {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}}};
  for (Unit const& step : steps)
    if (bytes != 0 && bytes % step.bytes == 0)
      return std::to_string(bytes / step.bytes) + " " + std::string(step.name);
  return std::to_string(bytes) + " B";
}

}  // namespace b2b
