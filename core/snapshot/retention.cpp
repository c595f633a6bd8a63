#include "core/snapshot/retention.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/snapshot/rule_window.h"

namespace b2b {
namespace {

constexpr auto future_tolerance = std::chrono::hours(24);
constexpr auto keep_all = std::chrono::hours(1);
constexpr auto keep_hourly = std::chrono::hours(24);
constexpr auto keep_daily = std::chrono::days(30);

std::string of_newest(std::uint32_t count) {
  return "one of the newest " + std::to_string(count);
}

// Works on the items of one kind, newest first.
class Selection {
 public:
  Selection(std::vector<RetentionItem> const& items, std::vector<RetentionVerdict>& verdicts, TimePoint now)
      : items_(items), verdicts_(verdicts), now_(now) {}

  // Everything is removed unless a rule below keeps it.
  void begin(SnapshotKind kind) {
    for (std::size_t i = 0; i < items_.size(); ++i)
      if (items_[i].id.kind == kind) order_.push_back(i);
    std::sort(order_.begin(), order_.end(),
              [&](auto a, auto b) { return id_before(items_[b].id, items_[a].id); });
    for (auto const i : order_)
      verdicts_[i].keep = false;
  }

  // Ids far ahead of the store's clock come from a machine with a wrong clock: kept, and out of all counting.
  void set_future_aside() {
    std::erase_if(order_, [&](auto i) {
      if (items_[i].id.time - now_ <= future_tolerance) return false;
      keep(i, "dated more than 24 hours in the future");
      return true;
    });
  }

  void keep_newest(std::uint32_t limit) {
    std::uint32_t counted = 0;
    for (auto const i : order_) {
      if (!items_[i].complete || thinned(i)) continue;
      if (counted++ < limit)
        keep(i, of_newest(limit));
      else
        verdicts_[i].reason = "older than the newest " + std::to_string(limit);
    }
  }

  // Snapshots of trigger "change".
  void thin_changes() {
    Thinning thinning;
    for (auto const i : order_)
      if (items_[i].complete && thinned(i)) thin(i, thinning, {});
  }

  // All triggers alike.
  void keep_by_rules(RetentionRules const& rules) {
    RuleWindow window(rules);
    for (auto const i : order_)
      if (items_[i].complete) judge(i, window, {});
  }

  void keep_newest_complete(std::string const& reason) {
    for (auto const i : order_) {
      if (!items_[i].complete) continue;
      keep(i, reason);
      return;
    }
  }

  void keep_very_newest(std::string const& reason) {
    if (!order_.empty()) keep(order_.front(), reason);
  }

  // Incomplete ones, on top of the complete ones that stay and without a say in which those are. A file that
  // can never be read makes all snapshots incomplete, so these have bounds of their own, which are the same.
  void judge_incomplete(std::uint32_t limit, std::optional<RetentionRules> const& rules = std::nullopt) {
    std::optional<std::size_t> oldest;
    for (auto const i : order_)
      if (items_[i].complete && verdicts_[i].keep) oldest = i;
    std::uint32_t counted = 0;
    Thinning thinning;
    RuleWindow window(rules.value_or(RetentionRules{}));
    for (auto const i : order_) {
      if (items_[i].complete) continue;
      if (oldest && id_before(items_[i].id, items_[*oldest].id)) {
        if (!verdicts_[i].keep) verdicts_[i].reason = "incomplete, older than every kept complete one";
        continue;
      }
      bool const kept_anyway = verdicts_[i].keep;
      std::string const reason = verdicts_[i].reason;
      if (rules)
        judge(i, window, "incomplete; ");
      else if (thinned(i))
        thin(i, thinning, "incomplete; ");
      else if (counted++ < limit)
        keep(i, "incomplete, one of the newest " + std::to_string(limit) + " of those");
      else
        verdicts_[i].reason = "incomplete, older than the newest " + std::to_string(limit) + " of those";
      if (kept_anyway) keep(i, reason);
    }
    // Whatever its age, nothing is as close to what is there now.
    if (!order_.empty() && !verdicts_[order_.front()].keep)
      keep(order_.front(), "the newest snapshot, though incomplete");
  }

 private:
  // The hours and days that have their snapshot already.
  struct Thinning {
    std::set<std::int64_t> hours, days;
  };

  // The newest of an hour or day is chosen among all of them, whatever rule they fall under, so that thinning
  // now and then ends where thinning once would.
  void thin(std::size_t i, Thinning& seen, std::string const& prefix) {
    auto const time = items_[i].id.time;
    auto const hour = std::chrono::floor<std::chrono::hours>(time);
    bool const newest_of_hour = seen.hours.insert(hour.time_since_epoch().count()).second;
    bool const newest_of_day =
        seen.days.insert(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count()).second;
    auto const age = now_ - time;
    std::string const day = format_iso8601(time).substr(0, 10);
    std::string const clock = format_iso8601(hour).substr(11, 5);
    if (age <= keep_all)
      keep(i, prefix + "a change within the last hour");
    else if (age <= keep_hourly && newest_of_hour)
      keep(i, prefix + "hourly, the newest of " + day + " " + clock);
    else if (age > keep_hourly && age <= keep_daily && newest_of_day)
      keep(i, prefix + "daily, the newest of " + day);
    else if (age <= keep_hourly)
      verdicts_[i].reason = prefix + "hourly, " + day + " " + clock + " has a newer one";
    else if (age <= keep_daily)
      verdicts_[i].reason = prefix + "daily, " + day + " has a newer one";
    else
      verdicts_[i].reason = prefix + "a change older than 30 days";
  }

  void judge(std::size_t i, RuleWindow& window, std::string const& prefix) {
    RuleWindow::Judgement judgement = window.next(items_[i].id.time);
    verdicts_[i].keep = judgement.keep;
    verdicts_[i].reason = prefix + std::move(judgement.reason);
  }

  bool thinned(std::size_t i) const {
    return items_[i].is_change && items_[i].id.kind == SnapshotKind::regular;
  }
  void keep(std::size_t i, std::string reason) {
    verdicts_[i].keep = true;
    verdicts_[i].reason = std::move(reason);
  }

  std::vector<RetentionItem> const& items_;
  std::vector<RetentionVerdict>& verdicts_;
  TimePoint const now_;
  std::vector<std::size_t> order_;
};

}  // namespace

std::vector<RetentionVerdict> apply_retention(std::vector<RetentionItem> const& items,
                                              RetentionPolicy const& policy, TimePoint now) {
  std::vector<RetentionVerdict> verdicts;
  verdicts.reserve(items.size());
  for (auto const& item : items)
    verdicts.push_back({item.id, true, {}});

  Selection regular(items, verdicts, now);
  regular.begin(SnapshotKind::regular);
  regular.set_future_aside();
  if (policy.rules) {
    regular.keep_by_rules(*policy.rules);
  } else {
    regular.keep_newest(policy.keep_snapshots);
    regular.thin_changes();
  }
  regular.keep_newest_complete("the newest complete snapshot");
  regular.judge_incomplete(policy.keep_snapshots, policy.rules);

  Selection safety(items, verdicts, now);
  safety.begin(SnapshotKind::safety);
  safety.set_future_aside();
  safety.keep_newest(policy.keep_safety_snapshots);
  safety.keep_newest_complete("the newest complete safety snapshot");
  safety.keep_very_newest("the newest safety snapshot");
  safety.judge_incomplete(policy.keep_safety_snapshots);
  return verdicts;
}

}  // namespace b2b
