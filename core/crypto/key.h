// Keys derived from passphrases, and the cache that makes one derivation do for many objects.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/crypto/hash.h"
#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b {

// 32 bytes of key material, wiped when it goes.
class Key {
 public:
  Key() = default;
  explicit Key(std::array<std::uint8_t, 32> const& bytes) : bytes_(bytes) {}
  Key(Key const&) = default;
  Key& operator=(Key const&) = default;
  ~Key() { wipe(bytes_.data(), bytes_.size()); }
  std::span<std::uint8_t const> bytes() const { return bytes_; }

 private:
  std::array<std::uint8_t, 32> bytes_{};
};

using Salt = std::array<std::uint8_t, 32>;

// scrypt, RFC 7914, 32 bytes out. The B2EN format uses N=16384, r=8, p=1 (about 40 ms and 16 MB).
// Condition::unsupported: invalid parameters, or such as need more than 256 MB.
Result<Key> scrypt(Secret const& passphrase, std::span<std::uint8_t const> salt, std::uint64_t n = 16384,
                   std::uint32_t r = 8, std::uint32_t p = 1);

// HKDF-SHA256 (RFC 5869), the first 32 bytes of its output.
Sha256Digest hkdf_sha256(std::span<std::uint8_t const> input, std::span<std::uint8_t const> salt, std::string_view info);

// HKDF-SHA256 without salt: a separate key for each purpose ("b2backupd manifest v1").
Key hkdf(Key const& key, std::string_view purpose);

// The same with a salt: a separate key for each object of that purpose.
Key hkdf(Key const& key, Salt const& salt, std::string_view purpose);

// The passphrases that may open an object, and the keys derived from them so far, by salt.
// Thread-safe; of two threads that ask for the same key one derives and the other waits. At most `cache_limit` keys are
// kept (least recently used goes first), and two derivations run at a time, so that memory stays bounded: 16 MB each.
class Keyring {
 public:
  static constexpr std::size_t derivations_at_once = 2;
  using Derive = std::function<Result<Key>(Secret const& passphrase, Salt const& salt)>;

  // The first passphrase is the one that new objects are written with; the others only open old ones. `derive`: scrypt
  // when empty; called from many threads.
  explicit Keyring(std::vector<Secret> passphrases, std::size_t cache_limit = 4096, Derive derive = {});
  bool empty() const { return passphrases_.empty(); }
  std::size_t size() const { return passphrases_.size(); }
  // The key for `salt` under passphrase number `index` (0 = the current one).
  Result<Key> key(std::size_t index, Salt const& salt);
  // Which passphrase opened something last; the one to try first.
  std::size_t preferred() const;
  void set_preferred(std::size_t index);

 private:
  using KeyName = std::pair<std::size_t, Salt>;

  std::vector<Secret> const passphrases_;
  std::size_t const cache_limit_;
  Derive const derive_;
  mutable std::mutex mutex_;  // guards all below; not held while deriving
  std::condition_variable derivation_done_;
  std::set<KeyName> deriving_;
  struct Slot {
    Key key;
    std::uint64_t used = 0;
  };
  std::map<KeyName, Slot> cache_;
  std::uint64_t tick_ = 0;
  std::size_t preferred_ = 0;
};

}  // namespace b2b
