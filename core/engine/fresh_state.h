// Is a state directory still as a new installation leaves it? OpenClaw itself and `openclaw plugins install`
// make databases and configuration before anybody has said a word to an agent; such a directory may be
// restored over.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "core/util/error.h"

namespace b2b {

// The first sign that the state directory was used, for the person ("holds the transcript
// agents/main/sessions/a.jsonl"); nullopt: none found, it is fresh. What cannot be read counts as used. Reads
// databases (read-only), so nothing else in this process may have them open with SQLite.
Result<std::optional<std::string>> sign_of_use(std::string const& state_dir, std::stop_token const& stop);

// Pure. Does a row in this table of this database (path relative to the state directory) mean that it was
// used?
bool table_tells_of_use(std::string_view database_path, std::string_view table);

}  // namespace b2b
