#include "core/config/layer.h"

#include <concepts>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/config/duration_text.h"
#include "core/config/schema.h"
#include "core/config/size_text.h"
#include "core/config/value_rules.h"
#include "core/util/encoding.h"
#include "core/util/secret.h"

namespace b2b {
namespace {

// Typed access to the winning values; what is not set leaves the target at its default.
class Winners {
 public:
  explicit Winners(std::span<Layer const* const> layers) : layers_(layers) {}

  void read(std::string_view key, std::string& into) const {
    if (auto const* value = find(key)) into = std::string(value->get_string());
  }
  void read(std::string_view key, Secret& into) const {
    if (auto const* value = find(key)) into = Secret(std::string_view(value->get_string()));
  }
  void read(std::string_view key, bool& into) const {
    if (auto const* value = find(key)) into = value->get_bool();
  }
  template <std::integral Number>
  void read(std::string_view key, Number& into) const {
    if (auto const* value = find(key)) into = static_cast<Number>(value->get_int64());
  }
  void read(std::string_view key, std::chrono::milliseconds& into) const {
    if (auto const* value = find(key)) into = std::chrono::milliseconds(value->get_int64());
  }
  template <class Value>
  void read(std::string_view key, std::optional<Value>& into) const {
    if (find(key) != nullptr) read(key, into.emplace());
  }
  template <class Text>
  void read_list(std::string_view key, std::vector<Text>& into) const {
    auto const* value = find(key);
    if (value == nullptr) return;
    into.clear();
    for (boost::json::value const& entry : value->get_array())
      into.emplace_back(std::string_view(entry.get_string()));
  }

 private:
  boost::json::value const* find(std::string_view key) const {
    SourcedValue const* const found = winner(layers_, key);
    return found == nullptr ? nullptr : &found->value;
  }
  std::span<Layer const* const> layers_;
};

std::string shown_text(KeySpec const& key, boost::json::value const& value) {
  if (key.secret) return value.is_array() && value.get_array().empty() ? "" : "***";
  if (value.is_string()) return printable(std::string_view(value.get_string()));
  if (key.type == KeyType::size || key.type == KeyType::rate) {
    std::int64_t const bytes = value.get_int64();
    if (bytes == 0) return "0";
    return format_size(static_cast<std::uint64_t>(bytes)) + (key.type == KeyType::rate ? "/s" : "");
  }
  if (key.type == KeyType::duration) return format_duration(std::chrono::milliseconds(value.get_int64()));
  return boost::json::serialize(value);
}

ShownValue shown(KeySpec const& key, std::span<Layer const* const> layers) {
  if (SourcedValue const* const value = winner(layers, key.name))
    return {std::string(key.name), shown_text(key, value->value), value->source};
  if (!key.default_text.empty()) return {std::string(key.name), std::string(key.default_text), "default"};
  return {std::string(key.name), {}, "not set"};
}

// None of its keys is set: there are no such rules.
void read_retention(Winners const& winners, std::optional<RetentionRules>& into) {
  RetentionRules rules;
  bool any = false;
  auto const read = [&](std::string_view key, std::uint32_t& number) {
    std::optional<std::uint32_t> given;
    winners.read(key, given);
    any = any || given.has_value();
    number = given.value_or(number);
  };
  read("retention.last", rules.last);
  read("retention.hourly", rules.hourly);
  read("retention.daily", rules.daily);
  read("retention.monthly", rules.monthly);
  if (any) into = rules;
}

void read_service(Winners const& winners, ServiceConfig& service) {
  winners.read("schedule", service.schedule);
  winners.read("timezone", service.timezone);
  winners.read("jitter", service.jitter);
  winners.read("watch.push", service.watch.push);
  winners.read("watch.quiet", service.watch.quiet);
  winners.read("watch.minInterval", service.watch.min_interval);
  winners.read("check.enabled", service.check.enabled);
  winners.read("check.every", service.check.every);
  std::string subset;
  winners.read("check.subset", subset);
  if (auto const percent = percentage(subset)) service.check.percent = *percent;
  winners.read("compactionUploadInterval", service.compaction_upload_interval);
  winners.read("autoRestore", service.auto_restore);
  winners.read_list("gateway.stop", service.gateway.stop);
  winners.read_list("gateway.start", service.gateway.start);
  winners.read("gateway.port", service.gateway.port);
  winners.read("gateway.stopTimeout", service.gateway.stop_timeout);
  winners.read_list("onSuccess", service.on_success);
  winners.read_list("onFailure", service.on_failure);
  winners.read_list("onStale", service.on_stale);
  winners.read("notifyInterval", service.notify_interval);
  winners.read("staleAfter", service.stale_after);
  winners.read("healthcheckUrl", service.healthcheck_url);
  winners.read("metricsTextfile", service.metrics_textfile);
  winners.read("socket", service.socket);
  winners.read("stopTimeout", service.stop_timeout);
}

}  // namespace

void wipe_json(boost::json::value& value) {
  if (value.is_string()) {
    wipe(value.get_string().data(), value.get_string().size());
  } else if (value.is_array()) {
    for (boost::json::value& entry : value.get_array())
      wipe_json(entry);
  } else if (value.is_object()) {
    for (auto& entry : value.get_object())
      wipe_json(entry.value());
  }
}

Layer::~Layer() {
  for (auto& [key, entry] : values_)
    wipe_json(entry.value);
}

void Layer::set(std::string_view key, boost::json::value value, std::string source) {
  values_.insert_or_assign(std::string(key), SourcedValue{std::move(value), std::move(source)});
}

void Layer::remove(std::string_view key) {
  auto const found = values_.find(key);
  if (found == values_.end()) return;
  wipe_json(found->second.value);
  values_.erase(found);
}

SourcedValue const* Layer::find(std::string_view key) const {
  auto const found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

SourcedValue const* winner(std::span<Layer const* const> layers, std::string_view key) {
  for (Layer const* layer : layers)
    if (SourcedValue const* const value = layer->find(key)) return value;
  return nullptr;
}

LoadedConfig merge_layers(std::span<Layer const* const> layers) {
  LoadedConfig result;
  Config& config = result.config;
  Winners const winners(layers);
  winners.read("stateDir", config.state_dir);
  winners.read("keyId", config.key_id);
  winners.read("applicationKey", config.application_key);
  winners.read("bucket", config.bucket);
  winners.read("region", config.region);
  winners.read("endpoint", config.endpoint);
  winners.read("caFile", config.ca_file);
  winners.read("prefix", config.prefix);
  winners.read("encrypt", config.encrypt);
  winners.read("encryptionKey", config.encryption_key);
  winners.read_list("decryptionKeys", config.decryption_keys);
  winners.read("keepSnapshots", config.keep_snapshots);
  config.keep_snapshots_set = winner(layers, "keepSnapshots") != nullptr;
  winners.read("keepSafetySnapshots", config.keep_safety_snapshots);
  read_retention(winners, config.retention);
  std::string layout;
  winners.read("layout", layout);
  if (layout == "packed") config.layout = LayoutChoice::packed;
  if (layout == "plugin") config.layout = LayoutChoice::plugin;
  winners.read_list("include", config.include);
  winners.read_list("exclude", config.exclude);
  std::string secrets;
  winners.read("secrets", secrets);
  config.secrets = secrets == "include" ? SecretRows::include : SecretRows::exclude;
  winners.read("limits.upload", config.limits.upload_bytes_per_second);
  winners.read("limits.download", config.limits.download_bytes_per_second);
  winners.read("limits.spool", config.limits.spool_bytes);
  winners.read("limits.transfers", config.limits.transfers);
  winners.read("limits.retrySeconds", config.limits.retry_seconds);
  winners.read("dataDir", config.data_dir);
  read_service(winners, config.service);

  for (KeySpec const& key : key_table())
    result.shown.push_back(shown(key, layers));
  return result;
}

}  // namespace b2b
