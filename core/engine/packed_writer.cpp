#include "core/engine/packed_writer.h"

#include <algorithm>
#include <functional>
#include <stop_token>
#include <thread>

#include "core/engine/body_pool.h"
#include "core/packed/chunk_writer.h"
#include "core/packed/snapshots.h"
#include "core/packed/store_content.h"

namespace b2b {
namespace {

// Cutting, hashing and encrypting is work for the processor.
std::size_t storing_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, 4); }

// What a catalog says of a file whose content is in the repository: its chunks are found by its hash.
constexpr char const* stored_mark = "packed";

}  // namespace

struct PackedWriter::Impl {
  std::shared_ptr<packed::Repository> repository;
  std::unique_ptr<packed::ChunkWriter> chunks;
  SnapshotId const id;
  std::uint64_t committed_bytes = 0;
  std::stop_source stop;  // ours, of `chunks`: on the caller's stop or destruction
  std::stop_callback<std::function<void()>> forward_stop;
  BodyPool pool;  // the last: its workers use all of the above

  Impl(std::shared_ptr<packed::Repository> repository_in, std::unique_ptr<packed::ChunkWriter> chunks_in, std::stop_source stop_in,
       SnapshotId id_in, Progress* progress, BodyStored stored, std::stop_token outer)
      : repository(std::move(repository_in)),
        chunks(std::move(chunks_in)),
        id(std::move(id_in)),
        stop(std::move(stop_in)),
        forward_stop(outer, [this] { stop.request_stop(); }),
        pool(storing_threads(), progress, std::move(stored), std::move(outer)) {}
  // The pool's workers may wait for an upload.
  ~Impl() { stop.request_stop(); }

  static StoredBody stored_body(Entry&& entry) {
    StoredBody out;
    out.entry = std::move(entry);
    out.stored_name = stored_mark;
    out.stored_size = out.entry.size;
    return out;
  }
};

PackedWriter::PackedWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackedWriter::~PackedWriter() = default;

Result<std::unique_ptr<PackedWriter>> PackedWriter::create(std::shared_ptr<packed::Repository> repository, std::string const& spool_dir,
                                                           SnapshotId id, Progress* progress, BodyStored stored, std::stop_token stop) {
  std::stop_source own;
  B2B_ASSIGN(auto chunks, packed::ChunkWriter::create(repository, spool_dir, own.get_token()));
  auto impl = std::make_unique<Impl>(std::move(repository), std::move(chunks), std::move(own), std::move(id), progress, std::move(stored), std::move(stop));
  return std::unique_ptr<PackedWriter>(new PackedWriter(std::move(impl)));
}

void PackedWriter::upload(CapturedFile file) {
  auto shared = std::make_shared<CapturedFile>(std::move(file));
  impl_->pool.submit(shared->entry.path, [this, shared]() -> Result<StoredBody> {
    Entry& entry = shared->entry;
    if (shared->in_memory.empty()) {
      B2B_TRY(packed::store_content(*impl_->repository, *impl_->chunks, *shared->body, entry.hash, entry.size));
    } else {
      B2B_TRY(packed::store_content(*impl_->repository, *impl_->chunks, shared->in_memory, entry.hash));
    }
    return Impl::stored_body(std::move(entry));
  });
}

void PackedWriter::copy(Entry entry, SnapshotId const&, CatalogEntry const&) {
  auto shared = std::make_shared<Entry>(std::move(entry));
  impl_->pool.submit(shared->path, [this, shared]() -> Result<StoredBody> {
    auto const there = [&](packed::ChunkId const& id) { return impl_->chunks->underway(id); };
    B2B_ASSIGN(auto const known, impl_->repository->index->count_chunks(shared->hash, shared->size, there));
    StoredBody out = Impl::stored_body(std::move(*shared));
    out.copy_failed = !known;
    return out;
  });
}

bool PackedWriter::failed() const { return impl_->pool.failed(); }

Result<void> PackedWriter::finish_bodies() {
  impl_->pool.wait();
  return impl_->pool.outcome();
}

std::uint64_t PackedWriter::bytes_uploaded() const { return impl_->chunks->bytes_uploaded() + impl_->committed_bytes; }

Result<SnapshotInfo> PackedWriter::commit(SnapshotInfo info, Catalog& catalog, std::string const&) {
  info.id = impl_->id;
  B2B_ASSIGN(packed::CommittedSnapshot committed,
             packed::commit_snapshot(*impl_->repository, *impl_->chunks, std::move(info), catalog, impl_->pool.token()));
  impl_->committed_bytes = committed.bytes_uploaded;
  return std::move(committed.info);
}

}  // namespace b2b
