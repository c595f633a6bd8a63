#include <algorithm>

#include "core/packed/marks.h"
#include "core/packed/merge_index.h"
#include "core/packed/read_index.h"
#include "core/packed/repository.h"
#include "core/packed/sealed_object.h"
#include "core/util/encoding.h"
#include "core/util/log.h"

namespace b2b::packed {
namespace {

constexpr auto again_after = std::chrono::minutes(5);

bool is_damaged(Condition condition) { return condition == Condition::corrupt; }

}  // namespace

Result<void> sync_index(Repository& repository, std::vector<std::string>& problems, std::stop_token const& stop) {
  B2B_ASSIGN(TimePoint const began, repository.store->now(stop));  // of an answer before: rather too early than too late
  // In this order, marks, index, packs: a collection takes packs out of the index and away first, and then its mark. A mark that is not there
  // any more has done all that by now.
  B2B_TRY(read_marks(repository, stop, repository.read_only ? &problems : nullptr));
  B2B_ASSIGN(IndexNews const news, read_index_news(repository, is_damaged, stop));
  for (BadIndexObject const& bad : news.bad) problems.push_back(index_key(repository.prefix, bad.id) + ": " + bad.problem);
  // New ones came in before old ones go, so that no pack is forgotten between.
  for (IndexId const& id : news.gone) B2B_TRY(repository.index->index_gone(id));
  B2B_ASSIGN(bool const wait_long, repository.index->has_unindexed_before(began - push_limit));
  if (news.read > 0 || wait_long) B2B_TRY(look_for_packs(repository, stop));
  repository.synced_at = began;
  return {};
}

Result<bool> sync_again(Repository& repository, TimePoint seen, std::stop_token const& stop) {
  B2B_ASSERT(repository.read_only);  // a push relies on what its repository knew when it began
  std::scoped_lock lock(repository.syncing_again);
  TimePoint const synced = repository.synced_at;
  if (synced != seen) return true;
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  if (now - std::max(synced, repository.tried_again) < again_after) return false;
  repository.tried_again = now;
  std::vector<std::string> problems;
  B2B_TRY(sync_index(repository, problems, stop));
  for (std::string const& problem : problems) log_warning(problem);
  return true;
}

namespace {

// Since `since` so much time has passed that a collection may have come and gone.
Result<bool> slept(Repository const& repository, TimePoint since, std::stop_token const& stop) {
  B2B_ASSIGN(TimePoint const now, repository.store->now(stop));
  return now - since > push_limit;
}

}  // namespace

Result<std::uint64_t> write_index(Repository& repository, std::stop_token const& stop) {
  std::uint64_t written = 0;
  B2B_ASSIGN(TimePoint const began, repository.store->now(stop));
  B2B_ASSIGN(bool const wait_long, repository.index->has_unindexed_before(began - push_limit));
  if (wait_long) B2B_TRY(look_for_packs(repository, stop));
  while (true) {
    B2B_ASSIGN(std::vector<PackRecord> const packs, repository.index->packs_without_index(index_payload_bytes));
    if (packs.empty()) return written;
    B2B_ASSIGN(std::string object, seal_object(SealedKind::index, repository.master, repository.config.id, {}, format_index({}, packs)));
    IndexId const id = sha256(object);
    std::uint64_t const bytes = object.size();
    B2B_TRY(repository.store->put(index_key(repository.prefix, id), MemorySource(std::move(object)), stop));
    written += bytes;
    // An index object that comes late may name packs that are gone. Until it is recorded as ours, the next sync_index() looks for them, too.
    B2B_ASSIGN(bool const late, slept(repository, began, stop));
    std::vector<PackRecord> there(packs);
    if (late) {
      B2B_TRY(look_for_packs(repository, stop));
      B2B_ASSIGN(auto const known, repository.index->packs());
      std::erase_if(there, [&](PackRecord const& pack) {
        return std::none_of(known.begin(), known.end(), [&](ChunkIndex::KnownPack const& one) { return one.id == pack.id; });
      });
    }
    B2B_TRY(repository.index->index_written(id, there));
  }
}

}  // namespace b2b::packed
