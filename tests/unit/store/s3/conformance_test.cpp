// The suite of all stores against the fake server, plain and over TLS.
#include "tests/unit/store/conformance.h"

#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {
namespace {

// A store with the server that it needs; each has a bucket of its own.
class FakeStore final : public Store {
 public:
  explicit FakeStore(bool tls) {
    FakeServerOptions options;
    options.s3.min_part_bytes = 64 * 1024;
    std::string authority;
    if (tls) {
      auto const files = make_certificate(scratch_.path(), "server", {});
      options.certificate_file = files.certificate;
      options.private_key_file = files.private_key;
      authority = files.authority;
    }
    server_ = std::make_unique<FakeServer>(options);
    auto settings = settings_for(*server_);
    settings.ca_file = authority;
    settings.multipart_threshold_bytes = 512 * 1024;
    settings.part_bytes = 256 * 1024;
    inner_ = store_at(settings);
  }
  FakeServer& server() { return *server_; }

  StoreTraits const& traits() const override { return inner_->traits(); }
  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override {
    return inner_->put(key, body, stop);
  }
  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override {
    return inner_->get(key, range, sink, stop);
  }
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    return inner_->head(key, stop);
  }
  Result<ObjectInfo> get_version(ObjectVersion const& version, std::optional<ByteRange> range, ByteSink& sink,
                                 std::stop_token const& stop) override {
    return inner_->get_version(version, range, sink, stop);
  }
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override {
    return inner_->list(options, visit, stop);
  }
  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    return inner_->list_versions(prefix, visit, stop);
  }
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t size,
                    std::stop_token const& stop) override {
    return inner_->copy(from, to, size, stop);
  }
  Result<void> remove_versions(std::span<ObjectVersion const> versions,
                               std::stop_token const& stop) override {
    return inner_->remove_versions(versions, stop);
  }
  Result<void> flush(std::stop_token const& stop) override { return inner_->flush(stop); }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t seconds,
                                          std::stop_token const& stop) override {
    return inner_->remove_unfinished(prefix, seconds, stop);
  }
  Result<TimePoint> now(std::stop_token const& stop) override { return inner_->now(stop); }
  StoreCounters counters() const override { return inner_->counters(); }

 private:
  Scratch scratch_;
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Store> inner_;
};

// What a plain S3 DELETE does: a hide marker on top.
void hide(Store& store, std::string const& key) {
  auto& server = dynamic_cast<FakeStore&>(store).server();
  server.objects().with(server.options().bucket, [&](FakeBucket& bucket) {
    StoredVersion marker;
    marker.id = server.objects().next_id("hide");
    marker.hide_marker = true;
    marker.modified = system_clock().now();
    auto& versions = bucket.objects[key];
    versions.insert(versions.begin(), marker);
    return true;
  });
}

}  // namespace

TEST_CASE("the S3 store keeps the store contract, plain") {
  ConformanceOptions options;
  options.hide = hide;
  run_conformance([] { return std::make_unique<FakeStore>(false); }, options);
}

TEST_CASE("the S3 store keeps the store contract, over TLS") {
  ConformanceOptions options;
  options.hide = hide;
  options.listed_objects = 1001;
  run_conformance([] { return std::make_unique<FakeStore>(true); }, options);
}

}  // namespace b2b::test
