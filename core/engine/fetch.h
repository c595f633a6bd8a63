// Fetches bodies: from the snapshot's own folder, or, for snapshots that the plugin wrote incrementally, from whichever other
// snapshot holds an object of that hash ("rescue"). Verifies everything; fetches again once when it does not verify.
#pragma once

#include <memory>
#include <string>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

class BodyFetcher {
 public:
  // `by_name`: the person named this snapshot, so plaintext bodies in an encrypted set are allowed if it is the plugin's (rule 13).
  BodyFetcher(EngineContext& context, SnapshotInfo const& info, Signature signature, std::string scratch_dir, bool by_name);
  ~BodyFetcher();

  // Writes the verified plaintext to the new file `destination` (0600, not synced). Thread-safe.
  // wrong_key / corrupt / not_found / transit as in DESIGN ("every object fails → key; one → damage"): after all fetches,
  // diagnose() words the failures as one.
  Result<void> fetch(CatalogEntry const& entry, std::string const& destination);

  // Where the stored object of this entry is: its key, looked for in other snapshots when it is missing in its own.
  Result<std::string> locate(CatalogEntry const& entry);

  // A sentence for the person when fetches failed: "every object failed: the key is probably wrong …", else empty.
  std::string diagnose() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
