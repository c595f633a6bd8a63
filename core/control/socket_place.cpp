#include "core/control/socket_place.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/control/peer.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b::control {
namespace {

constexpr std::string_view short_directory_name = "b2backupd-";
constexpr std::string_view socket_name = "/daemon.sock";

// FNV-1a: keeps several daemons of one user apart below the runtime directory. Nothing hangs on it being hard
// to guess.
std::string short_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (char const c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  Bytes bytes;
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(hash >> shift));
  return to_hex(bytes);
}

bool is_private_runtime_directory(std::string const& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & 0022) == 0;
}

}  // namespace

bool fits_socket_address(std::string_view path) {
  return path.size() < sizeof(sockaddr_un::sun_path) && path.find('\0') == std::string_view::npos;
}

std::string endpoint_file(std::string const& socket_path) {
  return join_path(parent_path(socket_path), "endpoint");
}

Result<std::string> read_endpoint(std::string const& socket_path, unsigned owner) {
  std::string const file = endpoint_file(socket_path);
  B2B_ASSIGN(auto const fd, open_file(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, "open", 0));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return errno_error(errno, "examine", file);
  bool const trusted = status.st_uid == owner || is_us_or_root(status.st_uid);
  if (!S_ISREG(status.st_mode) || !trusted || (status.st_mode & 0022) != 0)
    return make_error(Condition::permission, file + " could have been written by somebody else",
                      "Remove it if it is not yours; the daemon writes a new one when it starts", file);
  std::uint8_t buffer[sizeof(sockaddr_un::sun_path) + 2];
  std::size_t size = 0;
  for (;;) {
    B2B_ASSIGN(std::size_t const got, read_some(fd.get(), std::span(buffer).subspan(size), file));
    size += got;
    if (got == 0 || size == sizeof(buffer)) break;
  }
  std::string_view text = as_text(std::span<std::uint8_t const>(buffer, size));
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.starts_with('/') || text.find('\n') != std::string_view::npos || !fits_socket_address(text))
    return make_error(Condition::corrupt, file + " does not hold the path of a socket",
                      "Restart the daemon, which writes it anew", file);
  return std::string(text);
}

Result<std::string> make_short_directory(SocketPlace const& place) {
  if (!place.runtime_directory.empty()) {
    std::string const path =
        join_path(place.runtime_directory, std::string(short_directory_name) + short_hash(place.path));
    if (!fits_socket_address(path + std::string(socket_name)) ||
        !is_private_runtime_directory(place.runtime_directory)) {
      log_info("the runtime directory " + printable(place.runtime_directory) +
               " cannot hold the control socket");
    } else {
      B2B_TRY(ensure_private_directory(path));
      return path;
    }
  }
  std::string path = join_path(place.temporary_directory, std::string(short_directory_name) + "XXXXXX");
  if (!fits_socket_address(path + std::string(socket_name)))
    return make_error(Condition::bad_config,
                      "the path " + place.path + " is too long for a socket, and so is any below " +
                          place.temporary_directory,
                      "Set \"socket\" in the configuration to a path of at most 100 bytes", place.path);
  if (::mkdtemp(path.data()) == nullptr)
    return errno_error(errno, "create a directory for the control socket below", place.temporary_directory);
  return path;
}

Result<void> ensure_private_directory(std::string const& path) {
  B2B_TRY(make_directories(path, 0700));
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno_error(errno, "examine", path);
  if (!S_ISDIR(status.st_mode))
    return make_error(Condition::permission,
                      path + " is not a directory, so it cannot hold the control socket",
                      "Move it away and start the daemon again", path);
  if (status.st_uid != ::geteuid())
    return make_error(Condition::permission,
                      path + " belongs to another user, who could take the control socket's place",
                      "Run the daemon as the owner of the state directory", path);
  if ((status.st_mode & 0077) != 0)
    return make_error(Condition::permission,
                      path + " is open to other users, so it cannot hold the control socket",
                      "Close it: chmod 700 '" + path + "'", path);
  return {};
}

}  // namespace b2b::control
