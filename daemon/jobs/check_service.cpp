#include "daemon/jobs/check_service.h"

#include "core/schedule/cron.h"
#include "core/schedule/time_zone.h"

namespace b2b::jobs {

Result<void> check_service(Config const& config) {
  B2B_TRY(check_schedule(config.service.schedule));
  if (!config.service.timezone.empty()) B2B_TRY(check_timezone(config.service.timezone));
  return {};
}

}  // namespace b2b::jobs
