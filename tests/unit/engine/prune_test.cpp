// Prune: what goes, what must stay, and what is left behind when it is interrupted.
#include "core/engine/prune.h"

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>

#include "core/engine/delete_refusal.h"
#include "core/engine/heal.h"
#include "core/engine/snapshot_use.h"
#include "core/engine/verify.h"
#include "core/store/fault_store.h"
#include "tests/support/paths.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::map<std::string, std::string> const one_file{{"a.txt", "alpha"}};

std::string day(int number) {
  return "2026-11-" + std::string(number < 10 ? "0" : "") + std::to_string(number) + "T10-00-00-000Z-0000000" +
         std::to_string(number % 10);
}

std::string folder(std::string const& id) { return "openclaw-backup/" + id + "/"; }

std::map<std::string, std::string> hashes(std::map<std::string, std::string> const& files) {
  std::map<std::string, std::string> out;
  for (auto const& [path, body] : files) out[path] = to_hex(sha256(body));
  return out;
}

std::string all(std::vector<std::string> const& texts) {
  std::string out;
  for (auto const& text : texts) out += text + "\n";
  return out;
}

using Hook = std::function<Result<void>(std::string_view verb, std::string const& subject)>;
std::shared_ptr<Store> hooked(Store& inner, Hook hook) {
  FaultPlan plan;
  plan.before = [hook](std::uint64_t, std::string_view verb, std::string const& subject) { return hook(verb, subject); };
  return std::make_shared<FaultStore>(inner, std::move(plan));
}

}  // namespace

TEST_CASE("prune keeps the newest snapshots and leaves no hidden versions of the others") {
  for (bool const versioned : {true, false}) {
    Bucket bucket({.versioned = versioned});
    bucket.context.config.keep_snapshots = 2;
    for (int i = 1; i <= 4; ++i) bucket.add_snapshot(day(i), one_file);
    bucket.put(folder(day(1)) + "a.txt", "overwritten: two versions now");
    auto const report = prune(bucket.context, {});
    REQUIRE(report);
    CHECK(report->removed == std::vector<std::string>{day(1), day(2)});
    CHECK(report->verdicts.size() == 4);
    CHECK(report->objects_deleted == (versioned ? 5 : 4));
    CHECK(report->warnings.empty());
    CHECK(bucket.versions(folder(day(1))) == 0);
    CHECK(bucket.versions(folder(day(2))) == 0);
    CHECK(bucket.check_restores(day(3), hashes(one_file)) == "");
    CHECK(bucket.check_restores(day(4), hashes(one_file)) == "");
    CHECK_FALSE(bucket.context.index->remembered_snapshot(target_name(bucket.context), id_of(day(1))).value());
    auto const again = prune(bucket.context, {}).value();
    CHECK(again.removed.empty());
    CHECK(again.objects_deleted == 0);
  }
}

TEST_CASE("prune goes by the rules of `retention` where they are set") {
  Bucket bucket;
  bucket.context.config.retention = RetentionRules{1, 0, 2, 0};
  bucket.add_snapshot("2026-11-01T09-00-00-000Z-00000001", one_file, {.trigger = Trigger::change});
  for (int i = 1; i <= 4; ++i) bucket.add_snapshot(day(i), one_file);
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.removed == std::vector<std::string>{"2026-11-01T09-00-00-000Z-00000001", day(1), day(2)});
  for (auto const& verdict : report.verdicts)
    if (verdict.id.text == day(3)) CHECK(verdict.reason == "newest of the day 2026-11-03");
}

TEST_CASE("nothing is pruned while it is not certain how much is to be kept") {
  Bucket bucket;
  bucket.context.config.retention_uncertain = true;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  CHECK(prune(bucket.context, {}).value().warnings.empty());   // there is nothing to prune
  bucket.add_snapshot(day(2), one_file);
  auto const report = prune(bucket.context, {.confirmed = true}).value();
  CHECK(report.removed.empty());
  CHECK(all(report.warnings).find("nothing is pruned: how many snapshots to keep is not certain") == 0);
  CHECK(bucket.keys("openclaw-backup/").size() == 4);
  bucket.context.config.retention_uncertain = false;
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{day(1)});
}

TEST_CASE("prune works on a directory store") {
  Scratch scratch;
  auto directory = std::shared_ptr<Store>(open_directory_store(scratch.path(), "bkt").value());
  Bucket bucket(directory, {});
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{day(1)});
  CHECK(bucket.keys("openclaw-backup/").size() == 2);
  CHECK(bucket.check_restores(day(2), hashes(one_file)) == "");
}

TEST_CASE("a dry run says what would go and changes nothing") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  auto const before = bucket.versions("");
  auto const report = prune(bucket.context, {.dry_run = true}).value();
  CHECK(report.removed == std::vector<std::string>{day(1)});
  CHECK(report.objects_deleted == 0);
  CHECK(bucket.versions("") == before);
}

TEST_CASE("safety snapshots have a count of their own, in both forms") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.context.config.keep_safety_snapshots = 1;
  bucket.add_snapshot(day(5), one_file);
  std::string const flat = "safety-2026-11-01T00-00-00-000Z";
  std::string const nested = "safety-2026-11-02T00-00-00-000Z/" + day(2);
  bucket.add_plugin_snapshot(flat, {{"data/a.txt", "alpha"}});
  bucket.add_snapshot(nested, one_file);
  bucket.add_snapshot("safety-2026-11-03T00-00-00-000Z/" + day(3), one_file);
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.removed == std::vector<std::string>{flat, nested});
  CHECK(bucket.versions("openclaw-backup/safety-2026-11-01") == 0);
  CHECK(bucket.versions("openclaw-backup/safety-2026-11-02") == 0);
  CHECK(bucket.versions("openclaw-backup/safety-2026-11-03") == 2);
  CHECK(bucket.versions(folder(day(5))) == 2);
}

TEST_CASE("a flat safety snapshot goes without the nested one beside it") {
  Bucket bucket;
  bucket.context.config.keep_safety_snapshots = 1;
  std::string const flat = "safety-2026-11-01T00-00-00-000Z";
  bucket.add_plugin_snapshot(flat, {{"data/a.txt", "alpha"}});
  bucket.add_snapshot(flat + "/" + day(2), one_file);
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{flat});
  CHECK(bucket.check_restores(flat + "/" + day(2), hashes(one_file)) == "");
}

TEST_CASE("FACTS 1.1: pruning the plugin's incremental snapshots down to one keeps it restorable") {
  B2B_REQUIRE_SHARED(shared);
  std::string const root = shared + "/fixtures/plugin-layout/plugin-incremental";
  Bucket bucket;
  bucket.load_objects(root + "/objects");
  bucket.context.config.keep_snapshots = 1;
  auto const index = boost::json::parse(file_text(root + "/index.json"));
  std::string const last(index.at("snapshots").as_array().back().as_string());
  std::map<std::string, std::string> wanted;
  for (auto const& [path, file] : index.at("wanted").at("3").as_object())
    wanted[std::string(path)] = std::string(file.at("hash").as_string());

  auto const report = prune(bucket.context, {}).value();
  CHECK(report.removed.size() == 2);
  CHECK(report.healed > 5);
  CHECK(report.warnings.empty());
  CHECK(listed_ids(list_bucket(bucket.context, true).value()) == std::vector<std::string>{last});
  CHECK(bucket.keys("openclaw-backup/").size() == wanted.size() + 1);
  CHECK(bucket.check_restores(last, wanted) == "");
}

TEST_CASE("bodies that a kept snapshot lacks and nobody holds are named, and unfinished uploads are left alone") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  std::map<std::string, std::string> const none;
  bucket.add_plugin_snapshot(day(1), {{"b.txt", "beta"}});
  bucket.add_snapshot(day(2), one_file, {.manifest = false});
  bucket.add_plugin_snapshot(day(3), {{"b.txt", "beta"}, {"lost.txt", "lost"}}, &none);
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.removed == std::vector<std::string>{day(1)});
  CHECK(report.healed == 1);
  CHECK(report.torn_removed.empty());
  CHECK(all(report.warnings).find("lost.txt") != std::string::npos);
  CHECK(bucket.get(folder(day(3)) + "b.txt") == "beta");
}

TEST_CASE("one of ours is healed when verify has marked it") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), {{"old-name.txt", "alpha"}});
  auto const kept = bucket.add_snapshot(day(2), one_file);
  bucket.erase(folder(day(2)) + "a.txt");
  mark_lacking(bucket.context, kept, true).value();
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.healed == 1);
  CHECK(report.removed == std::vector<std::string>{day(1)});
  CHECK(bucket.check_restores(day(2), hashes(one_file)) == "");
  CHECK_FALSE(is_marked_lacking(bucket.context, kept).value());
}

TEST_CASE("torn uploads go when they are over 7 days old by the store's clock, and not before") {
  Bucket bucket({.start = "2026-11-10T00:00:00Z"});
  bucket.add_snapshot(day(8), one_file, {.manifest = false});
  bucket.add_snapshot(day(9), one_file, {.manifest = false});
  bucket.add_snapshot("2026-11-09T11-00-00-000Z-0000000f", one_file);
  PendingPush pending;
  pending.id = day(9);
  pending.target = target_name(bucket.context);
  bucket.context.index->begin_push(pending).value();
  bucket.clock.advance(std::chrono::hours(6 * 24));
  CHECK(prune(bucket.context, {}).value().torn_removed.empty());
  bucket.put(folder(day(8)) + "b.txt", "the upload goes on");
  bucket.clock.advance(std::chrono::hours(3 * 24));
  CHECK(prune(bucket.context, {}).value().torn_removed.empty());
  bucket.clock.advance(std::chrono::hours(5 * 24));
  CHECK(prune(bucket.context, {}).value().torn_removed == std::vector<std::string>{day(8)});
  CHECK(bucket.versions(folder(day(8))) == 0);
  CHECK(bucket.versions(folder(day(9))) == 1);  // our own push is still under way
  bucket.context.index->end_push().value();
  CHECK(prune(bucket.context, {}).value().torn_removed == std::vector<std::string>{day(9)});
}

TEST_CASE("an interrupted prune is finished by the next one at every point it may have died") {
  // The store ends at the n-th call; then it is back.
  std::map<std::string, std::string> const files{{"a.txt", "alpha"}, {"b.txt", "beta"}, {"c/d.txt", "gamma"}};
  int n = 0;
  for (bool died = true; died; ++n) {
    REQUIRE(n < 60);
    Bucket bucket;
    bucket.context.config.keep_snapshots = 1;
    for (int i = 1; i <= 3; ++i) bucket.add_snapshot(day(i), files);
    std::atomic<int> calls = 0;
    auto context = bucket.context_over(hooked(bucket.store(), [&](std::string_view, std::string const&) -> Result<void> {
      if (++calls > n) return make_error(Condition::unreachable, "the store is away");
      return {};
    }));
    died = !prune(context, {});
    for (auto const& listed : list_bucket(bucket.context, true).value().snapshots)
      if (listed.has_manifest) CHECK(bucket.check_restores(listed.info.id.text, hashes(files)) == "");
    REQUIRE(prune(bucket.context, {}));
    CHECK(bucket.versions("openclaw-backup/") == files.size() + 1);
    CHECK(bucket.check_restores(day(3), hashes(files)) == "");
  }
  CHECK(n > 5);
}

TEST_CASE("a prefix that another instance uses is pruned only by the machine that was told to") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file, {.instance = std::string(32, 'b'), .host = "laptop"});
  bucket.add_plugin_snapshot(day(3), one_file);
  auto const refused = prune(bucket.context, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().condition == Condition::refused);
  CHECK(refused.error().text().find("laptop") != std::string::npos);
  CHECK(bucket.keys("openclaw-backup/").size() == 6);
  CHECK(refused.error().text().find("daemonctl prune --take-over") != std::string::npos);
  CHECK_FALSE(prune(bucket.context, {.confirmed = true}));
  CHECK(prune(bucket.context, {.dry_run = true}).value().removed.size() == 2);
  CHECK(prune(bucket.context, {.dry_run = true, .take_over = true}).value().warnings.empty());
  CHECK_FALSE(prune(bucket.context, {}));  // looking takes nothing over
  CHECK(prune(bucket.context, {.take_over = true}).value().removed == std::vector<std::string>{day(1), day(2)});
}

TEST_CASE("the right to prune that was taken over stays, and holds for those it was taken from") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 2;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file, {.instance = std::string(32, 'b'), .host = "laptop"});
  bucket.add_snapshot(day(3), one_file);
  CHECK(prune(bucket.context, {.take_over = true}).value().removed == std::vector<std::string>{day(1)});
  bucket.context.config.keep_snapshots = 1;
  bucket.context.index = Index::open(bucket.context.instance.data_dir).value();
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{day(2)});
  bucket.add_snapshot(day(4), one_file, {.instance = std::string(32, 'c'), .host = "desktop"});
  auto const refused = prune(bucket.context, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().find("desktop") != std::string::npos);
}

TEST_CASE("a pause holds until a person confirms") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  bucket.context.index->set_value("prune-paused", day(2)).value();
  auto const paused = prune(bucket.context, {}).value();
  CHECK(paused.paused);
  CHECK(paused.removed.empty());
  CHECK(all(paused.warnings).find(day(2)) != std::string::npos);
  CHECK(prune(bucket.context, {.confirmed = true}).value().removed == std::vector<std::string>{day(1)});
  CHECK_FALSE(bucket.context.index->value("prune-paused").value());
}

TEST_CASE("a snapshot that somebody reads is spared, whether that began before the prune or during it") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  std::string const& data_dir = bucket.context.instance.data_dir;
  std::string const safety = "safety-2026-11-03T00-00-00-000Z/" + day(3);
  for (int i = 1; i <= 4; ++i) bucket.add_snapshot(i == 3 ? safety : day(i), one_file);
  bucket.add_snapshot("safety-2026-11-05T00-00-00-000Z/" + day(5), one_file);
  bucket.context.config.keep_safety_snapshots = 1;
  std::vector<SnapshotUse> uses;
  uses.push_back(SnapshotUse::begin(data_dir, id_of(day(1))).value());
  uses.push_back(SnapshotUse::begin(data_dir, id_of(day(1))).value());
  uses.push_back(SnapshotUse::begin(data_dir, id_of(safety)).value());
  CHECK(prune(bucket.context, {.dry_run = true}).value().removed == std::vector<std::string>{day(2)});
  uses.pop_back();
  bool told = false;
  auto context = bucket.context_over(hooked(bucket.store(), [&](std::string_view verb, std::string const& subject) -> Result<void> {
    if (!verb.starts_with("remove") || subject.find(day(2)) == std::string::npos || uses.size() != 2) return {};
    told = !SnapshotUse::begin(data_dir, id_of(day(2)));                       // too late
    uses.push_back(SnapshotUse::begin(data_dir, id_of(safety)).value());       // its turn comes next
    return {};
  }));
  auto const report = prune(context, {}).value();
  CHECK(told);
  CHECK(report.removed == std::vector<std::string>{day(2)});
  CHECK(bucket.check_restores(day(1), hashes(one_file)) == "");
  CHECK(bucket.check_restores(safety, hashes(one_file)) == "");
  for (auto const& verdict : report.verdicts)
    if (verdict.id.text == safety) CHECK(verdict.reason == "is being restored or verified");
  uses.clear();
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{day(1), safety});
  CHECK(std::filesystem::is_empty(data_dir + "/in-use"));
}

TEST_CASE("verifying holds what it reads") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  std::atomic<bool> pruned{false};  // bodies are read by several threads
  auto context = bucket.context_over(hooked(bucket.store(), [&](std::string_view verb, std::string const& subject) -> Result<void> {
    if (pruned || verb != "get" || subject.find(day(1) + "/a.txt") == std::string::npos) return {};
    pruned = true;
    CHECK(prune(bucket.context, {}).value().removed.empty());
    return {};
  }));
  CHECK(verify(context, {.snapshot = {}, .read_data = true}).value().problems.empty());
  CHECK(pruned.load());
}

TEST_CASE("verifying holds what the plugin left under other snapshots, too") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  std::map<std::string, std::string> const files{{"data/a.txt", "alpha"}, {"data/b.txt", "beta"}};
  std::map<std::string, std::string> const second{{"data/b.txt", "beta"}};
  bucket.add_plugin_snapshot(day(1), files);
  bucket.add_plugin_snapshot(day(2), files, &second);
  std::atomic<bool> pruned{false};
  auto context = bucket.context_over(hooked(bucket.store(), [&](std::string_view verb, std::string const& subject) -> Result<void> {
    if (pruned || verb != "get" || subject.find(day(1) + "/data/a.txt") == std::string::npos) return {};
    pruned = true;
    CHECK(prune(bucket.context, {}).value().removed.empty());
    return {};
  }));
  CHECK(verify(context, {.snapshot = day(2), .read_data = true}).value().problems.empty());
  CHECK(pruned.load());
  CHECK(prune(bucket.context, {}).value().removed == std::vector<std::string>{day(1)});
}

TEST_CASE("nothing is deleted for a newest snapshot that only the index remembers") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  list_bucket(bucket.context, false).value();
  bucket.erase(folder(day(2)) + "manifest.json");
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.removed.empty());
  CHECK(bucket.check_restores(day(1), hashes(one_file)) == "");
}

TEST_CASE("incomplete snapshots have a bound of their own, and the newest complete one always stays") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 2;
  bucket.add_snapshot(day(1), one_file);
  for (int i = 2; i <= 4; ++i) bucket.add_snapshot(day(i), one_file, {.complete = false});
  auto const planned = prune(bucket.context, {.dry_run = true}).value();
  CHECK(planned.removed == std::vector<std::string>{day(2)});
  REQUIRE(planned.verdicts.size() == 4);
  CHECK(planned.verdicts[1].reason == "incomplete, older than the newest 2 of those");
  CHECK(prune(bucket.context, {}).value().removed == planned.removed);
  CHECK(prune(bucket.context, {}).value().removed.empty());
  for (int i : {1, 3, 4}) CHECK(bucket.check_restores(day(i), hashes(one_file)) == "");
}

TEST_CASE("a key that may not delete: warned about, nothing lost, the push goes on") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  for (int i = 1; i <= 8; ++i) bucket.add_snapshot(day(i), one_file);
  int removals = 0;
  auto context = bucket.context_over(hooked(bucket.store(), [&](std::string_view verb, std::string const&) -> Result<void> {
    if (verb == "remove_versions") {
      ++removals;
      return make_error(Condition::permission, "access denied");
    }
    return {};
  }));
  auto const report = prune(context, {});
  REQUIRE(report);
  CHECK(report->removed.empty());
  CHECK(all(report->warnings).find("deleteFiles") != std::string::npos);
  CHECK(removals == 3);
  for (int i = 1; i <= 8; ++i) CHECK(bucket.check_restores(day(i), hashes(one_file)) == "");

  // It was told once. Who asks by hand is told again; the schedule tries again after a week, quietly.
  auto const again = prune(context, {});
  REQUIRE(again);
  CHECK(again->warnings.empty());
  CHECK(removals == 3);
  CHECK(all(prune(context, {.on_request = true})->warnings).find("deleteFiles") != std::string::npos);
  CHECK(removals == 6);
  bucket.clock.advance(std::chrono::hours(8 * 24));
  CHECK(prune(context, {})->warnings.empty());
  CHECK(removals == 9);
  CHECK(DeleteRefusal(context).since().value().has_value());

  CHECK(prune(bucket.context, {.on_request = true}).value().removed.size() == 7);
  CHECK_FALSE(DeleteRefusal(context).since().value().has_value());
}

TEST_CASE("another key is tried at once, whatever an earlier one was refused") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  for (int i = 1; i <= 2; ++i) bucket.add_snapshot(day(i), one_file);
  auto context = bucket.context_over(hooked(bucket.store(), [](std::string_view verb, std::string const&) -> Result<void> {
    return verb == "remove_versions" ? make_error(Condition::permission, "access denied") : Result<void>();
  }));
  context.config.key_id = Secret("append-only");
  REQUIRE(prune(context, {})->removed.empty());
  bucket.context.config.key_id = Secret("another");
  CHECK(prune(bucket.context, {})->removed.size() == 1);
}

TEST_CASE("an index that was lost changes nothing: what a prune left is removed as a torn upload") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  bucket.add_snapshot(day(2), one_file);
  bucket.erase(folder(day(1)) + "manifest.json");
  CHECK(prune(bucket.context, {}).value().torn_removed.empty());
  bucket.clock.advance(std::chrono::hours(8 * 24));
  CHECK(prune(bucket.context, {}).value().torn_removed == std::vector<std::string>{day(1)});
}

TEST_CASE("more versions than one batch are all removed") {
  Bucket bucket;
  bucket.context.config.keep_snapshots = 1;
  bucket.add_snapshot(day(1), one_file);
  for (int i = 0; i < 2500; ++i) bucket.put(folder(day(1)) + "f" + std::to_string(i), "x");
  bucket.add_snapshot(day(2), one_file);
  auto const report = prune(bucket.context, {}).value();
  CHECK(report.objects_deleted == 2502);
  CHECK(bucket.versions(folder(day(1))) == 0);
}
