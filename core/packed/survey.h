// What a repository is worth: it is seen as by a machine that knows nothing of it, through a record of chunks of its own, made from the bucket
// in a scratch folder. What turns out to be damaged is taken out of that record, so in the end it names what can be read, and nothing else.
// The repository's own record is neither trusted nor touched. Memory is bounded but for the packs, some 200 bytes each.
//
// In this order: make(), need() for all that snapshots name, check_packs(), is_lost(). One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/packed/marks.h"
#include "core/packed/read_index.h"
#include "core/packed/repository.h"

namespace b2b::packed {

struct BadPack {
  PackId id{};
  std::string problem;      // "it is gone", "2 of its 500 chunks are damaged", …
  bool gone = false;
  bool needed = false;      // a snapshot names a chunk of it (which another pack may have as well)
};

class Survey {
 public:
  // Reads all index objects and lists the packs. `scratch_dir`: this survey's alone, and there until it is gone.
  static Result<std::unique_ptr<Survey>> make(Repository const& repository, std::string scratch_dir, std::stop_token stop);

  // Over the record of this survey: for ChunkReader and read_list().
  std::shared_ptr<Repository> const& repository() const { return repository_; }
  std::uint64_t index_objects() const { return index_.read; }                       // that can be read
  std::vector<BadIndexObject> const& bad_index_objects() const { return index_.bad; }
  std::vector<StoredPack> const& unnamed_packs() const { return unnamed_packs_; }   // in the store, and in no index object that can be read

  Result<void> need(ChunkType type, std::span<ChunkId const> ids) { return repository_->index->add_live(type, ids); }

  // Which packs are gone, or not as long as the index says; and with `reading` which of those that are needed are damaged inside: `percent` of
  // them, chosen by lot, at least one, are read from end to end, several at a time, until they are `bytes_max`. In the scratch folder lies a
  // pack for each thread.
  // `done`: after each pack, its bytes; calls come one at a time.
  struct Reading {
    unsigned percent = 100;
    std::uint64_t bytes_max = std::uint64_t{1} << 60;
    std::size_t threads = 4;
    std::function<void(std::uint64_t bytes)> done;
  };
  Result<void> check_packs(Reading const* reading);

  std::vector<BadPack> const& bad_packs() const { return bad_packs_; }
  std::uint64_t needed_packs() const { return needed_packs_; }   // after check_packs()
  Result<bool> is_lost(ChunkType type, ChunkId const& id);       // no pack has it, as far as was looked
  Result<std::uint64_t> count_lost() { return repository_->index->count_missing_live(); }

 private:
  Survey(std::shared_ptr<Repository> repository, std::string scratch_dir, std::stop_token stop)
      : repository_(std::move(repository)), scratch_dir_(std::move(scratch_dir)), stop_(std::move(stop)) {}
  Result<void> list_packs();
  Result<void> read_packs(std::vector<ChunkIndex::NeededPack> packs, Reading const& reading);

  std::shared_ptr<Repository> repository_;
  std::string const scratch_dir_;
  std::stop_token const stop_;
  IndexNews index_;
  std::vector<StoredPack> unnamed_packs_;
  std::vector<std::uint64_t> real_bytes_;   // of the first bad packs: those that the list showed
  std::vector<BadPack> bad_packs_;
  std::uint64_t needed_packs_ = 0;
};

}  // namespace b2b::packed
