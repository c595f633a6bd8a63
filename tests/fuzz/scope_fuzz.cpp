// "{recorded scope}\npath": reading a record ends, what was read survives its own record, and the answers about a path
// agree with one another.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <string_view>

#include "core/capture/scope.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input = as_text({data, size});
  auto const line_end = input.find('\n');
  boost::system::error_code failed;
  auto const json = boost::json::parse(input.substr(0, line_end), failed);
  if (failed) return 0;
  auto const scope = Scope::parse(json);
  if (!scope) {
    B2B_ASSERT(scope.error().condition == Condition::corrupt || scope.error().condition == Condition::unsupported);
    return 0;
  }
  auto const record = scope->record();
  auto const again = Scope::parse(record);
  B2B_ASSERT(again.has_value() && boost::json::serialize(again->record()) == boost::json::serialize(record));

  std::string_view const path = line_end == std::string_view::npos ? "workspace/a/b" : input.substr(line_end + 1);
  if (path.empty() || path.front() == '/' || path.find("//") != std::string_view::npos) return 0;
  bool const taken = scope->takes(path, false);
  B2B_ASSERT(again->takes(path, false) == taken);
  if (!taken) return 0;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    B2B_ASSERT(scope->may_take_below(path.substr(0, slash)));
  return 0;
}
