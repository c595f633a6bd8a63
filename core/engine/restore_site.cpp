#include "core/engine/restore_site.h"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "core/config/plugin_entry.h"
#include "core/crypto/hash.h"
#include "core/engine/restore.h"
#include "core/engine/restore_target.h"
#include "core/gateway/fence.h"
#include "core/gateway/open_by.h"
#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view own_folder = "b2backupd";
constexpr std::string_view dot_folder = ".b2backupd-restore-";

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

std::string fresh_prefix(std::string_view name) {
  // A long name must leave room for ours.
  return "." + std::string(name.substr(0, 120)) + std::string(dot_folder);
}

std::string pointer_directory(EngineContext const& context) {
  return join_path(context.instance.data_dir, "restores");
}

Result<void> write_pointer(EngineContext const& context, RestoreSite const& site) {
  B2B_TRY(make_directories(pointer_directory(context), 0700));
  std::string const text = uri_encode(site.tree->path(), true) + "\n" + uri_encode(site.staging, true) + "\n";
  return atomic_write_file(join_path(pointer_directory(context), site.id), text);
}

Result<void> remove_pointer(EngineContext const& context, std::string const& id) {
  std::string const path = join_path(pointer_directory(context), id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", path);
  return {};
}

// Databases are half swapped: nobody may have them open, and no gateway may start, until they are whole. Without
// openclaw.json none should have started; one that did is named.
Result<GatewayFence> fence_off(TargetTree const& tree, SwapFolder const& folder, std::string const& state_dir) {
  auto const refuse = [&](std::string const& why) {
    return make_error(Condition::refused,
                      "an interrupted restore left databases in " + tree.path() + " half replaced, and it cannot be finished now: " + why,
                      "Stop it (the gateway: openclaw gateway stop); the next b2backupd job finishes the restore by itself. Do not "
                      "start a gateway before that",
                      tree.path());
  };
  auto fence = GatewayFence::raise(state_dir);
  if (!fence) {
    if (fence.error().condition != Condition::refused) return fence.error();
    return refuse(fence.error().message);
  }
  std::vector<std::string> paths;
  B2B_TRY(folder.each_operation([&](SwapOperation const& operation) -> Result<void> {
    bool const moves = operation.kind == SwapOperation::Kind::place || operation.kind == SwapOperation::Kind::move;
    if (!moves) return {};
    for (std::string const& path : {operation.path, operation.other, operation.kept}) {
      auto const fd = path.empty() ? Result<UniqueFd>(UniqueFd()) : tree.open_file(path);
      if (fd && *fd && begins_like_a_database(fd->get())) paths.push_back(tree.absolute(path));
    }
    return {};
  }));
  OpenFiles const open = open_by(paths);
  if (open.openers.empty()) return fence;
  Opener const& first = open.openers.front();
  return refuse(first.path + " is open in " + printable(first.command) + " (pid " + std::to_string(first.pid) + ")");
}

// One leftover staging folder. nullopt: nothing there, or its restore is still at work.
Result<std::optional<std::string>> recover_folder(TargetTree const& tree, std::string const& staging,
                                                  std::string const& state_dir) {
  using Told = std::optional<std::string>;
  B2B_ASSIGN(auto found, SwapFolder::adopt(tree, staging));
  if (!found) return Told();
  std::string told =
      "cleared away an interrupted restore in " + tree.path() + "; it had not changed anything yet";
  std::optional<GatewayFence> fence;
  if (found->committed()) {
    if (found->changes_databases()) {
      auto raised = fence_off(tree, *found, state_dir);
      if (!raised) return raised.error();
      fence.emplace(std::move(*raised));
    }
    B2B_ASSIGN(SwapOutcome const outcome, found->run());
    told =
        outcome.undone
            ? "an interrupted restore in " + tree.path() + " was undone: everything is as it was before it"
            : "an interrupted restore in " + tree.path() + " was finished: everything is as in its snapshot";
    if (outcome.cause) told += " (it could not be finished: " + outcome.cause->message + ")";
  }
  B2B_TRY(found->remove());
  return Told(std::move(told));
}

Result<void> recover_matching(TargetTree const& tree, std::string const& directory, std::string_view prefix,
                              std::vector<std::string>& told) {
  B2B_ASSIGN(auto const there, tree.status(directory));
  if (!there || there->type != NodeType::directory) return {};
  B2B_ASSIGN(auto const names, tree.list(directory));
  for (std::string const& name : names) {
    if (!name.starts_with(prefix)) continue;
    B2B_ASSIGN(auto sentence, recover_folder(tree, join_path(directory, name), tree.path()));
    if (sentence) told.push_back(std::move(*sentence));
  }
  return {};
}

}  // namespace

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

Result<SwapFolder> make_folders(EngineContext const& context, RestoreSite& site,
                                std::vector<std::string> const& mounts) {
  std::array<std::uint8_t, 6> random{};
  random_bytes(random);
  site.id = to_hex(random);
  if (site.kind == RestoreSite::Kind::fresh && !site.tree) {
    B2B_TRY(make_directories(parent_path(site.target), 0755));
    B2B_ASSIGN(site.tree, TargetTree::open(parent_path(site.target)));
  }
  if (site.kind == RestoreSite::Kind::fresh) {
    site.staging = fresh_prefix(site.name) + site.id;
  } else {
    site.staging = std::string(dot_folder) + site.id;
    if (site.kind == RestoreSite::Kind::in_place) {
      B2B_TRY(site.tree->make_directory(own_folder, 0700));
      B2B_ASSIGN(auto const root, site.tree->status({}));
      B2B_ASSIGN(auto const own, site.tree->status(own_folder));
      if (root && own && root->mount == own->mount)
        site.staging = std::string(own_folder) + "/restore-" + site.id;
    }
  }
  site.folders[""] = site.staging;
  std::vector<std::string> others;
  for (std::string const& top : mounts) {
    if (top.empty()) continue;
    site.folders[top] = join_path(top, std::string(dot_folder) + site.id);
    others.push_back(site.folders[top]);
  }
  B2B_TRY(write_pointer(context, site));
  auto folder = SwapFolder::create(*site.tree, site.staging, others);
  if (!folder) {
    auto const removed = remove_pointer(context, site.id);
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
  return remove_pointer(context, site.id);
}

Result<std::vector<std::string>> recover_site(RestoreSite const& site) {
  std::vector<std::string> told;
  if (!site.tree) return told;
  if (site.kind == RestoreSite::Kind::in_place)
    B2B_TRY(recover_matching(*site.tree, std::string(own_folder), "restore-", told));
  B2B_TRY(recover_matching(
      *site.tree, {}, site.kind == RestoreSite::Kind::fresh ? fresh_prefix(site.name) : dot_folder, told));
  return told;
}

// Declared in core/engine/restore.h.
Result<std::vector<std::string>> recover_restores(EngineContext& context) {
  std::vector<std::string> told;
  B2B_ASSIGN(RestoreSite const here, choose_site(context, {}));
  B2B_ASSIGN(told, recover_site(here));
  if (!told.empty()) B2B_TRY(forget_config_copy(context));
  std::string const pointers = pointer_directory(context);
  if (!path_exists(pointers)) return told;
  B2B_ASSIGN(TargetTree const directory, TargetTree::open(pointers));
  B2B_ASSIGN(auto const names, directory.list({}));
  for (std::string const& name : names) {
    std::string const path = join_path(pointers, name);
    B2B_ASSIGN(std::string const text, read_file(path, 64 * 1024));
    auto const line_end = text.find('\n');
    auto const root = uri_decode(std::string_view(text).substr(0, line_end));
    auto const staging =
        line_end == std::string::npos || !text.ends_with('\n')
            ? std::nullopt
            : uri_decode(std::string_view(text).substr(line_end + 1, text.size() - line_end - 2));
    if (!root || !staging || !path_problem(*staging).empty()) {
      told.push_back("removed the unreadable note " + path + " about an interrupted restore");
      B2B_TRY(remove_pointer(context, name));
      continue;
    }
    auto tree = TargetTree::open(*root);
    if (!tree) {
      // A disk that is not mounted now may come back; a target that was deleted needs nothing any more.
      if (tree.error().condition != Condition::not_found) return tree.error();
      told.push_back("an interrupted restore to " + *root +
                     " cannot be looked after: the directory is not there");
      B2B_TRY(remove_pointer(context, name));
      continue;
    }
    auto const there = tree->status(*staging);
    auto sentence = recover_folder(*tree, *staging, context.config.state_dir);
    if (!there || !sentence) {
      // Another directory's trouble must not keep this one from being backed up; it is told every time.
      told.push_back("an interrupted restore to " + *root +
                     " could not be cleared up: " + (there ? sentence.error() : there.error()).text());
      continue;
    }
    if (*there && !*sentence) continue;  // still at work
    if (*sentence) told.push_back(std::move(**sentence));
    B2B_TRY(remove_pointer(context, name));
  }
  return told;
}

}  // namespace b2b
