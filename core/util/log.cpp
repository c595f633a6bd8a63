#include "core/util/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>

#include "core/util/encoding.h"

namespace b2b {
namespace {

std::atomic<LogLevel> current_level{LogLevel::warning};

struct Output {
  std::mutex mutex;
  LogSink sink;
};

// Never destroyed: threads and destructors of statics may log until the very end.
Output& output() {
  static Output& the_output = *new Output;
  return the_output;
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::error: return "error";
    case LogLevel::warning: return "warning";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "error";
}

// When stderr is gone there is nobody left to tell.
void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    ssize_t const written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void set_log_level(LogLevel level) { current_level.store(level, std::memory_order_relaxed); }

LogLevel log_level() { return current_level.load(std::memory_order_relaxed); }

void set_log_sink(LogSink sink) {
  std::scoped_lock lock(output().mutex);
  output().sink = std::move(sink);
}

void log(LogLevel level, std::string_view message) {
  if (level > log_level()) return;
  std::string const line = printable(message);
  std::scoped_lock lock(output().mutex);
  if (output().sink) {
    output().sink(level, line);
  } else {
    write_to_stderr(std::string(level_name(level)) + ": " + line + "\n");
  }
}

}  // namespace b2b
