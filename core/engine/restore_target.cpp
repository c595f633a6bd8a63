#include "core/engine/restore_target.h"

#include <array>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "core/capture/capture.h"
#include "core/crypto/hash.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view sidecar_suffixes[] = {"-wal", "-shm", "-journal"};

}  // namespace

bool begins_like_a_database(int fd) {
  constexpr std::string_view magic("SQLite format 3\0", 16);
  std::array<char, 16> head{};
  return ::pread(fd, head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
         std::string_view(head.data(), head.size()) == magic;
}

LiveTarget::LiveTarget(EngineContext& context, TargetTree const* tree, std::string scratch_dir,
                       std::uint64_t name_max, bool in_place)
    : context_(context),
      tree_(tree),
      scratch_dir_(std::move(scratch_dir)),
      name_max_(name_max),
      in_place_(in_place) {}

Result<std::optional<NodeStatus>> LiveTarget::status(std::string_view path) {
  if (tree_ == nullptr) return std::optional<NodeStatus>();
  auto found = tree_->status(path);
  // Behind a symbolic link there is nothing of the target's.
  if (!found && found.error().condition == Condition::refused) return std::optional<NodeStatus>();
  return found;
}

Result<std::string> LiveTarget::link_target(std::string_view path) {
  return tree_->link_target(path);
}

Result<bool> LiveTarget::holds(CatalogEntry const& entry, NodeStatus const& existing) {
  std::string const& path = entry.entry.path;
  // A "-wal" that is not empty may hold more than the file: then its bytes alone say nothing.
  B2B_ASSIGN(auto const wal, tree_->status(path + "-wal"));
  bool const has_wal = wal && wal->size > 0;
  if (!has_wal && existing.size == entry.entry.size) {
    B2B_ASSIGN(bool const same, same_bytes(entry));
    if (same) {
      if (!entry.entry.has_metadata) return true;
      auto const attributes = tree_->attributes(path);
      return attributes && *attributes == entry.entry.xattrs;
    }
  }
  if (!entry.entry.database || !in_place_) return false;
  B2B_ASSIGN(bool const database, has_database(path, existing));
  if (!database) return false;
  // The snapshot was taken with or without the secret rows; today's setting first.
  bool const scrub = context_.config.secrets == SecretRows::exclude;
  B2B_ASSIGN(bool const same, same_capture(entry, scrub));
  if (same) return true;
  return same_capture(entry, !scrub);
}

// What cannot be read is not the same; it is moved away like anything else that differs.
Result<bool> LiveTarget::same_bytes(CatalogEntry const& entry) {
  auto const fd = tree_->open_file(entry.entry.path);
  if (!fd) return false;
  Sha256 digest;
  std::vector<std::uint8_t> buffer(128 * 1024);
  for (;;) {
    if (context_.stop.stop_requested())
      return make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
    auto const got = read_some(fd->get(), buffer, entry.entry.path);
    if (!got) return false;
    digest.update(std::span<std::uint8_t const>(buffer.data(), *got));
    if (*got < buffer.size()) break;
  }
  return digest.finish() == entry.entry.hash;
}

Result<bool> LiveTarget::same_capture(CatalogEntry const& entry, bool scrub) {
  if (!spool_) {
    B2B_ASSIGN(spool_, Spool::open(join_path(scratch_dir_, "compare"), SpoolOptions{}));
  }
  ScanItem item;
  item.entry.path = entry.entry.path;
  item.absolute = tree_->absolute(entry.entry.path);
  item.root_bytes = tree_->path().size();
  CaptureOptions options;
  options.scrub_secrets = scrub;
  B2B_ASSIGN(CaptureResult const captured,
             capture_file(item, spool_, options, *context_.clock, context_.stop));
  return captured.files.size() == 1 && captured.files.front().entry.size == entry.entry.size &&
         captured.files.front().entry.hash == entry.entry.hash;
}

Result<bool> LiveTarget::has_header(std::string_view path) {
  auto const fd = tree_->open_file(path);
  // Nobody may read it, so nobody knows: the name decides.
  if (!fd) return path.ends_with(".sqlite") || path.ends_with(".db");
  return begins_like_a_database(fd->get());
}

Result<bool> LiveTarget::has_database(std::string_view path, NodeStatus const& existing) {
  if (existing.type == NodeType::directory) {
    B2B_ASSIGN(auto const names, tree_->list(path));
    for (std::string const& name : names) {
      std::string const below = join_path(path, name);
      B2B_ASSIGN(auto const there, tree_->status(below));
      if (!there) continue;
      B2B_ASSIGN(bool const found, has_database(below, *there));
      if (found) return true;
    }
    return false;
  }
  if (existing.type != NodeType::file) return false;
  B2B_ASSIGN(bool const header, has_header(path));
  if (header) return true;
  B2B_ASSIGN(auto const wal, tree_->status(std::string(path) + "-wal"));
  if (wal) return true;
  for (std::string_view const suffix : sidecar_suffixes) {
    if (!path.ends_with(suffix)) continue;
    std::string_view const main = path.substr(0, path.size() - suffix.size());
    B2B_ASSIGN(auto const there, tree_->status(main));
    if (!there || there->type != NodeType::file) continue;
    B2B_ASSIGN(bool const database, has_header(main));
    if (database) return true;
  }
  return false;
}

}  // namespace b2b
