// The jobs that change something: push, restore, prune, copy, repair, forget.
#include "core/config/sources.h"
#include "core/engine/queue_upload.h"
#include "core/engine/choose_layout.h"
#include "core/engine/copy_snapshot.h"
#include "core/engine/forget_paths.h"
#include "core/engine/prune.h"
#include "core/engine/queue.h"
#include "core/engine/snapshot_use.h"
#include "core/engine/push.h"
#include "core/engine/repair.h"
#include "core/engine/restore.h"
#include "core/gateway/installed.h"
#include "core/util/log.h"
#include "daemon/jobs/answers.h"
#include "daemon/jobs/jobs.h"
#include "daemon/jobs/last_check.h"
#include "daemon/jobs/last_restore.h"
#include "daemon/jobs/read_from.h"

namespace b2b::jobs {

namespace json = boost::json;

Answer push(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(PushParameters const parameters, push_parameters(given));
  PushOptions options;
  options.dry_run = parameters.dry_run;
  B2B_ASSIGN(PushReport report, b2b::push(context, options));
  if (auto reminder = key_reminder(context); !reminder) {
    report.warnings.push_back(reminder.error().text());
  } else if (!reminder->empty() && !parameters.dry_run) {
    report.warnings.push_back(*reminder);
  }
  return push_answer(report);
}

Answer restore(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(RestoreParameters const parameters, restore_parameters(given));
  if (parameters.gateway != GatewayChoice::refuse && !parameters.dry_run)
    return make_error(Condition::refused, "only the daemon can restore around a gateway: it goes on with it whatever happens on the way",
                      "Leave --direct out, or stop the gateway first and restore then");
  B2B_ASSIGN(ReadFrom const from, ReadFrom::open(context, parameters.at));
  RestoreOptions options;
  options.from = &from.context();
  options.snapshot = parameters.snapshot;
  options.paths = parameters.paths;
  options.target = parameters.target;
  options.dry_run = parameters.dry_run;
  options.safety = parameters.safety;
  options.with_secrets = parameters.with_secrets;
  options.confirmed = parameters.yes;
  options.installed_openclaw = [&context] {
    ConfigSources const ours = process_sources();
    return installed_openclaw(context.config.state_dir, ours.home, ours.environment, context.stop, *context.clock);
  };
  if (parameters.gateway != GatewayChoice::refuse) options.stop_gateway = [] { return Result<void>(); };  // a dry run: never called
  B2B_ASSIGN(RestoreReport const report, b2b::restore(context, options));
  json::object answer = restore_answer(report);
  bool const in_place = parameters.target.empty() && !parameters.dry_run;
  if (!in_place) return answer;
  json::object const last = last_restore_answer(restore_end_of(answer, parameters.paths.empty()), context.clock->now());
  if (auto const kept = keep_last_restore(*context.index, last); !kept) log_warning("the status will not show this restore: " + kept.error().text());
  answer["advice"] = last.at("advice");
  return answer;
}

Answer prune(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(PruneParameters const parameters, prune_parameters(given));
  PruneOptions options;
  options.dry_run = parameters.dry_run;
  options.confirmed = parameters.yes;
  options.give_up_hidden = parameters.give_up_hidden;
  options.take_over = parameters.take_over;
  options.on_request = true;
  if (options.dry_run) {
    B2B_ASSIGN(PruneReport const report, b2b::prune(context, options));
    return prune_answer(report);
  }
  B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "prune"));
  B2B_TRY(recover_restores(context));
  B2B_ASSIGN(PruneReport const report, b2b::prune(context, options));
  return prune_answer(report);
}

Answer copy(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(CopyParameters const parameters, copy_parameters(given));
  if (parameters.switch_over && context.config.layout != LayoutChoice::automatic)
    return make_error(Condition::usage, "layout is set in the configuration, so the configuration says how backups are written",
                      "Remove the key layout, or write there what you want, and leave out --switch", "layout");
  B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "copy"));
  // A copy alone must not decide it: an answer that was not asked for yet is asked for before there is one.
  B2B_TRY(push_layout(context));
  if (parameters.switch_over) {
    B2B_ASSIGN(auto const waiting, list_queue(context));
    if (!waiting.empty())
      return make_error(Condition::busy, "captures wait for their upload, and they go up as backups were written so far",
                        "Try again when daemonctl status shows none");
  }
  std::vector<std::string> notes;
  B2B_ASSIGN(SnapshotId const id, resolve_snapshot(context, parameters.snapshot, notes));
  B2B_ASSIGN(auto const use, SnapshotUse::begin(context.instance.data_dir, id));
  context.progress->phase = "copying";
  B2B_ASSIGN(CopyReport const report, copy_snapshot(context, id, other_layout(parameters.to), context, parameters.to));
  if (parameters.switch_over) B2B_TRY(keep_layout(context, parameters.to));
  return json::object{{"snapshot", id.text},
                      {"layout", layout_name(parameters.to)},
                      {"wasThere", report.was_there},
                      {"bytesUploaded", report.bytes_uploaded},
                      {"notes", texts_answer(notes)}};
}

Answer repair(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(RepairParameters const parameters, repair_parameters(given));
  RepairOptions options;
  options.index_only = parameters.index_only;
  options.read_data = parameters.read_data;
  B2B_ASSIGN(RepairReport const report, b2b::repair(context, options));
  if (report.problems.empty()) {
    B2B_TRY(mend_last_check(context, CheckKind::presence));
    if (!options.index_only && options.read_data) B2B_TRY(mend_last_check(context, CheckKind::content));
  }
  return repair_answer(report);
}

Answer forget(EngineContext& context, boost::json::object const& given) {
  B2B_ASSIGN(ForgetParameters const parameters, forget_parameters(given));
  if (!parameters.dry_run && !parameters.yes)
    return make_error(Condition::refused, "what is taken out of snapshots cannot be brought back", "daemonctl forget --dry-run says what that would be; --yes does it");
  ForgetOptions const options{parameters.paths, parameters.dry_run};
  if (options.dry_run) {
    B2B_ASSIGN(ForgetReport const report, forget_paths(context, options));
    return forget_answer(report);
  }
  B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "forget"));
  B2B_ASSIGN(ForgetReport const report, forget_paths(context, options));
  return forget_answer(report);
}

}  // namespace b2b::jobs
