#include "core/engine/openclaw_version.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/config/json5.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t parts_at_most = 8;

std::optional<std::vector<std::uint32_t>> parts_of(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  version = version.substr(0, version.find_first_of("-+"));
  std::vector<std::uint32_t> out;
  for (;;) {
    std::string_view const part = version.substr(0, version.find('.'));
    std::uint32_t number = 0;
    auto const [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size() || out.size() == parts_at_most)
      return std::nullopt;
    out.push_back(number);
    if (part.size() == version.size()) break;
    version.remove_prefix(part.size() + 1);
  }
  while (!out.empty() && out.back() == 0)
    out.pop_back();
  return out;
}

}  // namespace

std::string openclaw_version(std::string const& state_dir) {
  auto const text = read_file(join_path(state_dir, "openclaw.json"), 4 << 20);
  if (!text) return {};
  auto const parsed = parse_json5(*text, "openclaw.json");
  if (!parsed || !parsed.value().is_object()) return {};
  auto const* meta = parsed.value().as_object().if_contains("meta");
  if (meta == nullptr || !meta->is_object()) return {};
  auto const* version = meta->as_object().if_contains("lastTouchedVersion");
  if (version == nullptr || !version->is_string()) return {};
  return std::string(version->as_string());
}

bool is_newer_openclaw(std::string_view a, std::string_view b) {
  auto const one = parts_of(a);
  auto const other = parts_of(b);
  return one && other && *one > *other;
}

}  // namespace b2b
