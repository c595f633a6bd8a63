// Where tests find things. Nothing is compiled in, so that a compiler cache serves every checkout.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace b2b::test {

// The build directory: programs lie in its bin/.
inline std::string binary_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path().string();
}

// The project's source directory, as CMake recorded it in the build directory.
inline std::string source_directory() {
  constexpr std::string_view key = "CMAKE_HOME_DIRECTORY:INTERNAL=";
  std::ifstream cache(binary_directory() + "/CMakeCache.txt");
  for (std::string line; std::getline(cache, line);)
    if (line.starts_with(key)) return line.substr(key.size());
  return ".";
}

// The folder of shared fixtures beside the project (or $B2B_SHARED). Tests that need it warn and return without it; the
// project carries enough vectors of its own.
inline std::optional<std::string> shared_directory() {
  char const* configured = std::getenv("B2B_SHARED");
  std::string const path = configured != nullptr ? configured : source_directory() + "/../shared";
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
