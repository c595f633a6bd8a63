// Which secrets of the configuration open a repository of the packed layout, the master key that they lead to, and that the configured secret has a slot
// before anything is pushed that only it could restore.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/engine/context.h"
#include "core/packed/key_store.h"

namespace b2b {

struct ConfiguredSecret {
  packed::SlotSecret secret;
  std::string_view setting;   // "encryptionKey", "applicationKey", "decryptionKeys"
};

// Pure. The one that a new repository's first slot is for comes first: encryptionKey, or else the application key. Then the other of the two,
// then decryptionKeys, which may be either.
std::vector<ConfiguredSecret> configured_secrets(Config const& config);
// Pure. The setting of the secret that pushes rely on, which is the first of those: encryptionKey or applicationKey; empty: neither is set.
std::string_view relied_on_setting(Config const& config);
std::vector<packed::SlotSecret> slot_secrets(Config const& config);

// "packed.key" of the data directory. Empty: none is kept, since the data directory lies in the state directory and would be part of snapshots.
std::string key_file_path(EngineContext const& context);
// The repository's keys; the context must outlive it.
packed::KeyStore key_store(EngineContext& context);
// "openclaw-backup.repo in bucket agent-backup at …"
std::string repository_words(EngineContext const& context);

// nullopt: there is no repository under the prefix. Changes nothing in the store. Errors: wrong_key, corrupt, the store's.
Result<std::optional<packed::OpenedRepository>> open_repository_keys(EngineContext& context);
// Makes the repository when there is none. Errors: bad_config (encryption is off, or there is no secret), and as above.
Result<packed::OpenedRepository> open_or_create_repository_keys(EngineContext& context);

// Before a push. When the first configured secret is new to this machine, and once a day, it looks at the slots (a list request, a read for
// each slot): without one for that secret it adds one, whose label is the host; and when that is there for sure, the slots go that application
// keys had which this machine's pushes relied on before. What others made or use stays. With encryptionKey set the application key needs no
// slot, so its own goes like a former one's. Passphrases' slots never go by themselves: they may be on paper.
// What does not work out (a key that may not delete) is logged and remembered for the status, and never keeps anybody from a push. Errors: the
// index's, cancelled.
Result<void> tend_key_slots(EngineContext& context, packed::OpenedRepository const& opened);

}  // namespace b2b
