// The swap of a restore: everything is staged and verified, now it takes the place of what is there. Either
// all of it happens or none of it, whatever interrupts: a journal (swap_journal.h) is made durable first;
// from then on whoever comes next goes forward from the beginning (every operation knows whether it is done
// already). When an operation fails, a marker says so durably and everything is undone, again by whoever
// comes next if need be.
//
// A swap works below one root, with a staging folder in it (`staging`, relative) that holds
//   lock          held with flock(2) while the restore lives
//   places        the staging folders on other mounts below the root, one a line, percent-encoded
//   new/ old/ keep/   what was fetched; what is dropped afterwards; what stays (moved out by the journal
//   itself)
//   databases     says that databases change (note_databases())
//   journal       from the commit on (journal.new before that, when a restart just removes the staging folders)
//   undo          the marker, renamed from undo.ready so that it needs no room on a full disk
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/swap_journal.h"
#include "core/engine/target_tree.h"
#include "core/util/error.h"

namespace b2b {

// Called before each step that changes something on disk, with its name. An error counts as the failure of
// that step. Empty in the program; tests stop and fail at every one of them.
using SwapHook = std::function<Result<void>(std::string_view step)>;

struct SwapOutcome {
  bool undone = false;         // false: everything is as in the snapshot
  std::optional<Error> cause;  // why it was undone; nullopt when the undoing had begun in an earlier run
};

// The folder of one restore, made and held, or found after a crash and taken over.
class SwapFolder {
 public:
  // Makes `staging` (its parent must exist) with lock and places; `other_places` are made by the caller
  // afterwards.
  static Result<SwapFolder> create(TargetTree const& tree, std::string staging,
                                   std::vector<std::string> const& other_places);
  // Takes over one that a crash left; nullopt: its restore still runs. refused: it is not ours (owner or
  // mode).
  static Result<std::optional<SwapFolder>> adopt(TargetTree const& tree, std::string staging);

  std::string const& staging() const { return staging_; }
  std::string place() const { return tree_->absolute(staging_); }
  bool committed() const;  // a journal is there
  // Databases change, so that whoever finishes it after a crash must keep the gateway away: noted before the commit, with what else
  // they have to know (lines of text, about() gives them back).
  Result<void> note_databases(std::string const& about = {});
  bool changes_databases() const;
  std::string about() const;
  Result<void> each_operation(std::function<Result<void>(SwapOperation const&)> const& visit) const;  // once committed

  // Where to write the journal, and then: it is all on disk, and nothing happens yet.
  Result<SwapJournalWriter> begin_journal();
  Result<void> ready(SwapJournalWriter& journal, SwapHook const& hook = {});
  // From here on it happens. Nothing to do for one that was begun, or that has ended.
  Result<void> begin(SwapHook const& hook = {});
  Result<void> commit(SwapJournalWriter& journal, SwapHook const& hook = {});  // both

  // The steps of a committed swap, for whoever decides for several (swap_group.h). Nothing to do without a journal.
  Result<void> go_forwards(SwapHook const& hook);
  Result<void> go_backwards(SwapHook const& hook);
  Result<void> mark_for_undoing(SwapHook const& hook);
  bool is_marked_for_undoing() const;
  Result<void> forget_journal(SwapHook const& hook);

  // Goes through with a committed swap, forwards or back, makes it durable and forgets the journal. An error:
  // neither worked; everything is kept for the next try, and the message says so.
  Result<SwapOutcome> run(SwapHook const& hook = {});

  // Removes the staging folders (also before a commit, to give up).
  Result<void> remove(SwapHook const& hook = {});

 private:
  SwapFolder(TargetTree const& tree, std::string staging, UniqueFd lock, std::vector<std::string> places,
             bool resumed)
      : tree_(&tree),
        staging_(std::move(staging)),
        lock_(std::move(lock)),
        places_(std::move(places)),
        resumed_(resumed) {}
  std::string at(std::string_view name) const;
  Result<std::optional<SwapJournal>> open_journal() const;
  Result<void> sync();

  TargetTree const* tree_;
  std::string staging_;
  UniqueFd lock_;
  std::vector<std::string> places_;
  bool resumed_;
};

// One operation, done or undone; both may be repeated. `resumed`: after a crash, so it may have been done
// before.
Result<void> do_operation(TargetTree const& tree, SwapOperation const& operation, bool resumed,
                          SwapHook const& hook = {});
Result<void> undo_operation(TargetTree const& tree, SwapOperation const& operation,
                            SwapHook const& hook = {});

}  // namespace b2b
