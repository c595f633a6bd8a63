#include "core/crypto/b2en.h"

#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "tests/support/catch.h"
#include "tests/unit/crypto/vectors.h"

using namespace b2b;
using namespace b2b::test;

namespace {

// A source whose content the test changes behind the reader's back: `content(n)` is what the n-th reader sees.
class ShiftySource final : public ByteSource {
 public:
  ShiftySource(std::uint64_t size, std::function<std::string(int)> content) : size_(size), content_(std::move(content)) {}
  std::uint64_t size() const override { return size_; }
  Result<std::unique_ptr<ByteReader>> open() const override {
    current_.push_back(std::make_unique<MemorySource>(content_(opened_++)));
    return current_.back()->open();
  }

 private:
  std::uint64_t size_;
  std::function<std::string(int)> content_;
  mutable int opened_ = 0;
  mutable std::vector<std::unique_ptr<MemorySource>> current_;
};

class FailingSource final : public ByteSource {
 public:
  std::uint64_t size() const override { return 10; }
  Result<std::unique_ptr<ByteReader>> open() const override { return make_error(Condition::io, "the disk is gone"); }
};

class EndlessSource final : public ByteSource {
 public:
  std::uint64_t size() const override { return b2en_max_plaintext + 1; }
  Result<std::unique_ptr<ByteReader>> open() const override { return make_error(Condition::internal, "never opened"); }
};

// All that a reader gives out, up to its end or an error.
struct Given {
  std::string bytes;
  std::optional<Error> error;
};

Given read_all(ByteReader& reader, std::size_t step) {
  Given given;
  std::vector<std::uint8_t> buffer(step);
  for (;;) {
    auto const got = reader.read(buffer);
    if (!got) {
      given.error = got.error();
      return given;
    }
    given.bytes.append(as_text({buffer.data(), *got}));
    if (*got < step) return given;
  }
}

std::string object_of(B2enSource const& source, std::size_t step = 64 * 1024) {
  auto const reader = source.open().value();
  auto given = read_all(*reader, step);
  REQUIRE_FALSE(given.error);
  return std::move(given.bytes);
}

std::shared_ptr<ByteSource const> memory(std::string text) { return std::make_shared<MemorySource>(std::move(text)); }

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  return text;
}

}  // namespace

TEST_CASE("a header is read and written") {
  auto const object = vector_object();
  auto const header = parse_b2en_header(object);
  REQUIRE(header);
  CHECK(header->salt[0] == 0x00);
  CHECK(header->salt[31] == 0x1f);
  CHECK(header->iv[0] == 0xa0);
  CHECK(header->tag[15] == 0x0e);
  CHECK(format_b2en_header(*header) == object.substr(0, b2en_header_size));
  CHECK_FALSE(parse_b2en_header(object.substr(0, 63)));
  CHECK_FALSE(parse_b2en_header("B2EN"));
  CHECK_FALSE(parse_b2en_header(""));
  CHECK_FALSE(parse_b2en_header("b2en" + object.substr(4)));
}

TEST_CASE("the object of a known text is the one that other code makes") {
  for (std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{1} << 20}) {
    auto const source =
        B2enSource::create(memory(std::string(vector_plaintext)), vector_key(), vector_salt(), vector_iv(), limit).value();
    CHECK(source->size() == vector_object().size());
    for (std::size_t step : {1U, 7U, 63U, 64U, 65U, 4096U}) CHECK(object_of(*source, step) == vector_object());
    CHECK(source->plaintext_sha256() == sha256(vector_plaintext));
    CHECK(source->header().iv == vector_iv());
    auto const empty = B2enSource::create(memory(""), vector_key(), vector_salt(), vector_iv(), limit).value();
    CHECK(object_of(*empty) == empty_vector_object());
  }
}

TEST_CASE("encrypting in memory and while reading make the same object") {
  auto const seed = std::random_device{}();
  INFO("seed " << seed);
  for (std::size_t size : {1U, 15U, 16U, 65535U, 65536U, 65537U, 200'000U}) {
    auto const text = random_text(size, seed);
    auto const in_memory = B2enSource::create(memory(text), vector_key(), vector_salt(), vector_iv()).value();
    auto const streamed = B2enSource::create(memory(text), vector_key(), vector_salt(), vector_iv(), 0).value();
    CHECK(in_memory->plaintext_sha256() == sha256(text));
    CHECK(streamed->plaintext_sha256() == sha256(text));
    auto const object = object_of(*in_memory);
    CHECK(object.size() == size + b2en_header_size);
    CHECK(object_of(*streamed, 1000) == object);
    CHECK(object_of(*streamed) == object);  // and again
  }
}

TEST_CASE("every object has an IV of its own") {
  auto const a = B2enSource::create(memory("same"), vector_key(), vector_salt()).value();
  auto const b = B2enSource::create(memory("same"), vector_key(), vector_salt()).value();
  CHECK(a->header().iv != b->header().iv);
  CHECK(object_of(*a) != object_of(*b));
}

TEST_CASE("a body that changes between two passes is never completed") {
  std::string const before(100'000, 'a');
  auto source_of = [&](std::string after) {
    auto shifty = std::make_shared<ShiftySource>(before.size(), [&before, after](int n) { return n == 0 ? before : after; });
    return B2enSource::create(shifty, vector_key(), vector_salt(), std::nullopt, 0).value();
  };
  std::string changed = before;
  for (std::size_t at : {std::size_t{0}, std::size_t{50'000}, before.size() - 1}) {
    changed = before;
    changed[at] = 'b';
    for (std::size_t step : {1000U, 64U * 1024, 1U << 20}) {
      auto const source = source_of(changed);
      auto const reader = source->open().value();
      auto const given = read_all(*reader, step);
      INFO("changed at " << at << ", read in steps of " << step);
      REQUIRE(given.error);
      CHECK(given.error->condition == Condition::changed);
      CHECK(given.bytes.size() < source->size());
      std::vector<std::uint8_t> more(10);
      CHECK(reader->read(more).error().condition == Condition::changed);
    }
  }
  for (auto const& after : {before.substr(1), std::string(), before + "x"}) {
    auto const source = source_of(after);
    auto const given = read_all(*source->open().value(), 4096);
    REQUIRE(given.error);
    CHECK(given.error->condition == Condition::changed);
    CHECK(given.bytes.size() < source->size());
  }
}

TEST_CASE("a source that does not keep to its size is noticed at once") {
  for (std::uint64_t limit : {0U, 1000U}) {
    for (std::size_t actual : {0U, 9U, 11U}) {
      auto shifty = std::make_shared<ShiftySource>(10, [actual](int) { return std::string(actual, 'x'); });
      auto const source = B2enSource::create(shifty, vector_key(), vector_salt(), std::nullopt, limit);
      REQUIRE_FALSE(source);
      CHECK(source.error().condition == Condition::changed);
    }
    CHECK(B2enSource::create(std::make_shared<FailingSource>(), vector_key(), vector_salt(), std::nullopt, limit).error().condition ==
          Condition::io);
  }
}

TEST_CASE("a plaintext over the limit of GCM is refused before it is read") {
  auto const source = B2enSource::create(std::make_shared<EndlessSource>(), vector_key(), vector_salt());
  REQUIRE_FALSE(source);
  CHECK(source.error().condition == Condition::limit);
}

TEST_CASE("threads read one source at the same time") {
  auto const text = random_text(150'000, 1);
  for (std::uint64_t limit : {0U, 1U << 20}) {
    auto const source = B2enSource::create(memory(text), vector_key(), vector_salt(), vector_iv(), limit).value();
    auto const expected = sha256(object_of(*source));
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        auto const reader = source->open();
        if (!reader || sha256(read_all(**reader, 10'000).bytes) != expected) ++wrong;
      });
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
  }
}
