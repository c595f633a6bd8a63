#include "core/packed/chunk_writer.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/store/fault_store.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;

namespace {

using Hook = std::function<Result<void>(std::string_view verb, std::string const& subject)>;

// A repository whose store calls `hook` first.
struct Bench {
  explicit Bench(Hook hook = {}) {
    FaultPlan plan;
    if (hook)
      plan.before = [hook](std::uint64_t, std::string_view verb, std::string const& subject) { return hook(verb, subject); };
    RepositoryConfig config;
    config.id = RepositoryId{5};
    repository = std::make_shared<Repository>(std::make_shared<FaultStore>(*store, plan), "p", config, Key(Sha256Digest{6}),
                                              ChunkIndex::open(scratch.path(), config.id).value());
  }
  std::unique_ptr<ChunkWriter> writer() { return ChunkWriter::create(repository, spool(), {}).value(); }
  std::string spool() const { return scratch / "packs"; }
  std::size_t spooled() const {
    auto const files = std::filesystem::directory_iterator(spool());
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  ManualClock clock{TimePoint{}};
  b2b::test::Scratch scratch;
  std::unique_ptr<Store> store = make_memory_store(clock, false);
  std::shared_ptr<Repository> repository;
};

// Incompressible, and another one for each number.
std::string numbered(std::uint64_t number) {
  static std::string const random = random_text(128 << 10);
  std::string out = random;
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

bool is_pack(std::string const& key) { return key.find("/packs/") != std::string::npos; }

}  // namespace

TEST_CASE("chunks that several threads bring are stored once", "[chunk_writer]") {
  Bench bench;
  auto const writer = bench.writer();
  std::size_t const count = 300;  // more than two packs
  std::array<std::vector<ChunkId>, 3> ids;
  std::vector<std::thread> threads;
  for (auto& mine : ids)
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < count; ++i) mine.push_back(writer->add(ChunkType::data, as_bytes(numbered(i))).value());
    });
  for (auto& thread : threads) thread.join();
  REQUIRE(writer->flush());
  CHECK(ids[0] == ids[1]);
  CHECK(ids[0] == ids[2]);
  CHECK(writer->chunks_added() == count);
  std::size_t chunks = 0;
  std::uint64_t bytes = 0;
  auto const packs = bench.repository->index->packs_without_index(1 << 20).value();
  for (PackRecord const& pack : packs) {
    chunks += pack.chunks.size();
    bytes += pack.bytes;
    CHECK(sha256(get_text(*bench.store, pack_key("p", pack.id), max_pack_bytes, {}).value()) == pack.id);
  }
  CHECK(chunks == count);
  CHECK(packs.size() == 3);
  CHECK(writer->bytes_uploaded() == bytes);
  CHECK(bench.spooled() == 0);
  for (ChunkId const& id : ids[0]) {
    CHECK_FALSE(writer->underway(id));
    CHECK(bench.repository->index->has(ChunkType::data, id).value());
  }
  // The same bytes as a piece of a list are another chunk.
  CHECK(writer->add(ChunkType::list, as_bytes(numbered(0))).value() != ids[0][0]);
  CHECK(writer->add(ChunkType::data, as_bytes(numbered(0))).value() == ids[0][0]);
  CHECK(writer->chunks_added() == count + 1);
}

TEST_CASE("a chunk is under way until it is in the store", "[chunk_writer]") {
  Bench bench;
  auto const writer = bench.writer();
  ChunkId const id = writer->add(ChunkType::data, as_bytes("a")).value();
  CHECK(writer->underway(id));
  CHECK_FALSE(bench.repository->index->has(ChunkType::data, id).value());
  CHECK(keys_of(*bench.store).empty());
  REQUIRE(writer->flush());
  CHECK_FALSE(writer->underway(id));
  CHECK(bench.repository->index->has(ChunkType::data, id).value());
  CHECK(keys_of(*bench.store).size() == 1);
  REQUIRE(writer->flush());  // nothing more to do
  CHECK(keys_of(*bench.store).size() == 1);
}

TEST_CASE("the first pack that cannot be stored stops everything", "[chunk_writer]") {
  std::atomic<int> puts{0};
  Bench bench([&](std::string_view verb, std::string const& key) -> Result<void> {
    if (verb == "put" && is_pack(key) && ++puts == 2) return make_error(Condition::no_space, "the bucket is full");
    return {};
  });
  auto const writer = bench.writer();
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 100'000; ++i) {
        auto const added = writer->add(ChunkType::data, as_bytes(numbered(t * 1'000'000 + i)));
        if (added) continue;
        if (added.error().condition == Condition::no_space) ++refused;
        return;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(refused == 3);
  auto const flushed = writer->flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().condition == Condition::no_space);
  CHECK(flushed.error().message == "the bucket is full");
  // What did arrive is known, and nothing else.
  CHECK(keys_of(*bench.store).size() == bench.repository->index->packs().value().size());
  CHECK(bench.spooled() == 0);
}

TEST_CASE("a store that is slower than its feeders holds them up", "[chunk_writer]") {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  Bench bench([&](std::string_view verb, std::string const& key) -> Result<void> {
    if (verb != "put" || !is_pack(key)) return {};
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return open; });
    return {};
  });
  auto const writer = bench.writer();
  // Four packs on their way, one that waits, one handed over, one that fills: not one for each of eight threads.
  std::uint64_t const chunks_in_pack = pack_target_bytes / (128 << 10);
  std::uint64_t const most = 7 * chunks_in_pack;
  std::uint64_t added = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < most / 4; ++i) {
        if (!writer->add(ChunkType::data, as_bytes(numbered(t * 1'000'000 + i)))) return;
        std::scoped_lock lock(mutex);
        ++added;
        changed.notify_all();
      }
    });
  {
    std::unique_lock lock(mutex);
    CHECK_FALSE(changed.wait_for(lock, std::chrono::seconds(3), [&] { return added > most; }));
    CHECK(added > 0);
  }
  CHECK(bench.spooled() <= 6);
  {
    std::scoped_lock lock(mutex);
    open = true;
  }
  changed.notify_all();
  for (auto& thread : threads) thread.join();
  REQUIRE(writer->flush());
  CHECK(writer->chunks_added() == most / 4 * 8);
}

TEST_CASE("a writer that is given up leaves nothing", "[chunk_writer]") {
  Bench bench;
  {
    auto const writer = bench.writer();
    for (std::uint64_t i = 0; i < 10; ++i) REQUIRE(writer->add(ChunkType::data, as_bytes(numbered(i))));
  }
  CHECK(keys_of(*bench.store).empty());
  CHECK(bench.spooled() == 0);
  std::stop_source stop;
  auto const writer = ChunkWriter::create(bench.repository, bench.spool(), stop.get_token()).value();
  REQUIRE(writer->add(ChunkType::data, as_bytes("a")));
  stop.request_stop();
  auto const added = writer->add(ChunkType::data, as_bytes("b"));
  REQUIRE_FALSE(added);
  CHECK(added.error().condition == Condition::cancelled);
  CHECK_FALSE(writer->flush());
  CHECK(keys_of(*bench.store).empty());
}

TEST_CASE("a pack that changes before it is stored is not taken for a file that changed, and not stored", "[chunk_writer]") {
  bool const shorter = GENERATE(true, false);  // or one bit is another
  std::string spool;
  Bench bench([&](std::string_view verb, std::string const&) -> Result<void> {
    if (verb != "now") return {};  // it is sealed, and about to be sent
    for (auto const& file : std::filesystem::directory_iterator(spool)) {
      if (shorter) {
        std::filesystem::resize_file(file.path(), 10);
      } else {
        std::fstream pack(file.path(), std::ios::in | std::ios::out | std::ios::binary);
        pack.seekg(50'000);
        char const byte = static_cast<char>(pack.get());
        pack.seekp(50'000);
        pack.put(static_cast<char>(byte ^ 1));
      }
    }
    return {};
  });
  spool = bench.spool();
  auto const writer = bench.writer();
  REQUIRE(writer->add(ChunkType::data, as_bytes(numbered(1))));
  auto const flushed = writer->flush();
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().condition == Condition::corrupt);
  CHECK(flushed.error().message.find("damaged on this machine") != std::string::npos);
  CHECK(keys_of(*bench.store).empty());
}
