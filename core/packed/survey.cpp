#include "core/packed/survey.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "core/packed/check_pack.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

bool is_bad_index_object(Condition condition) {
  return condition == Condition::corrupt || condition == Condition::transit || condition == Condition::limit;
}

// `count` of them, by lot, in random order.
template <class T>
void choose(std::vector<T>& items, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t number = 0;
    random_bytes({reinterpret_cast<std::uint8_t*>(&number), sizeof number});
    std::swap(items[i], items[i + number % (items.size() - i)]);
  }
  items.resize(count);
}

// The first ones of so many bytes together, one at least.
void keep_within(std::vector<ChunkIndex::NeededPack>& packs, std::uint64_t bytes_max) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < packs.size(); ++i) {
    bytes += packs[i].bytes;
    if (i == 0 || bytes <= bytes_max) continue;
    packs.resize(i);
    return;
  }
}

}  // namespace

Result<std::unique_ptr<Survey>> Survey::make(Repository const& repository, std::string scratch_dir, std::stop_token stop) {
  B2B_ASSIGN(auto index, ChunkIndex::open(scratch_dir, repository.config.id));
  B2B_TRY(index->begin_live());
  auto own = std::make_shared<Repository>(repository.store, repository.prefix, repository.config, repository.master, std::move(index));
  std::unique_ptr<Survey> survey(new Survey(std::move(own), std::move(scratch_dir), std::move(stop)));
  B2B_ASSIGN(survey->index_, read_index_news(*survey->repository_, is_bad_index_object, survey->stop_));
  B2B_TRY(survey->list_packs());
  return survey;
}

Result<void> Survey::list_packs() {
  auto const there = [this](StoredPack const& pack, ChunkIndex::KnownPack const* known) {
    if (known == nullptr) {
      unnamed_packs_.push_back(pack);
    } else if (pack.bytes != known->bytes) {
      bad_packs_.push_back({pack.id, "it has " + std::to_string(pack.bytes) + " bytes instead of " + std::to_string(known->bytes), false, false});
      real_bytes_.push_back(pack.bytes);
    }
  };
  auto const gone = [this](PackId const& id) {
    bad_packs_.push_back({id, "it is gone", true, false});
    real_bytes_.push_back(0);
  };
  return compare_packs(*repository_, there, gone, stop_);
}

Result<void> Survey::check_packs(Reading const* reading) {
  B2B_ASSIGN(auto const needed, repository_->index->needed_packs());
  needed_packs_ = needed.size();
  auto const before = [](ChunkIndex::NeededPack const& pack, PackId const& id) { return pack.id < id; };
  for (BadPack& pack : bad_packs_) {
    auto const at = std::lower_bound(needed.begin(), needed.end(), pack.id, before);
    pack.needed = at != needed.end() && at->id == pack.id;
  }
  if (reading != nullptr) B2B_TRY(read_packs(needed, *reading));
  for (std::size_t i = 0; i < real_bytes_.size(); ++i) B2B_TRY(repository_->index->forget_boxes_past(bad_packs_[i].id, real_bytes_[i]));
  return {};
}

Result<void> Survey::read_packs(std::vector<ChunkIndex::NeededPack> packs, Reading const& reading) {
  std::set<PackId> listed_bad;
  for (BadPack const& pack : bad_packs_) listed_bad.insert(pack.id);
  std::set<PackId> gone;
  for (BadPack const& pack : bad_packs_)
    if (pack.gone) gone.insert(pack.id);
  std::erase_if(packs, [&](ChunkIndex::NeededPack const& pack) { return gone.contains(pack.id); });
  choose(packs, (packs.size() * std::min(reading.percent, 100U) + 99) / 100);
  keep_within(packs, reading.bytes_max);

  std::mutex mutex;  // of the next one, and of bad_packs_
  std::optional<Error> failure;
  auto const read = [&](ChunkIndex::NeededPack const& pack) -> Result<void> {
    B2B_ASSIGN(auto const record, repository_->index->pack(pack.id));
    B2B_ASSERT(record.has_value());
    B2B_ASSIGN(PackFinding const finding, check_stored_pack(*repository_, *record, join_path(scratch_dir_, to_hex(pack.id)), stop_));
    if (!finding.bad_boxes.empty()) B2B_TRY(repository_->index->forget_boxes(pack.id, finding.bad_boxes));
    std::scoped_lock lock(mutex);
    if (!finding.problem.empty() && !listed_bad.contains(pack.id)) bad_packs_.push_back({pack.id, finding.problem, finding.gone, true});
    if (reading.done) reading.done(finding.bytes_read);
    return {};
  };
  auto const failed = [&] {
    std::scoped_lock lock(mutex);
    return failure.has_value();
  };
  {
    WorkerPool pool(std::max<std::size_t>(1, reading.threads), 1);
    for (ChunkIndex::NeededPack const& pack : packs) {
      if (failed()) break;
      pool.submit([&, pack] {
        if (failed()) return;
        if (auto const done = read(pack); !done) {
          std::scoped_lock lock(mutex);
          if (!failure) failure = done.error();
        }
      });
    }
    pool.wait();
  }
  if (failure) return *failure;
  return {};
}

Result<bool> Survey::is_lost(ChunkType type, ChunkId const& id) {
  B2B_ASSIGN(auto const found, repository_->index->find(type, id));
  return !found;
}

}  // namespace b2b::packed
