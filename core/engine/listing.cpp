#include "core/engine/listing.h"

#include <algorithm>

#include "core/util/log.h"
#include "core/util/worker_pool.h"

namespace b2b {

Result<void> for_each_parallel(EngineContext& context, std::size_t count, std::function<Result<void>(std::size_t)> const& work) {
  if (count == 0) return {};
  std::size_t const threads = std::clamp<std::size_t>(context.store->traits().transfers, 1, 32);
  std::vector<Result<void>> results(count);
  {
    WorkerPool pool(std::min(threads, count), count);
    for (std::size_t i = 0; i < count; ++i) pool.submit([&, i] { results[i] = work(i); });
    pool.wait();
  }
  for (auto& result : results)
    if (!result) return std::move(result);
  return {};
}

bool concerns_one_object(Condition condition) {
  switch (condition) {
    case Condition::corrupt:
    case Condition::wrong_key:
    case Condition::transit:
    case Condition::permission:
    case Condition::unsupported:
    case Condition::not_found:
      return true;
    default:
      return false;
  }
}

ListedSnapshot only_an_id(SnapshotId const& id) {
  ListedSnapshot listed;
  listed.info.id = id;
  listed.info.timestamp = format_iso8601(id.time);
  return listed;
}

Result<bool> recall_listed(EngineContext& context, bool recheck, ListedSnapshot& listed) {
  if (recheck) return false;
  B2B_ASSIGN(auto remembered, context.index->remembered_snapshot(target_name(context), listed.info.id));
  if (!remembered || remembered->info.layout != listed.info.layout) return false;
  listed.info = std::move(remembered->info);
  listed.signature = remembered->signature;
  return true;
}

void remember_listed(EngineContext& context, ListedSnapshot const& listed) {
  auto const remembered = context.index->remember_snapshot(target_name(context), listed.info, listed.signature);
  if (!remembered) log_warning("snapshot " + listed.info.id.text + " is not remembered: " + remembered.error().text());
}

Result<std::vector<std::string>> folders_below(EngineContext& context, std::string const& below, bool& has_manifest) {
  std::vector<std::string> names;
  ListOptions options;
  options.prefix = below;
  options.delimiter = true;
  auto const take = [&](ListEntry const& entry) {
    std::string name = entry.object.key.substr(below.size());
    if (!entry.is_prefix) {
      has_manifest = has_manifest || name == "manifest.json";
    } else {
      if (!name.empty() && name.back() == '/') name.pop_back();
      names.push_back(std::move(name));
    }
    return true;
  };
  B2B_TRY(context.store->list(options, take, context.stop));
  return names;
}

}  // namespace b2b
