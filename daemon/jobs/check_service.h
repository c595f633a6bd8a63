// Are the daemon's settings right as far as core/config, which lies below the layers that use them, cannot tell? For
// `config check` and for the daemon's start and reload. Reads the system's time zones; safe from any thread.
#pragma once

#include "core/config/config.h"

namespace b2b::jobs {

// Of a loaded configuration. openclaw.json can be written by agents, so a schedule from there that is none is no reason to stop backing
// up: the default takes its place, with a warning. From anywhere else it is an error, as below.
Result<void> check_service(LoadedConfig& loaded);

// bad_config for a schedule that is none or never fires, and for a timezone that the system does not have; corrupt or
// unsupported when that zone's file is of no use. A timezone that is left out is not looked for: it is no setting.
Result<void> check_service(Config const& config);

}  // namespace b2b::jobs
