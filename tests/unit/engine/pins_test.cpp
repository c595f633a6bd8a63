// Pins: what they keep, how they are named, and what happens where the key does not reach them.
#include "core/engine/pins.h"

#include <boost/json.hpp>

#include "core/engine/prune.h"
#include "core/packed/format.h"
#include "core/store/fault_store.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::map<std::string, std::string> const one_file{{"a.txt", "alpha"}};
std::string const pins_folder = "openclaw-backup.repo/pins/";

std::string day(int number) { return "2026-11-1" + std::to_string(number) + "T10-00-00-000Z-0000000" + std::to_string(number); }
std::string const safety = "safety-2026-11-10T00-00-00-000Z/2026-11-10T10-00-00-000Z-0000000a";

// Days 1 to 4, of which retention keeps the last.
struct FourDays : Bucket {
  FourDays() {
    context.config.keep_snapshots = 1;
    for (int i = 1; i <= 4; ++i) add_snapshot(day(i), one_file);
  }
  std::vector<std::string> pinned() {
    std::vector<std::string> out;
    for (Pin const& pin : list_pins(context).value()) out.push_back(pin.id.text);
    return out;
  }
  // A context whose store refuses what `refuse` says.
  EngineContext refusing(std::function<bool(std::string_view verb, std::string const& subject)> refuse) {
    FaultPlan plan;
    plan.before = [refuse](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (refuse(verb, subject)) return make_error(Condition::permission, "not allowed", "Look at the key.");
      return {};
    };
    return context_over(std::make_shared<FaultStore>(store(), std::move(plan)));
  }
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("pins: set, listed, taken away") {
  FourDays bucket;
  CHECK(bucket.pinned().empty());
  auto const pinned = pin_snapshot(bucket.context, day(2)).value();
  CHECK(pinned.snapshot.text == day(2));
  CHECK(pinned.changed);
  CHECK_FALSE(pin_snapshot(bucket.context, "2026-11-12").value().changed);
  CHECK(pin_snapshot(bucket.context, "latest").value().snapshot.text == day(4));
  CHECK(bucket.pinned() == Ids{day(2), day(4)});
  auto const content = boost::json::parse(bucket.get(pins_folder + day(2))).as_object();
  CHECK(content.at("version") == 1);
  CHECK(content.at("pinned") == "2026-11-24T12:00:00.000Z");
  CHECK(std::string(content.at("by").as_string()) == bucket.context.instance.host);

  CHECK(unpin_snapshot(bucket.context, "2026-11-12").value().snapshot.text == day(2));
  CHECK(unpin_snapshot(bucket.context, "latest").value().snapshot.text == day(4));
  CHECK(bucket.versions(pins_folder) == 0);
  auto const again = unpin_snapshot(bucket.context, day(2));
  REQUIRE_FALSE(again);
  CHECK(again.error().condition == Condition::not_found);
  CHECK(again.error().message == "snapshot " + day(2) + " is not pinned");
  CHECK(unpin_snapshot(bucket.context, "2001").error().message == "snapshot 2001 is not pinned");
  CHECK(unpin_snapshot(bucket.context, "").error().condition == Condition::usage);
  CHECK(pin_snapshot(bucket.context, "2001").error().condition == Condition::not_found);
  CHECK(bucket.pinned().empty());
}

TEST_CASE("pins: names that fit several are refused, other objects there are no pins") {
  FourDays bucket;
  bucket.put(pins_folder + day(1), "{}");
  bucket.put(pins_folder + day(3), "not even JSON");
  bucket.put(pins_folder + safety, "{}");
  bucket.put(pins_folder + "README", "what is this?");
  CHECK(bucket.pinned() == Ids{safety, day(1), day(3)});
  auto const which = unpin_snapshot(bucket.context, "2026-11-1");
  REQUIRE_FALSE(which);
  CHECK(which.error().condition == Condition::usage);
  CHECK(which.error().message == "\"2026-11-1\" fits 2 pinned snapshots: " + day(1) + ", " + day(3));
  // By its inner id, and although the snapshot is gone.
  CHECK(unpin_snapshot(bucket.context, safety.substr(safety.find('/') + 1)).value().snapshot.text == safety);
  CHECK(bucket.pinned() == Ids{day(1), day(3)});
  CHECK(bucket.exists(pins_folder + "README"));
}

TEST_CASE("pins: a snapshot that goes while it is pinned is told as gone, and no pin stays") {
  FourDays bucket;
  FaultPlan plan;
  plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
    if (verb == "put" && subject == pins_folder + day(1)) bucket.erase("openclaw-backup/" + day(1) + "/manifest.json");
    return {};
  };
  auto context = bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan)));
  auto const late = pin_snapshot(context, day(1));
  REQUIRE_FALSE(late);
  CHECK(late.error().condition == Condition::not_found);
  CHECK(late.error().message.find("was removed just now") != std::string::npos);
  CHECK(bucket.pinned().empty());
}

TEST_CASE("a pinned snapshot is not pruned, and takes no other one's place") {
  FourDays bucket;
  bucket.add_snapshot(safety, one_file);
  bucket.add_snapshot("safety-2026-11-11T00-00-00-000Z/" + day(1), one_file);
  bucket.context.config.keep_safety_snapshots = 1;
  for (auto const& id : {day(2), safety, day(4)}) pin_snapshot(bucket.context, id).value();
  auto const dry = prune(bucket.context, {.dry_run = true}).value();
  CHECK(dry.removed == Ids{day(1), day(3)});
  for (RetentionVerdict const& verdict : dry.verdicts) {
    if (verdict.id.text == day(2) || verdict.id.text == safety) CHECK(verdict.reason == "pinned");
    if (verdict.id.text == day(4)) CHECK(verdict.reason == "the newest complete snapshot");
  }
  CHECK(prune(bucket.context, {}).value().removed == Ids{day(1), day(3)});
  CHECK(bucket.check_restores(day(2), {{"a.txt", to_hex(sha256(std::string_view("alpha")))}}) == "");
  CHECK(bucket.pinned() == Ids{safety, day(2), day(4)});
  unpin_snapshot(bucket.context, day(2)).value();
  CHECK(prune(bucket.context, {}).value().removed == Ids{day(2)});
}

TEST_CASE("a key for the plugin's layout alone, which never reached the pins, prunes as before there were any") {
  FourDays bucket;
  bucket.clock.advance(std::chrono::hours(24 * 30));
  auto context = bucket.refusing([](std::string_view, std::string const& subject) { return subject.starts_with("openclaw-backup.repo/"); });
  auto const report = prune(context, {}).value();
  CHECK_FALSE(report.removed.empty());
  CHECK(report.warnings.empty());
}

TEST_CASE("pins that could be listed and cannot be any more keep everything, and prune says why") {
  FourDays bucket;
  list_pins(bucket.context).value();
  bucket.clock.advance(std::chrono::hours(24 * 30));
  bucket.add_snapshot(day(0), one_file, {.manifest = false});   // a torn one
  bucket.clock.advance(std::chrono::hours(24 * 30));
  auto const versions = bucket.versions("");
  auto context = bucket.refusing([](std::string_view, std::string const& subject) { return subject.starts_with("openclaw-backup.repo/"); });
  for (bool const dry : {true, false}) {
    auto const report = prune(context, {.dry_run = dry}).value();
    CHECK(report.removed.empty());
    CHECK(report.torn_removed.empty());
    REQUIRE(report.warnings.size() == 1);
    CHECK(report.warnings[0].find("nothing is pruned: which snapshots are pinned cannot be listed: not allowed") == 0);
    CHECK(report.warnings[0].find("whose name prefix is \"openclaw-backup\", without the slash") != std::string::npos);
    for (RetentionVerdict const& verdict : report.verdicts) CHECK(verdict.keep);
    CHECK(report.verdicts.front().reason == "nothing is pruned");
  }
  CHECK(bucket.versions("") == versions);
  // The store being away is an error of prune's own, as everywhere.
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view, std::string const& subject) -> Result<void> {
    if (subject == pins_folder) return make_error(Condition::unreachable, "away");
    return {};
  };
  auto away = bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan)));
  CHECK(prune(away, {}).error().condition == Condition::unreachable);
  // It is not asked for when nothing would go.
  context.config.keep_snapshots = 10;
  auto const idle = prune(context, {}).value();
  CHECK(idle.warnings.empty());
  CHECK(idle.torn_removed == Ids{day(0)});
}

TEST_CASE("a key that does not reach what lies beside the prefix lists the plugin's snapshots, unless packed ones are wanted") {
  FourDays bucket;
  auto context = bucket.refusing([](std::string_view, std::string const& subject) { return subject.starts_with("openclaw-backup.repo/"); });
  CHECK(listed_ids(list_bucket(context, false).value()) == Ids{day(1), day(2), day(3), day(4)});
  context.config.layout = LayoutChoice::packed;
  auto const refused = list_bucket(context, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::permission);
  CHECK(refused.error().advice.find("without the slash") != std::string::npos);
}

TEST_CASE("a key that does not reach the pins is told how it must be made") {
  FourDays bucket;
  auto context = bucket.refusing([](std::string_view verb, std::string const& subject) { return verb == "put" && subject.starts_with(pins_folder); });
  auto const refused = pin_snapshot(context, day(1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::permission);
  CHECK(refused.error().advice.find("without the slash") != std::string::npos);
}

TEST_CASE("prune takes away pins of snapshots that are gone, in neither layout, and no others") {
  FourDays bucket;
  std::string const packed = "2026-11-01T10-00-00-000Z-00000001";
  std::string const gone = "2026-11-02T10-00-00-000Z-00000002";
  bucket.put(packed::snapshot_key("openclaw-backup", packed), "a snapshot of the packed layout");
  for (auto const& id : {packed, gone, safety, day(1)}) bucket.put(pins_folder + id, "{}");
  bucket.put(pins_folder + "README", "");
  // There is no repository here, so its snapshots are not to be listed: the bucket is asked for this one alone.
  auto const unlisted = [](std::string_view verb, std::string const& subject) { return verb == "list" && subject.starts_with("openclaw-backup.repo/snapshots/"); };
  auto plain = bucket.refusing(unlisted);
  CHECK(prune(plain, {.dry_run = true}).value().removed.size() == 2);
  CHECK(bucket.pinned().size() == 4);
  CHECK(prune(plain, {}).value().removed == Ids{day(2), day(3)});
  CHECK(bucket.pinned() == Ids{packed, day(1)});
  CHECK(bucket.exists(pins_folder + "README"));
  // What cannot be taken away stays, and the prune is done all the same.
  bucket.put(pins_folder + gone, "{}");
  bucket.add_snapshot(day(5), one_file);
  auto context = bucket.refusing([&](std::string_view verb, std::string const& subject) {
    return unlisted(verb, subject) || (verb == "list_versions" && subject.starts_with(pins_folder));
  });
  CHECK(prune(context, {}).value().removed == Ids{day(4)});
  CHECK(bucket.pinned() == Ids{packed, gone, day(1)});
  // The listing still remembers this one.
  bucket.erase("openclaw-backup/" + day(1) + "/manifest.json");
  bucket.add_snapshot(day(6), one_file);
  CHECK(prune(plain, {}).value().removed == Ids{day(5)});
  CHECK(bucket.pinned() == Ids{packed});
}
