// One S3 request from its description to its answer: signed, sent, retried, its errors mapped. All operations
// of the store go through here. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "core/store/s3/body.h"
#include "core/store/s3/errors.h"
#include "core/store/s3/retry.h"
#include "core/store/s3/s3.h"
#include "core/store/s3/transport.h"

namespace b2b::s3 {

struct Call {
  Request request;  // without Host and the signature's own headers
  About about;
  ByteSource const* body = nullptr;  // verified while it is sent when it is not in memory (VerifiedSource)
  std::optional<BodyDigest> digest;  // of the body; without one there is no body
  bool object_body = false;          // counts as bytes of objects
  ByteSink* sink = nullptr;          // gets the body of a 2xx answer; restarted before each further attempt
  // Looks at a 2xx answer; an error that is retryable makes another attempt, like a lost connection.
  std::function<Result<void>(Answer const&)> check;
};

class Client {
 public:
  static Result<std::unique_ptr<Client>> create(Settings const& settings, Clock& clock);

  // The 2xx answer, after as many attempts as the settings allow; else the last attempt's error. When the
  // store asked to slow down until the end, that is Condition::unreachable.
  Result<Answer> send(Call const& call, std::stop_token const& stop);

  // A request for an object of the bucket ("" for the bucket itself).
  Call call(std::string method, std::string doing, std::string const& key) const;

  // The server's clock as of its last answer, moved on by our own; nothing before the first answer.
  std::optional<TimePoint> server_time() const;

  // Objects whose SHA-256 is known go without Content-MD5, until the store has refused that once.
  bool puts_need_md5() const { return puts_need_md5_; }
  void note_puts_need_md5() { puts_need_md5_ = true; }

  StoreCounters counters() const;
  Settings const& settings() const { return settings_; }
  Endpoint const& endpoint() const { return endpoint_; }

 private:
  Client(Settings settings, Endpoint endpoint, std::unique_ptr<Transport> transport, Clock& clock);
  struct Attempt {
    TimePoint signed_at{};
    Result<Answer> result;
    std::optional<std::chrono::nanoseconds> retry_after;
    std::optional<TimePoint> server_date;  // from the answer, whatever its status
  };
  Attempt attempt(Call const& call, bool fresh, std::stop_token const& stop);
  std::string signed_head(Call const& call, TimePoint time) const;
  TimePoint signing_time() const;
  bool correct_clock(Attempt const& attempt, bool head_request);
  void note_date(TimePoint date);

  Settings settings_;
  Endpoint endpoint_;
  std::unique_ptr<Transport> transport_;
  Clock& clock_;
  std::atomic<std::int64_t> clock_offset_ns_{0};  // store's clock minus ours, once it rejected ours
  mutable std::mutex mutex_;
  std::optional<TimePoint> last_date_;
  std::chrono::nanoseconds last_date_at_{};
  std::atomic<bool> puts_need_md5_{false};
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
};

// Answers that are collected are at most this long: a list of 1,000 keys of 1,024 bytes, percent-encoded,
// fits.
constexpr std::size_t max_answer_bytes = 8 << 20;

}  // namespace b2b::s3
