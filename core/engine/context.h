// What every job of the engine works with: one state directory, one store, one prefix.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "core/capture/scope.h"
#include "core/config/config.h"
#include "core/crypto/key.h"
#include "core/engine/index.h"
#include "core/store/store.h"
#include "core/util/clock.h"

namespace b2b {

// One state directory on one machine. Snapshots carry the id.
struct Instance {
  std::string id;            // 32 hex digits of SHA-256(machine id, real path of the state directory)
  std::string host;
  std::string data_dir;      // <dataDir>/<id>/, 0700, made by open_instance()
};
Result<Instance> open_instance(Config const& config);
// The same without making its directory.
Result<Instance> find_instance(Config const& config);

// Counters that a job moves and a display reads, from any thread.
struct Progress {
  std::atomic<char const*> phase{""};          // "scanning", "uploading", "downloading", … (string literals)
  std::atomic<std::uint64_t> files_done{0};
  std::atomic<std::uint64_t> files_total{0};   // 0: not known yet
  std::atomic<std::uint64_t> bytes_done{0};
  std::atomic<std::uint64_t> bytes_total{0};
};

class PackedAccess;   // packed_repository.h

struct EngineContext {
  Config config;
  Instance instance;
  std::shared_ptr<Store> store;
  Clock* clock = nullptr;
  std::shared_ptr<Keyring> keyring;
  std::shared_ptr<Index> index;
  std::shared_ptr<PackedAccess> packed;   // the repository of the packed layout, opened when it is first needed
  std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::stop_token stop;
  bool uploads_follow = false;   // a coordinator uploads what waits on this machine, so a job that captures need not
  bool in_daemon = false;        // which can stop and start a gateway, if it is asked to
};

// Opens all of it: instance, index, keyring, and the store that `endpoint` picks (with region discovery for B2 when there is
// none). Makes no change in the store. A store that is away, and was opened before, is there by name only: its calls fail. bad_config, unreachable, permission, refused (we are not the owner of the state directory).
Result<EngineContext> open_engine(Config const& config, Clock& clock, std::stop_token stop);

// The name of the store that these settings opened before, which the records go by; nullopt: they never did.
Result<std::optional<std::string>> remembered_store_name(Config const& config, Index& index);

// The store alone.
Result<std::shared_ptr<Store>> open_store(Config const& config, Clock& clock, std::stop_token const& stop);

}  // namespace b2b
