// Which secrets of the configuration open a repository of the packed layout, and the master key that they lead to.
#pragma once

#include <optional>
#include <vector>

#include "core/config/config.h"
#include "core/engine/context.h"
#include "core/packed/key_store.h"

namespace b2b {

// Pure. The one that a new repository's first slot is for comes first: encryptionKey, or else the application key. Then the other of the two,
// then decryptionKeys, which may be either.
std::vector<packed::SlotSecret> slot_secrets(Config const& config);

// nullopt: there is no repository under the prefix. Errors: wrong_key, corrupt, the store's.
Result<std::optional<packed::OpenedRepository>> open_repository_keys(EngineContext& context);
// Makes the repository when there is none. Errors: bad_config (encryption is off, or there is no secret), and as above.
Result<packed::OpenedRepository> open_or_create_repository_keys(EngineContext& context);

}  // namespace b2b
