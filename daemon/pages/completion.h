// Completions for shells: the text of a file that the shell reads. They know verbs, options, files and folders, choices, and the keys
// of the configuration after --set; they ask no program and no store. Pure.
#pragma once

#include <span>
#include <string>

#include "core/config/schema.h"
#include "daemon/pages/command.h"

namespace b2b::pages {

std::string bash_completion(Command const& program, std::span<KeySpec const> keys);
std::string zsh_completion(Command const& program, std::span<KeySpec const> keys);
std::string fish_completion(Command const& program, std::span<KeySpec const> keys);
std::string powershell_completion(Command const& program, std::span<KeySpec const> keys);

// "prefix=" for each key.
std::vector<std::string> settings_of(std::span<KeySpec const> keys);

}  // namespace b2b::pages
