// The B2EN object format of the OpenClaw B2 plugin family:
//
//   "B2EN" (4) | salt (32) | IV (12) | GCM tag (16) | ciphertext      key = scrypt(passphrase, salt, 16384, 8, 1)
//
// AES-256-GCM, no additional data, ciphertext as long as the plaintext. A body without the magic is plaintext.
// Plaintexts over 64 GiB - 32 bytes (GCM's limit) are refused with Condition::limit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/crypto/gcm.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"
#include "core/util/byte_stream.h"
#include "core/util/error.h"

namespace b2b {

inline constexpr std::size_t b2en_header_size = 64;
inline constexpr std::uint64_t b2en_max_plaintext = (std::uint64_t{1} << 36) - 32;

struct B2enHeader {
  Salt salt;
  GcmIv iv;
  GcmTag tag;
};

// Pure. nullopt: no magic, or shorter than a header.
std::optional<B2enHeader> parse_b2en_header(std::string_view first_bytes);
std::string format_b2en_header(B2enHeader const& header);

// The encrypted form of `plaintext` as a source of its own. Construction reads the plaintext once to compute the tag
// (it precedes the ciphertext) and its SHA-256; every reader encrypts it again while reading and ends with
// Condition::changed, before giving out the last bytes, when the tag it computes differs: a body that changed between
// two passes is never completed. Bodies up to `memory_limit_bytes` are encrypted once and kept in memory.
// `iv`: a fresh random one unless given (only to resume an upload of the very same plaintext).
class B2enSource final : public ByteSource {
 public:
  static Result<std::unique_ptr<B2enSource>> create(std::shared_ptr<ByteSource const> plaintext, Key const& key,
                                                    Salt const& salt, std::optional<GcmIv> iv = std::nullopt,
                                                    std::uint64_t memory_limit_bytes = 1 << 20);
  ~B2enSource() override;
  std::uint64_t size() const override;
  Result<std::unique_ptr<ByteReader>> open() const override;
  Sha256Digest const& plaintext_sha256() const;
  B2enHeader const& header() const;

 private:
  struct Impl;
  explicit B2enSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class BodyMode { encrypted, plaintext };

struct OpenedBody {
  BodyMode mode = BodyMode::plaintext;
  std::size_t key_index = 0;  // which passphrase opened it (encrypted only)
};

// Turns the stored file `stored_path` into its plaintext at `plaintext_path` (new file, 0600). Works in bounded memory:
// first pass verifies the tag, second pass decrypts, so nothing decrypted is written before its tag is verified.
// The expected hash and size come from the manifest and settle the rest:
//  - a body with the magic is decrypted; when no key opens it but the stored bytes themselves have the expected hash,
//    it is a plaintext that happens to start with "B2EN";
//  - a body without the magic is plaintext.
// `expected_hash` may be null (manifests): then the tag alone decides.
// Errors: wrong_key (no passphrase verifies the tag: a wrong key or damage, the caller tells them apart by how many
// objects fail; or there is none), corrupt (the tag or plaintext is fine and hash or size is not what the manifest says;
// or the body ends inside the header), changed (the file changed under us). On failure no file is left behind.
Result<OpenedBody> open_body(std::string const& stored_path, std::string const& plaintext_path, Keyring& keyring,
                             Sha256Digest const* expected_hash, std::optional<std::uint64_t> expected_size);

// The same in memory, for small bodies (the stored bytes are at most a few MB).
struct OpenedBytes {
  std::string plaintext;
  OpenedBody body;
};
Result<OpenedBytes> open_bytes(std::string stored, Keyring& keyring, Sha256Digest const* expected_hash,
                               std::optional<std::uint64_t> expected_size);

}  // namespace b2b
