#include "core/control/peer.h"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace b2b::control {

Result<unsigned> peer_user(int socket) {
#if defined(SO_PEERCRED)
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return errno_error(errno, "ask who is connected to", "the control socket");
  B2B_ASSERT(size == sizeof(credentials));
  return credentials.uid;
#else
  uid_t user = 0;
  gid_t group = 0;
  if (::getpeereid(socket, &user, &group) != 0)
    return errno_error(errno, "ask who is connected to", "the control socket");
  return user;
#endif
}

bool is_us_or_root(unsigned user) {
  return user == 0 || user == ::geteuid();
}

}  // namespace b2b::control
