// A directory as a store: every call is a few system calls on the folder of the bucket.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/store/call_checks.h"
#include "core/store/directory_files.h"
#include "core/store/directory_list.h"
#include "core/store/store.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b {
namespace {

using directory::Bucket;
using directory::TemporaryFile;

constexpr std::size_t buffer_bytes = 128 << 10;

bool means_absent(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EISDIR;
}

// The file system has no hard links, or no more of them for this file, or not for us: copy the bytes.
bool wants_copied_bytes(int error) {
  return error == EMLINK || error == EXDEV || error == EPERM || error == EOPNOTSUPP || error == ENOSYS ||
         error == EACCES || error == EINVAL;
}

class DirectoryStore final : public Store {
 public:
  DirectoryStore(UniqueFd fd, std::string path) : bucket_(std::move(fd), std::move(path)) {
    traits_.name = "directory " + bucket_.path();
    traits_.transfers = 4;
    traits_.copy_is_free = true;
  }

  StoreTraits const& traits() const override { return traits_; }

  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override {
    B2B_TRY(begin("store", key, stop));
    B2B_ASSIGN(auto const reader, body.open());
    B2B_ASSIGN(TemporaryFile temporary, TemporaryFile::create(bucket_));
    B2B_TRY(write_body(key, body.size(), *reader, temporary.fd(), stop));
    struct stat status {};
    if (::fstat(temporary.fd(), &status) != 0)
      return directory::file_error(errno, "look at", bucket_.path_of(key));
    B2B_TRY(temporary.install(key, !directory::syncs_file_systems()));
    return ObjectInfo{key, body.size(), {}, directory::time_of(status.st_mtim)};
  }

  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override {
    B2B_TRY(begin("read", key, stop));
    struct stat status {};
    B2B_ASSIGN(UniqueFd const file, open_object(key, status));
    std::uint64_t const size = static_cast<std::uint64_t>(status.st_size);
    std::uint64_t const offset = range ? std::min(range->offset, size) : 0;
    std::uint64_t const length = range ? std::min(range->length, size - offset) : size;
    B2B_TRY(read_body(key, file.get(), offset, length, sink, stop));
    return info_of(key, status);
  }

  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    B2B_TRY(begin("look up", key, stop));
    struct stat status {};
    B2B_TRY(open_object(key, status));
    return info_of(key, status);
  }

  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override {
    ++requests_;
    return directory::list(bucket_, options, visit, stop);
  }

  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    ++requests_;
    ListOptions options;
    options.prefix = prefix;
    auto const as_version = [&](ListEntry const& entry) {
      ObjectVersion version;
      version.key = entry.object.key;
      version.size = entry.object.size;
      version.modified = entry.object.modified;
      return visit(version);
    };
    return directory::list(bucket_, options, as_version, stop);
  }

  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                    std::stop_token const& stop) override {
    B2B_TRY(check("copy to", to));
    B2B_TRY(begin("copy", from, stop));
    UniqueFd const folder = bucket_.open(std::string(directory::folder_of(from)), O_RDONLY | O_DIRECTORY);
    if (!folder) return open_failed("copy", from);
    struct stat status {};
    std::string const leaf = from.substr(from.rfind('/') + 1);
    if (::fstatat(folder.get(), leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return open_failed("copy", from);
    if (!S_ISREG(status.st_mode)) return no_such_object(traits_.name, from);
    auto link = TemporaryFile::link(bucket_, folder.get(), leaf);
    if (!link) {
      if (wants_copied_bytes(link.error().system_errno)) return copy_content(from, to, expected_size, stop);
      if (link.error().system_errno == ENOENT) return no_such_object(traits_.name, from);
      return std::move(link).error();
    }
    // The link is looked at, not the source: that may have been replaced in between.
    if (::fstatat(bucket_.fd(), link->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return directory::file_error(errno, "look at", bucket_.path_of(link->name()));
    if (!S_ISREG(status.st_mode)) return no_such_object(traits_.name, from);
    if (static_cast<std::uint64_t>(status.st_size) != expected_size)
      return copy_source_changed(from, expected_size, static_cast<std::uint64_t>(status.st_size));
    return link->install(to, false);
  }

  Result<void> remove_versions(std::span<ObjectVersion const> versions,
                               std::stop_token const& stop) override {
    for (ObjectVersion const& version : versions)
      B2B_TRY(check("remove", version.key));
    ++requests_;
    std::string_view folder;  // of the last object, looked at for emptiness once its objects are gone
    std::optional<Error> first;
    std::size_t failed = 0;
    for (ObjectVersion const& version : versions) {
      B2B_TRY(check_stop(stop, "remove", version.key));
      if (directory::folder_of(version.key) != folder) bucket_.remove_empty_folders(folder);
      folder = directory::folder_of(version.key);
      auto removed = remove_object(version.key);
      if (removed) continue;
      ++failed;
      if (!first) first = std::move(removed).error();
    }
    bucket_.remove_empty_folders(folder);
    if (!first) return {};
    if (failed > 1)
      first->message += " (and " + std::to_string(failed - 1) + " more objects were not removed)";
    return std::move(*first);
  }

  // A sync of the whole file system: thousands of small objects cost one wait instead of one each. It cannot
  // be interrupted. The kernel reports a failed write once, so the first failure is kept: what was stored
  // before may be lost, and nothing stored through this handle may be relied on any more.
  Result<void> flush(std::stop_token const& stop) override {
    B2B_TRY(check_stop(stop, "flush", traits_.name));
    std::scoped_lock lock(flush_mutex_);
    if (!flush_failure_) {
      auto synced = directory::sync_file_system(bucket_.fd(), bucket_.path());
      if (!synced) flush_failure_ = std::move(synced).error();
    }
    if (flush_failure_) return *flush_failure_;
    return {};
  }

  // The names of temporary files say nothing of keys, so those of the whole bucket are looked at. A put that
  // is still writing keeps its file young.
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t older_than_seconds,
                                          std::stop_token const& stop) override;

  Result<TimePoint> now(std::stop_token const& stop) override {
    ++requests_;
    B2B_TRY(check_stop(stop, "ask the time of", traits_.name));
    auto const file = TemporaryFile::create(bucket_);
    if (!file) {
      int const error = file.error().system_errno;
      // A disk that is full or only readable must still allow a prune or a restore.
      if (error == EROFS || error == EACCES || error == EPERM || error == ENOSPC || error == EDQUOT)
        return system_clock().now();
      return file.error();
    }
    struct stat status {};
    if (::fstat(file->fd(), &status) != 0)
      return directory::file_error(errno, "ask the time of", bucket_.path());
    return directory::time_of(status.st_mtim);
  }

  StoreCounters counters() const override { return {requests_, 0, bytes_sent_, bytes_received_}; }

 private:
  Result<void> check(std::string_view doing, std::string const& key) const {
    B2B_TRY(check_key(doing, key));
    if (!directory::is_reserved(key)) return {};
    return make_error(Condition::usage,
                      "cannot " + std::string(doing) + " " + key + ": that name is kept for temporary files",
                      "Use another name", key);
  }

  Result<void> begin(std::string_view doing, std::string const& key, std::stop_token const& stop) {
    B2B_TRY(check(doing, key));
    ++requests_;
    return check_stop(stop, doing, key);
  }

  Error open_failed(std::string_view doing, std::string const& key) const {
    if (means_absent(errno)) return no_such_object(traits_.name, key);
    return directory::file_error(errno, doing, bucket_.path_of(key));
  }

  Result<UniqueFd> open_object(std::string const& key, struct stat& status) const {
    // O_NONBLOCK: a FIFO somebody put there must not hang us.
    UniqueFd file = bucket_.open(key, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return errno == ENXIO ? no_such_object(traits_.name, key) : open_failed("open", key);
    if (::fstat(file.get(), &status) != 0)
      return directory::file_error(errno, "look at", bucket_.path_of(key));
    if (!S_ISREG(status.st_mode)) return no_such_object(traits_.name, key);
    return file;
  }

  ObjectInfo info_of(std::string const& key, struct stat const& status) const {
    TimePoint folder_modified{};
    struct stat folder {};
    std::string const above(directory::folder_of(key));
    if (status.st_nlink > 1 && ::fstatat(bucket_.fd(), above.empty() ? "." : above.c_str(), &folder, 0) == 0)
      folder_modified = directory::time_of(folder.st_mtim);
    return {key,
            static_cast<std::uint64_t>(status.st_size),
            {},
            directory::modified_time(status, folder_modified)};
  }

  Result<void> write_body(std::string const& key, std::uint64_t size, ByteReader& reader, int fd,
                          std::stop_token const& stop);
  Result<void> read_body(std::string const& key, int fd, std::uint64_t offset, std::uint64_t length,
                         ByteSink& sink, std::stop_token const& stop);
  Result<void> copy_content(std::string const& from, std::string const& to, std::uint64_t expected_size,
                            std::stop_token const& stop) const;
  Result<void> remove_object(std::string const& key) const;

  Bucket bucket_;
  StoreTraits traits_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
  std::mutex flush_mutex_;
  std::optional<Error> flush_failure_;
};

Result<void> DirectoryStore::write_body(std::string const& key, std::uint64_t size, ByteReader& reader,
                                        int fd, std::stop_token const& stop) {
  // Room for a byte more than announced: a small body that grew shows with the first read.
  auto const room = static_cast<std::size_t>(std::min<std::uint64_t>(size, buffer_bytes - 1)) + 1;
  auto const buffer = std::make_unique_for_overwrite<std::uint8_t[]>(room);
  std::uint64_t written = 0;
  std::size_t got = room;
  while (got == room) {
    B2B_TRY(check_stop(stop, "store", key));
    B2B_ASSIGN(got, reader.read({buffer.get(), room}));
    if (got > size - written) return body_changed(key, size, written + got);
    if (auto const done = write_all(fd, {buffer.get(), got}, bucket_.path_of(key)); !done)
      return directory::as_file_error(done.error());
    written += got;
    bytes_sent_ += got;
  }
  if (written != size) return body_changed(key, size, written);
  return {};
}

Result<void> DirectoryStore::read_body(std::string const& key, int fd, std::uint64_t offset,
                                       std::uint64_t length, ByteSink& sink, std::stop_token const& stop) {
  if (length == 0) return {};
  if (offset > 0 && ::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0)
    return directory::file_error(errno, "read", bucket_.path_of(key));
  auto const room = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer_bytes));
  auto const buffer = std::make_unique_for_overwrite<std::uint8_t[]>(room);
  std::uint64_t done = 0;
  while (done < length) {
    B2B_TRY(check_stop(stop, "read", key));
    auto const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length - done, room));
    auto const got = read_some(fd, {buffer.get(), wanted}, bucket_.path_of(key));
    if (!got) return directory::as_file_error(got.error());
    if (*got == 0)
      return make_error(Condition::transit, bucket_.path_of(key) + " became shorter while it was read",
                        "Does another program write into the store?", key);
    B2B_TRY(sink.write({buffer.get(), *got}));
    done += *got;
    bytes_received_ += *got;
  }
  return {};
}

Result<void> DirectoryStore::copy_content(std::string const& from, std::string const& to,
                                          std::uint64_t expected_size, std::stop_token const& stop) const {
  struct stat status {};
  B2B_ASSIGN(UniqueFd const source, open_object(from, status));
  std::uint64_t const size = static_cast<std::uint64_t>(status.st_size);
  if (size != expected_size) return copy_source_changed(from, expected_size, size);
  B2B_ASSIGN(TemporaryFile target, TemporaryFile::create(bucket_));
  B2B_TRY(directory::copy_bytes(source.get(), target.fd(), size, bucket_.path_of(to), stop));
  return target.install(to, !directory::syncs_file_systems());
}

Result<void> DirectoryStore::remove_object(std::string const& key) const {
  UniqueFd const folder = bucket_.open(std::string(directory::folder_of(key)), O_RDONLY | O_DIRECTORY);
  if (!folder) {
    if (means_absent(errno)) return {};
    return directory::file_error(errno, "remove", bucket_.path_of(key));
  }
  std::string const leaf = key.substr(key.rfind('/') + 1);
  struct stat status {};
  bool const exists = ::fstatat(folder.get(), leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && !S_ISREG(status.st_mode)) return {};  // a folder or a link is no object
  if ((exists && ::unlinkat(folder.get(), leaf.c_str(), 0) == 0) || means_absent(errno)) return {};
  return directory::file_error(errno, "remove", bucket_.path_of(key));
}

Result<std::uint64_t> DirectoryStore::remove_unfinished(std::string const& prefix,
                                                        std::uint64_t older_than_seconds,
                                                        std::stop_token const& stop) {
  B2B_TRY(check_stop(stop, "remove unfinished objects under", prefix));
  std::string const folder_name(directory::temporary_folder);
  UniqueFd folder = bucket_.open(folder_name, O_RDONLY | O_DIRECTORY);
  if (!folder && means_absent(errno)) return std::uint64_t{0};
  if (!folder) return directory::file_error(errno, "open the folder", bucket_.path_of(folder_name));
  B2B_ASSIGN(TimePoint const present, now(stop));
  struct CloseFolder {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  std::unique_ptr<DIR, CloseFolder> const stream(::fdopendir(folder.get()));
  if (!stream) return directory::file_error(errno, "read the folder", bucket_.path_of(folder_name));
  int const fd = folder.release();  // the stream owns it now
  std::uint64_t removed = 0;
  while (true) {
    B2B_TRY(check_stop(stop, "remove unfinished objects under", prefix));
    errno = 0;
    dirent const* const entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0)
      return directory::file_error(errno, "read the folder", bucket_.path_of(folder_name));
    if (entry == nullptr) return removed;
    struct stat status {};
    if (::fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.st_mode)) continue;
    auto const age =
        std::chrono::floor<std::chrono::seconds>(present - directory::time_of(status.st_mtim)).count();
    if (age < 0 || static_cast<std::uint64_t>(age) < older_than_seconds) continue;
    if (::unlinkat(fd, entry->d_name, 0) == 0)
      ++removed;
    else if (errno != ENOENT)
      return directory::file_error(errno, "remove", bucket_.path_of(folder_name + "/" + entry->d_name));
  }
}

Error no_such_path(int saved_errno, std::string const& path) {
  Error error = directory::file_error(saved_errno, "open the directory of the store", path);
  if (saved_errno == ENOENT) {
    error.condition = Condition::unreachable;
    error.advice = "Is its disk mounted? When it is a new place, make it first: mkdir -p " + path;
  } else if (saved_errno == ENOTDIR) {
    error.condition = Condition::bad_config;
    error.advice = "Let the endpoint (file:///…) name a directory";
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<Store>> open_directory_store(std::string const& path, std::string const& bucket) {
  std::string problem = key_problem(bucket);
  if (problem.empty() && bucket.find('/') != std::string::npos) problem = "it holds a '/'";
  if (!problem.empty())
    return make_error(Condition::bad_config,
                      "\"" + printable(bucket) + "\" cannot be the bucket of a directory store: " + problem,
                      "Use a plain folder name", bucket);
  UniqueFd const parent(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return no_such_path(errno, path);
  std::string const bucket_path = join_path(path, bucket);
  if (::mkdirat(parent.get(), bucket.c_str(), 0700) != 0 && errno != EEXIST) {
    struct stat status {};
    int const saved = errno;  // a file system that is only readable says so although the folder exists
    if (::fstatat(parent.get(), bucket.c_str(), &status, 0) != 0)
      return directory::file_error(saved, "make the folder", bucket_path);
  }
  UniqueFd fd(::openat(parent.get(), bucket.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return no_such_path(errno, bucket_path);
  struct stat status {};
  std::string const temporary(directory::temporary_folder);
  if (::fstatat(fd.get(), temporary.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
    return make_error(Condition::refused, join_path(bucket_path, temporary) + " is not a folder",
                      "It is needed for temporary files: move away what is there", bucket_path);
  return std::unique_ptr<Store>(std::make_unique<DirectoryStore>(std::move(fd), bucket_path));
}

}  // namespace b2b
