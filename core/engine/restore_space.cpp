#include "core/engine/restore_space.h"

#include <atomic>

#include "core/capture/scan.h"
#include "core/engine/push_plan.h"
#include "core/engine/roots.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t slack_bytes = 1 << 20;  // journal, directories
constexpr std::uint64_t entry_bytes = 512;      // a name in a directory, an inode's share

struct Disk {
  std::string where;
  std::uint64_t free = 0;
  std::uint64_t needed = slack_bytes;
};

std::string megabytes(std::uint64_t bytes) {
  return std::to_string((bytes + 999'999) / 1'000'000) + " MB";
}

Result<std::uint64_t> bytes_in_scope(EngineContext& context) {
  B2B_ASSIGN(Scope const scope, scope_of(context.config));
  std::atomic<std::uint64_t> bytes{0};
  ScanCallbacks callbacks;
  callbacks.entry = [&](ScanItem&& item) {
    if (item.entry.type == EntryType::file) bytes += (item.entry.size + 4095) / 4096 * 4096;
  };
  callbacks.skip = [](Skip&&) {};  // the safety snapshot itself names them
  B2B_TRY(scan(roots_of(context.config), scope, 4, callbacks, context.stop));
  return bytes.load();
}

}  // namespace

Result<void> check_space(EngineContext& context, std::vector<SpaceNeed> const& wanted, bool with_safety) {
  std::map<std::uint64_t, Disk> disks;
  auto const need = [&](TargetTree const& tree, std::string_view path, std::uint64_t bytes) -> Result<void> {
    B2B_ASSIGN(auto const file_system, tree.file_system(path));
    Disk& disk = disks[file_system.device];
    if (disk.where.empty()) disk.where = tree.absolute(path);
    disk.free = file_system.free_bytes;
    disk.needed += bytes;
    return {};
  };
  // The nearest directory that exists, for a target whose parents have to be made, too.
  for (SpaceNeed const& place : wanted) {
    RestoreSite const& site = *place.site;
    std::optional<TargetTree> above;
    if (!site.tree) {
      std::string path = parent_path(site.target);
      while (!path.empty() && path != "/" && !path_exists(path))
        path = parent_path(path);
      B2B_ASSIGN(above, TargetTree::open(path.empty() ? "/" : path));
    }
    for (auto const& [top, needs] : place.mounts)
      B2B_TRY(need(site.tree ? *site.tree : *above, site.tree ? top : std::string(),
                   needs.bytes + needs.entries * entry_bytes));
  }
  if (with_safety) {
    B2B_ASSIGN(TargetTree const data, TargetTree::open(context.instance.data_dir));
    B2B_ASSIGN(std::uint64_t const bytes, bytes_in_scope(context));
    B2B_TRY(need(data, {}, bytes));
  }
  for (auto const& [device, disk] : disks) {
    if (disk.needed <= disk.free) continue;
    return make_error(Condition::no_space,
                      "this restore needs " + megabytes(disk.needed) + " on the disk of " + disk.where +
                          ", where " + megabytes(disk.free) + " are free; nothing was changed",
                      "Free some space there, choose another --target, or restore a part with --path",
                      disk.where);
  }
  return {};
}

}  // namespace b2b
