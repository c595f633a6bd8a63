#include "core/engine/presence.h"

#include "core/engine/choose_layout.h"
#include "core/engine/gone_snapshots.h"
#include "core/engine/listing.h"
#include "core/engine/packed_keys.h"
#include "core/packed/reach.h"
#include "core/packed/snapshots.h"
#include "core/packed/survey.h"
#include "core/util/file.h"

namespace b2b {
namespace {

struct Looked {
  bool all_there = true;
  VerifyReport report;
};

Result<Looked> look(EngineContext& context, std::string const& scratch_parent) {
  Looked out;
  auto const ids = packed::list_snapshots(*context.store, context.config.prefix, context.stop);
  if (!ids) {
    Error const error = packed::explain_reach(ids.error(), context.config.prefix);
    B2B_ASSIGN(auto const known, known_layout(context));
    if (error.condition != Condition::permission || known == SnapshotLayout::packed) return error;
    return out;  // an application key for the plugin's layout alone
  }
  out.report.snapshots = ids->size();
  B2B_ASSIGN(auto const gone, gone_snapshots(context, *ids));
  auto const keys = open_repository_keys(context);
  if (!keys && !concerns_one_object(keys.error().condition)) return keys.error();
  out.all_there = gone.empty() && keys.has_value();
  if (!out.all_there) return out;
  if (!*keys) {
    out.all_there = ids->empty();
    return out;
  }
  packed::Repository const repository(context.store, context.config.prefix, (*keys)->config, (*keys)->master, nullptr);
  B2B_ASSIGN(TemporaryDirectory const scratch, TemporaryDirectory::create(scratch_parent, "survey-"));
  B2B_ASSIGN(auto const survey, packed::Survey::make(repository, scratch.path(), context.stop));
  B2B_ASSIGN(auto const packs, survey->repository()->index->packs());
  out.report.objects = packs.size() + survey->index_objects();
  out.all_there = survey->bad_packs().empty() && survey->bad_index_objects().empty();
  return out;
}

}  // namespace

Result<VerifyReport> look_for_all(EngineContext& context, std::string const& scratch_parent) {
  context.progress->phase = "looking whether all is there";
  B2B_ASSIGN(Looked looked, look(context, scratch_parent));
  if (looked.all_there) return std::move(looked.report);
  VerifyOptions options;
  options.unattended = true;
  options.scratch_parent = scratch_parent;
  return verify(context, options);
}

}  // namespace b2b
