#include "core/engine/packed_keys.h"

#include "core/util/file.h"

namespace b2b {
namespace {

packed::KeyStore key_store(EngineContext& context) {
  return packed::KeyStore(*context.store, context.config.prefix, join_path(context.instance.data_dir, "packed.key"), *context.clock);
}

}  // namespace

std::vector<packed::SlotSecret> slot_secrets(Config const& config) {
  std::vector<packed::SlotSecret> secrets;
  if (!config.encryption_key.empty()) secrets.push_back({packed::SlotKind::passphrase, config.encryption_key});
  if (!config.application_key.empty()) secrets.push_back({packed::SlotKind::application_key, config.application_key});
  for (Secret const& former : config.decryption_keys) {
    secrets.push_back({packed::SlotKind::passphrase, former});
    secrets.push_back({packed::SlotKind::application_key, former});
  }
  return secrets;
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
