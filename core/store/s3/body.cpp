#include "core/store/s3/body.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/store/s3/retry.h"

namespace b2b::s3 {
namespace {

Error changed_error() {
  return make_error(Condition::changed, "the bytes to upload changed while they were read");
}

class SpanReader final : public ByteReader {
 public:
  explicit SpanReader(std::span<std::uint8_t const> rest) : rest_(rest) {}
  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    std::size_t const n = std::min(buffer.size(), rest_.size());
    if (n > 0) std::memcpy(buffer.data(), rest_.data(), n);
    rest_ = rest_.subspan(n);
    return n;
  }

 private:
  std::span<std::uint8_t const> rest_;
};

class VerifiedReader final : public ByteReader {
 public:
  VerifiedReader(std::unique_ptr<ByteReader> inner, std::uint64_t size, Sha256Digest const& expected)
      : inner_(std::move(inner)), left_(size), expected_(expected) {}

  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    if (left_ == 0) return std::size_t{0};
    std::size_t const wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_));
    B2B_ASSIGN(std::size_t const n, read_fully(*inner_, buffer.first(wanted)));
    if (n < wanted) return changed_error();
    sha256_.update(buffer.first(n));
    left_ -= n;
    if (left_ == 0 && sha256_.finish() != expected_) return changed_error();
    return n;
  }

 private:
  std::unique_ptr<ByteReader> inner_;
  std::uint64_t left_;
  Sha256Digest expected_;
  Sha256 sha256_;
};

}  // namespace

BodyDigest digest_of(std::span<std::uint8_t const> bytes) {
  BodyDigest out;
  Sha256 sha256;
  Md5 md5;
  sha256.update(bytes);
  md5.update(bytes);
  out.sha256 = sha256.finish();
  out.md5 = md5.finish();
  return out;
}

Result<BodyDigest> digest_of(ByteSource const& source, std::stop_token const& stop) {
  B2B_ASSIGN(auto const reader, source.open());
  std::vector<std::uint8_t> buffer(chunk_bytes);
  Sha256 sha256;
  Md5 md5;
  std::uint64_t total = 0;
  for (;;) {
    if (stop.stop_requested()) return cancelled_error("the upload");
    B2B_ASSIGN(std::size_t const n, reader->read(buffer));
    if (n == 0) break;
    std::span<std::uint8_t const> const bytes(buffer.data(), n);
    sha256.update(bytes);
    md5.update(bytes);
    total += n;
  }
  if (total != source.size()) return changed_error();
  BodyDigest out;
  out.sha256 = sha256.finish();
  out.md5 = md5.finish();
  return out;
}

Result<std::size_t> read_fully(ByteReader& reader, std::span<std::uint8_t> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    B2B_ASSIGN(std::size_t const n, reader.read(buffer.subspan(filled)));
    if (n == 0) break;
    filled += n;
  }
  return filled;
}

Result<std::unique_ptr<ByteReader>> SpanSource::open() const {
  return std::unique_ptr<ByteReader>(std::make_unique<SpanReader>(bytes_));
}

Result<std::unique_ptr<ByteReader>> VerifiedSource::open() const {
  B2B_ASSIGN(auto inner, inner_.open());
  return std::unique_ptr<ByteReader>(
      std::make_unique<VerifiedReader>(std::move(inner), inner_.size(), expected_));
}

Result<void> DigestSink::write(std::span<std::uint8_t const> bytes) {
  if (hashed_) md5_.update(bytes);
  size_ += bytes.size();
  return inner_.write(bytes);
}

Result<void> DigestSink::restart() {
  static_cast<void>(md5_.finish());  // ready for a new message
  size_ = 0;
  return inner_.restart();
}

}  // namespace b2b::s3
