// Where tests find things.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace b2b::test {

// The folder of shared fixtures beside the project (or $B2B_SHARED). Tests that need it warn and return without it; the
// project carries enough vectors of its own.
inline std::optional<std::string> shared_directory() {
  char const* configured = std::getenv("B2B_SHARED");
  std::string const path = configured != nullptr ? configured : std::string(B2B_SOURCE_DIR) + "/../shared";
  if (!std::filesystem::is_directory(path + "/fixtures")) return std::nullopt;
  return path;
}

}  // namespace b2b::test

#define B2B_REQUIRE_SHARED(variable)                                          \
  auto const variable##_found = ::b2b::test::shared_directory();              \
  if (!variable##_found) {                                                    \
    WARN("skipped: no shared fixtures here (set B2B_SHARED to their folder)"); \
    return;                                                                   \
  }                                                                           \
  std::string const variable = *variable##_found
