#include "core/engine/restore_swap.h"

#include "core/engine/swap_group.h"

namespace b2b {

Result<void> swap_parts(SwapOrder const& order) {
  std::vector<SwapFolder*> folders;
  std::vector<CommitReport> reports;
  for (RestorePart* const part : order.parts) {
    CommitRules const rules = order.rules(*part);
    auto commit = part->is_fresh() ? part->build_fresh(rules) : part->write_journal(rules, part->label().empty() ? order.about : std::nullopt);
    if (!commit) return commit.error();
    if (!part->is_fresh()) folders.push_back(&part->folder());
    reports.push_back(std::move(*commit));
  }
  B2B_TRY(order.ready(reports));
  if (folders.empty()) return {};
  SwapGroup group(folders);
  B2B_TRY(group.commit(order.hook));
  auto const outcome = group.run(order.hook);
  if (!outcome) {
    for (RestorePart* const part : order.parts) part->keep_folders();
    return outcome.error();
  }
  if (!outcome->undone) return {};
  std::string where;
  for (RestorePart* const part : order.parts) where += (where.empty() ? "" : ", ") + part->site().target;
  Error error = outcome->cause.value_or(make_error(Condition::internal, "the restore was undone"));
  error.message = "the restore could not be finished and was undone, everything in " + where + " is as it was: " + error.message;
  return error;
}

}  // namespace b2b
