#include "core/packed/store_content.h"

#include <algorithm>

#include "core/packed/chunker.h"

namespace b2b::packed {
namespace {

constexpr std::size_t read_bytes = 256 << 10;

}  // namespace

Result<void> store_content(Repository& repository, ChunkWriter& writer, ByteSource const& content, Sha256Digest const& hash,
                           std::uint64_t size) {
  B2B_ASSIGN(auto const known, repository.index->count_chunks(hash, size, [&](ChunkId const& id) { return writer.underway(id); }));
  if (known) return {};
  ContentParts parts(*repository.index, hash, size);
  Chunker chunker(repository.config.data, repository.gear, [&](std::span<std::uint8_t const> chunk) -> Result<void> {
    B2B_ASSIGN(ChunkId const id, writer.add(ChunkType::data, chunk));
    return parts.add(id);
  });
  B2B_ASSIGN(auto const reader, content.open());
  Bytes buffer(std::min<std::uint64_t>(read_bytes, size + 1));
  Sha256 digest;
  std::uint64_t seen = 0;
  while (true) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) break;
    std::span<std::uint8_t const> const bytes(buffer.data(), got);
    digest.update(bytes);
    seen += got;
    B2B_TRY(chunker.feed(bytes));
  }
  B2B_TRY(chunker.finish());
  if (seen != size || digest.finish() != hash) return make_error(Condition::changed, "the captured copy changed on disk");
  return parts.finish();
}

}  // namespace b2b::packed
