#include "core/packed/chunk_id.h"

#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/packed/stream_support.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

Key master() {
  std::array<std::uint8_t, 32> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(255 - i);
  return Key(bytes);
}

bool same(Key const& a, Key const& b) {
  return to_hex(a.bytes()) == to_hex(b.bytes());
}

}  // namespace

TEST_CASE("the keys of chunks are those of docs/format.md", "[chunk_id]") {
  ChunkKeys const keys(master());
  CHECK(same(keys.data_id_key(), hkdf(master(), "b2backupd packed chunk id data v1")));
  CHECK(same(keys.list_id_key(), hkdf(master(), "b2backupd packed chunk id list v1")));
  CHECK(same(keys.gear_key(), hkdf(master(), "b2backupd packed gear v1")));
}

TEST_CASE("a chunk's id is the HMAC of its content", "[chunk_id]") {
  ChunkKeys const keys(master());
  test::Bytes64 generator(11);
  for (std::size_t const size : {0, 1, 31, 55, 56, 63, 64, 65, 4096, 65'536, 262'144}) {
    CAPTURE(size);
    auto const content = generator.bytes(size);
    CHECK(chunk_id(keys, ChunkType::data, content) ==
          hmac_sha256(keys.data_id_key().bytes(), as_text(content)));
    CHECK(chunk_id(keys, ChunkType::list, content) ==
          hmac_sha256(keys.list_id_key().bytes(), as_text(content)));
  }
}

TEST_CASE("many threads ask the same keys", "[chunk_id]") {
  ChunkKeys const keys(master());
  auto const content = test::Bytes64(12).bytes(5000);
  auto const expected = chunk_id(keys, ChunkType::data, content);
  std::vector<int> wrong(4);
  {
    std::vector<std::jthread> threads;
    for (int& count : wrong)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i)
          count += chunk_id(keys, ChunkType::data, content) == expected ? 0 : 1;
      });
  }
  CHECK(wrong == std::vector<int>(4));
}
