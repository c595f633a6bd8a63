#include "core/packed/pack.h"

#include <algorithm>

#include "core/packed/place_records.h"
#include "core/packed/wire.h"

namespace b2b::packed {
namespace {

constexpr std::size_t directory_step_bytes = 4096;
constexpr GcmIv directory_nonce{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};

Key key_of_pack(Key const& master, Salt const& salt) {
  return Key(hkdf_sha256(master.bytes(), salt, "b2backupd packed pack v1"));
}

GcmIv nonce_of_box(std::uint64_t number) {
  GcmIv nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return nonce;
}

std::string box_data(ChunkType type, RepositoryId const& repository, ChunkId const& id) {
  std::string data(1, static_cast<char>(type));
  append_bytes(data, repository);
  append_bytes(data, id);
  return data;
}

std::string directory_data(RepositoryId const& repository) {
  std::string data(1, '\0');
  append_bytes(data, repository);
  return data;
}

// A random order (Fisher and Yates), from the system's generator: which chunk lies where must not tell which came first.
template <class T>
void shuffle_securely(std::vector<T>& items) {
  std::vector<std::uint64_t> numbers(items.size());
  random_bytes({reinterpret_cast<std::uint8_t*>(numbers.data()), numbers.size() * sizeof(std::uint64_t)});
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[numbers[i - 1] % i]);
}

// Passes bytes on and hashes them.
class HashedSink {
 public:
  explicit HashedSink(ByteSink& sink) : sink_(sink) {}
  Result<void> write(std::span<std::uint8_t const> bytes) {
    hash_.update(bytes);
    written_ += bytes.size();
    return sink_.write(bytes);
  }
  Result<void> write(std::string_view text) { return write(as_bytes(text)); }
  std::uint64_t written() const { return written_; }
  Sha256Digest finish() { return hash_.finish(); }

 private:
  ByteSink& sink_;
  Sha256 hash_;
  std::uint64_t written_ = 0;
};

Error damaged(std::string_view why) {
  return make_error(Condition::corrupt, "the pack is damaged: " + std::string(why));
}

Error not_a_box() { return make_error(Condition::corrupt, "a chunk does not decrypt"); }

}  // namespace

void PackBuilder::add(ChunkType type, ChunkId const& id, std::uint32_t content_bytes, std::string_view encoded) {
  B2B_ASSERT(content_bytes <= max_chunk_bytes && encoded.size() <= std::size_t{content_bytes} + 1);
  encoded_.reserve(pack_target_bytes + max_chunk_bytes / 16);  // at once, and touched as it fills: growing would copy all of it, again and again
  chunks_.push_back({id, type, content_bytes, encoded_.size(), static_cast<std::uint32_t>(encoded.size())});
  encoded_ += encoded;
}

Result<PackRecord> PackBuilder::finish(Key const& master, RepositoryId const& repository, ByteSink& sink, ChunkKeys const* check) {
  B2B_ASSERT(!chunks_.empty());
  shuffle_securely(chunks_);
  PackRecord record;
  random_bytes(record.salt);
  BoxCipher cipher(key_of_pack(master, record.salt));
  PackOpener opener(master, repository, record.salt);
  HashedSink out(sink);
  std::string box(pack_magic), content;
  append_bytes(box, record.salt);
  B2B_TRY(out.write(box));

  std::string directory;
  append_integer(directory, static_cast<std::uint32_t>(chunks_.size()));
  record.chunks.reserve(chunks_.size());
  for (Waiting const& chunk : chunks_) {
    box.clear();
    cipher.seal(nonce_of_box(record.chunks.size()), as_bytes(box_data(chunk.type, repository, chunk.id)),
                as_bytes(std::string_view(encoded_).substr(chunk.begin, chunk.bytes)), box);
    ChunkPlace place{chunk.id, chunk.type, static_cast<std::uint32_t>(out.written()), static_cast<std::uint32_t>(box.size()),
                     chunk.content_bytes};
    if (check != nullptr) {
      B2B_TRY(opener.open(static_cast<std::uint32_t>(record.chunks.size()), place, box, content));
      if (chunk_id(*check, place.type, as_bytes(content)) != place.id) return make_error(Condition::corrupt, "a chunk has another content");
    }
    append_place(directory, place);
    record.chunks.push_back(place);
    B2B_TRY(out.write(box));
  }
  wipe(encoded_.data(), encoded_.size());
  encoded_.clear();
  chunks_.clear();

  directory.resize((directory.size() + directory_step_bytes - 1) / directory_step_bytes * directory_step_bytes, '\0');
  std::uint64_t const unpadded = out.written() + directory.size() + tag_bytes + pack_footer_bytes;
  Bytes padding(padme(unpadded) - unpadded);
  random_bytes(padding);
  B2B_TRY(out.write(padding));
  box.clear();
  cipher.seal(directory_nonce, as_bytes(directory_data(repository)), as_bytes(directory), box);
  auto const directory_bytes = static_cast<std::uint32_t>(box.size());
  append_integer(box, directory_bytes);
  append_integer(box, std::uint32_t{0});
  box += pack_end_magic;
  B2B_TRY(out.write(box));
  record.bytes = out.written();
  record.id = out.finish();
  return record;
}

PackOpener::PackOpener(Key const& master, RepositoryId const& repository, Salt const& salt)
    : repository_(repository), cipher_(key_of_pack(master, salt)) {}

Result<void> PackOpener::open(std::uint32_t number, ChunkPlace const& place, std::string_view box, std::string& content) {
  encoded_.clear();
  if (!cipher_.open(nonce_of_box(number), as_bytes(box_data(place.type, repository_, place.id)), as_bytes(box), encoded_))
    return not_a_box();
  content.resize(place.content_bytes);
  return decoder_.decode(as_bytes(encoded_), {reinterpret_cast<std::uint8_t*>(content.data()), content.size()});
}

Result<std::string_view> PackOpener::open(std::uint32_t number, ChunkPlace const& place, std::string_view box) {
  encoded_.clear();
  if (!cipher_.open(nonce_of_box(number), as_bytes(box_data(place.type, repository_, place.id)), as_bytes(box), encoded_)) return not_a_box();
  if (auto const content = stored_content(as_bytes(encoded_)); content && content->size() == place.content_bytes) return as_text(*content);
  decoded_.resize(place.content_bytes);
  B2B_TRY(decoder_.decode(as_bytes(encoded_), {reinterpret_cast<std::uint8_t*>(decoded_.data()), decoded_.size()}));
  return std::string_view(decoded_);
}

Result<PackRecord> read_pack_directory(Key const& master, RepositoryId const& repository, std::uint64_t pack_bytes,
                                       ReadRange const& read) {
  if (pack_bytes > max_pack_bytes) return damaged("it is longer than it may be");
  if (pack_bytes < pack_header_bytes + tag_bytes + pack_footer_bytes) return damaged("it is too short");
  B2B_ASSIGN(std::string const header, read(0, pack_header_bytes));
  B2B_ASSIGN(std::string const footer, read(pack_bytes - pack_footer_bytes, pack_footer_bytes));
  if (header.size() != pack_header_bytes || !header.starts_with(pack_magic)) return damaged("it does not begin as it should");
  if (footer.size() != pack_footer_bytes || !footer.ends_with(pack_end_magic)) return damaged("it does not end as it should");
  std::uint64_t const directory_bytes = WireReader(as_bytes(footer)).integer<std::uint32_t>();
  std::uint64_t const room = pack_bytes - pack_header_bytes - pack_footer_bytes;
  if (directory_bytes < tag_bytes || directory_bytes > std::min(room, max_directory_bytes + tag_bytes))
    return damaged("its directory has an impossible length");
  B2B_ASSIGN(std::string const box, read(pack_bytes - pack_footer_bytes - directory_bytes, directory_bytes));

  PackRecord record;
  record.bytes = pack_bytes;
  std::copy_n(reinterpret_cast<std::uint8_t const*>(header.data()) + magic_bytes, salt_bytes, record.salt.begin());
  BoxCipher cipher(key_of_pack(master, record.salt));
  std::string directory;
  if (!cipher.open(directory_nonce, as_bytes(directory_data(repository)), as_bytes(box), directory))
    return damaged("its directory does not decrypt with the key of this repository");
  WireReader reader(as_bytes(directory));
  auto const count = reader.integer<std::uint32_t>();
  auto places = read_places(reader, count, pack_bytes);
  if (!places) return damaged(places.error().message);
  record.chunks = std::move(*places);
  return record;
}

}  // namespace b2b::packed
