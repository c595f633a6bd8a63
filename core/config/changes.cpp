#include "core/config/changes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace b2b {
namespace {

constexpr std::array<std::string_view, 3> held_places{"stateDir", "dataDir", "socket"};

}  // namespace

std::vector<ConfigChange> describe_changes(Config const& before, Config const& after) {
  std::vector<ConfigChange> changes;
  auto const compare = [&](std::string_view key, auto const& value_of) {
    if (value_of(before) == value_of(after)) return;
    bool const held = std::find(held_places.begin(), held_places.end(), key) != held_places.end();
    changes.push_back({key, held});
  };
  // clang-format off
  compare("stateDir", [](Config const& c) -> auto const& { return c.state_dir; });
  compare("keyId", [](Config const& c) -> auto const& { return c.key_id; });
  compare("applicationKey", [](Config const& c) -> auto const& { return c.application_key; });
  compare("bucket", [](Config const& c) -> auto const& { return c.bucket; });
  compare("region", [](Config const& c) -> auto const& { return c.region; });
  compare("endpoint", [](Config const& c) -> auto const& { return c.endpoint; });
  compare("caFile", [](Config const& c) -> auto const& { return c.ca_file; });
  compare("prefix", [](Config const& c) -> auto const& { return c.prefix; });
  compare("schedule", [](Config const& c) -> auto const& { return c.service.schedule; });
  compare("timezone", [](Config const& c) -> auto const& { return c.service.timezone; });
  compare("jitter", [](Config const& c) -> auto const& { return c.service.jitter; });
  compare("encrypt", [](Config const& c) -> auto const& { return c.encrypt; });
  compare("encryptionKey", [](Config const& c) -> auto const& { return c.encryption_key; });
  compare("decryptionKeys", [](Config const& c) -> auto const& { return c.decryption_keys; });
  compare("keepSnapshots", [](Config const& c) { return std::pair(c.keep_snapshots, c.keep_snapshots_set); });
  compare("keepSafetySnapshots", [](Config const& c) -> auto const& { return c.keep_safety_snapshots; });
  compare("retention", [](Config const& c) -> auto const& { return c.retention; });
  compare("layout", [](Config const& c) -> auto const& { return c.layout; });
  compare("include", [](Config const& c) -> auto const& { return c.include; });
  compare("exclude", [](Config const& c) -> auto const& { return c.exclude; });
  compare("agents", [](Config const& c) -> auto const& { return c.roots; });
  compare("agents", [](Config const& c) -> auto const& { return c.agents_here; });
  compare("secrets", [](Config const& c) -> auto const& { return c.secrets; });
  compare("watch.push", [](Config const& c) -> auto const& { return c.service.watch.push; });
  compare("watch.quiet", [](Config const& c) -> auto const& { return c.service.watch.quiet; });
  compare("watch.minInterval", [](Config const& c) -> auto const& { return c.service.watch.min_interval; });
  compare("check.enabled", [](Config const& c) -> auto const& { return c.service.check.enabled; });
  compare("check.every", [](Config const& c) -> auto const& { return c.service.check.every; });
  compare("check.subset", [](Config const& c) -> auto const& { return c.service.check.percent; });
  compare("compactionUploadInterval", [](Config const& c) -> auto const& { return c.service.compaction_upload_interval; });
  compare("autoRestore", [](Config const& c) -> auto const& { return c.service.auto_restore; });
  compare("gateway.stop", [](Config const& c) -> auto const& { return c.service.gateway.stop; });
  compare("gateway.start", [](Config const& c) -> auto const& { return c.service.gateway.start; });
  compare("gateway.port", [](Config const& c) -> auto const& { return c.service.gateway.port; });
  compare("gateway.stopTimeout", [](Config const& c) -> auto const& { return c.service.gateway.stop_timeout; });
  compare("onSuccess", [](Config const& c) -> auto const& { return c.service.on_success; });
  compare("onFailure", [](Config const& c) -> auto const& { return c.service.on_failure; });
  compare("onStale", [](Config const& c) -> auto const& { return c.service.on_stale; });
  compare("notifyInterval", [](Config const& c) -> auto const& { return c.service.notify_interval; });
  compare("staleAfter", [](Config const& c) -> auto const& { return c.service.stale_after; });
  compare("healthcheckUrl", [](Config const& c) -> auto const& { return c.service.healthcheck_url; });
  compare("metricsTextfile", [](Config const& c) -> auto const& { return c.service.metrics_textfile; });
  compare("limits.upload", [](Config const& c) -> auto const& { return c.limits.upload_bytes_per_second; });
  compare("limits.download", [](Config const& c) -> auto const& { return c.limits.download_bytes_per_second; });
  compare("limits.spool", [](Config const& c) -> auto const& { return c.limits.spool_bytes; });
  compare("limits.transfers", [](Config const& c) -> auto const& { return c.limits.transfers; });
  compare("limits.retrySeconds", [](Config const& c) -> auto const& { return c.limits.retry_seconds; });
  compare("dataDir", [](Config const& c) -> auto const& { return c.data_dir; });
  compare("socket", [](Config const& c) -> auto const& { return c.service.socket; });
  compare("stopTimeout", [](Config const& c) -> auto const& { return c.service.stop_timeout; });
  // clang-format on
  return changes;
}

}  // namespace b2b
