// How an event looks as a line. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/util/clock.h"
#include "core/util/log.h"

namespace b2b {

std::string_view log_level_name(LogLevel level);  // "error"
std::string_view log_level_prefix(LogLevel level);  // as systemd's journal and syslog count: "<3>"

// `line` is printable text in one line. The result ends with a line break.
//   text: "2026-02-19T12:00:00.000Z error: cannot …", without a time "error: cannot …"
//   json: {"time":"2026-02-19T12:00:00.000Z","level":"error","message":"cannot …"}
std::string log_line(LogFormat format, std::optional<TimePoint> time, LogLevel level, std::string_view line);

}  // namespace b2b
