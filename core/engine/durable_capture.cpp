#include "core/engine/durable_capture.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <mutex>

#include "core/engine/bucket.h"
#include "core/engine/capture_stage.h"
#include "core/engine/lock.h"
#include "core/engine/push_plan.h"
#include "core/engine/queue.h"
#include "core/engine/restore.h"
#include "core/engine/snapshot_info.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view pack_name = "pack";

std::uint32_t number_of(PlanState state) { return static_cast<std::uint32_t>(state); }

// The record of the newest capture or snapshot. The queue is looked at again when the one it named was uploaded and removed
// meanwhile: then the record of the last snapshot has its place.
Result<std::optional<Base>> newest_record(EngineContext& context, std::vector<std::string>& warnings, bool& of_capture) {
  B2B_ASSIGN(auto const queue, list_queue(context));
  for (auto capture = queue.rbegin(); capture != queue.rend(); ++capture) {
    if (capture->target != target_name(context)) continue;  // waits for another store
    std::string const path = join_path(capture->folder, "catalog.sqlite");
    auto record = open_record(context, path, warnings);
    of_capture = record && *record;
    if (!record || *record) return record;
    if (path_exists(path)) return std::optional<Base>();  // another choice about secrets: everything is needed again
  }
  return open_record(context, context.index->base_catalog_path(), warnings);
}

// The bodies of one capture: files of the spool are moved into place, small bodies go into one file.
class Bodies {
 public:
  static Result<Bodies> create(std::string folder) {
    B2B_TRY(make_directories(folder, 0700));
    Bodies out;
    B2B_ASSIGN(out.pack_, FileSink::create(join_path(folder, pack_name)));
    out.folder_ = std::move(folder);
    return out;
  }

  // The place of the body from now on. One thread at a time.
  Result<BodyPlace> keep(CapturedFile const& file) {
    if (file.room && !file.room->in_memory()) return keep_file(file);
    BodyPlace place{std::string(pack_name), packed_};
    B2B_ASSIGN(auto reader, file.body->open());
    std::vector<std::uint8_t> buffer(64 << 10);
    for (;;) {
      B2B_ASSIGN(std::size_t const got, reader->read(buffer));
      if (got == 0) break;
      B2B_TRY(pack_->write({buffer.data(), got}));
      packed_ += got;
    }
    bytes_ += packed_ - place.offset;
    return place;
  }

  Result<void> sync() {
    B2B_TRY(pack_->sync());
    return fsync_directory(folder_);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Bodies() = default;

  // Several bodies may lie in one file of the spool (a damaged database and its sidecars): it is moved with the first.
  Result<BodyPlace> keep_file(CapturedFile const& file) {
    std::string const name = base_name(file.room->path());
    std::string const path = join_path(folder_, name);
    if (!path_exists(path)) {
      B2B_ASSIGN(UniqueFd const fd, open_file(file.room->path(), O_RDONLY, "make durable"));
      B2B_TRY(fsync_file(fd.get(), file.room->path()));
      if (std::rename(file.room->path().c_str(), path.c_str()) != 0) return errno_error(errno, "keep the captured", path);
    }
    bytes_ += file.entry.size;
    return BodyPlace{name, file.offset};
  }

  std::string folder_;
  std::unique_ptr<FileSink> pack_;
  std::uint64_t packed_ = 0;
  std::uint64_t bytes_ = 0;
};

class DurableCapture {
 public:
  DurableCapture(EngineContext& context, CaptureOrder const& order, PushReport& report)
      : context_(context), order_(order), report_(report) {}

  Result<void> run() {
    context_.progress->phase = "scanning";
    B2B_ASSIGN(base_, newest_record(context_, report_.warnings, of_capture_));
    if (!base_ || !base_->same_key) {
      Error error = make_error(Condition::refused, "there is no snapshot yet that a capture could build on",
                               "The first push copies and uploads everything");
      error.retryable = true;
      return error;
    }
    B2B_ASSIGN(SnapshotId const id, new_snapshot_id(context_, SnapshotKind::regular));
    folder_ = join_path(queue_folder(context_), id.text + ".tmp");
    B2B_TRY(make_directories(folder_, 0700));
    auto const done = capture(id);
    if (!done || report_.unchanged) {
      auto const removed = remove_tree(folder_);
      if (done && !removed) return removed;
    }
    return done;
  }

 private:
  Result<void> capture(SnapshotId const& id) {
    B2B_ASSIGN(plan_, make_push_plan(context_, &*base_, join_path(folder_, "catalog.sqlite")));
    report_.skipped = plan_.skipped;
    std::erase_if(report_.skipped, [](Skip const& skip) { return skip.reason == SkipReason::by_rule; });
    report_.files = plan_.files;
    report_.deleted = plan_.deleted;
    B2B_TRY(check_not_emptied(plan_, context_.config.state_dir));
    B2B_TRY(check_room());
    context_.progress->phase = "capturing";
    context_.progress->files_total = plan_.to_capture;
    context_.progress->bytes_total = plan_.to_capture_bytes;
    B2B_TRY(capture_bodies());
    B2B_TRY(count_gone_sidecars(plan_));
    report_.deleted = plan_.deleted;
    report_.complete = report_.skipped.empty();
    bool const same = stored_ == 0 && plan_.deleted == 0 && !plan_.metadata_changed;
    B2B_ASSIGN(auto const base_complete, base_->catalog.meta("complete"));
    if (same && (base_complete.value_or("") == "1" || !report_.complete)) {
      report_.unchanged = true;
      return keep_what_was_learned(base_complete.value_or("") == "1");
    }
    return publish(id);
  }

  // Files were read again and are as they were: the record learns their new times, or they would be read at every push. The
  // record of a capture stays as it is, since its upload goes by it.
  Result<void> keep_what_was_learned(bool complete) {
    if (plan_.to_capture == 0 || of_capture_ || !report_.skipped.empty()) return {};
    SnapshotId const id = base_->id;
    base_.reset();
    B2B_TRY(label_record(context_, *plan_.catalog, id, complete));
    B2B_TRY(plan_.catalog->seal());
    plan_.catalog.reset();
    std::string const record = context_.index->base_catalog_path();
    if (std::rename(join_path(folder_, "catalog.sqlite").c_str(), record.c_str()) != 0)
      return errno_error(errno, "keep the record of the snapshot as", record);
    return {};
  }

  Result<void> check_room() const {
    B2B_ASSIGN(auto const queue, list_queue(context_));
    std::uint64_t held = 0;
    for (QueuedCapture const& capture : queue) held += capture.bytes;
    if (plan_.to_capture_bytes <= order_.queue_limit_bytes && held <= order_.queue_limit_bytes - plan_.to_capture_bytes)
      return {};
    Error error = make_error(
        Condition::no_space,
        std::to_string(plan_.to_capture_bytes) + " bytes changed, and " + std::to_string(queue.size()) +
            " captures that wait for their upload hold " + std::to_string(held) + " of the " +
            std::to_string(order_.queue_limit_bytes) + " bytes that limits.spool allows",
        queue.empty() ? "A push that uploads while it captures needs no such room"
                      : "Nothing that waits is dropped. It shrinks as soon as the store takes it; or raise limits.spool",
        queue_folder(context_));
    error.retryable = queue.empty();
    return error;
  }

  Result<void> capture_bodies() {
    SpoolOptions options;
    options.limit_bytes = std::numeric_limits<std::uint64_t>::max() / 2;  // bounded by check_room(): nothing here makes room
    B2B_ASSIGN(auto spool, Spool::open(join_path(folder_, "spool"), options));
    B2B_ASSIGN(Bodies bodies, Bodies::create(join_path(folder_, "bodies")));
    CaptureOptions how = capture_options(context_.config);
    how.check_later = static_cast<bool>(order_.durable);
    std::mutex mutex;
    CaptureStage* running = nullptr;
    CaptureStage stage(context_, spool, how, [&](Entry const& scanned, CaptureResult&& result) {
      std::scoped_lock lock(mutex);
      if (auto kept = keep(bodies, scanned, std::move(result)); !kept) running->fail(kept.error());
    });
    running = &stage;
    std::string after;
    for (bool from_start = true;; from_start = false) {
      std::vector<CatalogEntry> batch;
      {
        std::scoped_lock lock(mutex);
        B2B_ASSIGN(batch, plan_.catalog->batch_after(after, 256, from_start));
      }
      if (batch.empty()) break;
      after = batch.back().entry.path;
      for (CatalogEntry& row : batch)
        if (row.state == number_of(PlanState::capture) && !stage.failed()) stage.add(std::move(row.entry));
    }
    B2B_TRY(stage.finish());
    B2B_TRY(bodies.sync());
    bytes_ = report_.bytes_captured = bodies.bytes();
    return remove_tree(join_path(folder_, "spool"));
  }

  Result<void> keep(Bodies& bodies, Entry const& scanned, CaptureResult&& result) {
    B2B_ASSIGN(auto files, take_captured(scanned, std::move(result), &*base_, *plan_.catalog, true, report_));
    for (CapturedFile& file : files) {
      B2B_ASSIGN(BodyPlace const place, bodies.keep(file));
      CatalogEntry row;
      row.state = number_of(file.unchecked ? PlanState::unchecked : PlanState::waiting);
      unchecked_ = unchecked_ || file.unchecked;
      row.stored_name = format_body_place(place);
      row.stored_size = file.entry.size;
      row.entry = std::move(file.entry);
      B2B_TRY(plan_.catalog->put(row));
      ++stored_;
      context_.progress->files_done.fetch_add(1);
      context_.progress->bytes_done.fetch_add(row.stored_size);
    }
    return {};
  }

  Result<void> publish(SnapshotId const& id) {
    QueuedCapture record;
    record.id = id;
    record.trigger = order_.trigger;
    record.target = target_name(context_);
    record.started_ns = plan_.started_ns;
    record.checked = !unchecked_;
    record.vanished_alarm = vanished_alarm(plan_);
    record.bytes = bytes_;
    record.files = plan_.files;
    record.changed = report_.changed;
    record.added = report_.added;
    record.deleted = report_.deleted;
    record.skipped = report_.skipped;
    record.warnings = report_.warnings;
    B2B_TRY(label_record(context_, *plan_.catalog, id, report_.complete));
    B2B_TRY(plan_.catalog->seal());
    plan_.catalog.reset();
    B2B_TRY(write_capture_record(record, folder_));
    // Before it counts, so that no crash lets a later push prune what this capture should have kept.
    if (record.vanished_alarm) B2B_TRY(context_.index->set_value("prune-paused", id.text));
    std::string const lasting = join_path(queue_folder(context_), id.text);
    if (std::rename(folder_.c_str(), lasting.c_str()) != 0) return errno_error(errno, "put the capture into the queue as", lasting);
    B2B_TRY(fsync_directory(queue_folder(context_)));
    report_.snapshot = id;
    report_.vanished_alarm = record.vanished_alarm;
    if (record.vanished_alarm) report_.warnings.push_back(vanished_warning(plan_));
    return {};
  }

  EngineContext& context_;
  CaptureOrder const& order_;
  PushReport& report_;
  std::optional<Base> base_;
  bool of_capture_ = false;                // base_ is the record of a capture that waits, not of the last snapshot
  PushPlan plan_;
  std::string folder_;
  std::uint64_t stored_ = 0;
  std::uint64_t bytes_ = 0;
  bool unchecked_ = false;
};

// One capture's databases. The bodies are put in order first, then the catalog in one commit, then the record.
Result<void> finish_one(EngineContext& context, QueuedCapture capture) {
  B2B_ASSIGN(Catalog catalog, Catalog::open(join_path(capture.folder, "catalog.sqlite")));
  CaptureOptions const options = capture_options(context.config);
  std::vector<CatalogEntry> rows;
  B2B_TRY(catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
    if (row.state == number_of(PlanState::unchecked)) {
      rows.push_back(std::move(row));
    } else if (row.entry.damaged && row.entry.database) {
      // Checked before a crash that came between the catalog and the record; or named already.
      bool const named = std::any_of(capture.skipped.begin(), capture.skipped.end(),
                                     [&](Skip const& skip) { return skip.path == row.entry.path; });
      if (!named) capture.skipped.push_back(damaged_skip(row.entry.path, {}));
    }
    return {};
  }));
  for (CatalogEntry& row : rows) {
    auto const place = parse_body_place(row.stored_name);
    if (!place)
      return make_error(Condition::corrupt, "the waiting capture " + capture.folder + " is damaged", {}, capture.folder);
    std::string const path = join_path(join_path(capture.folder, "bodies"), place->file);
    B2B_ASSIGN(auto finished, finish_database(path, row.entry, options, context.stop));
    if (!finished.warning.empty()) capture.warnings.push_back(std::move(finished.warning));
    bool const left_out = finished.skip && finished.skip->reason != SkipReason::damaged;
    if (finished.skip) capture.skipped.push_back(std::move(*finished.skip));
    if (left_out) {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(errno, "remove", path);
      B2B_TRY(catalog.erase(row.entry.path));
      continue;
    }
    B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY, "make durable"));
    B2B_TRY(fsync_file(fd.get(), path));
    row.state = number_of(PlanState::waiting);
    row.stored_size = row.entry.size;
    B2B_TRY(catalog.put(row));
  }
  B2B_TRY(fsync_directory(join_path(capture.folder, "bodies")));
  B2B_TRY(catalog.set_meta("complete", capture.skipped.empty() ? "1" : "0"));
  B2B_TRY(catalog.seal());
  capture.checked = true;
  return write_capture_record(capture, capture.folder);
}

}  // namespace

Result<PushReport> capture_to_queue(EngineContext& context, CaptureOrder const& order) {
  auto const began = context.clock->monotonic();
  PushReport report;
  B2B_ASSIGN(DataLock const lock, DataLock::acquire(context.config.state_dir, "capture"));
  B2B_TRY(make_directories(queue_folder(context), 0700));
  B2B_TRY(clear_unfinished_captures(context));
  B2B_ASSIGN(auto recovered, recover_restores(context));
  for (std::string& sentence : recovered) report.warnings.push_back(std::move(sentence));
  B2B_TRY(finish_captures(context));  // left by a crash
  B2B_TRY(DurableCapture(context, order, report).run());
  if (order.durable && report.snapshot) {
    order.durable(report);
    B2B_TRY(finish_captures(context));
  }
  report.seconds = std::chrono::duration<double>(context.clock->monotonic() - began).count();
  return report;
}

Result<void> finish_captures(EngineContext& context) {
  B2B_ASSIGN(auto queue, list_queue(context));
  for (QueuedCapture& capture : queue)
    if (!capture.checked) B2B_TRY(finish_one(context, std::move(capture)));
  return {};
}

}  // namespace b2b
