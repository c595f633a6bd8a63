#include "core/util/log.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

#include <unistd.h>

#include "core/util/encoding.h"
#include "core/util/file.h"
#include "core/util/journal_stream.h"
#include "core/util/log_line.h"
#include "core/util/rotating_file.h"

namespace b2b {
namespace {

std::atomic<LogLevel> current_level{LogLevel::warning};

struct Output {
  std::mutex mutex;
  LogSink sink;
  LogFormat format = LogFormat::text;
  Clock const* clock = nullptr;  // null: lines carry no time
  bool to_journal = false;
  std::optional<RotatingFile> file;
  std::uint64_t lines_missing_in_file = 0;
};

// Never destroyed: threads and destructors of statics may log until the very end.
Output& output() {
  static Output& the_output = *new Output;
  return the_output;
}

std::optional<TimePoint> time_of(Output const& out) {
  return out.clock == nullptr ? std::nullopt : std::optional(out.clock->now());
}

// When stderr is gone there is nobody left to tell.
void write_to_stderr(Output const& out, LogLevel level, std::string_view message) {
  std::string line;
  if (out.to_journal) line = log_level_prefix(level);
  bool const has_time = out.format == LogFormat::json || !out.to_journal;
  line += log_line(out.format, has_time ? time_of(out) : std::nullopt, level, message);
  std::string_view text = line;
  while (!text.empty()) {
    ssize_t const written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// False when the line must go elsewhere.
bool write_to_file(Output& out, LogLevel level, std::string_view message) {
  if (!out.file) return false;
  auto const time = time_of(out);
  std::string text;
  if (out.lines_missing_in_file > 0)
    text = log_line(
        out.format, time, LogLevel::warning,
        std::to_string(out.lines_missing_in_file) +
            " lines before this one could not be written here; they went to the standard error output");
  text += log_line(out.format, time, level, message);
  auto const written = out.file->append(text);
  if (written) {
    out.lines_missing_in_file = 0;
    return true;
  }
  if (out.lines_missing_in_file++ == 0)
    write_to_stderr(out, LogLevel::warning,
                    printable(written.error().text()) + ". Until then the log goes here");
  return false;
}

}  // namespace

void set_log_level(LogLevel level) {
  current_level.store(level, std::memory_order_relaxed);
}

LogLevel log_level() {
  return current_level.load(std::memory_order_relaxed);
}

void set_log_sink(LogSink sink) {
  std::scoped_lock lock(output().mutex);
  output().sink = std::move(sink);
}

Result<void> configure_log(LogSettings const& settings, Clock& clock) {
  std::optional<RotatingFile> file;
  if (!settings.file.empty()) {
    std::error_code failed;
    std::string const path = std::filesystem::absolute(settings.file, failed).string();
    if (failed) return errno_error(failed.value(), "find the folder of the log file", settings.file);
    B2B_ASSIGN(file, RotatingFile::open(path, {settings.file_bytes_max, settings.files_max}));
  }
  char const* const stream = std::getenv("JOURNAL_STREAM");
  Output& out = output();
  std::scoped_lock lock(out.mutex);
  out.format = settings.format;
  out.clock = &clock;
  out.to_journal = stream != nullptr && is_journal(stream, STDERR_FILENO);
  out.file = std::move(file);
  out.lines_missing_in_file = 0;
  return {};
}

void log(LogLevel level, std::string_view message) {
  if (level > log_level()) return;
  std::string const line = printable(message);
  Output& out = output();
  std::scoped_lock lock(out.mutex);
  if (out.sink)
    out.sink(level, line);
  else if (!write_to_file(out, level, line))
    write_to_stderr(out, level, line);
}

}  // namespace b2b
