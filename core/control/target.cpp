#include "core/control/target.h"

#include "core/util/encoding.h"

namespace b2b::control {
namespace {

constexpr std::size_t query_parameters_max = 64;

Error bad_target(std::string_view what) {
  return make_error(Condition::usage, "the address of the request " + std::string(what),
                    "Addresses look like /v1/status?name=value, with special characters as %XX");
}

Result<std::string> decode(std::string_view text) {
  auto decoded = uri_decode(text);
  if (!decoded) return bad_target("has a broken percent escape: " + printable(text.substr(0, 100)));
  if (decoded->find('\0') != std::string::npos) return bad_target("has a zero byte in it");
  return std::move(*decoded);
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (text.starts_with(scheme)) {
    auto const slash = text.find('/', scheme.size());
    text = slash == std::string_view::npos ? "/" : text.substr(slash);
  }
  if (!text.starts_with('/')) return bad_target("does not start with a slash");
  if (text.find('#') != std::string_view::npos) return bad_target("has a fragment (#)");
  for (char const c : text)
    if (c <= 0x20 || c >= 0x7f) return bad_target("has a character that must be written as %XX");

  Target target;
  auto const mark = text.find('?');
  target.path = text.substr(0, mark);
  if (mark == std::string_view::npos) return target;
  std::string_view rest = text.substr(mark + 1);
  while (!rest.empty()) {
    auto const end = rest.find('&');
    std::string_view const pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (pair.empty()) continue;
    if (target.query.size() == query_parameters_max) return bad_target("has more than 64 parameters");
    auto const equals = pair.find('=');
    B2B_ASSIGN(auto name, decode(pair.substr(0, equals)));
    std::string value;
    if (equals != std::string_view::npos) {
      B2B_ASSIGN(value, decode(pair.substr(equals + 1)));
    }
    target.query.emplace_back(std::move(name), std::move(value));
  }
  return target;
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  B2B_ASSERT(path.starts_with('/'));
  std::vector<std::string> segments;
  for (;;) {
    path.remove_prefix(1);
    auto const end = path.find('/');
    B2B_ASSIGN(auto segment, decode(path.substr(0, end)));
    if (segment == "." || segment == "..") return bad_target("has a segment of dots");
    segments.push_back(std::move(segment));
    if (end == std::string_view::npos) return segments;
    path.remove_prefix(end);
  }
}

}  // namespace b2b::control
