#include "core/engine/swap_group.h"

namespace b2b {

Result<void> SwapGroup::commit(SwapHook const& hook) {
  auto begun = leader().begin(hook);
  if (begun) return begun;
  // Should its name be there all the same: nothing was changed yet, and the others' folders are about to go.
  Error error = std::move(begun).error();
  if (auto const forgotten = leader().forget_journal({}); !forgotten) error.message += " (and " + forgotten.error().message + ")";
  return error;
}

Result<void> SwapGroup::forwards(SwapHook const& hook) {
  for (SwapFolder* const part : parts_) {
    B2B_TRY(part->begin(hook));
    B2B_TRY(part->go_forwards(hook));
  }
  return {};
}

Result<void> SwapGroup::backwards(SwapHook const& hook) {
  for (auto part = parts_.rbegin(); part != parts_.rend(); ++part)
    B2B_TRY((*part)->go_backwards(hook));
  return {};
}

Result<SwapOutcome> SwapGroup::run(SwapHook const& hook, Decided const& decided) {
  SwapOutcome outcome;
  outcome.undone = leader().is_marked_for_undoing();
  if (!outcome.undone) {
    auto done = forwards(hook);
    if (!done) {
      outcome.undone = true;
      outcome.cause = std::move(done).error();
      // Without the marker a restart would go forwards from wherever the undoing stopped, which ends just as whole.
      if (auto const marked = leader().mark_for_undoing(hook); !marked) outcome.cause->message += " (and " + marked.error().message + ")";
    }
  }
  if (outcome.undone) {
    auto undone = backwards(hook);
    if (!undone) {
      Error error = std::move(undone).error();
      if (outcome.cause) error.message = outcome.cause->message + "; and while putting everything back as it was: " + error.message;
      error.advice =
          "The restore is neither done nor undone yet. Put right what is said here and run any b2backupd job again: it goes on where this one "
          "stopped. Nothing is lost: all files are in place or in " +
          leader().place();
      return error;
    }
  }
  if (decided) B2B_TRY(decided(outcome.undone));
  for (SwapFolder* const part : parts_)
    B2B_TRY(part->forget_journal(hook));
  return outcome;
}

}  // namespace b2b
