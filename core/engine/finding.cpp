#include "core/engine/finding.h"

#include "core/engine/hidden_snapshots.h"
#include "core/engine/listing.h"
#include "core/util/log.h"

namespace b2b {

bool is_finding(Error const& error, bool unattended) {
  return concerns_one_object(error.condition) && !(unattended && error.condition == Condition::permission);
}

std::string finding_text(Error const& error) {
  if (error.condition != Condition::wrong_key) return error.text();
  return "it cannot be opened with the configured keys: " + error.text();
}

Remedy finding_remedy(Error const& error, Remedy otherwise) { return error.condition == Condition::wrong_key ? Remedy::keys : otherwise; }

Result<std::string> way_back(EngineContext& context) {
  auto hidden = hidden_snapshots(context);
  if (hidden && !hidden->empty()) return hidden;
  if (!hidden && hidden.error().condition == Condition::cancelled) return hidden;
  if (!hidden) log_warning("whether snapshots were hidden could not be told: " + hidden.error().text());
  return std::string("Whether snapshots were only hidden: daemonctl snapshots --all. What to do then: the guide \"The key was stolen\" (docs/guides.md)");
}

}  // namespace b2b
