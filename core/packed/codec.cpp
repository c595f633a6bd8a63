#include "core/packed/codec.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>

namespace b2b::packed {
namespace {

enum Codec : std::uint8_t { stored = 0, zstd = 1 };

constexpr int level = 3;
// What is longer than this is sampled first, in its middle: compressing what does not shrink would cost more than all the rest.
constexpr std::size_t sampled_from_bytes = 32 << 10;
constexpr std::size_t sample_bytes = 8 << 10;

bool pays(std::size_t content_bytes, std::size_t compressed_bytes) {
  return compressed_bytes + content_bytes / 32 < content_bytes;
}

Error damaged(char const* what) { return make_error(Condition::corrupt, what); }

}  // namespace

struct Encoder::Impl {
  Impl() : context(ZSTD_createCCtx()) { B2B_ASSERT(context != nullptr); }
  ~Impl() { ZSTD_freeCCtx(context); }

  // 0: it did not work out
  std::size_t compress(std::span<std::uint8_t const> content, int at_level, char* out, std::size_t room) {
    std::size_t const bytes = ZSTD_compressCCtx(context, out, room, content.data(), content.size(), at_level);
    return ZSTD_isError(bytes) != 0 ? 0 : bytes;
  }

  bool worth_trying(std::span<std::uint8_t const> content) {
    if (content.size() < sampled_from_bytes) return true;
    auto const sample = content.subspan((content.size() - sample_bytes) / 2, sample_bytes);
    scratch.resize(ZSTD_compressBound(sample_bytes));
    std::size_t const bytes = compress(sample, 1, scratch.data(), scratch.size());
    return bytes != 0 && pays(sample_bytes, bytes);
  }

  ZSTD_CCtx* context;
  std::string scratch;
};

Encoder::Encoder() : impl_(std::make_unique<Impl>()) {}
Encoder::~Encoder() = default;

void Encoder::append(std::span<std::uint8_t const> content, std::string& out) {
  std::size_t const begin = out.size();
  if (!content.empty() && impl_->worth_trying(content)) {
    out.resize(begin + 1 + ZSTD_compressBound(content.size()));
    std::size_t const bytes = impl_->compress(content, level, out.data() + begin + 1, out.size() - begin - 1);
    if (bytes != 0 && pays(content.size(), bytes)) {
      out[begin] = static_cast<char>(zstd);
      out.resize(begin + 1 + bytes);
      return;
    }
    out.resize(begin);
  }
  out.push_back(static_cast<char>(stored));
  out.append(reinterpret_cast<char const*>(content.data()), content.size());
}

struct Decoder::Impl {
  Impl() : context(ZSTD_createDCtx()) { B2B_ASSERT(context != nullptr); }
  ~Impl() { ZSTD_freeDCtx(context); }
  ZSTD_DCtx* context;
};

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;

Result<void> Decoder::decode(std::span<std::uint8_t const> encoded, std::span<std::uint8_t> content) {
  if (encoded.empty()) return damaged("it is empty");
  auto const payload = encoded.subspan(1);
  if (encoded[0] == stored) {
    if (payload.size() != content.size()) return damaged("it has another length than the index says");
    std::copy(payload.begin(), payload.end(), content.begin());
    return {};
  }
  if (encoded[0] != zstd) return damaged("it is compressed in a way that is not known");
  std::size_t const bytes =
      ZSTD_decompressDCtx(impl_->context, content.data(), content.size(), payload.data(), payload.size());
  if (ZSTD_isError(bytes) != 0) return damaged("it cannot be decompressed");
  if (bytes != content.size()) return damaged("it has another length than the index says");
  return {};
}

std::optional<std::span<std::uint8_t const>> stored_content(std::span<std::uint8_t const> encoded) {
  if (encoded.empty() || encoded[0] != stored) return std::nullopt;
  return encoded.subspan(1);
}

Result<std::string> decode_bounded(std::span<std::uint8_t const> encoded, std::size_t max_bytes) {
  if (encoded.empty()) return damaged("it is empty");
  std::uint64_t bytes = encoded.size() - 1;
  if (encoded[0] == zstd) {
    bytes = ZSTD_getFrameContentSize(encoded.data() + 1, encoded.size() - 1);
    if (bytes == ZSTD_CONTENTSIZE_UNKNOWN || bytes == ZSTD_CONTENTSIZE_ERROR) return damaged("it cannot be decompressed");
  }
  if (bytes > max_bytes) return damaged("it is longer than it may be");
  std::string content(static_cast<std::size_t>(bytes), '\0');
  Decoder decoder;
  B2B_TRY(decoder.decode(encoded, {reinterpret_cast<std::uint8_t*>(content.data()), content.size()}));
  return content;
}

}  // namespace b2b::packed
