// Marks: what a collection is about to remove, told a day before (docs/format.md, "Collection").
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/packed/repository.h"
#include "core/util/clock.h"

namespace b2b::packed {

struct Mark {
  std::string name;              // 32 hex
  TimePoint written{};           // by the store's clock
  OwnerId owner{};               // only this one removes what it names
  std::vector<PackId> packs;
};

std::string format_mark(OwnerId const& owner, std::span<PackId const> packs);
Result<Mark> parse_mark(std::string_view payload);  // owner and packs; corrupt

// All of them; and the record of chunks counts what they name as absent from here on. Where a mark is gone that was there the last time, the
// store is asked which packs are there, since an index object need not tell of it. Errors: corrupt, since what an unreadable mark names is
// not known; the store's. With `problems` unreadable ones are left out and named there: for those who rely on nothing that marks tell.
Result<std::vector<Mark>> read_marks(Repository& repository, std::stop_token const& stop, std::vector<std::string>* problems = nullptr);
Result<void> write_mark(Repository& repository, std::span<PackId const> packs, std::stop_token const& stop);

// A pack in the store.
struct StoredPack {
  PackId id{};
  std::uint64_t bytes = 0;
  TimePoint written{};
};

// The packs that are in the store beside those that the record knows (null: it does not), and those that only the record knows: together in
// order of ids. One request for a thousand packs.
Result<void> compare_packs(Repository& repository, std::function<void(StoredPack const&, ChunkIndex::KnownPack const*)> const& there,
                           std::function<void(PackId const&)> const& gone, std::stop_token const& stop);

// Asks the store which packs are there, and forgets those that are not. One request for a thousand packs. `visit` sees all that are there.
Result<void> look_for_packs(Repository& repository, std::stop_token const& stop, std::function<void(StoredPack const&)> const& visit = {});

}  // namespace b2b::packed
