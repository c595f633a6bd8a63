#include "core/crypto/b2en.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/crypto/gcm.h"

namespace b2b {
namespace {

constexpr std::string_view magic = "B2EN";
constexpr std::size_t salt_offset = 4;
constexpr std::size_t iv_offset = 36;
constexpr std::size_t tag_offset = 48;
constexpr std::size_t chunk_size = 64 * 1024;

std::span<std::uint8_t> writable_bytes(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

Error changed_between_passes() {
  return make_error(Condition::changed, "the data to upload changed between two readings of it",
                    "Something writes to the private copy of a file; try again");
}

// Reads on until `buffer` is full; anything less is a source that does not keep to its size.
Result<void> read_exactly(ByteReader& reader, std::span<std::uint8_t> buffer) {
  while (!buffer.empty()) {
    B2B_ASSIGN(std::size_t const got, reader.read(buffer));
    if (got == 0) return changed_between_passes();
    buffer = buffer.subspan(got);
  }
  return {};
}

Result<void> expect_end(ByteReader& reader) {
  std::array<std::uint8_t, 1> one{};
  B2B_ASSIGN(std::size_t const got, reader.read(one));
  if (got != 0) return changed_between_passes();
  return {};
}

// Header, then the ciphertext, made while it is read, in the buffer of the caller.
class EncryptingReader final : public ByteReader {
 public:
  EncryptingReader(B2enHeader const& header, Key const& key, std::unique_ptr<ByteReader> plaintext, std::uint64_t size)
      : header_text_(format_b2en_header(header)),
        tag_(header.tag),
        cipher_(GcmCipher::Direction::encrypt, key, header.iv),
        plaintext_(std::move(plaintext)),
        rest_(size) {}

  Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
    if (failed_) return changed_between_passes();
    std::size_t const filled = std::min(buffer.size(), header_text_.size() - header_given_);
    std::copy_n(header_text_.begin() + static_cast<std::ptrdiff_t>(header_given_), filled, buffer.begin());
    header_given_ += filled;
    auto const body = buffer.subspan(filled);
    auto const piece = body.first(static_cast<std::size_t>(std::min<std::uint64_t>(body.size(), rest_)));
    if (piece.empty()) return filled;
    auto const encrypted = encrypt(piece);
    if (!encrypted) {
      failed_ = true;
      std::fill(piece.begin(), piece.end(), std::uint8_t{0});
      return encrypted.error();
    }
    return filled + piece.size();
  }

 private:
  Result<void> encrypt(std::span<std::uint8_t> piece) {
    B2B_TRY(read_exactly(*plaintext_, piece));
    cipher_.update(piece);
    rest_ -= piece.size();
    if (rest_ > 0) return {};
    B2B_TRY(expect_end(*plaintext_));
    if (cipher_.finish_encrypting() != tag_) return changed_between_passes();
    return {};
  }

  std::string const header_text_;
  GcmTag const tag_;
  std::size_t header_given_ = 0;
  GcmCipher cipher_;
  std::unique_ptr<ByteReader> plaintext_;
  std::uint64_t rest_;
  bool failed_ = false;
};

}  // namespace

std::optional<B2enHeader> parse_b2en_header(std::string_view first_bytes) {
  if (first_bytes.size() < b2en_header_size || !first_bytes.starts_with(magic)) return std::nullopt;
  B2enHeader header;
  std::memcpy(header.salt.data(), first_bytes.data() + salt_offset, header.salt.size());
  std::memcpy(header.iv.data(), first_bytes.data() + iv_offset, header.iv.size());
  std::memcpy(header.tag.data(), first_bytes.data() + tag_offset, header.tag.size());
  return header;
}

std::string format_b2en_header(B2enHeader const& header) {
  std::string out(magic);
  out += as_text(header.salt);
  out += as_text(header.iv);
  out += as_text(header.tag);
  return out;
}

struct B2enSource::Impl {
  std::shared_ptr<ByteSource const> plaintext;
  std::uint64_t plaintext_size = 0;
  Key key;
  B2enHeader header;
  Sha256Digest sha256{};
  std::optional<MemorySource> in_memory;  // the whole object, unless it is made while reading

  std::uint64_t size_with_header() const { return b2en_header_size + plaintext_size; }

  Result<void> encrypt_in_memory() {
    std::string body;
    body.reserve(static_cast<std::size_t>(size_with_header()));
    body.resize(static_cast<std::size_t>(plaintext_size));
    B2B_ASSIGN(auto const reader, plaintext->open());
    B2B_TRY(read_exactly(*reader, writable_bytes(body)));
    B2B_TRY(expect_end(*reader));
    sha256 = b2b::sha256(body);
    GcmCipher cipher(GcmCipher::Direction::encrypt, key, header.iv);
    cipher.update(writable_bytes(body));
    header.tag = cipher.finish_encrypting();
    body.insert(0, format_b2en_header(header));
    in_memory.emplace(std::move(body));
    plaintext.reset();
    return {};
  }

  Result<void> compute_tag() {
    B2B_ASSIGN(auto const reader, plaintext->open());
    GcmCipher cipher(GcmCipher::Direction::encrypt, key, header.iv);
    Sha256 hash;
    std::vector<std::uint8_t> buffer(chunk_size);
    for (std::uint64_t rest = plaintext_size; rest > 0;) {
      auto const piece = std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(chunk_size, rest)));
      B2B_TRY(read_exactly(*reader, piece));
      hash.update(piece);
      cipher.update(piece);
      rest -= piece.size();
    }
    B2B_TRY(expect_end(*reader));
    sha256 = hash.finish();
    header.tag = cipher.finish_encrypting();
    return {};
  }
};

B2enSource::B2enSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
B2enSource::~B2enSource() = default;

Result<std::unique_ptr<B2enSource>> B2enSource::create(std::shared_ptr<ByteSource const> plaintext, Key const& key,
                                                       Salt const& salt, std::optional<GcmIv> iv,
                                                       std::uint64_t memory_limit_bytes) {
  auto impl = std::make_unique<Impl>();
  impl->plaintext_size = plaintext->size();
  if (impl->plaintext_size > b2en_max_plaintext)
    return make_error(Condition::limit,
                      "a file of " + std::to_string(impl->plaintext_size) + " bytes is too big to be encrypted as one object",
                      "The limit is 64 GiB; exclude the file or use the packed layout");
  impl->plaintext = std::move(plaintext);
  impl->key = key;
  impl->header.salt = salt;
  if (iv) {
    impl->header.iv = *iv;
  } else {
    random_bytes(impl->header.iv);
  }
  if (impl->plaintext_size == 0 || impl->plaintext_size <= memory_limit_bytes) {
    B2B_TRY(impl->encrypt_in_memory());
  } else {
    B2B_TRY(impl->compute_tag());
  }
  return std::unique_ptr<B2enSource>(new B2enSource(std::move(impl)));
}

std::uint64_t B2enSource::size() const { return impl_->size_with_header(); }

Result<std::unique_ptr<ByteReader>> B2enSource::open() const {
  if (impl_->in_memory) return impl_->in_memory->open();
  B2B_ASSIGN(auto reader, impl_->plaintext->open());
  return std::unique_ptr<ByteReader>(
      std::make_unique<EncryptingReader>(impl_->header, impl_->key, std::move(reader), impl_->plaintext_size));
}

Sha256Digest const& B2enSource::plaintext_sha256() const { return impl_->sha256; }

B2enHeader const& B2enSource::header() const { return impl_->header; }

}  // namespace b2b
