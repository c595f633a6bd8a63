#include "core/engine/restore_pointer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/engine/target_tree.h"
#include "core/snapshot/manifest.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::uint64_t longest_pointer = 64 * 1024;
constexpr std::array<std::string_view, 3> decisions{"-", "forward", "back"};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto const end = text.find('\n');
    if (end == std::string_view::npos) return {};  // torn
    out.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

std::string format_restore_pointer(RestorePointer const& pointer) {
  std::string out = uri_encode(pointer.root, true) + "\n" + uri_encode(pointer.staging, true) + "\n";
  if (pointer.mount.empty()) return out;
  out += uri_encode(pointer.mount, true) + "\n" + (pointer.group.empty() ? "-" : uri_encode(pointer.group, true)) + "\n";
  return out + std::string(decisions[static_cast<std::size_t>(pointer.decision)]) + "\n";
}

std::optional<RestorePointer> parse_restore_pointer(std::string id, std::string_view text) {
  auto const lines = lines_of(text);
  if (lines.size() != 2 && lines.size() != 5) return std::nullopt;
  RestorePointer out;
  out.id = std::move(id);
  auto const root = uri_decode(lines[0]);
  auto const staging = uri_decode(lines[1]);
  if (!root || !root->starts_with('/') || !staging || !path_problem(*staging).empty()) return std::nullopt;
  out.root = *root;
  out.staging = *staging;
  if (lines.size() == 2) return out;
  auto const mount = uri_decode(lines[2]);
  auto const group = uri_decode(lines[3]);
  if (!mount || !mount->starts_with('/') || !group || group->empty()) return std::nullopt;
  out.mount = *mount;
  if (*group != "-") out.group = *group;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (lines[4] != decisions[i]) continue;
    out.decision = static_cast<RestorePointer::Decision>(i);
    return out;
  }
  return std::nullopt;
}

std::string restore_pointers_folder(std::string const& data_dir) { return join_path(data_dir, "restores"); }

std::string restore_pointer_path(std::string const& data_dir, std::string const& id) {
  return join_path(restore_pointers_folder(data_dir), id);
}

Result<void> keep_restore_pointer(std::string const& data_dir, RestorePointer const& pointer) {
  std::string const path = restore_pointer_path(data_dir, pointer.id);
  B2B_TRY(make_directories(parent_path(path), 0700));
  return atomic_write_file(path, format_restore_pointer(pointer));
}

Result<void> remove_restore_pointer(std::string const& data_dir, std::string const& id) {
  std::string const path = restore_pointer_path(data_dir, id);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", path);
  return {};
}

Result<RestorePointers> list_restore_pointers(std::string const& data_dir) {
  RestorePointers out;
  std::string const directory = restore_pointers_folder(data_dir);
  if (!path_exists(directory)) return out;
  B2B_ASSIGN(TargetTree const tree, TargetTree::open(directory));
  B2B_ASSIGN(auto const names, tree.list({}));
  for (std::string const& name : names) {
    if (name.starts_with('.')) continue;  // one that is being written just now
    auto const text = read_file(join_path(directory, name), longest_pointer);
    if (!text && text.error().condition == Condition::not_found) continue;  // its restore ended just now
    if (!text) return text.error();
    auto pointer = parse_restore_pointer(name, *text);
    if (pointer) {
      out.known.push_back(std::move(*pointer));
    } else {
      out.unreadable.push_back(name);
    }
  }
  return out;
}

std::string mount_point_of(std::string const& path) {
  std::string at = path;
  struct stat here {};
  while (::stat(at.c_str(), &here) != 0) {
    if (at.size() <= 1) return "/";
    at = parent_path(at).empty() ? "/" : parent_path(at);
  }
  while (at.size() > 1) {
    std::string const above = parent_path(at).empty() ? "/" : parent_path(at);
    struct stat there {};
    if (::stat(above.c_str(), &there) != 0 || there.st_dev != here.st_dev) break;
    at = above;
  }
  return at;
}

bool is_unmounted(RestorePointer const& pointer) { return !pointer.mount.empty() && mount_point_of(pointer.root) != pointer.mount; }

std::vector<std::string> places_waited_for(std::string const& data_dir) {
  std::vector<std::string> out;
  auto const pointers = list_restore_pointers(data_dir);
  if (!pointers) return out;
  for (RestorePointer const& pointer : pointers->known)
    if (pointer.decision != RestorePointer::Decision::none && is_unmounted(pointer))
      out.push_back("a restore was interrupted, and in " + printable(pointer.root) + " it is still to be " +
                    (pointer.decision == RestorePointer::Decision::forward ? "finished" : "undone") + ": the disk that was at " +
                    printable(pointer.mount) + " is not there. Mount it; the next backup does the rest. (If it is gone for good, remove " +
                    restore_pointer_path(data_dir, pointer.id) + ")");
  return out;
}

}  // namespace b2b
