#include "core/snapshot/manifest_digest.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto/hash.h"
#include "core/util/encoding.h"
#include "core/util/file.h"

namespace b2b::manifest {
namespace {

struct Tail {
  bool keyed = false;
  Sha256Digest digest{};
  std::uint64_t covered = 0;  // bytes before it
};

constexpr std::size_t hex_digits = 64;
constexpr std::size_t tail_size(std::string_view name) {
  return digest_member.size() + name.size() + hex_digits + digest_end.size();
}

// The tail has a fixed length and fixed bytes around its hex digits, so it is found without parsing.
std::optional<Tail> match_tail(std::string_view end, std::uint64_t file_size, std::string_view name) {
  if (end.size() < tail_size(name)) return std::nullopt;
  end = end.substr(end.size() - tail_size(name));
  if (!end.starts_with(digest_member) || !end.ends_with(digest_end)) return std::nullopt;
  end.remove_prefix(digest_member.size());
  if (!end.starts_with(name)) return std::nullopt;
  std::string_view const hex = end.substr(name.size(), hex_digits);
  auto const bytes = from_hex(hex);
  if (!bytes || to_hex(*bytes) != hex) return std::nullopt;  // lower case only
  Tail out;
  out.keyed = name == keyed_name;
  std::copy(bytes->begin(), bytes->end(), out.digest.begin());
  out.covered = file_size - tail_size(name);
  return out;
}

Result<std::optional<Tail>> find_tail(int fd, std::string const& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return errno_error(errno, "look at", path);
  auto const size = static_cast<std::uint64_t>(status.st_size);
  std::array<std::uint8_t, tail_size(keyed_name)> buffer{};
  std::uint64_t const length = std::min<std::uint64_t>(size, buffer.size());
  if (::lseek(fd, static_cast<off_t>(size - length), SEEK_SET) < 0)
    return errno_error(errno, "seek in", path);
  B2B_ASSIGN(std::size_t const count, read_some(fd, std::span(buffer).first(length), path));
  std::string_view const end = as_text(std::span(buffer).first(count));
  auto tail = match_tail(end, size, keyed_name);
  if (!tail) tail = match_tail(end, size, unkeyed_name);
  return tail;
}

template <class Hash>
Result<Sha256Digest> digest_of(int fd, std::string const& path, std::uint64_t length, Hash hash) {
  if (::lseek(fd, 0, SEEK_SET) < 0) return errno_error(errno, "seek in", path);
  std::vector<std::uint8_t> buffer(64 * 1024);
  while (length > 0) {
    auto const want = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    B2B_ASSIGN(std::size_t const count, read_some(fd, std::span(buffer).first(want), path));
    if (count == 0)
      return make_error(Condition::changed, "the manifest became shorter while it was read", {}, path);
    hash.update(as_text(std::span(buffer).first(count)));
    length -= count;
  }
  return hash.finish();
}

Error wrong_key(SnapshotId const& id, bool none_given) {
  return make_error(
      Condition::wrong_key,
      "the manifest of snapshot " + printable(id.text) + " is signed with a passphrase that " +
          (none_given ? "is not configured" : "is none of those configured"),
      "Set encryptionKey (or applicationKey, where no encryptionKey was used) to the one it was written "
      "with, or add that to decryptionKeys",
      id.text);
}

struct FoundKey {
  std::size_t index;
  Key key;
};

// The passphrase that the manifest's key check names, the last successful one first.
Result<FoundKey> find_key(SnapshotId const& id, Header const& header, Keyring& keyring) {
  auto const bytes = from_hex(header.info.key_salt_hex);
  Salt salt;
  if (!bytes || bytes->size() != salt.size()) return corrupt(id, "its \"keySalt\" is not 64 hex digits");
  std::copy(bytes->begin(), bytes->end(), salt.begin());
  if (keyring.empty()) return wrong_key(id, true);
  for (std::size_t i = 0; i < keyring.size(); ++i) {
    std::size_t const index = (keyring.preferred() + i) % keyring.size();
    B2B_ASSIGN(Key const body_key, keyring.key(index, salt));
    Key const key = manifest_digest_key(body_key);
    if (equal_in_constant_time(as_bytes(key_check(key)), as_bytes(header.key_check)))
      return FoundKey{index, key};
  }
  return wrong_key(id, false);
}

}  // namespace

Result<Signature> verify_digest(std::string const& path, SnapshotId const& id,
                                std::optional<Header> const& header, Keyring& keyring) {
  B2B_ASSIGN(UniqueFd const fd, open_file(path, O_RDONLY, "open the manifest"));
  B2B_ASSIGN(auto const tail, find_tail(fd.get(), path));
  if (!tail && !header) return Signature::none;
  if (!tail) return corrupt(id, "its digest is missing (cut off, or changed by another program)");
  if (!header) return corrupt(id, "it has a digest and no header");
  if (!tail->keyed) {
    B2B_ASSIGN(auto const digest, digest_of(fd.get(), path, tail->covered, Sha256()));
    if (digest != tail->digest) return corrupt(id, "its digest does not match");
    return Signature::unkeyed;
  }
  B2B_ASSIGN(FoundKey const found, find_key(id, *header, keyring));
  B2B_ASSIGN(auto const digest, digest_of(fd.get(), path, tail->covered, HmacSha256(found.key.bytes())));
  if (!equal_in_constant_time(digest, tail->digest))
    return corrupt(id, "its signature does not match: it was altered");
  keyring.set_preferred(found.index);
  return Signature::valid;
}

}  // namespace b2b::manifest
