// A snapshot's manifest as a local file.
#pragma once

#include <functional>
#include <string>

#include "core/engine/context.h"

namespace b2b {

// Downloads the manifest of `id`, decrypts it where it is encrypted (sister tools of the plugin do that) and hands the path of
// the file to `read`; the file is gone afterwards. When that ends with corrupt, wrong_key or transit, all of it is done
// once more with a fresh download before the failure is believed; `read` must begin anew then.
// not_found: there is no manifest.
Result<void> with_manifest_file(EngineContext& context, SnapshotId const& id, std::string const& scratch_dir,
                                std::function<Result<void>(std::string const& path)> const& read);

}  // namespace b2b
