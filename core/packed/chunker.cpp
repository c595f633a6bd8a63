#include "core/packed/chunker.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace b2b::packed {
namespace {

// Rolls over bytes[from, to). The place behind the byte that cuts, or `to + 1` when none does. `below` is a
// power of two: the test asks whether the top bits of the hash are all zero.
std::size_t roll(std::uint8_t const* bytes, std::size_t from, std::size_t to, std::uint64_t below,
                 std::uint64_t const* gear, std::uint64_t& hash) {
  std::uint64_t h = hash;
  std::size_t i = from;
  for (; i + 4 <= to; i += 4) {  // unrolled: the loop's own counting would cost a third of the time
    h = (h << 1) + gear[bytes[i]];
    if (h < below) return i + 1;
    h = (h << 1) + gear[bytes[i + 1]];
    if (h < below) return i + 2;
    h = (h << 1) + gear[bytes[i + 2]];
    if (h < below) return i + 3;
    h = (h << 1) + gear[bytes[i + 3]];
    if (h < below) return i + 4;
  }
  for (; i < to; ++i) {
    h = (h << 1) + gear[bytes[i]];
    if (h < below) return i + 1;
  }
  hash = h;
  return to + 1;
}

std::uint64_t top_bits_zero(unsigned bits) {
  return std::uint64_t{1} << (64 - bits);
}

}  // namespace

GearTable::GearTable(Key const& gear_key) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    auto const byte = static_cast<char>(i);
    Sha256Digest digest = hmac_sha256(gear_key.bytes(), std::string_view(&byte, 1));
    for (unsigned k = 0; k < 8; ++k)
      values_[i] |= std::uint64_t{digest[k]} << (8 * k);  // little-endian, as all integers of the format
    wipe(digest.data(), digest.size());
  }
}

bool usable(ChunkSizes const& sizes) {
  return std::has_single_bit(sizes.min) && std::has_single_bit(sizes.average) &&
         std::has_single_bit(sizes.max) && sizes.min >= 64 && sizes.min < sizes.average &&
         sizes.average < sizes.max && sizes.max <= max_chunk_bytes;
}

CutFinder::CutFinder(ChunkSizes const& sizes, GearTable const& gear) : sizes_(sizes), gear_(&gear) {
  B2B_ASSERT(usable(sizes));
  auto const bits = static_cast<unsigned>(std::countr_zero(sizes.average));
  rare_ = top_bits_zero(bits + 2);
  frequent_ = top_bits_zero(bits - 2);
}

std::optional<std::size_t> CutFinder::advance(std::span<std::uint8_t const> bytes) {
  // Places in `bytes` where the sizes are reached; `bytes` may begin anywhere in the chunk and end anywhere.
  auto const place = [&](std::size_t size) {
    return std::min(bytes.size(), size - std::min(size, position_));
  };
  std::size_t const begin = place(sizes_.min), middle = place(sizes_.average), end = place(sizes_.max);
  std::size_t cut = roll(bytes.data(), begin, middle, rare_, gear_->data(), hash_);
  if (cut > middle) cut = roll(bytes.data(), middle, end, frequent_, gear_->data(), hash_);
  if (cut > end) {
    cut = end;
    position_ += end;
    if (position_ < sizes_.max) return std::nullopt;
  }
  position_ = 0;
  hash_ = 0;
  return cut;
}

std::size_t next_cut(std::span<std::uint8_t const> bytes, ChunkSizes const& sizes, GearTable const& gear) {
  return CutFinder(sizes, gear).advance(bytes).value_or(bytes.size());
}

Chunker::Chunker(ChunkSizes const& sizes, GearTable const& gear, Visit visit)
    : finder_(sizes, gear), gear_(gear), sizes_(sizes), visit_(std::move(visit)) {}

Result<void> Chunker::feed(std::span<std::uint8_t const> bytes) {
  while (!bytes.empty()) {
    auto const cut = finder_.advance(bytes);
    auto const piece = bytes.first(cut.value_or(bytes.size()));
    bytes = bytes.subspan(piece.size());
    if (cut && begun_.empty()) {
      B2B_TRY(visit_(piece));
      continue;
    }
    if (begun_.capacity() == 0) begun_.reserve(sizes_.max);
    begun_.insert(begun_.end(), piece.begin(), piece.end());
    if (!cut) continue;
    B2B_TRY(visit_(begun_));
    begun_.clear();
  }
  return {};
}

Result<void> Chunker::finish() {
  finder_ = CutFinder(sizes_, gear_);
  if (begun_.empty()) return {};
  B2B_TRY(visit_(begun_));
  begun_.clear();
  return {};
}

}  // namespace b2b::packed
