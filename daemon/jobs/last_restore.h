// What the last restore in place did, for whoever asks later (the status): kept in the index, by the daemon for a restore around
// the gateway and by jobs::restore() for any other. A restore that was refused did nothing, and is not kept.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/index.h"
#include "core/util/clock.h"

namespace b2b::jobs {

struct RestoreEnd {
  std::string snapshot;
  std::string state = "done";    // "done", "failed", "cancelled", "expired"
  std::string text;              // what became of it, for a person
  std::string safety;            // the snapshot of what was there before; empty: none
  std::string quarantine;        // where files went that the snapshot does not hold
  bool whole_state = true;       // not only some files
  bool around_gateway = false;
};

// What a person should look at after it; empty when nothing was restored.
std::vector<std::string> restore_advice(RestoreEnd const& end);

// The member `lastRestore` of the status.
boost::json::object last_restore_answer(RestoreEnd const& end, TimePoint ended);
// Of what jobs::restore() answers.
RestoreEnd restore_end_of(boost::json::object const& answer, bool whole_state);

Result<void> keep_last_restore(Index& index, boost::json::object const& last);
// nullopt: there was none, or nothing that can be understood is kept of it.
Result<std::optional<boost::json::object>> last_restore(Index& index);

}  // namespace b2b::jobs
