#include "core/engine/writer_key.h"

namespace b2b {

Salt fresh_salt() {
  Salt salt{};
  random_bytes(salt);
  return salt;
}

Result<WriterKey> derive_writer_key(EngineContext& context, Salt const& salt) {
  WriterKey out;
  out.salt = salt;
  out.encrypt = context.config.encrypt;
  if (context.keyring->empty()) {
    if (out.encrypt)
      return make_error(Condition::bad_config, "encryption is on and there is no key to encrypt with",
                        "Set encryptionKey (or applicationKey), or encrypt: false");
    return out;
  }
  B2B_ASSIGN(out.key, context.keyring->key(0, salt));
  return out;
}

Result<std::string> key_check(EngineContext& context) {
  constexpr std::string_view name = "key-check-secret";
  B2B_ASSIGN(auto secret_hex, context.index->value(name));
  if (!secret_hex) {
    Sha256Digest fresh{};
    random_bytes(fresh);
    secret_hex = to_hex(fresh);
    B2B_TRY(context.index->set_value(name, *secret_hex));
  }
  auto const passphrases = context.config.passphrases();
  std::string const passphrase = passphrases.empty() ? std::string() : std::string(passphrases.front().reveal());
  std::string message = (context.config.encrypt ? "encrypted\n" : "plain\n") + passphrase;
  std::string check = to_hex(hmac_sha256(as_bytes(*secret_hex), message));
  wipe(message.data(), message.size());
  return check;
}

}  // namespace b2b
