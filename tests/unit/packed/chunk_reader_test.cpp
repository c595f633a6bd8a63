#include "core/packed/chunk_reader.h"

#include <filesystem>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

// A repository with packs of some chunks each, whose requests are counted.
struct Shelf {
  explicit Shelf(std::size_t packs, std::size_t chunks_in_pack, std::size_t chunk_bytes_in = 5000) : chunk_bytes(chunk_bytes_in) {
    FaultPlan plan;
    plan.before = [this](std::uint64_t, std::string_view verb, std::string const& key) -> Result<void> {
      std::scoped_lock lock(mutex);
      if (verb == "get") ++gets[key];
      asked.notify_all();
      return {};
    };
    RepositoryConfig config;
    config.id = RepositoryId{5};
    repository = std::make_shared<Repository>(std::make_shared<FaultStore>(*store, plan), "p", config, Key(Sha256Digest{6}),
                                              ChunkIndex::open(scratch.path(), config.id).value());
    for (std::size_t i = 0; i < packs; ++i) add_pack(*repository, i * chunks_in_pack, chunks_in_pack);
  }

  void add_pack(Repository& into, std::size_t from, std::size_t count) {
    auto const writer = ChunkWriter::create(std::shared_ptr<Repository>(std::shared_ptr<void>(), &into), scratch / "packs", {}).value();
    for (std::size_t i = from; i < from + count; ++i) {
      if (contents.size() == i) contents.push_back(random_text(chunk_bytes));
      ChunkId const id = writer->add(ChunkType::data, as_bytes(contents[i])).value();
      if (ids.size() == i) ids.push_back(id);
    }
    REQUIRE(writer->flush());
  }

  std::size_t all_gets() {
    std::scoped_lock lock(mutex);
    std::size_t out = 0;
    for (auto const& [key, count] : gets) out += count;
    return out;
  }
  void damage(std::string const& key, std::size_t at) {
    std::string bytes = get_text(*store, key, max_pack_bytes, {}).value();
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    REQUIRE(store->put(key, MemorySource(bytes), {}));
  }

  std::mutex mutex;
  std::condition_variable asked;
  std::map<std::string, std::size_t> gets;
  ManualClock clock{TimePoint{}};
  b2b::test::Scratch scratch, packs_scratch;
  std::unique_ptr<Store> store = make_memory_store(clock, false);
  std::shared_ptr<Repository> repository;
  std::size_t chunk_bytes;
  std::vector<std::string> contents;
  std::vector<ChunkId> ids;
};

}  // namespace

TEST_CASE("a pack of which much is wanted is fetched once, else chunks alone", "[chunk_reader]") {
  Shelf shelf(2, 40, 100'000);
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  std::string content;
  for (std::size_t i : {0U, 1U}) {
    REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
    CHECK(content == shelf.contents[i]);
  }
  CHECK(shelf.all_gets() == 2);
  // Half of the first pack is a lot, two of the second are not.
  REQUIRE(reader.expect(ChunkType::data, std::span(shelf.ids).first(20)));
  REQUIRE(reader.expect(ChunkType::data, std::span(shelf.ids).subspan(40, 2)));
  shelf.gets.clear();
  for (std::size_t i = 0; i < 20; ++i) {
    REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
    CHECK(content == shelf.contents[i]);
  }
  CHECK(shelf.all_gets() == 1);
  for (std::size_t i : {40U, 41U}) REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
  CHECK(shelf.all_gets() == 3);
  // What nobody told of lies there, too.
  REQUIRE(reader.read(ChunkType::data, shelf.ids[39], content));
  CHECK(content == shelf.contents[39]);
  CHECK(shelf.all_gets() == 3);
  CHECK(std::filesystem::is_empty(shelf.packs_scratch.path()));  // nothing stays, whatever happens
}

TEST_CASE("many small chunks of a pack are worth the whole of it", "[chunk_reader]") {
  Shelf shelf(1, 1000);  // 5 MB
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  REQUIRE(reader.expect(ChunkType::data, std::span(shelf.ids).first(30)));  // 150 KB, but 30 requests
  std::string content;
  for (std::size_t i = 0; i < 30; ++i) {
    REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
    CHECK(content == shelf.contents[i]);
  }
  CHECK(shelf.all_gets() == 1);
}

TEST_CASE("any number of packs can be read, in any order", "[chunk_reader]") {
  Shelf shelf(11, 4);
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  REQUIRE(reader.expect(ChunkType::data, shelf.ids));
  std::string content;
  for (std::size_t step : {1U, 4U, 7U, 43U})
    for (std::size_t i = 0; i < shelf.ids.size(); ++i) {
      std::size_t const at = i * step % shelf.ids.size();
      REQUIRE(reader.read(ChunkType::data, shelf.ids[at], content));
      CHECK(content == shelf.contents[at]);
    }
}

TEST_CASE("packs come before they are asked for, each once", "[chunk_reader]") {
  Shelf shelf(6, 4);
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  REQUIRE(reader.expect(ChunkType::data, shelf.ids));
  std::string content;
  REQUIRE(reader.read(ChunkType::data, shelf.ids[0], content));
  {
    std::unique_lock lock(shelf.mutex);
    CHECK(shelf.asked.wait_for(lock, std::chrono::seconds(60), [&] { return shelf.gets.size() == 3; }));
  }
  for (std::size_t i = 0; i < shelf.ids.size(); ++i) {
    REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
    CHECK(content == shelf.contents[i]);
  }
  CHECK(shelf.all_gets() == 6);
}

TEST_CASE("threads share what one of them fetches", "[chunk_reader]") {
  Shelf shelf(3, 40);
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  REQUIRE(reader.expect(ChunkType::data, shelf.ids));
  std::atomic<std::size_t> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      std::string content;
      for (std::size_t i = 0; i < shelf.ids.size(); ++i)
        if (reader.read(ChunkType::data, shelf.ids[i], content) && content == shelf.contents[i]) ++right;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 3 * shelf.ids.size());
  CHECK(shelf.all_gets() == 3);
}

TEST_CASE("what is damaged is read once more, and told with the pack's key", "[chunk_reader]") {
  Shelf shelf(1, 8);
  auto const place = shelf.repository->index->find(ChunkType::data, shelf.ids[3]).value().value();
  std::string const key = pack_key("p", place.pack);
  shelf.damage(key, place.place.offset + 20);
  for (bool const whole : {false, true}) {
    ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
    if (whole) REQUIRE(reader.expect(ChunkType::data, shelf.ids));
    shelf.gets.clear();
    std::string content;
    auto const read = reader.read(ChunkType::data, shelf.ids[3], content);
    REQUIRE_FALSE(read);
    CHECK(read.error().condition == Condition::corrupt);
    CHECK(read.error().subject == key);
    CHECK(shelf.all_gets() == 2);
    REQUIRE(reader.read(ChunkType::data, shelf.ids[4], content));
    CHECK(content == shelf.contents[4]);
  }
  REQUIRE(remove_all(*shelf.store, key, {}));
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  std::string content;
  auto const read = reader.read(ChunkType::data, shelf.ids[4], content);
  REQUIRE_FALSE(read);
  CHECK(read.error().condition == Condition::not_found);
  CHECK(read.error().subject == key);
  auto const never = reader.read(ChunkType::list, shelf.ids[4], content);
  REQUIRE_FALSE(never);
  CHECK(never.error().condition == Condition::not_found);
}

TEST_CASE("a chunk that lies in two packs is lost with both only", "[chunk_reader]") {
  Shelf shelf(1, 8);
  // Another machine that had not seen the first pack stored the same chunks.
  b2b::test::Scratch const elsewhere;
  Repository other(shelf.repository->store, "p", shelf.repository->config, shelf.repository->master,
                   ChunkIndex::open(elsewhere.path(), shelf.repository->config.id).value());
  shelf.add_pack(other, 0, 8);
  for (auto const& pack : other.index->packs_without_index(1 << 20).value()) REQUIRE(shelf.repository->index->pack_stored(pack, TimePoint{}));
  auto const found = shelf.repository->index->find_all(ChunkType::data, shelf.ids[2]).value();
  REQUIRE(found.size() == 2);

  std::string content;
  shelf.damage(pack_key("p", found[0].pack), found[0].place.offset + 20);
  for (bool const whole : {false, true}) {
    ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
    if (whole) REQUIRE(reader.expect(ChunkType::data, shelf.ids));
    REQUIRE(reader.read(ChunkType::data, shelf.ids[2], content));
    CHECK(content == shelf.contents[2]);
  }
  REQUIRE(remove_all(*shelf.store, pack_key("p", found[0].pack), {}));
  ChunkReader reader(shelf.repository, shelf.packs_scratch.path(), {});
  for (std::size_t i = 0; i < 8; ++i) {
    REQUIRE(reader.read(ChunkType::data, shelf.ids[i], content));
    CHECK(content == shelf.contents[i]);
  }
  shelf.damage(pack_key("p", found[1].pack), found[1].place.offset + 20);
  CHECK_FALSE(reader.read(ChunkType::data, shelf.ids[2], content));
}

TEST_CASE("a reader whose packs go looks where its chunks lie now, once in a while", "[chunk_reader]") {
  ManualClock clock{TimePoint(std::chrono::seconds(1'771'502'400))};
  std::shared_ptr<Store> const store = make_memory_store(clock, false);
  Machine writer(store);
  std::string const text = log_text(30'000);
  auto const pushed = writer.push({{"openclaw.json", "{}"}, {"a.jsonl", text}});
  int looks = 0;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "list" && subject == marks_prefix("p")) ++looks;
    return {};
  };
  Machine reader(std::make_shared<FaultStore>(*store, plan), writer.keys);
  reader.read_only = true;
  reader.open();
  // Packs of the same chunks take the place of those that are there.
  auto const replace_packs = [&] {
    auto const old = writer.repository->index->packs().value();
    {
      b2b::test::Scratch const scratch;
      ChunkReader chunks(writer.repository, scratch.path(), {});
      auto const again = ChunkWriter::create(writer.repository, writer.scratch.path() + "/packs", {}).value();
      std::string content;
      for (ChunkIndex::KnownPack const& pack : old) {
        auto const record = writer.repository->index->pack(pack.id).value();
        for (ChunkPlace const& place : record->chunks) {
          REQUIRE(chunks.read(place.type, place.id, content));
          REQUIRE(again->add_again(place.type, as_bytes(content)));
        }
      }
      REQUIRE(again->flush());
    }
    REQUIRE(write_index(*writer.repository, {}));
    for (ChunkIndex::KnownPack const& pack : old) {
      REQUIRE(remove_all(*store, pack_key("p", pack.id), {}));
      REQUIRE(writer.repository->index->pack_gone(pack.id));
    }
  };
  auto const chunks_lost = [&] {
    b2b::test::Scratch const scratch;
    ChunkReader chunks(reader.repository, scratch.path(), {});
    std::size_t lost = 0;
    std::string content;
    auto const packs = writer.repository->index->packs().value();
    for (ChunkIndex::KnownPack const& pack : packs) {
      auto const record = writer.repository->index->pack(pack.id).value();
      for (ChunkPlace const& place : record->chunks)
        if (!chunks.read(place.type, place.id, content)) ++lost;
    }
    return lost;
  };
  replace_packs();
  looks = 0;
  CHECK(chunks_lost() > 2);  // it has looked just now
  CHECK(looks == 0);
  clock.advance(std::chrono::hours(1));
  CHECK(restore(reader, pushed.id).at("a.jsonl") == text);
  CHECK(looks == 1);
  SECTION("what is in no pack is not looked for with each chunk") {
    for (std::string const& key : keys_of(*store, packs_prefix("p"))) REQUIRE(remove_all(*store, key, {}));
    clock.advance(std::chrono::hours(1));
    CHECK(chunks_lost() > 2);
    CHECK(looks == 2);
  }
  SECTION("a repository that somebody writes by stays as it was") {
    reader.read_only = false;
    reader.open();
    replace_packs();
    clock.advance(std::chrono::hours(1));
    looks = 0;
    CHECK(chunks_lost() > 2);
    CHECK(looks == 0);
  }
}
