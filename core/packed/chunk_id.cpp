#include "core/packed/chunk_id.h"

#include <array>

#include <openssl/evp.h>

#include "core/util/error.h"

namespace b2b::packed {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }  // wipes its state
};
using DigestState = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

EVP_MD const* sha256_algorithm() {
  static EVP_MD const* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  B2B_ASSERT(found != nullptr);
  return found;
}

// SHA-256 after its first block: the key, each byte combined with `pad` (RFC 2104).
DigestState after_key(Key const& key, std::uint8_t pad) {
  std::array<std::uint8_t, 64> block;
  block.fill(pad);
  for (std::size_t i = 0; i < key.bytes().size(); ++i)
    block[i] ^= key.bytes()[i];
  DigestState state(EVP_MD_CTX_new());
  B2B_ASSERT(state != nullptr && EVP_DigestInit_ex2(state.get(), sha256_algorithm(), nullptr) == 1);
  B2B_ASSERT(EVP_DigestUpdate(state.get(), block.data(), block.size()) == 1);
  wipe(block.data(), block.size());
  return state;
}

struct Hmac {
  explicit Hmac(Key const& id_key)
      : key(id_key), inner(after_key(id_key, 0x36)), outer(after_key(id_key, 0x5c)) {}
  Key key;
  DigestState inner, outer;  // copied from, never changed
};

Sha256Digest go_on(DigestState const& from, std::span<std::uint8_t const> bytes) {
  DigestState const state(EVP_MD_CTX_new());
  Sha256Digest out{};
  B2B_ASSERT(state != nullptr && EVP_MD_CTX_copy_ex(state.get(), from.get()) == 1);
  B2B_ASSERT(EVP_DigestUpdate(state.get(), bytes.data(), bytes.size()) == 1);
  B2B_ASSERT(EVP_DigestFinal_ex(state.get(), out.data(), nullptr) == 1);
  return out;
}

}  // namespace

struct ChunkKeys::Impl {
  Hmac data, list;
  Key gear;
};

ChunkKeys::ChunkKeys(Key const& master_key)
    : impl_(new Impl{Hmac(hkdf(master_key, "b2backupd packed chunk id data v1")),
                     Hmac(hkdf(master_key, "b2backupd packed chunk id list v1")),
                     hkdf(master_key, "b2backupd packed gear v1")}) {}
ChunkKeys::ChunkKeys(ChunkKeys&&) noexcept = default;
ChunkKeys::~ChunkKeys() = default;

Key const& ChunkKeys::data_id_key() const {
  return impl_->data.key;
}
Key const& ChunkKeys::list_id_key() const {
  return impl_->list.key;
}
Key const& ChunkKeys::gear_key() const {
  return impl_->gear;
}

ChunkId chunk_id(ChunkKeys const& keys, ChunkType type, std::span<std::uint8_t const> content) {
  Hmac const& hmac = type == ChunkType::data ? keys.impl_->data : keys.impl_->list;
  return go_on(hmac.outer, go_on(hmac.inner, content));
}

}  // namespace b2b::packed
