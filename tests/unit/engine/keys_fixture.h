// Machines with configurations of their own that use one repository of the packed layout, in a store in
// memory.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/key_records.h"
#include "core/engine/key_slots.h"
#include "core/engine/packed_keys.h"
#include "core/engine/packed_repository.h"
#include "core/store/fault_store.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

namespace b2b::test {

inline Condition condition_of(Result<void> const& result) {
  return result ? Condition::internal : result.error().condition;
}

struct Keys {
  ManualClock clock{parse_iso8601("2026-02-19T12:00:00Z").value()};
  Scratch scratch;
  std::unique_ptr<Store> memory = make_memory_store(clock, true);

  struct Machine {
    Config config;
    std::string host;
  };
  std::map<std::string, Machine> machines;

  Machine& machine(std::string const& host, std::string const& application_key) {
    Machine& made = machines[host];
    made.host = host;
    made.config.state_dir = scratch / (host + "-state");
    made.config.data_dir = scratch / (host + "-data");
    made.config.bucket = "bucket";
    made.config.prefix = "p";
    made.config.application_key = Secret(application_key);
    REQUIRE(make_directories(made.config.state_dir));
    return made;
  }

  // As a fresh process would have it.
  EngineContext open(Machine const& machine, Store* through = nullptr) {
    EngineContext context;
    context.config = machine.config;
    context.clock = &clock;
    context.instance = open_instance(machine.config).value();
    context.instance.host = machine.host;
    context.index = Index::open(context.instance.data_dir).value();
    context.packed = std::make_shared<PackedAccess>();
    context.store =
        std::shared_ptr<Store>(std::shared_ptr<void>(), through != nullptr ? through : memory.get());
    return context;
  }

  // What a push does about keys, in a process of its own, a minute later.
  Result<void> push(Machine const& machine, Store* through = nullptr) {
    clock.advance(std::chrono::minutes(1));
    EngineContext context = open(machine, through);
    B2B_TRY(context.packed->open_or_create(context));
    return {};
  }
  Result<void> read(Machine const& machine) {
    EngineContext context = open(machine);
    B2B_TRY(context.packed->open_to_read(context));
    return {};
  }

  // "application-key laptop applicationKey", sorted.
  std::vector<std::string> slots(Machine const& machine) {
    EngineContext context = open(machine);
    SlotListing const listing = list_key_slots(context).value();
    std::vector<std::string> out;
    for (SlotView const& view : listing.slots)
      out.push_back(std::string(packed::slot_kind_name(view.slot.kind)) + " " + view.slot.label +
                    (view.opened_by.empty() ? "" : " " + std::string(view.opened_by)));
    std::sort(out.begin(), out.end());
    return out;
  }

  std::map<std::string, std::string> objects() {
    std::map<std::string, std::string> out;
    ListOptions options;
    options.prefix = "p.repo/";
    REQUIRE(memory->list(
        options,
        [&](ListEntry const& entry) { return out.emplace(entry.object.key, entry.object.etag).second; }, {}));
    return out;
  }

  bool has_key_file(Machine const& machine) {
    return path_exists(join_path(open(machine).instance.data_dir, "packed.key"));
  }
  void lose_data(Machine const& machine) { REQUIRE(remove_tree(machine.config.data_dir)); }
};

using Slots = std::vector<std::string>;

}  // namespace b2b::test
