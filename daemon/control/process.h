// What a program that holds secrets and long jobs sets up for its process.
#pragma once

#include <stop_token>

namespace b2b::control {

// No core dumps and no tracing by others (secrets), SIGPIPE ignored, few malloc arenas (memory stays bounded with many
// threads), umask 077.
void harden_process();

// From now on the first SIGINT or SIGTERM requests a stop; a second one ends the process with 130 at once.
// Call before any thread is started. The returned token lives as long as the process.
std::stop_token stop_on_signals();

}  // namespace b2b::control
