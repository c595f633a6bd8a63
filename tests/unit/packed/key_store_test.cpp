#include "core/packed/key_store.h"

#include <thread>

#include "core/store/fault_store.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

SlotSecret const application_key{SlotKind::application_key, Secret("K005abc")};
SlotSecret const passphrase{SlotKind::passphrase, Secret("correct horse battery staple")};
SlotSecret const stranger{SlotKind::application_key, Secret("K005other")};

std::string hex(Key const& key) {
  return to_hex(key.bytes());
}

struct Bench {
  ManualClock clock{parse_iso8601("2026-02-19T12:00:00Z").value()};
  test::Scratch scratch;
  std::unique_ptr<Store> store;
  std::stop_token stop;

  explicit Bench(bool directory = false) : store(make_memory_store(clock, true)) {
    if (!directory) return;
    REQUIRE(make_directories(scratch / "disk"));
    store = open_directory_store(scratch / "disk", "bucket").value();
  }
  KeyStore keys(std::string const& machine) { return keys(*store, machine); }
  KeyStore keys(Store& through, std::string const& machine) {
    return KeyStore(through, "p", machine.empty() ? "" : scratch / (machine + ".key"), clock);
  }
  OpenedRepository made(std::string const& machine, SlotSecret const& secret) {
    return keys(machine)
        .open_or_create({"first", data_chunk_sizes, list_chunk_sizes}, std::span(&secret, 1), stop)
        .value();
  }
  Result<OpenedRepository> opened(std::string const& machine, std::vector<SlotSecret> const& secrets) {
    return keys(machine).open(keys(machine).config(stop).value().value(), secrets, stop);
  }
  std::size_t slot_objects() {
    std::size_t count = 0;
    ListOptions options;
    options.prefix = slots_prefix("p");
    REQUIRE(store->list(
        options, [&](ListEntry const&) { return ++count > 0; }, stop));
    return count;
  }
  void put(std::string const& key, std::string const& text) {
    REQUIRE(store->put(key, MemorySource(text), stop));
  }
};

}  // namespace

TEST_CASE("a repository is made once and opened from then on", "[packed_keys]") {
  Bench bench(GENERATE(false, true));
  CHECK_FALSE(bench.keys("a").config(bench.stop).value());
  OpenedRepository const made = bench.made("a", application_key);
  CHECK(bench.keys("a").config(bench.stop).value() == made.config);
  auto const list = bench.keys("a").slots(made.config.id, bench.stop).value();
  REQUIRE(list.slots.size() == 1);
  CHECK(list.slots[0].label == "first");
  CHECK(list.slots[0].kind == SlotKind::application_key);
  CHECK(list.problems.empty());
  OpenedRepository const again = bench.made("b", application_key);
  CHECK(hex(again.master) == hex(made.master));
  CHECK(again.config == made.config);
  CHECK(bench.slot_objects() == 1);
}

TEST_CASE("ordinary pushes read the key from the key file and ask the store for nothing", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("a", application_key);
  std::uint64_t const before = bench.store->counters().requests;
  auto const again = bench.keys("a").open(made.config, std::span(&application_key, 1), bench.stop).value();
  CHECK(hex(again.master) == hex(made.master));
  CHECK(bench.store->counters().requests == before);
  // Another machine derives it once.
  REQUIRE(bench.opened("b", {application_key}));
  std::uint64_t const after = bench.store->counters().requests;
  REQUIRE(bench.keys("b").open(made.config, std::span(&application_key, 1), bench.stop));
  CHECK(bench.store->counters().requests == after);
  // The file of another repository is not used.
  RepositoryConfig other = made.config;
  other.id[0] ^= 1;
  CHECK(bench.keys("a").open(other, std::span(&application_key, 1), bench.stop).error().condition ==
        Condition::corrupt);
}

TEST_CASE("a secret without a slot is noticed, once, and gets one", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("a", application_key);
  auto const changed = bench.opened("a", {passphrase, application_key}).value();
  CHECK(changed.without_slot == std::vector<std::size_t>{0});
  CHECK(changed.slots.empty());  // the key file knew the other one
  auto const slot = bench.keys("a").slots(made.config.id, bench.stop).value().slots.front().id;
  CHECK(made.slots == std::map<std::size_t, SlotId>{{0, slot}});
  CHECK(bench.opened("c", {passphrase, application_key}).value().slots == std::map<std::size_t, SlotId>{{1, slot}});
  CHECK(hex(changed.master) == hex(made.master));
  std::uint64_t const before = bench.store->counters().requests;
  std::vector<SlotSecret> const both{passphrase, application_key};
  CHECK(bench.keys("a").open(made.config, both, bench.stop).value().without_slot.size() == 1);
  CHECK(bench.store->counters().requests == before);
  REQUIRE(bench.keys("a").add_slot(changed, passphrase, "second", bench.stop));
  CHECK(bench.opened("a", both).value().without_slot.empty());
  CHECK(hex(bench.opened("b", {passphrase}).value().master) == hex(made.master));
}

TEST_CASE("when no secret opens it, the message says which slots there are", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("a", application_key);
  bench.put("p.repo/keys/00000000000000000000000000000001", "{");
  auto const failed = bench.opened("b", {stranger, passphrase});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().condition == Condition::wrong_key);
  CHECK(failed.error().message ==
        "none of the configured secrets opens the repository p.repo in the memory store; it opens with: "
        "application-key of "
        "2026-02-19 (first); the key slot 00000000000000000000000000000001 is damaged: it is not valid JSON "
        "(incomplete JSON)");
  REQUIRE(remove_all(*bench.store,
                     slot_key("p", bench.keys("a").slots(made.config.id, bench.stop).value().slots[0].id),
                     bench.stop));
  REQUIRE(remove_all(*bench.store, "p.repo/keys/00000000000000000000000000000001", bench.stop));
  auto const none = bench.opened("b", {application_key});
  CHECK(none.error().condition == Condition::corrupt);
  CHECK(none.error().message == "the repository p.repo in the memory store has no key slot");
}

TEST_CASE("slots are removed, but never the last one", "[packed_keys]") {
  Bench bench(GENERATE(false, true));
  OpenedRepository const made = bench.made("a", application_key);
  KeyStore keys = bench.keys("a");
  KeySlot const second = keys.add_slot(made, passphrase, "", bench.stop).value();
  // What cannot be read, and what belongs to another repository, does not count as another one.
  bench.put("p.repo/keys/00000000000000000000000000000001", "{");
  bench.put(slot_key("p", SlotId{}), format_slot([&] {
              KeySlot slot = second;
              slot.id = SlotId{};
              slot.repository = RepositoryId{};
              return slot;
            }()));
  CHECK(keys.slots(made.config.id, bench.stop).value().foreign == 1);
  CHECK(keys.slots(made.config.id, bench.stop).value().problems.size() == 1);
  CHECK(keys.remove_slot(made.config.id, SlotId{9}, bench.stop).error().condition == Condition::not_found);
  REQUIRE(keys.remove_slot(made.config.id, second.id, bench.stop));
  CHECK(keys.slots(made.config.id, bench.stop).value().slots.size() == 1);
  std::size_t versions = 0;
  REQUIRE(bench.store->list_versions(
      slot_key("p", second.id), [&](ObjectVersion const&) { return ++versions > 0; }, bench.stop));
  CHECK(versions == 0);
  // The key file does not claim any more that the passphrase opens the repository.
  CHECK(bench.opened("a", {passphrase, application_key}).value().without_slot == std::vector<std::size_t>{0});
  auto const first = keys.slots(made.config.id, bench.stop).value().slots[0];
  auto const refused = keys.remove_slot(made.config.id, first.id, bench.stop);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(hex(bench.opened("b", {application_key}).value().master) == hex(made.master));
}

TEST_CASE("two who remove the last two slots at the same moment leave one", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("a", application_key);
  KeySlot const second = bench.keys("a").add_slot(made, passphrase, "", bench.stop).value();
  SlotId const first = [&] {
    auto const list = bench.keys("a").slots(made.config.id, bench.stop).value();
    return list.slots[0].id == second.id ? list.slots[1].id : list.slots[0].id;
  }();
  bool raced = false;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb != "remove_versions" || raced) return {};
    raced = true;
    REQUIRE(bench.keys("b").remove_slot(made.config.id, first, bench.stop));
    return {};
  };
  FaultStore store(*bench.store, plan);
  CHECK(bench.keys(store, "a").remove_slot(made.config.id, second.id, bench.stop).error().condition ==
        Condition::refused);
  CHECK(raced);
  CHECK(hex(bench.opened("c", {passphrase}).value().master) == hex(made.master));
}

TEST_CASE("of two who make a repository at the same moment one has made it, and both use that",
          "[packed_keys]") {
  Bench bench(GENERATE(false, true));
  // The other one makes its own just before this step of ours: our slot; our configuration; our look at what
  // stands there.
  auto const [verb, turn] = GENERATE(table<std::string, int>({{"put", 1}, {"put", 2}, {"get", 3}}));
  CAPTURE(verb, turn);
  std::string const wanted_verb = verb;
  int const wanted_turn = turn;
  int seen = 0;
  std::optional<OpenedRepository> other;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view now, std::string const&) -> Result<void> {
    if (now != wanted_verb || ++seen != wanted_turn) return {};
    if (wanted_verb == "get") {  // it had seen no configuration, and writes now
      RepositoryConfig config;
      config.id = {7};
      std::array<std::uint8_t, 32> const key{8};
      KeySlot const slot =
          wrap_master_key(Key(key), config.id, application_key, "other", bench.clock.now()).value();
      bench.put(slot_key("p", slot.id), format_slot(slot));
      bench.put(config_key("p"), format_config(config));
      other = OpenedRepository{config, Key(key), {}, {}};
    } else {
      other = bench.made("b", application_key);
    }
    return {};
  };
  FaultStore store(*bench.store, plan);
  OpenedRepository const ours =
      bench.keys(store, "a").open_or_create({}, std::span(&application_key, 1), bench.stop).value();
  REQUIRE(other);
  RepositoryConfig const standing = bench.keys("c").config(bench.stop).value().value();
  CHECK(ours.config == standing);
  // Ours came last only where the other one had written before our own write.
  CHECK((other->config == standing) == (turn != 2));
  CHECK(hex(bench.opened("b", {application_key}).value().master) == hex(ours.master));
  CHECK(hex(bench.opened("c", {application_key}).value().master) == hex(ours.master));
  auto const list = bench.keys("c").slots(standing.id, bench.stop).value();
  CHECK(list.slots.size() == 1);
  if (turn != 2) CHECK(bench.slot_objects() == 1);  // nothing of ours is left behind
}

TEST_CASE("many who make it on threads of their own agree afterwards", "[packed_keys]") {
  Bench bench(GENERATE(false, true));
  std::vector<std::string> machines{"a", "b", "c"};
  std::vector<Result<OpenedRepository>> made(machines.size(), make_error(Condition::internal, "not run"));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < machines.size(); ++i)
      threads.emplace_back([&, i] {
        made[i] =
            bench.keys(machines[i]).open_or_create({}, std::span(&application_key, 1), std::stop_token());
      });
  }
  std::string const key = hex(bench.opened("d", {application_key}).value().master);
  for (std::size_t i = 0; i < machines.size(); ++i) {
    REQUIRE(made[i]);
    CHECK(hex(bench.opened(machines[i], {application_key}).value().master) == key);
  }
}

TEST_CASE("no new repository is made over the remains of one", "[packed_keys]") {
  Bench bench;
  bench.made("a", application_key);
  bench.put("p.repo/packs/ab/ab", "x");
  REQUIRE(remove_all(*bench.store, config_key("p"), bench.stop));
  auto const refused = bench.keys("a").open_or_create({}, std::span(&application_key, 1), bench.stop);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::corrupt);
  CHECK(refused.error().message ==
        "p.repo in the memory store has objects under p.repo/packs/ and no object \"config\"");
  CHECK(bench.keys("a").open_or_create({}, {}, bench.stop).error().condition == Condition::usage);
}

TEST_CASE("pins of the plugin's snapshots are no remains of a repository", "[packed_keys]") {
  Bench bench;
  bench.put(pin_key("p", "2026-02-19T12-00-00-000Z-1a2b3c4d"), "{}");
  CHECK(bench.keys("a").open_or_create({}, std::span(&application_key, 1), bench.stop));
}

TEST_CASE("an application key that does not reach the repository is told how to be made", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("a", application_key);
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view, std::string const&) -> Result<void> {
    return make_error(Condition::permission, "not allowed", "Look at the key.");
  };
  FaultStore store(*bench.store, plan);
  KeyStore keys = bench.keys(store, "");
  std::string const advice =
      "Look at the key. The packed layout and pins lie under p.repo/: an application key that may only reach names "
      "that begin with "
      "\"p/\" does not reach it. "
      "Make one whose name prefix is \"p\", without the slash, or one without a name prefix";
  CHECK(keys.config(bench.stop).error().advice == advice);
  CHECK(keys.config(bench.stop).error().condition == Condition::permission);
  CHECK(keys.slots(made.config.id, bench.stop).error().advice == advice);
  CHECK(keys.open(made.config, std::span(&application_key, 1), bench.stop).error().advice == advice);
}

TEST_CASE("a repository that is not made whole can be made again, whichever call fails", "[packed_keys]") {
  for (std::uint64_t call = 1; call < 20; ++call) {
    Bench bench;
    FaultPlan plan;
    plan.fail_call = call;
    plan.answer_lost_probability = call % 2 == 0 ? 1.0 : 0.0;
    FaultStore store(*bench.store, plan);
    auto const first = bench.keys(store, "a").open_or_create({}, std::span(&application_key, 1), bench.stop);
    OpenedRepository const second = bench.made("b", application_key);
    if (first) CHECK(hex(first->master) == hex(second.master));
    if (store.injected() == 0) {
      CHECK(call > 6);
      break;
    }
  }
}

TEST_CASE("more slots than a reader looks at are not read, and none is added", "[packed_keys]") {
  Bench bench;
  OpenedRepository const made = bench.made("", application_key);
  for (std::size_t i = 0; i < max_slots; ++i) {
    SlotId id{};
    id[15] = static_cast<std::uint8_t>(i);
    bench.put(slot_key("p", id), "{}");
  }
  bench.put("p.repo/keys/0", "left alone");
  auto const list = bench.keys("").slots(made.config.id, bench.stop).value();
  CHECK_FALSE(list.complete);
  CHECK(list.problems.size() + list.slots.size() == max_slots);
  CHECK(bench.keys("").add_slot(made, passphrase, "", bench.stop).error().condition == Condition::limit);
}
