#include "core/packed/chunk_writer.h"

#include <unistd.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/crypto/verified_source.h"
#include "core/packed/pack.h"
#include "core/util/file.h"
#include "core/util/worker_pool.h"

namespace b2b::packed {
namespace {

constexpr std::size_t packs_at_once = 4;
constexpr char pack_suffix[] = ".pack";

using ChunkName = std::pair<ChunkType, ChunkId>;

// Found here, and not when somebody needs it.
Error damaged_here(Error const& error, std::string const& path) {
  return make_error(Condition::corrupt, "a pack was damaged on this machine before it was uploaded: " + error.message,
                    "Push again; if this comes back, check this machine's memory and disk", path);
}

class RemoveFile {
 public:
  explicit RemoveFile(std::string path) : path_(std::move(path)) {}
  RemoveFile(RemoveFile const&) = delete;
  RemoveFile& operator=(RemoveFile const&) = delete;
  ~RemoveFile() { ::unlink(path_.c_str()); }
  std::string const& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

struct ChunkWriter::Impl {
  Impl(std::shared_ptr<Repository> repository_in, std::string spool_dir_in, std::stop_token outer)
      : repository(std::move(repository_in)),
        spool_dir(std::move(spool_dir_in)),
        forward_stop(std::move(outer), [this] { stop.request_stop(); }),
        uploads(std::min(packs_at_once, std::max<std::size_t>(1, repository->store->traits().transfers)), 1) {}

  std::shared_ptr<Repository> repository;
  // In this order: what is lost between is noticed.
  std::uint64_t const losses = repository->index->losses();
  TimePoint const synced_at = repository->synced_at;
  std::string spool_dir;
  std::stop_source stop;  // ours: on the caller's stop, a failure or destruction
  std::stop_callback<std::function<void()>> forward_stop;
  std::atomic<std::uint64_t> bytes_uploaded{0};
  std::atomic<std::uint64_t> chunks_added{0};

  std::mutex mutex;  // of the next five
  std::condition_variable room;  // in the builder, or a failure
  PackBuilder builder;
  PackBuilder spare;  // empty; its memory is used again
  bool sealing = false;  // a full pack is in memory, on its way to its file and the queue
  std::set<ChunkName> underway;  // in the builder, or in packs that are not in the store yet
  std::optional<Error> failure;

  std::atomic<std::uint64_t> packs_begun{0};
  WorkerPool uploads;
  WorkerPool sealer{1, 1};  // hands on to `uploads`, so it ends first

  Error failed(Error error) {
    // That concerns one file, for those who bring chunks: this is about all of them. Only what we wrote ourselves can have changed here.
    if (error.condition == Condition::changed) error.condition = Condition::io;
    std::scoped_lock lock(mutex);
    if (!failure) failure = std::move(error);
    stop.request_stop();
    room.notify_all();
    return *failure;
  }

  Result<void> check_running() {
    std::scoped_lock lock(mutex);
    if (failure) return *failure;
    if (stop.stop_requested()) return make_error(Condition::cancelled, "stopped on request");
    return {};
  }

  Result<PackRecord> seal(PackBuilder& full, std::string const& path) {
    B2B_ASSIGN(auto sink, FileSink::create(path));
    auto sealed = full.finish(repository->master, repository->config.id, *sink, &repository->keys);
    if (!sealed && sealed.error().condition == Condition::corrupt) return damaged_here(sealed.error(), path);
    return sealed;
  }

  // What is sent has the digest of what was opened and compared while it was sealed.
  Result<void> store_pack(PackRecord const& record, std::string const& path) {
    B2B_ASSIGN(TimePoint const now, repository->store->now(stop.get_token()));
    FileSource const file(path, 0, record.bytes);
    auto const put = repository->store->put(pack_key(repository->prefix, record.id), VerifiedSource(file, record.id), stop.get_token());
    if (!put) return put.error().condition == Condition::changed ? damaged_here(put.error(), path) : put.error();
    bytes_uploaded.fetch_add(record.bytes);
    B2B_TRY(repository->index->pack_stored(record, now));
    std::scoped_lock lock(mutex);
    for (ChunkPlace const& place : record.chunks) underway.erase({place.type, place.id});
    return {};
  }

  Result<void> hand_over(PackBuilder& full) {
    auto file = std::make_shared<RemoveFile>(join_path(spool_dir, std::to_string(packs_begun.fetch_add(1)) + pack_suffix));
    B2B_ASSIGN(PackRecord sealed, seal(full, file->path()));
    uploads.submit([this, record = std::move(sealed), file = std::move(file)] {
      if (stop.stop_requested()) return;
      if (auto done = store_pack(record, file->path()); !done) static_cast<void>(failed(std::move(done).error()));
    });
    return {};
  }

  // On the sealer's thread: this pack, and then the one that became full meanwhile.
  void hand_over_full(PackBuilder full) {
    while (true) {
      if (auto handed = hand_over(full); !handed) {
        static_cast<void>(failed(std::move(handed).error()));
        return;
      }
      std::scoped_lock lock(mutex);
      if (!builder.full() || failure) {
        spare = std::move(full);
        sealing = false;
        return;
      }
      std::swap(full, builder);
      room.notify_all();
    }
  }

  // Puts a chunk into the pack that fills. Full ones are sealed by a thread of their own, one at a time; the next one fills meanwhile, and
  // then everybody waits, so that there are at most two in memory.
  Result<void> put_in_pack(ChunkType type, ChunkId const& id, std::uint32_t content_bytes, std::string_view encoded) {
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return failure || !builder.full(); });
    if (failure) return *failure;
    builder.add(type, id, content_bytes, encoded);
    if (!builder.full() || std::exchange(sealing, true)) return {};
    auto full = std::make_shared<PackBuilder>(std::exchange(builder, std::move(spare)));
    lock.unlock();
    sealer.submit([this, full] { hand_over_full(std::move(*full)); });
    return {};
  }
};

ChunkWriter::ChunkWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChunkWriter::~ChunkWriter() { impl_->stop.request_stop(); }

Result<std::unique_ptr<ChunkWriter>> ChunkWriter::create(std::shared_ptr<Repository> repository, std::string spool_dir,
                                                         std::stop_token stop) {
  B2B_TRY(remove_tree(spool_dir));
  B2B_TRY(make_directories(spool_dir));
  return std::unique_ptr<ChunkWriter>(
      new ChunkWriter(std::make_unique<Impl>(std::move(repository), std::move(spool_dir), std::move(stop))));
}

Result<ChunkId> ChunkWriter::add(ChunkType type, std::span<std::uint8_t const> content) { return add_unless(type, content, true); }
Result<ChunkId> ChunkWriter::add_again(ChunkType type, std::span<std::uint8_t const> content) { return add_unless(type, content, false); }

Result<ChunkId> ChunkWriter::add_unless(ChunkType type, std::span<std::uint8_t const> content, bool there_is_enough) {
  Impl& impl = *impl_;
  B2B_ASSERT(!content.empty() && content.size() <= max_chunk_bytes);
  B2B_TRY(impl.check_running());
  ChunkId const id = chunk_id(impl.repository->keys, type, content);
  if (there_is_enough) {
    B2B_ASSIGN(bool const there, impl.repository->index->has(type, id));
    if (there) return id;
  }
  {
    std::scoped_lock lock(impl.mutex);
    if (!impl.underway.insert({type, id}).second) return id;
  }
  thread_local Encoder encoder;
  thread_local std::string encoded;
  encoded.clear();
  encoder.append(content, encoded);
  B2B_TRY(impl.put_in_pack(type, id, static_cast<std::uint32_t>(content.size()), encoded));
  impl.chunks_added.fetch_add(1);
  return id;
}

Result<void> ChunkWriter::flush() {
  Impl& impl = *impl_;
  impl.sealer.wait();
  PackBuilder last;
  {
    std::scoped_lock lock(impl.mutex);
    last = std::exchange(impl.builder, PackBuilder());
  }
  if (!last.empty()) {
    if (auto handed = impl.hand_over(last); !handed) return impl.failed(handed.error());
  }
  impl.uploads.wait();
  return impl.check_running();
}

bool ChunkWriter::underway(ChunkId const& id) const {
  std::scoped_lock lock(impl_->mutex);
  return impl_->underway.contains({ChunkType::data, id});
}

ChunkWriter::Start ChunkWriter::start() const { return {impl_->synced_at, impl_->losses}; }

std::uint64_t ChunkWriter::bytes_uploaded() const { return impl_->bytes_uploaded; }
std::uint64_t ChunkWriter::chunks_added() const { return impl_->chunks_added; }

}  // namespace b2b::packed
