#include "core/engine/live_diff.h"

#include <algorithm>
#include <optional>

#include "core/capture/capture.h"
#include "core/engine/capture_stage.h"
#include "core/engine/objects.h"
#include "core/engine/push_plan.h"
#include "core/engine/roots.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t scan_threads = 2;
constexpr std::size_t capture_threads = 4;
constexpr std::size_t batch_size = 64;
constexpr std::size_t skips_named = 20;
constexpr std::uint32_t to_capture = 1;  // CatalogEntry::state

class LiveState {
 public:
  LiveState(EngineContext& context, LoadedSnapshot& snapshot, Catalog live, std::vector<std::string>& notes)
      : context_(context),
        snapshot_(snapshot.catalog),
        info_(snapshot.manifest.info),
        live_(std::move(live)),
        roots_(roots_of(context.config)),
        notes_(notes) {}

  Result<void> run(std::string const& scratch_dir) {
    auto scope = info_.ours && !info_.scope.is_null() ? Scope::parse(info_.scope) : Result<Scope>(Scope::seed());
    if (!scope) return scope.error();
    B2B_TRY(open_base_catalog());
    ScanCallbacks callbacks;
    callbacks.entry = [this](ScanItem&& item) {
      if (!failure_) keep(found(item));
    };
    callbacks.skip = [this](Skip&& skip) {
      if (!failure_ && skip.reason != SkipReason::by_rule) keep(skipped(skip));
    };
    B2B_TRY(scan(roots_, *scope, scan_threads, callbacks, context_.stop));
    if (failure_) return *failure_;
    SpoolOptions options;
    options.limit_bytes = context_.config.limits.spool_bytes;
    B2B_ASSIGN(spool_, Spool::open(scratch_file(scratch_dir, "spool"), options));
    B2B_TRY(capture_all());
    if (skips_ > skips_named)
      notes_.push_back("and " + std::to_string(skips_ - skips_named) + " more files that could not be read");
    return {};
  }

  Catalog take() { return live_; }

 private:
  // What the last push of ours saw decides most files without reading them. Without it, they are all read.
  Result<void> open_base_catalog() {
    auto base = Catalog::open(context_.index->base_catalog_path());
    if (!base) return {};
    B2B_ASSIGN(auto const secrets, base->meta("secrets"));
    if (secrets == (context_.config.secrets == SecretRows::include ? "include" : "exclude")) base_ = std::move(*base);
    return {};
  }

  void keep(Result<void> const& result) {
    if (!result && !failure_) failure_ = result.error();
  }

  Result<void> found(ScanItem const& item) {
    CatalogEntry row;
    row.entry = item.entry;
    if (item.entry.type == EntryType::file) B2B_TRY(decide(item, row));
    return live_.put(row);
  }

  // Fills in hash and size where they need no reading, else marks the row.
  Result<void> decide(ScanItem const& item, CatalogEntry& row) {
    B2B_ASSIGN(auto const before, snapshot_.find(item.entry.path));
    if (!before || before->entry.type != EntryType::file) return {};  // added: whatever its content
    row.entry.size = item.entry.stat.size;
    row.entry.hard_link_of = before->entry.hard_link_of;  // which of several names is the first is not compared
    // The copy of a database has a size of its own; any other file of another size is another file.
    if (!before->entry.database && row.entry.size != before->entry.size) return {};
    if (base_) {
      B2B_ASSIGN(auto const known, base_->find(item.entry.path));
      if (known && unchanged_since(known->entry, item.entry.stat)) {
        row.entry.size = known->entry.size;
        row.entry.hash = known->entry.hash;
        return {};
      }
    }
    row.state = to_capture;
    return {};
  }

  Result<void> skipped(Skip const& skip) {
    if (skip.reason == SkipReason::attributes || skip.reason == SkipReason::damaged) {
      notes_.push_back(printable(skip.path) + (skip.reason == SkipReason::damaged ? " " : ": ") + skip.detail);
      return {};  // itself it is compared
    }
    if (++skips_ <= skips_named) notes_.push_back(printable(skip.path) + " could not be compared: " + skip.detail);
    B2B_ASSIGN(auto const before, snapshot_.find(skip.path));
    if (!before) return {};
    return live_.put(*before);
  }

  Result<void> capture_all() {
    std::string after;
    for (bool first = true;; first = false) {
      B2B_ASSIGN(auto const rows, live_.batch_after(after, batch_size, first));
      if (rows.empty()) return {};
      after = rows.back().entry.path;
      std::vector<CatalogEntry> marked;
      for (CatalogEntry const& row : rows)
        if (row.state == to_capture) marked.push_back(row);
      if (!marked.empty()) B2B_TRY(capture_batch(marked));
    }
  }

  // Only the entries are kept; each body goes as soon as it is hashed, so that the spool never fills up.
  struct Hashed {
    std::vector<Entry> entries;
    std::vector<Skip> skips;
  };

  Result<Hashed> hash_one(CatalogEntry const& row) {
    ScanItem item;
    item.entry = row.entry;
    item.absolute = absolute_path(roots_, row.entry.path, &item.root_bytes);
    B2B_ASSIGN(CaptureResult result,
               capture_file(item, spool_, capture_options(context_.config), *context_.clock, context_.stop));
    Hashed hashed;
    for (CapturedFile& file : result.files) hashed.entries.push_back(std::move(file.entry));
    hashed.skips = std::move(result.skips);
    return hashed;
  }

  Result<void> capture_batch(std::vector<CatalogEntry> const& rows) {
    std::vector<Result<Hashed>> results(rows.size(), Hashed{});
    {
      WorkerPool pool(std::min(capture_threads, rows.size()), rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i)
        pool.submit([this, &rows, &results, i] { results[i] = hash_one(rows[i]); });
      pool.wait();
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!results[i]) return results[i].error();
      B2B_TRY(live_.erase(rows[i].entry.path));
      for (Entry& entry : results[i]->entries) {
        if (entry.path == rows[i].entry.path) entry.hard_link_of = rows[i].entry.hard_link_of;
        CatalogEntry row;
        row.entry = std::move(entry);
        B2B_TRY(live_.put(row));
      }
      for (Skip const& skip : results[i]->skips)
        if (skip.reason != SkipReason::vanished) B2B_TRY(skipped(skip));
    }
    return {};
  }

  EngineContext& context_;
  Catalog& snapshot_;
  SnapshotInfo const& info_;
  Catalog live_;
  std::vector<Root> const roots_;
  std::vector<std::string>& notes_;
  std::optional<Catalog> base_;
  std::shared_ptr<Spool> spool_;
  std::size_t skips_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Result<Catalog> catalog_live_state(EngineContext& context, LoadedSnapshot& snapshot, std::string const& scratch_dir,
                                   std::vector<std::string>& notes) {
  B2B_ASSIGN(Catalog live, Catalog::create(scratch_file(scratch_dir, "live")));
  LiveState state(context, snapshot, std::move(live), notes);
  B2B_TRY(state.run(scratch_dir));
  return state.take();
}

}  // namespace b2b
