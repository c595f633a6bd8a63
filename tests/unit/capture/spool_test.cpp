#include "core/capture/spool.h"

#include <atomic>
#include <random>
#include <thread>

#include "capture_support.h"
#include "core/capture/spool_body.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::shared_ptr<Spool> open_spool(std::string const& directory, std::uint64_t limit, std::uint64_t memory = 0) {
  SpoolOptions options;
  options.limit_bytes = limit;
  options.memory_bytes = memory;
  options.keep_free_bytes = 0;
  return need(Spool::open(directory, options));
}

}  // namespace

TEST_CASE("opening a spool removes what a crash left, and only that") {
  Place const place;
  auto const directory = place.at("spool");
  place.write("spool/captured-12", "left over");
  place.write("spool/captured-12-journal", "left over");
  place.write("spool/notes.txt", "somebody's");
  REQUIRE(::chmod(directory.c_str(), 0700) == 0);
  auto const spool = open_spool(directory, 100);
  CHECK_FALSE(path_exists(directory + "/captured-12"));
  CHECK_FALSE(path_exists(directory + "/captured-12-journal"));
  CHECK(slurp(directory + "/notes.txt") == "somebody's");
}

TEST_CASE("a spool that others can enter is refused") {
  Place const place;
  place.directory("spool");
  REQUIRE(::chmod(place.at("spool").c_str(), 0755) == 0);
  auto const opened = Spool::open(place.at("spool"), {});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().condition == Condition::refused);
  place.write("file", "");
  CHECK_FALSE(Spool::open(place.at("file"), {}).has_value());
}

TEST_CASE("room is given back, and its file removed, with the last owner of a body") {
  Place const place;
  auto const spool = open_spool(place.at("spool"), 1000);
  std::shared_ptr<ByteSource const> first, second;
  std::string path;
  {
    auto room = need(spool->reserve(10, true, {}));
    CHECK_FALSE(room->in_memory());  // there is no memory to have
    path = room->path();
    auto writer = need(SpoolWriter::create(room));
    need(writer.write(as_bytes("0123456789")));
    first = writer.body(0, 4);
    second = writer.body(4, 6);
  }
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(spool->held_on_disk() == 10);
  CHECK(body_of(*first) == "0123");
  first.reset();
  CHECK(body_of(*second) == "456789");
  CHECK(body_of(*second) == "456789");
  second.reset();
  CHECK(spool->held_on_disk() == 0);
  CHECK_FALSE(path_exists(path));
}

TEST_CASE("small bodies stay in memory, up to a total") {
  Place const place;
  auto const spool = open_spool(place.at("spool"), 1 << 20, 100);
  auto const first = need(spool->reserve(60, true, {}));
  CHECK(first->in_memory());
  auto const second = need(spool->reserve(60, true, {}));
  CHECK_FALSE(second->in_memory());
  auto const third = need(spool->reserve(40, true, {}));
  CHECK(third->in_memory());
  CHECK_FALSE(need(spool->reserve(0, false, {}))->in_memory());
  CHECK(spool->held_in_memory() == 100);
  auto writer = need(SpoolWriter::create(first));
  need(writer.write(as_bytes("in memory")));
  CHECK(body_of(*writer.body(3, 6)) == "memory");
  CHECK(as_text(writer.in_memory(0, 2)) == "in");
  CHECK(body_of(*writer.body(0, 9)) == "in memory");  // as often as wanted
}

TEST_CASE("the bound holds with many threads, and one body larger than it goes alone") {
  Place const place;
  constexpr std::uint64_t limit = 1000;
  auto const spool = open_spool(place.at("spool"), limit);
  unsigned const seed = std::random_device{}();
  INFO("seed " << seed);
  std::atomic<std::uint64_t> held{0}, worst{0}, rooms{0};
  std::atomic<bool> alone_broken{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 200; ++i) {
        std::uint64_t const bytes = i % 50 == 49 ? 5000 : random() % 400;
        auto const room = spool->reserve(bytes, false, {});
        if (!room) continue;
        ++rooms;
        std::uint64_t const now = held += bytes;
        if (bytes > limit ? now != bytes : now > limit) alone_broken = true;
        std::uint64_t seen = worst;
        while (now > seen && !worst.compare_exchange_weak(seen, now)) {
        }
        held -= bytes;
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(rooms == 16 * 200);
  CHECK(worst == 5000);
  CHECK_FALSE(alone_broken);
  CHECK(spool->held_on_disk() == 0);
}

TEST_CASE("waiting for room ends with a stop") {
  Place const place;
  auto const spool = open_spool(place.at("spool"), 100);
  auto const held = need(spool->reserve(100, false, {}));
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  auto const refused = spool->reserve(1, false, stop.get_token());
  stopper.join();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().condition == Condition::cancelled);
}

TEST_CASE("a full disk is an error when nothing else is held, else a reason to wait") {
  Place const place;
  SpoolOptions options;
  options.keep_free_bytes = 1ull << 60;
  auto const full = need(Spool::open(place.at("full"), options));
  auto const refused = full->reserve(1, false, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().condition == Condition::no_space);
  CHECK(refused.error().message.find(place.at("full")) != std::string::npos);
  CHECK(full->is_full());

  auto const free = need(free_space(place.path()));
  options.keep_free_bytes = 0;
  options.limit_bytes = 1ull << 62;
  auto const spool = need(Spool::open(place.at("spool"), options));
  auto held = need(spool->reserve(1, false, {}));
  std::thread releaser([&] { held.reset(); });
  auto const too_much = spool->reserve(free * 2, false, {});
  releaser.join();
  REQUIRE_FALSE(too_much.has_value());
  CHECK(too_much.error().condition == Condition::no_space);
  CHECK_FALSE(spool->is_full());
}

TEST_CASE("a room can grow past the limit without waiting, and shrink") {
  Place const place;
  auto const spool = open_spool(place.at("spool"), 100);
  auto const room = need(spool->reserve(80, false, {}));
  need(room->resize(300));
  CHECK(spool->held_on_disk() == 300);
  need(room->resize(10));
  CHECK(spool->held_on_disk() == 10);
  auto const other = need(spool->reserve(90, false, {}));
  auto const grown = other->resize(1ull << 62);
  REQUIRE_FALSE(grown.has_value());
  CHECK(grown.error().condition == Condition::no_space);
  CHECK(spool->held_on_disk() == 100);
}
