#include "core/packed/pack_stream.h"

#include <algorithm>

#include "core/packed/chunk_writer.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

// Gives out what the inner store has in pieces of a length, and begins again once after so many bytes, as after a lost connection.
class PiecesStore final : public Store {
 public:
  explicit PiecesStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  std::size_t piece_bytes = 1000;
  std::size_t broken_after = 0;
  std::size_t gets = 0;
  std::uint64_t bytes_given = 0;

  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink, std::stop_token const& stop) override {
    ++gets;
    StringSink all(max_pack_bytes);
    B2B_ASSIGN(ObjectInfo const info, inner_->get(key, range, all, stop));
    std::string_view const text = all.text();
    auto const give = [&](std::string_view part) -> Result<void> {
      for (; !part.empty(); part = part.substr(std::min(piece_bytes, part.size()))) B2B_TRY(sink.write(as_bytes(part.substr(0, piece_bytes))));
      return {};
    };
    if (broken_after > 0) {
      B2B_TRY(give(text.substr(0, broken_after)));
      B2B_TRY(sink.restart());
    }
    B2B_TRY(give(text));
    bytes_given += text.size();
    return info;
  }

  StoreTraits const& traits() const override { return inner_->traits(); }
  Result<ObjectInfo> put(std::string const& key, ByteSource const& body, std::stop_token const& stop) override { return inner_->put(key, body, stop); }
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override { return inner_->head(key, stop); }
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) override {
    return inner_->list(options, visit, stop);
  }
  Result<void> list_versions(std::string const& prefix, std::function<bool(ObjectVersion const&)> const& visit, std::stop_token const& stop) override {
    return inner_->list_versions(prefix, visit, stop);
  }
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t bytes, std::stop_token const& stop) override {
    return inner_->copy(from, to, bytes, stop);
  }
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const& stop) override {
    return inner_->remove_versions(versions, stop);
  }
  Result<void> flush(std::stop_token const& stop) override { return inner_->flush(stop); }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t seconds, std::stop_token const& stop) override {
    return inner_->remove_unfinished(prefix, seconds, stop);
  }
  Result<TimePoint> now(std::stop_token const& stop) override { return inner_->now(stop); }
  StoreCounters counters() const override { return inner_->counters(); }

 private:
  std::unique_ptr<Store> inner_;
};

// One pack of `count` chunks.
struct OnePack {
  explicit OnePack(std::size_t count) {
    RepositoryConfig config;
    config.id = RepositoryId{5};
    repository = std::make_shared<Repository>(store, "p", config, Key(Sha256Digest{6}), ChunkIndex::open(scratch.path(), config.id).value());
    auto const writer = ChunkWriter::create(repository, scratch / "packs", {}).value();
    for (std::size_t i = 0; i < count; ++i) {
      std::string const content = i % 3 == 0 ? log_text(20 + i) : random_text(3000 + 100 * i);
      contents[writer->add(ChunkType::data, as_bytes(content)).value()] = content;
    }
    REQUIRE(writer->flush());
    for (auto const& [id, content] : contents) {
      auto const found = repository->index->find(ChunkType::data, id).value().value();
      pack = found.pack;
      salt = found.salt;
      boxes.push_back({found.number, found.place});
    }
    std::sort(boxes.begin(), boxes.end(), [](auto const& a, auto const& b) { return a.place.offset < b.place.offset; });
  }

  // What came, in order. A content that is not the right one fails the test.
  Result<void> stream(std::span<WantedBox const> wanted) {
    taken.clear();
    return stream_boxes(
        *repository, pack, salt, wanted,
        [&](std::size_t i, std::span<std::uint8_t const> content) -> Result<void> {
          CHECK(as_text(content) == contents.at(wanted[i].place.id));
          taken.push_back(i);
          return {};
        },
        {});
  }
  std::string key() const { return pack_key("p", pack); }
  std::string object() { return get_text(*store, key(), max_pack_bytes, {}).value(); }

  ManualClock clock{TimePoint{}};
  b2b::test::Scratch scratch;
  std::shared_ptr<PiecesStore> store = std::make_shared<PiecesStore>(make_memory_store(clock, false));
  std::shared_ptr<Repository> repository;
  std::map<ChunkId, std::string> contents;
  PackId pack{};
  Salt salt{};
  std::vector<WantedBox> boxes;
  std::vector<std::size_t> taken;
};

std::vector<std::size_t> numbers(std::size_t count) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(i);
  return out;
}

}  // namespace

TEST_CASE("wanted chunks come out of a pack in one request, however it is cut on its way", "[pack_stream]") {
  OnePack pack(30);
  for (std::size_t const piece : {1UL, 7UL, 1000UL, 4096UL, 10'000'000UL}) {
    pack.store->piece_bytes = piece;
    pack.store->gets = 0;
    REQUIRE(pack.stream(pack.boxes));
    CHECK(pack.taken == numbers(30));
    CHECK(pack.store->gets == 1);
  }
  std::vector<WantedBox> const some{pack.boxes[3], pack.boxes[4], pack.boxes[17], pack.boxes[29]};
  pack.store->bytes_given = 0;
  pack.store->piece_bytes = 1000;
  REQUIRE(pack.stream(some));
  CHECK(pack.taken == numbers(4));
  auto const& last = pack.boxes[29].place;
  CHECK(pack.store->bytes_given == last.offset + last.box_bytes - pack.boxes[3].place.offset);
}

TEST_CASE("a stream of chunks that breaks and begins again hands out none twice", "[pack_stream]") {
  OnePack pack(20);
  for (std::size_t const after : {1UL, 500UL, 20'000UL, 60'000UL}) {
    pack.store->broken_after = after;
    REQUIRE(pack.stream(pack.boxes));
    CHECK(pack.taken == numbers(20));
  }
}

TEST_CASE("a damaged chunk is not handed out, and the others are", "[pack_stream]") {
  OnePack pack(12);
  std::string const whole = pack.object();
  for (std::size_t const hit : {0UL, 5UL, 11UL}) {
    auto const& place = pack.boxes[hit].place;
    for (std::uint32_t const at : {0U, place.box_bytes / 2, place.box_bytes - 1}) {
      std::string bytes = whole;
      bytes[place.offset + at] = static_cast<char>(bytes[place.offset + at] ^ 4);
      REQUIRE(pack.store->put(pack.key(), MemorySource(bytes), {}));
      auto const streamed = pack.stream(pack.boxes);
      REQUIRE_FALSE(streamed);
      CHECK(streamed.error().condition == Condition::corrupt);
      auto expected = numbers(12);
      std::erase(expected, hit);
      CHECK(pack.taken == expected);
    }
  }
  // Another chunk in its place, whole as it is: not this one's number, and not its id.
  std::vector<WantedBox> wanted(pack.boxes.begin(), pack.boxes.begin() + 2);
  REQUIRE(pack.store->put(pack.key(), MemorySource(whole), {}));
  std::swap(wanted[0].place.id, wanted[1].place.id);
  CHECK(pack.stream(wanted).error().condition == Condition::corrupt);
  CHECK(pack.taken.empty());
}

TEST_CASE("a pack that is too short, or gone, says so", "[pack_stream]") {
  OnePack pack(10);
  auto const& place = pack.boxes[6].place;
  REQUIRE(pack.store->put(pack.key(), MemorySource(pack.object().substr(0, place.offset + place.box_bytes - 1)), {}));
  CHECK(pack.stream(pack.boxes).error().condition == Condition::corrupt);
  CHECK(pack.taken == numbers(6));
  REQUIRE(remove_all(*pack.store, pack.key(), {}));
  CHECK(pack.stream(pack.boxes).error().condition == Condition::not_found);
  CHECK(pack.taken.empty());
}

TEST_CASE("who takes the chunks may end it", "[pack_stream]") {
  OnePack pack(10);
  std::size_t taken = 0;
  auto const streamed = stream_boxes(
      *pack.repository, pack.pack, pack.salt, pack.boxes,
      [&](std::size_t, std::span<std::uint8_t const>) -> Result<void> {
        if (++taken == 3) return make_error(Condition::no_space, "full");
        return {};
      },
      {});
  REQUIRE_FALSE(streamed);
  CHECK(streamed.error().condition == Condition::no_space);
  CHECK(taken == 3);
}
