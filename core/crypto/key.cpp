#include "core/crypto/key.h"

#include <openssl/evp.h>

#include <algorithm>

#include "core/crypto/hash.h"

namespace b2b {
namespace {

// The most memory a derivation may ask for: parameters may come from stored data, which must not make us swap.
constexpr std::uint64_t scrypt_memory_limit = 256 << 20;

Error unsupported_scrypt(std::uint64_t n, std::uint32_t r, std::uint32_t p) {
  return make_error(Condition::unsupported,
                    "cannot derive a key with scrypt parameters N=" + std::to_string(n) + ", r=" + std::to_string(r) +
                        ", p=" + std::to_string(p),
                    "They are invalid, or need more than 256 MB of memory");
}

}  // namespace

Result<Key> scrypt(Secret const& passphrase, std::span<std::uint8_t const> salt, std::uint64_t n, std::uint32_t r,
                   std::uint32_t p) {
  // RFC 7914: 128 * r bytes for each of N blocks of V, p blocks of B, and work space of about two more.
  if (n < 2 || r == 0 || p == 0 || n > scrypt_memory_limit || r > 1024 || p > 1024 ||
      (n + p + 2) * 128 * r > scrypt_memory_limit)
    return unsupported_scrypt(n, r, p);
  std::uint64_t const memory = (n + p + 2) * 128 * r + (1 << 20);
  std::array<std::uint8_t, 32> out{};
  auto const text = passphrase.reveal();
  int const done = EVP_PBE_scrypt(text.data(), text.size(), salt.data(), salt.size(), n, r, p, memory, out.data(), out.size());
  Key key(out);
  wipe(out.data(), out.size());
  if (done != 1) return unsupported_scrypt(n, r, p);
  return key;
}

Sha256Digest hkdf_sha256(std::span<std::uint8_t const> input, std::span<std::uint8_t const> salt, std::string_view info) {
  // Extract, then the first block of expand; an absent salt is a digest's length of zeros.
  Sha256Digest const no_salt{};
  Sha256Digest extracted = hmac_sha256(salt.empty() ? std::span<std::uint8_t const>(no_salt) : salt, as_text(input));
  HmacSha256 expand(extracted);
  expand.update(info);
  expand.update(std::string_view("\x01", 1));
  wipe(extracted.data(), extracted.size());
  return expand.finish();
}

namespace {
Key hkdf_key(Key const& key, std::span<std::uint8_t const> salt, std::string_view purpose) {
  Sha256Digest bytes = hkdf_sha256(key.bytes(), salt, purpose);
  Key out(bytes);
  wipe(bytes.data(), bytes.size());
  return out;
}
}  // namespace

Key hkdf(Key const& key, std::string_view purpose) { return hkdf_key(key, {}, purpose); }
Key hkdf(Key const& key, Salt const& salt, std::string_view purpose) { return hkdf_key(key, salt, purpose); }

Keyring::Keyring(std::vector<Secret> passphrases, std::size_t cache_limit, Derive derive)
    : passphrases_(std::move(passphrases)),
      cache_limit_(std::max<std::size_t>(cache_limit, 1)),
      derive_(derive ? std::move(derive) : [](Secret const& passphrase, Salt const& salt) { return scrypt(passphrase, salt); }) {}

Result<Key> Keyring::key(std::size_t index, Salt const& salt) {
  B2B_ASSERT(index < passphrases_.size());
  KeyName const name{index, salt};
  std::unique_lock lock(mutex_);
  for (;;) {
    if (auto const hit = cache_.find(name); hit != cache_.end()) {
      hit->second.used = ++tick_;
      return hit->second.key;
    }
    if (deriving_.size() < derivations_at_once && !deriving_.contains(name)) break;
    derivation_done_.wait(lock);
  }
  struct Turn {
    Keyring& ring;
    KeyName const& name;
    std::unique_lock<std::mutex>& lock;
    Turn(Keyring& ring_, KeyName const& name_, std::unique_lock<std::mutex>& lock_) : ring(ring_), name(name_), lock(lock_) {
      ring.deriving_.insert(name);
      lock.unlock();
    }
    ~Turn() {
      if (!lock.owns_lock()) lock.lock();
      ring.deriving_.erase(name);
      ring.derivation_done_.notify_all();
    }
  } const turn(*this, name, lock);
  B2B_ASSIGN(Key const derived, derive_(passphrases_[index], salt));
  lock.lock();
  if (cache_.size() >= cache_limit_) {
    auto const oldest = std::min_element(cache_.begin(), cache_.end(),
                                         [](auto const& a, auto const& b) { return a.second.used < b.second.used; });
    cache_.erase(oldest);
  }
  cache_.insert_or_assign(name, Slot{derived, ++tick_});
  return derived;
}

std::size_t Keyring::preferred() const {
  std::scoped_lock lock(mutex_);
  return preferred_;
}

void Keyring::set_preferred(std::size_t index) {
  B2B_ASSERT(index < passphrases_.size());
  std::scoped_lock lock(mutex_);
  preferred_ = index;
}

}  // namespace b2b
