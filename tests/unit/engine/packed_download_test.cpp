// Many files at once, as a restore has them.
#include "core/engine/packed_download.h"

#include <mutex>
#include <random>
#include <set>

#include "tests/unit/engine/packed_damage.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 generator(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(generator());
  return text;
}

struct Downloading {
  Downloading(PackedMachine& machine_in, SnapshotId const& id) : machine(machine_in) {
    FaultPlan plan;
    plan.before = [this](std::uint64_t, std::string_view verb, std::string const& key) -> Result<void> {
      std::scoped_lock lock(mutex);
      if (verb == "get" && key.find("/packs/") != std::string::npos) ++gets[key];
      return failure ? Result<void>(*failure) : Result<void>();
    };
    store = std::make_unique<FaultStore>(*machine.memory, plan);
    context.emplace(machine.open(store.get()));
    loaded.emplace(load_snapshot(*context, id, scratch.path()).value());
    REQUIRE(loaded->catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
      if (row.entry.type == EntryType::file) entries.push_back(std::move(row));
      return {};
    }));
    for (std::size_t i = 0; i < entries.size(); ++i) wanted.push_back({&entries[i], scratch.path() + "/body" + std::to_string(i)});
    gets.clear();
  }

  // Path → content of what was done.
  Files run(std::size_t threads = 4) {
    Files out;
    outcome = download_together(
        *loaded->packed, threads, wanted,
        [&](std::size_t i) {
          std::string const content = read_file(wanted[i].destination, 100 << 20).value();
          std::scoped_lock lock(mutex);
          again += out.contains(entries[i].entry.path) ? 1 : 0;
          out[entries[i].entry.path] = content;
          return out.size() < most_done;
        },
        stop.get_token());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      bool const there = path_exists(wanted[i].destination);
      CHECK(there == out.contains(entries[i].entry.path));
      if (there) std::filesystem::remove(wanted[i].destination);
    }
    CHECK(again == 0);
    return out;
  }

  PackedMachine& machine;
  TemporaryDirectory scratch = TemporaryDirectory::create("/tmp", "b2b-download-").value();
  std::mutex mutex;
  std::map<std::string, int> gets;
  std::optional<Error> failure;
  std::unique_ptr<FaultStore> store;
  std::optional<EngineContext> context;
  std::optional<LoadedSnapshot> loaded;
  std::vector<CatalogEntry> entries;
  std::vector<WantedBody> wanted;
  std::stop_source stop;
  std::size_t most_done = SIZE_MAX;
  int again = 0;
  Result<void> outcome;
};

struct Stocked : PackedMachine {
  Stocked() {
    for (unsigned i = 0; i < 40; ++i) write("workspace/small-" + std::to_string(i), noise(500 + 90 * i, i));
    write("workspace/large.bin", noise(20 << 20, 1000));
    write("workspace/same-a.bin", noise(300'000, 2000));
    write("workspace/same-b.bin", noise(300'000, 2000) + noise(5000, 2001));
    write("workspace/log.jsonl", numbered_lines(9000));
    write("workspace/empty", "");
    id = take();
    files = snapshots.back().second;
  }
  SnapshotId id;
  Files files;
};

Files without(Files files, std::initializer_list<char const*> paths) {
  for (char const* path : paths) files.erase(path);
  return files;
}

}  // namespace

TEST_CASE("many packed files come at once, each stretch of a pack in one request") {
  Stocked machine;
  for (std::size_t const threads : {1U, 4U, 8U}) {
    Downloading download(machine, machine.id);
    CHECK(download.run(threads) == without(machine.files, {"workspace/empty"}));  // that one has no chunks
    REQUIRE(download.outcome);
    int gets = 0;
    for (auto const& [key, count] : download.gets) gets += count;
    CHECK(download.gets.size() >= 2);
    CHECK(gets <= static_cast<int>(2 * threads + download.gets.size()));
  }
}

TEST_CASE("packed files at once: a damaged chunk costs the files that need it and no others") {
  Stocked machine;
  machine.remember();
  std::map<std::string, int> lost;
  for (std::string const& key : machine.objects("packs/")) {
    std::size_t const bytes = machine.get(key).size();
    for (std::size_t at = 100; at < bytes; at += bytes / 5 + 1) {
      machine.flip(key, at);
      Downloading download(machine, machine.id);
      Files const got = download.run();
      REQUIRE(download.outcome);
      CHECK(got.size() + 4 >= machine.files.size());
      for (auto const& [path, content] : got) CHECK(content == machine.files.at(path));
      for (auto const& [path, content] : machine.files) lost[path] += got.contains(path) ? 0 : 1;
      machine.flip(key, at);
    }
  }
  CHECK(lost["workspace/large.bin"] > 0);  // most of the bytes are its own
}

TEST_CASE("packed files at once: what is recorded with another hash or size is not done") {
  Stocked machine;
  Downloading download(machine, machine.id);
  std::set<std::string> const wrong{"workspace/small-3", "workspace/large.bin", "workspace/small-7"};
  for (CatalogEntry& row : download.entries) {
    if (row.entry.path == "workspace/small-7") row.entry.size += 1;
    else if (wrong.contains(row.entry.path)) row.entry.hash[5] ^= 1;
  }
  CHECK(download.run() == without(machine.files, {"workspace/empty", "workspace/small-3", "workspace/large.bin", "workspace/small-7"}));
  CHECK(download.outcome);
}

TEST_CASE("packed files at once: a pack that is gone is left to who fetches one by one") {
  Stocked machine;
  std::string const gone = machine.objects("packs/").front();
  Downloading download(machine, machine.id);
  machine.erase(gone);
  Files const got = download.run();
  REQUIRE(download.outcome);
  CHECK(got.size() < machine.files.size() - 1);
  for (auto const& [path, content] : got) CHECK(content == machine.files.at(path));
}

TEST_CASE("packed files at once: what ends everything ends it, and nothing half-written stays") {
  Stocked machine;
  Downloading download(machine, machine.id);
  download.failure = make_error(Condition::unreachable, "the network is gone");
  CHECK(download.run().empty());
  CHECK(download.outcome.error().condition == Condition::unreachable);
  download.failure.reset();
  download.most_done = 3;
  CHECK(download.run(1).size() == 3);
  CHECK(download.outcome.error().condition == Condition::cancelled);
  download.stop.request_stop();
  CHECK(download.run().empty());
  CHECK(download.outcome.error().condition == Condition::cancelled);
}

TEST_CASE("packed files at once: no place to write is told as that") {
  Stocked machine;
  Downloading download(machine, machine.id);
  for (WantedBody& body : download.wanted) body.destination = download.scratch.path() + "/nowhere/body";
  std::size_t done = 0;
  auto const outcome = download_together(*download.loaded->packed, 2, download.wanted, [&](std::size_t) { return ++done > 0; }, {});
  CHECK(done == 0);
  CHECK((outcome || !ends_everything(outcome.error().condition)));  // fetch() tells it by name
}
