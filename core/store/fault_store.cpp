#include "core/store/fault_store.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace b2b {
namespace {

// Which decision of a call is asked for: each has its own random number.
enum class Decision : std::uint64_t { fail = 1, answer_lost, short_read, corrupt_read, position };

// splitmix64: a good mixer of bits, so that neighbouring numbers give unrelated results.
std::uint64_t mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

// Delivers what passes with one bit flipped, or only its beginning.
class DamagingSink final : public ByteSink {
 public:
  DamagingSink(ByteSink& inner, std::optional<std::uint64_t> flip_at, std::optional<std::uint64_t> cut_at)
      : inner_(inner), flip_at_(flip_at), cut_at_(cut_at) {}

  Result<void> write(std::span<std::uint8_t const> bytes) override {
    std::uint64_t const start = position_;
    position_ += bytes.size();
    if (cut_at_)
      bytes = bytes.first(static_cast<std::size_t>(
          std::min<std::uint64_t>(bytes.size(), *cut_at_ - std::min(*cut_at_, start))));
    if (bytes.empty()) return {};
    if (!flip_at_ || *flip_at_ < start || *flip_at_ >= start + bytes.size()) return inner_.write(bytes);
    std::vector<std::uint8_t> damaged(bytes.begin(), bytes.end());
    damaged[static_cast<std::size_t>(*flip_at_ - start)] ^= 0x10;
    return inner_.write(damaged);
  }

  Result<void> restart() override {
    position_ = 0;
    return inner_.restart();
  }

 private:
  ByteSink& inner_;
  std::optional<std::uint64_t> flip_at_;
  std::optional<std::uint64_t> cut_at_;
  std::uint64_t position_ = 0;
};

}  // namespace

struct FaultStore::State {
  std::unique_ptr<Store> owned;
  Store* inner = nullptr;
  FaultPlan plan;
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> injected{0};
  std::atomic<std::uint64_t> puts{0};       // that succeeded
  std::atomic<std::uint64_t> admitted{0};   // and those under way

  std::uint64_t random(std::uint64_t number, Decision decision) const {
    return mix(mix(plan.seed ^ mix(number)) + static_cast<std::uint64_t>(decision));
  }
  bool happens(double probability, std::uint64_t number, Decision decision) const {
    // The upper 53 bits as a number in [0, 1).
    return static_cast<double>(random(number, decision) >> 11) * 0x1p-53 < probability;
  }

  Error fault(Condition condition, std::uint64_t number, std::string_view verb, std::string const& subject,
              std::string_view what) {
    ++injected;
    Error error =
        make_error(condition,
                   "injected fault: " + std::string(what) + " in call " + std::to_string(number) + " (" +
                       std::string(verb) + " " + subject + "), seed " + std::to_string(plan.seed),
                   {}, subject);
    error.retryable = true;
    return error;
  }

  bool vanished() const { return plan.vanish_after_puts && puts >= *plan.vanish_after_puts; }

  bool must_fail(std::uint64_t number) const {
    return (plan.fail_call != 0 && number == plan.fail_call) ||
           happens(plan.fail_probability, number, Decision::fail);
  }

  // Runs `call` unless a fault comes first. `changes`: the call has an effect that may happen although its
  // answer is lost.
  template <class T, class Call>
  Result<T> run(std::string_view verb, std::string const& subject, bool changes, Call call) {
    std::uint64_t const number = ++calls;
    if (plan.before) B2B_TRY(plan.before(number, verb, subject));
    if (vanished()) return fault(Condition::unreachable, number, verb, subject, "the store is gone");
    if (!must_fail(number)) return call(number);
    if (changes && happens(plan.answer_lost_probability, number, Decision::answer_lost)) {
      B2B_TRY(call(number));
      return fault(plan.condition, number, verb, subject, "the answer got lost");
    }
    return fault(plan.condition, number, verb, subject, "failure");
  }
};

FaultStore::FaultStore(Store& inner, FaultPlan plan) : state_(std::make_unique<State>()) {
  state_->inner = &inner;
  state_->plan = std::move(plan);
}

FaultStore::FaultStore(std::unique_ptr<Store> inner, FaultPlan plan) : FaultStore(*inner, std::move(plan)) {
  state_->owned = std::move(inner);
}

FaultStore::~FaultStore() = default;

std::uint64_t FaultStore::calls() const {
  return state_->calls;
}
std::uint64_t FaultStore::injected() const {
  return state_->injected;
}
StoreTraits const& FaultStore::traits() const {
  return state_->inner->traits();
}
StoreCounters FaultStore::counters() const {
  StoreCounters counters = state_->inner->counters();
  if (state_->plan.silent_since) counters.silent_since = state_->plan.silent_since();
  return counters;
}

Result<ObjectInfo> FaultStore::put(std::string const& key, ByteSource const& body,
                                   std::stop_token const& stop) {
  return state_->run<ObjectInfo>("put", key, true, [&](std::uint64_t number) -> Result<ObjectInfo> {
    State& state = *state_;
    // Admitted one by one, so that as many succeed as the plan says however many come at once.
    if (state.plan.vanish_after_puts && ++state.admitted > *state.plan.vanish_after_puts) {
      --state.admitted;
      return state.fault(Condition::unreachable, number, "put", key, "the store is gone");
    }
    auto result = state.inner->put(key, body, stop);
    if (result) {
      ++state.puts;
    } else {
      --state.admitted;
    }
    return result;
  });
}

Result<ObjectInfo> FaultStore::get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                                   std::stop_token const& stop) {
  return state_->run<ObjectInfo>("get", key, false, [&](std::uint64_t number) -> Result<ObjectInfo> {
    State& state = *state_;
    bool const cut = state.happens(state.plan.short_read_probability, number, Decision::short_read);
    bool const flip =
        !cut && state.happens(state.plan.corrupt_read_probability, number, Decision::corrupt_read);
    if (!cut && !flip) return state.inner->get(key, range, sink, stop);
    B2B_ASSIGN(ObjectInfo const info, state.inner->head(key, stop));
    std::uint64_t length = info.size;
    if (range) length = std::min(range->length, info.size - std::min(range->offset, info.size));
    if (length == 0) return state.inner->get(key, range, sink, stop);
    std::uint64_t const position = state.random(number, Decision::position) % length;
    DamagingSink damaging(sink, flip ? std::optional(position) : std::nullopt,
                          cut ? std::optional(position) : std::nullopt);
    auto result = state.inner->get(key, range, damaging, stop);
    if (!result) return result;
    if (cut) return state.fault(Condition::transit, number, "get", key, "only a part came");
    ++state.injected;
    return result;
  });
}

Result<ObjectInfo> FaultStore::head(std::string const& key, std::stop_token const& stop) {
  return state_->run<ObjectInfo>("head", key, false,
                                 [&](std::uint64_t) { return state_->inner->head(key, stop); });
}

Result<ObjectInfo> FaultStore::get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink,
                                           std::stop_token const& stop) {
  return state_->run<ObjectInfo>("get_version", version.key, false,
                                 [&](std::uint64_t) { return state_->inner->get_version(version, range, sink, stop); });
}

Result<void> FaultStore::list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                              std::stop_token const& stop) {
  return state_->run<void>("list", options.prefix, false,
                           [&](std::uint64_t) { return state_->inner->list(options, visit, stop); });
}

Result<void> FaultStore::list_versions(std::string const& prefix,
                                       std::function<bool(ObjectVersion const&)> const& visit,
                                       std::stop_token const& stop) {
  return state_->run<void>("list_versions", prefix, false,
                           [&](std::uint64_t) { return state_->inner->list_versions(prefix, visit, stop); });
}

Result<void> FaultStore::copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                              std::stop_token const& stop) {
  return state_->run<void>("copy", to, true,
                           [&](std::uint64_t) { return state_->inner->copy(from, to, expected_size, stop); });
}

Result<void> FaultStore::remove_versions(std::span<ObjectVersion const> versions,
                                         std::stop_token const& stop) {
  std::string const subject = versions.empty() ? std::string() : versions.front().key;
  return state_->run<void>("remove_versions", subject, true,
                           [&](std::uint64_t) { return state_->inner->remove_versions(versions, stop); });
}

Result<void> FaultStore::flush(std::stop_token const& stop) {
  return state_->run<void>("flush", {}, false, [&](std::uint64_t) { return state_->inner->flush(stop); });
}

Result<std::uint64_t> FaultStore::remove_unfinished(std::string const& prefix,
                                                    std::uint64_t older_than_seconds,
                                                    std::stop_token const& stop) {
  return state_->run<std::uint64_t>("remove_unfinished", prefix, false, [&](std::uint64_t) {
    return state_->inner->remove_unfinished(prefix, older_than_seconds, stop);
  });
}

Result<TimePoint> FaultStore::now(std::stop_token const& stop) {
  return state_->run<TimePoint>("now", {}, false, [&](std::uint64_t) { return state_->inner->now(stop); });
}

}  // namespace b2b
