#include <thread>

#include "core/crypto/verified_source.h"
#include "core/store/s3/removal.h"
#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {

TEST_CASE("settings that cannot work are refused before any request") {
  s3::Settings good;
  good.endpoint = "https://s3.us-west-004.backblazeb2.com";
  good.bucket = "agent-backup";
  good.key_id = Secret("004");
  good.application_key = Secret("K004");
  REQUIRE(s3::make_store(good, system_clock()));
  CHECK(s3::make_store(good, system_clock()).value()->traits().name ==
        "bucket agent-backup at s3.us-west-004.backblazeb2.com");
  auto const refused = [&](void (*spoil)(s3::Settings&)) {
    auto bad = good;
    spoil(bad);
    auto const store = s3::make_store(bad, system_clock());
    REQUIRE_FALSE(store);
    return store.error().subject;
  };
  CHECK(refused([](s3::Settings& s) { s.bucket.clear(); }) == "bucket");
  CHECK(refused([](s3::Settings& s) { s.bucket = "a/b"; }) == "bucket");
  CHECK(refused([](s3::Settings& s) { s.endpoint = "http://example.com"; }) == "endpoint");
  CHECK(refused([](s3::Settings& s) { s.key_id.clear(); }) == "keyId");
  CHECK(refused([](s3::Settings& s) { s.key_id = Secret("a b"); }) == "keyId");
  CHECK(refused([](s3::Settings& s) { s.application_key.clear(); }) == "applicationKey");
}

TEST_CASE(
    "every size around the buffers comes back as it went, with nothing for the server to complain about") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  for (std::size_t const size : {0u, 1u, 65'000u, 65'535u, 65'536u, 65'537u, 131'072u, 1'000'003u}) {
    CAPTURE(size);
    std::string const body(size, 'x');
    auto const put = store->put("key", MemorySource(body), {});
    REQUIRE(put);
    CHECK(put->etag.size() == 32);
    CHECK(text_of(*store, "key").value() == body);
    CHECK(store->head("key", {})->size == size);
  }
  CHECK(server.refused() == 0);
  CHECK(server.connections() == 1);
  auto const counters = store->counters();
  CHECK(counters.bytes_sent == counters.bytes_received);
}

namespace {

class CountedSource final : public ByteSource {
 public:
  explicit CountedSource(std::string text) : inner_(std::move(text)) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override {
    ++opened;
    return inner_.open();
  }
  mutable int opened = 0;

 private:
  MemorySource inner_;
};

}  // namespace

TEST_CASE("a body whose digest is known is read once, and never sent whole when it is another") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  for (std::size_t const size : {1u, 65'536u, 65'537u, 1'000'003u}) {
    CAPTURE(size);
    std::string const body(size, 'x');
    CountedSource const source(body);
    REQUIRE(store->put("key", VerifiedSource(source, sha256(body)), {}));
    CHECK(source.opened == 1);
    CHECK(text_of(*store, "key").value() == body);
    auto const changed = store->put("other", VerifiedSource(source, sha256(body + "x")), {});
    REQUIRE_FALSE(changed);
    CHECK(changed.error().condition == Condition::changed);
    CHECK(store->head("other", {}).error().condition == Condition::not_found);
  }
  CHECK(server.refused() == 0);
}

TEST_CASE("a store that wants an MD5 with every object gets it, and is asked without only once") {
  FakeServerOptions options;
  options.s3.puts_need_md5 = true;
  FakeServer server(options);
  auto const store = store_at(settings_for(server));
  std::string const body(100'000, 'x');
  MemorySource const source(body);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(store->put("key", VerifiedSource(source, sha256(body)), {}));
    CHECK(text_of(*store, "key").value() == body);
  }
  CHECK(server.refused() == 1);
}

TEST_CASE("ranges") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  REQUIRE(store->put("key", MemorySource("0123456789"), {}));
  auto const range = [&](std::uint64_t offset, std::uint64_t length) {
    return text_of(*store, "key", ByteRange{offset, length}).value();
  };
  CHECK(range(0, 4) == "0123");
  CHECK(range(8, 4) == "89");
  CHECK(range(9, ~0ULL) == "9");
  CHECK(range(10, 1).empty());
  CHECK(range(~0ULL, ~0ULL).empty());
  CHECK(range(3, 0).empty());
  StringSink sink(100);
  CHECK(store->get("key", ByteRange{2, 3}, sink, {})->size == 10);
}

TEST_CASE("more callers than transfers wait their turn") {
  FakeServer server({});
  auto settings = settings_for(server);
  settings.transfers = 3;
  auto const store = store_at(settings);
  server.set_latency_ms(5);
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 12; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i)
        if (store->put("k/" + std::to_string(t) + "-" + std::to_string(i), MemorySource("x"), {})) ++good;
    });
  threads.clear();
  CHECK(good == 120);
  CHECK(server.connections() <= 3);
}

TEST_CASE("a delete request names keys as XML, and leaves out those that XML cannot carry") {
  std::vector<ObjectVersion> versions(3);
  versions[0].key = "a<&>";
  versions[0].version_id = "1";
  versions[1].key = "bad\x01";
  versions[1].version_id = "2";
  versions[2].key = "c";
  versions[2].version_id = "3";
  std::vector<ObjectVersion> left;
  CHECK(s3::delete_request(versions, left) ==
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
        "<Object><Key>a&lt;&amp;&gt;</Key><VersionId>1</VersionId></Object><Object><Key>c</Key><VersionId>3</"
        "VersionId></Object></Delete>");
  REQUIRE(left.size() == 1);
  CHECK(left[0].version_id == "2");
  CHECK(s3::delete_request(std::span(versions).subspan(1, 1), left).empty());
}

TEST_CASE("many versions are deleted a thousand at a time") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  std::vector<ObjectVersion> gone(2001);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    gone[i].key = "k" + std::to_string(i);
    gone[i].version_id = "v";
  }
  REQUIRE(store->remove_versions(gone, {}));
  CHECK(server.requests("POST") == 3);
  std::vector<ObjectVersion> unnamed(1);
  unnamed[0].key = "k";
  CHECK(store->remove_versions(unnamed, {}).error().condition == Condition::usage);
}

TEST_CASE("deleting without permission says how many are left") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  server.faults().add(
      {.action = FaultAction::status, .method = "POST", .status = 403, .code = "AccessDenied"});
  std::vector<ObjectVersion> some(1500);
  for (std::size_t i = 0; i < some.size(); ++i) {
    some[i].key = "k" + std::to_string(i);
    some[i].version_id = "v";
  }
  auto const result = store->remove_versions(some, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::permission);
  CHECK(result.error().message.find("1500") != std::string::npos);
}

}  // namespace b2b::test
