// Restore (DESIGN rule 3): stage and verify everything, take a safety snapshot, swap with a journal.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/bucket.h"
#include "core/engine/context.h"
#include "core/engine/swap.h"

namespace b2b {

struct RestoreReport;

struct RestoreOptions {
  std::string snapshot = "latest";
  EngineContext* from = nullptr;   // where it is read: the bucket as it was (at_time.h), which must outlive the job; null: as it is
  std::vector<std::string> paths;  // globs; empty: everything
  std::string target;              // empty: in place (the state directory)
  bool dry_run = false;
  bool safety = true;      // false only by --no-safety
  bool confirmed = false;  // --yes, or yes at the terminal
  bool with_secrets = false;  // in place: the snapshot's own credentials where it holds some, instead of this machine's
  // In place, when databases would change: called once, when everything is fetched, to have the gateway stopped. The data lock is
  // held from before it to the end of the swap, so that nothing else begins meanwhile. Empty: a gateway that runs is a reason to refuse at once.
  std::function<Result<void>()> stop_gateway;
  // In place: asked about each staged database (where its copy lies, its name in the state directory) when everything is fetched
  // and nothing was touched yet. An error refuses the restore; a text is a note in the report, empty: all is well.
  std::function<Result<std::string>(std::string const& copy, std::string const& name)> check_staged;
  // In place: called once, right before the swap is committed, with the report that the restore will have if it is not undone: what
  // is written down then is true when a later process finishes the swap. An error: nothing is changed.
  std::function<Result<void>(RestoreReport const&)> committing;
  // OpenClaw's version on this machine; asked for when databases would change in place. Empty, or "": what openclaw.json says.
  std::function<std::string()> installed_openclaw;
  SwapHook swap_hook;              // for tests
};

struct RestoreFailure {
  std::string path;
  std::string error;
};

struct RestoreReport {
  SnapshotId snapshot;
  std::uint64_t restored = 0;   // written (with --dry-run: would be)
  std::uint64_t unchanged = 0;  // already as in the snapshot
  std::uint64_t removed = 0;    // moved to quarantine
  std::uint64_t bytes = 0;
  std::vector<RestoreFailure> failed;
  std::optional<SnapshotId> safety;
  std::string quarantine;  // folder, when anything is in it
  std::string replaced;    // folder with what a foreign target held before, when anything is in it
  std::vector<std::string> notes;
};

// What a restore would overwrite, to ask about before confirming. (Same work as dry_run.)
// refused: databases would change in place while the gateway runs or may run, or somebody has them open, or they are those
// of a newer OpenClaw than the one here; not confirmed. busy: another restore in place is at work, or a job has held the data lock for 5
// minutes since this one began; one that holds it when everything is fetched is waited for up to an hour. changed: the state directory changes
// faster than it is restored.
Result<RestoreReport> restore(EngineContext& context, RestoreOptions const& options);

// What is written beside the journal of a swap that changes databases, for whoever finishes it after a crash.
struct InterruptedRestore {
  std::string snapshot;      // empty: not known
  bool gateway_ran = false;  // it was stopped for this restore
};
std::string interrupted_text(InterruptedRestore const& restore);
InterruptedRestore parse_interrupted(std::string_view text);   // pure; lines that are not understood are left out

struct RecoveredRestores {
  std::vector<std::string> sentences;  // what was done, one each
  // A swap of databases in the state directory was finished or undone.
  std::optional<InterruptedRestore> databases;
  bool undone = false;                 // that one
};
// As recover_restores().
Result<RecoveredRestores> recover_restores_in_detail(EngineContext& context);

// Finishes or undoes swaps that a crash interrupted, in the state directory and in foreign targets (their
// journals are registered in the data directory). Called under the data lock before any job that captures or
// swaps. refused: databases are half swapped, and a gateway runs or somebody has them open. Returns what it did, one
// sentence each.
Result<std::vector<std::string>> recover_restores(EngineContext& context);

}  // namespace b2b
