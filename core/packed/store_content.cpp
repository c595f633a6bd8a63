#include "core/packed/store_content.h"

#include <algorithm>

#include "core/crypto/digest_thread.h"
#include "core/packed/chunker.h"

namespace b2b::packed {
namespace {

constexpr std::size_t read_bytes = 256 << 10;

// Cuts a content into chunks and hands them to the writer.
class Cutter {
 public:
  Cutter(Repository& repository, ChunkWriter& writer, Sha256Digest const& hash, std::uint64_t size)
      : parts_(*repository.index, hash, size),
        chunker_(repository.config.data, repository.gear, [this, &writer](std::span<std::uint8_t const> chunk) -> Result<void> {
          B2B_ASSIGN(ChunkId const id, writer.add(ChunkType::data, chunk));
          return parts_.add(id);
        }) {}
  Cutter(Cutter const&) = delete;
  Cutter& operator=(Cutter const&) = delete;
  Result<void> feed(std::span<std::uint8_t const> bytes) { return chunker_.feed(bytes); }
  Result<void> cut_last() { return chunker_.finish(); }
  Result<void> remember() { return parts_.finish(); }

 private:
  ContentParts parts_;
  Chunker chunker_;
};

struct Seen {
  Sha256Digest hash{};
  std::uint64_t bytes = 0;
};

Result<Seen> cut_through(ByteSource const& content, Cutter& cutter) {
  PieceDigest digest(content.size(), static_cast<std::size_t>(std::min<std::uint64_t>(read_bytes, content.size() + 1)));
  B2B_ASSIGN(auto const reader, content.open());
  Seen seen;
  while (true) {
    std::span<std::uint8_t> const room = digest.room();
    B2B_ASSIGN(std::size_t const got, reader->read(room));
    if (got == 0) break;
    digest.update(got);
    seen.bytes += got;
    B2B_TRY(cutter.feed(room.first(got)));
  }
  B2B_TRY(cutter.cut_last());
  seen.hash = digest.finish();
  return seen;
}

Result<bool> is_known(Repository& repository, ChunkWriter& writer, Sha256Digest const& hash, std::uint64_t size) {
  B2B_ASSIGN(auto const chunks, repository.index->count_chunks(hash, size, [&](ChunkId const& id) { return writer.underway(id); }));
  return chunks.has_value();
}

}  // namespace

Result<void> store_content(Repository& repository, ChunkWriter& writer, ByteSource const& content, Sha256Digest const& hash,
                           std::uint64_t size) {
  B2B_ASSIGN(bool const known, is_known(repository, writer, hash, size));
  if (known) return {};
  Cutter cutter(repository, writer, hash, size);
  B2B_ASSIGN(Seen const seen, cut_through(content, cutter));
  if (seen.bytes != size || seen.hash != hash) return make_error(Condition::changed, "the captured copy changed on disk");
  return cutter.remember();
}

Result<void> store_content(Repository& repository, ChunkWriter& writer, std::span<std::uint8_t const> content, Sha256Digest const& hash) {
  B2B_ASSIGN(bool const known, is_known(repository, writer, hash, content.size()));
  if (known) return {};
  // What is wrong once would be wrong in each later snapshot, too: their content is known by this hash.
  if (sha256(as_text(content)) != hash) return make_error(Condition::changed, "the captured copy changed in memory");
  Cutter cutter(repository, writer, hash, content.size());
  B2B_TRY(cutter.feed(content));
  B2B_TRY(cutter.cut_last());
  return cutter.remember();
}

}  // namespace b2b::packed
