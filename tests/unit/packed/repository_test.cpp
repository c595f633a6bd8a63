// Whole snapshots in and out of repositories in memory and in directories.
#include <cstdlib>
#include <fstream>

#include "core/util/file.h"
#include "tests/support/paths.h"
#include "tests/unit/packed/repository_support.h"

using namespace b2b;
using namespace b2b::packed;
using namespace b2b::packed::test;
using b2b::test::Scratch;
using b2b::test::source_directory;

namespace {

Files some_files() {
  Files files;
  files["openclaw.json"] = "{}";
  files["empty"] = "";
  files["agents/a/log.jsonl"] = log_text(20'000);
  files["agents/a/twin.jsonl"] = files["agents/a/log.jsonl"];
  files["random.bin"] = random_text(3'000'000);
  files["name\xff.bin"] = "not UTF-8";
  for (int i = 0; i < 200; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
  return files;
}

}  // namespace

TEST_CASE("what goes into a repository comes out of it, on another machine too", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, true);
  Machine machine(store);
  Files const first = some_files();
  auto const a = machine.push(first);
  Files second = first;
  second["agents/a/log.jsonl"] += log_text(1, 20'000);
  second.erase("many/7");
  auto const b = machine.push(second);
  CHECK(restore(machine, a.id) == first);
  CHECK(restore(machine, b.id) == second);

  Machine other(store);
  CHECK(list_snapshots(*other.repository->store, other.repository->prefix, {}).value().size() == 2);
  CHECK(restore(other, a.id) == first);
  CHECK(restore(other, b.id) == second);
  auto const payload = read_snapshot(*other.repository, b.id, {}).value();
  CHECK(payload.info.host == "host");
  CHECK(payload.info.skipped.size() == 1);
  CHECK(payload.entries == second.size() + 1);
  // And it goes on from there.
  auto const c = other.push(second);
  CHECK(c.chunks == 0);
  CHECK(restore(machine, c.id) == second);
}

TEST_CASE("a change costs what changed", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  Machine machine(make_memory_store(clock, true));
  Files files;
  files["big"] = random_text(20'000'000);
  for (int i = 0; i < 3000; ++i) files["many/" + std::to_string(i)] = "file " + std::to_string(i);
  auto const first = machine.push(files);
  CHECK(first.bytes > 20'000'000);
  CHECK(first.bytes < 24'000'000);
  files["big"] += random_text(1024);
  auto const appended = machine.push(files);
  CHECK(appended.bytes < 350'000);
  files["big"].replace(10'000'000, 1024, random_text(1024));
  auto const edited = machine.push(files);
  CHECK(edited.bytes < 700'000);
  files["many/1500"] = "changed";
  auto const small = machine.push(files);
  CHECK(small.bytes < 40'000);
  CHECK(small.chunks <= 4);
  CHECK(restore(machine, small.id) == files);
}

TEST_CASE("nothing in the bucket shows names, contents or the order of things", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, false);
  Machine machine(store);
  machine.push(some_files());
  for (std::string const& key : keys_of(*store)) {
    std::string const bytes = get_text(*store, key, 100'000'000, {}).value();
    for (char const* const word : {"openclaw.json", "many/", "agents", "not UTF-8", "role", "host", "correct horse"})
      CHECK(bytes.find(word) == std::string::npos);
    if (key.find("/packs/") != std::string::npos || key.find("/index/") != std::string::npos)
      CHECK(key.ends_with(to_hex(sha256(bytes))));
  }
}

TEST_CASE("the record of chunks is made again from the bucket", "[packed_repository]") {
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = make_memory_store(clock, true);
  Machine machine(store);
  Files const files = some_files();
  auto const a = machine.push(files);
  machine.repository.reset();
  for (char const* suffix : {"", "-wal", "-shm"}) ::unlink((machine.scratch.path() + "/packed.sqlite" + suffix).c_str());
  std::ofstream(machine.scratch.path() + "/packed.sqlite") << "rubbish, and not a little of it, so that it is no database";
  machine.open();
  CHECK(restore(machine, a.id) == files);
  // What files consist of was forgotten, so they are read again; nothing of them is stored again.
  CHECK(machine.push(files).chunks == 0);
}

TEST_CASE("the reference reader restores what we write", "[packed_repository]") {
  Scratch const bucket;
  ManualClock clock{TimePoint{}};
  std::shared_ptr<Store> store = open_directory_store(bucket.path(), "b").value();
  Machine machine(store);
  Files const first = some_files();
  auto const a = machine.push(first);
  Files second = first;
  second["random.bin"].insert(1'000'000, "in between");
  auto const b = machine.push(second);

  Scratch const target;
  std::string const secret = target.path() + "/secret";
  std::ofstream(secret) << "correct horse";
  std::string const reader = "python3 " + source_directory() + "/tests/reference/read_repository.py " + bucket.path() +
                             "/b p --kind passphrase --secret-file " + secret + " ";
  REQUIRE(std::system((reader + "check >" + target.path() + "/check.txt 2>&1").c_str()) == 0);
  for (auto const& [id, files] : {std::pair(a.id, first), std::pair(b.id, second)}) {
    std::string const to = target.path() + "/" + id.text;
    REQUIRE(std::system((reader + "restore " + id.text + " " + to + " >" + target.path() + "/out.txt 2>&1").c_str()) == 0);
    for (auto const& [path, text] : files) CHECK(read_file(join_path(to, path), 10'000'000).value() == text);
    char linked[64];
    CHECK(std::string(linked, static_cast<std::size_t>(::readlink((to + "/link").c_str(), linked, sizeof linked))) == "openclaw.json");
  }
  // One flipped bit: named, and the exit code tells.
  std::string pack;
  for (std::string const& key : keys_of(*store))
    if (key.find("/packs/") != std::string::npos) pack = bucket.path() + "/b/" + key;
  std::string bytes = read_file(pack, 100'000'000).value();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(pack, std::ios::binary | std::ios::trunc) << bytes;
  CHECK(std::system((reader + "check >" + target.path() + "/check.txt 2>&1").c_str()) != 0);
}
