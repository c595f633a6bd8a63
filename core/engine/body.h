// One stored body: downloaded, opened, verified, written.
#pragma once

#include <string>

#include "core/engine/context.h"

namespace b2b {

enum class PlaintextBodies { allowed, refused };

// Downloads the object `key`, opens it, checks it against the entry's hash and size and writes the plaintext to the new
// file `destination` (0600, not synced); an empty `destination` only verifies. What does not open or does not match is
// downloaded once more before it is believed. Memory is bounded; a body of up to 256 KiB touches no scratch file.
// `plaintext` refused: a body that is not encrypted counts as corrupt, whatever its hash.
// Errors: not_found or permission from the store, wrong_key, corrupt, transit (both downloads failed), the store's others.
Result<void> fetch_object(EngineContext& context, std::string const& key, Entry const& entry, PlaintextBodies plaintext,
                          std::string const& scratch_dir, std::string const& destination);

}  // namespace b2b
