#include "core/config/value_rules.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>

#include "core/util/encoding.h"
#include "core/util/glob.h"

namespace b2b {
namespace {

std::string_view text_of(boost::json::value const& value) {
  return std::string_view(value.get_string());
}

Error rule(std::string message, std::string advice = {}) {
  return make_error(Condition::bad_config, std::move(message), std::move(advice));
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  if (!host.starts_with("127.")) return false;
  return std::all_of(host.begin(), host.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

// "host" or "host:port"; the host alone on success.
Result<std::string_view> split_authority(std::string_view authority) {
  std::size_t const bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return rule("has a '[' that is never closed");
  std::size_t const colon = authority.find(':', bracket);
  std::string_view const host = authority.substr(0, colon);
  if (host.empty()) return rule("names no host");
  for (char const c : host.starts_with('[') ? host.substr(1, host.size() - 2) : host)
    if (!is_alphanumeric(c) && c != '.' && c != '-' && !(host.starts_with('[') && c == ':'))
      return rule("holds '" + printable(std::string_view(&c, 1)) + "', which no host name has");
  if (colon != std::string_view::npos) {
    std::string_view const port = authority.substr(colon + 1);
    bool const digits = !port.empty() && port.size() <= 5 &&
                        std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    int const number = digits ? std::stoi(std::string(port)) : 0;
    if (number < 1 || number > 65535) return rule("has a port that is not between 1 and 65535");
  }
  return host;
}

}  // namespace

Result<boost::json::value> check_not_empty(boost::json::value value) {
  if (text_of(value).empty()) return rule("must not be empty", "Leave the key out instead");
  return value;
}

Result<boost::json::value> check_bucket(boost::json::value value) {
  std::string_view const name = text_of(value);
  bool const characters = std::all_of(name.begin(), name.end(), [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
  });
  if (!characters || name.size() < 3 || name.size() > 63 || name.find("..") != std::string_view::npos)
    return rule(
        "\"" + printable(name) + "\" is no bucket name",
        "A bucket name has 3 to 63 letters, digits and hyphens: copy it from the page Buckets at Backblaze");
  return value;
}

Result<boost::json::value> check_region(boost::json::value value) {
  std::string_view const name = text_of(value);
  bool const characters =
      std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
  if (!characters || name.empty())
    return rule("\"" + printable(name) + "\" is no region",
                "Write it like us-west-004, or leave the key out");
  return value;
}

Result<boost::json::value> check_endpoint(boost::json::value value) {
  std::string text(text_of(value));
  constexpr std::string_view forms =
      "Write https://s3.REGION.backblazeb2.com, file:///an/absolute/path, or leave the key out to have it "
      "found from the key";
  if (has_control_character(text) || text.find(' ') != std::string::npos)
    return rule("holds white space or control characters", std::string(forms));
  if (text.starts_with('/') || text.starts_with('.') || text.starts_with('~'))
    return rule("is the path of a directory, which is written " +
                    (text.starts_with('/') ? "file://" + text : std::string("file:///an/absolute/path")),
                std::string(forms));
  if (text.starts_with("file://")) {
    if (!text.starts_with("file:///"))
      return rule("needs three slashes and an absolute path after file:", std::string(forms));
    while (text.size() > std::string_view("file:///").size() && text.back() == '/')
      text.pop_back();
    if (text == "file:///") return rule("must not be the root directory", std::string(forms));
    return boost::json::value(text);
  }
  if (text.find("://") == std::string::npos) text.insert(0, "https://");
  bool const plain = text.starts_with("http://");
  if (!plain && !text.starts_with("https://"))
    return rule("begins with neither https://, http:// nor file://", std::string(forms));
  while (text.ends_with('/'))
    text.pop_back();
  std::string_view const authority =
      std::string_view(text).substr(plain ? 7 : std::min<std::size_t>(8, text.size()));
  if (authority.find('@') != std::string_view::npos)
    return rule("must not hold a user name or password", "Keys belong in keyId and applicationKey");
  if (authority.find_first_of("/?#") != std::string_view::npos)
    return rule("must end after the host and port", "The bucket and the prefix have keys of their own");
  auto const host = split_authority(authority);
  if (!host) return rule(host.error().message, std::string(forms));
  if (plain && !is_loopback(*host))
    return rule(
        "is http:// to another machine, which would send the backups' names and keys' signatures in the "
        "clear",
        "Use https://; http:// is for localhost only");
  return boost::json::value(text);
}

Result<boost::json::value> check_prefix(boost::json::value value) {
  std::string_view prefix = text_of(value);
  while (prefix.starts_with('/'))
    prefix.remove_prefix(1);
  while (prefix.ends_with('/'))
    prefix.remove_suffix(1);
  if (prefix.empty())
    return rule("must not be empty", "Name a folder for the snapshots, like openclaw-backup");
  if (!is_valid_utf8(prefix) || has_control_character(prefix))
    return rule("holds characters that B2 does not take", "Use letters, digits, '-' and '/'");
  constexpr std::size_t length_max =
      512;  // half of what a key may have: the rest is for the snapshot and the path
  if (prefix.size() > length_max) return rule("is longer than 512 bytes");
  for (std::size_t from = 0; from <= prefix.size();) {
    std::size_t const to = std::min(prefix.find('/', from), prefix.size());
    std::string_view const segment = prefix.substr(from, to - from);
    if (segment.empty()) return rule("holds two slashes in a row, which B2 refuses");
    if (segment == "." || segment == "..") return rule("must not hold '.' or '..' as a folder");
    if (segment.size() > 250) return rule("holds a folder name of more than 250 bytes, which B2 refuses");
    from = to + 1;
  }
  return boost::json::value(prefix);
}

Result<boost::json::value> check_globs(boost::json::value value) {
  for (boost::json::value const& pattern : value.get_array()) {
    auto const glob = Glob::parse(text_of(pattern));
    if (!glob)
      return rule("has the pattern \"" + printable(text_of(pattern)) + "\": " + glob.error().message,
                  glob.error().advice);
  }
  return value;
}

Result<boost::json::value> check_web_address(boost::json::value value) {
  std::string_view const text = text_of(value);
  bool const web = text.starts_with("https://") || text.starts_with("http://");
  if (!web || text.find(' ') != std::string_view::npos || has_control_character(text))
    return rule("must be an address that begins with https://");
  std::string_view const rest = text.substr(text.find("://") + 3);
  std::string_view const authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    return rule("must not hold a user name or password",
                "An address of its own for each check is secret enough");
  auto const host = split_authority(authority);
  if (!host) return host.error();
  return value;
}

std::optional<unsigned> percentage(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  unsigned percent = 0;
  char const* const end = text.data() + text.size() - 1;
  auto const read = std::from_chars(text.data(), end, percent);
  if (read.ec != std::errc() || read.ptr != end || percent < 1 || percent > 100) return std::nullopt;
  return percent;
}

Result<boost::json::value> check_percentage(boost::json::value value) {
  if (!percentage(text_of(value))) return rule("must be a percentage from 1% to 100%, like 5%");
  return value;
}

}  // namespace b2b
