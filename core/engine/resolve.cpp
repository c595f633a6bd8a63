// From what a person writes ("latest", an id, the beginning of one) to a snapshot.
#include <algorithm>

#include "core/engine/bucket.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/hidden_snapshots.h"
#include "core/engine/packed_keys.h"
#include "core/util/nearest.h"

namespace b2b {
namespace {

constexpr std::chrono::hours future_allowance{24};
constexpr std::size_t choices_named = 3;

using Snapshots = std::vector<ListedSnapshot>;

std::string counted_names(std::vector<std::string> const& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < choices_named; ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > choices_named) text += " and " + std::to_string(names.size() - choices_named) + " more";
  return text;
}

bool is_readable(ListedSnapshot const& listed) { return listed.has_manifest && listed.problem.empty(); }

// What is wrong with a regular snapshot as "latest"; empty when nothing is.
std::string flaw(ListedSnapshot const& listed) {
  if (!listed.has_manifest) return "its upload is under way or was never finished";
  if (!listed.problem.empty()) return "its manifest cannot be read: " + listed.problem;
  if (!listed.info.complete) return "it is incomplete: " + std::to_string(listed.info.skipped_total) + " files were skipped";
  return {};
}

struct Latest {
  ListedSnapshot const* chosen = nullptr;
  ListedSnapshot const* incomplete = nullptr;  // the newest that is nothing worse
  std::vector<std::string> unsigned_ids;   // newer than the chosen one
  std::vector<std::string> notes;
};

// Of another machine or state directory that shares the prefix.
bool is_foreign(ListedSnapshot const& listed, std::string const& instance) {
  return listed.info.ours && !listed.info.instance.empty() && listed.info.instance != instance;
}

// `own`: of this instance (or without one, like the plugin's), whatever newer ones others took.
Latest find_latest(Config const& config, Snapshots const& snapshots, TimePoint now, std::optional<std::string> const& own) {
  Latest latest;
  for (auto at = snapshots.rbegin(); at != snapshots.rend() && latest.chosen == nullptr; ++at) {
    if (own && is_foreign(*at, *own)) continue;
    SnapshotId const& id = at->info.id;
    if (id.kind != SnapshotKind::regular) continue;
    if (id.time > now + future_allowance) {
      latest.notes.push_back("snapshot " + id.text + " lies in the future of the store's clock (" + format_iso8601(now) +
                             ") and was not chosen; name it to use it");
    } else if (std::string const wrong = flaw(*at); !wrong.empty()) {
      latest.notes.push_back("the newer snapshot " + id.text + " was not chosen: " + wrong);
      if (is_readable(*at) && latest.incomplete == nullptr) latest.incomplete = &*at;
    } else if (!restores_unasked(config, at->info, at->signature)) {
      latest.unsigned_ids.push_back(id.text);
    } else {
      latest.chosen = &*at;
    }
  }
  return latest;
}

// That there is no snapshot to choose may be for want of the key alone: then that is what to tell.
Result<void> check_key(EngineContext& context, Snapshots const& snapshots) {
  bool const closed = std::any_of(snapshots.begin(), snapshots.end(), [](ListedSnapshot const& listed) {
    return listed.info.layout == SnapshotLayout::packed && !listed.problem.empty();
  });
  if (!closed) return {};
  auto const opened = open_repository_keys(context);
  return opened || opened.error().condition != Condition::wrong_key ? Result<void>() : opened.error();
}

// That there is none at all may be somebody's doing.
Result<void> check_hidden(EngineContext& context, Snapshots const& snapshots, std::string_view name) {
  if (!snapshots.empty()) return {};
  B2B_ASSIGN(std::string const hidden, hidden_snapshots(context));
  if (hidden.empty()) return {};
  return make_error(Condition::not_found, "no snapshot is to be seen in " + target_name(context) + ", but " + hidden, {}, std::string(name));
}

Result<SnapshotId> resolve_latest(EngineContext& context, Snapshots const& snapshots, std::vector<std::string>& notes) {
  B2B_ASSIGN(TimePoint const now, context.store->now(context.stop));
  Latest latest = find_latest(context.config, snapshots, now, std::nullopt);
  if (latest.chosen != nullptr && is_foreign(*latest.chosen, context.instance.id)) {
    Latest own = find_latest(context.config, snapshots, now, context.instance.id);
    if (own.chosen != nullptr) {
      SnapshotInfo const& newer = latest.chosen->info;
      own.notes.push_back("the newer snapshot " + newer.id.text + " was not chosen: it was taken on " +
                          (newer.host.empty() ? "another machine" : newer.host) + " from " + newer.state_dir +
                          "; name it to use it");
      latest = std::move(own);
    }
  }
  std::move(latest.notes.begin(), latest.notes.end(), std::back_inserter(notes));
  if (latest.chosen != nullptr) {
    if (!latest.unsigned_ids.empty())
      notes.push_back("newer snapshots without our signature or without encryption were not chosen: " +
                      counted_names(latest.unsigned_ids) + "; name one to use it");
    SnapshotInfo const& info = latest.chosen->info;
    if (info.ours && info.instance != context.instance.id)
      notes.push_back("snapshot " + info.id.text + " was taken on " + (info.host.empty() ? "another machine" : info.host) +
                      " from " + info.state_dir);
    return info.id;
  }
  if (!latest.unsigned_ids.empty())
    return make_error(Condition::refused,
                      "no snapshot in " + target_name(context) + " carries our signature, so none is chosen by itself while "
                      "encryption is on (the plugin writes such snapshots: anyone with access to the bucket could have)",
                      "Name the one you trust: " + counted_names(latest.unsigned_ids), "latest");
  if (latest.incomplete != nullptr)
    return make_error(Condition::not_found,
                      "there is no complete snapshot in " + target_name(context) + "; the newest is " +
                          latest.incomplete->info.id.text + ", and " + flaw(*latest.incomplete),
                      "Name it to restore it all the same: " + latest.incomplete->info.id.text, "latest");
  B2B_TRY(check_key(context, snapshots));
  B2B_TRY(check_hidden(context, snapshots, "latest"));
  return make_error(Condition::not_found, "there is no complete snapshot in " + target_name(context),
                    snapshots.empty() ? "Take one with: daemonctl push; or check bucket and prefix"
                                      : "See what is there with: daemonctl snapshots --all",
                    "latest");
}

std::size_t common_length(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())),
                                                b.begin()).first - a.begin());
}

// The ids most like `name`: those that share the longest beginning with it, the newest of them first.
std::vector<std::string> nearest(Snapshots const& snapshots, std::string_view name) {
  std::vector<std::pair<std::size_t, std::string>> scored;
  for (auto at = snapshots.rbegin(); at != snapshots.rend(); ++at)
    if (is_readable(*at)) scored.emplace_back(common_length(at->info.id.text, name), at->info.id.text);
  std::stable_sort(scored.begin(), scored.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < scored.size() && i < choices_named; ++i) ids.push_back(scored[i].second);
  return ids;
}

Result<SnapshotId> the_only(Snapshots const& snapshots, std::vector<std::size_t> const& found, std::string_view name) {
  if (found.size() > 1) {
    std::vector<std::string> ids;
    for (std::size_t const i : found) ids.push_back(snapshots[i].info.id.text);
    return make_error(Condition::usage, "\"" + printable(name) + "\" fits " + std::to_string(found.size()) + " snapshots: " +
                                            counted_names(ids),
                      "Write more of the id", std::string(name));
  }
  ListedSnapshot const& listed = snapshots[found.front()];
  if (listed.has_manifest) return listed.info.id;
  return make_error(Condition::not_found,
                    "snapshot " + listed.info.id.text + " has no manifest: its upload is under way or was never finished",
                    "Choose another one: daemonctl snapshots", listed.info.id.text);
}

Result<SnapshotId> resolve_name(EngineContext& context, Snapshots const& snapshots, std::string_view name) {
  std::vector<std::string_view> ids;
  for (ListedSnapshot const& listed : snapshots) ids.push_back(listed.info.id.text);
  auto const found = ids_meant(ids, name);
  if (!found.empty()) return the_only(snapshots, found, name);
  auto const choices = nearest(snapshots, name);
  std::string const latest[] = {"latest"};
  bool const means_latest = !choices.empty() && !nearest_word(name, latest).empty();
  B2B_TRY(check_hidden(context, snapshots, name));
  std::string advice = "There are no snapshots; take one with: daemonctl push";
  if (!choices.empty())
    advice = std::string(means_latest ? "Did you mean latest, which is the newest complete one? " : "") + "The nearest ones: " +
             counted_names(choices) + ". All of them: daemonctl snapshots";
  return make_error(Condition::not_found, "there is no snapshot \"" + printable(name) + "\" in " + target_name(context), std::move(advice),
                    std::string(name));
}

Result<SnapshotId> resolve_listed(EngineContext& context, std::string_view name, bool recheck,
                                  std::vector<std::string>& notes) {
  B2B_ASSIGN(BucketListing const listing, list_bucket(context, recheck));
  if (name == "latest") return resolve_latest(context, listing.snapshots, notes);
  return resolve_name(context, listing.snapshots, name);
}

}  // namespace

Result<SnapshotId> resolve_snapshot(EngineContext& context, std::string_view name, std::vector<std::string>& notes) {
  if (name.empty()) return make_error(Condition::usage, "the name of the snapshot is empty", "Write an id, or latest");
  if (auto id = parse_snapshot_id(name)) {
    B2B_ASSIGN(auto const layout, find_snapshot(context, *id));
    if (layout) return std::move(*id);
  }
  std::vector<std::string> found_notes;
  auto id = resolve_listed(context, name, false, found_notes);
  if (id) {
    // The bucket is trusted over what we remember of it.
    B2B_ASSIGN(auto const layout, find_snapshot(context, *id));
    if (!layout) {
      found_notes.clear();
      id = resolve_listed(context, name, true, found_notes);
    }
  }
  std::move(found_notes.begin(), found_notes.end(), std::back_inserter(notes));
  return id;
}

}  // namespace b2b
