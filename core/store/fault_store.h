// A store that fails on purpose, around any other. For tests and for tools that look for weak spots.
//
// What fails is decided by the seed and the number of the call alone, so that a run on one thread can be
// repeated. Every injected error says so, with the seed and the number. Thread-safe when the inner store and
// the hook are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/store.h"

namespace b2b {

struct FaultPlan {
  std::uint64_t seed = 1;

  // Called first in every operation, with its number (from 1), its verb ("put", "get", "head", "list",
  // "list_versions", "copy", "remove_versions", "flush", "remove_unfinished", "now") and its key or prefix.
  // An error it returns is the result of the operation. Crash tests end the process here.
  std::function<Result<void>(std::uint64_t number, std::string_view verb, std::string const& subject)> before;

  std::uint64_t fail_call = 0;                   // this call fails; 0: none
  double fail_probability = 0;                   // each call fails with this probability
  Condition condition = Condition::unreachable;  // what an injected failure is; its error is retryable
  double answer_lost_probability =
      0;  // of the failing puts, copies and removals: done first, and then said to have failed

  double short_read_probability = 0;    // a get delivers a part and ends with Condition::transit
  double corrupt_read_probability = 0;  // a get of at least one byte delivers one flipped bit and succeeds

  std::optional<std::uint64_t>
      vanish_after_puts;  // after so many puts that succeeded, everything is Condition::unreachable

  std::function<std::optional<std::chrono::nanoseconds>()> silent_since;  // for the counters, instead of the inner store's
};

class FaultStore final : public Store {
 public:
  FaultStore(Store& inner, FaultPlan plan);  // the inner store must outlive this one
  FaultStore(std::unique_ptr<Store> inner, FaultPlan plan);
  ~FaultStore() override;

  std::uint64_t calls() const;     // made so far
  std::uint64_t injected() const;  // of which so many went wrong on purpose

  StoreTraits const& traits() const override;
  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override;
  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override;
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override;
  Result<ObjectInfo> get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink,
                                 std::stop_token const& stop) override;
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override;
  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override;
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                    std::stop_token const& stop) override;
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const& stop) override;
  Result<void> flush(std::stop_token const& stop) override;
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t older_than_seconds,
                                          std::stop_token const& stop) override;
  Result<TimePoint> now(std::stop_token const& stop) override;
  StoreCounters counters() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace b2b
