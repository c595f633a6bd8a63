#include "daemon/jobs/check_service.h"

#include <algorithm>

#include "core/schedule/cron.h"
#include "core/schedule/time_zone.h"
#include "core/util/file.h"

namespace b2b::jobs {

Result<void> check_service(LoadedConfig& loaded) {
  std::string& schedule = loaded.config.service.schedule;
  auto const shown = std::find_if(loaded.shown.begin(), loaded.shown.end(), [](ShownValue const& value) { return value.key == "schedule"; });
  std::string const name = base_name(loaded.openclaw_json);
  // Its copy of the last one that worked is named after it.
  bool const from_openclaw = shown != loaded.shown.end() && !name.empty() && (shown->source == name || shown->source == name + ".last-good");
  if (from_openclaw) {
    if (auto const fine = check_schedule(schedule); !fine) {
      std::string const otherwise = ServiceConfig().schedule;
      loaded.warnings.push_back("the schedule in " + shown->source + " is not used, " + otherwise + " is in its place: " + fine.error().text());
      schedule = otherwise;
      shown->value = otherwise;
      shown->source = "default";
    }
  }
  return check_service(loaded.config);
}

Result<void> check_service(Config const& config) {
  B2B_TRY(check_schedule(config.service.schedule));
  if (!config.service.timezone.empty()) B2B_TRY(check_timezone(config.service.timezone));
  return {};
}

}  // namespace b2b::jobs
