// The jobs about pins: set one, take it away, list them.
#include <boost/json/array.hpp>

#include "core/engine/pins.h"
#include "core/engine/queue_upload.h"
#include "daemon/jobs/answers.h"
#include "daemon/jobs/jobs.h"

namespace b2b::jobs {

namespace json = boost::json;

Answer pin(EngineContext& context, json::object const& given) {
  B2B_ASSIGN(PinParameters const parameters, pin_parameters(given));
  B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "pin"));   // a prune has seen its pins already
  auto const change = parameters.remove ? unpin_snapshot(context, parameters.snapshot) : pin_snapshot(context, parameters.snapshot);
  if (!change) return change.error();
  return json::object{{"snapshot", change->snapshot.text},
                      {"pinned", !parameters.remove},
                      {"changed", change->changed},
                      {"notes", texts_answer(change->notes)}};
}

Answer pinned(EngineContext& context, json::object const& given) {
  B2B_TRY(ParameterReader("pinned", given).finish());
  B2B_ASSIGN(std::vector<Pin> const pins, list_pins(context));
  json::array rows;
  for (Pin const& each : pins) rows.push_back(json::object{{"snapshot", each.id.text}, {"since", format_iso8601(each.since)}});
  return json::object{{"pins", std::move(rows)}, {"store", context.store->traits().name}, {"prefix", context.config.prefix}};
}

}  // namespace b2b::jobs
