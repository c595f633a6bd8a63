// Records of waiting captures: what is read is what was written, and nothing else is taken for one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/engine/queue.h"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  if (auto const record = b2b::parse_capture_record(text, "fuzz")) {
    std::string const once = b2b::format_capture_record(*record);
    auto const again = b2b::parse_capture_record(once, "fuzz");
    if (!again || b2b::format_capture_record(*again) != once) std::abort();
  }
  if (auto const place = b2b::parse_body_place(text)) {
    auto const again = b2b::parse_body_place(b2b::format_body_place(*place));
    if (!again || again->file != place->file || again->offset != place->offset) std::abort();
    if (place->file.find('/') != std::string::npos || place->file == "..") std::abort();
  }
  return 0;
}
