// Random histories: what must hold for every one of them.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "core/snapshot/retention.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace std::chrono_literals;

namespace {

TimePoint const start = parse_iso8601("2026-01-01T00:00:00Z").value();

std::vector<RetentionItem> history(std::mt19937& random) {
  std::vector<RetentionItem> out;
  auto const span = std::chrono::minutes(1 + random() % (60 * 24 * 50));
  std::uint32_t const complete_of_16 = std::array{0U, 1U, 12U, 12U}[random() % 4];
  for (auto count = random() % 60; count > 0; --count) {
    auto const offset = std::chrono::seconds(random() % static_cast<std::uint32_t>(span.count() * 60));
    auto const kind = random() % 5 == 0 ? SnapshotKind::safety : SnapshotKind::regular;
    out.push_back({make_snapshot_id(kind, start + offset, static_cast<std::uint32_t>(random())),
                   random() % 16 < complete_of_16, random() % 2 == 0});
  }
  return out;
}

std::set<std::string> kept(std::vector<RetentionItem> const& items, RetentionPolicy const& policy,
                           TimePoint now) {
  std::set<std::string> out;
  auto const verdicts = apply_retention(items, policy, now);
  REQUIRE(verdicts.size() == items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    REQUIRE(verdicts[i].id.text == items[i].id.text);
    REQUIRE_FALSE(verdicts[i].reason.empty());
    if (verdicts[i].keep) out.insert(verdicts[i].id.text);
  }
  return out;
}

RetentionItem const* newest(std::vector<RetentionItem> const& items, TimePoint now, SnapshotKind kind,
                            bool complete_only) {
  RetentionItem const* out = nullptr;
  for (auto const& item : items) {
    if (item.id.kind != kind || item.id.time > now + 24h || (complete_only && !item.complete)) continue;
    if (out == nullptr || id_before(out->id, item.id)) out = &item;
  }
  return out;
}

void check_counts(std::vector<RetentionItem> const& items, RetentionPolicy const& policy, TimePoint now,
                  std::set<std::string> const& keep) {
  auto const* const top = newest(items, now, SnapshotKind::regular, true);
  std::size_t regular = 0, safety = 0;
  std::map<std::int64_t, int> hours, days;
  for (auto const& item : items) {
    if (item.id.time > now + 24h) {
      REQUIRE(keep.contains(item.id.text));
      continue;
    }
    if (!keep.contains(item.id.text) || !item.complete || &item == top) continue;
    auto const age = now - item.id.time;
    if (item.id.kind == SnapshotKind::safety) {
      ++safety;
    } else if (!item.is_change) {
      ++regular;
    } else if (age > 24h) {
      REQUIRE(age <= 24h * 30);
      REQUIRE(++days[std::chrono::floor<std::chrono::days>(item.id.time).time_since_epoch().count()] == 1);
    } else if (age > 1h) {
      REQUIRE(++hours[std::chrono::floor<std::chrono::hours>(item.id.time).time_since_epoch().count()] == 1);
    }
  }
  REQUIRE(regular <= policy.keep_snapshots);
  REQUIRE(safety <= std::max(policy.keep_safety_snapshots, 1U));
}

// Incomplete ones: bounded, whatever else is there, and none for which a better one stays.
void check_incomplete(std::vector<RetentionItem> const& items, RetentionPolicy const& policy, TimePoint now,
                      std::set<std::string> const& keep) {
  for (auto const kind : {SnapshotKind::regular, SnapshotKind::safety}) {
    auto const limit = kind == SnapshotKind::regular ? policy.keep_snapshots : policy.keep_safety_snapshots;
    auto const* const top = newest(items, now, kind, false);
    RetentionItem const* oldest_complete = nullptr;
    std::size_t there = 0, stayed = 0;
    std::map<std::int64_t, int> days;
    for (auto const& item : items)
      if (item.id.kind == kind && item.id.time <= now + 24h && item.complete && keep.contains(item.id.text) &&
          (oldest_complete == nullptr || id_before(item.id, oldest_complete->id)))
        oldest_complete = &item;
    for (auto const& item : items) {
      if (item.id.kind != kind || item.complete || item.id.time > now + 24h) continue;
      bool const stays = keep.contains(item.id.text);
      bool const counted = !item.is_change || kind == SnapshotKind::safety;
      there += counted ? 1 : 0;
      stayed += counted && stays ? 1 : 0;
      if (!stays || &item == top) continue;
      if (oldest_complete != nullptr) REQUIRE(id_before(oldest_complete->id, item.id));
      auto const age = now - item.id.time;
      if (counted || age <= 24h) continue;
      REQUIRE(age <= 24h * 30);
      REQUIRE(++days[std::chrono::floor<std::chrono::days>(item.id.time).time_since_epoch().count()] == 1);
    }
    REQUIRE(stayed <= std::max(limit, 1U));
    if (oldest_complete == nullptr) REQUIRE(stayed >= std::min<std::size_t>(there, limit));
    if (top != nullptr) REQUIRE(keep.contains(top->id.text));
  }
}

// Of complete and of incomplete ones apart: no more than the rules have places, the newest `last` of them, the newest of the newest day.
void check_rules(std::vector<RetentionItem> const& items, RetentionRules const& rules, TimePoint now, std::set<std::string> const& keep) {
  std::size_t const places = rules.last + rules.hourly + rules.daily + rules.monthly;
  for (bool const complete : {true, false}) {
    std::vector<RetentionItem> those;
    for (auto const& item : items)
      if (item.id.kind == SnapshotKind::regular && item.complete == complete && item.id.time <= now + 24h) those.push_back(item);
    std::sort(those.begin(), those.end(), [](auto const& a, auto const& b) { return id_before(b.id, a.id); });
    std::size_t stayed = 0;
    std::set<std::int64_t> days;
    for (std::size_t i = 0; i < those.size(); ++i) {
      bool const stays = keep.contains(those[i].id.text);
      stayed += stays ? 1 : 0;
      if (!complete) continue;
      if (i < rules.last) REQUIRE(stays);
      auto const day = std::chrono::floor<std::chrono::days>(those[i].id.time).time_since_epoch().count();
      if (days.insert(day).second && days.size() <= rules.daily) REQUIRE(stays);
    }
    REQUIRE(stayed <= std::max<std::size_t>(places, 1));
  }
}

RetentionRules some_rules(std::mt19937& random) {
  auto const number = [&](std::uint32_t below) { return random() % 3 == 0 ? 0U : static_cast<std::uint32_t>(random() % below); };
  return {number(6), number(12), number(12), number(4)};
}

}  // namespace

TEST_CASE("rules hold the same promises for random histories") {
  auto const seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    auto items = history(random);
    RetentionPolicy policy{.keep_safety_snapshots = static_cast<std::uint32_t>(random() % 5), .rules = some_rules(random)};
    TimePoint const now = start + std::chrono::minutes(random() % (60 * 24 * 60));
    auto const keep = kept(items, policy, now);

    for (auto const kind : {SnapshotKind::regular, SnapshotKind::safety}) {
      if (auto const* top = newest(items, now, kind, true)) REQUIRE(keep.contains(top->id.text));
      if (auto const* top = newest(items, now, kind, false)) REQUIRE(keep.contains(top->id.text));
    }
    check_rules(items, *policy.rules, now, keep);

    // Triggers make no difference, and neither does the order.
    auto shuffled = items;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    for (auto& item : shuffled) item.is_change = !item.is_change;
    REQUIRE(kept(shuffled, policy, now) == keep);

    // Time only removes, and so does a new snapshot; pruning in between changes nothing in the end.
    TimePoint const later = now + std::chrono::minutes(random() % (60 * 24 * 40));
    auto const keep_later = kept(items, policy, later);
    REQUIRE(std::includes(keep.begin(), keep.end(), keep_later.begin(), keep_later.end()));
    auto more = items;
    more.push_back({make_snapshot_id(SnapshotKind::regular, later, static_cast<std::uint32_t>(random())), random() % 2 == 0, false});
    auto const keep_more = kept(more, policy, later);
    std::erase_if(items, [&](auto const& item) { return !keep.contains(item.id.text); });
    REQUIRE(kept(items, policy, now) == keep);
    REQUIRE(kept(items, policy, later) == keep_later);
    auto pruned_and_more = items;
    pruned_and_more.push_back(more.back());
    auto const keep_pruned_and_more = kept(pruned_and_more, policy, later);
    REQUIRE(std::includes(keep_more.begin(), keep_more.end(), keep_pruned_and_more.begin(), keep_pruned_and_more.end()));
    // Nothing is missed when the new one is the newest. Below others, which a clock up to a day ahead has made, it can be the complete one for
    // which an incomplete one would have stayed: seed 4187134265 found that.
    auto const* const newest_before = newest(items, later, SnapshotKind::regular, false);
    if (newest_before == nullptr || newest_before->id.time < later) REQUIRE(keep_pruned_and_more == keep_more);

    // More generous rules never remove what stingier ones keep.
    RetentionPolicy generous = policy;
    for (auto* number : {&generous.rules->last, &generous.rules->hourly, &generous.rules->daily, &generous.rules->monthly})
      *number += random() % 3;
    auto const keep_generous = kept(items, generous, now);
    REQUIRE(std::includes(keep_generous.begin(), keep_generous.end(), keep.begin(), keep.end()));
  }
}

TEST_CASE("retention holds its promises for random histories") {
  auto const seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    auto items = history(random);
    RetentionPolicy const policy{.keep_snapshots = static_cast<std::uint32_t>(random() % 12),
                                 .keep_safety_snapshots = static_cast<std::uint32_t>(random() % 5)};
    TimePoint const now = start + std::chrono::minutes(random() % (60 * 24 * 60));
    auto const keep = kept(items, policy, now);

    // What must stay stays.
    if (auto const* top = newest(items, now, SnapshotKind::regular, true))
      REQUIRE(keep.contains(top->id.text));
    if (auto const* top = newest(items, now, SnapshotKind::safety, false))
      REQUIRE(keep.contains(top->id.text));
    REQUIRE((items.empty() || !keep.empty()));
    // Nothing stays that no rule asks for.
    check_counts(items, policy, now, keep);
    check_incomplete(items, policy, now, keep);

    // The order in which the store lists them does not matter.
    auto shuffled = items;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    REQUIRE(kept(shuffled, policy, now) == keep);

    // Time only removes, and pruning in between changes nothing in the end.
    TimePoint const later = now + std::chrono::minutes(random() % (60 * 24 * 40));
    auto const keep_later = kept(items, policy, later);
    REQUIRE(std::includes(keep.begin(), keep.end(), keep_later.begin(), keep_later.end()));
    std::erase_if(items, [&](auto const& item) { return !keep.contains(item.id.text); });
    REQUIRE(kept(items, policy, now) == keep);
    REQUIRE(kept(items, policy, later) == keep_later);

    // A more generous policy never removes what a stingier one keeps.
    RetentionPolicy const generous{.keep_snapshots = policy.keep_snapshots + 1,
                                   .keep_safety_snapshots = policy.keep_safety_snapshots + 1};
    auto const keep_more = kept(items, generous, now);
    REQUIRE(std::includes(keep_more.begin(), keep_more.end(), keep.begin(), keep.end()));
  }
}
