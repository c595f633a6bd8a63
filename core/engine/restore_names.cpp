#include "core/engine/restore_names.h"

#include <cerrno>

#include "core/util/file.h"

namespace b2b {
namespace {

// Makes `name` in the folder and removes it again. Was it made, and does `other` not lead to it?
Result<bool> tells_apart(TargetTree const& tree, std::string const& folder, std::string_view name,
                         std::string_view other) {
  std::string const path = join_path(folder, name);
  auto const made = tree.open_new_file(path);
  if (!made) {
    int const code = made.error().system_errno;
    if (code == EINVAL || code == EILSEQ || code == ENAMETOOLONG || code == ENOENT || code == EPERM)
      return false;
    return made.error();
  }
  auto const also = tree.status(join_path(folder, other));
  // The name it is listed under may differ from the one it was made with.
  B2B_ASSIGN(auto const listed, tree.list(folder));
  B2B_TRY(tree.remove_file(path));
  return also && !*also && listed.size() == 1 && listed.front() == name;
}

}  // namespace

Result<std::string> DirectoryNameShadow::claim(std::string_view path, bool is_directory) {
  std::string const at = join_path(top_, path);
  std::string const parent = parent_path(path);
  if (!parent.empty()) B2B_TRY(tree_.make_directories(join_path(top_, parent), 0700));
  int code = 0;
  if (is_directory) {
    auto const made = tree_.make_directory(at, 0700);
    if (made && *made) return std::string();
    code = made ? EEXIST : made.error().system_errno;
    if (!made && (code == ENOSPC || code == EDQUOT)) return made.error();
  } else {
    auto const made = tree_.open_new_file(at);
    if (made) return std::string();
    code = made.error().system_errno;
    if (code == ENOSPC || code == EDQUOT) return made.error();
  }
  if (code == EEXIST)
    return std::string("the target's file system takes it for the same name as another one of the snapshot");
  return "the target's file system cannot hold this name (" + errno_error(code, "create", path).message + ")";
}

Result<bool> names_are_plain(TargetTree const& tree, std::string const& folder) {
  struct Probe {
    std::string_view name;
    std::string_view other;
  };
  constexpr Probe probes[] = {
      {"b2b-probe", "B2B-PROBE"},                   // case
      {"\xc3\xa9", "e\xcc\x81"},                    // composed and decomposed
      {"e\xcc\x81", "\xc3\xa9"},  {"b2b.", "b2b"},  // a dot or blank at the end goes on some
      {"b2b:?*<>|\"\\", "b2b"},                     // characters that some refuse
      {"b2b\xff\x01", "b2b"},                       // bytes that are no text
  };
  for (Probe const& probe : probes) {
    B2B_ASSIGN(bool const plain, tells_apart(tree, folder, probe.name, probe.other));
    if (!plain) return false;
  }
  return true;
}

Result<void> refuse_impossible_names(
    PlanStore& plan, std::string const& mount_top, NameShadow& shadow,
    std::function<void(std::string const& path, std::string const& problem)> const& refused) {
  return plan.for_each({PlanAction::unchanged, PlanAction::write_file, PlanAction::make_symlink,
                        PlanAction::make_directory, PlanAction::keep_directory, PlanAction::set_metadata},
                       PlanStore::Order::ascending, [&](PlanRow&& row) -> Result<void> {
                         if (row.item.mount_top != mount_top) return {};
                         B2B_ASSIGN(std::string const problem,
                                    shadow.claim(row.item.path, row.item.type == EntryType::directory));
                         if (problem.empty()) return {};
                         refused(row.item.path, problem);
                         return plan.set_refused(row.number, problem);
                       });
}

Result<void> refuse_names_at(
    RestoreSite const& site, PlanStore& plan,
    std::function<void(std::string const& path, std::string const& problem)> const& refused) {
  for (auto const& [top, folder] : site.folders) {
    std::string const names = join_path(folder, "names");
    B2B_TRY(site.tree->make_directory(names, 0700));
    B2B_ASSIGN(bool const plain, names_are_plain(*site.tree, names));
    if (!plain) {
      DirectoryNameShadow shadow(*site.tree, names);
      B2B_TRY(refuse_impossible_names(plan, top, shadow, refused));
    }
    B2B_TRY(site.tree->remove_tree(names));
  }
  return {};
}

}  // namespace b2b
