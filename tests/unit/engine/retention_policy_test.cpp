#include "core/engine/retention_policy.h"

#include "tests/support/catch.h"

using namespace b2b;

namespace {

struct Row {
  char const* what;
  std::optional<RetentionRules> retention;
  std::optional<std::uint32_t> keep_snapshots;   // as somebody set it
  SnapshotLayout layout;
  std::optional<RetentionRules> rules;
  std::uint32_t counted;
};

}  // namespace

TEST_CASE("retention policy: who decides, for each layout") {
  RetentionRules const own{1, 2, 3, 4};
  for (Row const& row : {Row{"nobody said anything", {}, {}, SnapshotLayout::plugin, {}, 10},
                         Row{"nobody said anything", {}, {}, SnapshotLayout::packed, RetentionRules{10, 24, 30, 12}, 10},
                         Row{"a count", {}, 3, SnapshotLayout::plugin, {}, 3}, Row{"a count", {}, 3, SnapshotLayout::packed, {}, 3},
                         Row{"the default as a count", {}, 10, SnapshotLayout::packed, {}, 10},
                         Row{"rules", own, {}, SnapshotLayout::plugin, own, 10}, Row{"rules", own, {}, SnapshotLayout::packed, own, 10},
                         Row{"both", own, 3, SnapshotLayout::plugin, own, 3}, Row{"both", own, 3, SnapshotLayout::packed, own, 3}}) {
    INFO(row.what << ", " << layout_name(row.layout));
    Config config;
    config.retention = row.retention;
    if (row.keep_snapshots) config.keep_snapshots = *row.keep_snapshots;
    config.keep_snapshots_set = row.keep_snapshots.has_value();
    RetentionPolicy const policy = retention_policy(config, row.layout);
    CHECK(policy.rules == row.rules);
    CHECK(policy.keep_snapshots == row.counted);
    CHECK(policy.keep_safety_snapshots == 10);
  }
}

TEST_CASE("retention policy: safety snapshots have their own count in both layouts") {
  Config config;
  config.keep_safety_snapshots = 2;
  config.retention = RetentionRules{};
  CHECK(retention_policy(config, SnapshotLayout::plugin).keep_safety_snapshots == 2);
  CHECK(retention_policy(config, SnapshotLayout::packed).keep_safety_snapshots == 2);
}
