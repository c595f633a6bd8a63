// What a person or a script sees: text or one JSON object on stdout, messages on stderr, one live progress line on a terminal.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/engine/context.h"
#include "core/util/error.h"

namespace b2b::daemonctl {

class Console {
 public:
  Console(bool json, bool quiet);

  bool json() const { return json_; }
  void line(std::string_view text);                     // stdout, not with --json or --quiet
  void result(std::string_view text);                   // stdout, not with --json: what was asked for
  void warn(std::string_view text);                     // stderr, always
  int succeed(boost::json::object answer, int exit_code);  // --json: the answer with "ok":true; returns exit_code
  int fail(Error const& error);                         // says it, --json or text; returns its exit code
  int end(int exit_code);                               // the exit code of the program: 1 instead of 0 when output was lost
  // Asks on the terminal; false when there is none.
  bool ask(std::string_view question);
  bool can_ask() const;

 private:
  void write(std::string_view text);
  bool json_;
  bool quiet_;
  bool output_lost_ = false;
};

// What the line shows at one moment.
struct ProgressNow {
  std::string phase;
  std::uint64_t files_done = 0, files_total = 0, bytes_done = 0, bytes_total = 0;
};

// Redraws "uploading 120/461 files, 31.0 of 62.0 MB, 12.4 MB/s, 3 s left" every `period` while it lives; nothing when
// stderr is no terminal, or when not wanted. `look` is called on a thread of the line's own; nullopt leaves the line as it is.
class ProgressLine {
 public:
  using Look = std::function<std::optional<ProgressNow>()>;
  ProgressLine(Look look, std::chrono::milliseconds period, bool wanted, Clock& clock);
  ProgressLine(std::shared_ptr<Progress const> progress, bool wanted, Clock& clock);   // of this process, five times a second
  ~ProgressLine();  // clears the line

 private:
  void run();
  Look look_;
  std::chrono::milliseconds period_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

// Pure: what went wrong, and below it what to do, one sentence a line.
std::string error_lines(Error const& error);
std::string human_bytes(std::uint64_t bytes);           // "62.0 MB"
std::string human_time(TimePoint time);                 // "2026-02-19 12:00:00 UTC"
// Pure: the text of the progress line.
std::string progress_text(std::string_view phase, std::uint64_t files_done, std::uint64_t files_total,
                          std::uint64_t bytes_done, std::uint64_t bytes_total, double seconds);

}  // namespace b2b::daemonctl
