#include "core/crypto/verified_source.h"

#include <algorithm>

namespace b2b {
namespace {

Error changed_error() { return make_error(Condition::changed, "the bytes to upload changed while they were read"); }

class VerifiedReader final : public ByteReader {
 public:
  VerifiedReader(std::unique_ptr<ByteReader> inner, std::uint64_t size, Sha256Digest const& expected)
      : inner_(std::move(inner)), left_(size), expected_(expected) {}

  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    if (left_ == 0) return std::size_t{0};
    buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_)));
    for (std::size_t filled = 0; filled < buffer.size();) {
      B2B_ASSIGN(std::size_t const got, inner_->read(buffer.subspan(filled)));
      if (got == 0) return changed_error();
      filled += got;
    }
    sha256_.update(buffer);
    left_ -= buffer.size();
    if (left_ == 0 && sha256_.finish() != expected_) return changed_error();
    return buffer.size();
  }

 private:
  std::unique_ptr<ByteReader> inner_;
  std::uint64_t left_;
  Sha256Digest expected_;
  Sha256 sha256_;
};

}  // namespace

Result<std::unique_ptr<ByteReader>> VerifiedSource::open() const {
  B2B_ASSIGN(auto inner, inner_.open());
  return std::unique_ptr<ByteReader>(std::make_unique<VerifiedReader>(std::move(inner), inner_.size(), expected_));
}

}  // namespace b2b
