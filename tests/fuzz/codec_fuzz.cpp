// What comes out of a box that was opened: it may be compressed, and must not grow past what the index says of
// it. The first two bytes say how long the content should be; the rest is what is decoded, and also a content
// that is encoded and must come back.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/crypto/hash.h"
#include "core/packed/codec.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

constexpr std::size_t guard_bytes = 64;

// False: refused. Nothing is ever written behind the content.
bool decode(std::span<std::uint8_t const> encoded, std::size_t content_bytes, std::string& content) {
  Decoder decoder;
  std::vector<std::uint8_t> room(content_bytes + guard_bytes, 0xa5);
  auto const decoded = decoder.decode(encoded, std::span(room).first(content_bytes));
  for (std::size_t i = content_bytes; i < room.size(); ++i)
    B2B_ASSERT(room[i] == 0xa5);
  if (!decoded) B2B_ASSERT(decoded.error().condition == Condition::corrupt && !decoded.error().message.empty());
  content.assign(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(content_bytes));
  return decoded.has_value();
}

void encode_and_decode(std::span<std::uint8_t const> content) {
  std::string encoded, back;
  Encoder().append(content, encoded);
  B2B_ASSERT(encoded.size() <= content.size() + 1);
  B2B_ASSERT(decode(as_bytes(encoded), content.size(), back) && back == as_text(content));
  B2B_ASSERT(!decode(as_bytes(encoded), content.size() + 1, back));
  if (!content.empty()) B2B_ASSERT(!decode(as_bytes(encoded), content.size() - 1, back));
  auto const bounded = decode_bounded(as_bytes(encoded), content.size());
  B2B_ASSERT(bounded && *bounded == as_text(content));
  if (!content.empty()) B2B_ASSERT(!decode_bounded(as_bytes(encoded), content.size() - 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  std::size_t const wanted = std::size_t{data[0]} + (std::size_t{data[1]} << 8);
  std::span<std::uint8_t const> const encoded(data + 2, size - 2);
  std::string content;
  bool const good = decode(encoded, wanted, content);
  auto const bounded = decode_bounded(encoded, wanted);
  if (bounded) {
    B2B_ASSERT(bounded->size() <= wanted);
    if (good && bounded->size() == wanted) B2B_ASSERT(*bounded == content);
  } else {
    B2B_ASSERT(bounded.error().condition == Condition::corrupt && !bounded.error().message.empty());
  }
  encode_and_decode(encoded);
  return 0;
}
