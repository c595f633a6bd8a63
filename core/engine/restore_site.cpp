#include "core/engine/restore_site.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "core/config/plugin_entry.h"
#include "core/crypto/hash.h"
#include "core/engine/restore_pointer.h"
#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

// realpath(3), or nullopt when there is no such path.
std::optional<std::string> real_path(std::string const& path) {
  char* const resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return std::nullopt;
  std::string out(resolved);
  std::free(resolved);
  return out;
}

bool is_inside(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory == "/" || path[directory.size()] == '/');
}

Result<std::string> absolute_path_of(std::string const& path) {
  if (path.starts_with('/')) return join_path(path, {});
  char* const current = ::getcwd(nullptr, 0);
  if (current == nullptr) return errno_error(errno, "find", "the current directory");
  std::string const out = join_path(current, path);
  std::free(current);
  return out;
}

}  // namespace

std::string fresh_folder_prefix(std::string_view name) {
  // A long name must leave room for ours.
  return "." + std::string(name.substr(0, 120)) + std::string(restore_dot_folder);
}

std::string RestoreSite::in_tree(std::string_view path) const {
  return kind == Kind::fresh ? join_path(join_path(staging, "tree"), path) : std::string(path);
}

std::string RestoreSite::staged(PlanRow const& row) const {
  return join_path(folder(row.item.mount_top), "new/" + std::to_string(row.number));
}

Result<RestoreSite> choose_site(EngineContext const& context, std::string const& target) {
  RestoreSite site;
  std::string const& state_dir = context.config.state_dir;
  if (target.empty()) {
    site.target = state_dir;
    if (path_exists(state_dir)) {
      B2B_ASSIGN(site.tree, TargetTree::open(state_dir));
    }
    return site;
  }
  B2B_ASSIGN(site.target, absolute_path_of(target));
  auto const real_state = real_path(state_dir);
  auto const real_target = real_path(site.target);
  if (real_target && real_state && *real_target == *real_state) {
    site.target = state_dir;
    B2B_ASSIGN(site.tree, TargetTree::open(state_dir));
    return site;
  }
  std::string const parent = parent_path(site.target);
  std::string const real =
      real_target ? *real_target : join_path(real_path(parent).value_or(parent), base_name(site.target));
  if (real_state && is_inside(real, *real_state))
    return make_error(
        Condition::refused, "the target " + site.target + " lies inside the state directory " + state_dir,
        "Choose a directory outside it, or leave --target out to restore in place", site.target);
  auto const real_data = real_path(context.instance.data_dir);
  if (real_data && (real == *real_data || is_inside(real, *real_data)))
    return make_error(Condition::refused,
                      "the target " + site.target + " is where this program keeps its own data",
                      "Choose another directory", site.target);
  if (real_target) {
    site.kind = RestoreSite::Kind::existing;
    struct stat status {};
    if (::stat(site.target.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
      return make_error(Condition::refused, "the target " + site.target + " is not a directory",
                        "Choose another --target", site.target);
    B2B_ASSIGN(site.tree, TargetTree::open(site.target));
    return site;
  }
  if (path_exists(site.target))
    return make_error(Condition::refused, "the target " + site.target + " is a symbolic link to nowhere",
                      "Remove it, or choose another --target", site.target);
  site.kind = RestoreSite::Kind::fresh;
  site.name = base_name(site.target);
  std::string const above = parent.empty() ? "/" : parent;
  if (path_exists(above)) {
    B2B_ASSIGN(site.tree, TargetTree::open(above));
  }
  return site;
}

Result<RestoreSite> root_site(EngineContext const& context, std::string const& place) {
  RestoreSite site;
  site.kind = RestoreSite::Kind::root;
  site.target = place;
  std::string const real = real_path(place).value_or(place);
  for (std::string const& ours : {context.config.state_dir, context.instance.data_dir}) {
    std::string const real_ours = real_path(ours).value_or(ours);
    if (real == real_ours || is_inside(real, real_ours))
      return make_error(Condition::refused, place + " lies in " + ours, {}, place);
  }
  if (!path_exists(place)) return site;
  B2B_ASSIGN(site.tree, TargetTree::open(place));
  return site;
}

std::string config_in_tree(EngineContext const& context, RestoreSite const& site) {
  std::string const& configured = context.config.openclaw_json;
  if (configured.empty()) return "openclaw.json";
  std::vector<std::string> const tops{site.target, real_path(site.target).value_or(site.target)};
  for (std::string const& path : {configured, join_path(real_path(parent_path(configured)).value_or(parent_path(configured)),
                                                        base_name(configured))})
    for (std::string const& top : tops)
      if (is_inside(path, top) && path_problem(path.substr(top.size() + 1)).empty()) return path.substr(top.size() + 1);
  return {};
}

Result<void> forget_config_copy(EngineContext const& context) {
  std::string const& state_dir = context.config.state_dir;
  std::string const& configured = context.config.openclaw_json;
  std::string const copy = config_during_restore(state_dir);
  if (!path_exists(configured.empty() ? join_path(state_dir, "openclaw.json") : configured)) return {};
  if (::unlink(copy.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", copy);
  return {};
}

std::string new_restore_id() {
  std::array<std::uint8_t, 6> random{};
  random_bytes(random);
  return to_hex(random);
}

Result<SwapFolder> make_folders(EngineContext const& context, RestoreSite& site,
                                std::vector<std::string> const& mounts) {
  if (site.id.empty()) site.id = new_restore_id();
  if (site.kind == RestoreSite::Kind::fresh && !site.tree) {
    B2B_TRY(make_directories(parent_path(site.target), 0755));
    B2B_ASSIGN(site.tree, TargetTree::open(parent_path(site.target)));
  }
  if (site.kind == RestoreSite::Kind::fresh) {
    site.staging = fresh_folder_prefix(site.name) + site.id;
  } else {
    site.staging = std::string(restore_dot_folder) + site.id;
    if (site.kind == RestoreSite::Kind::in_place) {
      B2B_TRY(site.tree->make_directory(restore_own_folder, 0700));
      B2B_ASSIGN(auto const root, site.tree->status({}));
      B2B_ASSIGN(auto const own, site.tree->status(restore_own_folder));
      if (root && own && root->mount == own->mount)
        site.staging = std::string(restore_own_folder) + "/restore-" + site.id;
    }
  }
  site.folders[""] = site.staging;
  std::vector<std::string> others;
  for (std::string const& top : mounts) {
    if (top.empty()) continue;
    site.folders[top] = join_path(top, std::string(restore_dot_folder) + site.id);
    others.push_back(site.folders[top]);
  }
  RestorePointer pointer{site.id, site.tree->path(), site.staging, mount_point_of(site.tree->path()), site.group, RestorePointer::Decision::none};
  B2B_TRY(keep_restore_pointer(context.instance.data_dir, pointer));
  auto folder = SwapFolder::create(*site.tree, site.staging, others);
  if (!folder) {
    auto const removed = remove_restore_pointer(context.instance.data_dir, site.id);
    return removed ? folder.error() : removed.error();
  }
  auto const prepare = [&]() -> Result<void> {
    for (std::string const& other : others)
      B2B_TRY(site.tree->make_directory(other, 0700));
    for (auto const& [top, staging] : site.folders)
      for (std::string_view const below : {"new", "old", "keep"})
        B2B_TRY(site.tree->make_directory(join_path(staging, below), 0700));
    if (site.kind == RestoreSite::Kind::fresh)
      B2B_TRY(site.tree->make_directory(join_path(site.staging, "tree"), 0700));
    return {};
  };
  auto prepared = prepare();
  if (!prepared) {
    Error error = std::move(prepared).error();
    auto const removed = remove_folders(context, site, *folder);
    if (!removed) error.message += " (and " + removed.error().message + ")";
    return error;
  }
  return folder;
}

Result<void> remove_folders(EngineContext const& context, RestoreSite const& site, SwapFolder& folder) {
  B2B_TRY(folder.remove());
  return remove_restore_pointer(context.instance.data_dir, site.id);
}

}  // namespace b2b
