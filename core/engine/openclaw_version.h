// Which OpenClaw a state directory belongs to.
#pragma once

#include <string>
#include <string_view>

namespace b2b {

// The version that last wrote openclaw.json (meta.lastTouchedVersion); empty when it does not say.
std::string openclaw_version(std::string const& state_dir);

// Pure. Is `a` a later release than `b`? Versions are numbers with dots ("2026.9.6"); what follows a '-' or
// '+' does not count. False when one of them is no such thing.
bool is_newer_openclaw(std::string_view a, std::string_view b);

}  // namespace b2b
