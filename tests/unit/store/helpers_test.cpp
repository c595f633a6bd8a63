#include <catch2/catch.hpp>

#include "core/store/fault_store.h"
#include "tests/unit/store/conformance_support.h"

using namespace b2b;
using test::condition_of;

namespace {

TimePoint const start = *parse_iso8601("2026-02-19T12:00:00Z");

// Says that it removed versions and keeps them, as Object Lock in a careless store would.
class KeepingStore final : public Store {
 public:
  explicit KeepingStore(Store& inner) : inner_(inner) {}
  StoreTraits const& traits() const override { return inner_.traits(); }
  Result<ObjectInfo> put(std::string const& key, ByteSource const& body,
                         std::stop_token const& stop) override {
    return inner_.put(key, body, stop);
  }
  Result<ObjectInfo> get(std::string const& key, std::optional<ByteRange> range, ByteSink& sink,
                         std::stop_token const& stop) override {
    return inner_.get(key, range, sink, stop);
  }
  Result<ObjectInfo> head(std::string const& key, std::stop_token const& stop) override {
    return inner_.head(key, stop);
  }
  Result<void> list(ListOptions const& options, std::function<bool(ListEntry const&)> const& visit,
                    std::stop_token const& stop) override {
    return inner_.list(options, visit, stop);
  }
  Result<void> list_versions(std::string const& prefix,
                             std::function<bool(ObjectVersion const&)> const& visit,
                             std::stop_token const& stop) override {
    return inner_.list_versions(prefix, visit, stop);
  }
  Result<void> copy(std::string const& from, std::string const& to, std::uint64_t size,
                    std::stop_token const& stop) override {
    return inner_.copy(from, to, size, stop);
  }
  Result<void> remove_versions(std::span<ObjectVersion const> versions, std::stop_token const&) override {
    largest_batch = std::max(largest_batch, versions.size());
    return {};
  }
  Result<void> flush(std::stop_token const& stop) override { return inner_.flush(stop); }
  Result<std::uint64_t> remove_unfinished(std::string const& prefix, std::uint64_t age,
                                          std::stop_token const& stop) override {
    return inner_.remove_unfinished(prefix, age, stop);
  }
  Result<TimePoint> now(std::stop_token const& stop) override { return inner_.now(stop); }
  StoreCounters counters() const override { return inner_.counters(); }

  std::size_t largest_batch = 0;

 private:
  Store& inner_;
};

}  // namespace

TEST_CASE("remove_all removes more versions than fit in one batch") {
  ManualClock clock(start);
  auto const store = make_memory_store(clock, true);
  for (int i = 0; i < 2100; ++i)
    test::must_put(*store, "hot", "x");
  test::must_put(*store, "hot/below", "stays");
  REQUIRE(test::ok(remove_all(*store, "hot", {})));
  auto const left = test::versions_under(*store, "hot");
  REQUIRE(left.size() == 1);
  CHECK(left[0].key == "hot/below");
}

TEST_CASE("remove_all does not loop over versions that stay") {
  ManualClock clock(start);
  auto const memory = make_memory_store(clock, true);
  KeepingStore store(*memory);
  for (int i = 0; i < 1500; ++i)
    test::must_put(store, "locked", "x");
  auto const removed = remove_all(store, "locked", {});
  CHECK(condition_of(removed) == Condition::internal);
  CHECK(removed.error().text().find("Object Lock") != std::string::npos);
  CHECK(store.largest_batch == 1000);
}

TEST_CASE("helpers pass errors of the store on") {
  ManualClock clock(start);
  auto const memory = make_memory_store(clock, true);
  test::must_put(*memory, "key", "x");
  FaultPlan plan;
  plan.fail_probability = 1;
  plan.condition = Condition::permission;
  FaultStore store(*memory, plan);
  CHECK(condition_of(remove_all(store, "key", {})) == Condition::permission);
  CHECK(condition_of(get_text(store, "key", 10, {})) == Condition::permission);
}

TEST_CASE("get_text keeps the limit of an account apart from the limit of a text") {
  ManualClock clock(start);
  auto const memory = make_memory_store(clock, false);
  test::must_put(*memory, "key", "0123456789");
  auto const limited = get_text(*memory, "key", 9, {});
  CHECK(condition_of(limited) == Condition::limit);
  CHECK(limited.error().subject == "key");
  CHECK(limited.error().message.find("9 bytes") != std::string::npos);
  CHECK(*get_text(*memory, "key", 10, {}) == "0123456789");
}
