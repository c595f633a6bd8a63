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
