// Changed application keys: a slot for the new one, none for the former one, and nobody locked out.
#include <algorithm>

#include "tests/unit/engine/keys_fixture.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("keys: a new repository opens with the application key, or with encryptionKey alone") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  bool const passphrase = GENERATE(false, true);
  if (passphrase) machine.config.encryption_key = Secret("correct horse");
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == (passphrase ? Slots{"passphrase laptop encryptionKey"}
                                           : Slots{"application-key laptop applicationKey"}));
  CHECK(keys.has_key_file(machine));
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine).size() == 1);
}

TEST_CASE("keys: a changed application key gets its slot, and the former one's goes") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.application_key = Secret("K2");

  // Reading verbs change nothing.
  auto const before = keys.objects();
  REQUIRE(keys.read(machine));
  CHECK(keys.objects() == before);
  CHECK(keys.slots(machine) == Slots{"application-key laptop"});

  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey"});

  // On a new machine the new key opens it, and the former one does not.
  auto& with_new = keys.machine("new", "K2");
  CHECK(keys.read(with_new));
  auto& with_former = keys.machine("other", "K1");
  CHECK(condition_of(keys.read(with_former)) == Condition::wrong_key);
}

TEST_CASE("keys: a reading verb before the push, in the same process, does not hide a changed key") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.application_key = Secret("K2");
  EngineContext context = keys.open(machine);
  REQUIRE(context.packed->open_to_read(context));
  REQUIRE(context.packed->open_or_create(context));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey"});
}

TEST_CASE("keys: an ordinary push asks nothing about slots; a day later it looks once") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  std::vector<std::string> asked;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) {
    if (subject.starts_with("p.repo/keys/")) asked.push_back(std::string(verb));
    return Result<void>();
  };
  FaultStore watched(*keys.memory, plan);
  REQUIRE(keys.push(machine, &watched));
  CHECK(asked.empty());
  keys.clock.advance(std::chrono::hours(25));
  REQUIRE(keys.push(machine, &watched));
  CHECK(asked == std::vector<std::string>{"list", "get"});
  REQUIRE(keys.push(machine, &watched));
  CHECK(asked.size() == 2);
}

TEST_CASE("keys: with encryptionKey the application key needs no slot") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.encryption_key = Secret("correct horse");
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"passphrase laptop encryptionKey"});
  // Nor when it changes; and a changed encryptionKey does not take the former one's slot away, which may be
  // on paper.
  machine.config.application_key = Secret("K2");
  machine.config.encryption_key = Secret("battery staple");
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"passphrase laptop", "passphrase laptop encryptionKey"});
  // Taken out of the configuration, the application key is relied on again.
  machine.config.encryption_key = Secret();
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) ==
        Slots{"application-key laptop applicationKey", "passphrase laptop", "passphrase laptop"});
}

TEST_CASE("keys: two machines with application keys of their own leave each other's slots alone") {
  Keys keys;
  auto& laptop = keys.machine("laptop", "K1");
  REQUIRE(keys.push(laptop));
  auto& desktop = keys.machine("desktop", "K9");
  desktop.config.decryption_keys = {Secret("K1")};
  REQUIRE(keys.push(desktop));
  CHECK(keys.slots(desktop) ==
        Slots{"application-key desktop applicationKey", "application-key laptop decryptionKeys"});

  desktop.config.application_key = Secret("K10");
  desktop.config.decryption_keys.clear();
  REQUIRE(keys.push(desktop));
  CHECK(keys.slots(laptop) == Slots{"application-key desktop", "application-key laptop applicationKey"});
  laptop.config.application_key = Secret("K2");
  REQUIRE(keys.push(laptop));
  CHECK(keys.slots(desktop) == Slots{"application-key desktop applicationKey", "application-key laptop"});
}

TEST_CASE("keys: a machine that still has the former key gets its slot back within a day") {
  Keys keys;
  auto& laptop = keys.machine("laptop", "K1");
  auto& desktop = keys.machine("desktop", "K1");
  REQUIRE(keys.push(laptop));
  REQUIRE(keys.push(desktop));
  CHECK(keys.slots(desktop).size() == 1);
  laptop.config.application_key = Secret("K2");
  REQUIRE(keys.push(laptop));
  CHECK(keys.slots(desktop) == Slots{"application-key laptop"});
  keys.clock.advance(std::chrono::hours(25));
  REQUIRE(keys.push(desktop));
  CHECK(keys.slots(desktop) == Slots{"application-key desktop applicationKey", "application-key laptop"});
  desktop.config.application_key = Secret("K2");
  REQUIRE(keys.push(desktop));
  CHECK(keys.slots(desktop) == Slots{"application-key laptop applicationKey"});
}

TEST_CASE("keys: a key that may not delete says so and goes on") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.application_key = Secret("K2");
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb == "remove_versions") return make_error(Condition::permission, "the key may not delete");
    return {};
  };
  FaultStore store(*keys.memory, plan);
  REQUIRE(keys.push(machine, &store));
  CHECK(keys.slots(machine) == Slots{"application-key laptop", "application-key laptop applicationKey"});
  EngineContext context = keys.open(machine);
  std::string const problem = KeyRecords(*context.index, context.config).problem().value();
  CHECK(problem.find("former application key is still in p.repo in the memory store") != std::string::npos);
  CHECK(problem.find("daemonctl key remove ") != std::string::npos);
  // Once a day it is tried again.
  keys.clock.advance(std::chrono::hours(25));
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey"});
  CHECK(KeyRecords(*context.index, context.config).problem().value().empty());
}

TEST_CASE("keys: the former slot stays when the new one cannot be stored, and the push goes on") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.application_key = Secret("K2");
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "put" && subject.starts_with("p.repo/keys/"))
      return make_error(Condition::permission, "not this name");
    return {};
  };
  FaultStore store(*keys.memory, plan);
  REQUIRE(keys.push(machine, &store));
  CHECK(keys.slots(machine) == Slots{"application-key laptop"});
  EngineContext context = keys.open(machine);
  CHECK(KeyRecords(*context.index, context.config)
            .problem()
            .value()
            .find("on a new machine it opens nothing") != std::string::npos);
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) == Slots{"application-key laptop applicationKey"});
}

TEST_CASE("keys: a slot that was stored and cannot be read back costs nobody the former one") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  auto const former = keys.objects();
  machine.config.application_key = Secret("K2");
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "get" && subject.starts_with("p.repo/keys/") && !former.contains(subject))
      return make_error(Condition::not_found, "it vanished");
    return {};
  };
  FaultStore store(*keys.memory, plan);
  REQUIRE(keys.push(machine, &store));
  auto const now = keys.objects();
  CHECK(std::all_of(former.begin(), former.end(),
                    [&](auto const& object) { return now.contains(object.first); }));
}

TEST_CASE("keys: lost records keep the former slot, and everything opens") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  REQUIRE(keys.push(machine));
  machine.config.decryption_keys = {Secret("K1")};
  keys.lose_data(machine);
  machine.config.application_key = Secret("K2");
  REQUIRE(keys.push(machine));
  CHECK(keys.slots(machine) ==
        Slots{"application-key laptop applicationKey", "application-key laptop decryptionKeys"});
}

TEST_CASE("keys: no key is kept in a data directory that snapshots would hold") {
  Keys keys;
  auto& machine = keys.machine("laptop", "K1");
  machine.config.data_dir = join_path(machine.config.state_dir, "data");
  REQUIRE(keys.push(machine));
  CHECK_FALSE(keys.has_key_file(machine));
  EngineContext context = keys.open(machine);
  CHECK(open_key_slot(context, {packed::SlotKind::passphrase, Secret("correct horse")}).error().condition ==
        Condition::bad_config);
}
