#include "core/engine/restore_part.h"

#include <unistd.h>

#include <utility>

#include "core/engine/restore_confirm.h"
#include "core/engine/restore_names.h"
#include "core/engine/restore_stage.h"
#include "core/util/file.h"

namespace b2b {
namespace {

bool as_root() { return ::geteuid() == 0; }

}  // namespace

Result<void> RestorePart::make_plan(RestorePlan* before) {
  static std::vector<std::string> const everything;
  // A root's catalog holds only what was asked for.
  auto const& paths = label_.empty() ? shared_.options.paths : everything;
  auto made = make_restore_plan({shared_.context, site_, shared_.info, catalog(), label_, paths, shared_.options.paths.empty(),
                                 shared_.scratch},
                                before);
  if (!made) return made.error();
  plan_.emplace(std::move(*made));
  return {};
}

Result<void> RestorePart::compare() { return make_plan(nullptr); }

Result<void> RestorePart::make_folders(std::string const& group, bool leads) {
  site_.group = group;
  if (leads) site_.id = group;
  if (site_.in_place() && !site_.tree) {
    B2B_TRY(make_directories(site_.target, mode_));
    B2B_ASSIGN(site_.tree, TargetTree::open(site_.target));
  }
  std::vector<std::string> tops;
  B2B_ASSIGN(auto const mounts, plan_->store.mounts());
  for (auto const& [top, needs] : mounts)
    tops.push_back(top);
  auto folder = b2b::make_folders(shared_.context, site_, tops);
  if (!folder) return folder.error();
  folder_.emplace(std::move(*folder));
  return {};
}

Result<void> RestorePart::stage(BodyFetcher& fetcher) {
  B2B_ASSIGN(StageReport staged, stage_files(shared_.context, site_, plan_->store, catalog(), fetcher, as_root()));
  staging_failed_ = std::move(staged.failed);  // what failed before was tried again
  if (staged.metadata_failed > 0)
    shared_.report.notes.push_back(
        "the target did not take all modes, owners or attributes of " + count_of(staged.metadata_failed, "file", "files") +
        " (" + staged.metadata_problem + ")");
  shared_.report.bytes += staged.bytes;
  return {};
}

Result<std::uint64_t> RestorePart::compare_again() {
  RestorePlan before = std::move(*plan_);
  B2B_TRY(make_plan(&before));
  B2B_TRY(carry_staged(before.store, plan_->store, catalog()));
  B2B_ASSIGN(auto const mounts, plan_->store.mounts());
  for (auto const& [top, needs] : mounts)
    if (!site_.folders.contains(top))
      return make_error(
          Condition::changed,
          "a file system was mounted at " + site_.tree->absolute(top) + " while the restore was under way",
          "Restore again. Nothing was changed", top);
  B2B_TRY(refuse_names());
  return count_unstaged(plan_->store, staging_failed_);
}

Result<void> RestorePart::refuse_names() {
  return refuse_names_at(site_, plan_->store, [&](std::string const& path, std::string const& problem) {
    plan_->refused.push_back({path, "refused: " + problem});
  });
}

Result<void> RestorePart::rehearse(CommitRules rules) {
  rules.may_be_dropped = [](std::string_view) { return true; };
  auto const made = make_operations(site_, plan_->store, catalog(), rules,
                                    [](SwapOperation const&) { return Result<void>(); });
  return made ? Result<void>() : made.error();
}

// Nothing is there that could be mixed up: the operations are simply done, and one rename makes them count.
Result<CommitReport> RestorePart::build_fresh(CommitRules const& rules) {
  B2B_ASSIGN(CommitReport commit, make_operations(site_, plan_->store, catalog(), rules,
                                                  [&](SwapOperation const& operation) {
                                                    return do_operation(*site_.tree, operation, false);
                                                  }));
  B2B_TRY(site_.tree->sync_file_system(site_.staging));
  B2B_TRY(site_.tree->rename(join_path(site_.staging, "tree"), site_.name));
  B2B_TRY(site_.tree->sync_directory({}));
  return commit;
}

Result<CommitReport> RestorePart::write_journal(CommitRules const& rules, std::optional<std::string> const& about) {
  B2B_ASSIGN(SwapJournalWriter journal, folder_->begin_journal());
  B2B_ASSIGN(CommitReport commit,
             make_operations(site_, plan_->store, catalog(), rules,
                             [&](SwapOperation const& operation) { return journal.add(operation); }));
  if (about) B2B_TRY(folder_->note_databases(*about));
  B2B_TRY(folder_->ready(journal, shared_.options.swap_hook));
  return commit;
}

Result<void> RestorePart::clear() {
  if (!folder_ || keep_folder_) return {};
  auto folder = std::exchange(folder_, std::nullopt);
  return remove_folders(shared_.context, site_, *folder);
}

void RestorePart::tell() {
  if (!plan_) return;
  for (auto* const part : {&plan_->refused, &staging_failed_})
    for (RestoreFailure& failure : *part)
      shared_.report.failed.push_back({join_path(label_, failure.path), std::move(failure.error)});
  for (std::string& note : plan_->notes)
    shared_.report.notes.push_back(std::move(note));
}

}  // namespace b2b
