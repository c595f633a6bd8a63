#include "core/packed/survey.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "core/packed/check_pack.h"
#include "core/packed/read_index.h"
#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

constexpr int lists_at_most = 5;

// `count` of them, by lot.
template <class T>
void choose(std::vector<T>& items, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t number = 0;
    random_bytes({reinterpret_cast<std::uint8_t*>(&number), sizeof number});
    std::swap(items[i], items[i + number % (items.size() - i)]);
  }
  items.resize(count);
}

}  // namespace

Result<std::unique_ptr<Survey>> Survey::make(Repository const& repository, std::string scratch_dir, std::stop_token stop) {
  B2B_ASSIGN(auto index, ChunkIndex::open(scratch_dir, repository.config.id));
  B2B_TRY(index->begin_live());
  auto own = std::make_shared<Repository>(repository.store, repository.prefix, repository.config, repository.master, std::move(index));
  std::unique_ptr<Survey> survey(new Survey(std::move(own), std::move(scratch_dir), std::move(stop)));
  B2B_TRY(survey->read_index());
  B2B_TRY(survey->list_packs());
  return survey;
}

Result<void> Survey::read_index() {
  // What is gone before it is read was replaced: the next list has what took its place.
  bool one_gone = true;
  for (int attempt = 1; one_gone && attempt <= lists_at_most; ++attempt) {
    B2B_ASSIGN(one_gone, read_all_listed());
  }
  return {};
}

// True when one was gone since they were listed.
Result<bool> Survey::read_all_listed() {
  B2B_ASSIGN(std::vector<IndexId> const there, list_index_objects(*repository_, stop_));
  B2B_ASSIGN(std::vector<IndexId> const known, repository_->index->index_objects());
  std::vector<IndexId> fresh;
  std::set_difference(there.begin(), there.end(), known.begin(), known.end(), std::back_inserter(fresh));
  bad_index_objects_.clear();
  bool one_gone = false;
  for (IndexId const& id : fresh) {
    auto const payload = read_index_object(*repository_, id, stop_);
    if (payload) {
      B2B_TRY(repository_->index->index_read(id, *payload));
      ++index_objects_;
    } else if (payload.error().condition == Condition::not_found) {
      one_gone = true;
    } else if (payload.error().condition == Condition::corrupt || payload.error().condition == Condition::transit ||
               payload.error().condition == Condition::limit) {
      bad_index_objects_.push_back({id, payload.error().message});
    } else {
      return payload.error();
    }
  }
  return one_gone;
}

Result<void> Survey::list_packs() {
  B2B_ASSIGN(auto const known, repository_->index->packs());  // in order of ids, as the store lists
  auto next = known.begin();
  auto const gone = [&](ChunkIndex::KnownPack const& pack) {
    bad_packs_.push_back({pack.id, "it is gone", true, false});
    real_bytes_.push_back(0);
  };
  ListOptions options;
  options.prefix = packs_prefix(repository_->prefix);
  B2B_TRY(repository_->store->list(
      options,
      [&](ListEntry const& entry) {
        auto const id = id_from_hex<PackId>(std::string_view(entry.object.key).substr(entry.object.key.rfind('/') + 1));
        if (!id || entry.object.key != pack_key(repository_->prefix, *id)) return true;
        for (; next != known.end() && next->id < *id; ++next) gone(*next);
        if (next == known.end() || next->id != *id) {
          unnamed_packs_.push_back({*id, entry.object.size, entry.object.modified});
          return true;
        }
        if (entry.object.size != next->bytes) {
          bad_packs_.push_back({*id, "it has " + std::to_string(entry.object.size) + " bytes instead of " + std::to_string(next->bytes), false, false});
          real_bytes_.push_back(entry.object.size);
        }
        ++next;
        return true;
      },
      stop_));
  for (; next != known.end(); ++next) gone(*next);
  return {};
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
  if (reading.percent < 100) choose(packs, (packs.size() * reading.percent + 99) / 100);

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
