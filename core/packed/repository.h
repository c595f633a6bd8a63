// A repository of the packed layout, opened: all that its readers and writers share. Immutable but for the index, which is thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/chunk_id.h"
#include "core/packed/chunk_index.h"
#include "core/packed/chunker.h"
#include "core/packed/config_object.h"
#include "core/store/store.h"

namespace b2b::packed {

struct Repository {
  Repository(std::shared_ptr<Store> store_in, std::string prefix_in, RepositoryConfig const& config_in, Key const& master_in,
             std::shared_ptr<ChunkIndex> index_in, bool read_only_in = false)
      : store(std::move(store_in)),
        prefix(std::move(prefix_in)),
        config(config_in),
        master(master_in),
        keys(master),
        gear(keys.gear_key()),
        index(std::move(index_in)),
        read_only(read_only_in) {}

  std::shared_ptr<Store> store;
  std::string prefix;               // of the plugin's layout; the repository is its sibling
  RepositoryConfig config;
  Key master;
  ChunkKeys keys;
  GearTable gear;
  std::shared_ptr<ChunkIndex> index;
  // Nothing is written on the strength of this one, and its index is its user's own: marks that cannot be read are no obstacle then.
  bool const read_only;
  // When what we know of the packs was last seen to be so, by the store's clock; set by sync_index().
  std::atomic<TimePoint> synced_at{};
  std::mutex syncing_again;   // sync_again(), one at a time
  TimePoint tried_again{};    // by it, the last time; with the mutex
};

// Brings our record in line with the index objects of the bucket: one list request, and a read for each that is new; then with the marks of
// collections (one list request), and, where index objects of others were new or packs wait for theirs for long, with the packs that are there.
// What cannot be read is left out and named in `problems`: chunks that only it knows count as absent. Call before chunks are looked up.
// Errors: corrupt (a mark cannot be read; where the repository is `read_only` that is one of the problems), the store's.
Result<void> sync_index(Repository& repository, std::vector<std::string>& problems, std::stop_token const& stop);

// For a long job that finds a pack gone: what was in it may lie elsewhere since. As sync_index(), for a repository that is `read_only`, unless
// somebody did so since `seen` (synced_at when the job looked), or within the last minutes. True when there is something new to look at: try
// again. Thread-safe. Errors: the store's.
Result<bool> sync_again(Repository& repository, TimePoint seen, std::stop_token const& stop);

// Writes index objects for all packs that are in the store and in none yet; returns how many bytes that took. Packs that were taken by a
// collection while this machine slept are forgotten instead.
Result<std::uint64_t> write_index(Repository& repository, std::stop_token const& stop);

}  // namespace b2b::packed
