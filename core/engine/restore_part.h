// One place that a restore writes to: the state directory, a target of the person's choice, or an agent's directory outside of the
// state directory. A restore in place may have several, which are compared, staged and swapped side by side (restore.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/fetch.h"
#include "core/engine/restore_commit.h"
#include "core/engine/restore_planning.h"
#include "core/engine/restore_site.h"

namespace b2b {

class RestorePart {
 public:
  // What all parts of a restore share; it outlives them.
  struct Shared {
    EngineContext& context;
    SnapshotInfo const& info;
    RestoreOptions const& options;
    std::string const& scratch;
    RestoreReport& report;
  };

  RestorePart(Shared shared, RestoreSite site, Catalog& catalog) : shared_(shared), site_(std::move(site)), catalog_(&catalog) {}
  // A root: `catalog` holds its entries without the label, those of them that are to be restored. `mode`: for its directory,
  // should it have to be made.
  RestorePart(Shared shared, RestoreSite site, Catalog catalog, std::string label, std::uint32_t mode)
      : shared_(shared), site_(std::move(site)), own_catalog_(std::move(catalog)), label_(std::move(label)), mode_(mode) {}

  RestoreSite const& site() const { return site_; }
  std::string const& label() const { return label_; }
  PlanTotals const& totals() const { return plan_->totals; }
  PlanStore& plan_store() { return plan_->store; }
  Catalog& catalog() { return catalog_ != nullptr ? *catalog_ : *own_catalog_; }
  bool is_fresh() const { return site_.kind == RestoreSite::Kind::fresh; }
  bool changes_anything() const { return totals().changes_anything() || is_fresh(); }

  Result<void> compare();              // makes the plan, the first time
  // Staging, and the directory itself where it is missing. `group`: RestoreSite::group; `leads`: it is this one's id.
  Result<void> make_folders(std::string const& group, bool leads);
  Result<void> stage(BodyFetcher& fetcher);
  // The plan is made again, under the data lock; what is staged already stays. How many paths are to be staged yet.
  Result<std::uint64_t> compare_again();
  Result<void> refuse_names();
  // Would the swap be possible?
  Result<void> rehearse(CommitRules rules);
  // A new target: all of it at once.
  Result<CommitReport> build_fresh(CommitRules const& rules);
  // Any other: the journal of the swap, ready to be begun. `about`: databases change behind the fence, and SwapFolder::about() says this.
  Result<CommitReport> write_journal(CommitRules const& rules, std::optional<std::string> const& about);
  SwapFolder& folder() { return *folder_; }
  // Its swap went neither way: the next job goes on from the folders.
  void keep_folders() { keep_folder_ = true; }
  // Removes the staging folders.
  Result<void> clear();
  // What could not be restored, and what to say, into the report.
  void tell();

 private:
  Result<void> make_plan(RestorePlan* before);

  Shared shared_;
  RestoreSite site_;
  Catalog* catalog_ = nullptr;
  std::optional<Catalog> own_catalog_;
  std::string label_;
  std::uint32_t mode_ = 0700;
  std::optional<RestorePlan> plan_;
  std::vector<RestoreFailure> staging_failed_;
  std::optional<SwapFolder> folder_;
  bool keep_folder_ = false;
};

}  // namespace b2b
