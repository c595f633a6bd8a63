#include "core/engine/verify.h"

#include "core/engine/heal.h"
#include "core/engine/prune.h"
#include "core/store/fault_store.h"
#include "tests/support/paths.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string const older = "2026-11-20T10-00-00-000Z-00000001";
std::string const newer = "2026-11-21T10-00-00-000Z-00000002";
std::map<std::string, std::string> const files{{"a.txt", "alpha"}, {"b.txt", "beta"}, {"big", std::string(1 << 20, 'q')}};

std::string folder(std::string const& id) { return "openclaw-backup/" + id + "/"; }

std::string all(std::vector<std::string> const& texts) {
  std::string out;
  for (auto const& text : texts) out += text + "\n";
  return out;
}

}  // namespace

TEST_CASE("whole snapshots have no problems, by structure and by content") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  bucket.add_snapshot(newer, files);
  auto const structure = verify(bucket.context, {}).value();
  CHECK(structure.snapshots == 2);
  CHECK(structure.objects == 6);
  CHECK(structure.bytes_read == 0);
  CHECK(structure.problems.empty());
  CHECK(structure.notes.empty());
  auto const content = verify(bucket.context, {.snapshot = newer, .read_data = true}).value();
  CHECK(content.snapshots == 1);
  CHECK(content.objects == 3);
  CHECK(content.bytes_read == 9 + (1 << 20));
  CHECK(content.problems.empty());
}

TEST_CASE("the plugin's fixtures verify; bodies that lie elsewhere are a note") {
  B2B_REQUIRE_SHARED(shared);
  for (std::string const& set : {std::string("encrypted"), std::string("plain"), std::string("plugin-incremental")}) {
    INFO(set);
    Bucket bucket({.encrypt = set != "plain"});
    bucket.load_objects(shared + "/fixtures/plugin-layout/" + set + "/objects");
    auto const report = verify(bucket.context, {.snapshot = {}, .read_data = true}).value();
    CHECK(report.problems.empty());
    CHECK(report.bytes_read > 1000);
    CHECK((all(report.notes).find("only under other snapshots") != std::string::npos) == (set == "plugin-incremental"));
  }
}

TEST_CASE("what is missing, short or damaged is named") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  SECTION("missing") {
    bucket.erase(folder(older) + "a.txt");
    auto const report = verify(bucket.context, {}).value();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].snapshot == older);
    CHECK(report.problems[0].path == "a.txt");
    CHECK(is_marked_lacking(bucket.context, id_of(older)).value());
  }
  SECTION("missing here and held by another snapshot: a note, and the next prune heals it") {
    bucket.erase(folder(older) + "a.txt");
    bucket.add_snapshot(newer, files);
    auto const report = verify(bucket.context, {}).value();
    CHECK(report.problems.empty());
    CHECK(all(report.notes).find(older) != std::string::npos);
    bucket.context.config.keep_snapshots = 2;
    bucket.add_snapshot("2026-11-19T10-00-00-000Z-00000001", files);
    CHECK(prune(bucket.context, {}).value().healed == 1);
    CHECK(bucket.exists(folder(older) + "a.txt"));
  }
  SECTION("of another size") {
    bucket.put(folder(older) + "a.txt", "short");
    auto const report = verify(bucket.context, {}).value();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].path == "a.txt");
  }
  SECTION("damaged inside: found by reading, and only then") {
    bucket.flip_byte(folder(older) + "big", 70000);
    CHECK(verify(bucket.context, {}).value().problems.empty());
    auto const report = verify(bucket.context, {.snapshot = {}, .read_data = true}).value();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].path == "big");
    CHECK(report.objects == 3);
  }
  SECTION("the manifest") {
    bucket.flip_byte(folder(older) + "manifest.json", bucket.get(folder(older) + "manifest.json").size() / 2);
    auto const report = verify(bucket.context, {}).value();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].path == "manifest.json");
  }
}

TEST_CASE("things that are no problem are noted: torn uploads, other folders, objects nobody lists") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  bucket.add_snapshot(newer, files, {.manifest = false});
  bucket.put(folder(older) + "extra.txt", "extra");
  bucket.put("openclaw-backup/repo/x", "y");
  auto const report = verify(bucket.context, {}).value();
  CHECK(report.problems.empty());
  CHECK(report.snapshots == 1);
  CHECK(all(report.notes).find(newer) != std::string::npos);
  CHECK(all(report.notes).find("extra.txt") != std::string::npos);
  CHECK(all(report.notes).find("repo") != std::string::npos);
}

TEST_CASE("a wrong key is one finding about the key") {
  B2B_REQUIRE_SHARED(shared);
  Bucket bucket({.passphrase = "not the key"});
  bucket.load_objects(shared + "/fixtures/plugin-layout/plugin-incremental/objects");
  auto const report =
      verify(bucket.context, {.snapshot = "2026-11-23T17-11-04-776Z-6fd4ed9d", .read_data = true}).value();
  CHECK(report.problems.size() == 10);
  CHECK(all(report.notes).find("key is probably wrong") != std::string::npos);
}

TEST_CASE("a store that goes away while verifying is an error, not a list of problems") {
  Bucket bucket;
  bucket.add_snapshot(older, files);
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const& key) -> Result<void> {
    if (verb == "get" && key.ends_with("b.txt")) return make_error(Condition::unreachable, "away");
    return {};
  };
  auto context = bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan)));
  auto const report = verify(context, {.snapshot = {}, .read_data = true});
  REQUIRE_FALSE(report);
  CHECK(report.error().condition == Condition::unreachable);
  CHECK(verify(bucket.context, {.snapshot = "2020", .read_data = false}).error().condition == Condition::not_found);
}
