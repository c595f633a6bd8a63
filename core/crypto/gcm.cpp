#include "core/crypto/gcm.h"

#include <algorithm>

#include "core/crypto/aes_gcm.h"
#include "core/util/error.h"

namespace b2b {

struct GcmCipher::Impl {
  aes_gcm::Context context{EVP_CIPHER_CTX_new()};
};

GcmCipher::GcmCipher(Direction direction, Key const& key, GcmIv const& iv) : impl_(std::make_unique<Impl>()) {
  B2B_ASSERT(impl_->context != nullptr);
  B2B_ASSERT(EVP_CIPHER_get_iv_length(aes_gcm::cipher()) == static_cast<int>(iv.size()));
  B2B_ASSERT(EVP_CipherInit_ex2(impl_->context.get(), aes_gcm::cipher(), key.bytes().data(), iv.data(),
                                direction == Direction::encrypt ? 1 : 0, nullptr) == 1);
}

GcmCipher::GcmCipher(GcmCipher&&) noexcept = default;
GcmCipher::~GcmCipher() = default;

void GcmCipher::update(std::span<std::uint8_t> piece) {
  constexpr std::size_t most_at_once = 1 << 30;  // OpenSSL counts in int
  while (!piece.empty()) {
    int const size = static_cast<int>(std::min(piece.size(), most_at_once));
    int written = 0;
    B2B_ASSERT(EVP_CipherUpdate(impl_->context.get(), piece.data(), &written, piece.data(), size) == 1 && written == size);
    piece = piece.subspan(static_cast<std::size_t>(size));
  }
}

GcmTag GcmCipher::finish_encrypting() {
  GcmTag tag{};
  std::array<std::uint8_t, 16> rest{};  // GCM leaves nothing for the end
  int written = 0;
  B2B_ASSERT(EVP_CipherFinal_ex(impl_->context.get(), rest.data(), &written) == 1 && written == 0);
  B2B_ASSERT(EVP_CIPHER_CTX_ctrl(impl_->context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1);
  return tag;
}

bool GcmCipher::verify(GcmTag const& tag) {
  GcmTag copy = tag;
  std::array<std::uint8_t, 16> rest{};
  int written = 0;
  B2B_ASSERT(EVP_CIPHER_CTX_ctrl(impl_->context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(copy.size()), copy.data()) == 1);
  return EVP_CipherFinal_ex(impl_->context.get(), rest.data(), &written) == 1;
}

}  // namespace b2b
