// One AES-256-GCM message, without additional data, encrypted or decrypted piece by piece in place.
//
// Decrypted pieces are not to be trusted before verify() has said yes. An object belongs to one thread at a time and
// serves one message of at most 64 GiB - 32 bytes. Failures inside OpenSSL are programming-level errors and asserted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "core/crypto/key.h"

namespace b2b {

using GcmIv = std::array<std::uint8_t, 12>;
using GcmTag = std::array<std::uint8_t, 16>;

class GcmCipher {
 public:
  enum class Direction { encrypt, decrypt };

  GcmCipher(Direction direction, Key const& key, GcmIv const& iv);
  GcmCipher(GcmCipher&&) noexcept;
  ~GcmCipher();
  void update(std::span<std::uint8_t> piece);
  GcmTag finish_encrypting();
  bool verify(GcmTag const& tag);  // after all was decrypted: was it encrypted with this key and IV, and is it whole?

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace b2b
