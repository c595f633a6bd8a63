#include "core/config/config.h"

#include <algorithm>

namespace b2b {
namespace {

// "a", "a and b", "a, b and c"
std::string enumerate(std::vector<std::string_view> const& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::vector<Secret> Config::passphrases() const {
  std::vector<Secret> result;
  auto const add = [&](Secret const& secret) {
    if (!secret.empty() && std::find(result.begin(), result.end(), secret) == result.end())
      result.push_back(secret);
  };
  add(encryption_key);
  add(application_key);
  for (Secret const& secret : decryption_keys)
    add(secret);
  return result;
}

Result<void> require_store(Config const& config) {
  bool const is_directory = config.endpoint.starts_with("file://");
  std::vector<std::string_view> keys;
  std::vector<std::string_view> variables;
  auto const need = [&](bool present, std::string_view key, std::string_view variable) {
    if (present) return;
    keys.push_back(key);
    variables.push_back(variable);
  };
  need(!config.bucket.empty(), "bucket", "B2_BUCKET_NAME");
  if (!is_directory) {
    need(!config.key_id.empty(), "keyId", "B2_APPLICATION_KEY_ID");
    need(!config.application_key.empty(), "applicationKey", "B2_APPLICATION_KEY");
  }
  if (!keys.empty())
    return make_error(Condition::bad_config,
                      "the configuration names no complete store: " + enumerate(keys) +
                          (keys.size() == 1 ? " is" : " are") + " not set",
                      "Run daemonctl setup, or set " + enumerate(keys) + " in ~/.config/b2backupd/config.json5, or " +
                          enumerate(variables) + " in the environment",
                      std::string(keys.front()));
  bool const packed = config.layout == LayoutChoice::packed;
  if (packed && !config.encrypt)
    return make_error(Condition::bad_config, "layout is \"packed\", which always encrypts, and encrypt is false",
                      "Remove encrypt (or set it to true), or set layout to \"plugin\"", "layout");
  // Only what is current may encrypt; decryptionKeys are for reading.
  bool const has_secret = !config.encryption_key.empty() || !config.application_key.empty();
  if (packed && !has_secret)
    return make_error(Condition::bad_config,
                      "layout is \"packed\", which always encrypts, and there is no passphrase: neither "
                      "encryptionKey nor applicationKey is set",
                      "Set encryptionKey (or B2_ENCRYPTION_KEY) and keep a copy of it elsewhere, or set layout "
                      "to \"plugin\" and encrypt to false",
                      "encryptionKey");
  if (config.encrypt && !has_secret)
    return make_error(
        Condition::bad_config, "encrypt is on and there is no passphrase: encryptionKey is not set",
        "Set encryptionKey (or B2_ENCRYPTION_KEY) and keep a copy of it elsewhere, or set encrypt to false",
        "encryptionKey");
  return {};
}

}  // namespace b2b
