// Cutting a stream: the pieces in which it comes make no difference, and chunks keep to their sizes. The
// first byte chooses the sizes, the next eight the pieces; a content that is short is also tried many times
// over.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/packed/chunker.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

using Content = std::vector<std::uint8_t>;

GearTable const& gear() {
  static GearTable const table{Key{}};
  return table;
}

// The lengths of the chunks. The pieces are as long as the bytes of `pattern` say, by turns; none: all at
// once.
std::vector<std::size_t> lengths(Content const& content, ChunkSizes const& sizes,
                                 std::span<std::uint8_t const> pattern) {
  std::vector<std::size_t> out;
  std::size_t seen = 0;
  Chunker chunker(sizes, gear(), [&](std::span<std::uint8_t const> chunk) -> Result<void> {
    B2B_ASSERT(!chunk.empty() && chunk.size() <= content.size() - seen);
    B2B_ASSERT(std::equal(chunk.begin(), chunk.end(), content.begin() + static_cast<std::ptrdiff_t>(seen)));
    seen += chunk.size();
    out.push_back(chunk.size());
    return {};
  });
  std::span<std::uint8_t const> rest(content);
  for (std::size_t turn = 0; !rest.empty(); ++turn) {
    std::size_t const wanted =
        pattern.empty() ? rest.size() : 1 + std::size_t{pattern[turn % pattern.size()]} * (turn % 3 + 1);
    auto const piece = rest.first(std::min(wanted, rest.size()));
    B2B_ASSERT(chunker.feed(piece));
    rest = rest.subspan(piece.size());
  }
  B2B_ASSERT(chunker.finish());
  B2B_ASSERT(seen == content.size());
  return out;
}

void check(Content const& content, ChunkSizes const& sizes, std::span<std::uint8_t const> pattern) {
  auto const whole = lengths(content, sizes, {});
  B2B_ASSERT(whole == lengths(content, sizes, pattern));
  std::span<std::uint8_t const> rest(content);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    B2B_ASSERT(whole[i] <= sizes.max && (i + 1 == whole.size() || whole[i] > sizes.min));
    B2B_ASSERT(next_cut(rest, sizes, gear()) == whole[i]);
    rest = rest.subspan(whole[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 9) return 0;
  std::span<std::uint8_t const> const input(data, size);
  std::uint32_t const min = 64U << (data[0] & 3U);
  std::uint32_t const average = min << (1 + (data[0] >> 2 & 1U));
  ChunkSizes const sizes{min, average, average << (1 + (data[0] >> 3 & 1U))};
  Content content(input.begin() + 9, input.end());
  check(content, sizes, input.subspan(1, 8));
  if (content.empty() || content.size() > 4096) return 0;
  std::size_t const once = content.size();
  for (std::size_t i = 0; content.size() < 8192; ++i)
    content.push_back(content[i % once]);
  check(content, sizes, input.subspan(1, 8));
  return 0;
}
