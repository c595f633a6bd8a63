#include "core/engine/packed_repository.h"

#include "core/engine/packed_keys.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {

Result<std::shared_ptr<packed::Repository>> PackedAccess::synced(EngineContext& context) {
  std::vector<std::string> problems;
  B2B_TRY(packed::sync_index(*repository_, problems, context.stop));
  for (std::string const& problem : problems) log_warning(problem);
  return repository_;
}

namespace {

Result<std::shared_ptr<packed::Repository>> repository_of(EngineContext& context, packed::OpenedRepository const& opened) {
  B2B_ASSIGN(auto index, packed::ChunkIndex::open(context.instance.data_dir, opened.config.id));
  return std::make_shared<packed::Repository>(context.store, context.config.prefix, opened.config, opened.master, std::move(index));
}

}  // namespace

Result<std::shared_ptr<packed::Repository>> PackedAccess::open(EngineContext& context) {
  std::scoped_lock lock(mutex_);
  if (!repository_) {
    B2B_ASSIGN(auto const opened, open_repository_keys(context));
    if (!opened)
      return make_error(Condition::not_found, "there is no repository of the packed layout under the prefix " + context.config.prefix + " in " +
                                                  context.store->traits().name);
    B2B_ASSIGN(repository_, repository_of(context, *opened));
  }
  return synced(context);
}

Result<std::shared_ptr<packed::Repository>> PackedAccess::open_or_create(EngineContext& context) {
  std::scoped_lock lock(mutex_);
  if (!repository_) {
    B2B_ASSIGN(auto const opened, open_or_create_repository_keys(context));
    B2B_ASSIGN(repository_, repository_of(context, opened));
  }
  return synced(context);
}

std::string packed_spool_dir(EngineContext const& context) { return join_path(context.instance.data_dir, "packed-spool"); }

}  // namespace b2b
