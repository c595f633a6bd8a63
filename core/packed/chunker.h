// Cuts a stream into chunks where its content says so (docs/format.md, "How cuts are found"). Pure.
//
// Where a chunk ends depends on nothing but the bytes from its beginning on, the sizes and the table: not on
// the pieces in which the stream comes. Objects belong to one thread at a time; a GearTable may be read by
// many.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/crypto/key.h"
#include "core/packed/format.h"
#include "core/util/error.h"

namespace b2b::packed {

// What each byte adds to the rolling hash. It tells something about what is stored, so it is wiped when it
// goes.
class GearTable {
 public:
  explicit GearTable(Key const& gear_key);
  GearTable(GearTable const&) = default;
  GearTable& operator=(GearTable const&) = default;
  ~GearTable() { wipe(values_.data(), sizeof values_); }
  std::uint64_t operator[](std::uint8_t byte) const { return values_[byte]; }
  std::uint64_t const* data() const { return values_.data(); }

 private:
  std::array<std::uint64_t, 256> values_{};
};

// Powers of two, 64 <= min < average < max <= max_chunk_bytes. Else a Chunker asserts.
bool usable(ChunkSizes const& sizes);

// Where the chunk at hand ends; keeps nothing of it but how far it has come. The table must outlive it.
class CutFinder {
 public:
  CutFinder(ChunkSizes const& sizes, GearTable const& gear);
  // Goes on with `bytes`. A value: the chunk ends behind so many of them, and the next call begins a new one.
  // nullopt: all of them belong to the chunk, which goes on.
  std::optional<std::size_t> advance(std::span<std::uint8_t const> bytes);

 private:
  ChunkSizes sizes_;
  std::uint64_t rare_;      // below this, the hash cuts before the average size,
  std::uint64_t frequent_;  // and below this from there on
  GearTable const* gear_;
  std::size_t position_ = 0;  // bytes of the chunk so far
  std::uint64_t hash_ = 0;
};

// The length of the first chunk of a stream that ends where `bytes` end, or of which `bytes` are the first
// `max` or more.
std::size_t next_cut(std::span<std::uint8_t const> bytes, ChunkSizes const& sizes, GearTable const& gear);

// A chunk that lies whole in what was fed is handed on from there; others are put together in one buffer of
// `max` bytes.
class Chunker {
 public:
  // The bytes are there until it returns. Its error is what feed() and finish() return; the chunker is of no
  // use then.
  using Visit = std::function<Result<void>(std::span<std::uint8_t const> chunk)>;

  Chunker(ChunkSizes const& sizes, GearTable const& gear, Visit visit);  // the table must outlive it
  Result<void> feed(std::span<std::uint8_t const> bytes);
  Result<void> finish();  // the last chunk; then ready for another stream

 private:
  CutFinder finder_;
  GearTable const& gear_;
  ChunkSizes sizes_;
  Visit visit_;
  std::vector<std::uint8_t> begun_;  // of the chunk at hand, what came with earlier calls
};

}  // namespace b2b::packed
