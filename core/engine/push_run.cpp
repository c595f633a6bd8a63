#include "core/engine/push_run.h"

#include <algorithm>

#include "core/capture/capture.h"
#include "core/engine/bucket.h"
#include "core/engine/snapshot_info.h"
#include "core/engine/writer_key.h"

namespace b2b {
PushRun::PushRun(EngineContext& context, PushPlan& plan, Base* base, PushReport& report)
    : context_(context),
      plan_(plan),
      base_(base),
      report_(report) {}

Result<void> PushRun::begin() {
  if (writer_) return {};
  B2B_ASSIGN(std::string const check, key_check(context_));
  B2B_ASSIGN(ticket_, begin_or_resume_push(context_, check));
  B2B_ASSIGN(writer_, resumable_writer(context_, *ticket_, [this](StoredBody&& body) { stored(std::move(body)); }));
  return {};
}

void PushRun::captured(Entry const& scanned, CaptureResult&& result) {
  std::vector<CapturedFile> to_store;
  {
    std::scoped_lock lock(mutex_);
    auto taken = take_captured(scanned, std::move(result), base_, *plan_.catalog, only_changes_, report_);
    if (!taken) return stage_->fail(taken.error());
    to_store = std::move(*taken);  // the bodies of the others are let go; bring_unchanged() decides how they get in
    if (!to_store.empty()) {
      if (auto begun = begin(); !begun) return stage_->fail(begun.error());
    }
  }
  for (CapturedFile& file : to_store) {
    if (writer_->failed()) return;
    if (auto handed = upload_or_copy(std::move(file)); !handed) return stage_->fail(handed.error());
  }
}

Result<void> PushRun::upload_or_copy(CapturedFile&& file) {
  // A body that the last snapshot holds under another name (a moved file) need not travel again.
  if (base_ != nullptr && base_->same_key && file.entry.size > 0) {
    std::optional<CatalogEntry> holder;
    {
      std::scoped_lock lock(mutex_);
      B2B_ASSIGN(holder, base_->catalog.find_by_hash(file.entry.hash, file.entry.size));
    }
    if (holder && !holder->stored_name.empty() && writer_->copy_pays(*holder)) {
      writer_->copy(std::move(file.entry), base_->id, *holder);
      return {};
    }
  }
  writer_->upload(std::move(file));
  return {};
}

void PushRun::stored(StoredBody&& body) {
  std::scoped_lock lock(mutex_);
  if (body.skip) {
    report_.skipped.push_back(std::move(*body.skip));
    if (auto erased = plan_.catalog->erase(body.entry.path); !erased) failure_ = erased.error();
    return;
  }
  if (body.copy_failed) {
    copies_failed_.push_back(body.entry.path);
    return;
  }
  if (auto put = plan_.catalog->put(stored_row(std::move(body), static_cast<std::uint32_t>(PlanState::done))); !put) failure_ = put.error();
}

Result<void> PushRun::for_each_in_state(PlanState state, std::function<Result<void>(CatalogEntry&&)> const& visit) {
  std::string after;
  bool from_start = true;
  while (true) {
    std::vector<CatalogEntry> batch;
    {
      std::scoped_lock lock(mutex_);
      B2B_ASSIGN(batch, plan_.catalog->batch_after(after, 256, from_start));
      if (failure_) return *failure_;
    }
    if (batch.empty()) return {};
    from_start = false;
    after = batch.back().entry.path;
    for (CatalogEntry& row : batch) {
      if (row.state == static_cast<std::uint32_t>(state)) B2B_TRY(visit(std::move(row)));
    }
  }
}

Result<void> PushRun::capture_changes() {
  report_.bytes_captured = plan_.to_capture_bytes;
  B2B_ASSIGN(spool_, open_spool(context_));
  stage_ = std::make_unique<CaptureStage>(
      context_, spool_, capture_options(context_.config), [this](Entry const& scanned, CaptureResult&& result) { captured(scanned, std::move(result)); });
  B2B_TRY(for_each_in_state(PlanState::capture, [&](CatalogEntry&& row) -> Result<void> {
    if (stage_->failed() || (writer_begun() && writer_->failed())) return {};
    stage_->add(std::move(row.entry));
    return {};
  }));
  B2B_TRY(stage_->finish());
  if (writer_ && writer_->failed()) return writer_->finish_bodies();
  return {};
}

bool PushRun::writer_begun() {
  std::scoped_lock lock(mutex_);
  return writer_ != nullptr;
}

bool PushRun::anything_changed() const {
  return base_ == nullptr || !base_->same_key || writer_ != nullptr || plan_.deleted > 0 || plan_.metadata_changed;
}

// A damaged database and its sidecars go together, whatever their sizes.
bool PushRun::can_copy(CatalogEntry const& row) const {
  return base_ != nullptr && base_->same_key && (row.entry.damaged || writer_->copy_pays(row));
}

// Sidecars are never captured for themselves: they come (or do not) with the capture of their database.
Result<void> PushRun::forget_uncopied_sidecars() {
  std::vector<std::string> forgotten;
  B2B_TRY(for_each_in_state(PlanState::unchanged, [&](CatalogEntry&& row) -> Result<void> {
    if (row.entry.damaged && !can_copy(row) && !database_of_sidecar(row.entry.path).empty())
      forgotten.push_back(std::move(row.entry.path));
    return {};
  }));
  return forget_sidecars(forgotten);
}

Result<void> PushRun::forget_sidecars(std::vector<std::string> const& paths) {
  std::scoped_lock lock(mutex_);
  for (std::string const& path : paths) {
    B2B_ASSIGN(auto const database, plan_.catalog->find(database_of_sidecar(path)));
    if (database && database->entry.damaged) B2B_TRY(plan_.catalog->erase(path));
  }
  return {};
}

Result<void> PushRun::bring_unchanged() {
  {
    std::scoped_lock lock(mutex_);
    B2B_TRY(begin());
  }
  only_changes_ = false;
  B2B_TRY(forget_uncopied_sidecars());
  B2B_TRY(for_each_in_state(PlanState::unchanged, [&](CatalogEntry&& row) -> Result<void> {
    if (stage_->failed() || writer_->failed()) return {};
    bool const copy = can_copy(row);
    if (!copy) {
      stage_->add(std::move(row.entry));
      return {};
    }
    writer_->copy(row.entry, base_->id, row);
    return {};
  }));
  B2B_TRY(stage_->finish());
  B2B_TRY(writer_->finish_bodies());

  // Sources that were gone: read the live files again. Copies never fail for those, so one more round is enough.
  std::vector<std::string> failed;
  {
    std::scoped_lock lock(mutex_);
    failed.swap(copies_failed_);
  }
  if (failed.empty()) return {};
  report_.warnings.push_back("objects of the last snapshot are missing or damaged in the store (" +
                             std::to_string(failed.size()) + "); they are uploaded again");
  base_->same_key = false;  // in doubt: nothing of it is copied any more
  // A lost sidecar comes again with its database.
  std::sort(failed.begin(), failed.end());
  std::vector<std::string> databases;
  for (std::string const& path : failed) {
    std::string database = database_of_sidecar(path);
    if (!database.empty() && !std::binary_search(failed.begin(), failed.end(), database)) databases.push_back(std::move(database));
  }
  B2B_TRY(forget_sidecars(failed));
  failed.insert(failed.end(), databases.begin(), databases.end());
  return capture_all(failed);
}

Result<void> PushRun::capture_all(std::vector<std::string> const& paths) {
  for (std::string const& path : paths) {
    std::optional<CatalogEntry> row;
    {
      std::scoped_lock lock(mutex_);
      B2B_ASSIGN(row, plan_.catalog->find(path));
    }
    if (row) stage_->add(std::move(row->entry));
  }
  B2B_TRY(stage_->finish());
  return writer_->finish_bodies();
}

Result<SnapshotInfo> PushRun::commit(Trigger trigger) {
  stage_.reset();
  if (failure_) return *failure_;
  B2B_TRY(drop_unused_bodies(context_, ticket_->id));
  B2B_ASSIGN(SnapshotInfo info, describe_snapshot(context_, trigger, plan_.started_ns, report_.skipped));
  // Our own record first: should a crash come after the manifest, it is found (adopt_committed).
  B2B_TRY(label_record(context_, *plan_.catalog, ticket_->id, info.complete));
  B2B_TRY(plan_.catalog->seal());
  B2B_ASSIGN(plan_.catalog, Catalog::open(plan_.path));
  B2B_ASSIGN(info, writer_->commit(info, *plan_.catalog, plan_.path + ".manifest"));
  report_.bytes_uploaded = writer_->bytes_uploaded();
  B2B_TRY(context_.index->remember_snapshot(target_name(context_), info,
                                            context_.keyring->empty() ? Signature::unkeyed : Signature::valid));
  return info;
}

}  // namespace b2b
