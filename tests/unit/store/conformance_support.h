// What the parts of the conformance suite and the tests of single stores have in common.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

#include "core/store/store.h"
#include "tests/unit/store/conformance.h"

namespace b2b::test {

// REQUIRE(ok(result)) prints the error's text when it does not hold.
template <class T>
bool ok(Result<T> const& result) {
  if (!result) UNSCOPED_INFO(condition_name(result.error().condition) << ": " << result.error().text());
  return result.has_value();
}

// The condition of a failed call; REQUIREs that it failed.
template <class T>
Condition condition_of(Result<T> const& result) {
  REQUIRE_FALSE(result.has_value());
  UNSCOPED_INFO(result.error().text());
  CHECK_FALSE(result.error().message.empty());
  return result.error().condition;
}

std::string body_of(std::size_t size, std::uint64_t seed);  // the same bytes for the same arguments
Result<ObjectInfo> put_text(Store& store, std::string const& key, std::string text);
void must_put(Store& store, std::string const& key, std::string text);
std::string must_get(Store& store, std::string const& key);
bool is_absent(Store& store, std::string const& key);
std::vector<std::string> list_names(Store& store, ListOptions const& options);  // prefixes too
std::vector<ObjectVersion> versions_under(Store& store, std::string const& prefix);

// Announces one size and delivers another, or fails on the way.
class LyingSource final : public ByteSource {
 public:
  LyingSource(std::uint64_t announced, std::uint64_t delivered, bool fails_at_end = false)
      : announced_(announced), delivered_(delivered), fails_at_end_(fails_at_end) {}
  std::uint64_t size() const override { return announced_; }
  Result<std::unique_ptr<ByteReader>> open() const override;

 private:
  std::uint64_t announced_;
  std::uint64_t delivered_;
  bool fails_at_end_;
};

// Takes `limit` bytes, then fails with Condition::io.
class FullSink final : public ByteSink {
 public:
  explicit FullSink(std::uint64_t limit) : left_(limit) {}
  Result<void> write(std::span<std::uint8_t const> bytes) override;
  Result<void> restart() override { return {}; }

 private:
  std::uint64_t left_;
};

// The parts of the suite.
using MakeStore = std::function<std::unique_ptr<Store>()>;
void objects_conform(MakeStore const& make, ConformanceOptions const& options);
void listing_conforms(MakeStore const& make, ConformanceOptions const& options);

}  // namespace b2b::test
