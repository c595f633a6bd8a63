#include "core/store/s3/multipart.h"

#include <atomic>

#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {
namespace {

struct Parts {
  Parts() {
    FakeServerOptions options;
    options.s3.min_part_bytes = 100'000;
    server = std::make_unique<FakeServer>(options);
    settings = settings_for(*server);
    settings.multipart_threshold_bytes = 150'000;
    settings.part_bytes = 100'000;
    settings.copy_part_threshold_bytes = 120'000;
    store = store_at(settings);
  }
  std::size_t unfinished() {
    return *server->objects().with(server->options().bucket,
                                   [](FakeBucket& bucket) { return bucket.uploads.size(); });
  }
  std::unique_ptr<FakeServer> server;
  s3::Settings settings;
  std::unique_ptr<Store> store;
};

std::string text(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    out[i] = static_cast<char>(static_cast<unsigned char>(i * 31 + i / 251));
  return out;
}

// Requests a stop once `after` bytes were read.
class StoppingSource final : public ByteSource {
 public:
  StoppingSource(std::string bytes, std::size_t after, std::stop_source& stop)
      : inner_(std::move(bytes)), after_(after), stop_(stop) {}
  std::uint64_t size() const override { return inner_.size(); }
  Result<std::unique_ptr<ByteReader>> open() const override {
    class Reader final : public ByteReader {
     public:
      Reader(std::unique_ptr<ByteReader> inner, std::size_t after, std::stop_source& stop)
          : inner_(std::move(inner)), after_(after), stop_(stop) {}
      Result<std::size_t> read(std::span<std::uint8_t> buffer) override {
        auto n = inner_->read(buffer.first(std::min<std::size_t>(buffer.size(), 10'000)));
        if (n) total_ += *n;
        if (total_ > after_) stop_.request_stop();
        return n;
      }

     private:
      std::unique_ptr<ByteReader> inner_;
      std::size_t after_;
      std::size_t total_ = 0;
      std::stop_source& stop_;
    };
    B2B_ASSIGN(auto inner, inner_.open());
    return std::unique_ptr<ByteReader>(std::make_unique<Reader>(std::move(inner), after_, stop_));
  }

 private:
  MemorySource inner_;
  std::size_t after_;
  std::stop_source& stop_;
};

}  // namespace

TEST_CASE("part sizes stay within 10,000 parts") {
  CHECK(s3::part_size(1, 8 << 20) == 8 << 20);
  CHECK(s3::part_size(80ULL << 30, 8 << 20) == 9 << 20);
  for (std::uint64_t const size :
       {100'000'000ULL, 83'886'080'000ULL, 83'886'080'001ULL, 10'000'000'000'000ULL}) {
    auto const part = s3::part_size(size, 8 << 20);
    CHECK((size + part - 1) / part <= s3::max_parts);
  }
}

TEST_CASE("the request that completes an upload") {
  CHECK(s3::complete_request({{1, 5, "aa"}, {2, 3, "b&"}}) ==
        "<CompleteMultipartUpload "
        "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</PartNumber>"
        "<ETag>\"aa\"</ETag></Part><Part><PartNumber>2</PartNumber><ETag>\"b&amp;\"</ETag></Part></"
        "CompleteMultipartUpload>");
}

TEST_CASE("a large body goes in parts and comes back whole") {
  Parts parts;
  for (std::size_t const size : {150'001u, 200'000u, 1'000'001u}) {
    CAPTURE(size);
    auto const put = parts.store->put("large", MemorySource(text(size)), {});
    REQUIRE(put);
    CHECK(put->size == size);
    CHECK(put->etag.find('-') != std::string::npos);
    CHECK(text_of(*parts.store, "large").value() == text(size));
    CHECK(text_of(*parts.store, "large", ByteRange{99'990, 20}).value() == text(size).substr(99'990, 20));
  }
  CHECK(parts.unfinished() == 0);
  CHECK(parts.server->refused() == 0);
}

TEST_CASE("an interrupted upload goes on where it was") {
  Parts parts;
  std::string const body = text(1'000'000);
  std::stop_source source;
  auto const first = parts.store->put("large", StoppingSource(body, 550'000, source), source.get_token());
  REQUIRE_FALSE(first);
  CHECK(first.error().condition == Condition::cancelled);
  CHECK(parts.unfinished() == 1);
  auto const sent_before = parts.store->counters().bytes_sent;
  auto const requests_before = parts.server->requests("PUT");
  REQUIRE(parts.store->put("large", MemorySource(body), {}));
  CHECK(parts.store->counters().bytes_sent - sent_before <= 500'000);
  CHECK(parts.server->requests("PUT") - requests_before <= 5);
  CHECK(text_of(*parts.store, "large").value() == body);
  CHECK(parts.unfinished() == 0);
}

TEST_CASE("parts of other bytes are not used again") {
  Parts parts;
  std::stop_source source;
  REQUIRE_FALSE(
      parts.store->put("large", StoppingSource(text(1'000'000), 550'000, source), source.get_token()));
  std::string other = text(1'000'000);
  for (char& c : other)
    c = static_cast<char>(c ^ 1);
  REQUIRE(parts.store->put("large", MemorySource(other), {}));
  CHECK(text_of(*parts.store, "large").value() == other);
}

TEST_CASE("an upload that fails for good is aborted") {
  Parts parts;
  parts.server->faults().add({.action = FaultAction::status,
                              .target_contains = "partNumber=2",
                              .status = 403,
                              .code = "AccessDenied",
                              .message = "cap exceeded"});
  auto const result = parts.store->put("large", MemorySource(text(400'000)), {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::limit);
  CHECK(parts.unfinished() == 0);
}

TEST_CASE("an upload to a store that went away is left to be resumed") {
  Parts parts;
  parts.server->faults().add(
      {.action = FaultAction::status, .target_contains = "partNumber=2", .count = 100});
  auto const result = parts.store->put("large", MemorySource(text(400'000)), {});
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::unreachable);
  CHECK(parts.unfinished() == 1);
}

TEST_CASE("a completed upload whose answer was lost is found") {
  Parts parts;
  parts.server->faults().add(
      {.action = FaultAction::lose_answer, .method = "POST", .target_contains = "uploadId="});
  auto const result = parts.store->put("large", MemorySource(text(400'000)), {});
  REQUIRE(result);
  CHECK(result->size == 400'000);
  CHECK(text_of(*parts.store, "large").value() == text(400'000));
}

TEST_CASE("an error in the body of a 200 is an error") {
  Parts parts;
  SECTION("of a completion") {
    parts.server->faults().add({.action = FaultAction::status,
                                .method = "POST",
                                .target_contains = "uploadId=",
                                .count = 2,
                                .status = 200,
                                .code = "InternalError"});
    REQUIRE(parts.store->put("large", MemorySource(text(400'000)), {}));
    CHECK(parts.store->counters().retries == 2);
  }
  SECTION("of a copy") {
    REQUIRE(parts.store->put("a", MemorySource("x"), {}));
    parts.server->faults().add(
        {.action = FaultAction::status, .method = "PUT", .count = 2, .status = 200, .code = "InternalError"});
    REQUIRE(parts.store->copy("a", "b", 1, {}));
    CHECK(parts.store->counters().retries == 2);
  }
}

TEST_CASE("copies, whole and in parts") {
  Parts parts;
  for (std::size_t const size : {0u, 1u, 120'000u, 120'001u, 500'000u}) {
    CAPTURE(size);
    REQUIRE(parts.store->put("from + ü", MemorySource(text(size)), {}));
    REQUIRE(parts.store->copy("from + ü", "to/x", size, {}));
    CHECK(text_of(*parts.store, "to/x").value() == text(size));
  }
  auto const wrong = parts.store->copy("from + ü", "to/x", 7, {});
  CHECK(wrong.error().condition == Condition::changed);
  CHECK(parts.store->copy("absent", "to/x", 7, {}).error().condition == Condition::not_found);
  CHECK(parts.unfinished() == 0);
}

TEST_CASE("a copy falls back where conditions are not implemented") {
  Parts parts;
  REQUIRE(parts.store->put("a", MemorySource("x"), {}));
  parts.server->faults().add(
      {.action = FaultAction::status, .method = "PUT", .status = 501, .code = "NotImplemented"});
  REQUIRE(parts.store->copy("a", "b", 1, {}));
}

TEST_CASE("a copy in parts that fails leaves nothing behind") {
  Parts parts;
  REQUIRE(parts.store->put("a", MemorySource(text(500'000)), {}));
  parts.server->faults().add(
      {.action = FaultAction::status, .target_contains = "partNumber=3", .count = 100});
  CHECK_FALSE(parts.store->copy("a", "b", 500'000, {}));
  CHECK(parts.unfinished() == 0);
}

TEST_CASE("old unfinished uploads are cleared away, young ones and others stay") {
  Parts parts;
  std::stop_source source;
  for (auto const* key : {"p/one", "p/two", "q/three"}) {
    std::stop_source stop;
    REQUIRE_FALSE(parts.store->put(key, StoppingSource(text(300'000), 150'000, stop), stop.get_token()));
  }
  CHECK(parts.store->remove_unfinished("p/", 3600, {}).value() == 0);
  parts.server->set_clock_offset_seconds(600);
  REQUIRE(parts.store->put("x", MemorySource("x"), {}));  // the store's clock moves on with its answers
  CHECK(parts.store->remove_unfinished("p/", 500, {}).value() == 2);
  CHECK(parts.unfinished() == 1);
}

}  // namespace b2b::test
