// A machine that pushes in the packed layout, three snapshots of it, and ways to damage what lies in its bucket.
#pragma once

#include <algorithm>
#include <set>
#include <utility>

#include "core/engine/repair.h"
#include "core/packed/format.h"
#include "tests/unit/engine/push_fixture.h"

namespace b2b::test {

using Files = std::map<std::string, std::string>;

inline std::string numbered_lines(std::size_t lines, std::size_t from = 0) {
  std::string text;
  for (std::size_t i = from; i < from + lines; ++i) text += "{\"n\":" + std::to_string(i) + ",\"x\":\"" + std::to_string(i * 2654435761U) + "\"}\n";
  return text;
}

class PackedMachine : public Machine {
 public:
  PackedMachine() : Machine(false) {
    config.layout = LayoutChoice::packed;
    clock.set_wall(system_clock().now() + std::chrono::seconds(30));
  }

  // Snapshots in order; what each of them holds.
  std::vector<std::pair<SnapshotId, Files>> snapshots;

  SnapshotId take() {
    clock.set_wall(clock.now() + std::chrono::seconds(60));
    auto const report = push_ok();
    std::string warnings;
    for (std::string const& warning : report.warnings) warnings += warning + "\n";
    INFO(snapshots.size() << " " << report.files << " " << report.unchanged << " " << warnings);
    REQUIRE(report.snapshot);
    Files files;
    for (auto const& each : std::filesystem::recursive_directory_iterator(config.state_dir)) {
      std::string const name = each.path().string().substr(config.state_dir.size() + 1);
      if (each.is_regular_file() && !name.starts_with("b2backupd/")) files[name] = read_file(each.path().string(), 100 << 20).value();
    }
    snapshots.emplace_back(*report.snapshot, files);
    return *report.snapshot;
  }

  // The log grows, one file changes, one goes and one comes.
  void take_three() {
    write("workspace/log.jsonl", numbered_lines(4000));
    write("workspace/notes.md", "the first notes\n");
    write("workspace/gone.md", "only in the first one\n");
    take();
    write("workspace/log.jsonl", numbered_lines(4400));
    write("workspace/notes.md", "the second notes\n");
    remove("workspace/gone.md");
    take();
    write("workspace/notes.md", "the third notes\n");
    write("workspace/new.md", "only in the third one\n");
    take();
  }

  std::string get(std::string const& key) { return get_text(*memory, key, 100'000'000, {}).value(); }
  void put(std::string const& key, std::string bytes) { REQUIRE(memory->put(key, MemorySource(std::move(bytes)), {})); }
  void erase(std::string const& key) { REQUIRE(remove_all(*memory, key, {})); }
  void flip(std::string const& key, std::size_t at) {
    std::string bytes = get(key);
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ (1 << (at % 8)));
    put(key, std::move(bytes));
  }
  std::vector<std::string> objects(std::string const& kind) { return keys("openclaw-backup.repo/" + kind); }

  // Everything as it is now, the bucket and what the machine remembers; and back to that.
  void remember() {
    bucket_.clear();
    for (std::string const& key : keys()) bucket_[key] = get(key);
    std::filesystem::remove_all(root() + "/saved");
    std::filesystem::copy(config.data_dir, root() + "/saved", std::filesystem::copy_options::recursive);
  }
  void go_back() {
    for (std::string const& key : keys()) erase(key);
    for (auto const& [key, bytes] : bucket_) put(key, bytes);
    std::filesystem::remove_all(config.data_dir);
    std::filesystem::copy(root() + "/saved", config.data_dir, std::filesystem::copy_options::recursive);
  }

  VerifyReport verify_ok(VerifyOptions const& options = {}) {
    auto context = open();
    auto report = verify(context, options);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    return *report;
  }
  RepairReport repair_ok(RepairOptions const& options = {}) {
    clock.set_wall(clock.now() + std::chrono::seconds(60));
    auto context = open();
    auto report = repair(context, options);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    return *report;
  }

  // What a new machine, which has the key and nothing else, gets of a snapshot: path → content, and the paths that it does not get ("": all).
  std::pair<Files, std::set<std::string>> restored(SnapshotId const& id) {
    std::string const own_data = std::exchange(config.data_dir, root() + "/new");
    std::filesystem::remove_all(config.data_dir);
    auto context = open();
    std::string own_folder;
    for (auto const& each : std::filesystem::directory_iterator(own_data))
      if (std::filesystem::exists(each.path() / "packed.key")) own_folder = each.path();
    std::filesystem::copy(own_folder + "/packed.key", context.instance.data_dir + "/packed.key");
    Files files;
    std::set<std::string> failed;
    auto scratch = TemporaryDirectory::create("/tmp", "b2b-contents-").value();
    auto loaded = load_snapshot(context, id, scratch.path());
    if (!loaded) {
      failed.insert("");
    } else {
      auto const fetcher = make_fetcher(context, *loaded, scratch.path(), true).value();
      int number = 0;
      REQUIRE(loaded->catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
        if (row.entry.type != EntryType::file) return {};
        std::string const file = scratch.path() + "/body" + std::to_string(++number);
        if (fetcher->fetch(row, file)) {
          files[row.entry.path] = read_file(file, 100 << 20).value();
        } else {
          failed.insert(row.entry.path);
        }
        return {};
      }));
    }
    config.data_dir = own_data;
    return {files, failed};
  }

 private:
  Files bucket_;
};

inline std::set<std::pair<std::string, std::string>> named(std::vector<VerifyProblem> const& problems) {
  std::set<std::pair<std::string, std::string>> out;
  for (VerifyProblem const& problem : problems) out.emplace(problem.snapshot, problem.path);
  return out;
}

inline std::string in_words(std::vector<VerifyProblem> const& problems, std::vector<std::string> const& notes) {
  std::string out;
  for (VerifyProblem const& problem : problems) out += problem.snapshot + " " + problem.path + ": " + problem.problem + "\n";
  for (std::string const& note : notes) out += "note: " + note + "\n";
  return out;
}

}  // namespace b2b::test
