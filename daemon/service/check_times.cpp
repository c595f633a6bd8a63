#include "daemon/service/check_times.h"

#include <algorithm>
#include <charconv>

#include "core/schedule/due.h"

namespace b2b::service {
namespace {

using namespace std::chrono_literals;
using Length = std::chrono::nanoseconds;

constexpr Length day = 24h;
constexpr Length settle_at_least = 5min;
constexpr std::chrono::seconds settle_spread = 25min;
constexpr Length quiet = 2min;
constexpr Length patience = 2h;
constexpr Length retry = 1h;
constexpr std::uint32_t failures_for_a_day = 6;
constexpr Length look_for_quiet = 1min;
constexpr int shrink = 10;   // no wait is longer than this part of the period

constexpr std::array both{CheckKind::content, CheckKind::presence};

std::int64_t number_of(std::optional<TimePoint> const& time) { return time ? time->time_since_epoch().count() : 0; }

}  // namespace

CheckTimes::CheckTimes(CheckConfig const& config, std::string instance, std::string target)
    : config_(config), instance_(std::move(instance)), target_(std::move(target)) {}

// "<last> <tried> <failures> <last> <tried> <failures> <target>", nanoseconds; 0: none.
std::string CheckTimes::text() const {
  std::string out;
  for (Kind const& kind : kinds_)
    out += std::to_string(number_of(kind.last)) + " " + std::to_string(number_of(kind.tried)) + " " + std::to_string(kind.failures) + " ";
  return out + target_;
}

void CheckTimes::restore(std::string_view text) {
  std::array<std::int64_t, 6> numbers{};
  for (std::int64_t& number : numbers) {
    auto const space = text.find(' ');
    if (space == std::string_view::npos) return;
    auto const read = std::from_chars(text.data(), text.data() + space, number);
    if (read.ec != std::errc() || read.ptr != text.data() + space) return;
    text.remove_prefix(space + 1);
  }
  if (text != target_) return;
  auto const time = [](std::int64_t number) {
    return number == 0 ? std::optional<TimePoint>() : std::optional(TimePoint(Length(number)));
  };
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    kinds_[i].last = time(numbers[3 * i]);
    kinds_[i].tried = time(numbers[3 * i + 1]);
    kinds_[i].failures = static_cast<std::uint32_t>(std::clamp<std::int64_t>(numbers[3 * i + 2], 0, failures_for_a_day));
  }
}

void CheckTimes::configure(CheckConfig const& config, std::string target) {
  config_ = config;
  if (target == target_) return;
  target_ = std::move(target);
  kinds_ = {};
}

Length CheckTimes::period(CheckKind kind) const {
  Length const every = config_.every;
  return kind == CheckKind::content ? every : std::min(day, every);
}

Length CheckTimes::at_most(Length time) const { return std::min(time, period(CheckKind::presence) / shrink); }

Length CheckTimes::settling() const { return at_most(settle_at_least + spread_delay(instance_, settle_spread)); }

TimePoint CheckTimes::due_at(CheckKind kind, TimePoint now) {
  Kind& times = of(kind);
  Length const every = period(kind);
  if (!times.last) times.last = now - every + spread_delay(instance_, std::chrono::duration_cast<std::chrono::seconds>(every));
  // The clock was set back: dates that lie ahead would put it off for as long.
  times.last = std::min(*times.last, now);
  TimePoint due = *times.last + every;
  if (times.tried) {
    times.tried = std::min(*times.tried, now);
    Length const wait = std::min(day, retry * (1 << (std::clamp<std::uint32_t>(times.failures, 1, failures_for_a_day) - 1)));
    due = std::max(due, *times.tried + std::min(wait, every));
  }
  return due;
}

CheckTimes::Due CheckTimes::look(Moment const& moment) {
  Due out;
  if (!config_.enabled || running_) return out;
  auto const again = [&out](TimePoint when) {
    if (!out.look_again || when < *out.look_again) out.look_again = when;
  };
  for (CheckKind const kind : both) {
    Kind& times = of(kind);
    TimePoint const due = due_at(kind, moment.now);
    if (due > moment.now) {
      times.due_since.reset();
      again(due);
      continue;
    }
    if (!times.due_since) times.due_since = moment.monotonic;
    Length const waited = moment.monotonic - *times.due_since;
    if (waited < settling()) {
      again(moment.now + (settling() - waited));
      continue;
    }
    if (!moment.resting) continue;   // the end of what goes on is an event
    bool const patient = waited < settling() + at_most(patience);
    if (!patient || moment.unchanged_for >= at_most(quiet)) {
      out.begin = kind;
      out.look_again.reset();
      return out;
    }
    again(moment.now + std::max<Length>(at_most(look_for_quiet), 100ms));
  }
  return out;
}

void CheckTimes::began(CheckKind kind, TimePoint now) {
  running_ = kind;
  running_target_ = target_;
  Kind& times = of(kind);
  times.tried = now;
  times.failures = std::min(times.failures + 1, failures_for_a_day);
}

void CheckTimes::ended(CheckKind kind, TimePoint now, End end) {
  running_.reset();
  if (running_target_ != target_) return;
  Kind& times = of(kind);
  times.due_since.reset();
  switch (end) {
    case End::done:
      times.tried.reset();
      times.failures = 0;
      times.last = now;
      break;
    case End::capped: times.failures = failures_for_a_day; break;
    case End::stopped: times.failures = times.failures > 0 ? times.failures - 1 : 0; break;
    case End::failed: break;
  }
}

std::optional<TimePoint> CheckTimes::overdue_since(CheckKind kind, TimePoint now) const {
  Kind const& times = kinds_[place_of(kind)];
  if (!config_.enabled || !times.last || now - *times.last <= 2 * period(kind)) return std::nullopt;
  return times.last;
}

}  // namespace b2b::service
