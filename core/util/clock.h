// Time comes in through this interface; nothing else reads the system's clocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace b2b {

// Wall-clock time as nanoseconds since 1970-01-01T00:00:00Z.
using TimePoint = std::chrono::sys_time<std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;                           // may jump
  virtual std::chrono::nanoseconds monotonic() const = 0;      // never goes back; origin unspecified
};

Clock& system_clock();  // the real one; safe from any thread

// Steps only when told; safe from any thread. For tests and simulations.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start) : now_(start) {}
  TimePoint now() const override;
  std::chrono::nanoseconds monotonic() const override;
  void advance(std::chrono::nanoseconds by);   // both clocks
  void set_wall(TimePoint to);                 // the wall clock only, as an administrator would

 private:
  mutable std::mutex mutex_;
  TimePoint now_;
  std::chrono::nanoseconds monotonic_{0};
};

// "2026-02-19T12:00:00.000Z" (always UTC, milliseconds).
std::string format_iso8601(TimePoint time);
// Same, whole seconds in SigV4's basic form: "20260219T120000Z".
std::string format_basic8601(TimePoint time);
// Accepts "2026-02-19T12:00:00Z" with an optional fraction of 1 to 9 digits.
std::optional<TimePoint> parse_iso8601(std::string_view text);
// RFC 9110 IMF-fixdate: "Thu, 19 Feb 2026 12:00:00 GMT".
std::optional<TimePoint> parse_http_date(std::string_view text);

}  // namespace b2b
