#include "core/gateway/openclaw_output.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/util/encoding.h"

namespace b2b {
namespace {

namespace json = boost::json;

constexpr std::size_t reason_max_bytes = 500;

std::string text_in(json::object const& object, std::string_view name) {
  auto const* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  std::string_view const text(value->get_string().data(), value->get_string().size());
  return printable(text.substr(0, reason_max_bytes));
}

bool is_version(std::string_view word) {
  constexpr std::size_t word_max_bytes = 64;
  std::string_view const numbers = word.substr(0, word.find_first_of("-+"));
  return word.size() <= word_max_bytes && numbers.find('.') != std::string_view::npos && numbers.front() != '.' &&
         numbers.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::string parse_openclaw_version(std::string_view output) {
  constexpr std::string_view blanks = " \t\r\n";
  for (;;) {
    output.remove_prefix(std::min(output.find_first_not_of(blanks), output.size()));
    if (output.empty()) return {};
    std::string_view const word = output.substr(0, output.find_first_of(blanks));
    if (is_version(word)) return printable(word);
    output.remove_prefix(word.size());
  }
}

std::optional<Preflight> parse_preflight(std::string_view output) {
  auto const begin = output.find('{');
  auto const end = output.rfind('}');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return std::nullopt;
  boost::system::error_code failed;
  auto const value = json::parse(output.substr(begin, end - begin + 1), failed);
  if (failed || !value.is_object()) return std::nullopt;
  Preflight out;
  out.status = text_in(value.get_object(), "status");
  if (out.status.empty() || text_in(value.get_object(), "schema").find("preflight") == std::string::npos) return std::nullopt;
  if (out.status == "exact" || out.status == "startup-repairable" || out.status == "migration-required") {
    out.verdict = Preflight::Verdict::fits;
  } else if (out.status == "incompatible") {
    out.verdict = Preflight::Verdict::incompatible;
  }
  out.reason = text_in(value.get_object(), "reason");
  return out;
}

Health health_from(std::string_view answer) {
  // "HTTP/1.1 200 …"
  if (!answer.starts_with("HTTP/1.") || answer.size() < 12 || answer[8] != ' ') return Health::other;
  return answer.substr(9, 3) == "200" ? Health::well : Health::not_yet;
}

}  // namespace b2b
