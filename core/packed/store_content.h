// A file's content into a repository: cut into chunks, stored where they are not there yet, and remembered under its SHA-256.
#pragma once

#include <cstdint>
#include <span>

#include "core/packed/chunk_writer.h"
#include "core/util/byte_stream.h"

namespace b2b::packed {

// May be called from many threads. Memory: about 400 KB, and twice that for a large one, which a second thread hashes. What is known is not read. Errors: changed (the content has not this hash and
// size any more), those of the writer and of the source.
Result<void> store_content(Repository& repository, ChunkWriter& writer, ByteSource const& content, Sha256Digest const& hash,
                           std::uint64_t size);

// The same of bytes in memory, whose digest was made where they lie: they are not hashed again.
Result<void> store_content(Repository& repository, ChunkWriter& writer, std::span<std::uint8_t const> content, Sha256Digest const& hash);

}  // namespace b2b::packed
