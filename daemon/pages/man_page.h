// Manual pages, in troff with the man macros: what man and mandoc read. Pure.
#pragma once

#include <span>
#include <string>

#include "core/config/schema.h"
#include "daemon/pages/command.h"

namespace b2b::pages {

// What stands at the top and bottom of each page.
struct Edition {
  std::string version;
  std::string date;  // of the release, 2026-11-26: the same build makes the same page
};

// Text made safe: nothing in it is taken for a command, and hyphens stay what can be copied.
std::string troff(std::string_view text);
// A whole page with its long lines broken at blanks, as readers of its source like it.
std::string broken_lines(std::string_view page);

std::string daemonctl_page(Command const& program, std::span<KeySpec const> keys, Edition const& edition);    // daemonctl(1)
std::string b2backupd_page(Command const& program, std::span<KeySpec const> keys, Edition const& edition);    // b2backupd(8)
std::string configuration_page(std::span<KeySpec const> keys, Edition const& edition);                        // b2backupd-config(5)

}  // namespace b2b::pages
