// Lists what lies under the prefix. (Choosing one of them by name: resolve.cpp; opening one: load_snapshot.cpp.)
#include "core/engine/bucket.h"

#include <algorithm>

#include "core/engine/listing.h"
#include "core/engine/manifest_file.h"
#include "core/engine/objects.h"
#include "core/engine/packed_listing.h"
#include "core/snapshot/layout.h"

namespace b2b {
namespace {

constexpr std::uint64_t header_bytes = 64 << 10;
constexpr std::string_view safety_start = "safety-";

struct Folders {
  std::vector<SnapshotId> ids;
  std::vector<std::string> foreign;
};

// A safety folder holds one snapshot, or several nested ones, or (never seen, and harmless) both.
Result<Folders> look_into_safety_folder(EngineContext& context, std::string const& name) {
  bool has_manifest = false;
  B2B_ASSIGN(auto const inner, folders_below(context, keys_prefix(context) + name + "/", has_manifest));
  Folders found;
  for (std::string const& folder : inner)
    if (auto id = parse_snapshot_id(name + "/" + folder)) found.ids.push_back(std::move(*id));
  if (auto flat = parse_snapshot_id(name); flat && (has_manifest || found.ids.empty())) found.ids.push_back(std::move(*flat));
  if (found.ids.empty()) found.foreign.push_back(name);
  return found;
}

Result<Folders> find_folders(EngineContext& context) {
  bool has_manifest = false;
  B2B_ASSIGN(auto const names, folders_below(context, keys_prefix(context), has_manifest));
  Folders found;
  std::vector<std::string> safety;
  for (std::string const& name : names) {
    if (name.starts_with(safety_start)) {
      safety.push_back(name);
    } else if (auto id = parse_snapshot_id(name)) {
      found.ids.push_back(std::move(*id));
    } else {
      found.foreign.push_back(name);
    }
  }
  std::vector<Folders> inside(safety.size());
  B2B_TRY(for_each_parallel(context, safety.size(), [&](std::size_t i) -> Result<void> {
    B2B_ASSIGN(inside[i], look_into_safety_folder(context, safety[i]));
    return {};
  }));
  for (Folders& folders : inside) {
    std::move(folders.ids.begin(), folders.ids.end(), std::back_inserter(found.ids));
    std::move(folders.foreign.begin(), folders.foreign.end(), std::back_inserter(found.foreign));
  }
  std::sort(found.ids.begin(), found.ids.end(), id_before);
  return found;
}

// The plugin's manifests (and ours, when the header is unusually long) are read whole: they have no header that tells the
// number of files.
Result<void> read_whole(EngineContext& context, ListedSnapshot& listed, std::string const& scratch_dir) {
  auto const read = [&](std::string const& path) -> Result<void> {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    auto const count = [&](ManifestEntry&& found) -> Result<void> {
      if (found.entry.type != EntryType::file) return {};
      ++files;
      bytes += found.entry.size;
      return {};
    };
    B2B_ASSIGN(ManifestRead manifest, read_manifest(path, listed.info.id, *context.keyring, count));
    listed.info = std::move(manifest.info);
    listed.signature = manifest.signature;
    listed.info.files = files;
    listed.info.bytes = bytes;
    return {};
  };
  return with_manifest_file(context, listed.info.id, scratch_dir, read);
}

// What we remember of it does not hold any more.
Result<void> mark_torn(EngineContext& context, ListedSnapshot& listed) {
  listed.has_manifest = false;
  listed.info.complete = false;
  return context.index->forget_snapshot(target_name(context), listed.info.id.text);
}

Result<void> mark_unreadable(EngineContext& context, ListedSnapshot& listed, Error const& error) {
  listed.info.complete = false;
  listed.problem = error.text();
  return context.index->forget_snapshot(target_name(context), listed.info.id.text);
}

// Fills in what the bucket says about a snapshot. Errors are the store's; what is wrong with this manifest goes into `listed`.
Result<void> ask_bucket(EngineContext& context, ListedSnapshot& listed, std::string const& scratch_dir) {
  SnapshotId const id = listed.info.id;
  std::string const key = layout::manifest_key(context.config.prefix, id);
  StringSink first(header_bytes);
  auto const got = context.store->get(key, ByteRange{0, header_bytes}, first, context.stop);
  if (!got) {
    B2B_ASSIGN(bool const missing, means_missing(context, got.error(), key));
    if (missing) return mark_torn(context, listed);
    if (!concerns_one_object(got.error().condition)) return got.error();
    return mark_unreadable(context, listed, got.error());
  }
  if (auto header = peek_manifest_header(first.text(), id)) {
    listed.info = std::move(*header);
    listed.signature = listed.info.key_salt_hex.empty() ? Signature::unkeyed : Signature::valid;
  } else {
    auto const read = read_whole(context, listed, scratch_dir);
    if (!read) {
      if (!concerns_one_object(read.error().condition)) return read.error();
      return mark_unreadable(context, listed, read.error());
    }
  }
  remember_listed(context, listed);
  return {};
}

}  // namespace

Result<BucketListing> list_bucket(EngineContext& context, bool recheck) {
  B2B_ASSIGN(Folders folders, find_folders(context));
  BucketListing listing;
  listing.foreign = std::move(folders.foreign);
  std::vector<std::size_t> to_ask;
  for (SnapshotId const& id : folders.ids) {
    ListedSnapshot listed = only_an_id(id);
    B2B_ASSIGN(bool const known, recall_listed(context, recheck, listed));
    if (!known) to_ask.push_back(listing.snapshots.size());
    listing.snapshots.push_back(std::move(listed));
  }
  if (!to_ask.empty()) {
    B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
    B2B_TRY(for_each_parallel(context, to_ask.size(), [&](std::size_t i) {
      return ask_bucket(context, listing.snapshots[to_ask[i]], scratch.path());
    }));
  }
  B2B_TRY(list_packed(context, recheck, listing));
  std::stable_sort(listing.snapshots.begin(), listing.snapshots.end(),
                   [](ListedSnapshot const& a, ListedSnapshot const& b) { return id_before(a.info.id, b.info.id); });
  return listing;
}

bool restores_unasked(Config const& config, SnapshotInfo const& info, Signature signature) {
  return !config.encrypt || (signature == Signature::valid && info.encrypted);
}

std::string target_name(EngineContext const& context) { return target_name(context.store->traits().name, context.config); }

std::string target_name(std::string_view store, Config const& config) { return std::string(store) + ", prefix " + config.prefix; }

}  // namespace b2b
