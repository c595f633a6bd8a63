#include "core/engine/context.h"

#include <algorithm>
#include <charconv>

#include "core/engine/packed_repository.h"
#include "core/engine/roots.h"
#include "core/store/s3/s3.h"
#include "core/util/file.h"

namespace b2b {
namespace {

constexpr std::string_view file_scheme = "file://";

// Where B2 says this key's buckets live; asked once a day at most, since a region does not move.
Result<std::string> discovered_endpoint(Config const& config, Index* index, Clock& clock, std::stop_token const& stop) {
  std::string const record_key = "endpoint:" + to_hex(sha256(config.key_id.reveal())).substr(0, 16);
  auto const now_seconds = std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
  std::string remembered;
  if (index != nullptr) {
    B2B_ASSIGN(auto const record, index->value(record_key));
    if (record) {
      auto const space = record->find(' ');
      std::int64_t asked = 0;
      if (space != std::string::npos) remembered = record->substr(space + 1);
      if (space != std::string::npos &&
          std::from_chars(record->data(), record->data() + space, asked).ec == std::errc() &&
          now_seconds >= asked && now_seconds - asked < 86'400)
        return record->substr(space + 1);
    }
  }
  auto const asked_account = s3::discover(config.b2_api_url, config.key_id, config.application_key, config.ca_file, clock, stop);
  if (!asked_account) {
    // An old answer beats none: regions do not move.
    bool const away = asked_account.error().condition == Condition::unreachable || asked_account.error().condition == Condition::throttled;
    if (away && !remembered.empty()) return remembered;
    return asked_account.error();
  }
  auto const& account = *asked_account;
  B2B_TRY(s3::check_account(account, config.bucket, config.prefix));
  if (index != nullptr)
    B2B_TRY(index->set_value(record_key, std::to_string(now_seconds) + " " + account.s3_endpoint));
  return account.s3_endpoint;
}

// The settings that decide which store it is, as one key of the index.
std::string store_name_key(Config const& config) {
  std::string settings;
  for (std::string_view const part : {std::string_view(config.endpoint), std::string_view(config.bucket),
                                      std::string_view(config.region), config.key_id.reveal()})
    settings += std::string(part) + "\n";
  return "store-name:" + to_hex(sha256(settings)).substr(0, 16);
}

Result<std::shared_ptr<Store>> open_store_with(Config const& config, Index* index, Clock& clock,
                                               std::stop_token const& stop) {
  B2B_TRY(require_store(config));
  if (config.endpoint.starts_with(file_scheme)) {
    std::string const path = config.endpoint.substr(file_scheme.size());
    B2B_ASSIGN(auto store, open_directory_store(path, config.bucket));
    return std::shared_ptr<Store>(std::move(store));
  }
  s3::Settings settings;
  settings.endpoint = config.endpoint;
  if (settings.endpoint.empty() && !config.region.empty())
    settings.endpoint = "https://s3." + config.region + ".backblazeb2.com";
  if (settings.endpoint.empty()) {
    B2B_ASSIGN(settings.endpoint, discovered_endpoint(config, index, clock, stop));
  }
  settings.bucket = config.bucket;
  settings.region = config.region;
  settings.key_id = config.key_id;
  settings.application_key = config.application_key;
  settings.ca_file = config.ca_file;
  settings.transfers = config.limits.transfers;
  settings.max_retry_seconds = config.limits.retry_seconds;
  settings.upload_bytes_per_second = config.limits.upload_bytes_per_second;
  settings.download_bytes_per_second = config.limits.download_bytes_per_second;
  B2B_ASSIGN(auto store, s3::make_store(std::move(settings), clock));
  return std::shared_ptr<Store>(std::move(store));
}

}  // namespace

Result<std::shared_ptr<Store>> open_store(Config const& config, Clock& clock, std::stop_token const& stop) {
  return open_store_with(config, nullptr, clock, stop);
}

namespace {

// openclaw.json is away or broken for a moment, perhaps for long: the directories that it named are backed up all the same.
Result<void> know_roots(EngineContext& context) {
  constexpr std::string_view name = "roots";
  B2B_ASSIGN(auto const known, context.index->value(name));
  if (!context.config.roots_known) {
    if (known) take_roots(*known, context.config);
    return {};
  }
  std::string const text = roots_text(context.config);
  return known == text ? Result<void>() : context.index->set_value(name, text);
}

}  // namespace

Result<std::optional<std::string>> remembered_store_name(Config const& config, Index& index) { return index.value(store_name_key(config)); }

Result<EngineContext> open_engine(Config const& config, Clock& clock, std::stop_token stop) {
  EngineContext context;
  context.config = config;
  context.clock = &clock;
  context.stop = std::move(stop);
  B2B_TRY(require_store(config));
  B2B_ASSIGN(context.instance, open_instance(config));
  B2B_ASSIGN(context.index, Index::open(context.instance.data_dir));
  B2B_TRY(know_roots(context));
  context.packed = std::make_shared<PackedAccess>();
  context.keyring = std::make_shared<Keyring>(config.passphrases());
  // A store that is away keeps nobody from capturing: its name, which the records go by, is remembered.
  std::string const name_key = store_name_key(config);
  auto store = open_store_with(config, context.index.get(), clock, context.stop);
  if (store) {
    context.store = std::move(*store);
    B2B_ASSIGN(auto const known, context.index->value(name_key));
    if (known != context.store->traits().name) B2B_TRY(context.index->set_value(name_key, context.store->traits().name));
    return context;
  }
  if (store.error().condition != Condition::unreachable) return store.error();
  B2B_ASSIGN(auto const known, remembered_store_name(config, *context.index));
  if (!known) return store.error();
  context.store = make_away_store(*known, store.error());
  return context;
}

}  // namespace b2b
