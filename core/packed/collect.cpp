#include "core/packed/collect.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/packed/marks.h"
#include "core/packed/merge_index.h"
#include "core/packed/snapshots.h"

namespace b2b::packed {
namespace {

class LiveChunks : public EntryLineVisitor {
 public:
  explicit LiveChunks(ChunkIndex& index) : index_(index) {}
  Result<void> entry(Entry&&, std::uint64_t) override { return {}; }
  Result<void> chunks(std::span<ChunkId const> ids, bool) override { return index_.add_live(ChunkType::data, ids); }

 private:
  ChunkIndex& index_;
};

class Collection {
 public:
  Collection(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop)
      : repository_(std::move(repository)), index_(*repository_->index), scratch_dir_(scratch_dir), stop_(stop) {}

  Result<CollectReport> run() {
    std::vector<std::string> problems;
    auto const synced = sync_index(*repository_, problems, stop_);
    if (!synced && synced.error().condition == Condition::corrupt) return refused(synced.error().message);  // a mark
    B2B_TRY(synced);
    if (!problems.empty()) return refused("an index object cannot be read (" + problems.front() + ")");
    B2B_ASSIGN(auto const marks, read_marks(*repository_, stop_));
    B2B_TRY(list_packs());
    B2B_TRY(find_live());
    B2B_ASSIGN(now_, repository_->store->now(stop_));
    for (Mark const& mark : marks) {
      bool const ours = mark.owner == index_.owner();
      if (ours && mark.written + mark_wait < now_) B2B_TRY(sweep(mark));
      if (!ours) B2B_TRY(drop_if_idle(mark));
    }
    B2B_TRY(mark_more());
    return report_;
  }

 private:
  static Error refused(std::string const& why) {
    return make_error(Condition::refused, "nothing is collected, since " + why + ": what is still needed cannot be told",
                      "daemonctl verify names what is damaged");
  }

  Result<void> find_live() {
    B2B_TRY(index_.begin_live());
    B2B_ASSIGN(auto const ids, list_snapshots(*repository_->store, repository_->prefix, stop_));
    ChunkReader reader(repository_, scratch_dir_, stop_);
    for (SnapshotId const& id : ids) {
      auto const snapshot = read_snapshot(*repository_, id, stop_);
      if (!snapshot && snapshot.error().condition == Condition::not_found) continue;  // pruned just now
      LiveChunks live(index_);
      auto const read = snapshot ? read_list(reader, *snapshot, live) : Result<void>(snapshot.error());
      if (!read) {
        Condition const condition = read.error().condition;
        bool const damaged = condition == Condition::corrupt || condition == Condition::not_found || condition == Condition::unsupported;
        return damaged ? refused("snapshot " + id.text + " cannot be read (" + read.error().message + ")") : read.error();
      }
      B2B_TRY(index_.add_live(ChunkType::list, snapshot->list));
    }
    B2B_ASSIGN(std::uint64_t const missing, index_.count_missing_live());
    if (missing > 0) return refused(std::to_string(missing) + " pieces of snapshots are missing");
    return {};
  }

  // What lies in the store, and what of it no index object names.
  Result<void> list_packs() {
    B2B_TRY(look_for_packs(*repository_, stop_, [this](StoredPack const& pack) { stored_[pack.id] = pack; }));
    for (auto const& each : stored_) unknown_.insert(unknown_.end(), each.first);
    B2B_ASSIGN(auto const known, index_.packs());
    for (ChunkIndex::KnownPack const& pack : known) unknown_.erase(pack.id);
    return {};
  }

  // Perhaps somebody's who pushes.
  bool is_young(PackId const& id) const { return stored_.at(id).written + orphan_age >= now_; }

  Result<void> sweep(Mark const& mark) {
    std::vector<PackId> there;
    for (PackId const& id : mark.packs)
      if (stored_.contains(id)) there.push_back(id);
    std::vector<PackId> leaving;
    if (!there.empty()) {
      B2B_ASSIGN(leaving, index_.removable(there));
      for (PackId const& id : there)
        if (unknown_.contains(id)) leaving.push_back(id);
    }
    report_.packs_spared += there.size() - leaving.size();
    B2B_TRY(remove(leaving));
    // Only now does nobody need to be warned of them any more.
    B2B_TRY(remove_all(*repository_->store, mark_key(repository_->prefix, mark.name), stop_));
    B2B_TRY(read_marks(*repository_, stop_));  // what was spared counts again
    return {};
  }

  // Somebody else's mark warns of nothing any more when all it names is gone: a pack's name never comes again.
  Result<void> drop_if_idle(Mark const& mark) {
    for (PackId const& id : mark.packs)
      if (stored_.contains(id)) return {};
    return remove_all(*repository_->store, mark_key(repository_->prefix, mark.name), stop_);
  }

  Result<void> remove(std::vector<PackId> const& leaving) {
    if (leaving.empty()) return {};
    B2B_ASSIGN(auto const rewrite, index_.without(leaving));
    B2B_TRY(write_rewrite(*repository_, rewrite, stop_));
    for (PackId const& id : leaving) {
      B2B_TRY(remove_all(*repository_->store, pack_key(repository_->prefix, id), stop_));
      B2B_TRY(index_.pack_gone(id));
      ++report_.packs_removed;
      report_.bytes_removed += stored_.at(id).bytes;
      stored_.erase(id);
    }
    return remove_replaced(*repository_, rewrite.replaced, stop_);
  }

  Result<void> mark_more() {
    B2B_ASSIGN(auto marked, index_.removable({}));
    B2B_ASSIGN(auto const condemned, index_.condemned());
    for (PackId const& id : unknown_)
      if (!std::binary_search(condemned.begin(), condemned.end(), id)) marked.push_back(id);
    std::erase_if(marked, [&](PackId const& id) { return !stored_.contains(id) || is_young(id); });
    if (marked.empty()) return {};
    for (PackId const& id : marked) report_.bytes_marked += stored_.at(id).bytes;
    report_.packs_marked = marked.size();
    return write_mark(*repository_, marked, stop_);
  }

  std::shared_ptr<Repository> repository_;
  ChunkIndex& index_;
  std::string const& scratch_dir_;
  std::stop_token stop_;
  std::map<PackId, StoredPack> stored_;    // what lies in the store
  std::set<PackId> unknown_;               // of that, what no index object names
  TimePoint now_{};
  CollectReport report_;
};

}  // namespace

Result<CollectReport> collect(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop) {
  return Collection(std::move(repository), scratch_dir, stop).run();
}

}  // namespace b2b::packed
