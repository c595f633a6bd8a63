// The socket that the server listens on, as a file with an owner: made with nobody else let in at any moment,
// removed when it goes.
#pragma once

#include <string>

#include "core/control/socket_place.h"
#include "core/util/fd.h"

namespace b2b::control {

class SocketFile {
 public:
  // A listening socket at `place`, or at a shorter path that the endpoint file names. The umask of the
  // process is changed for the moment of the bind. A socket left by a dead server is replaced; one that still
  // answers is not: Condition::busy, "another daemon is listening". Condition::permission when the directory
  // is not ours alone, or something that is no socket of ours is in the way.
  static Result<SocketFile> listen(SocketPlace const& place);

  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

  UniqueFd take_descriptor() { return std::move(descriptor_); }  // for the acceptor; the file stays ours
  std::string const& path() const { return path_; }              // where clients connect

 private:
  SocketFile() = default;

  UniqueFd descriptor_;
  std::string path_;
  std::string endpoint_;         // the endpoint file, if there is one
  std::string short_directory_;  // made for the socket, if one was
  unsigned long long device_ = 0;
  unsigned long long inode_ = 0;
};

}  // namespace b2b::control
