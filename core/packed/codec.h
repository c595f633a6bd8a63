// How a content is written before it is encrypted: `codec || payload`, compressed where that pays (docs/format.md, "Chunks").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/util/error.h"

namespace b2b::packed {

// One thread at a time; keeps zstd's working memory (about 1 MB for chunks) between contents.
class Encoder {
 public:
  Encoder();
  ~Encoder();
  // Appends codec and payload to `out`. Content that does not shrink by 1/32 is stored as it is; a sample tells in advance for
  // most of what is random or compressed already.
  void append(std::span<std::uint8_t const> content, std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Decoder {
 public:
  Decoder();
  ~Decoder();
  // The content of `codec || payload`, exactly `content.size()` bytes. corrupt: another length, not a zstd frame, an unknown codec.
  Result<void> decode(std::span<std::uint8_t const> encoded, std::span<std::uint8_t> content);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The content where it was stored as it is; else nothing.
std::optional<std::span<std::uint8_t const>> stored_content(std::span<std::uint8_t const> encoded);

// For sealed objects, whose content's length is not known before: at most `max_bytes` (corrupt beyond).
Result<std::string> decode_bounded(std::span<std::uint8_t const> encoded, std::size_t max_bytes);

}  // namespace b2b::packed
