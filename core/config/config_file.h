// Reading one configuration, credential or secrets file: bounded, regular files only, with the permissions it
// had.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

struct ConfigFile {
  std::string text;
  unsigned mode = 0;  // permission bits
};

// `doing` names the file's part for messages: "read the configuration file". not_found when nothing is there;
// bad_config for anything but a regular file (a FIFO would block for ever) and for more than `max_bytes`.
Result<ConfigFile> read_config_file(std::string const& path, std::uint64_t max_bytes, std::string_view doing);

// A warning when others than the owner may read a file that holds secrets; it names the chmod that ends it.
std::optional<std::string> open_secrets_warning(std::string const& path, unsigned mode,
                                                std::string_view what);

// Without the one line break that editors and `echo` put at the end.
std::string_view without_final_newline(std::string_view text);

// "~" and "~/…" become the home directory; what is relative then is taken from `base`; no '/' at the end
// stays.
std::string expand_path(std::string_view path, std::string const& base, std::string const& home);

}  // namespace b2b
