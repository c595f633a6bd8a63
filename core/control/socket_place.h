// Where the control socket is, for both sides: at its path, or, where that path is too long for a socket
// address, at the place that the file "endpoint" in the same directory names.
#pragma once

#include <string>

#include "core/util/error.h"

namespace b2b::control {

struct SocketPlace {
  std::string path;               // "<state directory>/b2backupd/daemon.sock"
  std::string runtime_directory;  // $XDG_RUNTIME_DIR; may be empty
  std::string temporary_directory = "/tmp";
};

bool fits_socket_address(std::string_view path);

std::string endpoint_file(std::string const& socket_path);

// The path in the endpoint file beside `socket_path`. Condition::not_found when there is no such file,
// Condition::permission when somebody other than `owner`, us or root could have written it,
// Condition::corrupt when it does not hold one absolute path.
Result<std::string> read_endpoint(std::string const& socket_path, unsigned owner);

// A directory for a socket whose own path is too long: a fixed one below the runtime directory when that is a
// private directory of ours, else a new one below the temporary directory. 0700; the caller removes it when
// it is empty.
Result<std::string> make_short_directory(SocketPlace const& place);

// Makes the directory (0700) when it is missing. Condition::permission unless it is a directory of ours that
// nobody else may enter.
Result<void> ensure_private_directory(std::string const& path);

}  // namespace b2b::control
