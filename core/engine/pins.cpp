#include "core/engine/pins.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/engine/bucket.h"
#include "core/engine/find_snapshot.h"
#include "core/packed/format.h"
#include "core/packed/reach.h"
#include "core/util/encoding.h"
#include "core/util/log.h"

namespace b2b {
namespace {

std::string key_of(EngineContext const& context, SnapshotId const& id) { return packed::pin_key(context.config.prefix, id.text); }

std::string reached_key(EngineContext const& context) { return "pins-reached:" + target_name(context); }

Error explained(EngineContext const& context, Error error) { return packed::explain_reach(std::move(error), context.config.prefix); }

// In either layout.
Result<bool> snapshot_is_there(EngineContext& context, SnapshotId const& id) {
  auto const layout = find_snapshot(context, id);
  if (!layout) return explained(context, layout.error());
  return layout->has_value();
}

Result<void> put_pin(EngineContext& context, SnapshotId const& id) {
  boost::json::object const content{{"version", 1}, {"pinned", format_iso8601(context.clock->now())}, {"by", printable(context.instance.host)}};
  auto const stored = context.store->put(key_of(context, id), MemorySource(boost::json::serialize(content)), context.stop);
  if (!stored) return explained(context, stored.error());
  return context.store->flush(context.stop);
}

Result<void> remove_pin(EngineContext& context, SnapshotId const& id) {
  auto const removed = remove_all(*context.store, key_of(context, id), context.stop);
  if (!removed) return explained(context, removed.error());
  return context.store->flush(context.stop);
}

std::vector<SnapshotId> pins_named(std::vector<Pin> const& pins, std::string_view name) {
  std::vector<std::string_view> ids;
  for (Pin const& pin : pins) ids.push_back(pin.id.text);
  std::vector<SnapshotId> named;
  for (std::size_t const i : ids_meant(ids, name)) named.push_back(pins[i].id);
  return named;
}

Error not_pinned(std::string_view name) {
  return make_error(Condition::not_found, "snapshot " + printable(name) + " is not pinned", "Those that are: daemonctl pin", std::string(name));
}

}  // namespace

Result<std::vector<Pin>> list_pins(EngineContext& context) {
  std::vector<Pin> pins;
  ListOptions options;
  options.prefix = packed::pins_prefix(context.config.prefix);
  auto const take = [&](ListEntry const& entry) {
    auto id = parse_snapshot_id(std::string_view(entry.object.key).substr(options.prefix.size()));
    if (id) pins.push_back({std::move(*id), entry.object.modified});
    return true;
  };
  if (auto const listed = context.store->list(options, take, context.stop); !listed) {
    Error error = explained(context, listed.error());
    error.message = "which snapshots are pinned cannot be listed: " + error.message;
    return error;
  }
  std::sort(pins.begin(), pins.end(), [](Pin const& a, Pin const& b) { return id_before(a.id, b.id); });
  B2B_ASSIGN(auto const reached, context.index->value(reached_key(context)));
  if (!reached) B2B_TRY(context.index->set_value(reached_key(context), "1"));
  return pins;
}

bool is_pinned(std::vector<Pin> const& pins, SnapshotId const& id) {
  return std::any_of(pins.begin(), pins.end(), [&](Pin const& pin) { return pin.id.text == id.text; });
}

Result<PinChange> pin_snapshot(EngineContext& context, std::string_view name) {
  std::vector<std::string> notes;
  B2B_ASSIGN(SnapshotId const id, resolve_snapshot(context, name, notes));
  PinChange change{id, false, std::move(notes)};
  B2B_ASSIGN(auto const pins, list_pins(context));
  if (is_pinned(pins, id)) return change;
  B2B_TRY(put_pin(context, id));
  // From here on nobody removes it. Another machine may have begun before.
  B2B_ASSIGN(bool const there, snapshot_is_there(context, id));
  if (!there) {
    B2B_TRY(remove_pin(context, id));
    return make_error(Condition::not_found, "snapshot " + id.text + " was removed just now, by another machine that prunes there",
                      "See what is left with: daemonctl snapshots", id.text);
  }
  change.changed = true;
  return change;
}

Result<PinChange> unpin_snapshot(EngineContext& context, std::string_view name) {
  if (name.empty()) return make_error(Condition::usage, "the name of the snapshot is empty", "Write an id: daemonctl pin lists the pinned ones");
  B2B_ASSIGN(auto const pins, list_pins(context));
  std::vector<SnapshotId> found = pins_named(pins, name);
  PinChange change;
  if (found.empty()) {
    auto id = resolve_snapshot(context, name, change.notes);   // "latest"
    if (!id) return id.error().condition == Condition::not_found ? not_pinned(name) : id.error();
    if (!is_pinned(pins, *id)) return not_pinned(id->text);
    found.push_back(std::move(*id));
  }
  if (found.size() > 1)
    return make_error(Condition::usage, "\"" + printable(name) + "\" fits " + std::to_string(found.size()) + " pinned snapshots: " +
                                            found[0].text + ", " + found[1].text + (found.size() > 2 ? " and more" : ""),
                      "Write more of the id", std::string(name));
  B2B_TRY(remove_pin(context, found.front()));
  change.snapshot = found.front();
  change.changed = true;
  return change;
}

Result<std::vector<Pin>> reachable_pins(EngineContext& context) {
  auto listed = list_pins(context);
  if (!listed && listed.error().condition == Condition::permission) {
    B2B_ASSIGN(auto const reached, context.index->value(reached_key(context)));
    if (!reached) return std::vector<Pin>();
  }
  return listed;
}

Result<std::vector<Pin>> spare_pinned(EngineContext& context, std::vector<RetentionVerdict>& verdicts) {
  B2B_ASSIGN(auto pins, reachable_pins(context));
  for (RetentionVerdict& verdict : verdicts) {
    if (verdict.keep || !is_pinned(pins, verdict.id)) continue;
    verdict.keep = true;
    verdict.reason = "pinned";
  }
  return pins;
}

Result<void> remove_idle_pins(EngineContext& context, std::vector<Pin> const& pins) {
  for (Pin const& pin : pins) {
    B2B_ASSIGN(bool const there, snapshot_is_there(context, pin.id));
    if (there) continue;
    auto const removed = remove_pin(context, pin.id);
    if (!removed && removed.error().condition != Condition::permission) return removed.error();
    if (removed)
      log_info("removed the pin of snapshot " + pin.id.text + ", which is gone");
    else
      log_warning("the pin of snapshot " + pin.id.text + ", which is gone, stays: " + removed.error().text());
  }
  return {};
}

}  // namespace b2b
