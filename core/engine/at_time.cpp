#include "core/engine/at_time.h"

#include "core/engine/objects.h"
#include "core/engine/packed_keys.h"
#include "core/engine/packed_repository.h"
#include "core/store/at_time_store.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

constexpr std::uint64_t key_file_limit_bytes = 1 << 20;

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
  return std::unique_ptr<AtTime>(new AtTime(std::move(folder), std::move(then)));
}

}  // namespace b2b
