#include "core/engine/objects.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/crypto/b2en.h"
#include "core/snapshot/layout.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::string_view manifest_name = "manifest.json";

}  // namespace

std::string keys_prefix(EngineContext const& context) {
  return context.config.prefix.empty() ? std::string() : context.config.prefix + "/";
}

Result<std::optional<ObjectInfo>> find_object(EngineContext& context, std::string const& key) {
  auto const info = context.store->head(key, context.stop);
  if (info) return std::optional(*info);
  B2B_ASSIGN(bool const missing, means_missing(context, info.error(), key));
  if (missing) return std::optional<ObjectInfo>();
  return info.error();
}

Result<bool> means_missing(EngineContext& context, Error const& error, std::string const& key) {
  return means_missing(*context.store, error, key, context.stop);
}

bool belongs_to(SnapshotId const& id, std::string_view name) {
  bool const flat_safety = id.kind == SnapshotKind::safety && id.text.find('/') == std::string::npos;
  auto const slash = name.find('/');
  if (!flat_safety || slash == std::string_view::npos) return true;
  return !parse_snapshot_id(id.text + "/" + std::string(name.substr(0, slash)));
}

Result<FolderListing> list_folder(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir) {
  B2B_ASSIGN(Catalog objects, Catalog::create(scratch_file(scratch_dir, "folder")));
  FolderListing listing{std::move(objects), 0, std::nullopt, {}};
  std::string const folder = layout::snapshot_prefix(context.config.prefix, id);
  Result<void> kept;
  auto const take = [&](ListEntry const& entry) {
    std::string const name = entry.object.key.substr(folder.size());
    if (entry.is_prefix || name.empty() || !belongs_to(id, name)) return true;
    listing.newest = std::max(listing.newest, entry.object.modified);
    if (name == manifest_name) {
      listing.manifest = entry.object;
      return true;
    }
    CatalogEntry object;
    object.entry.path = name;
    object.stored_name = name;
    object.stored_size = entry.object.size;
    kept = listing.objects.put(object);
    ++listing.count;
    return kept.has_value();
  };
  ListOptions options;
  options.prefix = folder;
  B2B_TRY(context.store->list(options, take, context.stop));
  if (!kept) return kept.error();
  return listing;
}

Result<ScratchFolder> make_scratch(EngineContext& context) {
  return ScratchFolder::create(context.instance.data_dir);
}

std::string scratch_file(std::string const& scratch_dir, std::string_view stem) {
  static std::atomic<std::uint64_t> next{0};
  return join_path(scratch_dir, std::string(stem) + "-" + std::to_string(++next));
}

void remove_scratch_file(std::string const& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    log_warning(errno_error(errno, "remove the scratch file", path).text());
}

bool plausible_stored_size(std::uint64_t plain_size, std::uint64_t stored_size) {
  return stored_size == plain_size || stored_size == plain_size + b2en_header_size;
}

}  // namespace b2b
