// `retention` of the configuration: which snapshots pruning keeps. What the numbers do is in core/snapshot/retention.h.
#pragma once

#include <cstdint>

namespace b2b {

// How many of the newest, and of how many hours, days and months that have a snapshot the newest each. 0: that rule keeps none.
struct RetentionRules {
  std::uint32_t last = 10;
  std::uint32_t hourly = 24;
  std::uint32_t daily = 30;
  std::uint32_t monthly = 12;
  friend bool operator==(RetentionRules const&, RetentionRules const&) = default;
};

}  // namespace b2b
