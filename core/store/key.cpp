// What a key may look like: the strictest of what B2 takes and what a file system can hold.
#include "core/store/store.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::size_t max_key_bytes = 1024;
constexpr std::size_t max_segment_bytes = 250;

bool has_control_character(std::string_view text) {
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return true;
  }
  return false;
}

std::string segment_problem(std::string_view segment) {
  if (segment.empty()) return "it has an empty segment (two '/' in a row)";
  if (segment == "." || segment == "..") return "it has the segment \"" + std::string(segment) + "\"";
  if (segment.size() > max_segment_bytes) return "a segment is longer than 250 bytes";
  return {};
}

}  // namespace

std::string key_problem(std::string_view key) {
  if (key.empty()) return "it is empty";
  if (key.size() > max_key_bytes) return "it is longer than 1,024 bytes";
  if (key.front() == '/') return "it begins with '/'";
  if (key.back() == '/') return "it ends with '/'";
  if (has_control_character(key)) return "it holds a control character";
  if (!is_valid_utf8(key)) return "it is not valid UTF-8";
  while (true) {
    auto const slash = key.find('/');
    if (std::string problem = segment_problem(key.substr(0, slash)); !problem.empty()) return problem;
    if (slash == std::string_view::npos) return {};
    key.remove_prefix(slash + 1);
  }
}

}  // namespace b2b
