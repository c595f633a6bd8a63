// $JOURNAL_STREAM: what parses is written the same way again, leading zeros aside.
#include <cstdint>
#include <string>

#include "core/util/encoding.h"
#include "core/util/error.h"
#include "core/util/journal_stream.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input = as_text({data, size});
  auto const stream = parse_journal_stream(input);
  if (!stream) return 0;
  std::string const again = std::to_string(stream->device) + ":" + std::to_string(stream->inode);
  B2B_ASSERT(again.size() <= input.size());
  B2B_ASSERT(parse_journal_stream(again) == stream);
  return 0;
}
