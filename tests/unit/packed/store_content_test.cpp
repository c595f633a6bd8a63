#include "core/packed/store_content.h"

#include <thread>

#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

class CountedSource final : public ByteSource {
 public:
  explicit CountedSource(std::string text) : inner_(std::move(text)) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override {
    ++opened;
    return inner_.open();
  }
  mutable int opened = 0;

 private:
  MemorySource inner_;
};

struct Place {
  explicit Place(ChunkSizes sizes = data_chunk_sizes) {
    RepositoryConfig config;
    config.id = RepositoryId{5};
    config.data = sizes;
    repository = std::make_shared<Repository>(store, "p", config, Key(Sha256Digest{6}), ChunkIndex::open(scratch.path(), config.id).value());
    writer = ChunkWriter::create(repository, scratch / "packs", {}).value();
  }
  Result<void> put(std::string const& text, std::string const& as) {
    return store_content(*repository, *writer, MemorySource(text), sha256(as), as.size());
  }
  // What the repository gives for this content.
  std::string get(std::string const& text) {
    REQUIRE(writer->flush());
    REQUIRE(repository->index->count_chunks(sha256(text), text.size()).value());
    ChunkReader reader(repository, scratch.path(), {});
    std::string out, content;
    REQUIRE(repository->index->visit_chunks(sha256(text), text.size(), [&](std::span<ChunkId const> ids) -> Result<void> {
      for (ChunkId const& id : ids) {
        B2B_TRY(reader.read(ChunkType::data, id, content));
        out += content;
      }
      return {};
    }));
    return out;
  }
  bool known(std::string const& text) { return repository->index->count_chunks(sha256(text), text.size()).value().has_value(); }

  ManualClock clock{TimePoint{}};
  b2b::test::Scratch scratch;
  std::shared_ptr<Store> store = make_memory_store(clock, false);
  std::shared_ptr<Repository> repository;
  std::unique_ptr<ChunkWriter> writer;
};

}  // namespace

TEST_CASE("contents of any size come back", "[store_content]") {
  Place place({256, 512, 1024});
  for (std::size_t const bytes : {1U, 255U, 256U, 257U, 5000U, 300'000U, 1'500'000U}) {
    std::string const text = random_text(bytes);
    REQUIRE(place.put(text, text));
    CHECK(place.get(text) == text);
    std::string const other = random_text(bytes + 1);
    REQUIRE(store_content(*place.repository, *place.writer, as_bytes(other), sha256(other)));  // in memory
    CHECK(place.get(other) == other);
  }
  // The last one has several parts; none of them says anything of another content.
  CHECK_FALSE(place.known("another"));
  REQUIRE(place.put("", ""));
  CHECK(place.get("").empty());
}

TEST_CASE("a content that changed is refused and not remembered", "[store_content]") {
  Place place({256, 512, 1024});
  std::string const text = random_text(1'500'000);
  std::string longer = text + "x", shorter = text.substr(0, text.size() - 1), other = text;
  other[700'000] = static_cast<char>(other[700'000] ^ 1);
  auto const refused = [&](std::string const& given) {
    auto const put = place.put(given, text);
    return !put && put.error().condition == Condition::changed;
  };
  CHECK(refused(longer));
  CHECK(refused(shorter));
  CHECK(refused(other));
  CHECK(refused(""));
  REQUIRE(place.writer->flush());
  CHECK_FALSE(place.known(text));
  REQUIRE(place.put(text, text));
  CHECK(place.get(text) == text);
}

TEST_CASE("a large content is hashed beside its cutting, with the same outcome", "[store_content]") {
  Place place;
  std::string const text = random_text(9'000'000);
  std::string other = text;
  other.back() = static_cast<char>(other.back() ^ 1);
  auto const put = place.put(other, text);
  REQUIRE_FALSE(put);
  CHECK(put.error().condition == Condition::changed);
  CHECK_FALSE(place.known(text));
  bool stored = false;
  std::thread second([&] { stored = place.put(text, text).has_value(); });  // two of them at once
  REQUIRE(place.put(other, other));
  second.join();
  CHECK(stored);
  CHECK(place.get(text) == text);
  CHECK(place.get(other) == other);
}

TEST_CASE("a content in memory that is known is not stored again", "[store_content]") {
  Place place;
  std::string const text = random_text(300'000);
  REQUIRE(store_content(*place.repository, *place.writer, as_bytes(text), sha256(text)));
  auto const added = place.writer->chunks_added();
  REQUIRE(store_content(*place.repository, *place.writer, as_bytes(text), sha256(text)));
  CHECK(place.writer->chunks_added() == added);
}

TEST_CASE("what is known is not read", "[store_content]") {
  Place place;
  std::string const text = random_text(300'000);
  CountedSource const source(text);
  auto const put = [&] { return store_content(*place.repository, *place.writer, source, sha256(text), text.size()); };
  REQUIRE(put());
  REQUIRE(put());  // on its way
  CHECK(source.opened == 1);
  REQUIRE(place.writer->flush());
  REQUIRE(put());
  CHECK(source.opened == 1);
  // Its pack is lost: it is stored again.
  for (auto const& pack : place.repository->index->packs().value()) REQUIRE(place.repository->index->pack_gone(pack.id));
  REQUIRE(put());
  CHECK(source.opened == 2);
  CHECK(place.get(text) == text);
}
