// The store's face: checks arguments, picks the request or requests for each call.
#include "core/store/call_checks.h"
#include "core/store/s3/listing.h"
#include "core/store/s3/multipart.h"
#include "core/store/s3/objects.h"
#include "core/store/s3/removal.h"
#include "core/store/s3/s3.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

// Buffers of parts being uploaded, all calls together: two of the usual size.
constexpr std::uint64_t part_buffers_bytes = 16 << 20;

class S3Store final : public Store {
 public:
  explicit S3Store(std::unique_ptr<Client> client)
      : client_(std::move(client)), part_buffers_(part_buffers_bytes) {
    auto const& settings = client_->settings();
    traits_.name = "bucket " + printable(settings.bucket) + " at " + client_->endpoint().authority();
    traits_.transfers = settings.transfers;
    traits_.versioned = true;
    traits_.max_object_bytes = 10'000'000'000'000;
  }

  StoreTraits const& traits() const override { return traits_; }

  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override {
    B2B_TRY(check("store", key, stop));
    if (body.size() > client_->settings().multipart_threshold_bytes)
      return put_in_parts(*client_, part_buffers_, key, body, stop);
    return put_object(*client_, key, body, stop);
  }

  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override {
    B2B_TRY(check("read", key, stop));
    return get_object(*client_, key, range, sink, stop);
  }

  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    B2B_TRY(check("look at", key, stop));
    return head_object(*client_, key, stop);
  }

  Result<ObjectInfo> get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink,
                                 std::stop_token const& stop) override {
    B2B_TRY(check("read", version.key, stop));
    if (version.hide_marker) return no_such_object(traits_.name, version.key);
    return get_object_version(*client_, version.key, version.version_id, range, sink, stop);
  }

  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override {
    return list_objects(*client_, options, visit, stop);
  }

  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    return s3::list_versions(*client_, prefix, visit, stop);
  }

  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t expected_size,
                    std::stop_token const& stop) override {
    B2B_TRY(check("copy", from, stop));
    B2B_TRY(check_key("copy to", to));
    B2B_ASSIGN(ObjectInfo const source, head_object(*client_, from, stop));
    if (source.size != expected_size) return copy_source_changed(from, expected_size, source.size);
    if (source.size > client_->settings().copy_part_threshold_bytes)
      return copy_in_parts(*client_, source, to, stop);
    return copy_object(*client_, source, to, stop);
  }

  Result<void> remove_versions(std::span<ObjectVersion const> versions,
                               std::stop_token const& stop) override {
    B2B_TRY(check_stop(stop, "delete", ""));
    return s3::remove_versions(*client_, versions, stop);
  }

  // An object is durable once its put is answered.
  Result<void> flush(std::stop_token const& stop) override { return check_stop(stop, "flush", ""); }

  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t older_than_seconds,
                                          std::stop_token const& stop) override {
    B2B_ASSIGN(TimePoint const store_now, now(stop));
    return abort_unfinished(*client_, prefix, store_now, older_than_seconds, stop);
  }

  Result<TimePoint> now(std::stop_token const& stop) override {
    B2B_TRY(check_stop(stop, "tell the time", ""));
    if (auto const time = client_->server_time()) return *time;
    // Any answer has a date, a refusal as well.
    auto asked = client_->send(client_->call("HEAD", "look at the bucket", ""), stop);
    if (auto const time = client_->server_time()) return *time;
    if (!asked) return std::move(asked).error();
    return make_error(Condition::unsupported,
                      traits_.name + " does not tell the time (its answers have no Date)");
  }

  StoreCounters counters() const override { return client_->counters(); }

 private:
  static Result<void> check(std::string_view doing, std::string const& key, std::stop_token const& stop) {
    B2B_TRY(check_key(doing, key));
    return check_stop(stop, doing, key);
  }

  std::unique_ptr<Client> client_;
  ByteBudget part_buffers_;
  StoreTraits traits_;
};

Error incomplete(std::string message, std::string subject) {
  return make_error(Condition::bad_config, std::move(message), "Run \"daemonctl config check\".",
                    std::move(subject));
}

}  // namespace

Result<std::unique_ptr<Store>> make_store(Settings settings, Clock& clock) {
  if (settings.bucket.empty()) return incomplete("no bucket is configured", "bucket");
  if (settings.bucket.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != std::string::npos)
    return incomplete("\"" + printable(settings.bucket) + "\" is not a name that a bucket can have",
                      "bucket");
  if (settings.key_id.empty()) return incomplete("no application key id is configured", "keyId");
  if (settings.application_key.empty())
    return incomplete("no application key is configured", "applicationKey");
  if (settings.key_id.reveal().find_first_of(" \t\r\n/,") != std::string_view::npos)
    return incomplete("the application key id has a character that none can have", "keyId");
  if (settings.transfers == 0 || settings.max_attempts == 0 || settings.part_bytes == 0 ||
      settings.copy_part_threshold_bytes == 0)
    return make_error(Condition::usage, "a number in the S3 settings is 0 that must not be");
  B2B_ASSIGN(auto client, Client::create(settings, clock));
  return std::unique_ptr<Store>(std::make_unique<S3Store>(std::move(client)));
}

}  // namespace b2b::s3
