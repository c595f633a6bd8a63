// One line per event, to stderr unless told otherwise. Quiet when all is well: the default level is warning.
// Thread-safe. Values with control characters are made printable. Secrets have no conversion to text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/util/clock.h"
#include "core/util/error.h"

namespace b2b {

enum class LogLevel { error, warning, info, debug };

using LogSink = std::function<void(LogLevel, std::string_view line)>;

void set_log_level(LogLevel level);
LogLevel log_level();
void set_log_sink(LogSink sink);  // the sink must not log; an empty function restores stderr

enum class LogFormat { text, json };

struct LogSettings {
  LogFormat format = LogFormat::text;      // json: one object per line with time, level and message
  std::string file = {};                   // instead of stderr; empty: stderr
  std::uint64_t file_bytes_max = 5ull << 20;
  unsigned files_max = 5;                  // FILE, FILE.1 (newer) … FILE.4 (older)
};

// From now on lines look like this and go there. Without it they go to stderr without a time, as a command-line tool's do.
// Lines carry the time, from `clock`, which must outlive all logging; when stderr is systemd's journal, which has its own
// times, text lines carry the level in the journal's way instead. The error says why the file cannot be used; everything
// is then as before. Later trouble with the file (a full disk) never stops the program: those lines go to stderr, the
// first of them with the reason, and the file says how many are missing. May be called again.
Result<void> configure_log(LogSettings const& settings, Clock& clock);

void log(LogLevel level, std::string_view message);
inline void log_error(std::string_view message) { log(LogLevel::error, message); }
inline void log_warning(std::string_view message) { log(LogLevel::warning, message); }
inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_debug(std::string_view message) { log(LogLevel::debug, message); }

}  // namespace b2b
