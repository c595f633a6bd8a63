#include "core/engine/packed_keys.h"

#include <filesystem>

#include "core/util/file.h"

namespace b2b {
namespace {

bool lies_in(std::string const& directory, std::string const& path) {
  std::error_code failed;
  auto const inner = std::filesystem::weakly_canonical(path, failed).string();
  auto const outer = std::filesystem::weakly_canonical(directory, failed).string();
  return !failed && inner.starts_with(outer + "/");
}

}  // namespace

std::vector<ConfiguredSecret> configured_secrets(Config const& config) {
  std::vector<ConfiguredSecret> secrets;
  if (!config.encryption_key.empty()) secrets.push_back({{packed::SlotKind::passphrase, config.encryption_key}, "encryptionKey"});
  if (!config.application_key.empty()) secrets.push_back({{packed::SlotKind::application_key, config.application_key}, "applicationKey"});
  for (Secret const& former : config.decryption_keys) {
    secrets.push_back({{packed::SlotKind::passphrase, former}, "decryptionKeys"});
    secrets.push_back({{packed::SlotKind::application_key, former}, "decryptionKeys"});
  }
  return secrets;
}

std::string_view relied_on_setting(Config const& config) {
  auto const secrets = configured_secrets(config);
  return secrets.empty() || secrets.front().setting == "decryptionKeys" ? std::string_view() : secrets.front().setting;
}

std::vector<packed::SlotSecret> slot_secrets(Config const& config) {
  std::vector<packed::SlotSecret> secrets;
  for (ConfiguredSecret& configured : configured_secrets(config)) secrets.push_back(std::move(configured.secret));
  return secrets;
}

std::string key_file_path(EngineContext const& context) {
  bool const in_snapshots = lies_in(context.config.state_dir, context.instance.data_dir) &&
                            !lies_in(join_path(context.config.state_dir, "b2backupd"), context.instance.data_dir);
  return in_snapshots ? std::string() : join_path(context.instance.data_dir, "packed.key");
}

packed::KeyStore key_store(EngineContext& context) {
  return packed::KeyStore(*context.store, context.config.prefix, key_file_path(context), *context.clock);
}

std::string repository_words(EngineContext const& context) {
  return packed::repository_name(*context.store, context.config.prefix);
}

Result<std::optional<packed::OpenedRepository>> open_repository_keys(EngineContext& context) {
  using Opened = std::optional<packed::OpenedRepository>;
  packed::KeyStore keys = key_store(context);
  B2B_ASSIGN(auto const config, keys.config(context.stop));
  if (!config) return Opened();
  B2B_ASSIGN(auto opened, keys.open(*config, slot_secrets(context.config), context.stop));
  return Opened(std::move(opened));
}

Result<packed::OpenedRepository> open_or_create_repository_keys(EngineContext& context) {
  if (!context.config.encrypt)
    return make_error(Condition::bad_config, "the layout \"packed\" is always encrypted, and encrypt is false",
                      "Remove \"encrypt\", or set layout to \"plugin\"");
  packed::KeyStore keys = key_store(context);
  packed::NewRepository wanted;
  wanted.label = context.instance.host;
  return keys.open_or_create(wanted, slot_secrets(context.config), context.stop);
}

}  // namespace b2b
