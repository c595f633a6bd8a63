// Plain files that a running gateway holds in memory and writes back (OpenClaw 2026.2: transcripts, the list of sessions, schedules). Put
// under it they would be mixed with what it has, so they change in place only while it is stopped, like databases. Pure.
#pragma once

#include <string_view>

namespace b2b {

// `path`: relative to the state directory.
bool is_kept_by_gateway(std::string_view path);

}  // namespace b2b
