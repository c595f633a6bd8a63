// Digests over OpenSSL. Incremental objects belong to one thread at a time. Allocation failure inside OpenSSL is a
// programming-level error and asserted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/util/encoding.h"

namespace b2b {

using Sha256Digest = std::array<std::uint8_t, 32>;
using Md5Digest = std::array<std::uint8_t, 16>;  // for Content-MD5 and ETags only

namespace detail {
class DigestContext {
 public:
  explicit DigestContext(bool sha256);
  DigestContext(DigestContext&&) noexcept;
  DigestContext& operator=(DigestContext&&) noexcept;
  ~DigestContext();
  void update(std::span<std::uint8_t const> bytes);
  void finish(std::span<std::uint8_t> out);  // afterwards ready for a new message

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};
}  // namespace detail

class Sha256 {
 public:
  Sha256() : context_(true) {}
  void update(std::span<std::uint8_t const> bytes) { context_.update(bytes); }
  void update(std::string_view text) { context_.update(as_bytes(text)); }
  Sha256Digest finish() {
    Sha256Digest out;
    context_.finish(out);
    return out;
  }

 private:
  detail::DigestContext context_;
};

class Md5 {
 public:
  Md5() : context_(false) {}
  void update(std::span<std::uint8_t const> bytes) { context_.update(bytes); }
  Md5Digest finish() {
    Md5Digest out;
    context_.finish(out);
    return out;
  }

 private:
  detail::DigestContext context_;
};

Sha256Digest sha256(std::string_view text);
Sha256Digest hmac_sha256(std::span<std::uint8_t const> key, std::string_view message);

// HMAC-SHA256 of a message that comes in pieces.
class HmacSha256 {
 public:
  explicit HmacSha256(std::span<std::uint8_t const> key);
  HmacSha256(HmacSha256&&) noexcept;
  ~HmacSha256();
  void update(std::string_view text);
  Sha256Digest finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

bool equal_in_constant_time(std::span<std::uint8_t const> a, std::span<std::uint8_t const> b);

// Cryptographically random bytes (RAND_bytes).
void random_bytes(std::span<std::uint8_t> out);

}  // namespace b2b
