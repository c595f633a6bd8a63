#include "daemon/service/clockwork.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace b2b::service {
namespace {

std::chrono::seconds whole_seconds(std::chrono::milliseconds time) { return std::chrono::ceil<std::chrono::seconds>(time); }

}  // namespace

Result<Clockwork> Clockwork::create(ServiceConfig const& config, std::string const& instance) {
  B2B_ASSIGN(CronSchedule schedule, parse_schedule(config.schedule));
  ZonePlaces places;
  if (char const* const variable = std::getenv("TZ")) places.tz_variable = variable;
  B2B_ASSIGN(TimeZone zone, TimeZone::find(config.timezone, places));
  return Clockwork(config, std::move(schedule), std::move(zone), spread_delay(instance, whole_seconds(config.jitter)));
}

// "<nanoseconds> <zone> <schedule>": another schedule's past means nothing to this one.
std::string Clockwork::text() const {
  if (!handled_) return {};
  return std::to_string(handled_->time_since_epoch().count()) + " " + config_.timezone + " " + config_.schedule;
}

void Clockwork::restore(std::string_view text) {
  auto const space = text.find(' ');
  if (space == std::string_view::npos || text.substr(space + 1) != config_.timezone + " " + config_.schedule) return;
  std::int64_t ns = 0;
  auto const read = std::from_chars(text.data(), text.data() + space, ns);
  if (read.ec == std::errc() && read.ptr == text.data() + space) handled_ = TimePoint(std::chrono::nanoseconds(ns));
}

Clockwork::PushId Clockwork::push_began(TimePoint now) {
  under_way_.emplace(++last_id_, changes_.take());
  last_push_ = now;
  return last_id_;
}

void Clockwork::push_failed(PushId push) {
  auto const found = under_way_.find(push);
  if (found == under_way_.end()) return;  // a later one is done
  ChangeSet const back = std::move(found->second);
  auto const later = under_way_.erase(found);
  (later == under_way_.end() ? changes_ : later->second).add_all(back);
}

void Clockwork::push_done(PushId push, bool and_all_since) {
  under_way_.erase(under_way_.begin(), under_way_.upper_bound(push));
  if (and_all_since) changes_.clear();
}

void Clockwork::take_over(Clockwork&& before) {
  restore(before.text());
  changes_ = std::move(before.changes_);
  under_way_ = std::move(before.under_way_);
  last_id_ = before.last_id_;
  last_push_ = before.last_push_;
  pushes_changes_ = before.pushes_changes_;
  last_cost_ = before.last_cost_;
}

QuietRule Clockwork::quiet_rule() const { return {whole_seconds(config_.watch.quiet), whole_seconds(config_.watch.min_interval)}; }

Clockwork::Due Clockwork::look(TimePoint now) {
  Due out;
  DueAnswer const scheduled = due(schedule_, zone_, {handled_, now, delay_});
  if (scheduled.remember) handled_ = scheduled.remember;
  if (scheduled.due_now) out.triggers.push_back(Trigger::schedule);
  out.look_again = scheduled.next;
  // Times of before the clock was set back would hold changes until it has come that far again.
  changes_.clock_is(now);
  if (last_push_ && *last_push_ > now) last_push_ = now;
  if (!pushes_changes_) return out;
  auto const change = next_push(changes_, quiet_rule(), last_cost_, last_push_, now);
  if (change && *change <= now) {
    out.triggers.push_back(Trigger::change);
  } else if (change && (!out.look_again || *change < *out.look_again)) {
    out.look_again = change;
  }
  return out;
}

std::optional<TimePoint> Clockwork::next_scheduled(TimePoint now) const {
  return due(schedule_, zone_, {handled_, now, delay_}).next;
}

std::optional<std::chrono::nanoseconds> Clockwork::stale_after(TimePoint now) const {
  if (config_.stale_after) return std::chrono::nanoseconds(*config_.stale_after);
  // The longest of the coming gaps: a schedule of workdays only must not alarm on Mondays.
  auto before = next_fire(schedule_, zone_, now);
  if (!before) return std::nullopt;
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < 8; ++i) {
    auto const after = next_fire(schedule_, zone_, *before);
    if (!after) break;
    longest = std::max<std::chrono::nanoseconds>(longest, *after - *before);
    before = after;
  }
  return 2 * longest;
}

}  // namespace b2b::service
