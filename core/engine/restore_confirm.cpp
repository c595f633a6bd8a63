#include "core/engine/restore_confirm.h"

#include "core/util/encoding.h"

namespace b2b {

std::string count_of(std::uint64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

Error needs_a_yes(RestoreQuestion const& question, SnapshotInfo const& snapshot, bool elsewhere) {
  std::string where;
  for (std::string const& target : question.targets)
    where += (where.empty() ? "" : " and ") + target;
  std::string message = "this restore would overwrite or change " +
                        count_of(question.overwritten - question.moved_away, "file", "files") + " in " + where;
  if (question.moved_away > 0)
    message += " and move " + count_of(question.moved_away, "file", "files") +
               " that the snapshot does not hold into a quarantine folder";
  if (elsewhere)
    message += ", with snapshot " + snapshot.id.text + " of another place: " + printable(snapshot.state_dir) + " on " +
               printable(snapshot.host);
  return make_error(Condition::refused, message + "; nothing was changed",
                    "To do it: --yes. To look first: --dry-run. To restore somewhere else: --target DIR");
}

}  // namespace b2b
