// Which release of OpenClaw is installed for a state directory: what `openclaw --version` says.
#pragma once

#include <stop_token>
#include <string>

#include "core/notify/command_line.h"
#include "core/util/clock.h"

namespace b2b {

// Empty: there is no such program on this machine, or it does not say. Starts it, outside of our own service where that is
// possible, and waits for it: a second or two, at most half a minute. Any thread.
std::string installed_openclaw(std::string const& state_dir, std::string const& home, EnvironmentMap const& environment,
                               std::stop_token const& stop, Clock& clock);

}  // namespace b2b
