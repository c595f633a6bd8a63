#include "core/engine/packed_fetcher.h"

#include <algorithm>
#include <atomic>

#include "core/engine/objects.h"
#include "core/engine/packed_download.h"
#include "core/packed/chunk_reader.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::size_t most_requests = 8;

}  // namespace

struct PackedFetcher::Impl {
  std::shared_ptr<PackedList> list;
  TemporaryDirectory scratch;
  packed::ChunkReader reader;
  std::stop_token const stop;
  std::atomic<std::uint64_t> good{0};
  std::atomic<std::uint64_t> damaged{0};

  Impl(std::shared_ptr<PackedList> list_in, TemporaryDirectory scratch_in, std::stop_token const& stop_in)
      : list(std::move(list_in)), scratch(std::move(scratch_in)), reader(list->repository(), scratch.path(), stop_in), stop(stop_in) {}

  Result<void> put_together(CatalogEntry const& entry, std::string const& destination) {
    B2B_ASSIGN(auto const sink, FileSink::create(destination));
    Sha256 digest;
    std::uint64_t bytes = 0;
    std::string content;
    B2B_TRY(list->visit_chunks(entry, [&](std::span<packed::ChunkId const> ids) -> Result<void> {
      for (packed::ChunkId const& id : ids) {
        B2B_TRY(reader.read(packed::ChunkType::data, id, content));
        bytes += content.size();
        digest.update(as_bytes(content));
        B2B_TRY(sink->write(as_bytes(content)));
      }
      return {};
    }));
    if (bytes == entry.entry.size && digest.finish() == entry.entry.hash) return {};
    return make_error(Condition::corrupt, "what its chunks make is not what was backed up", "Restore this file from another snapshot");
  }
};

PackedFetcher::PackedFetcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PackedFetcher::~PackedFetcher() = default;

Result<std::unique_ptr<PackedFetcher>> PackedFetcher::create(EngineContext& context, std::shared_ptr<PackedList> list,
                                                             std::string const& scratch_dir) {
  B2B_ASSIGN(TemporaryDirectory scratch, TemporaryDirectory::create(scratch_dir, "packs-"));
  return std::unique_ptr<PackedFetcher>(new PackedFetcher(std::make_unique<Impl>(std::move(list), std::move(scratch), context.stop)));
}

Result<void> PackedFetcher::expect(CatalogEntry const& entry) {
  return impl_->list->visit_chunks(
      entry, [&](std::span<packed::ChunkId const> ids) { return impl_->reader.expect(packed::ChunkType::data, ids); });
}

Result<void> PackedFetcher::fetch_together(std::span<WantedBody const> wanted, BodyDone const& done) {
  std::size_t const threads = std::clamp<std::size_t>(impl_->list->repository()->store->traits().transfers, 1, most_requests);
  return download_together(
      *impl_->list, threads, wanted,
      [&](std::size_t number) {
        ++impl_->good;
        return done(number);
      },
      impl_->stop);
}

Result<void> PackedFetcher::fetch(CatalogEntry const& entry, std::string const& destination) {
  auto done = impl_->put_together(entry, destination);
  if (done) {
    ++impl_->good;
    return {};
  }
  remove_scratch_file(destination);
  Error error = done.error();
  if (error.condition != Condition::corrupt && error.condition != Condition::not_found) return error;
  ++impl_->damaged;
  error.message = printable(entry.entry.path) + " cannot be restored whole: " + error.message;
  return error;
}

std::string PackedFetcher::diagnose() const {
  std::uint64_t const damaged = impl_->damaged;
  if (damaged == 0) return {};
  return std::to_string(damaged) + " of " + std::to_string(damaged + impl_->good) + " files need chunks that are missing or damaged in the "
         "repository, also after a second download. Try these files from another snapshot; daemonctl verify names all that is affected.";
}

}  // namespace b2b
