#include "core/engine/hidden_snapshots.h"

#include "core/crypto/hash.h"
#include "core/engine/objects.h"
#include "core/packed/format.h"
#include "core/packed/hidden_repository.h"
#include "core/snapshot/layout.h"
#include "core/util/encoding.h"

namespace b2b {
namespace {

constexpr std::string_view manifest_end = "/manifest.json";
constexpr std::string_view in_repository = "repository";
constexpr std::string_view in_folders = "folders";
constexpr std::size_t folders_named = 3;

std::string record_key(Config const& config, std::string_view what) {
  return "hidden:" + to_hex(sha256(config.endpoint + "\n" + config.bucket + "\n" + config.prefix)).substr(0, 16) + ":" + std::string(what);
}

Result<void> remember(EngineContext& context, std::string_view what, std::string const& text) {
  std::string const key = record_key(context.config, what);
  B2B_ASSIGN(auto const known, context.index->value(key));
  if (known.value_or("") == text) return {};
  return text.empty() ? context.index->clear_value(key) : context.index->set_value(key, text);
}

bool cannot_tell(Error const& error) { return error.condition == Condition::permission || error.condition == Condition::unsupported; }

// The id of the snapshot that this object makes one; nullopt: it is another object.
std::optional<SnapshotId> snapshot_of(EngineContext const& context, std::string_view key) {
  std::string const packed = packed::snapshots_prefix(context.config.prefix);
  if (key.starts_with(packed)) return parse_snapshot_id(key.substr(packed.size()));
  std::string const plugin = keys_prefix(context);
  if (!key.starts_with(plugin) || !key.ends_with(manifest_end)) return std::nullopt;
  key.remove_prefix(plugin.size());
  return parse_snapshot_id(key.substr(0, key.size() - manifest_end.size()));
}

}  // namespace

Result<std::string> hidden_snapshots(EngineContext& context) {
  std::string newest;
  HiddenQuestion question;
  question.prefixes = {keys_prefix(context), packed::repository_prefix(context.config.prefix)};
  question.written_once = true;
  question.counts = [&](std::string const& key) {
    auto const id = snapshot_of(context, key);
    if (id && id->kind == SnapshotKind::regular) newest = std::max(newest, id->text);
    return id.has_value();
  };
  auto const found = find_hidden(*context.store, question, context.stop);
  if (!found && cannot_tell(found.error())) return std::string();
  if (!found) return found.error();
  return found->count == 0 ? std::string() : packed::hidden_snapshots_text(*context.store, *found, newest);
}

Result<std::string> look_for_hidden_packed(EngineContext& context) {
  B2B_ASSIGN(auto const hidden, packed::find_hidden_snapshots(*context.store, context.config.prefix, context.stop));
  std::string text;
  if (hidden.objects.count > 0)
    text = packed::hidden_snapshots_text(*context.store, hidden.objects, hidden.ids.back().text) + ". " + std::string(packed::hidden_way_out);
  B2B_TRY(remember(context, in_repository, text));
  return text;
}

Result<std::string> hidden_manifest(EngineContext& context, SnapshotId const& id) {
  auto const hidden = hidden_since(*context.store, layout::manifest_key(context.config.prefix, id), context.stop);
  if (!hidden && cannot_tell(hidden.error())) return std::string();
  if (!hidden) return hidden.error();
  if (!*hidden) return std::string();
  std::string const at = format_iso8601(moment_before(**hidden));
  return "the manifest of snapshot " + id.text + " was hidden on " + format_iso8601(**hidden) +
         " (by a delete that does not name a version): it is there still. Restore it with: daemonctl restore " + id.text + " --at " + at;
}

Result<void> remember_hidden_manifests(EngineContext& context, std::vector<std::string> const& found) {
  std::string text;
  for (std::size_t i = 0; i < std::min(found.size(), folders_named); ++i) text += (text.empty() ? "" : "; ") + found[i];
  if (found.size() > folders_named) text += "; and " + std::to_string(found.size() - folders_named) + " more";
  if (!text.empty()) text += ". " + std::string(packed::hidden_way_out);
  return remember(context, in_folders, text);
}

Result<std::vector<std::string>> known_hidden(Index& index, Config const& config) {
  std::vector<std::string> out;
  for (std::string_view const what : {in_repository, in_folders}) {
    B2B_ASSIGN(auto text, index.value(record_key(config, what)));
    if (text && !text->empty()) out.push_back(std::move(*text));
  }
  return out;
}

}  // namespace b2b
