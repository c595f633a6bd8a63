#include "core/engine/queue_upload.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>

#include "core/engine/bucket.h"
#include "core/engine/capture_stage.h"
#include "core/engine/choose_layout.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/lock.h"
#include "core/engine/objects.h"
#include "core/engine/push_plan.h"
#include "core/engine/queue.h"
#include "core/engine/resume.h"
#include "core/engine/snapshot_info.h"
#include "core/engine/writer_key.h"
#include "core/engine/snapshot_writer.h"
#include "core/util/file.h"

namespace b2b {
namespace {

std::uint32_t number_of(PlanState state) { return static_cast<std::uint32_t>(state); }

Result<void> copy_catalog(std::string const& from, std::string const& to) {
  if (::unlink(to.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "replace", to);
  B2B_ASSIGN(UniqueFd const source, open_file(from, O_RDONLY, "open the catalog of a waiting capture"));
  B2B_ASSIGN(auto const sink, FileSink::create(to));
  std::vector<std::uint8_t> buffer(64 << 10);
  for (;;) {
    B2B_ASSIGN(std::size_t const got, read_some(source.get(), buffer, from));
    if (got == 0) return {};
    B2B_TRY(sink->write({buffer.data(), got}));
  }
}

class QueueUpload {
 public:
  QueueUpload(EngineContext& context, QueuedCapture const& capture, PushReport& report)
      : context_(context),
        capture_(capture),
        report_(report),
        path_(join_path(context.instance.data_dir, "upload.sqlite")) {}

  Result<void> run() {
    B2B_ASSIGN(SnapshotLayout const layout, push_layout(context_));
    B2B_ASSIGN(bool const committed, committed_and_whole(context_, capture_.id, layout));
    if (committed) return adopt_committed();
    B2B_TRY(prepare());
    B2B_TRY(store_bodies());
    return commit();
  }

 private:
  // A crash came between the manifest and our own records: the work is done, and its record may still be there.
  Result<void> adopt_committed() {
    std::vector<std::string> ignored;
    B2B_ASSIGN(auto const record, open_record(context_, path_, ignored));
    if (record && record->id.text == capture_.id.text) return keep_record();
    return {};
  }

  Result<void> prepare() {
    context_.progress->phase = "uploading";
    context_.progress->files_total = capture_.files;
    B2B_ASSIGN(base_, open_base(context_, report_.warnings));
    // A copy, since the next capture may be reading the one in the queue.
    B2B_TRY(copy_catalog(join_path(capture_.folder, "catalog.sqlite"), path_));
    B2B_ASSIGN(catalog_, Catalog::open(path_));
    B2B_ASSIGN(std::string const check, key_check(context_));
    B2B_ASSIGN(ticket_, begin_or_resume_push(context_, check, capture_.id));
    B2B_ASSIGN(writer_, resumable_writer(context_, *ticket_, [this](StoredBody&& body) { stored(std::move(body)); }));
    B2B_ASSIGN(auto spool, open_spool(context_));
    stage_ = std::make_unique<CaptureStage>(
        context_, spool, capture_options(context_.config),
        [this](Entry const& scanned, CaptureResult&& result) { read_again(scanned, std::move(result)); });
    return {};
  }

  Result<void> store_bodies() {
    std::string after;
    for (bool from_start = true;; from_start = false) {
      std::vector<CatalogEntry> batch;
      {
        std::scoped_lock lock(mutex_);
        B2B_ASSIGN(batch, catalog_->batch_after(after, 256, from_start));
        if (failure_) return *failure_;
      }
      if (batch.empty()) break;
      after = batch.back().entry.path;
      for (CatalogEntry& row : batch) {
        if (stage_->failed() || writer_->failed()) break;
        if (row.state == number_of(PlanState::waiting)) B2B_TRY(send_waiting(std::move(row)));
        else if (row.state == number_of(PlanState::unchanged)) B2B_TRY(bring_along(std::move(row)));
      }
    }
    B2B_TRY(stage_->finish());
    B2B_TRY(writer_->finish_bodies());
    return replace_lost();
  }

  Result<void> send_waiting(CatalogEntry&& row) {
    auto const place = parse_body_place(row.stored_name);
    if (!place)
      return make_error(Condition::corrupt, "the waiting capture " + capture_.folder + " is damaged", {}, capture_.folder);
    CapturedFile file;
    file.body = std::make_shared<FileSource>(join_path(join_path(capture_.folder, "bodies"), place->file), place->offset,
                                             row.entry.size);
    file.entry = std::move(row.entry);
    writer_->upload(std::move(file));
    return {};
  }

  // An unchanged body: what the last snapshot in the store holds of it, by path or else by content.
  Result<std::optional<CatalogEntry>> holder_of(Entry const& entry) {
    if (!base_ || !base_->same_key) return std::optional<CatalogEntry>();
    std::scoped_lock lock(mutex_);
    B2B_ASSIGN(auto held, base_->catalog.find(entry.path));
    auto const fits = [&] {
      return held && !held->stored_name.empty() && held->entry.hash == entry.hash && held->entry.size == entry.size;
    };
    if (fits()) return held;
    B2B_ASSIGN(held, base_->catalog.find_by_hash(entry.hash, entry.size));
    return fits() ? held : std::optional<CatalogEntry>();
  }

  void copy_from(CatalogEntry const& holder, Entry entry) { writer_->copy(std::move(entry), base_->id, holder); }

  Result<void> bring_along(CatalogEntry&& row) {
    B2B_ASSIGN(auto const holder, holder_of(row.entry));
    if (holder && (row.entry.database || row.entry.damaged || writer_->copy_pays(*holder))) {
      copy_from(*holder, std::move(row.entry));
      return {};
    }
    stage_->add(std::move(row.entry));
    return {};
  }

  // The live file, read for a body that was unchanged at the capture. From another thread, several at once.
  void read_again(Entry const& expected, CaptureResult&& result) {
    CapturedFile* same = nullptr;
    for (CapturedFile& file : result.files)
      if (file.entry.path == expected.path) same = &file;
    if (same != nullptr && same->entry.hash == expected.hash && same->entry.size == expected.size) {
      same->entry = expected;
      writer_->upload(std::move(*same));
      return;
    }
    auto const holder = holder_of(expected);
    if (!holder) return stage_->fail(holder.error());
    if (*holder && !lost_) return copy_from(**holder, expected);
    // Nobody has the captured content any more: the newer one is better than none, and the report says so.
    {
      std::scoped_lock lock(mutex_);
      if (same == nullptr) {
        report_.skipped.push_back({expected.path, SkipReason::vanished,
                                   "was unchanged when it was captured; the store lost it and the file is gone now"});
        if (auto erased = catalog_->erase(expected.path); !erased) failure_ = erased.error();
        return;
      }
      ++newer_;
      for (Skip& skip : result.skips)
        if (skip.reason == SkipReason::damaged) report_.skipped.push_back(std::move(skip));
    }
    for (CapturedFile& file : result.files) writer_->upload(std::move(file));
  }

  void stored(StoredBody&& body) {
    std::scoped_lock lock(mutex_);
    if (body.skip) {
      report_.skipped.push_back(std::move(*body.skip));
      if (auto erased = catalog_->erase(body.entry.path); !erased) failure_ = erased.error();
      return;
    }
    if (body.copy_failed) {
      copies_failed_.push_back(std::move(body.entry));
      return;
    }
    if (auto put = catalog_->put(stored_row(std::move(body), number_of(PlanState::done))); !put) failure_ = put.error();
  }

  // Objects that the last snapshot should have held and did not.
  Result<void> replace_lost() {
    std::vector<Entry> failed;
    {
      std::scoped_lock lock(mutex_);
      if (failure_) return *failure_;
      failed.swap(copies_failed_);
    }
    if (failed.empty()) return {};
    report_.warnings.push_back("objects of the last snapshot are missing or damaged in the store (" +
                               std::to_string(failed.size()) + "); they are uploaded again");
    lost_ = true;
    for (Entry& entry : failed) stage_->add(std::move(entry));
    B2B_TRY(stage_->finish());
    B2B_TRY(writer_->finish_bodies());
    return {};
  }

  Result<void> commit() {
    stage_.reset();
    if (failure_) return *failure_;
    if (newer_ > 0)
      report_.warnings.push_back(std::to_string(newer_) + " files changed between their capture and their upload, and the "
                                 "store had lost the earlier content: the snapshot holds the later one");
    B2B_TRY(drop_unused_bodies(context_, ticket_->id));
    B2B_ASSIGN(SnapshotInfo info, describe_snapshot(context_, capture_.trigger, capture_.started_ns, report_.skipped));
    // Our own record first: should a crash come after the manifest, it is found (adopt_committed).
    B2B_TRY(label_record(context_, *catalog_, ticket_->id, info.complete));
    B2B_TRY(catalog_->seal());
    B2B_ASSIGN(catalog_, Catalog::open(path_));
    context_.progress->phase = "committing";
    B2B_ASSIGN(info, writer_->commit(info, *catalog_, path_ + ".manifest"));
    catalog_.reset();
    report_.bytes_uploaded = writer_->bytes_uploaded();
    report_.files = info.files;
    report_.complete = info.complete;
    B2B_TRY(context_.index->remember_snapshot(target_name(context_), info,
                                              context_.keyring->empty() ? Signature::unkeyed : Signature::valid));
    return keep_record();
  }

  Result<void> keep_record() {
    base_.reset();
    std::string const base = context_.index->base_catalog_path();
    if (std::rename(path_.c_str(), base.c_str()) != 0) return errno_error(errno, "keep the record of the snapshot as", base);
    B2B_TRY(fsync_directory(context_.instance.data_dir));
    B2B_TRY(context_.index->set_value(last_body_check, std::to_string(context_.clock->now().time_since_epoch().count())));
    return context_.index->end_push();
  }

  EngineContext& context_;
  QueuedCapture const& capture_;
  PushReport& report_;
  std::string path_;                       // our catalog, which becomes the record of the last snapshot
  std::mutex mutex_;                       // catalogs, report, failures
  std::optional<Base> base_;
  std::optional<Catalog> catalog_;
  std::optional<PushTicket> ticket_;
  std::unique_ptr<SnapshotWriter> writer_;
  std::unique_ptr<CaptureStage> stage_;
  std::vector<Entry> copies_failed_;
  std::uint64_t newer_ = 0;
  std::atomic<bool> lost_{false};          // the store does not hold what we remember: nothing is copied any more
  std::optional<Error> failure_;
};

Result<std::optional<QueuedCapture>> oldest_for_this_store(EngineContext& context) {
  B2B_ASSIGN(auto queue, list_queue(context));
  for (QueuedCapture& capture : queue)
    if (capture.target == target_name(context)) return std::optional<QueuedCapture>(std::move(capture));
  return std::optional<QueuedCapture>();
}

}  // namespace

Result<UploadLock> UploadLock::acquire(EngineContext const& context, std::string_view purpose) {
  B2B_ASSIGN(UniqueFd fd, lock_file(join_path(context.instance.data_dir, "upload.lock"), purpose,
                                    "another b2backupd job is uploading for " + context.config.state_dir));
  return UploadLock(std::move(fd));
}

Result<std::optional<PushReport>> upload_oldest(EngineContext& context) {
  auto const began = context.clock->monotonic();
  auto const requests_before = context.store->counters().requests;
  B2B_TRY(clear_removed_captures(context));
  B2B_ASSIGN(auto capture, oldest_for_this_store(context));
  if (!capture) return std::optional<PushReport>();
  if (!capture->checked) {
    Error error = make_error(Condition::busy, "the databases of the waiting capture " + capture->id.text + " are not checked yet");
    error.retryable = true;
    return error;
  }
  PushReport report;
  report.snapshot = capture->id;
  report.files = capture->files;
  report.changed = capture->changed;
  report.added = capture->added;
  report.deleted = capture->deleted;
  report.vanished_alarm = capture->vanished_alarm;
  report.skipped = capture->skipped;
  report.warnings = capture->warnings;
  report.complete = capture->skipped.empty();
  B2B_TRY(QueueUpload(context, *capture, report).run());
  B2B_TRY(remove_capture(context, *capture));
  report.requests = context.store->counters().requests - requests_before;
  report.seconds = std::chrono::duration<double>(context.clock->monotonic() - began).count();
  return std::optional<PushReport>(std::move(report));
}

}  // namespace b2b
