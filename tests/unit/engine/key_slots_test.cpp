// What `daemonctl key …` does with slots.
#include "core/packed/recovery_code.h"
#include "tests/unit/engine/keys_fixture.h"

using namespace b2b;
using namespace b2b::test;
using packed::SlotKind;

namespace {

packed::SlotId only_slot(Keys& keys, Keys::Machine const& machine, SlotKind kind) {
  EngineContext context = keys.open(machine);
  SlotListing const listing = list_key_slots(context).value();
  std::vector<packed::SlotId> found;
  for (SlotView const& view : listing.slots)
    if (view.slot.kind == kind) found.push_back(view.slot.id);
  REQUIRE(found.size() == 1);
  return found.front();
}

std::optional<bool> recorded_code(Keys& keys, Keys::Machine const& machine) {
  EngineContext context = keys.open(machine);
  return KeyRecords(*context.index, context.config).recovery_code().value();
}

}  // namespace

TEST_CASE("key slots: without a repository every verb says so") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  EngineContext context = keys.open(machine);
  CHECK(list_key_slots(context).error().condition == Condition::not_found);
  CHECK(rewrap_key_slots(context).error().condition == Condition::not_found);
  CHECK(open_key_slot(context, {SlotKind::recovery, packed::make_recovery_code()}).error().condition ==
        Condition::not_found);
  CHECK(recorded_code(keys, machine) == std::nullopt);
}

TEST_CASE("key slots: a passphrase is added, opens on a new machine, and is removed") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  EngineContext context = keys.open(machine);
  packed::SlotSecret const added{SlotKind::passphrase, Secret("correct horse")};
  packed::KeySlot const slot = add_key_slot(context, added, "in the safe").value();
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey", "passphrase in the safe"});
  auto const again = add_key_slot(context, added, "");
  REQUIRE_FALSE(again);
  CHECK(again.error().condition == Condition::refused);
  CHECK(again.error().message ==
        "it opens p.repo in the memory store already, with the key slot " + short_slot_id(slot.id));

  auto& other = keys.machine("new", "K7");
  EngineContext fresh = keys.open(other);
  CHECK(open_key_slot(fresh, {SlotKind::passphrase, Secret("Correct horse")}).error().message ==
        "this passphrase does not open p.repo in the memory store; it has one made on 2026-02-19 (in the "
        "safe)");
  CHECK_FALSE(keys.read(other));
  CHECK(open_key_slot(fresh, added).value().id == slot.id);
  CHECK(keys.read(other));

  REQUIRE(remove_key_slot(context, slot.id));
  CHECK(remove_key_slot(context, slot.id).error().condition == Condition::not_found);
  packed::SlotId const last = only_slot(keys, machine, SlotKind::application_key);
  CHECK(remove_key_slot(context, last).error().condition == Condition::refused);
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey"});
  CHECK(keys.read(other));  // who has the master key keeps it
}

TEST_CASE("key slots: the removed slot of the configured secret comes back with the next push") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  EngineContext context = keys.open(machine);
  REQUIRE(add_key_slot(context, {SlotKind::passphrase, Secret("correct horse")}, "safe"));
  REQUIRE(remove_key_slot(context, only_slot(keys, machine, SlotKind::application_key)));
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey", "passphrase safe"});
}

TEST_CASE("key slots: rewrap gives the configured secrets new slots and touches no other") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  EngineContext context = keys.open(machine);
  REQUIRE(add_key_slot(context, {SlotKind::passphrase, Secret("on paper")}, "paper"));
  REQUIRE(add_key_slot(context, {SlotKind::passphrase, Secret("former")}, "former"));
  machine.config.decryption_keys = {Secret("former")};
  packed::SlotId const before = only_slot(keys, machine, SlotKind::application_key);
  EngineContext fresh = keys.open(machine);
  SlotExchange const done = rewrap_key_slots(fresh).value();
  CHECK(done.made.size() == 2);
  CHECK(done.removed.size() == 2);
  CHECK(done.problems.empty());
  CHECK(only_slot(keys, machine, SlotKind::application_key) != before);
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey",
                                     "passphrase former decryptionKeys", "passphrase paper"});
  // It is this machine's own slot, and goes when the key changes.
  machine.config.application_key = Secret("K2");
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey",
                                     "passphrase former decryptionKeys", "passphrase paper"});
}

TEST_CASE("key slots: rewrap and recovery with a key that may not delete tell what stays") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb == "remove_versions") return make_error(Condition::permission, "the key may not delete");
    return {};
  };
  FaultStore store(*keys.memory, plan);
  EngineContext context = keys.open(machine, &store);
  SlotExchange const done = rewrap_key_slots(context).value();
  CHECK(done.made.size() == 1);
  CHECK(done.removed.empty());
  REQUIRE(done.problems.size() == 1);
  CHECK(done.problems[0].find("is still there and still opens the backups: the key may not delete") !=
        std::string::npos);
  REQUIRE(replace_recovery_code(context, packed::make_recovery_code()));
  CHECK(replace_recovery_code(context, packed::make_recovery_code()).value().problems.size() == 1);
}

TEST_CASE("key slots: a recovery code replaces the older one and brings the key back on a new machine") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  CHECK(recorded_code(keys, machine) == false);
  EngineContext context = keys.open(machine);
  Secret const first = packed::make_recovery_code();
  Secret const second = packed::make_recovery_code();
  CHECK(replace_recovery_code(context, first).value().removed.empty());
  CHECK(recorded_code(keys, machine) == true);
  CHECK(replace_recovery_code(context, second).value().removed.size() == 1);
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey", "recovery laptop"});

  // Everything but the paper is lost, the B2 key, too.
  auto& other = keys.machine("new", "K7");
  CHECK(condition_of(keys.read(other)) == Condition::wrong_key);
  EngineContext fresh = keys.open(other);
  auto const older = open_key_slot(fresh, {SlotKind::recovery, first});
  REQUIRE_FALSE(older);
  CHECK(older.error().condition == Condition::wrong_key);
  CHECK(
      older.error().message ==
      "this recovery code does not open p.repo in the memory store; it has one made on 2026-02-19 (laptop)");
  CHECK_FALSE(keys.has_key_file(other));
  REQUIRE(open_key_slot(fresh, {SlotKind::recovery, second}));
  CHECK(keys.has_key_file(other));
  CHECK(keys.read(other));
  // Its next push gives its own key a slot, and leaves the others.
  REQUIRE(keys.push(other));
  CHECK(keys.slots(other) ==
        Slots{"application-key laptop", "application-key new applicationKey", "recovery laptop"});
  CHECK(recorded_code(keys, other) == true);

  REQUIRE(remove_key_slot(context, only_slot(keys, machine, SlotKind::recovery)));
  CHECK(recorded_code(keys, machine) == false);
  keys.clock.advance(std::chrono::hours(25));
  REQUIRE(keys.push(other));
  CHECK(recorded_code(keys, other) == false);
}

TEST_CASE("key slots: a slot that holds another key is not believed") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  EngineContext context = keys.open(machine);
  auto const config = key_store(context).config({}).value().value();
  packed::SlotSecret const planted{SlotKind::passphrase, Secret("planted")};
  auto const slot =
      packed::wrap_master_key(Key(std::array<std::uint8_t, 32>{1}), config.id, planted, "", keys.clock.now())
          .value();
  REQUIRE(keys.memory->put(packed::slot_key("p", slot.id), MemorySource(packed::format_slot(slot)), {}));
  CHECK(open_key_slot(context, planted).error().condition == Condition::corrupt);
}

TEST_CASE("key slots: the beginning of an id finds a slot") {
  SlotListing listing;
  listing.repository = "p.repo";
  for (std::uint8_t const first : {0xab, 0xab, 0xcd}) {
    SlotView view;
    view.slot.id = packed::SlotId{first, 0xcd, static_cast<std::uint8_t>(listing.slots.size())};
    listing.slots.push_back(view);
  }
  CHECK(find_slot(listing, "cdcd").value() == listing.slots[2].slot.id);
  CHECK(find_slot(listing, "abcd01").value() == listing.slots[1].slot.id);
  CHECK(find_slot(listing, to_hex(listing.slots[0].slot.id)).value() == listing.slots[0].slot.id);
  CHECK(find_slot(listing, "abcd").error().message == "2 key slots begin with abcd");
  CHECK(find_slot(listing, "abcd").error().condition == Condition::usage);
  CHECK(find_slot(listing, "1234").error().condition == Condition::not_found);
  for (char const* const text : {"", "cdc", "ABCD", "wxyz", "abcd\n"})
    CHECK(find_slot(listing, text).error().condition == Condition::usage);
}
