// Any bytes as a stored body: the header parses or not, the body opens or not, and what opens is what was stored.
#include <cstdint>
#include <string>

#include "core/crypto/b2en.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const stored(as_text({data, size}));
  auto const header = parse_b2en_header(stored);
  if (header) B2B_ASSERT(format_b2en_header(*header) == stored.substr(0, b2en_header_size));

  // Without keys first: only a plaintext can open, and then it is the stored bytes themselves.
  Keyring none({});
  Sha256Digest const hash = sha256(stored);
  auto const as_stored = open_bytes(stored, none, &hash, size);
  B2B_ASSERT(as_stored && as_stored->plaintext == stored && as_stored->body.mode == BodyMode::plaintext);
  auto const unchecked = open_bytes(stored, none, nullptr, std::nullopt);
  B2B_ASSERT(unchecked.has_value() == !stored.starts_with("B2EN"));

  // With a key. One salt for all inputs, so that the key is derived once and not 25 times a second.
  static Keyring keyring({Secret("fuzz")});
  std::string salted = stored;
  if (header) salted.replace(4, 32, std::string(32, 's'));
  auto const opened = open_bytes(salted, keyring, nullptr, std::nullopt);
  if (opened && header) B2B_ASSERT(opened->plaintext.size() + b2en_header_size == size);
  if (!opened) B2B_ASSERT(opened.error().condition == (header ? Condition::wrong_key : Condition::corrupt));

  // What we encrypt opens again.
  static Key const key = keyring.key(0, Salt{}).value();
  auto const source = B2enSource::create(std::make_shared<MemorySource>(stored), key, Salt{}, std::nullopt, size / 2).value();
  std::string object(static_cast<std::size_t>(source->size()), '\0');
  auto const reader = source->open().value();
  B2B_ASSERT(reader->read({reinterpret_cast<std::uint8_t*>(object.data()), object.size()}).value() == object.size());
  auto const back = open_bytes(object, keyring, &hash, size);
  B2B_ASSERT(back && back->plaintext == stored && back->body.mode == BodyMode::encrypted);
  return 0;
}
