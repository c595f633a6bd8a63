// A state directory, a store in memory and an engine over both, for tests of jobs.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "core/engine/browse.h"
#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/engine/fetch.h"
#include "core/engine/packed_repository.h"
#include "core/engine/prune.h"
#include "core/engine/push.h"
#include "core/engine/restore.h"
#include "core/engine/verify.h"
#include "core/snapshot/layout.h"
#include "core/store/fault_store.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/paths.h"

namespace b2b::test {

class Machine {
 public:
  explicit Machine(bool versioned = true)
      : directory_(TemporaryDirectory::create("/tmp", "b2b-engine-").value()),
        clock(TimePoint(std::chrono::sys_days(std::chrono::year(2026) / 2 / 19)) + std::chrono::hours(12)),
        memory(make_memory_store(clock, versioned)) {
    config.state_dir = directory_.path() + "/state";
    config.data_dir = directory_.path() + "/data";
    config.bucket = "bucket";
    config.layout = LayoutChoice::plugin;
    config.endpoint = "file:///unused";
    config.encryption_key = Secret("correct horse");
    std::filesystem::create_directories(config.state_dir);
    write("openclaw.json", "{}");
    write("workspace/MEMORY.md", "# memory\n");
    write("agents/main/sessions/a.jsonl", "{\"n\":1}\n");
  }

  std::string path(std::string const& name) const { return config.state_dir + "/" + name; }
  std::string root() const { return directory_.path(); }

  void write(std::string const& name, std::string const& content) {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
  }
  void remove(std::string const& name) { std::filesystem::remove_all(path(name)); }

  // A context as a fresh process would have it. `store`: instead of the one in memory.
  EngineContext open(Store* store = nullptr) {
    EngineContext context;
    context.config = config;
    context.clock = &clock;
    context.instance = open_instance(config).value();
    context.index = Index::open(context.instance.data_dir).value();
    context.keyring = std::make_shared<Keyring>(config.passphrases());
    context.packed = std::make_shared<PackedAccess>();
    context.store = std::shared_ptr<Store>(std::shared_ptr<void>(), store != nullptr ? store : memory.get());
    return context;
  }

  PushReport push_ok(Trigger trigger = Trigger::manual) {
    clock.advance(std::chrono::seconds(10));
    auto context = open();
    PushOptions options;
    options.trigger = trigger;
    auto report = push(context, options);
    INFO((report ? std::string() : report.error().text()));
    REQUIRE(report);
    return *report;
  }

  // Every file of a snapshot, fetched and decrypted: path → content.
  std::map<std::string, std::string> contents(SnapshotId const& id, Store* store = nullptr) {
    auto context = open(store);
    auto scratch = TemporaryDirectory::create("/tmp", "b2b-contents-").value();
    auto loaded = load_snapshot(context, id, scratch.path());
    INFO((loaded ? std::string() : loaded.error().text()));
    REQUIRE(loaded);
    auto const fetcher = make_fetcher(context, *loaded, scratch.path(), true).value();
    std::map<std::string, std::string> out;
    int number = 0;
    auto all = loaded->catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
      if (row.entry.type != EntryType::file) return {};
      std::string const file = scratch.path() + "/body" + std::to_string(++number);
      B2B_TRY(fetcher->fetch(row, file));
      B2B_ASSIGN(out[row.entry.path], read_file(file, 100 << 20));
      return {};
    });
    INFO((all ? std::string() : all.error().text()));
    REQUIRE(all);
    return out;
  }

  std::vector<std::string> keys(std::string const& prefix = {}) {
    std::vector<std::string> out;
    REQUIRE(memory->list({prefix, "", false},
                         [&](ListEntry const& entry) {
                           out.push_back(entry.object.key);
                           return true;
                         },
                         {}));
    return out;
  }

  // Versions that no list shows: replaced objects and hide markers.
  std::size_t hidden_versions() {
    std::size_t count = 0;
    REQUIRE(memory->list_versions("",
                                  [&](ObjectVersion const& version) {
                                    if (!version.latest || version.hide_marker) ++count;
                                    return true;
                                  },
                                  {}));
    return count;
  }

 private:
  TemporaryDirectory directory_;

 public:
  ManualClock clock;
  Config config;
  std::unique_ptr<Store> memory;
};

}  // namespace b2b::test
