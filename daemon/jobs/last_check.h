// What the daemon's own checks found last, for whoever asks later (the status): kept in the index, one record for each kind and only for the
// store that it was of. What a check of the content found stays until a verification or a repair finds nothing any more, since the next check
// reads another share.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "core/config/config.h"
#include "core/engine/scheduled_check.h"
#include "core/util/clock.h"

namespace b2b::jobs {

// Pure. Which store and prefix are meant, as the configuration has them.
std::string check_target(Config const& config);

// Pure. The member `lastCheck` (or `lastLook`, for CheckKind::presence) of the status. `before`: what was kept of the last one, or null; what it
// names of a snapshot that is not listed any more, or of a pack that is in no index, is over, unless the report says so again.
boost::json::object check_answer(CheckKind kind, CheckReport const& report, TimePoint when, boost::json::object const* before);
// "all is well", or what is wrong and what to do about it.
std::string check_text(CheckKind kind, boost::json::object const& answer);
bool found_damage(boost::json::object const& answer);

Result<void> keep_last_check(Index& index, CheckKind kind, std::string const& target, boost::json::object const& answer);
// nullopt: there was none of this target, or nothing that can be understood is kept of it.
Result<std::optional<boost::json::object>> last_check(Index& index, CheckKind kind, std::string const& target);
// Everything was looked at, and nothing is wrong any more.
Result<void> mend_last_check(EngineContext& context, CheckKind kind);

}  // namespace b2b::jobs
