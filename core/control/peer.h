// Who is at the other end of a Unix socket.
//
// The kernel records the user of the process that connected, or listened, at the time it did; nothing that
// happens to the descriptor later changes it. So a connection that an allowed process made and passed on to
// somebody else's is still that process's own, for which it answers, as it does for anything it forwards. A
// connection that another user made is refused, whoever holds it now. Descriptors that a peer sends along are
// never accepted: the kernel closes them.
#pragma once

#include <functional>

#include "core/util/error.h"

namespace b2b::control {

// The effective user id of the peer of a connected socket.
using PeerUser = std::function<Result<unsigned>(int socket)>;

Result<unsigned> peer_user(int socket);

// The user of this process, and root.
bool is_us_or_root(unsigned user);

}  // namespace b2b::control
