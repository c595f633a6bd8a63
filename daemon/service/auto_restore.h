// A daemon that starts on a new machine brings the state back by itself, when nothing can be lost by it.
#pragma once

#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "core/engine/context.h"

namespace b2b::service {

struct AutoRestoreWish {
  bool wanted = false;
  std::string alarm;      // the state is empty and should not be: what to say, aloud
};

// Looks only at this machine: is it allowed, has this instance never pushed, is the state as a new installation leaves it?
// An instance that has pushed before and finds its state empty never restores by itself (its disk may not be mounted).
Result<AutoRestoreWish> wants_auto_restore(Config const& config, Index& index, std::stop_token const& stop);

// Restores the newest complete snapshot in place, if it is signed and the gateway is known to be stopped. When it is not signed, an
// older one that is would be yesterday's state: which of them it shall be is a person's choice. The answer has "restored" and, when
// that is false, "reason" (a sentence with what to do; empty: there is no snapshot). "shared": another machine pushed to the prefix within the last hour.
// The B2 fields that openclaw.json holds now stay in it, as in every restore in place. Errors: the store's.
Result<boost::json::object> auto_restore(EngineContext& context);

}  // namespace b2b::service
