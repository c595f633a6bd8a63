// Listing, choosing and opening snapshots.
#include "core/engine/bucket.h"

#include "core/snapshot/layout.h"
#include "core/store/fault_store.h"
#include "tests/support/paths.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string const older = "2026-11-20T10-00-00-000Z-00000001";
std::string const newer = "2026-11-21T10-00-00-000Z-00000002";
std::map<std::string, std::string> const two_files{{"a.txt", "alpha"}, {"b.txt", "beta"}};

Result<SnapshotId> resolve(Bucket& bucket, std::string_view name, std::vector<std::string>* notes = nullptr) {
  std::vector<std::string> found;
  auto result = resolve_snapshot(bucket.context, name, found);
  if (notes != nullptr) *notes = found;
  return result;
}

std::string all(std::vector<std::string> const& texts) {
  std::string out;
  for (auto const& text : texts) out += text + "\n";
  return out;
}

// Answers "permission" for objects that do not exist, like B2 without the listBuckets capability.
std::shared_ptr<Store> without_list_buckets(Store& inner) {
  FaultPlan plan;
  plan.before = [&inner](std::uint64_t, std::string_view verb, std::string const& key) -> Result<void> {
    if (verb != "get" && verb != "head") return {};
    auto const found = inner.head(key, {});
    if (!found && found.error().condition == Condition::not_found) return make_error(Condition::permission, "access denied");
    return {};
  };
  return std::make_shared<FaultStore>(inner, std::move(plan));
}

}  // namespace

TEST_CASE("the bucket is listed with every form of id, oldest first, torn and foreign folders told apart") {
  Bucket bucket;
  bucket.add_snapshot(newer, two_files);
  bucket.add_snapshot(older, two_files, {.trigger = Trigger::change});
  bucket.add_plugin_snapshot("2026-11-19T10-00-00Z", two_files);
  bucket.add_plugin_snapshot("2026-11-19T11-00-00-000Z", two_files);
  bucket.add_plugin_snapshot("safety-2026-11-18T00-00-00-000Z", two_files);                        // flat
  bucket.add_snapshot("safety-2026-11-22T00-00-00-000Z/2026-11-22T00-00-00-000Z-0000000a", two_files);  // nested
  bucket.add_snapshot("2026-11-23T10-00-00-000Z-00000003", two_files, {.manifest = false});
  bucket.put("openclaw-backup/repo/data/pack", "of somebody else");
  bucket.put("openclaw-backup/safety-notes/readme.txt", "no snapshot");
  bucket.put("openclaw-backup/loose.txt", "a file");

  auto const listing = list_bucket(bucket.context, false).value();
  CHECK(listed_ids(listing) ==
        std::vector<std::string>{"safety-2026-11-18T00-00-00-000Z", "2026-11-19T10-00-00Z", "2026-11-19T11-00-00-000Z",
                                 older, newer, "safety-2026-11-22T00-00-00-000Z/2026-11-22T00-00-00-000Z-0000000a",
                                 "2026-11-23T10-00-00-000Z-00000003"});
  CHECK(listing.foreign == std::vector<std::string>{"repo", "safety-notes"});
  CHECK(listing.snapshots[0].info.id.kind == SnapshotKind::safety);
  CHECK_FALSE(listing.snapshots[1].info.ours);
  CHECK(listing.snapshots[1].info.files == 2);
  CHECK(listing.snapshots[1].info.bytes == 9);
  CHECK(listing.snapshots[1].signature == Signature::none);
  CHECK(listing.snapshots[3].info.ours);
  CHECK(listing.snapshots[3].info.trigger == Trigger::change);
  CHECK(listing.snapshots[3].signature == Signature::valid);
  CHECK(listing.snapshots[3].info.files == 2);
  CHECK(listing.snapshots.back().has_manifest == false);
  for (auto const& listed : listing.snapshots) CHECK(listed.problem.empty());
}

TEST_CASE("manifests are read once and remembered, and asked for again on recheck") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.add_snapshot(newer, two_files);
  auto const first = list_bucket(bucket.context, false).value();
  auto const before = bucket.store().counters().requests;
  auto const second = list_bucket(bucket.context, false).value();
  CHECK(bucket.store().counters().requests == before + 2);  // a list request for each layout
  CHECK(second.snapshots.size() == 2);
  CHECK(second.snapshots[1].info.files == first.snapshots[1].info.files);
  CHECK(second.snapshots[1].signature == Signature::valid);

  bucket.erase("openclaw-backup/" + newer + "/manifest.json");
  auto const third = list_bucket(bucket.context, true).value();
  CHECK(third.snapshots[1].has_manifest == false);
}

TEST_CASE("a manifest that cannot be read is listed with its problem and does not hide the others") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.put("openclaw-backup/" + newer + "/manifest.json", "{\"version\":1, \"files\": {");
  auto const listing = list_bucket(bucket.context, false).value();
  REQUIRE(listing.snapshots.size() == 2);
  CHECK(listing.snapshots[0].problem.empty());
  CHECK_FALSE(listing.snapshots[1].problem.empty());
  CHECK_FALSE(listing.snapshots[1].info.complete);
  std::vector<std::string> notes;
  CHECK(resolve(bucket, "latest", &notes).value().text == older);
  CHECK(all(notes).find(newer) != std::string::npos);
}

TEST_CASE("without the listBuckets capability a missing manifest means a torn upload, not an error") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.add_snapshot(newer, two_files, {.manifest = false});
  auto context = bucket.context_over(without_list_buckets(bucket.store()));
  auto const listing = list_bucket(context, false);
  REQUIRE(listing);
  REQUIRE(listing->snapshots.size() == 2);
  CHECK(listing->snapshots[0].has_manifest);
  CHECK_FALSE(listing->snapshots[1].has_manifest);
  CHECK(listing->snapshots[1].problem.empty());
  std::vector<std::string> notes;
  CHECK(resolve_snapshot(context, "latest", notes).value().text == older);
}

TEST_CASE("a store that goes away ends the listing with its error") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  FaultPlan plan;
  plan.before = [](std::uint64_t, std::string_view verb, std::string const&) -> Result<void> {
    if (verb == "get") return make_error(Condition::unreachable, "no route");
    return {};
  };
  auto context = bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan)));
  auto const listing = list_bucket(context, false);
  REQUIRE_FALSE(listing);
  CHECK(listing.error().condition == Condition::unreachable);
}

TEST_CASE("FACTS 1.2: a torn upload is never the latest") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.add_snapshot(newer, two_files, {.manifest = false});
  std::vector<std::string> notes;
  CHECK(resolve(bucket, "latest", &notes).value().text == older);
  CHECK(all(notes).find(newer) != std::string::npos);
  auto const named = resolve(bucket, newer);
  REQUIRE_FALSE(named);
  CHECK(named.error().condition == Condition::not_found);
}

TEST_CASE("latest is the newest complete regular snapshot that is not in the future") {
  Bucket bucket;
  SECTION("incomplete ones and safety snapshots are passed over") {
    bucket.add_snapshot(older, two_files);
    bucket.add_snapshot(newer, two_files, {.complete = false});
    bucket.add_snapshot("safety-2026-11-23T00-00-00-000Z/2026-11-23T00-00-00-000Z-0000000a", two_files);
    std::vector<std::string> notes;
    CHECK(resolve(bucket, "latest", &notes).value().text == older);
    CHECK(all(notes).find("incomplete") != std::string::npos);
  }
  SECTION("an id more than 24 hours ahead is named and not chosen") {
    bucket.add_snapshot(older, two_files);
    bucket.add_snapshot("2026-11-25T12-00-01-000Z-00000009", two_files);
    std::vector<std::string> notes;
    CHECK(resolve(bucket, "latest", &notes).value().text == older);
    CHECK(all(notes).find("2026-11-25T12-00-01-000Z-00000009") != std::string::npos);
    CHECK(resolve(bucket, "2026-11-25T12-00-01-000Z-00000009"));
  }
  SECTION("one that is less than 24 hours ahead is chosen") {
    bucket.add_snapshot("2026-11-25T11-59-59-000Z-00000009", two_files);
    CHECK(resolve(bucket, "latest").value().text == "2026-11-25T11-59-59-000Z-00000009");
  }
  SECTION("an empty bucket") {
    auto const found = resolve(bucket, "latest");
    REQUIRE_FALSE(found);
    CHECK(found.error().condition == Condition::not_found);
  }
}

TEST_CASE("with encryption on, latest is never an unsigned or unencrypted snapshot") {
  Bucket bucket;
  bucket.add_plugin_snapshot(newer, two_files);
  SECTION("only unsigned ones: refused, with the id to name") {
    auto const found = resolve(bucket, "latest");
    REQUIRE_FALSE(found);
    CHECK(found.error().condition == Condition::refused);
    CHECK(found.error().text().find(newer) != std::string::npos);
    CHECK(resolve(bucket, newer));
  }
  SECTION("a signed one, though older, is chosen and the others are named") {
    bucket.add_snapshot(older, two_files);
    std::vector<std::string> notes;
    CHECK(resolve(bucket, "latest", &notes).value().text == older);
    CHECK(all(notes).find(newer) != std::string::npos);
  }
  SECTION("a plain digest is no signature, and a signed one without encryption is not chosen either") {
    bucket.add_snapshot(older, two_files, {.keyed = false});
    bucket.add_snapshot("2026-11-20T11-00-00-000Z-00000001", two_files, {.encrypted = false});
    auto const found = resolve(bucket, "latest");
    REQUIRE_FALSE(found);
    CHECK(found.error().condition == Condition::refused);
  }
  SECTION("with encryption off it is the latest") {
    bucket.context.config.encrypt = false;
    CHECK(resolve(bucket, "latest").value().text == newer);
  }
}

TEST_CASE("snapshots are found by id and by an unambiguous beginning") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.add_snapshot(newer, two_files);
  bucket.add_snapshot("safety-2026-11-22T00-00-00-000Z/2026-11-22T00-00-00-000Z-0000000a", two_files);
  CHECK(resolve(bucket, older).value().text == older);
  CHECK(resolve(bucket, "2026-11-20").value().text == older);
  CHECK(resolve(bucket, "safety-2026").value().kind == SnapshotKind::safety);
  CHECK(resolve(bucket, "2026-11-22T00-00-00-000Z-0000000a").value().kind == SnapshotKind::safety);
  auto const ambiguous = resolve(bucket, "2026-11-2");
  REQUIRE_FALSE(ambiguous);
  CHECK(ambiguous.error().condition == Condition::usage);
  CHECK(ambiguous.error().text().find(older) != std::string::npos);
  CHECK(ambiguous.error().text().find(newer) != std::string::npos);
  auto const unknown = resolve(bucket, "2026-11-21T11");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().condition == Condition::not_found);
  CHECK(unknown.error().text().find(newer) != std::string::npos);
  CHECK(unknown.error().text().find("Did you mean latest") == std::string::npos);
  for (char const* const cut : {"lat", "lastest", "Latest"}) {
    auto const text = resolve(bucket, cut).error().text();
    CHECK(text.find("Did you mean latest, which is the newest complete one? The nearest ones: ") != std::string::npos);
    CHECK(text.find(newer) != std::string::npos);
  }
  CHECK(resolve(bucket, "").error().condition == Condition::usage);
  CHECK(resolve(bucket, "../x").error().condition == Condition::not_found);
}

TEST_CASE("a snapshot that only the index remembers is not chosen") {
  Bucket bucket;
  bucket.add_snapshot(older, two_files);
  bucket.add_snapshot(newer, two_files);
  CHECK(resolve(bucket, "latest").value().text == newer);
  bucket.erase("openclaw-backup/" + newer + "/manifest.json");
  CHECK(resolve(bucket, "latest").value().text == older);
}

TEST_CASE("snapshots load: entries, signature, and what is wrong with a manifest") {
  Bucket bucket;
  auto const id = bucket.add_snapshot(older, two_files);
  std::string const key = layout::manifest_key("openclaw-backup", id);
  SECTION("whole") {
    auto loaded = load_snapshot(bucket.context, id, bucket.scratch.path());
    REQUIRE(loaded);
    CHECK(loaded->manifest.signature == Signature::valid);
    CHECK(loaded->catalog.count().value() == 2);
    CHECK(loaded->catalog.find("a.txt").value()->stored_name == "a.txt");
    CHECK(loaded->bad_paths.empty());
  }
  SECTION("altered in the bucket") {
    bucket.flip_byte(key, bucket.get(key).find("a.txt"));
    auto const loaded = load_snapshot(bucket.context, id, bucket.scratch.path());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().condition == Condition::corrupt);
  }
  SECTION("copied to another id") {
    bucket.put("openclaw-backup/" + newer + "/manifest.json", bucket.get(key));
    auto const loaded = load_snapshot(bucket.context, id_of(newer), bucket.scratch.path());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().condition == Condition::corrupt);
  }
  SECTION("written with another passphrase") {
    bucket.context.keyring = std::make_shared<Keyring>(std::vector<Secret>{Secret("something else")});
    auto const loaded = load_snapshot(bucket.context, id, bucket.scratch.path());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().condition == Condition::wrong_key);
  }
  SECTION("missing: said, and no longer remembered") {
    list_bucket(bucket.context, false).value();
    bucket.erase(key);
    auto const loaded = load_snapshot(bucket.context, id, bucket.scratch.path());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().condition == Condition::not_found);
    CHECK_FALSE(bucket.context.index->remembered_snapshot(target_name(bucket.context), id).value());
  }
  SECTION("damaged in the first download only") {
    std::string const good = bucket.get(key);
    int gets = 0;
    FaultPlan plan;
    plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (verb != "get" || subject != key) return {};
      std::string body = good;
      if (++gets == 1) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
      bucket.put(key, body);
      return {};
    };
    auto context = bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan)));
    auto const loaded = load_snapshot(context, id, bucket.scratch.path());
    REQUIRE(loaded);
    CHECK(gets == 2);
    CHECK(loaded->manifest.signature == Signature::valid);
  }
}

TEST_CASE("paths that lead out of the target are named and left out") {
  Bucket bucket;
  bucket.add_plugin_snapshot(older, {{"../evil", "x"}, {"/etc/passwd", "y"}, {"good.txt", "z"}}, &two_files);
  auto loaded = load_snapshot(bucket.context, id_of(older), bucket.scratch.path());
  REQUIRE(loaded);
  CHECK(loaded->catalog.count().value() == 1);
  REQUIRE(loaded->bad_paths.size() == 2);
  CHECK(loaded->bad_paths[0].path == "../evil");
}
