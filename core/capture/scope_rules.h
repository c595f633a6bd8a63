// The built-in rules of the scope: two tables of patterns (core/util/glob.h) with the reason for each line.
// docs/decisions/0003-scope.md says how they were chosen.
#pragma once

#include <span>
#include <string_view>

namespace b2b::scope_rules {

// What the OpenClaw B2 plugin takes and leaves out; also the scope of the snapshots it wrote.
std::span<std::string_view const> seed_include();
std::span<std::string_view const> seed_exclude();
// The plugin never takes names with a control character, because B2 refuses them as keys. Ours are stored under an
// escaped key, so this one rule holds for the plugin's snapshots only.
std::string_view seed_exclude_control_characters();

// What today's OpenClaw needs on top, and what it can make again by itself.
std::span<std::string_view const> today_include();
std::span<std::string_view const> today_exclude();

// Never taken, whatever the user's rules say.
std::span<std::string_view const> never();

}  // namespace b2b::scope_rules
