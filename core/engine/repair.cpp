#include "core/engine/repair.h"

#include <set>

#include "core/engine/choose_layout.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/packed_repository.h"
#include "core/engine/push.h"
#include "core/engine/queue_upload.h"
#include "core/engine/verify_packed.h"
#include "core/packed/repair.h"
#include "core/packed/snapshots.h"

namespace b2b {
namespace {

constexpr std::chrono::minutes patience{10};

class Repairer {
 public:
  Repairer(EngineContext& context, RepairOptions const& options, std::string scratch_dir)
      : context_(context), options_(options), scratch_dir_(std::move(scratch_dir)) {}

  Result<RepairReport> run() {
    context_.progress->phase = "opening the repository";
    B2B_ASSIGN(repository_, context_.packed->open_to_write(context_));
    B2B_TRY(repair_index());
    if (options_.index_only) return finish(false);

    context_.progress->phase = "reading";
    VerifyReport before;
    bool push_again = false;
    {
      B2B_ASSIGN(PackedFindings const findings, look(options_.read_data, before));
      if (findings.survey) {
        context_.progress->phase = "repairing";
        B2B_ASSIGN(auto const removed, packed::remove_bad_packs(repository_, *findings.survey, packed_spool_dir(context_), scratch_dir_, context_.stop));
        report_.packs_removed = removed.packs_removed;
        report_.chunks_saved = removed.chunks_saved;
        report_.bytes_uploaded = removed.bytes_uploaded;
      }
      push_again = findings.lost_chunks > 0 || findings.lost_snapshots > 0;
    }
    remember(before);
    repository_.reset();  // the push opens the record of chunks itself
    if (push_again) B2B_TRY(store_again());
    return finish(true);
  }

 private:
  // Verifies all packed snapshots as they are now.
  Result<PackedFindings> look(bool read_data, VerifyReport& report) {
    VerifyOptions options;
    options.read_data = read_data;
    options.unattended = true;  // a snapshot that is gone is not mended by this: it stays remembered, and a problem
    B2B_ASSIGN(auto const ids, packed::list_snapshots(*context_.store, context_.config.prefix, context_.stop));
    auto findings = verify_packed(context_, options, ids, true, scratch_dir_, report);
    report_.bytes_read += report.bytes_read;
    return findings;
  }

  void remember(VerifyReport const& report) {
    for (VerifyProblem const& problem : report.problems)
      if (!problem.snapshot.empty()) lost_.emplace(problem.snapshot, problem.path);
  }

  Result<void> repair_index() {
    context_.progress->phase = "reading the index";
    VerifyReport before;
    B2B_ASSIGN(PackedFindings const findings, look(false, before));
    remember(before);
    if (!findings.survey) return {};  // finish() says why
    B2B_ASSIGN(auto const repaired, packed::repair_index(*repository_, *findings.survey, context_.stop));
    report_.packs_indexed = repaired.packs_named;
    report_.index_objects_removed = repaired.objects_removed;
    for (std::string const& problem : repaired.problems) report_.notes.push_back("a pack that is in no index cannot be read either: " + problem);
    return {};
  }

  // The files of this machine, all of them: what the repository lacks is sent, and a new snapshot names it.
  Result<void> store_again() {
    B2B_ASSIGN(SnapshotLayout const layout, push_layout(context_));
    if (layout != SnapshotLayout::packed || !path_exists(context_.config.state_dir)) {
      report_.notes.push_back("nothing is stored again: " + (layout != SnapshotLayout::packed ? std::string("this machine does not push in the packed layout")
                                                                                             : context_.config.state_dir + " is not there"));
      return {};
    }
    B2B_ASSIGN(DataLock const lock, DataLock::wait(context_.config.state_dir, "repair", *context_.clock, patience, context_.stop));
    PushOptions options;
    options.anew = true;
    options.prune = false;
    B2B_ASSIGN(PushReport const pushed, push_under_locks(context_, options));
    if (pushed.snapshot) report_.snapshot = pushed.snapshot->text;
    report_.bytes_uploaded += pushed.bytes_uploaded;
    for (std::string const& warning : pushed.warnings) report_.notes.push_back(warning);
    for (Skip const& skip : pushed.skipped) report_.notes.push_back(printable(skip.path) + " could not be backed up: " + printable(skip.detail));
    return {};
  }

  // `read`: packs that were read are whole now, or gone; it need not be done twice.
  Result<RepairReport> finish(bool read) {
    context_.progress->phase = "verifying";
    VerifyReport after;
    B2B_TRY(look(false, after));
    std::set<std::pair<std::string, std::string>> still;
    for (VerifyProblem const& problem : after.problems)
      if (!problem.snapshot.empty()) still.emplace(problem.snapshot, problem.path);
    B2B_ASSIGN(auto const listed, packed::list_snapshots(*context_.store, context_.config.prefix, context_.stop));
    std::set<std::string> there;
    for (SnapshotId const& id : listed) there.insert(id.text);
    for (auto const& [snapshot, path] : lost_) {
      // A snapshot of which not even the list can be read loses all its files.
      if (there.contains(snapshot) && !still.contains({snapshot, path}) && !still.contains({snapshot, {}})) report_.healed.push_back({snapshot, path});
    }
    report_.problems = std::move(after.problems);
    for (std::string& note : after.notes) report_.notes.push_back(std::move(note));
    if (!read || !options_.read_data) report_.notes.push_back("the packs were not read: damage inside them is found by daemonctl verify --read-data");
    return std::move(report_);
  }

  EngineContext& context_;
  RepairOptions const& options_;
  std::string const scratch_dir_;
  std::shared_ptr<packed::Repository> repository_;
  std::set<std::pair<std::string, std::string>> lost_;  // snapshot and path
  RepairReport report_;
};

}  // namespace

Result<RepairReport> repair(EngineContext& context, RepairOptions const& options) {
  B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "repair"));
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  return Repairer(context, options, scratch.path()).run();
}

}  // namespace b2b
