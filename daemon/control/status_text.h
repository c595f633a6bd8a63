// `daemonctl status` in words, from the answer of GET /v1/status. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "core/util/clock.h"

namespace b2b::daemonctl {

// A restore around the gateway that waits or is at work comes first. Then the verdict; the others say what a person may want to act on; what is fine is not mentioned. Lines end with
// "\n". With `colour`, the verdict is green, yellow or red.
std::string status_text(boost::json::object const& status, TimePoint now, bool colour);

// Does a restore around the gateway wait, or is one at work?
bool restore_is_active(boost::json::object const& status);

// One event of GET /v1/events as a line: "12:00:05  captured  snapshot 2026-…, trigger manual". `data` is JSON, or any text.
std::string event_text(std::string_view name, std::string_view data, TimePoint now);

// "12 minutes", "3 days": the largest unit of which there are at least two, rounded down. "a moment" below two seconds.
std::string human_duration(std::int64_t seconds);

}  // namespace b2b::daemonctl
