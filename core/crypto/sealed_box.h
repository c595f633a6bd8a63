// A small AES-256-GCM message with additional data, whole in memory: a box is the ciphertext, as long as the
// plaintext, and the tag of 16 bytes behind it.
//
// Who seals never uses a nonce twice under one key. Nothing that did not verify is ever given out. Messages
// are below 1 GiB; more, and failures inside OpenSSL, are programming-level errors and asserted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/crypto/gcm.h"
#include "core/crypto/key.h"

namespace b2b {

// Many boxes under one key, whose schedule is made once. An object belongs to one thread at a time.
class BoxCipher {
 public:
  explicit BoxCipher(Key const& key);
  BoxCipher(BoxCipher&&) noexcept;
  BoxCipher& operator=(BoxCipher&&) noexcept;
  ~BoxCipher();

  // Appends the box to `out`. `plaintext` does not lie in `out`.
  void seal(GcmIv const& nonce, std::span<std::uint8_t const> additional,
            std::span<std::uint8_t const> plaintext, std::string& out);

  // Appends the plaintext to `out`. False: it is not a box of this key, nonce and additional data, or was
  // changed; `out` is as it was then. `box` does not lie in `out`.
  bool open(GcmIv const& nonce, std::span<std::uint8_t const> additional, std::span<std::uint8_t const> box,
            std::string& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same for a single box.
void seal_box(Key const& key, GcmIv const& nonce, std::span<std::uint8_t const> additional,
              std::span<std::uint8_t const> plaintext, std::string& out);
bool open_box(Key const& key, GcmIv const& nonce, std::span<std::uint8_t const> additional,
              std::span<std::uint8_t const> box, std::string& out);

}  // namespace b2b
