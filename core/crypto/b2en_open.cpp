// The reading side of the B2EN format: stored bodies back into plaintext.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/crypto/b2en.h"
#include "core/util/file.h"
#include "core/util/log.h"

namespace b2b {
namespace {

constexpr std::size_t chunk_size = 64 * 1024;
constexpr std::uint64_t in_memory_limit = 1 << 20;  // stored files up to here are opened in one pass

std::span<std::uint8_t> writable_bytes(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

struct Expectation {
  Sha256Digest const* hash;
  std::optional<std::uint64_t> size;

  bool allows_size(std::uint64_t actual) const { return !size || *size == actual; }
};

Error no_key_opens(Keyring const& keyring) {
  if (keyring.empty())
    return make_error(Condition::wrong_key, "the object is encrypted and no key is configured",
                      "Set encryptionKey (or applicationKey, when the snapshots were encrypted with that), or list "
                      "former keys in decryptionKeys");
  return make_error(Condition::wrong_key,
                    keyring.size() == 1 ? "the configured key does not open the object"
                                        : "none of the " + std::to_string(keyring.size()) + " configured keys opens the object",
                    "Check encryptionKey (or applicationKey, when the snapshots were encrypted with that), and list "
                    "former keys in decryptionKeys; when other objects open, this one is damaged");
}

Error not_as_expected(std::string_view body, Sha256Digest const& actual, std::uint64_t size, Expectation const& expected) {
  std::string message = "the object " + std::string(body) + " is not what the manifest says: ";
  if (!expected.allows_size(size)) {
    message += std::to_string(size) + " bytes instead of " + std::to_string(*expected.size);
  } else {
    message += "its SHA-256 is " + to_hex(actual) + " instead of " + to_hex(*expected.hash);
  }
  return make_error(Condition::corrupt, std::move(message), "Restore this file from another snapshot");
}

Error cut_off() {
  return make_error(Condition::corrupt, "the object is cut off: it begins like an encrypted one and ends inside the header",
                    "Restore this file from another snapshot");
}

Error too_long() {
  return make_error(Condition::limit, "the object is longer than the format allows (64 GiB)");
}

bool has_magic(std::string_view first_bytes) { return first_bytes.starts_with("B2EN"); }

// Calls `try_key(key)` with the key of the passphrase that worked last, then with the others. The index of the one that
// it said yes to, or nullopt.
template <class TryKey>
Result<std::optional<std::size_t>> find_key(Keyring& keyring, Salt const& salt, TryKey try_key) {
  std::size_t const count = keyring.size();
  std::size_t const first = count == 0 ? 0 : keyring.preferred();
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t const index = (first + i) % count;
    B2B_ASSIGN(Key const key, keyring.key(index, salt));
    B2B_ASSIGN(bool const opened, try_key(key));
    if (!opened) continue;
    keyring.set_preferred(index);
    return std::optional(index);
  }
  return std::optional<std::size_t>();
}

// The body as it is stored, when that is what is expected.
bool is_expected_text(std::string_view text, Expectation const& expected) {
  return expected.hash != nullptr && expected.allows_size(text.size()) && sha256(text) == *expected.hash;
}

// Hands the file's bytes from `offset` on to `use`, piece by piece.
template <class Use>
Result<void> for_each_piece(std::string const& path, std::uint64_t offset, std::uint64_t size, Use use) {
  B2B_ASSIGN(auto const reader, FileSource(path, offset, size).open());
  std::vector<std::uint8_t> buffer(chunk_size);
  for (;;) {
    B2B_ASSIGN(std::size_t const got, reader->read(buffer));
    if (got == 0) return {};
    B2B_TRY(use(std::span(buffer).first(got)));
  }
}

class StoredFile {
 public:
  StoredFile(std::string const& path, std::uint64_t size, Expectation const& expected)
      : path_(path), size_(size), expected_(expected) {}

  Result<OpenedBody> open(std::string const& first_bytes, Keyring& keyring, FileSink& out) const {
    auto const header = parse_b2en_header(first_bytes);
    if (!header) return copy(out);
    if (size_ - b2en_header_size > b2en_max_plaintext) return too_long();
    // A size says at once which of the two it is likely to be; the other order would cost a pass over the file.
    bool const plain_by_size = expected_.size && *expected_.size == size_;
    if (plain_by_size) {
      B2B_ASSIGN(bool const plain, is_expected_as_stored());
      if (plain) return copy(out);
    }
    B2B_ASSIGN(auto const index, find_key(keyring, header->salt, [&](Key const& key) { return verify(*header, key); }));
    if (index) {
      B2B_ASSIGN(Key const key, keyring.key(*index, header->salt));
      auto const decrypted = decrypt(*header, key, out);
      if (decrypted) return OpenedBody{BodyMode::encrypted, *index};
      if (decrypted.error().condition != Condition::corrupt) return decrypted.error();
      B2B_ASSIGN(bool const plain, is_expected_as_stored());
      if (!plain) return decrypted.error();
      B2B_TRY(out.restart());
      return copy(out);
    }
    B2B_ASSIGN(bool const plain, is_expected_as_stored());
    if (plain) return copy(out);
    return no_key_opens(keyring);
  }

 private:
  Result<bool> is_expected_as_stored() const {
    if (expected_.hash == nullptr || !expected_.allows_size(size_)) return false;
    Sha256 hash;
    B2B_TRY(for_each_piece(path_, 0, size_, [&](std::span<std::uint8_t> piece) -> Result<void> {
      hash.update(piece);
      return {};
    }));
    return hash.finish() == *expected_.hash;
  }

  Result<bool> verify(B2enHeader const& header, Key const& key) const {
    GcmCipher cipher(GcmCipher::Direction::decrypt, key, header.iv);
    B2B_TRY(for_each_piece(path_, b2en_header_size, size_ - b2en_header_size,
                           [&](std::span<std::uint8_t> piece) -> Result<void> {
                             cipher.update(piece);
                             return {};
                           }));
    return cipher.verify(header.tag);
  }

  // corrupt: what came out is not what was expected.
  Result<void> decrypt(B2enHeader const& header, Key const& key, FileSink& out) const {
    GcmCipher cipher(GcmCipher::Direction::decrypt, key, header.iv);
    Sha256 hash;
    std::uint64_t const plaintext_size = size_ - b2en_header_size;
    B2B_TRY(for_each_piece(path_, b2en_header_size, plaintext_size, [&](std::span<std::uint8_t> piece) -> Result<void> {
      cipher.update(piece);
      hash.update(piece);
      return out.write(piece);
    }));
    if (!cipher.verify(header.tag))
      return make_error(Condition::changed, path_ + " changed while it was being decrypted", "Try again", path_);
    return check("decrypts, but", hash.finish(), plaintext_size);
  }

  Result<OpenedBody> copy(FileSink& out) const {
    Sha256 hash;
    B2B_TRY(for_each_piece(path_, 0, size_, [&](std::span<std::uint8_t> piece) -> Result<void> {
      hash.update(piece);
      return out.write(piece);
    }));
    B2B_TRY(check("is not encrypted, and", hash.finish(), size_));
    return OpenedBody{};
  }

  Result<void> check(std::string_view body, Sha256Digest const& hash, std::uint64_t size) const {
    bool const right_hash = expected_.hash == nullptr || *expected_.hash == hash;
    if (right_hash && expected_.allows_size(size)) return {};
    return not_as_expected(body, hash, size, expected_);
  }

  std::string const& path_;
  std::uint64_t size_;
  Expectation const& expected_;
};

Result<OpenedBody> open_into(std::string const& stored_path, FileSink& out, Keyring& keyring, Expectation const& expected) {
  struct stat status {};
  if (::stat(stored_path.c_str(), &status) != 0) return errno_error(errno, "look at", stored_path);
  auto const size = static_cast<std::uint64_t>(status.st_size);
  if (size <= in_memory_limit) {
    B2B_ASSIGN(std::string stored, read_file(stored_path, in_memory_limit));
    B2B_ASSIGN(OpenedBytes const opened, open_bytes(std::move(stored), keyring, expected.hash, expected.size));
    B2B_TRY(out.write(as_bytes(opened.plaintext)));
    return opened.body;
  }
  std::string first_bytes(b2en_header_size, '\0');
  B2B_ASSIGN(auto const reader, FileSource(stored_path, 0, b2en_header_size).open());
  B2B_TRY(reader->read(writable_bytes(first_bytes)));
  return StoredFile(stored_path, size, expected).open(first_bytes, keyring, out);
}

}  // namespace

Result<OpenedBytes> open_bytes(std::string stored, Keyring& keyring, Sha256Digest const* expected_hash,
                               std::optional<std::uint64_t> expected_size) {
  Expectation const expected{expected_hash, expected_size};
  auto const header = parse_b2en_header(stored);
  bool const plain_by_size = expected_size && *expected_size == stored.size();
  if (header && !(plain_by_size && is_expected_text(stored, expected))) {
    if (stored.size() - b2en_header_size > b2en_max_plaintext) return too_long();
    std::string plaintext;
    B2B_ASSIGN(auto const index, find_key(keyring, header->salt, [&](Key const& key) -> Result<bool> {
                 plaintext.assign(stored, b2en_header_size);
                 GcmCipher cipher(GcmCipher::Direction::decrypt, key, header->iv);
                 cipher.update(writable_bytes(plaintext));
                 return cipher.verify(header->tag);
               }));
    if (index) {
      Sha256Digest const hash = expected_hash == nullptr ? Sha256Digest{} : sha256(plaintext);
      bool const right_hash = expected_hash == nullptr || *expected_hash == hash;
      if (right_hash && expected.allows_size(plaintext.size()))
        return OpenedBytes{std::move(plaintext), {BodyMode::encrypted, *index}};
      if (!is_expected_text(stored, expected))
        return not_as_expected("decrypts, but", hash, plaintext.size(), expected);
    } else if (!is_expected_text(stored, expected)) {
      return no_key_opens(keyring);
    }
    return OpenedBytes{std::move(stored), {}};
  }
  if (!header && expected_hash == nullptr && has_magic(stored)) return cut_off();
  Sha256Digest const hash = expected_hash == nullptr ? Sha256Digest{} : sha256(stored);
  if ((expected_hash != nullptr && *expected_hash != hash) || !expected.allows_size(stored.size()))
    return not_as_expected("is not encrypted, and", hash, stored.size(), expected);
  return OpenedBytes{std::move(stored), {}};
}

Result<OpenedBody> open_body(std::string const& stored_path, std::string const& plaintext_path, Keyring& keyring,
                             Sha256Digest const* expected_hash, std::optional<std::uint64_t> expected_size) {
  B2B_ASSIGN(auto const out, FileSink::create(plaintext_path));
  auto opened = open_into(stored_path, *out, keyring, {expected_hash, expected_size});
  if (!opened && ::unlink(plaintext_path.c_str()) != 0 && errno != ENOENT)
    log_warning(errno_error(errno, "remove the unfinished file", plaintext_path).text());
  return opened;
}

}  // namespace b2b
