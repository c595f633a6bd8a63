// "pattern\npath": parsing and matching end, and the three answers about a path agree with one another.
#include <cstdint>
#include <string_view>

#include "core/util/encoding.h"
#include "core/util/glob.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input = as_text({data, size});
  auto const line_end = input.find('\n');
  auto const glob = Glob::parse(input.substr(0, line_end));
  if (!glob) {
    B2B_ASSERT(glob.error().condition == Condition::usage);
    return 0;
  }
  std::string_view const path = line_end == std::string_view::npos ? std::string_view() : input.substr(line_end + 1);
  if (glob->matches(path, false)) {
    B2B_ASSERT(glob->matches(path, true));
    B2B_ASSERT(glob->covers(path, false));
  }
  if (!glob->covers(path, true)) return 0;
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    B2B_ASSERT(glob->may_match_below(path.substr(0, slash)));
  return 0;
}
