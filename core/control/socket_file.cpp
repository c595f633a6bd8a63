#include "core/control/socket_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/util/file.h"

namespace b2b::control {
namespace {

sockaddr_un address_of(std::string const& path) {
  B2B_ASSERT(fits_socket_address(path));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

sockaddr const* plain(sockaddr_un const& address) {
  return static_cast<sockaddr const*>(static_cast<void const*>(&address));
}

Result<UniqueFd> new_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "create", "the control socket");
  return fd;
}

// Makes room at `path`: removes a socket of ours that nobody listens on.
Result<void> remove_stale(std::string const& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return errno_error(errno, "examine", path);
  }
  if (!S_ISSOCK(status.st_mode))
    return make_error(Condition::permission, path + " is in the way: it is not a socket",
                      "Move it away and start the daemon again", path);
  if (status.st_uid != ::geteuid())
    return make_error(Condition::permission, path + " is in the way: it belongs to another user",
                      "Remove it, or run the daemon as the owner of the state directory", path);
  B2B_ASSIGN(auto const probe, new_socket());
  auto const address = address_of(path);
  // EAGAIN: somebody listens and is too busy to take one more.
  if (::connect(probe.get(), plain(address), sizeof(address)) == 0 || errno == EAGAIN || errno == EINPROGRESS)
    return make_error(Condition::busy, "another daemon is listening on " + path,
                      "Stop it first; `daemonctl status` shows what it does", path);
  if (errno != ECONNREFUSED && errno != ENOENT) return errno_error(errno, "examine", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_error(errno, "remove the old socket", path);
  return {};
}

// What an earlier server with a short path left behind.
Result<void> remove_old_endpoint(std::string const& socket_path) {
  auto const old = read_endpoint(socket_path, ::geteuid());
  if (!old) {
    if (old.error().condition == Condition::not_found || old.error().condition == Condition::corrupt)
      return {};
    return old.error();
  }
  B2B_TRY(remove_stale(*old));
  std::string const directory = parent_path(*old);
  if (base_name(directory).starts_with("b2backupd-")) ::rmdir(directory.c_str());  // only when it is empty
  if (::unlink(endpoint_file(socket_path).c_str()) != 0 && errno != ENOENT)
    return errno_error(errno, "remove", endpoint_file(socket_path));
  return {};
}

Result<void> bind_privately(int fd, std::string const& path) {
  auto const address = address_of(path);
  mode_t const before = ::umask(0177);
  int const bound = ::bind(fd, plain(address), sizeof(address));
  int const saved_errno = errno;
  ::umask(before);
  if (bound != 0) return errno_error(saved_errno, "create the control socket", path);
  // Before listen: until then nobody can connect, whatever the mode was for a moment.
  if (::chmod(path.c_str(), 0600) != 0) return errno_error(errno, "close to other users", path);
  if (::listen(fd, SOMAXCONN) != 0) return errno_error(errno, "listen on", path);
  return {};
}

}  // namespace

Result<SocketFile> SocketFile::listen(SocketPlace const& place) {
  std::string const directory = parent_path(place.path);
  if (!place.path.starts_with('/') || directory == "/")
    return make_error(Condition::bad_config,
                      "the control socket needs an absolute path in a directory of its own",
                      "The usual place is <state directory>/b2backupd/daemon.sock", place.path);
  B2B_TRY(ensure_private_directory(directory));
  // Two servers that start at the same time take turns here, so that none removes the other's new socket.
  B2B_ASSIGN(auto const turn, open_file(directory, O_RDONLY | O_DIRECTORY, "open", 0));
  if (::flock(turn.get(), LOCK_EX | LOCK_NB) != 0)
    return make_error(Condition::busy, "another daemon is starting at " + place.path, "Try again in a moment",
                      place.path);
  B2B_TRY(remove_old_endpoint(place.path));

  SocketFile file;
  if (fits_socket_address(place.path)) {
    file.path_ = place.path;
  } else {
    B2B_ASSIGN(file.short_directory_, make_short_directory(place));
    file.path_ = file.short_directory_ + "/daemon.sock";
  }
  B2B_TRY(remove_stale(file.path_));
  B2B_ASSIGN(file.descriptor_, new_socket());
  B2B_TRY(bind_privately(file.descriptor_.get(), file.path_));
  struct stat status {};
  if (::lstat(file.path_.c_str(), &status) != 0) return errno_error(errno, "examine", file.path_);
  file.device_ = status.st_dev;
  file.inode_ = status.st_ino;
  if (!file.short_directory_.empty()) {
    file.endpoint_ = endpoint_file(place.path);
    B2B_TRY(atomic_write_file(file.endpoint_, file.path_ + "\n", 0600));
  }
  return file;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      path_(std::exchange(other.path_, {})),
      endpoint_(std::exchange(other.endpoint_, {})),
      short_directory_(std::exchange(other.short_directory_, {})),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

SocketFile::~SocketFile() {
  struct stat status {};
  // Another server may have replaced it, had it taken us for dead.
  bool const ours = inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
                    status.st_ino == inode_;
  if (ours) {
    ::unlink(path_.c_str());
    if (!endpoint_.empty()) ::unlink(endpoint_.c_str());
  }
  if (!short_directory_.empty()) ::rmdir(short_directory_.c_str());
}

}  // namespace b2b::control
