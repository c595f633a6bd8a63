// The rules of `retention`, applied to one snapshot after the other. Pure.
//
// Nothing here asks for the time: an hour, a day or a month counts when it has a snapshot. So a machine that was off for a year has as
// many as before, and a snapshot goes only when newer ones have come.
#pragma once

#include <set>
#include <string>

#include "core/config/retention_rules.h"
#include "core/util/clock.h"

namespace b2b {

class RuleWindow {
 public:
  explicit RuleWindow(RetentionRules const& rules) : rules_(rules) {}

  struct Judgement {
    bool keep = false;
    std::string reason;   // "one of the newest 10", "newest of the day 2026-02-19", "the hour 2026-02-19 14:00 has a newer one"
  };
  // Of the next snapshot, newest first. The first rule that keeps it gives the reason, and each rule counts it, as restic does.
  Judgement next(TimePoint time);

 private:
  RetentionRules const rules_;
  std::uint32_t seen_ = 0;
  std::set<std::string> hours_, days_, months_;   // that have their snapshot already
};

}  // namespace b2b
