// Fetching bodies: verified, rescued from other snapshots, and told apart when they fail.
#include "core/engine/plugin_fetcher.h"

#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "core/store/fault_store.h"
#include "tests/support/paths.h"
#include "tests/unit/engine/bucket_fixture.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string const older = "2026-11-20T10-00-00-000Z-00000001";
std::string const newer = "2026-11-21T10-00-00-000Z-00000002";

struct Fetching {
  Bucket& bucket;
  EngineContext context;
  LoadedSnapshot snapshot;
  PluginFetcher fetcher;

  Fetching(Bucket& the_bucket, std::string const& id, bool by_name = true) : Fetching(the_bucket, the_bucket.context, id, by_name) {}
  Fetching(Bucket& the_bucket, EngineContext const& the_context, std::string const& id, bool by_name)
      : bucket(the_bucket),
        context(the_context),
        snapshot(load_snapshot(context, id_of(id), bucket.scratch.path()).value()),
        fetcher(context, snapshot.manifest.info, snapshot.manifest.signature, bucket.scratch.path(), by_name) {}

  std::string destination() const { return bucket.scratch / "fetched"; }
  Result<std::string> fetch(std::string const& path) {
    std::filesystem::remove(destination());
    B2B_ASSIGN(auto const entry, snapshot.catalog.find(path));
    REQUIRE(entry.has_value());
    B2B_TRY(fetcher.fetch(*entry, destination()));
    return file_text(destination());
  }
  Condition failure(std::string const& path) {
    auto const result = fetch(path);
    REQUIRE_FALSE(result);
    CHECK_FALSE(std::filesystem::exists(destination()));
    return result.error().condition;
  }
};

boost::json::value parsed(std::string const& path) { return boost::json::parse(file_text(path)); }

// path → SHA-256 of every file that the objects of a snapshot in a set decrypt to.
std::map<std::string, std::string> hashes_of(boost::json::object const& objects, std::string const& id) {
  std::map<std::string, std::string> hashes;
  std::string const folder = "openclaw-backup/" + id + "/";
  for (auto const& [key, value] : objects) {
    std::string const text(key);
    if (!text.starts_with(folder) || text == folder + "manifest.json") continue;
    auto const& object = value.as_object();
    auto const* plain = object.if_contains("plainSha256");
    hashes[text.substr(folder.size())] = std::string((plain != nullptr ? *plain : object.at("sha256")).as_string());
  }
  return hashes;
}

}  // namespace

TEST_CASE("every snapshot of the plugin family's fixtures is fetched byte for byte") {
  B2B_REQUIRE_SHARED(shared);
  std::string const root = shared + "/fixtures/plugin-layout";
  auto const index = parsed(root + "/index.json");
  for (std::string const& set : {std::string("encrypted"), std::string("plain")}) {
    Bucket bucket({.encrypt = set == "encrypted"});
    bucket.load_objects(root + "/" + set + "/objects");
    auto const& description = index.at("sets").at(set);
    auto const listing = list_bucket(bucket.context, false).value();
    CHECK(listing.snapshots.size() == description.at("snapshots").as_array().size());
    for (auto const& id : description.at("snapshots").as_array()) {
      std::string const text(id.as_string());
      INFO(set << " " << text);
      CHECK(bucket.check_restores(text, hashes_of(description.at("objects").as_object(), text)) == "");
    }
    for (auto const& listed : listing.snapshots) {
      CHECK(listed.problem.empty());
      CHECK(listed.info.files > 10);
    }
  }
}

TEST_CASE("FACTS 1.1: the plugin's incremental snapshots are fetched whole, from whichever snapshot holds each file") {
  B2B_REQUIRE_SHARED(shared);
  std::string const root = shared + "/fixtures/plugin-layout/plugin-incremental";
  Bucket bucket;
  bucket.load_objects(root + "/objects");
  auto const index = parsed(root + "/index.json");
  auto const& ids = index.at("snapshots").as_array();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::map<std::string, std::string> hashes;
    for (auto const& [path, wanted] : index.at("wanted").at(std::to_string(i + 1)).as_object())
      hashes[std::string(path)] = std::string(wanted.at("hash").as_string());
    CHECK(hashes.size() >= 9);
    CHECK(bucket.check_restores(std::string(ids[i].as_string()), hashes) == "");
  }
}

TEST_CASE("bodies of every size come back, from memory and through scratch files") {
  Bucket bucket;
  std::map<std::string, std::string> files{{"empty", ""}, {"small", "x"}, {"big", std::string(3 << 20, 'q')},
                                           {"manifest.json", "collides with our own key"}};
  bucket.add_snapshot(older, files);
  Fetching fetching(bucket, older, false);
  for (auto const& [path, body] : files) CHECK(fetching.fetch(path).value() == body);
  CHECK(fetching.fetcher.diagnose().empty());
}

TEST_CASE("FACTS 1.4: a plaintext that begins with B2EN is a plaintext where its hash says so") {
  Bucket bucket({.encrypt = false});
  std::string const odd = "B2EN" + std::string(200, 'z');
  bucket.add_plugin_snapshot(older, {{"odd.bin", odd}, {"short.bin", "B2EN"}});
  Fetching fetching(bucket, older);
  CHECK(fetching.fetch("odd.bin").value() == odd);
  CHECK(fetching.fetch("short.bin").value() == "B2EN");
}

TEST_CASE("FACTS 1.6: one corrupt object fails alone, by name, after a second download") {
  Bucket bucket;
  bucket.add_snapshot(older, {{"a.txt", "alpha"}, {"b.txt", "beta"}, {"big", std::string(1 << 20, 'q')}});
  std::string const folder = "openclaw-backup/" + older + "/";
  SECTION("a flipped byte") { bucket.flip_byte(folder + "a.txt", 65); }
  SECTION("a cut object") { bucket.put(folder + "a.txt", bucket.get(folder + "a.txt").substr(0, 66)); }
  SECTION("a longer object") { bucket.put(folder + "a.txt", bucket.get(folder + "a.txt") + "more"); }
  SECTION("another body of this snapshot") { bucket.put(folder + "a.txt", bucket.get(folder + "b.txt")); }
  SECTION("a plaintext in an encrypted set, though its hash is right") { bucket.put(folder + "a.txt", "alpha"); }
  Fetching fetching(bucket, older);
  CHECK(fetching.failure("a.txt") == Condition::corrupt);
  CHECK(fetching.fetch("b.txt").value() == "beta");
  CHECK(fetching.fetch("big").value().size() == 1 << 20);
  CHECK(fetching.fetcher.diagnose().find("1 of 3") != std::string::npos);
}

TEST_CASE("a large plaintext body in an encrypted set is refused too") {
  Bucket bucket;
  std::string const body(2 << 20, 'p');
  bucket.add_snapshot(older, {{"big", body}});
  bucket.put("openclaw-backup/" + older + "/big", body);
  Fetching fetching(bucket, older);
  CHECK(fetching.failure("big") == Condition::corrupt);
}

TEST_CASE("a body damaged where it belongs is taken from another snapshot that holds the same content") {
  Bucket bucket;
  bucket.add_snapshot(older, {{"a.txt", "alpha"}});
  bucket.add_snapshot(newer, {{"renamed.txt", "alpha"}});
  bucket.flip_byte("openclaw-backup/" + newer + "/renamed.txt", 66);
  Fetching fetching(bucket, newer);
  CHECK(fetching.fetch("renamed.txt").value() == "alpha");
  CHECK(fetching.fetcher.diagnose().find("taken from other snapshots") != std::string::npos);
}

TEST_CASE("a body damaged in the first download only is downloaded again") {
  for (std::string const& body : {std::string("alpha"), std::string(2 << 20, 'q')}) {
    Bucket bucket;
    bucket.add_snapshot(older, {{"a.txt", body}});
    std::string const key = "openclaw-backup/" + older + "/a.txt";
    std::string const good = bucket.get(key);
    std::string bad = good;
    bad.back() = static_cast<char>(bad.back() ^ 1);
    int gets = 0;
    FaultPlan plan;
    plan.before = [&](std::uint64_t, std::string_view verb, std::string const& subject) -> Result<void> {
      if (verb == "get" && subject == key) bucket.put(key, ++gets == 1 ? bad : good);
      return {};
    };
    Fetching fetching(bucket, bucket.context_over(std::make_shared<FaultStore>(bucket.store(), std::move(plan))), older, true);
    CHECK(fetching.fetch("a.txt").value() == body);
    CHECK(gets == 2);
    CHECK(fetching.fetcher.diagnose().empty());
  }
}

TEST_CASE("a wrong key fails everything and is called that; damage is not") {
  B2B_REQUIRE_SHARED(shared);
  Bucket bucket({.passphrase = "not the key"});
  bucket.load_objects(shared + "/fixtures/plugin-layout/plugin-incremental/objects");
  Fetching fetching(bucket, "2026-11-23T17-11-04-776Z-6fd4ed9d");
  for (char const* path : {"openclaw.json", "workspace/SOUL.md", "cron/jobs.json"})
    CHECK(fetching.failure(path) == Condition::wrong_key);
  CHECK(fetching.fetcher.diagnose().find("key is probably wrong") != std::string::npos);

  // A former key in decryptionKeys opens them.
  bucket.context.config.decryption_keys.push_back(Secret(fixture_passphrase));
  bucket.context.keyring = std::make_shared<Keyring>(bucket.context.config.passphrases());
  Fetching again(bucket, "2026-11-23T17-11-04-776Z-6fd4ed9d");
  CHECK(again.fetch("openclaw.json"));
  CHECK(again.fetcher.diagnose().empty());
}

TEST_CASE("a missing body is looked for in other snapshots, and named when nobody holds it") {
  Bucket bucket;
  bucket.add_snapshot(older, {{"elsewhere.txt", "alpha"}, {"only-here.txt", "beta"}});
  bucket.add_snapshot(newer, {{"a.txt", "alpha"}, {"c.txt", "gamma"}});
  bucket.erase("openclaw-backup/" + newer + "/a.txt");
  bucket.erase("openclaw-backup/" + newer + "/c.txt");
  Fetching fetching(bucket, newer);
  CHECK(fetching.fetch("a.txt").value() == "alpha");
  auto const missing = fetching.fetch("c.txt");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().condition == Condition::not_found);
  CHECK(missing.error().text().find("c.txt") != std::string::npos);
}

TEST_CASE("what is not signed or not encrypted is fetched only by name while encryption is on") {
  Bucket bucket;
  bucket.add_plugin_snapshot(older, {{"a.txt", "alpha"}});
  bucket.add_snapshot(newer, {{"a.txt", "alpha"}}, {.encrypted = false});
  for (std::string const& id : {older, newer}) {
    Fetching unasked(bucket, id, false);
    CHECK(unasked.failure("a.txt") == Condition::refused);
    Fetching named(bucket, id, true);
    CHECK(named.fetch("a.txt").value() == "alpha");
  }
  bucket.context.config.encrypt = false;
  Fetching plain(bucket, older, false);
  CHECK(plain.fetch("a.txt").value() == "alpha");
}

TEST_CASE("many threads fetch at once, the missing ones through one search") {
  Bucket bucket;
  std::map<std::string, std::string> files;
  for (int i = 0; i < 60; ++i) files["f" + std::to_string(i)] = "body " + std::to_string(i);
  bucket.add_snapshot(older, files);
  bucket.add_snapshot(newer, files);
  for (int i = 0; i < 60; i += 2) bucket.erase("openclaw-backup/" + newer + "/f" + std::to_string(i));
  Fetching fetching(bucket, newer);
  std::vector<CatalogEntry> entries;
  for (auto const& [path, body] : files) entries.push_back(*fetching.snapshot.catalog.find(path).value());
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < entries.size(); i += 4) {
          std::string const out = bucket.scratch / ("out-" + entries[i].entry.path);
          if (fetching.fetcher.fetch(entries[i], out)) ++good;
        }
      });
  }
  CHECK(good == 60);
  for (auto const& [path, body] : files) CHECK(file_text(bucket.scratch / ("out-" + path)) == body);
}
