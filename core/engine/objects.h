// Questions about single objects and snapshot folders that several jobs ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/engine/context.h"
#include "core/engine/scratch_folder.h"
#include "core/snapshot/catalog.h"
#include "core/util/file.h"

namespace b2b {

// "{prefix}/", or nothing when the prefix is empty: what all our keys begin with.
std::string keys_prefix(EngineContext const& context);

// The object, or nullopt when it does not exist. Keys without the listBuckets capability answer "permission" for what is not
// there: then a listing of that very key decides, and a real refusal stays an error.
Result<std::optional<ObjectInfo>> find_object(EngineContext& context, std::string const& key);

// Does `error`, which reading `key` ended with, mean that there is no such object? Asks the store where it is not clear.
Result<bool> means_missing(EngineContext& context, Error const& error, std::string const& key);

// Pure. Does an object with this name below the folder of `id` belong to that snapshot? Not when `id` is a safety snapshot
// of the flat form and the name lies in the folder of a nested one.
bool belongs_to(SnapshotId const& id, std::string_view name);

// What is stored under a snapshot's folder: one catalog entry for each object, its name as path and its size as stored_size.
// The manifest is not among them.
struct FolderListing {
  Catalog objects;
  std::uint64_t count = 0;                   // entries in `objects`
  std::optional<ObjectInfo> manifest;
  TimePoint newest{};                        // modification time of the newest object, the manifest included
};
Result<FolderListing> list_folder(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir);

// A private place for downloads that goes with its owner.
Result<ScratchFolder> make_scratch(EngineContext& context);
// A fresh name in it; any thread may ask.
std::string scratch_file(std::string const& scratch_dir, std::string_view stem);
// Removes a scratch file; one that is not there is fine, another failure goes to the log.
void remove_scratch_file(std::string const& path);

// Pure. The sizes an object may have that holds `plain_size` bytes: as they are, or in the B2EN format.
bool plausible_stored_size(std::uint64_t plain_size, std::uint64_t stored_size);

}  // namespace b2b
