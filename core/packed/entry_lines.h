// The list of a snapshot in the packed layout (docs/format.md, "The list"): lines of text, written and read
// as a stream, so that neither the number of entries nor the size of a file matters. Objects belong to one
// thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/capture/entry.h"
#include "core/packed/format.h"
#include "core/util/byte_stream.h"
#include "core/util/error.h"

namespace b2b::packed {

// Whether a file of this size can be of so many chunks: an empty file has none, and no chunk is empty or
// above max_chunk_bytes.
bool chunks_fit(std::uint64_t size, std::uint64_t chunks);

// Entries in strictly ascending byte order of paths; that, and that each has as many ids as it says, is
// asserted. Errors: the sink's; limit (an entry line over max_entry_line_bytes, which no reader would take);
// internal (a path that path_problem() refuses).
class EntryLineWriter {
 public:
  explicit EntryLineWriter(ByteSink& sink) : sink_(sink) {}
  // An entry, all ids at once:
  Result<void> append(Entry const& entry, std::span<ChunkId const> chunks);
  // or first the entry and then its ids in any portions.
  Result<void> begin(Entry const& entry, std::uint64_t chunks);
  Result<void> add_chunks(std::span<ChunkId const> ids);
  Result<void> finish();  // writes what is still held back
  std::uint64_t entries() const { return entries_; }

 private:
  Result<void> flush();
  ByteSink& sink_;
  std::string buffer_;
  std::optional<std::string> last_path_;
  std::uint64_t entries_ = 0;
  std::uint64_t owed_ = 0;  // ids still to come
};

class EntryLineVisitor {
 public:
  virtual ~EntryLineVisitor() = default;
  // `chunks` ids follow, before the next entry.
  virtual Result<void> entry(Entry&& entry, std::uint64_t chunks) = 0;
  // The next ids of that entry, at most max_ids_at_once; `last`: no more of it. Not called for an entry
  // without chunks.
  virtual Result<void> chunks(std::span<ChunkId const> ids, bool last) = 0;
};

// Memory: an entry line (at most max_entry_line_bytes, and what it becomes), and max_ids_at_once ids.
// Paths are given as written: see path_problem(). Errors: corrupt, with the number of the line; the
// visitor's. After an error the reader is of no use.
class EntryLineReader {
 public:
  static constexpr std::size_t max_ids_at_once = 1024;

  // `snapshot_id` is for messages. The visitor must outlive the reader.
  EntryLineReader(std::string snapshot_id, EntryLineVisitor& visitor);
  Result<void> feed(std::span<std::uint8_t const> bytes);
  Result<void> finish();  // after the last byte
  std::uint64_t entries() const { return entries_; }

 private:
  Result<void> take_line(std::string_view line);
  Result<void> take_entry(std::string_view line);
  Result<void> take_id(std::string_view line);
  std::size_t longest_line() const;
  Error bad_id() const;
  Error damaged(std::string const& what) const;

  std::string const snapshot_id_;
  EntryLineVisitor& visitor_;
  std::string begun_;  // of a line, what came with earlier calls
  std::optional<std::string> last_path_;
  std::vector<ChunkId> ids_;  // not yet handed on
  std::uint64_t owed_ = 0;    // id lines that must follow
  std::uint64_t entries_ = 0;
  std::uint64_t line_ = 1;  // the one at hand
};

}  // namespace b2b::packed
