#include "core/packed/chunker.h"

#include <algorithm>
#include <map>
#include <set>

#include "tests/support/catch.h"
#include "tests/unit/packed/stream_support.h"

using namespace b2b;
using namespace b2b::packed;
using b2b::test::Bytes64;
using Content = std::vector<std::uint8_t>;

namespace {

constexpr ChunkSizes small{64, 256, 1024};

Key test_key() {
  std::array<std::uint8_t, 32> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i);
  return Key(bytes);
}

GearTable const& gear() {
  static GearTable const table(test_key());
  return table;
}

// docs/format.md word by word, and as slow as that is.
std::vector<std::size_t> cuts_by_the_page(Content const& content, ChunkSizes const& sizes) {
  std::vector<std::uint64_t> table;
  for (unsigned i = 0; i < 256; ++i) {
    auto const digest = hmac_sha256(test_key().bytes(), std::string(1, static_cast<char>(i)));
    std::uint64_t value = 0;
    for (unsigned k = 8; k-- > 0;)
      value = value * 256 + digest[k];
    table.push_back(value);
  }
  unsigned average_bits = 0;
  while ((1U << average_bits) < sizes.average)
    ++average_bits;
  std::vector<std::size_t> cuts;
  std::size_t begin = 0;
  while (begin < content.size()) {
    std::uint64_t h = 0;
    std::size_t position = 0;
    for (;;) {
      if (position >= sizes.min) {
        h = (h << 1) + table[content[begin + position]];
        unsigned const bits = position < sizes.average ? average_bits + 2 : average_bits - 2;
        if (h >> (64 - bits) == 0) break;
      }
      if (position + 1 == sizes.max || begin + position + 1 == content.size()) break;
      ++position;
    }
    begin += position + 1;
    cuts.push_back(begin);
  }
  return cuts;
}

std::vector<std::size_t> cuts_one_by_one(Content const& content, ChunkSizes const& sizes) {
  std::vector<std::size_t> cuts;
  for (std::size_t begin = 0; begin < content.size(); cuts.push_back(begin))
    begin += next_cut(std::span(content).subspan(begin), sizes, gear());
  return cuts;
}

// `piece()`: how long the next piece is.
template <class Piece>
std::vector<std::size_t> cuts_of_stream(Content const& content, ChunkSizes const& sizes, Piece piece) {
  Content together;
  std::vector<std::size_t> cuts;
  Chunker chunker(sizes, gear(), [&](std::span<std::uint8_t const> chunk) -> Result<void> {
    together.insert(together.end(), chunk.begin(), chunk.end());
    cuts.push_back(together.size());
    return {};
  });
  for (std::span<std::uint8_t const> rest(content); !rest.empty();) {
    auto const next = rest.first(std::min<std::size_t>(piece(), rest.size()));
    REQUIRE(chunker.feed(next));
    rest = rest.subspan(next.size());
  }
  REQUIRE(chunker.finish());
  CHECK(together == content);
  return cuts;
}

// Text, noise and long runs, as files have them.
Content mixed(std::uint64_t seed, std::size_t count) {
  Bytes64 generator(seed);
  Content out;
  while (out.size() < count) {
    std::size_t const length = 1 + generator.below(3000);
    switch (generator.below(3)) {
      case 0:
        out.insert(out.end(), length, static_cast<std::uint8_t>(generator.below(2)));
        break;
      case 1:
        for (std::size_t i = 0; i < length; ++i)
          out.push_back("etaoin shrdlu\n"[generator.below(14)]);
        break;
      default:
        for (auto const byte : generator.bytes(length))
          out.push_back(byte);
    }
  }
  out.resize(count);
  return out;
}

}  // namespace

TEST_CASE("cuts are found where docs/format.md says", "[chunker]") {
  auto const seed = GENERATE(1u, 2u, 3u, 4u, 5u);
  auto const content = mixed(seed, 200'000 + seed);
  for (ChunkSizes const& sizes :
       {small, ChunkSizes{64, 128, 256}, ChunkSizes{256, 4096, 8192}, data_chunk_sizes}) {
    CAPTURE(seed, sizes.average);
    auto const expected = cuts_by_the_page(content, sizes);
    CHECK(cuts_one_by_one(content, sizes) == expected);
    CHECK(cuts_of_stream(content, sizes, [&] { return content.size(); }) == expected);
  }
}

TEST_CASE("cuts that another program found", "[chunker]") {
  // Python's hmac, the key 00 01 … 1f, bytes (i * i * 31 + i * 7 + (i >> 8)) mod 251.
  Content content(5000);
  for (std::size_t i = 0; i < content.size(); ++i)
    content[i] = static_cast<std::uint8_t>((i * i * 31 + i * 7 + (i >> 8)) % 251);
  CHECK(gear()[0] == 0xc7d4aa3f6e5411e7ULL);
  CHECK(gear()[255] == 0x4ec4bf486dfc1015ULL);
  CHECK(cuts_one_by_one(content, small) == std::vector<std::size_t>{146, 418, 821, 936, 1271, 1454, 1751,
                                                                    2029, 2257, 2606, 2786, 3169, 3610, 3872,
                                                                    4023, 4387, 4659, 5000});
}

TEST_CASE("the pieces in which a stream comes make no difference", "[chunker]") {
  auto const seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
  auto const content = mixed(seed, 60'000);
  auto const expected = cuts_one_by_one(content, small);
  CHECK(cuts_of_stream(content, small, [] { return std::size_t{1}; }) == expected);
  for (std::uint64_t const longest : {2U, 63U, 65U, 300U, 1024U, 1025U, 20'000U}) {
    CAPTURE(seed, longest);
    Bytes64 generator(seed * 31 + longest);
    CHECK(cuts_of_stream(content, small, [&] { return 1 + generator.below(longest); }) == expected);
  }
}

TEST_CASE("chunks keep to their sizes", "[chunker]") {
  auto const content = mixed(77, 3'000'000);
  auto const cuts = cuts_one_by_one(content, small);
  REQUIRE(cuts.back() == content.size());
  std::size_t begin = 0, at_most = 0;
  for (std::size_t const cut : cuts) {
    std::size_t const size = cut - begin;
    CHECK(size <= small.max);
    if (cut != content.size()) CHECK(size > small.min);
    at_most += size == small.max ? 1U : 0U;
    begin = cut;
  }
  CHECK(at_most > 0);  // the long runs
  CHECK(at_most < cuts.size() / 2);
}

TEST_CASE("noise is cut near the average size", "[chunker]") {
  auto const content = Bytes64(5).bytes(16 << 20);
  auto const cuts = cuts_one_by_one(content, data_chunk_sizes);
  auto const mean = content.size() / cuts.size();
  CHECK(mean > data_chunk_sizes.average * 3 / 4);
  CHECK(mean < data_chunk_sizes.average * 3 / 2);
}

TEST_CASE("a change leaves the chunks before it and soon after it as they were", "[chunker]") {
  auto const seed = GENERATE(range(1u, 30u));
  CAPTURE(seed);
  Bytes64 generator(seed);
  auto const before = Bytes64(seed * 1000).bytes(200'000);
  std::size_t const place = 50'000 + generator.below(100'000);
  auto after = before;
  auto const inserted = generator.bytes(generator.below(500));
  std::size_t const removed = generator.below(500) + (inserted.empty() ? 1 : 0);
  after.erase(after.begin() + static_cast<std::ptrdiff_t>(place),
              after.begin() + static_cast<std::ptrdiff_t>(place + removed));
  after.insert(after.begin() + static_cast<std::ptrdiff_t>(place), inserted.begin(), inserted.end());

  auto const old_cuts = cuts_one_by_one(before, small), new_cuts = cuts_one_by_one(after, small);
  std::set<std::size_t> const old_set(old_cuts.begin(), old_cuts.end());
  for (std::size_t const cut : new_cuts) {
    if (cut > place) break;
    CHECK(old_set.contains(cut));
  }
  // Behind the change the old cuts come back within some chunks, and stay.
  auto const shifted = [&](std::size_t cut) { return cut + removed - inserted.size(); };
  auto const first_behind = std::find_if(new_cuts.begin(), new_cuts.end(), [&](std::size_t cut) {
    return cut >= place + inserted.size() && old_set.contains(shifted(cut));
  });
  REQUIRE(first_behind != new_cuts.end());
  CHECK(*first_behind < place + inserted.size() + 20 * small.max);
  for (auto cut = first_behind; cut != new_cuts.end(); ++cut)
    CHECK(old_set.contains(shifted(*cut)));
}

TEST_CASE("what is empty or short", "[chunker]") {
  auto const count = [](std::size_t size) {
    return cuts_of_stream(Content(size, 7), small, [] { return std::size_t{10}; }).size();
  };
  CHECK(count(0) == 0);
  CHECK(count(1) == 1);
  CHECK(count(small.min) == 1);
  CHECK(count(small.max) == 1);
  CHECK(count(small.max + 1) == 2);
  CHECK(next_cut({}, small, gear()) == 0);
}

TEST_CASE("a chunk that lies whole in what is fed is not copied", "[chunker]") {
  auto const content = mixed(3, 20'000);
  std::size_t in_place = 0, copied = 0;
  Chunker chunker(small, gear(), [&](std::span<std::uint8_t const> chunk) -> Result<void> {
    bool const inside = chunk.data() >= content.data() && chunk.data() < content.data() + content.size();
    ++(inside ? in_place : copied);
    return {};
  });
  REQUIRE(chunker.feed(content));
  CHECK(in_place + 1 == cuts_one_by_one(content, small).size());
  CHECK(copied == 0);
  REQUIRE(chunker.finish());
  CHECK(copied == 1);
}

TEST_CASE("a chunker starts over after the end, and passes an error on", "[chunker]") {
  auto const content = mixed(9, 5000);
  std::vector<std::size_t> sizes;
  Chunker chunker(small, gear(), [&](std::span<std::uint8_t const> chunk) -> Result<void> {
    sizes.push_back(chunk.size());
    return {};
  });
  REQUIRE(chunker.feed(content));
  REQUIRE(chunker.finish());
  auto const first = sizes;
  sizes.clear();
  REQUIRE(chunker.feed(content));
  REQUIRE(chunker.finish());
  CHECK(sizes == first);

  Chunker failing(small, gear(),
                  [](auto) -> Result<void> { return make_error(Condition::no_space, "full"); });
  auto const result = failing.feed(content);
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::no_space);
}

TEST_CASE("sizes that cannot be cut by are told apart", "[chunker]") {
  CHECK(usable(data_chunk_sizes));
  CHECK(usable(list_chunk_sizes));
  CHECK_FALSE(usable({}));
  CHECK_FALSE(usable({64, 64, 256}));
  CHECK_FALSE(usable({64, 256, 256}));
  CHECK_FALSE(usable({32, 256, 1024}));
  CHECK_FALSE(usable({64, 300, 1024}));
  CHECK_FALSE(usable({64, 256, 8 << 20}));
}
