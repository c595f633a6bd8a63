#include "core/packed/hidden_repository.h"

#include "core/packed/format.h"
#include "core/packed/key_store.h"
#include "core/store/hidden.h"

namespace b2b::packed {

Result<void> refuse_hidden_repository(Store& store, std::string_view prefix, std::stop_token const& stop) {
  auto const hidden = is_hidden(store, config_key(prefix), stop);
  // A store that lists no versions hides nothing either.
  if (!hidden && hidden.error().condition == Condition::unsupported) return {};
  if (!hidden) return hidden.error();
  if (!*hidden) return {};
  HiddenQuestion question;
  question.prefixes = {repository_prefix(prefix)};
  question.written_once = true;
  B2B_ASSIGN(HiddenObjects const found, find_hidden(store, question, stop));
  std::string const at = format_iso8601(found.before());
  return make_error(
      Condition::refused,
      repository_name(store, prefix) + " was hidden on " + format_iso8601(found.first) + ": " + std::to_string(found.count) +
          " objects were deleted there without naming their versions. They are all there still, and no new repository is begun over them",
      "If that was not you, somebody has the application key: make a new one. What there was: daemonctl snapshots --at " + at +
          "; to restore it: daemonctl restore latest --at " + at + ". To push again, remove the hide markers, or set another prefix",
      config_key(prefix));
}

}  // namespace b2b::packed
