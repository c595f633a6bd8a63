// The key a snapshot is written with, and a way to tell later whether it is still the same one.
#pragma once

#include <optional>
#include <string>

#include "core/engine/context.h"

namespace b2b {

struct WriterKey {
  Salt salt{};
  std::optional<Key> key;        // none: no passphrase at all (and then no encryption)
  bool encrypt = false;
};

// Derives the current passphrase's key for `salt` (one scrypt), or none when there is no passphrase.
Result<WriterKey> derive_writer_key(EngineContext& context, Salt const& salt);
Salt fresh_salt();

// Says whether two pushes used the same passphrase and mode, without a derivation and without telling the passphrase:
// HMAC under a random key that never leaves the index.
Result<std::string> key_check(EngineContext& context);

}  // namespace b2b
