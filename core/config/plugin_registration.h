// What makes the B2 plugin work on this machine, in an openclaw.json that comes from a snapshot. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace b2b {

// `restored` with what `current` says about the plugin put in: plugins.entries and plugins.installs of
// b2-backup and openclaw-b2-backup, the paths in plugins.load.paths for which `names_plugin` is true, and,
// where the plugin is in use now, no plugins.allow or plugins.deny that keeps it out. nullopt: nothing has to
// change, `current` says nothing about the plugin, or one of the two cannot be read; then `restored` stays
// byte for byte. Comments are lost in a text that changes, as when OpenClaw itself writes it.
std::optional<std::string> keep_plugin_registration(
    std::string_view current, std::string_view restored,
    std::function<bool(std::string_view path)> const& names_plugin);

}  // namespace b2b
