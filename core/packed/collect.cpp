#include "core/packed/collect.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/packed/hidden_repository.h"
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
  Collection(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop, CollectLimits const& limits)
      : repository_(std::move(repository)), index_(*repository_->index), scratch_dir_(scratch_dir), stop_(stop), limits_(limits) {}

  Result<CollectReport> run() {
    // Before anything is read: however long this machine sleeps meanwhile, what is old enough by now was old enough when it was read.
    B2B_ASSIGN(now_, repository_->store->now(stop_));
    B2B_TRY(refuse_hidden_snapshots(*repository_->store, repository_->prefix, stop_));
    std::vector<std::string> problems;
    auto const synced = sync_index(*repository_, problems, stop_);
    if (!synced && synced.error().condition == Condition::corrupt) return refused(synced.error().message);  // a mark
    B2B_TRY(synced);
    if (!problems.empty()) return refused("an index object cannot be read (" + problems.front() + ")");
    B2B_ASSIGN(auto const marks, read_marks(*repository_, stop_));
    B2B_TRY(list_packs());
    B2B_TRY(find_live());
    for (Mark const& mark : marks) {
      bool const ours = mark.owner == index_.owner();
      if (ours && mark.written + mark_wait < now_) B2B_TRY(sweep(mark));
      if (!ours) B2B_TRY(drop_if_idle(mark));
    }
    B2B_TRY(write_index(*repository_, stop_));  // of what was interrupted
    B2B_TRY(share_out());
    // What can go is marked even when there is no room for new packs.
    auto const repacked = repack_some();
    B2B_TRY(mark_more());
    B2B_TRY(repacked);
    B2B_ASSIGN(report_.indexes_merged, merge_index(*repository_, limits_.merge, stop_));
    B2B_ASSIGN(auto const forgotten, index_.packs_to_forget());
    report_.packs_to_forget = forgotten.size();
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

  // What is needed of each pack that stays. A chunk in several packs counts for one of them: for one that cannot go yet, or else for the one
  // of which the most is needed, and the newest of those; so that the others can go.
  Result<void> share_out() {
    B2B_ASSIGN(auto const known, index_.pack_uses());
    std::vector<Use> uses;
    for (ChunkIndex::PackUse const& use : known) {
      auto const stored = stored_.find(use.id);
      // What is not among them was stored since they were listed.
      bool const old = stored != stored_.end() && !is_young(use.id);
      double const share = static_cast<double>(use.live_bytes) / static_cast<double>(std::max<std::uint64_t>(use.box_bytes, 1));
      uses.push_back({{use.id, use.bytes, use.box_bytes, 0, false}, share, old, old ? stored->second.written : now_});
    }
    std::sort(uses.begin(), uses.end(), [](Use const& a, Use const& b) {
      if (a.old != b.old) return b.old;
      if (a.live_share != b.live_share) return a.live_share > b.live_share;
      return a.written != b.written ? a.written > b.written : a.pack.id < b.pack.id;
    });
    std::vector<PackId> order;
    for (Use const& use : uses) order.push_back(use.pack.id);
    B2B_ASSIGN(auto const given, index_.share_out_live(order));
    for (std::size_t i = 0; i < given.size(); ++i) uses[i].pack.needed = given[i];
    uses_ = std::move(uses);
    return {};
  }

  Result<void> repack_some() {
    B2B_ASSIGN(auto const forgotten, index_.packs_to_forget());
    std::vector<RepackCandidate> candidates;
    for (Use const& use : uses_) {
      if (!use.old || use.pack.needed == 0) continue;
      candidates.push_back(use.pack);
      candidates.back().forgotten = std::binary_search(forgotten.begin(), forgotten.end(), use.pack.id);
    }
    auto const chosen = choose_packs(std::move(candidates), limits_.repack);
    if (chosen.empty()) return {};
    B2B_ASSIGN(auto const repacked, repack(repository_, chosen, scratch_dir_, stop_));
    report_.packs_repacked = repacked.packs;
    report_.bytes_repacked = repacked.bytes;
    return share_out();
  }

  Result<void> mark_more() {
    std::vector<PackId> marked;
    for (Use const& use : uses_)
      if (use.old && use.pack.needed == 0) marked.push_back(use.pack.id);
    B2B_ASSIGN(auto const condemned, index_.condemned());
    for (PackId const& id : unknown_)
      if (stored_.contains(id) && !is_young(id) && !std::binary_search(condemned.begin(), condemned.end(), id)) marked.push_back(id);
    if (marked.empty()) return {};
    for (PackId const& id : marked) report_.bytes_marked += stored_.at(id).bytes;
    report_.packs_marked = marked.size();
    return write_mark(*repository_, marked, stop_);
  }

  struct Use {
    RepackCandidate pack;
    double live_share = 0;   // of its boxes, whether others have them or not
    bool old = false;        // enough to be marked
    TimePoint written{};
  };

  std::shared_ptr<Repository> repository_;
  ChunkIndex& index_;
  std::string const& scratch_dir_;
  std::stop_token stop_;
  std::map<PackId, StoredPack> stored_;    // what lies in the store
  std::set<PackId> unknown_;               // of that, what no index object names
  std::vector<Use> uses_;
  CollectLimits const& limits_;
  TimePoint now_{};   // when this began, by the store's clock
  CollectReport report_;
};

}  // namespace

Result<CollectReport> collect(std::shared_ptr<Repository> repository, std::string const& scratch_dir, std::stop_token const& stop,
                              CollectLimits const& limits) {
  return Collection(std::move(repository), scratch_dir, stop, limits).run();
}

}  // namespace b2b::packed
