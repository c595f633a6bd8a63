#include "core/crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/util/error.h"

namespace b2b {
namespace {

// Looking an algorithm up costs more than hashing a short text, so it is done once and kept for the process's life.
EVP_MD const* algorithm(bool sha256_wanted) {
  static EVP_MD const* const sha256_algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static EVP_MD const* const md5_algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  EVP_MD const* const found = sha256_wanted ? sha256_algorithm : md5_algorithm;
  B2B_ASSERT(found != nullptr);
  return found;
}

EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const found = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  B2B_ASSERT(found != nullptr);
  return found;
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

namespace detail {

struct DigestContext::Impl {
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context{EVP_MD_CTX_new()};
  EVP_MD const* algorithm = nullptr;
  void start() { B2B_ASSERT(EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1); }
};

DigestContext::DigestContext(bool sha256) : impl_(std::make_unique<Impl>()) {
  B2B_ASSERT(impl_->context != nullptr);
  impl_->algorithm = algorithm(sha256);
  impl_->start();
}

DigestContext::DigestContext(DigestContext&&) noexcept = default;
DigestContext& DigestContext::operator=(DigestContext&&) noexcept = default;
DigestContext::~DigestContext() = default;

void DigestContext::update(std::span<std::uint8_t const> bytes) {
  B2B_ASSERT(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

void DigestContext::finish(std::span<std::uint8_t> out) {
  B2B_ASSERT(out.size() == static_cast<std::size_t>(EVP_MD_get_size(impl_->algorithm)));
  B2B_ASSERT(EVP_DigestFinal_ex(impl_->context.get(), out.data(), nullptr) == 1);
  impl_->start();
}

}  // namespace detail

Sha256Digest sha256(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish();
}

struct HmacSha256::Impl {
  std::unique_ptr<EVP_MAC_CTX, FreeMac> context{EVP_MAC_CTX_new(hmac_algorithm())};
};

HmacSha256::HmacSha256(std::span<std::uint8_t const> key) : impl_(std::make_unique<Impl>()) {
  B2B_ASSERT(impl_->context != nullptr);
  char digest[] = "SHA256";
  std::array<OSSL_PARAM, 2> const parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                             OSSL_PARAM_construct_end()};
  std::uint8_t const none = 0;  // OpenSSL takes a null pointer for "no key given" rather than for the empty key
  B2B_ASSERT(EVP_MAC_init(impl_->context.get(), key.empty() ? &none : key.data(), key.size(), parameters.data()) == 1);
}

HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256::~HmacSha256() = default;

void HmacSha256::update(std::string_view text) {
  auto const bytes = as_bytes(text);
  B2B_ASSERT(EVP_MAC_update(impl_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha256Digest HmacSha256::finish() {
  Sha256Digest out{};
  std::size_t size = 0;
  B2B_ASSERT(EVP_MAC_final(impl_->context.get(), out.data(), &size, out.size()) == 1 && size == out.size());
  return out;
}

Sha256Digest hmac_sha256(std::span<std::uint8_t const> key, std::string_view message) {
  HmacSha256 mac(key);
  mac.update(message);
  return mac.finish();
}

bool equal_in_constant_time(std::span<std::uint8_t const> a, std::span<std::uint8_t const> b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

void random_bytes(std::span<std::uint8_t> out) {
  constexpr std::size_t most_at_once = 1 << 20;
  while (!out.empty()) {
    std::size_t const n = std::min(out.size(), most_at_once);
    B2B_ASSERT(RAND_bytes(out.data(), static_cast<int>(n)) == 1);
    out = out.subspan(n);
  }
}

}  // namespace b2b
