#include "core/schedule/due.h"

#include <algorithm>

#include "core/util/encoding.h"

namespace b2b {
namespace {

// Does `handled` lie further ahead than the schedule's period?
bool beyond_a_period(CronSchedule const& schedule, TimeZone const& zone, TimePoint handled, TimePoint now) {
  auto const next = next_fire(schedule, zone, now);
  auto const after_next = next ? next_fire(schedule, zone, *next) : std::nullopt;
  return after_next && handled - now > *after_next - *next;
}

}  // namespace

DueAnswer due(CronSchedule const& schedule, TimeZone const& zone, DueQuestion const& question) {
  DueAnswer answer;
  if (schedule.is_off()) return answer;
  // The delay moves the whole schedule: its slots are compared with a clock that is late by it.
  TimePoint const now = question.now - question.delay;
  TimePoint from = now;
  if (!question.handled) {
    answer.remember = now;
  } else if (*question.handled > now) {
    if (beyond_a_period(schedule, zone, *question.handled, now))
      answer.remember = now;
    else
      from = *question.handled;
  } else {
    auto const first_open = next_fire(schedule, zone, *question.handled);
    answer.due_now = first_open && *first_open <= now;
    if (answer.due_now) answer.remember = now;
  }
  answer.next = next_fire(schedule, zone, from);
  if (answer.next) *answer.next += question.delay;
  return answer;
}

std::chrono::seconds spread_delay(std::string_view seed, std::chrono::seconds most) {
  if (most.count() <= 0) return std::chrono::seconds(0);
  // FNV-1a, and a last mixing step (MurmurHash3's), since seeds that differ only at their end stay close
  // otherwise.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::uint8_t const byte : as_bytes(seed))
    hash = (hash ^ byte) * 0x100000001b3;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  return std::chrono::seconds(hash % (static_cast<std::uint64_t>(most.count()) + 1));
}

}  // namespace b2b
