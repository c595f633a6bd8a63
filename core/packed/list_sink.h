// Where the list of a snapshot goes while it is written: cut into chunks, which a writer stores. One thread.
#pragma once

#include <span>

#include "core/packed/chunk_writer.h"
#include "core/packed/chunker.h"
#include "core/packed/repository.h"
#include "core/packed/snapshot_object.h"
#include "core/util/byte_stream.h"

namespace b2b::packed {

class ListSink final : public ByteSink {
 public:
  // Adds the list's chunks and length to `snapshot`. All must outlive the sink.
  ListSink(Repository const& repository, ChunkWriter& writer, SnapshotPayload& snapshot)
      : snapshot_(snapshot),
        chunker_(repository.config.list, repository.gear, [&writer, &snapshot](std::span<std::uint8_t const> chunk) -> Result<void> {
          B2B_ASSIGN(ChunkId const id, writer.add(ChunkType::list, chunk));
          snapshot.list.push_back(id);
          return {};
        }) {}
  Result<void> write(std::span<std::uint8_t const> bytes) override {
    snapshot_.list_bytes += bytes.size();
    return chunker_.feed(bytes);
  }
  Result<void> restart() override { return make_error(Condition::internal, "a list cannot be begun again"); }
  Result<void> finish() { return chunker_.finish(); }

 private:
  SnapshotPayload& snapshot_;
  Chunker chunker_;
};

}  // namespace b2b::packed
