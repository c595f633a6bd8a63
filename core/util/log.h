// One line per event, to stderr unless told otherwise. Quiet when all is well: the default level is warning.
// Thread-safe. Values with control characters are made printable. Secrets have no conversion to text.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace b2b {

enum class LogLevel { error, warning, info, debug };

using LogSink = std::function<void(LogLevel, std::string_view line)>;

void set_log_level(LogLevel level);
LogLevel log_level();
void set_log_sink(LogSink sink);  // the sink must not log; an empty function restores stderr

void log(LogLevel level, std::string_view message);
inline void log_error(std::string_view message) { log(LogLevel::error, message); }
inline void log_warning(std::string_view message) { log(LogLevel::warning, message); }
inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_debug(std::string_view message) { log(LogLevel::debug, message); }

}  // namespace b2b
