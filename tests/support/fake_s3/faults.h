// What the fake server does wrong, on demand. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace b2b::test {

enum class FaultAction {
  status,        // answers with `status`, `code` and `message`, after reading the request
  early_status,  // likewise, but at once, without reading the body, and closes
  drop,          // closes after reading `after_bytes` of the request's body, without an answer
  lose_answer,   // does what was asked and closes without an answer
  stall,         // never answers
  stall_answer,  // stops after `after_bytes` of the answer's body
  truncate,      // closes after `after_bytes` of the answer's body
  corrupt,       // flips a bit of the answer's body at `after_bytes`
  delay,         // waits `delay_ms` before the answer
};

struct Fault {
  FaultAction action = FaultAction::status;
  std::string method{};           // empty: any
  std::string target_contains{};  // in the request target as sent (path and query); empty: any
  unsigned count = 1;             // how many matching requests
  unsigned skip = 0;              // matching requests that pass before
  unsigned status = 503;
  std::string code = "SlowDown";
  std::string message = "please slow down";
  std::string retry_after{};
  std::uint64_t after_bytes = 0;
  unsigned delay_ms = 0;
};

class Faults {
 public:
  void add(Fault fault);
  void clear();
  std::optional<Fault> next(std::string const& method, std::string const& target);
  std::size_t left() const;  // faults that have not struck yet

 private:
  mutable std::mutex mutex_;
  std::vector<Fault> faults_;
};

// From a control request's JSON:
// {"action":"status","method":"PUT","target":"key","count":2,"skip":0,"status":503,
// "code":"SlowDown","message":"…","retryAfter":"1","afterBytes":0,"delayMs":0}. Empty and a reason in
// `problem` when malformed.
std::optional<std::vector<Fault>> parse_faults(std::string const& json_array, std::string& problem);

}  // namespace b2b::test
