// A bucket in memory with snapshots in it, and an engine context that looks at it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

namespace b2b::test {

inline constexpr char fixture_passphrase[] = "K004fixture-application-key";

struct BucketOptions {
  bool encrypt = true;
  std::string passphrase = fixture_passphrase;
  bool versioned = true;
  std::string start = "2026-11-24T12:00:00Z";
};

struct SnapshotOptions {
  Trigger trigger = Trigger::manual;
  bool complete = true;
  bool encrypted = true;
  bool keyed = true;                       // signed with the passphrase
  bool manifest = true;                    // false: a torn upload
  std::string instance = {};               // ours when empty
  std::string host = "here";
};

class Bucket {
 public:
  explicit Bucket(BucketOptions const& options = {});
  // The same, over a store that the caller has.
  Bucket(std::shared_ptr<Store> store, BucketOptions const& options);

  ManualClock clock;
  Scratch scratch;
  EngineContext context;
  Store& store() { return *context.store; }

  // Every object of a folder laid out as keys.
  void load_objects(std::string const& directory);
  void put(std::string const& key, std::string const& body);
  std::string get(std::string const& key);
  bool exists(std::string const& key);
  std::vector<std::string> keys(std::string const& prefix);
  std::size_t versions(std::string const& prefix);
  void erase(std::string const& key);
  void flip_byte(std::string const& key, std::size_t offset);

  // A snapshot as push writes it.
  SnapshotId add_snapshot(std::string const& id, std::map<std::string, std::string> const& files,
                          SnapshotOptions const& options = {});
  // As the plugin writes it: everything listed, only `stored` uploaded (all when null), plain manifest.
  SnapshotId add_plugin_snapshot(std::string const& id, std::map<std::string, std::string> const& files,
                                 std::map<std::string, std::string> const* stored = nullptr);
  // Fetches every file and compares its SHA-256 with the expected one; returns what went wrong, "" when nothing did.
  std::string check_restores(std::string const& id, std::map<std::string, std::string> const& hashes);

  // A context over another store (a wrapper), everything else shared.
  EngineContext context_over(std::shared_ptr<Store> other) const;

 private:
  Key key(Salt const& salt);
};

std::string file_text(std::string const& path);
SnapshotId id_of(std::string const& text);
std::vector<std::string> listed_ids(BucketListing const& listing);

}  // namespace b2b::test
