#include "core/engine/restore_stage.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "core/engine/restore_target.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t most_transfers = 32;

// Rows that are read before any of them is fetched.
constexpr std::size_t most_waiting_bytes = 8 << 20;

struct WaitingRow {
  PlanRow row;
  CatalogEntry entry;
  std::size_t bytes() const {
    std::size_t sum = sizeof *this + 2 * (row.item.path.capacity() + row.item.mount_top.capacity()) + entry.entry.target.capacity();
    for (auto const& [name, value] : entry.entry.xattrs) sum += name.size() + value.size() + 64;
    return sum;
  }
};

class Stager {
 public:
  Stager(EngineContext& context, RestoreSite const& site, PlanStore& plan, Catalog& snapshot,
         BodyFetcher& fetcher, bool as_root)
      : context_(context),
        site_(site),
        tree_(*site.tree),
        plan_(plan),
        snapshot_(snapshot),
        fetcher_(fetcher),
        as_root_(as_root) {}

  Result<StageReport> run() {
    B2B_TRY(open_anchors());
    B2B_TRY(fetch_all());
    if (fatal_) return *fatal_;
    B2B_TRY(link_all());
    B2B_TRY(make_symlinks());
    if (fatal_) return *fatal_;
    if (fetch_failures_ > 0 && fetched_ == 0 && !staged_before_) return nothing_fetched();
    return std::move(report_);
  }

 private:
  Result<void> open_anchors() {
    for (auto const& [top, folder] : site_.folders) {
      B2B_ASSIGN(anchors_[top], tree_.anchor(join_path(folder, "new/anchor")));
    }
    return {};
  }

  // A path to a staged file for functions that take paths.
  std::string destination(PlanRow const& row) const {
    return join_path(parent_path(anchors_.at(row.item.mount_top).path), std::to_string(row.number));
  }

  Result<CatalogEntry> entry_of(PlanRow const& row) {
    B2B_ASSIGN(auto entry, snapshot_.find(row.item.path));
    if (!entry)
      return make_error(Condition::internal,
                        "the plan names " + printable(row.item.path) + ", the snapshot does not");
    return std::move(*entry);
  }

  // The row whose file this one is a hard link to, when that is to be made (and not just another body).
  Result<std::optional<PlanRow>> linked_row(PlanRow const& row, Entry const& entry) {
    using Found = std::optional<PlanRow>;
    if (entry.hard_link_of.empty() || entry.hard_link_of == row.item.path) return Found();
    B2B_ASSIGN(auto other, plan_.find(entry.hard_link_of));
    if (!other || other->item.type != EntryType::file || other->item.mount_top != row.item.mount_top)
      return Found();
    B2B_ASSIGN(auto const other_entry, entry_of(*other));
    bool const same = other_entry.entry.hard_link_of.empty() && other_entry.entry.hash == entry.hash &&
                      other_entry.entry.size == entry.size;
    bool const present = other->item.action == PlanAction::write_file ||
                         other->item.action == PlanAction::unchanged ||
                         other->item.action == PlanAction::set_metadata;
    if (!same || !present) return Found();
    return other;
  }

  Result<void> fetch_all() {
    std::vector<WaitingRow> waiting;
    std::size_t bytes = 0;
    B2B_TRY(plan_for_each(PlanAction::write_file, [&](PlanRow&& row) -> Result<void> {
      if (row.staged) staged_before_ = true;
      if (row.staged || ended()) return {};
      B2B_ASSIGN(CatalogEntry entry, entry_of(row));
      B2B_ASSIGN(auto const linked, linked_row(row, entry.entry));
      if (linked) return {};
      waiting.push_back({std::move(row), std::move(entry)});
      bytes += waiting.back().bytes();
      if (bytes < most_waiting_bytes) return {};
      bytes = 0;
      return fetch_rows(std::exchange(waiting, {}));
    }));
    return fetch_rows(waiting);
  }

  // Together what can be had so, one by one what is left.
  Result<void> fetch_rows(std::vector<WaitingRow> const& rows) {
    std::vector<WantedBody> wanted;
    for (WaitingRow const& waiting : rows)
      wanted.push_back({&waiting.entry, destination(waiting.row)});
    std::vector<char> there(rows.size());
    auto const together = fetcher_.fetch_together(wanted, [&](std::size_t number) {
      finish(rows[number].row, rows[number].entry.entry, true);
      there[number] = 1;
      return !ended();
    });
    if (!together && !over_ && ends_everything(together.error().condition)) {
      fatal_ = together.error();
      over_ = true;
    }
    if (ended()) return {};
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (there[i] == 0) B2B_TRY(fetcher_.expect(rows[i].entry));
    std::size_t const threads = std::clamp<std::size_t>(context_.store->traits().transfers, 1, most_transfers);
    WorkerPool pool(threads, threads * 2);
    for (std::size_t i = 0; i < rows.size() && !ended(); ++i)
      if (there[i] == 0) pool.submit([this, &waiting = rows[i]] { fetch(waiting.row, waiting.entry); });
    pool.wait();
    return {};
  }

  // The plan's batches are read under the mutex that the workers' marks take, too.
  template <class Visit>
  Result<void> plan_for_each(PlanAction action, Visit const& visit) {
    std::string last;
    for (bool first = true;; first = false) {
      std::vector<PlanRow> rows;
      {
        std::scoped_lock const guard(mutex_);
        B2B_ASSIGN(rows, plan_.batch(action, last, first));
      }
      if (rows.empty()) return {};
      last = rows.back().item.path;
      for (PlanRow& row : rows)
        B2B_TRY(visit(std::move(row)));
    }
  }

  bool ended() {
    if (context_.stop.stop_requested()) {
      std::scoped_lock const guard(mutex_);
      if (!fatal_)
        fatal_ = make_error(Condition::cancelled, "the restore was interrupted", "Nothing was changed");
      over_ = true;
    }
    return over_;
  }

  void fetch(PlanRow const& row, CatalogEntry const& entry) {
    if (ended()) return;
    auto result = fetcher_.fetch(entry, destination(row));
    if (!result) return failed(row, result.error(), true);
    finish(row, entry.entry, true);
  }

  // Sets what belongs to the staged file and marks it in the plan.
  void finish(PlanRow const& row, Entry const& entry, bool fetched) {
    std::string const staged = site_.staged(row);
    auto const fd = tree_.open_file(staged);
    if (!fd && fetched) return failed(row, fd.error(), true);
    bool const database = fd && begins_like_a_database(fd->get());
    if (fetched) set_metadata(row, entry, staged, fd->get());
    std::scoped_lock const guard(mutex_);
    auto const marked = plan_.set_staged(row.number, database);
    if (!marked) {
      if (!fatal_) fatal_ = marked.error();
      over_ = true;
      return;
    }
    ++report_.staged;
    if (fetched) {
      ++fetched_;
      report_.bytes += entry.size;
    }
    count(entry.size);
  }

  void set_metadata(PlanRow const& row, Entry const& entry, std::string const& staged, int fd) {
    NodeMetadata wanted = metadata_of(entry, as_root_);
    // The plugin's snapshots know no modes: what is there keeps its own.
    if (!entry.has_metadata && row.item.existing && row.item.existing->type == NodeType::file)
      wanted.mode = row.item.existing->mode;
    auto const attributes = entry.has_metadata ? tree_.set_attributes(staged, entry.xattrs) : Result<void>();
    if (!attributes) note_metadata(attributes.error());
    auto const set = tree_.set_metadata(fd, wanted, staged);
    if (set) return;
    note_metadata(set.error());
    // A file system without owners (or one that refuses them) still has modes and times.
    wanted.uid.reset();
    wanted.gid.reset();
    auto const rest = tree_.set_metadata(fd, wanted, staged);
    if (!rest) note_metadata(rest.error());
  }

  void note_metadata(Error const& error) {
    std::scoped_lock const guard(mutex_);
    if (report_.metadata_failed++ == 0) report_.metadata_problem = error.message;
  }

  void failed(PlanRow const& row, Error const& error, bool fetching) {
    std::scoped_lock const guard(mutex_);
    if (ends_everything(error.condition)) {
      if (!fatal_) fatal_ = error;
      over_ = true;
      return;
    }
    if (fetching) {
      if (!first_failure_) first_failure_ = error;
      ++fetch_failures_;
    }
    report_.failed.push_back({row.item.path, error.text()});
    count(row.item.bytes);
  }

  void count(std::uint64_t bytes) {
    ++context_.progress->files_done;
    context_.progress->bytes_done += bytes;
  }

  // Hard links, once what they link to is there.
  Result<void> link_all() {
    return plan_for_each(PlanAction::write_file, [&](PlanRow&& row) -> Result<void> {
      if (row.staged) return {};
      B2B_ASSIGN(CatalogEntry const entry, entry_of(row));
      B2B_ASSIGN(auto const other, linked_row(row, entry.entry));
      if (!other || ended()) return {};
      bool const from_staging = other->item.action == PlanAction::write_file;
      if (!from_staging || other->staged) {
        auto const linked = tree_.make_hard_link(
            from_staging ? site_.staged(*other) : site_.in_tree(other->item.path), site_.staged(row));
        if (linked) {
          finish(row, entry.entry, false);
          return {};
        }
      }
      fetch(row, entry);  // the other one failed, or links are not possible: a file of its own
      return {};
    });
  }

  Result<void> make_symlinks() {
    return plan_for_each(PlanAction::make_symlink, [&](PlanRow&& row) -> Result<void> {
      if (row.staged || ended()) return {};
      B2B_ASSIGN(CatalogEntry const entry, entry_of(row));
      std::string const staged = site_.staged(row);
      auto const made = tree_.make_symlink(entry.entry.target, staged);
      if (!made) {
        failed(row, made.error(), false);
        return {};
      }
      auto const set = tree_.set_metadata(staged, metadata_of(entry.entry, as_root_));
      if (!set) note_metadata(set.error());
      B2B_TRY(plan_.set_staged(row.number, false));
      ++report_.staged;
      count(0);
      return {};
    });
  }

  Error nothing_fetched() const {
    Error error = *first_failure_;
    std::string const diagnosis = fetcher_.diagnose();
    error.message = "none of the " + std::to_string(fetch_failures_) +
                    " files could be fetched, so nothing was changed; the first: " + error.message;
    if (!diagnosis.empty()) error.advice = diagnosis;
    return error;
  }

  EngineContext& context_;
  RestoreSite const& site_;
  TargetTree const& tree_;
  PlanStore& plan_;
  Catalog& snapshot_;
  BodyFetcher& fetcher_;
  bool const as_root_;
  std::map<std::string, TargetTree::Anchor> anchors_;

  std::atomic<bool> over_{false};
  std::mutex mutex_;  // guards plan_, snapshot_ and everything below while workers run
  std::optional<Error> fatal_;
  std::optional<Error> first_failure_;
  std::uint64_t fetch_failures_ = 0;
  std::uint64_t fetched_ = 0;
  bool staged_before_ = false;  // in an earlier round; only the submitting thread's
  StageReport report_;
};

}  // namespace

Result<StageReport> stage_files(EngineContext& context, RestoreSite const& site, PlanStore& plan,
                                Catalog& snapshot, BodyFetcher& fetcher, bool as_root) {
  return Stager(context, site, plan, snapshot, fetcher, as_root).run();
}

}  // namespace b2b
