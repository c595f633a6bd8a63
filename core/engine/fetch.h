// Fetches the contents of a snapshot's files, whatever its layout, and verifies everything.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/engine/bucket.h"
#include "core/engine/context.h"

namespace b2b {

// Not about one file: going on would fail for every other one, after as long a wait.
bool ends_everything(Condition condition);

struct WantedBody {
  CatalogEntry const* entry = nullptr;
  std::string destination;
};

// One of them is there. False: stop.
using BodyDone = std::function<bool(std::size_t number)>;

class BodyFetcher {
 public:
  virtual ~BodyFetcher() = default;

  // This file will be wanted, in about this order: what is known before is fetched in fewer and larger requests. Not while fetch() runs.
  virtual Result<void> expect(CatalogEntry const& entry) = 0;

  // Fetches many files in whichever order is the quickest, as fetch() does each. `done` is called once for each that is there, by any thread, by
  // several at a time. What it is not called for is to be fetched by fetch(), which tells why it cannot be had: all of them where there
  // is nothing to gain. One call at a time, not while fetch() runs. Errors: only those that end everything.
  virtual Result<void> fetch_together(std::span<WantedBody const>, BodyDone const&) { return {}; }

  // Writes the verified plaintext to the new file `destination` (0600, not synced). Thread-safe.
  // wrong_key / corrupt / not_found / transit as in DESIGN ("every object fails → key; one → damage"): after all fetches,
  // diagnose() words the failures as one.
  virtual Result<void> fetch(CatalogEntry const& entry, std::string const& destination) = 0;

  // A sentence for the person when fetches failed: "every object failed: the key is probably wrong …", else empty.
  virtual std::string diagnose() const = 0;
};

// `by_name`: the person named this snapshot, so plaintext bodies in an encrypted set are allowed if it is the plugin's (rule 13).
// The snapshot need not outlive the fetcher, `scratch_dir` must.
Result<std::unique_ptr<BodyFetcher>> make_fetcher(EngineContext& context, LoadedSnapshot const& snapshot, std::string const& scratch_dir,
                                                  bool by_name);

}  // namespace b2b
