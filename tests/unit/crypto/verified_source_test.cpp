#include "core/crypto/verified_source.h"

#include "tests/support/catch.h"

using namespace b2b;

namespace {

// All of it, in pieces of `piece` bytes; what was handed out before an error goes to `out`.
Result<void> read_all(ByteSource const& source, std::size_t piece, std::string& out) {
  B2B_ASSIGN(auto const reader, source.open());
  std::vector<std::uint8_t> buffer(piece);
  while (true) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) return {};
    out += as_text(std::span<std::uint8_t const>(buffer).first(got));
  }
}

// Says that it is longer than it is.
class ShortSource final : public ByteSource {
 public:
  std::uint64_t size() const override { return 10; }
  Result<std::unique_ptr<ByteReader>> open() const override { return inner_.open(); }

 private:
  MemorySource inner_{"012345678"};
};

}  // namespace

TEST_CASE("a verified source gives what it announced, as often as asked", "[verified_source]") {
  MemorySource const inner("0123456789");
  VerifiedSource const source(inner, sha256("0123456789"));
  CHECK(source.size() == 10);
  CHECK(source.digest() == sha256("0123456789"));
  for (std::size_t const piece : {1U, 3U, 10U, 64U}) {
    std::string out;
    REQUIRE(read_all(source, piece, out));
    CHECK(out == "0123456789");
  }
}

TEST_CASE("other bytes than announced are never handed out whole", "[verified_source]") {
  MemorySource const inner("0123456789");
  VerifiedSource const source(inner, sha256("0123456780"));
  for (std::size_t const piece : {1U, 3U, 10U, 64U}) {
    std::string out;
    auto const read = read_all(source, piece, out);
    REQUIRE_FALSE(read);
    CHECK(read.error().condition == Condition::changed);
    CHECK(out.size() < 10);
  }
  ShortSource const shorter;
  std::string out;
  auto const read = read_all(VerifiedSource(shorter, sha256("012345678")), 4, out);
  REQUIRE_FALSE(read);
  CHECK(read.error().condition == Condition::changed);
}
