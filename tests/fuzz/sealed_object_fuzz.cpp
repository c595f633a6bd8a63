// Index and snapshot objects. The first byte chooses: a whole object of any bytes; a plaintext (length, codec,
// payload, zeros) that is sealed as a writer would, so that what lies behind the cipher is reached; or a
// payload, which must come back as it was, and under no other name.
#include <cstdint>
#include <string>

#include "core/crypto/sealed_box.h"
#include "core/packed/sealed_object.h"
#include "core/packed/wire.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

Key const master(Sha256Digest{1});
RepositoryId const repository{2};
constexpr std::string_view name = "2026-02-19T12-00-00-000Z-1a2b3c4d";

std::string sealed(SealedKind kind, std::string_view plain) {
  bool const index = kind == SealedKind::index;
  Salt const salt{3};
  std::string object(index ? index_magic : snapshot_magic);
  append_bytes(object, salt);
  std::string additional(index ? index_magic : snapshot_magic);
  append_bytes(additional, repository);
  additional += name;
  std::string box;
  seal_box(hkdf(master, salt, index ? "b2backupd packed index v1" : "b2backupd packed snapshot v1"), GcmIv{},
           as_bytes(additional), as_bytes(plain), box);
  return object + box;
}

Result<std::string> open(SealedKind kind, std::string_view object) {
  auto opened = open_object(kind, master, repository, name, object);
  if (opened) {
    B2B_ASSERT(opened->size() <= max_payload_bytes);
  } else {
    B2B_ASSERT(opened.error().condition == Condition::corrupt && !opened.error().message.empty());
  }
  return opened;
}

void seal_and_open(SealedKind kind, std::string_view payload) {
  auto const object = seal_object(kind, master, repository, name, payload);
  B2B_ASSERT(object && padme(object->size()) == object->size());
  auto const back = open(kind, *object);
  B2B_ASSERT(back && *back == payload);
  B2B_ASSERT(!open_object(kind, master, repository, "another", *object));
  B2B_ASSERT(!open_object(kind == SealedKind::index ? SealedKind::snapshot : SealedKind::index, master, repository,
                          name, *object));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  SealedKind const kind = (data[0] & 1U) == 0 ? SealedKind::index : SealedKind::snapshot;
  std::string_view const rest = as_text({data + 1, size - 1});
  switch (data[0] >> 1 & 3U) {
    case 0:
      static_cast<void>(open(kind, rest));
      break;
    case 1:
      seal_and_open(kind, rest);
      break;
    default:
      if (auto const payload = open(kind, sealed(kind, rest))) seal_and_open(kind, *payload);
  }
  return 0;
}
