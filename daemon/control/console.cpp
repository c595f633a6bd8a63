#include "daemon/control/console.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <iostream>

namespace b2b::daemonctl {
namespace {

// False: not all of it could be written.
bool print(std::FILE* to, std::string_view text) {
  bool const whole = std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fputc('\n', to) != EOF;
  return std::fflush(to) == 0 && whole;
}

}  // namespace

Console::Console(bool json, bool quiet) : json_(json), quiet_(quiet) {}

void Console::write(std::string_view text) {
  if (!print(stdout, text)) output_lost_ = true;
}

int Console::end(int exit_code) {
  if (!output_lost_) return exit_code;
  warn("not all of the answer could be written: is the disk full, or the output closed?");
  return exit_code == 0 ? 1 : exit_code;
}

void Console::line(std::string_view text) {
  if (!json_ && !quiet_) write(text);
}

void Console::result(std::string_view text) {
  if (!json_) write(text);
}

void Console::warn(std::string_view text) { print(stderr, std::string("daemonctl: ") + std::string(text)); }

int Console::succeed(boost::json::object answer, int exit_code) {
  if (json_) {
    boost::json::object out;
    out["ok"] = true;
    for (auto& [key, value] : answer) out[key] = std::move(value);
    write(boost::json::serialize(out));
  }
  return exit_code;
}

int Console::fail(Error const& error) {
  if (json_) {
    boost::json::object out;
    out["ok"] = false;
    out["code"] = condition_name(error.condition);
    out["error"] = error.text();
    write(boost::json::serialize(out));
  } else {
    warn(error_lines(error));
  }
  return exit_code_of(error.condition);
}

bool Console::can_ask() const { return !json_ && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool Console::ask(std::string_view question) {
  if (!can_ask()) return false;
  std::fprintf(stderr, "%.*s [y/N] ", static_cast<int>(question.size()), question.data());
  std::fflush(stderr);
  std::string answer;
  if (!std::getline(std::cin, answer)) return false;
  return answer == "y" || answer == "Y" || answer == "yes";
}

std::string error_lines(Error const& error) {
  Error head = error;
  head.advice.clear();
  std::string out = head.text();
  std::string_view rest = error.advice;
  if (!rest.empty() && !out.ends_with('.') && !out.ends_with(':')) out += ".";
  while (!rest.empty()) {
    // A sentence ends where the next one begins: with a capital.
    std::size_t end = rest.find(". ");
    while (end != std::string_view::npos && (end + 2 >= rest.size() || rest[end + 2] < 'A' || rest[end + 2] > 'Z')) end = rest.find(". ", end + 1);
    out += "\n  " + std::string(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 2);
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array<char const*, 5> units{"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out.data();
}

std::string human_time(TimePoint time) {
  std::string text = format_iso8601(time).substr(0, 19);
  text[10] = ' ';
  return text + " UTC";
}

std::string progress_text(std::string_view phase, std::uint64_t files_done, std::uint64_t files_total,
                          std::uint64_t bytes_done, std::uint64_t bytes_total, double seconds) {
  std::string out(phase);
  if (files_total > 0) {
    // More bodies may be stored than files were counted (sidecars, second tries); never show more than all.
    out += " " + std::to_string(std::min(files_done, files_total)) + "/" + std::to_string(files_total) + " files";
  }
  if (bytes_total == 0) return out;
  std::uint64_t const done = std::min(bytes_done, bytes_total);
  out += ", " + human_bytes(done) + " of " + human_bytes(bytes_total);
  if (seconds >= 1 && done > 0) {
    double const rate = static_cast<double>(done) / seconds;
    out += ", " + human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
    auto const left = static_cast<std::uint64_t>(static_cast<double>(bytes_total - done) / rate);
    out += ", " + (left >= 120 ? std::to_string(left / 60) + " min" : std::to_string(left) + " s") + " left";
  }
  return out;
}

ProgressLine::ProgressLine(Look look, std::chrono::milliseconds period, bool wanted, Clock& clock)
    : look_(std::move(look)), period_(period), clock_(clock) {
  if (wanted && ::isatty(STDERR_FILENO) == 1) thread_ = std::thread([this] { run(); });
}

ProgressLine::ProgressLine(std::shared_ptr<Progress const> progress, bool wanted, Clock& clock)
    : ProgressLine(
          [progress = std::move(progress)]() -> std::optional<ProgressNow> {
            return ProgressNow{progress->phase.load(), progress->files_done, progress->files_total, progress->bytes_done,
                               progress->bytes_total};
          },
          std::chrono::milliseconds(200), wanted, clock) {}

ProgressLine::~ProgressLine() {
  if (!thread_.joinable()) return;
  {
    std::scoped_lock lock(mutex_);
    done_ = true;
  }
  wake_.notify_all();
  thread_.join();
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

void ProgressLine::run() {
  auto began = clock_.monotonic();
  std::string phase;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period_, [this] { return done_; })) {
    lock.unlock();
    auto const now = look_();
    lock.lock();
    if (!now || done_) continue;
    if (now->phase != phase) {
      phase = now->phase;
      began = clock_.monotonic();
    }
    double const seconds = std::chrono::duration<double>(clock_.monotonic() - began).count();
    std::string const text = progress_text(phase, now->files_done, now->files_total, now->bytes_done, now->bytes_total, seconds);
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
  }
}

}  // namespace b2b::daemonctl
