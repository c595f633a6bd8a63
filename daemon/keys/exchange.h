// How verbs that put slots in the place of others end.
#pragma once

#include <boost/json/object.hpp>

#include "core/engine/key_slots.h"
#include "daemon/control/console.h"

namespace b2b::daemonctl {

// Adds made, removed and problems to the answer, says the problems, and gives the exit code: 3 when old slots
// are still there.
int finish_exchange(Console& console, SlotExchange const& done, boost::json::object answer);

}  // namespace b2b::daemonctl
