#include "core/engine/at_time.h"

#include "core/engine/objects.h"
#include "core/engine/packed_keys.h"
#include "core/engine/packed_repository.h"
#include "core/packed/format.h"
#include "core/store/at_time_store.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::uint64_t key_file_limit_bytes = 1 << 20;
constexpr std::uint64_t versions_looked_at = 1000;  // one request

// Where a bucket keeps no versions, S3 lists each object as the version "null".
Result<std::string> look_for_versions(EngineContext& now) {
  std::uint64_t seen = 0;
  bool named = false;
  for (std::string const& prefix : {keys_prefix(now), packed::repository_prefix(now.config.prefix)}) {
    auto const look = [&](ObjectVersion const& version) {
      named = named || (!version.version_id.empty() && version.version_id != "null");
      return !named && ++seen < versions_looked_at;
    };
    B2B_TRY(now.store->list_versions(prefix, look, now.stop));
  }
  if (named || seen == 0) return std::string();
  return now.store->traits().name + " does not seem to keep older versions (versioning is off): what was deleted or replaced before cannot be seen at any time";
}

// The master key that this machine has: a repository may be open here that no configured secret opens.
Result<void> take_key_along(EngineContext& now, EngineContext& then) {
  std::string const from = key_file_path(now);
  std::string const to = key_file_path(then);
  if (from.empty() || to.empty() || !path_exists(from)) return {};
  B2B_ASSIGN(std::string text, read_file(from, key_file_limit_bytes));
  auto written = atomic_write_file(to, text);
  wipe(text.data(), text.size());
  return written;
}

}  // namespace

Result<std::unique_ptr<AtTime>> AtTime::open(EngineContext& now, TimePoint at) {
  EngineContext then = now;
  B2B_ASSIGN(then.store, make_at_time_store(now.store, at, now.stop));
  B2B_ASSIGN(ScratchFolder folder, make_scratch(now));
  then.instance.data_dir = folder.path();
  B2B_ASSIGN(then.index, Index::open(folder.path()));
  then.packed = std::make_shared<PackedAccess>();
  B2B_TRY(take_key_along(now, then));
  auto opened = std::unique_ptr<AtTime>(new AtTime(std::move(folder), std::move(then)));
  B2B_ASSIGN(opened->hint_, look_for_versions(now));
  return opened;
}

}  // namespace b2b
