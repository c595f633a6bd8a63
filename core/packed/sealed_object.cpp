#include "core/packed/sealed_object.h"

#include "core/crypto/sealed_box.h"
#include "core/packed/codec.h"
#include "core/packed/wire.h"

namespace b2b::packed {
namespace {

constexpr GcmIv only_nonce{};

struct Names {
  std::string_view magic;
  std::string_view purpose;
  char const* what;
};

Names names_of(SealedKind kind) {
  if (kind == SealedKind::index) return {index_magic, "b2backupd packed index v1", "the index object"};
  if (kind == SealedKind::mark) return {mark_magic, "b2backupd packed mark v1", "the mark"};
  return {snapshot_magic, "b2backupd packed snapshot v1", "the snapshot object"};
}

std::string additional_data(Names const& names, RepositoryId const& repository, std::string_view name) {
  std::string data(names.magic);
  append_bytes(data, repository);
  data += name;
  return data;
}

}  // namespace

Result<std::string> seal_object(SealedKind kind, Key const& master, RepositoryId const& repository, std::string_view name,
                                std::string_view payload) {
  Names const names = names_of(kind);
  if (payload.size() > max_payload_bytes)
    return make_error(Condition::limit, std::string(names.what) + " would be longer than readers take",
                      "This is a limit of the packed layout; please report it");
  std::string encoded;
  Encoder().append(as_bytes(payload), encoded);
  std::string plain;
  append_integer(plain, static_cast<std::uint32_t>(encoded.size() - 1));
  plain += encoded;
  std::size_t const around = pack_header_bytes + tag_bytes;
  plain.resize(padme(around + plain.size()) - around, '\0');

  Salt salt;
  random_bytes(salt);
  std::string object(names.magic);
  append_bytes(object, salt);
  BoxCipher cipher(Key(hkdf_sha256(master.bytes(), salt, names.purpose)));
  cipher.seal(only_nonce, as_bytes(additional_data(names, repository, name)), as_bytes(plain), object);
  wipe(plain.data(), plain.size());
  return object;
}

Result<std::string> open_object(SealedKind kind, Key const& master, RepositoryId const& repository, std::string_view name,
                                std::string_view object) {
  Names const names = names_of(kind);
  auto const damaged = [&](std::string_view why) {
    return make_error(Condition::corrupt, std::string(names.what) + " is damaged: " + std::string(why));
  };
  // Padding may add 1/8, and what does not shrink has its codec before it.
  if (object.size() > max_payload_bytes + max_payload_bytes / 8 + 1024) return damaged("it is longer than it may be");
  WireReader reader(as_bytes(object));
  if (as_text(reader.take(magic_bytes)) != names.magic) return damaged("it does not begin as it should");
  auto const salt = reader.bytes<salt_bytes>();
  if (!reader.ok() || reader.rest().size() < tag_bytes) return damaged("it is too short");
  BoxCipher cipher(Key(hkdf_sha256(master.bytes(), salt, names.purpose)));
  std::string plain;
  if (!cipher.open(only_nonce, as_bytes(additional_data(names, repository, name)), reader.rest(), plain))
    return damaged("it does not decrypt with the key of this repository, or lies under another name");
  WireReader inside(as_bytes(plain));
  auto const payload_bytes = inside.integer<std::uint32_t>();
  auto const encoded = inside.take(std::size_t{payload_bytes} + 1);
  if (!inside.ok()) return damaged("it is too short");
  auto payload = decode_bounded(encoded, max_payload_bytes);
  if (!payload) return damaged(payload.error().message);
  return payload;
}

}  // namespace b2b::packed
