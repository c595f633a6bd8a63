// The end of a pack. Whoever can write to the bucket can bring any bytes, and those of the repository's own
// writers are believed no more: the first byte chooses whether the rest is a whole object or the plaintext of a
// directory, which is then sealed as a writer would, so that what lies behind the cipher is reached. What is
// accepted keeps to the bounds, and a writer would have written the same.
#include <algorithm>
#include <cstdint>
#include <string>

#include "core/crypto/sealed_box.h"
#include "core/packed/pack.h"
#include "core/packed/place_records.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

Key const master(Sha256Digest{1});
RepositoryId const repository{2};
constexpr GcmIv directory_nonce{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};

// Nothing of a pack but what the directory's reader needs; `body` zeros stand for the boxes.
std::string pack_around(std::string_view directory, std::size_t body) {
  Salt const salt{3};
  std::string object(pack_magic);
  append_bytes(object, salt);
  object.append(body, '\0');
  std::string additional(1, '\0');
  append_bytes(additional, repository);
  std::size_t const begin = object.size();
  std::string box;
  seal_box(hkdf(master, salt, "b2backupd packed pack v1"), directory_nonce, as_bytes(additional),
           as_bytes(directory), box);
  object += box;
  append_integer(object, static_cast<std::uint32_t>(object.size() - begin));
  append_integer(object, std::uint32_t{0});
  object += pack_end_magic;
  return object;
}

Result<PackRecord> read(std::string const& object) {
  return read_pack_directory(master, repository, object.size(),
                             [&object](std::uint64_t offset, std::uint64_t bytes) -> Result<std::string> {
                               B2B_ASSERT(bytes <= object.size() && offset <= object.size() - bytes);
                               return object.substr(offset, bytes);
                             });
}

void check(std::string const& object) {
  auto const record = read(object);
  if (!record) {
    B2B_ASSERT(record.error().condition == Condition::corrupt && !record.error().message.empty());
    return;
  }
  B2B_ASSERT(record->bytes == object.size() && record->chunks.size() <= max_pack_chunks);
  std::uint64_t end = pack_header_bytes;
  std::string directory;
  append_integer(directory, static_cast<std::uint32_t>(record->chunks.size()));
  for (ChunkPlace const& place : record->chunks) {
    B2B_ASSERT(place.offset == end && place.box_bytes > tag_bytes && place.content_bytes <= max_chunk_bytes);
    end += place.box_bytes;
    append_place(directory, place);
  }
  B2B_ASSERT(end <= object.size());
  auto const again = read(pack_around(directory, static_cast<std::size_t>(end - pack_header_bytes)));
  B2B_ASSERT(again && again->chunks == record->chunks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string const rest(as_text({data + 1, size - 1}));
  if ((data[0] & 1U) == 0) {
    check(rest);
  } else {
    check(pack_around(rest, std::size_t{data[0]} * 512));
  }
  return 0;
}
