// Safety snapshots: captured durably on this machine first, uploaded when the store is there.
//
// The local form is a directory store below <data dir>/safety/, one bucket folder for each target, holding exactly the
// objects that go up: uploading is copying them, bodies first.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

#include "core/engine/bucket.h"
#include "core/engine/capture_stage.h"
#include "core/engine/choose_layout.h"
#include "core/engine/copy_snapshot.h"
#include "core/engine/objects.h"
#include "core/engine/plugin_writer.h"
#include "core/engine/push.h"
#include "core/engine/push_plan.h"
#include "core/engine/queue_upload.h"
#include "core/engine/snapshot_info.h"
#include "core/engine/waiting_safeties.h"

#include "core/snapshot/layout.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view after_id = "/manifest.json";

std::string safety_root(EngineContext const& context) { return join_path(context.instance.data_dir, "safety"); }
std::string safety_bucket(EngineContext const& context) { return to_hex(sha256(target_name(context))).substr(0, 16); }

Result<std::unique_ptr<Store>> open_local(EngineContext& context) {
  B2B_TRY(make_directories(safety_root(context), 0700));
  return open_directory_store(safety_root(context), safety_bucket(context));
}

// Collects what the capture and the writer report into the catalog.
struct Collector {
  std::mutex mutex;
  Catalog& catalog;
  SafetyReport& report;
  std::optional<Error> failure;

  void keep(Result<void> const& result) {
    if (!result && !failure) failure = result.error();
  }
  void stored(StoredBody&& body) {
    std::scoped_lock lock(mutex);
    if (body.skip) {
      report.skipped.push_back(std::move(*body.skip));
      keep(catalog.erase(body.entry.path));
      return;
    }
    keep(catalog.put(stored_row(std::move(body))));
  }
  void captured(Entry const& scanned, CaptureResult& result) {
    std::scoped_lock lock(mutex);
    for (std::string& warning : result.warnings) report.warnings.push_back(std::move(warning));
    for (Skip& skip : result.skips) {
      if (skip.reason != SkipReason::by_rule) report.skipped.push_back(std::move(skip));
    }
    if (result.files.empty()) keep(catalog.erase(scanned.path));
    for (CapturedFile& file : result.files) {
      if (file.entry.path == scanned.path) file.entry.hard_link_of = scanned.hard_link_of;
    }
  }
};

Result<void> capture_into(EngineContext& context, Store& local, PushPlan& plan, SafetyReport& report) {
  PluginWriterOptions options;
  options.store = &local;
  options.prefix = context.config.prefix;
  options.id = report.id;
  B2B_ASSIGN(options.key, derive_writer_key(context, fresh_salt()));
  Collector collector{{}, *plan.catalog, report, {}};
  PluginWriter writer(
      std::move(options), [&](StoredBody&& body) { collector.stored(std::move(body)); }, context.stop);
  B2B_ASSIGN(auto spool, open_spool(context));
  CaptureStage stage(context, spool, capture_options(context.config), [&](Entry const& scanned, CaptureResult&& result) {
    collector.captured(scanned, result);
    for (CapturedFile& file : result.files) writer.upload(std::move(file));
  });
  std::string after;
  for (bool from_start = true;; from_start = false) {
    std::vector<CatalogEntry> batch;
    {
      std::scoped_lock lock(collector.mutex);
      B2B_ASSIGN(batch, plan.catalog->batch_after(after, 256, from_start));
    }
    if (batch.empty()) break;
    after = batch.back().entry.path;
    for (CatalogEntry& row : batch) {
      if (row.state == static_cast<std::uint32_t>(PlanState::capture) && row.stored_name.empty() && !writer.failed())
        stage.add(std::move(row.entry));
    }
  }
  B2B_TRY(stage.finish());
  B2B_TRY(writer.finish_bodies());
  if (collector.failure) return *collector.failure;

  B2B_ASSIGN(SnapshotInfo info, describe_snapshot(context, Trigger::manual, plan.started_ns, report.skipped));
  B2B_TRY(writer.commit(std::move(info), *plan.catalog, plan.path + ".manifest"));
  return {};
}

// Sends one local object; `check_first`: an earlier try may have sent it already.
Result<void> send_object(EngineContext& context, std::string const& key, std::uint64_t size, bool check_first) {
  if (check_first) {
    auto const head = context.store->head(key, context.stop);
    if (head && head->size == size) return {};
    if (head) B2B_TRY(remove_all(*context.store, key, context.stop));
  }
  FileSource const source(join_path(join_path(safety_root(context), safety_bucket(context)), key), 0, size);
  B2B_TRY(context.store->put(key, source, context.stop));
  return {};
}

Result<void> send_snapshot(EngineContext& context, Store& local, std::string const& manifest_key, std::uint64_t manifest_size) {
  std::string const folder = manifest_key.substr(0, manifest_key.size() - std::string_view("manifest.json").size());
  bool check_first = false;
  B2B_TRY(context.store->list({folder, "", false},
                              [&](ListEntry const&) {
                                check_first = true;
                                return false;
                              },
                              context.stop));
  std::mutex mutex;
  std::optional<Error> failure;
  auto const failed = [&] {
    std::scoped_lock lock(mutex);
    return failure.has_value();
  };
  {
    WorkerPool pool(std::max<std::size_t>(1, context.store->traits().transfers), 2);
    B2B_TRY(local.list({folder, "", false},
                       [&](ListEntry const& entry) {
                         if (entry.object.key == manifest_key) return true;
                         pool.submit([&, key = entry.object.key, size = entry.object.size] {
                           if (failed()) return;
                           auto sent = send_object(context, key, size, check_first);
                           std::scoped_lock lock(mutex);
                           if (!sent && !failure) failure = sent.error();
                         });
                         return !failed();
                       },
                       context.stop));
    pool.wait();
  }
  if (failure) return *failure;
  B2B_TRY(context.store->flush(context.stop));
  B2B_TRY(send_object(context, manifest_key, manifest_size, check_first));
  return context.store->flush(context.stop);
}

// Of a key that waiting_manifests() gave.
SnapshotId id_in(EngineContext const& context, std::string const& manifest_key) {
  std::string_view text = std::string_view(manifest_key).substr(keys_prefix(context).size());
  text.remove_suffix(after_id.size());
  auto const id = parse_snapshot_id(text);
  B2B_ASSERT(id.has_value());
  return *id;
}

Result<void> send_packed(EngineContext& context, std::shared_ptr<Store> local, std::string const& manifest_key) {
  EngineContext source = context;
  source.store = std::move(local);
  B2B_TRY(copy_snapshot(source, id_in(context, manifest_key), SnapshotLayout::plugin, context, SnapshotLayout::packed));
  return {};
}

// Of the captures that are whole.
Result<std::vector<ObjectInfo>> waiting_manifests(EngineContext& context, Store& local) {
  std::string const before_id = keys_prefix(context);
  std::vector<ObjectInfo> manifests;
  B2B_TRY(local.list({before_id + "safety-", "", false},
                     [&](ListEntry const& entry) {
                       std::string_view id = entry.object.key;
                       if (!id.ends_with(after_id)) return true;
                       id.remove_suffix(after_id.size());
                       if (parse_snapshot_id(id.substr(before_id.size()))) manifests.push_back(entry.object);
                       return true;
                     },
                     context.stop));
  return manifests;
}

}  // namespace

Result<SafetyReport> take_safety_snapshot(EngineContext& context) {
  SafetyReport report;
  B2B_ASSIGN(report.id, new_snapshot_id(context, SnapshotKind::safety));
  B2B_ASSIGN(auto local, open_local(context));
  {
    B2B_ASSIGN(PushPlan plan, make_push_plan(context, nullptr, join_path(context.instance.data_dir, "safety.sqlite")));
    for (Skip& skip : plan.skipped) {
      if (skip.reason != SkipReason::by_rule) report.skipped.push_back(std::move(skip));
    }
    auto captured = capture_into(context, *local, plan, report);
    plan.catalog.reset();
    std::remove(plan.path.c_str());
    if (!captured) {
      Error error = captured.error();
      error.message = "the safety copy of the present state could not be made: " + error.message;
      return error;
    }
  }
  return report;
}

Result<std::vector<std::string>> waiting_safeties(EngineContext& context) {
  if (!path_exists(join_path(safety_root(context), safety_bucket(context)))) return std::vector<std::string>();
  B2B_ASSIGN(auto const local, open_local(context));
  B2B_ASSIGN(auto const manifests, waiting_manifests(context, *local));
  std::vector<std::string> names;
  for (ObjectInfo const& manifest : manifests) names.push_back(manifest.key);
  return names;
}

Result<void> visit_waiting_safeties(EngineContext& context, std::function<Result<void>(EngineContext& local, SnapshotId const& id)> const& visit) {
  if (!path_exists(join_path(safety_root(context), safety_bucket(context)))) return {};
  EngineContext own = context;
  B2B_ASSIGN(own.store, open_local(context));
  B2B_ASSIGN(auto const manifests, waiting_manifests(context, *own.store));
  for (ObjectInfo const& manifest : manifests) B2B_TRY(visit(own, id_in(context, manifest.key)));
  return {};
}

Result<std::uint64_t> upload_pending_safety(EngineContext& context, bool clear) {
  if (!path_exists(join_path(safety_root(context), safety_bucket(context)))) return std::uint64_t{0};
  B2B_ASSIGN(auto local, open_local(context));
  B2B_ASSIGN(auto const manifests, waiting_manifests(context, *local));
  std::string const bucket = join_path(safety_root(context), safety_bucket(context));
  B2B_ASSIGN(SnapshotLayout const layout, push_layout(context));
  std::shared_ptr<Store> const local_store = std::move(local);
  std::uint64_t sent = 0;
  std::optional<Error> failure;
  for (ObjectInfo const& manifest : manifests) {
    auto const done = layout == SnapshotLayout::packed ? send_packed(context, local_store, manifest.key)
                                                       : send_snapshot(context, *local_store, manifest.key, manifest.size);
    if (!done) {
      // One that is damaged, or that no configured passphrase opens, keeps no other one here.
      if (!failure) failure = done.error();
      if (done.error().condition == Condition::corrupt || done.error().condition == Condition::wrong_key) continue;
      break;
    }
    ++sent;
    // The manifest goes first: what is left without one is no snapshot.
    if (::unlink(join_path(bucket, manifest.key).c_str()) != 0 && errno != ENOENT)
      return errno_error(errno, "remove", join_path(bucket, manifest.key));
    B2B_TRY(remove_tree(parent_path(join_path(bucket, manifest.key))));
  }
  if (failure) return *failure;
  if (clear) B2B_TRY(remove_tree(bucket));
  return sent;
}

std::string send_safety(EngineContext& context, SnapshotId const& id) {
  std::string const kept = "the safety snapshot " + id.text + " is kept on this machine for now";
  if (context.uploads_follow) return kept + "; its upload follows";
  context.progress->phase = "uploading the safety snapshot";
  auto const sent = [&]() -> Result<void> {
    B2B_ASSIGN(UploadLock const lock, UploadLock::acquire(context, "safety snapshot"));
    B2B_TRY(upload_pending_safety(context, false));
    return {};
  }();
  return sent ? std::string() : kept + " (" + sent.error().text() + "); the next push uploads it";
}

}  // namespace b2b
