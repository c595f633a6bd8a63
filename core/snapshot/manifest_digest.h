// The digest at the end of our manifests. Internal to core/snapshot.
#pragma once

#include <optional>
#include <string>

#include "core/snapshot/manifest_fields.h"

namespace b2b::manifest {

// Verifies the digest of the manifest in `path` over the whole file, before anything of it is believed.
// `header` is what its beginning says, unverified. `none`: it has neither digest nor header, so it is not
// ours. Errors: as read_manifest().
Result<Signature> verify_digest(std::string const& path, SnapshotId const& id,
                                std::optional<Header> const& header, Keyring& keyring);

}  // namespace b2b::manifest
