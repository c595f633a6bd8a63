#include "core/crypto/sealed_box.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "core/crypto/aes_gcm.h"
#include "core/util/error.h"

namespace b2b {
namespace {

constexpr std::size_t most_bytes = 1 << 30;  // OpenSSL counts in int
constexpr std::size_t tag_size = std::tuple_size_v<GcmTag>;

std::uint8_t* writable(std::string& text, std::size_t at) {
  return reinterpret_cast<std::uint8_t*>(text.data()) + at;
}

}  // namespace

struct BoxCipher::Impl {
  aes_gcm::Context context{EVP_CIPHER_CTX_new()};

  // The key stays; everything else of the message before is forgotten.
  void begin(int encrypt, GcmIv const& nonce, std::span<std::uint8_t const> additional) {
    B2B_ASSERT(EVP_CipherInit_ex2(context.get(), nullptr, nullptr, nonce.data(), encrypt, nullptr) == 1);
    if (additional.empty()) return;
    B2B_ASSERT(additional.size() < most_bytes);
    int taken = 0;
    int const size = static_cast<int>(additional.size());
    B2B_ASSERT(EVP_CipherUpdate(context.get(), nullptr, &taken, additional.data(), size) == 1 &&
               taken == size);
  }

  void process(std::span<std::uint8_t const> from, std::uint8_t* to) {
    if (from.empty()) return;
    int written = 0;
    int const size = static_cast<int>(from.size());
    B2B_ASSERT(EVP_CipherUpdate(context.get(), to, &written, from.data(), size) == 1 && written == size);
  }

  bool finish() {
    std::array<std::uint8_t, 16> rest{};  // GCM leaves nothing for the end
    int written = 0;
    bool const done = EVP_CipherFinal_ex(context.get(), rest.data(), &written) == 1;
    B2B_ASSERT(written == 0);
    return done;
  }
};

BoxCipher::BoxCipher(Key const& key) : impl_(std::make_unique<Impl>()) {
  B2B_ASSERT(impl_->context != nullptr);
  B2B_ASSERT(EVP_CIPHER_get_iv_length(aes_gcm::cipher()) == static_cast<int>(std::tuple_size_v<GcmIv>));
  B2B_ASSERT(
      EVP_CipherInit_ex2(impl_->context.get(), aes_gcm::cipher(), key.bytes().data(), nullptr, 1, nullptr) == 1);
}

BoxCipher::BoxCipher(BoxCipher&&) noexcept = default;
BoxCipher& BoxCipher::operator=(BoxCipher&&) noexcept = default;
BoxCipher::~BoxCipher() = default;

void BoxCipher::seal(GcmIv const& nonce, std::span<std::uint8_t const> additional,
                     std::span<std::uint8_t const> plaintext, std::string& out) {
  B2B_ASSERT(plaintext.size() < most_bytes);
  std::size_t const start = out.size();
  out.resize(start + plaintext.size() + tag_size);
  impl_->begin(1, nonce, additional);
  impl_->process(plaintext, writable(out, start));
  B2B_ASSERT(impl_->finish());
  B2B_ASSERT(EVP_CIPHER_CTX_ctrl(impl_->context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size),
                                 writable(out, start + plaintext.size())) == 1);
}

bool BoxCipher::open(GcmIv const& nonce, std::span<std::uint8_t const> additional,
                     std::span<std::uint8_t const> box, std::string& out) {
  if (box.size() < tag_size || box.size() - tag_size >= most_bytes) return false;
  auto const ciphertext = box.first(box.size() - tag_size);
  GcmTag tag{};
  std::copy(box.end() - tag_size, box.end(), tag.begin());
  std::size_t const start = out.size();
  out.resize(start + ciphertext.size());
  impl_->begin(0, nonce, additional);
  impl_->process(ciphertext, writable(out, start));
  B2B_ASSERT(EVP_CIPHER_CTX_ctrl(impl_->context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size),
                                 tag.data()) == 1);
  if (impl_->finish()) return true;
  wipe(writable(out, start), ciphertext.size());
  out.resize(start);
  return false;
}

void seal_box(Key const& key, GcmIv const& nonce, std::span<std::uint8_t const> additional,
              std::span<std::uint8_t const> plaintext, std::string& out) {
  BoxCipher(key).seal(nonce, additional, plaintext, out);
}

bool open_box(Key const& key, GcmIv const& nonce, std::span<std::uint8_t const> additional,
              std::span<std::uint8_t const> box, std::string& out) {
  return BoxCipher(key).open(nonce, additional, box, out);
}

}  // namespace b2b
