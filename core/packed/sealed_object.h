// Index, snapshot and mark objects: one encrypted payload each (docs/format.md, "Sealed objects"). Pure but for the random salt.
#pragma once

#include <string>
#include <string_view>

#include "core/crypto/key.h"
#include "core/packed/format.h"
#include "core/util/error.h"

namespace b2b::packed {

enum class SealedKind { index, snapshot, mark };

// The whole object. `name`: what the object's key must be for it to open: the snapshot id, the name of a mark; empty for an index
// object.
// limit: the payload is over max_payload_bytes.
Result<std::string> seal_object(SealedKind kind, Key const& master, RepositoryId const& repository, std::string_view name,
                                std::string_view payload);

// The payload. corrupt: not such an object, damaged, of another repository or under another name. Never wrong_key: that the
// master key is the repository's was shown when its slot was opened.
Result<std::string> open_object(SealedKind kind, Key const& master, RepositoryId const& repository, std::string_view name,
                                std::string_view object);

}  // namespace b2b::packed
