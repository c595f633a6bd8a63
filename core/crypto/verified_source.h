// Bytes to send whose SHA-256 is known already.
//
// The same bytes as `inner`, whose readers fail with Condition::changed, before the last bytes are handed out, when the whole has not the
// digest that was announced. So a source that changed is never sent whole. A store that needs the digest in advance takes it from here
// (S3: objects.cpp) in place of reading everything once more.
#pragma once

#include <cstdint>
#include <memory>

#include "core/crypto/hash.h"
#include "core/util/byte_stream.h"

namespace b2b {

class VerifiedSource final : public ByteSource {
 public:
  VerifiedSource(ByteSource const& inner, Sha256Digest const& expected)  // `inner` must outlive it
      : inner_(inner), expected_(expected) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override;
  Sha256Digest const& digest() const { return expected_; }

 private:
  ByteSource const& inner_;
  Sha256Digest expected_;
};

}  // namespace b2b
