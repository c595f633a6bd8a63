#include "core/store/directory_list.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>

#include "core/store/call_checks.h"

namespace b2b::directory {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using FolderStream = std::unique_ptr<DIR, CloseFolder>;

enum class Kind { file, folder, other };

// The names of one folder, packed: one text and small records.
struct Names {
  struct Name {
    std::uint64_t offset;
    std::uint32_t length;  // with the '/' of a folder
    bool folder;
  };
  std::string text;
  std::vector<Name> names;
  TimePoint folder_modified{};

  std::string_view view(Name const& name) const {
    return std::string_view(text).substr(name.offset, name.length);
  }
  void add(std::string_view name, bool folder) {
    names.push_back({text.size(), static_cast<std::uint32_t>(name.size() + (folder ? 1 : 0)), folder});
    text += name;
    if (folder) text += '/';
  }
  void sort() {
    std::ranges::sort(names, {}, [this](Name const& name) { return view(name); });
  }
};

class Walk {
 public:
  Walk(Bucket const& bucket, ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
       std::stop_token const& stop)
      : bucket_(bucket), options_(options), visit_(visit), stop_(stop) {}

  // Lists the folder `at_` ("" or "a/b/"). False when the visitor wants no more.
  Result<bool> folder();

  std::string at_;

 private:
  Result<FolderStream> open() const;
  Result<Names> read_names() const;
  Result<bool> holds_an_object();
  Kind kind_of(int folder, dirent const& entry) const;
  bool is_wanted(std::string_view full, bool is_folder) const;
  Result<bool> visit_file(Names const& names);
  Result<bool> visit_folder();

  Bucket const& bucket_;
  ListOptions const& options_;
  std::function<bool(ListEntry const&)> const& visit_;
  std::stop_token const& stop_;
};

std::string without_slash(std::string const& at) {
  return at.empty() ? at : at.substr(0, at.size() - 1);
}

// Empty when the folder is not there (any more).
Result<FolderStream> Walk::open() const {
  UniqueFd fd = bucket_.open(without_slash(at_), O_RDONLY | O_DIRECTORY);
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return FolderStream();
    return file_error(errno, "open the folder", bucket_.path_of(at_));
  }
  FolderStream stream(::fdopendir(fd.get()));
  if (!stream) return file_error(errno, "read the folder", bucket_.path_of(at_));
  static_cast<void>(fd.release());  // the stream owns it now
  return stream;
}

Kind Walk::kind_of(int folder, dirent const& entry) const {
  if (entry.d_type == DT_REG) return Kind::file;
  if (entry.d_type == DT_DIR) return Kind::folder;
  if (entry.d_type != DT_UNKNOWN) return Kind::other;
  struct stat status {};
  if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Kind::other;
  return S_ISREG(status.st_mode) ? Kind::file : S_ISDIR(status.st_mode) ? Kind::folder : Kind::other;
}

// Can `full` ("a/b", or "a/b/" for a folder) be, or contain, a key that is asked for?
bool Walk::is_wanted(std::string_view full, bool is_folder) const {
  std::string_view const prefix = options_.prefix;
  std::string_view const after = options_.start_after;
  if (is_reserved(full)) return false;
  if (!is_folder) return full.starts_with(prefix) && full > after && is_valid_key(full);
  if (!full.starts_with(prefix) && !prefix.starts_with(full)) return false;
  if (full <= after && !after.starts_with(full)) return false;
  return is_valid_key(full.substr(0, full.size() - 1));
}

Result<Names> Walk::read_names() const {
  Names names;
  B2B_ASSIGN(FolderStream const stream, open());
  if (!stream) return names;
  int const fd = ::dirfd(stream.get());
  struct stat status {};
  if (::fstat(fd, &status) != 0) return file_error(errno, "look at the folder", bucket_.path_of(at_));
  names.folder_modified = time_of(status.st_mtim);
  std::string full;
  while (true) {
    errno = 0;
    dirent const* const entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0) return file_error(errno, "read the folder", bucket_.path_of(at_));
    if (entry == nullptr) break;
    B2B_TRY(check_stop(stop_, "list", options_.prefix));
    std::string_view const name = entry->d_name;
    if (name == "." || name == "..") continue;
    Kind const kind = kind_of(fd, *entry);
    if (kind == Kind::other) continue;
    full.assign(at_).append(name);
    if (kind == Kind::folder) full += '/';
    if (is_wanted(full, kind == Kind::folder)) names.add(name, kind == Kind::folder);
  }
  names.sort();
  return names;
}

// Is there any object in `at_` or below?
Result<bool> Walk::holds_an_object() {
  std::vector<std::string> folders;
  {
    B2B_ASSIGN(FolderStream const stream, open());
    if (!stream) return false;
    while (true) {
      errno = 0;
      dirent const* const entry = ::readdir(stream.get());
      if (entry == nullptr && errno != 0) return file_error(errno, "read the folder", bucket_.path_of(at_));
      if (entry == nullptr) break;
      B2B_TRY(check_stop(stop_, "list", options_.prefix));
      std::string_view const name = entry->d_name;
      if (name == "." || name == ".." || !is_valid_key(at_ + std::string(name))) continue;
      Kind const kind = kind_of(::dirfd(stream.get()), *entry);
      if (kind == Kind::file) return true;
      if (kind == Kind::folder) folders.emplace_back(name);
    }
  }
  std::size_t const length = at_.size();
  for (std::string const& name : folders) {
    at_.append(name).push_back('/');
    auto const found = holds_an_object();
    at_.resize(length);
    if (!found || *found) return found;
  }
  return false;
}

Result<bool> Walk::visit_file(Names const& names) {
  struct stat status {};
  if (::fstatat(bucket_.fd(), at_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return true;  // removed since its name was read
    return file_error(errno, "look at", bucket_.path_of(at_));
  }
  if (!S_ISREG(status.st_mode)) return true;
  ListEntry entry;
  entry.object = {
      at_, static_cast<std::uint64_t>(status.st_size), {}, modified_time(status, names.folder_modified)};
  return visit_(entry);
}

// A folder that lies below the prefix is one common prefix when there is a delimiter; else it is entered.
Result<bool> Walk::visit_folder() {
  if (!options_.delimiter || at_.size() <= options_.prefix.size()) return folder();
  if (at_ <= options_.start_after) return true;
  B2B_ASSIGN(bool const exists, holds_an_object());
  if (!exists) return true;
  ListEntry entry;
  entry.is_prefix = true;
  entry.object.key = at_;
  return visit_(entry);
}

Result<bool> Walk::folder() {
  B2B_ASSIGN(Names const names, read_names());
  std::size_t const length = at_.size();
  for (Names::Name const& name : names.names) {
    B2B_TRY(check_stop(stop_, "list", options_.prefix));
    at_.append(names.view(name));
    auto const go_on = name.folder ? visit_folder() : visit_file(names);
    at_.resize(length);
    if (!go_on || !*go_on) return go_on;
  }
  return true;
}

}  // namespace

TimePoint modified_time(struct stat const& file, TimePoint folder_modified) {
  TimePoint const own = time_of(file.st_mtim);
  return file.st_nlink > 1 ? std::max(own, folder_modified) : own;
}

Result<void> list(Bucket const& bucket, ListOptions const& options,
                  std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop) {
  B2B_TRY(check_stop(stop, "list", options.prefix));
  std::string_view const start = folder_of(options.prefix);
  // A prefix such as "../x" begins no valid key, so nothing matches it.
  if (!start.empty() && (!is_valid_key(start) || is_reserved(start))) return {};
  if (start.empty() && options.prefix.starts_with('/')) return {};
  Walk walk(bucket, options, visit, stop);
  if (!start.empty()) walk.at_ = std::string(start) + "/";
  B2B_TRY(walk.folder());
  return {};
}

}  // namespace b2b::directory
