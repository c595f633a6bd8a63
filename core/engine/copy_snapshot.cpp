#include "core/engine/copy_snapshot.h"

#include <algorithm>
#include <mutex>

#include "core/engine/fetch.h"
#include "core/engine/find_snapshot.h"
#include "core/engine/objects.h"
#include "core/engine/resume.h"
#include "core/engine/writer_key.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b {
namespace {

constexpr std::size_t batch_size = 256;

// A fetched body: its file, and its share of the scratch budget, go with it.
class ScratchBody final : public ByteSource {
 public:
  ScratchBody(std::string path, std::uint64_t size, ByteBudget& budget) : file_(path, 0, size), path_(std::move(path)), budget_(budget) {}
  ScratchBody(ScratchBody const&) = delete;
  ScratchBody& operator=(ScratchBody const&) = delete;
  ~ScratchBody() override {
    remove_scratch_file(path_);
    budget_.give_back(file_.size());
  }
  std::uint64_t size() const override { return file_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override { return file_.open(); }

 private:
  FileSource file_;
  std::string path_;
  ByteBudget& budget_;
};

class Copier {
 public:
  Copier(EngineContext& context, LoadedSnapshot& snapshot, BodyFetcher& fetcher, std::string scratch)
      : context_(context),
        snapshot_(snapshot),
        fetcher_(fetcher),
        scratch_(std::move(scratch)),
        budget_(std::max<std::uint64_t>(context.config.limits.spool_bytes, 1 << 20)) {}

  Result<CopyReport> run(SnapshotLayout to) {
    SnapshotInfo info = snapshot_.manifest.info;
    PushTicket ticket;
    ticket.id = info.id;
    ticket.layout = to;
    ticket.salt = fresh_salt();
    std::string const path = scratch_file(scratch_, "copy");
    B2B_ASSIGN(copy_, Catalog::create(path));
    B2B_ASSIGN(auto const writer, unjournaled_writer(context_, ticket, [this](StoredBody&& body) { stored(std::move(body)); }));
    B2B_TRY(snapshot_.catalog.for_each([&](CatalogEntry&& row) -> Result<void> {
      if (row.entry.type == EntryType::file) return fetcher_.expect(row);
      return copy_->put(row);
    }));
    auto const sent = send_files(*writer);
    auto const finished = writer->finish_bodies();
    if (!sent) return sent.error();
    if (!finished) return finished.error();
    if (failure_) return *failure_;
    B2B_TRY(copy_->seal());
    B2B_ASSIGN(Catalog catalog, Catalog::open(path));
    CopyReport report;
    B2B_ASSIGN(report.info, writer->commit(std::move(info), catalog, path + ".manifest"));
    report.bytes_uploaded = writer->bytes_uploaded();
    return report;
  }

 private:
  Result<void> send_files(SnapshotWriter& writer) {
    std::size_t const threads = std::clamp<std::size_t>(context_.store->traits().transfers, 1, 8);
    WorkerPool pool(threads, threads);
    std::string after;
    for (bool first = true;; first = false) {
      B2B_ASSIGN(auto rows, snapshot_.catalog.batch_after(after, batch_size, first));
      if (rows.empty()) break;
      after = rows.back().entry.path;
      for (CatalogEntry& row : rows) {
        if (row.entry.type != EntryType::file) continue;
        if (writer.failed() || has_failed()) break;
        pool.submit([this, &writer, row = std::move(row)] { send(writer, row); });
      }
    }
    pool.wait();
    return {};
  }

  void send(SnapshotWriter& writer, CatalogEntry const& row) {
    if (has_failed()) return;
    if (!budget_.take(row.entry.size, context_.stop)) return fail(make_error(Condition::cancelled, "stopped on request"));
    std::string const path = scratch_file(scratch_, "body");
    auto body = std::make_shared<ScratchBody>(path, row.entry.size, budget_);
    if (auto fetched = fetcher_.fetch(row, path); !fetched) return fail(fetched.error());
    CapturedFile file;
    file.entry = row.entry;
    file.body = std::move(body);
    writer.upload(std::move(file));
  }

  void stored(StoredBody&& body) {
    if (body.skip) return fail(make_error(Condition::changed, body.skip->detail));
    if (auto put = copy_->put(stored_row(std::move(body))); !put) fail(put.error());
  }

  bool has_failed() {
    std::scoped_lock lock(mutex_);
    return failure_.has_value();
  }
  void fail(Error error) {
    std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(error);
  }

  EngineContext& context_;
  LoadedSnapshot& snapshot_;
  BodyFetcher& fetcher_;
  std::string const scratch_;
  ByteBudget budget_;
  std::optional<Catalog> copy_;   // one thread at a time: put() before the workers begin, then stored()
  std::mutex mutex_;
  std::optional<Error> failure_;
};

}  // namespace

Result<CopyReport> copy_snapshot(EngineContext& source, SnapshotId const& id, SnapshotLayout from, EngineContext& context, SnapshotLayout to) {
  B2B_ASSIGN(bool const there, snapshot_exists(context, id, to));
  if (there) {
    CopyReport report;
    report.info.id = id;
    report.info.layout = to;
    report.was_there = true;
    return report;
  }
  B2B_ASSIGN(ScratchFolder const scratch, make_scratch(context));
  B2B_ASSIGN(LoadedSnapshot snapshot, load_snapshot(source, id, scratch.path(), from));
  if (!snapshot.manifest.info.ours)
    return make_error(Condition::unsupported,
                      "snapshot " + id.text + " was written by the OpenClaw plugin, which records neither modes nor directories, so it is not copied",
                      "It stays where it is, and can be restored from there", id.text);
  if (!snapshot.bad_paths.empty())
    return make_error(Condition::unsupported, "snapshot " + id.text + " holds paths that lead out of it, so it is not copied", {}, id.text);
  B2B_ASSIGN(auto const fetcher, make_fetcher(source, snapshot, scratch.path(), true));
  return Copier(context, snapshot, *fetcher, scratch.path()).run(to);
}

}  // namespace b2b
