// The daemon as daemonctl sees it: where it listens, and what to tell a person when it does not.
#pragma once

#include <string>

#include "core/config/config.h"
#include "core/control/client.h"
#include "daemon/control/arguments.h"

namespace b2b::daemonctl {

// --socket, or the configuration's, or daemon.sock in the b2backupd folder of the state directory.
std::string socket_path(Arguments const& arguments, Config const& config);

// A client for it. unreachable: nothing listens there (named with the state directory, and how to start it or do
// without). bad_config: nothing listens, and nothing is configured yet either.
Result<control::Client> find_daemon(Arguments const& arguments, Config const& config);

}  // namespace b2b::daemonctl
