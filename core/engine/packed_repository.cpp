#include "core/engine/packed_repository.h"

#include "core/engine/objects.h"
#include "core/engine/packed_keys.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

Result<std::shared_ptr<packed::Repository>> in_line(EngineContext& context, packed::OpenedRepository const& opened,
                                                    std::shared_ptr<packed::ChunkIndex> index, bool read_only) {
  auto repository = std::make_shared<packed::Repository>(context.store, context.config.prefix, opened.config, opened.master,
                                                          std::move(index), read_only);
  std::vector<std::string> problems;
  B2B_TRY(packed::sync_index(*repository, problems, context.stop));
  for (std::string const& problem : problems) log_warning(problem);
  return repository;
}

struct PrivateIndex {
  ScratchFolder folder;
  std::shared_ptr<packed::ChunkIndex> index;   // closed before its folder goes
};

}  // namespace

Result<packed::OpenedRepository> PackedAccess::keys(EngineContext& context, bool create) {
  std::scoped_lock lock(mutex_);
  if (create) {
    if (!keys_) {
      B2B_ASSIGN(keys_, open_or_create_repository_keys(context));
    }
    B2B_TRY(tend_key_slots(context, *keys_));
    keys_->slots.clear();  // what was new about the secrets is seen to
    keys_->without_slot.clear();
    return *keys_;
  }
  if (keys_) return *keys_;
  B2B_ASSIGN(keys_, open_repository_keys(context));
  if (keys_) return *keys_;
  return make_error(Condition::not_found, "there is no repository of the packed layout under the prefix " + context.config.prefix + " in " +
                                              context.store->traits().name);
}

Result<std::shared_ptr<packed::Repository>> PackedAccess::open_to_read(EngineContext& context) {
  B2B_ASSIGN(auto const opened, keys(context, false));
  B2B_ASSIGN(ScratchFolder folder, make_scratch(context));
  B2B_ASSIGN(auto index, packed::ChunkIndex::open_copy(context.instance.data_dir, folder.path(), opened.config.id));
  auto const own = std::make_shared<PrivateIndex>(PrivateIndex{std::move(folder), std::move(index)});
  return in_line(context, opened, std::shared_ptr<packed::ChunkIndex>(own, own->index.get()), true);
}

Result<std::shared_ptr<packed::Repository>> PackedAccess::open_without_index(EngineContext& context) {
  B2B_ASSIGN(auto const opened, keys(context, false));
  return std::make_shared<packed::Repository>(context.store, context.config.prefix, opened.config, opened.master, nullptr, true);
}

Result<std::shared_ptr<packed::Repository>> PackedAccess::open(EngineContext& context, bool create) {
  B2B_ASSIGN(auto const opened, keys(context, create));
  B2B_ASSIGN(auto index, packed::ChunkIndex::open(context.instance.data_dir, opened.config.id));
  return in_line(context, opened, std::move(index), false);
}

Result<std::shared_ptr<packed::Repository>> PackedAccess::open_to_write(EngineContext& context) { return open(context, false); }
Result<std::shared_ptr<packed::Repository>> PackedAccess::open_or_create(EngineContext& context) { return open(context, true); }

void PackedAccess::forget() {
  std::scoped_lock lock(mutex_);
  keys_.reset();
}

std::string packed_spool_dir(EngineContext const& context) { return join_path(context.instance.data_dir, "packed-spool"); }

}  // namespace b2b
