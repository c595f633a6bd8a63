// The S3 store against a server that does things wrong.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {
namespace {

using std::chrono::milliseconds;

Result<ObjectInfo> put_text(Store& store, std::string const& key, std::string text) {
  return store.put(key, MemorySource(std::move(text)), {});
}

std::string random_text(std::size_t size) {
  std::string out(size, '\0');
  std::uint64_t state = 88172645463325252ULL;
  for (char& c : out) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(static_cast<unsigned char>(state >> 32));
  }
  return out;
}

double seconds_of(std::function<void()> const& action) {
  auto const begin = system_clock().monotonic();
  action();
  return std::chrono::duration<double>(system_clock().monotonic() - begin).count();
}

}  // namespace

TEST_CASE("answers that ask for patience are retried, on new connections") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  REQUIRE(put_text(*store, "warm", "up"));
  auto const before = server.connections();
  unsigned const status = GENERATE(500u, 502u, 503u, 504u, 429u);
  CAPTURE(status);
  server.faults().add(
      {.action = FaultAction::status, .method = "PUT", .count = 2, .status = status, .code = "Any"});
  REQUIRE(put_text(*store, "key", "body"));
  CHECK(text_of(*store, "key").value() == "body");
  CHECK(server.connections() == before + 2);
  CHECK(store->counters().retries == 2);
}

TEST_CASE("Retry-After is waited for") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  server.faults().add({.action = FaultAction::status, .retry_after = "1"});
  CHECK(seconds_of([&] { REQUIRE(put_text(*store, "key", "body")); }) >= 1.0);
}

TEST_CASE("a Retry-After beyond our patience ends the call at once") {
  FakeServer server({});
  auto settings = settings_for(server);
  settings.max_retry_seconds = 5;
  auto const store = store_at(settings);
  server.faults().add({.action = FaultAction::status, .retry_after = "3600"});
  auto const result = put_text(*store, "key", "body");
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(result.error().remote_code == "SlowDown");
}

TEST_CASE("a store that never recovers is unreachable after the last attempt") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  server.faults().add({.action = FaultAction::status, .count = 100});
  auto const result = put_text(*store, "key", "body");
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(result.error().retryable);
  CHECK(result.error().subject == "key");
  CHECK(result.error().message.find("4 attempts") != std::string::npos);
  CHECK(server.requests("PUT") == 4);
}

TEST_CASE("a server that is not there is unreachable") {
  std::string url;
  {
    FakeServer server({});
    url = server.url();
  }
  s3::Settings settings;
  settings.endpoint = url;
  settings.bucket = "b";
  settings.key_id = Secret("k");
  settings.application_key = Secret("s");
  settings.max_attempts = 2;
  settings.backoff_initial_ms = 1;
  auto const store = store_at(settings);
  auto const result = store->head("key", {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
}

TEST_CASE("a kept connection that the server closed costs no attempt") {
  FakeServer server({});
  auto settings = settings_for(server);
  settings.max_attempts = 1;
  auto const store = store_at(settings);
  for (int i = 0; i < 5; ++i) {
    REQUIRE(put_text(*store, "key", "body " + std::to_string(i)));
    server.close_connections();
  }
  CHECK(text_of(*store, "key").value() == "body 4");
  CHECK(store->counters().retries == 0);
}

TEST_CASE("a connection that breaks in the middle of an upload is retried") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  std::string const body = random_text(3 << 20);
  server.faults().add({.action = FaultAction::drop, .method = "PUT", .count = 2, .after_bytes = 1 << 20});
  REQUIRE(put_text(*store, "key", body));
  CHECK(text_of(*store, "key").value() == body);
}

TEST_CASE("an upload whose answer is lost is done again") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  server.faults().add({.action = FaultAction::lose_answer, .method = "PUT"});
  REQUIRE(put_text(*store, "key", "body"));
  CHECK(text_of(*store, "key").value() == "body");
}

TEST_CASE("a refusal in the middle of an upload is read, not drowned in a broken pipe") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  server.faults().add({.action = FaultAction::early_status,
                       .method = "PUT",
                       .status = 403,
                       .code = "AccessDenied",
                       .message = "storage cap exceeded"});
  auto const result = put_text(*store, "key", random_text(20 << 20));
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::limit);
  CHECK(result.error().http_status == 403);
}

TEST_CASE("damaged and short downloads are transit errors, and downloaded again") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  std::string const body = random_text(300'000);
  REQUIRE(put_text(*store, "key", body));
  auto const action = GENERATE(FaultAction::corrupt, FaultAction::truncate);
  CAPTURE(static_cast<int>(action));
  SECTION("for a while") {
    server.faults().add({.action = action, .method = "GET", .count = 3, .after_bytes = 200'000});
    CHECK(text_of(*store, "key").value() == body);
  }
  SECTION("for ever") {
    server.faults().add({.action = action, .method = "GET", .count = 100, .after_bytes = 200'000});
    auto const result = text_of(*store, "key");
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::transit);
  }
}

TEST_CASE("no progress for too long gives the connection up; slow progress does not") {
  FakeServer server({});
  auto settings = settings_for(server);
  settings.progress_timeout_ms = 300;
  auto const store = store_at(settings);
  SECTION("no answer") {
    server.faults().add({.action = FaultAction::stall, .method = "PUT"});
    REQUIRE(put_text(*store, "key", "body"));
    CHECK(store->counters().retries == 1);
  }
  SECTION("half an answer") {
    REQUIRE(put_text(*store, "key", random_text(200'000)));
    server.faults().add({.action = FaultAction::stall_answer, .method = "GET", .after_bytes = 100'000});
    CHECK(text_of(*store, "key").value() == random_text(200'000));
  }
  SECTION("never an answer") {
    server.faults().add({.action = FaultAction::stall, .count = 100});
    auto const result = store->head("key", {});
    REQUIRE_FALSE(result);
    CHECK(result.error().condition == Condition::unreachable);
  }
  SECTION("a transfer that takes longer than the timeout") {
    settings.upload_bytes_per_second = 200'000;
    auto const slow = store_at(settings);
    CHECK(seconds_of([&] { REQUIRE(put_text(*slow, "slow", random_text(250'000))); }) > 0.9);
  }
}

TEST_CASE("a stop is heeded within about a second, whatever is going on") {
  FakeServer server({});
  auto settings = settings_for(server);
  settings.progress_timeout_ms = 60'000;
  settings.backoff_initial_ms = 60'000;
  settings.backoff_max_ms = 60'000;
  auto const action = GENERATE(FaultAction::stall, FaultAction::status);
  CAPTURE(static_cast<int>(action));
  server.faults().add({.action = action, .count = 100});
  auto const store = store_at(settings);
  std::stop_source source;
  std::optional<Result<ObjectInfo>> result;
  std::jthread caller([&] { result = store->head("key", source.get_token()); });
  while (server.requests() == 0)
    std::this_thread::yield();
  double const seconds = seconds_of([&] {
    source.request_stop();
    caller.join();
  });
  CHECK(seconds < 2.0);
  REQUIRE_FALSE(*result);
  CHECK(result->error().condition == Condition::cancelled);
}

TEST_CASE("a wrong clock is corrected by the server's Date") {
  FakeServer server({});
  auto const offset = GENERATE(7200, -86'400);
  server.set_clock_offset_seconds(offset);
  auto const store = store_at(settings_for(server));
  REQUIRE(put_text(*store, "key", "body"));
  CHECK(store->counters().retries == 1);
  CHECK(text_of(*store, "key").value() == "body");
  CHECK(store->counters().retries == 1);
  auto const difference = store->now({}).value() - system_clock().now() - std::chrono::seconds(offset);
  CHECK(std::chrono::abs(difference) < std::chrono::seconds(5));
  SECTION("also when the answer to a HEAD cannot say so") {
    auto const other = store_at(settings_for(server));
    CHECK(other->head("key", {}));
  }
}

TEST_CASE("a machine that sleeps with a request signed signs it anew when it wakes") {
  // Asked for the time, it tells how far off it is: when it signs, when it reads that its time was refused, and so on; then it is right.
  class Waking final : public Clock {
   public:
    explicit Waking(std::vector<std::chrono::hours> off) : off_(std::move(off)) {}
    TimePoint now() const override {
      std::size_t const at = asked_++;
      return system_clock().now() + (at < off_.size() ? off_[at] : std::chrono::hours(0));
    }
    std::chrono::nanoseconds monotonic() const override { return system_clock().monotonic(); }

   private:
    std::vector<std::chrono::hours> off_;
    mutable std::atomic<std::size_t> asked_{0};
  };
  using std::chrono::hours;
  FakeServer server({});
  auto const off = GENERATE(std::vector<hours>{hours(-48)},                              // slept before the request was sent
                            std::vector<hours>{hours(-48), hours(26), hours(26)});       // and again before the refusal was read
  Waking clock(off);
  auto const store = s3::make_store(settings_for(server), clock).value();
  auto const put = put_text(*store, "key", "body");
  REQUIRE(put);
  CHECK(text_of(*store, "key").value() == "body");
  CHECK(store->counters().retries <= 3);
}

TEST_CASE("requests that are refused at once for a wrong clock are all sent again") {
  FakeServer server({});
  server.set_clock_offset_seconds(7200);
  server.set_latency_ms(100);   // all are signed before the first refusal comes
  auto const store = store_at(settings_for(server));
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&, i] {
        if (!put_text(*store, "key" + std::to_string(i), "body")) ++failed;
      });
  }
  CHECK(failed == 0);
}

TEST_CASE("a source that changes after it was hashed is not stored") {
  class Changing final : public ByteSource {
   public:
    std::uint64_t size() const override { return 200'000; }
    Result<std::unique_ptr<ByteReader>> open() const override {
      return ++opened_ == 1 ? before_.open() : after_.open();
    }

   private:
    MemorySource before_{std::string(200'000, 'a')};
    MemorySource after_{std::string(200'000, 'b')};
    mutable int opened_ = 0;
  };
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  auto const result = store->put("key", Changing(), {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::changed);
  CHECK(server.refused() == 0);  // it was never sent whole
  CHECK(store->head("key", {}).error().condition == Condition::not_found);
}

TEST_CASE("a sink that fails ends the download with its own error") {
  class Full final : public ByteSink {
   public:
    Result<void> write(std::span<std::uint8_t const>) override {
      return make_error(Condition::no_space, "disk full");
    }
    Result<void> restart() override { return {}; }
  };
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  REQUIRE(put_text(*store, "key", "body"));
  Full sink;
  auto const result = store->get("key", {}, sink, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::no_space);
  CHECK(server.requests("GET") == 1);
}

TEST_CASE("keys and buckets that do not fit are told apart") {
  FakeServer server({});
  auto settings = settings_for(server);
  SECTION("wrong secret") {
    settings.application_key = Secret("K004wrong");
    auto const result = text_of(*store_at(settings), "key");
    CHECK(result.error().condition == Condition::permission);
    CHECK(result.error().remote_code == "SignatureDoesNotMatch");
    CHECK(result.error().text().find("K004") == std::string::npos);
  }
  SECTION("unknown key") {
    settings.key_id = Secret("004unknown");
    CHECK(text_of(*store_at(settings), "key").error().condition == Condition::permission);
  }
  SECTION("master key") {
    settings.key_id = Secret("0123456789ab");
    CHECK(text_of(*store_at(settings), "key").error().advice.find("master key") != std::string::npos);
  }
  SECTION("missing bucket") {
    settings.bucket = "no-such-bucket";
    auto const result = store_at(settings)->list({}, [](ListEntry const&) { return true; }, {});
    CHECK(result.error().condition == Condition::bad_config);
    CHECK(result.error().subject == "bucket");
  }
  SECTION("wrong region") {
    settings.region = "eu-central-003";
    CHECK(text_of(*store_at(settings), "key").error().condition == Condition::bad_config);
  }
  CHECK(server.refused() + server.requests() > 0);
}

TEST_CASE("without listBuckets a missing object is a matter of permission") {
  FakeServerOptions options;
  options.s3.list_buckets = false;
  FakeServer server(options);
  auto const store = store_at(settings_for(server));
  CHECK(text_of(*store, "key").error().condition == Condition::permission);
  CHECK(store->head("key", {}).error().condition == Condition::permission);
  REQUIRE(put_text(*store, "key", "body"));
  CHECK(text_of(*store, "key").value() == "body");
  CHECK(store->now({}));
}

TEST_CASE("a list goes on after a page that came broken") {
  FakeServer server({});
  auto const store = store_at(settings_for(server));
  REQUIRE(put_text(*store, "a/1", "x"));
  server.faults().add({.action = FaultAction::truncate, .method = "GET", .count = 2, .after_bytes = 50});
  std::vector<std::string> keys;
  REQUIRE(
      store->list({}, [&](ListEntry const& entry) { return keys.push_back(entry.object.key), true; }, {}));
  CHECK(keys == std::vector<std::string>{"a/1"});
}

TEST_CASE("bandwidth limits hold over all connections together") {
  FakeServer server({});
  auto settings = settings_for(server);
  REQUIRE(put_text(*store_at(settings), "key", std::string(300'000, 'x')));
  settings.download_bytes_per_second = 400'000;
  auto const store = store_at(settings);
  bool other_read = false;  // checked after the join: assertions belong to one thread
  double const seconds = seconds_of([&] {
    std::jthread other([&] { other_read = text_of(*store, "key").has_value(); });
    CHECK(text_of(*store, "key"));
  });
  CHECK(other_read);
  CHECK(seconds > 1.1);  // 600,000 bytes, a quarter of a second's worth at once
  CHECK(seconds < 10.0);
}

}  // namespace b2b::test
