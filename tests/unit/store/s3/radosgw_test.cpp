// The S3 store against a real server, Ceph's radosgw, plain and over TLS, with versioned buckets.
// scripts/lib/radosgw.sh starts one; B2B_RADOSGW_ENV names the file that it writes. Without that the tests
// are skipped.
#include <atomic>
#include <thread>

#include "core/store/s3/client.h"
#include "core/util/worker_pool.h"
#include "tests/support/catch.h"
#include "tests/unit/store/conformance.h"
#include "tests/unit/store/s3/radosgw.h"

namespace b2b::test {

TEST_CASE("radosgw: the store contract, plain") {
  B2B_REQUIRE_RADOSGW(env);
  s3::Settings settings;
  ConformanceOptions options;
  // A plain DELETE, by a client of its own.
  options.hide = [&](Store&, std::string const& key) {
    auto const client = s3::Client::create(settings, system_clock()).value();
    REQUIRE(client->send(client->call("DELETE", "hide", key), {}));
  };
  run_conformance([&] { return store_at(settings = with_new_bucket(settings_of(env, false))); }, options);
}

TEST_CASE("radosgw: the store contract, over TLS") {
  B2B_REQUIRE_RADOSGW(env);
  ConformanceOptions options;
  options.listed_objects = 1001;
  run_conformance([&] { return store_at(with_new_bucket(settings_of(env, true))); }, options);
}

TEST_CASE("radosgw: large objects in parts, copies in parts, nothing left behind") {
  B2B_REQUIRE_RADOSGW(env);
  auto const store = store_at(with_new_bucket(settings_of(env, true)));
  std::string const body(23'000'001, 'x');
  REQUIRE(store->put("large + ü", MemorySource(body), {}));
  CHECK(text_of(*store, "large + ü").value() == body);
  REQUIRE(store->copy("large + ü", "copy/of it", body.size(), {}));
  CHECK(text_of(*store, "copy/of it").value() == body);
  CHECK(store->remove_unfinished("", 0, {}).value() == 0);
}

TEST_CASE("radosgw: pages of versions with names that need encoding") {
  B2B_REQUIRE_RADOSGW(env);
  auto const store = store_at(with_new_bucket(settings_of(env, false)));
  std::atomic<int> stored = 0;
  {
    WorkerPool pool(16, 64);
    for (int i = 0; i < 1100; ++i)
      pool.submit([&, i] {
        if (store->put("v/a+b %41&<" + std::to_string(10'000 + i) + "ü", MemorySource("x"), {})) ++stored;
      });
  }
  REQUIRE(stored == 1100);
  std::vector<ObjectVersion> versions;
  REQUIRE(
      store->list_versions("v/", [&](ObjectVersion const& v) { return versions.push_back(v), true; }, {}));
  REQUIRE(versions.size() == 1100);
  REQUIRE(store->remove_versions(versions, {}));
  versions.clear();
  REQUIRE(store->list_versions("", [&](ObjectVersion const& v) { return versions.push_back(v), true; }, {}));
  CHECK(versions.empty());
}

TEST_CASE("radosgw: wrong keys and buckets") {
  B2B_REQUIRE_RADOSGW(env);
  auto settings = with_new_bucket(settings_of(env, false));
  auto wrong = settings;
  wrong.application_key = Secret("wrong");
  CHECK(store_at(wrong)->put("k", MemorySource("x"), {}).error().condition == Condition::permission);
  wrong = settings;
  wrong.key_id = Secret("nobody");
  CHECK(store_at(wrong)->put("k", MemorySource("x"), {}).error().condition == Condition::permission);
  wrong = settings;
  wrong.bucket = "b2b-no-such-bucket";
  CHECK(store_at(wrong)->put("k", MemorySource("x"), {}).error().condition == Condition::bad_config);
}

// Not a check: prints how fast it goes, for docs/benchmarks.md.
TEST_CASE("radosgw: throughput", "[.bench]") {
  B2B_REQUIRE_RADOSGW(env);
  bool const tls = GENERATE(false, true);
  auto const store = store_at(with_new_bucket(settings_of(env, tls)));
  for (auto const& tree : {std::pair<int, std::size_t>{500, 256 * 1024}, {4000, 4096}}) {
    int const count = tree.first;
    std::size_t const size = tree.second;
    std::string const body(size, 'x');
    auto const timed = [&](char const* what, std::function<bool(std::string const&)> const& action) {
      std::atomic<int> failures = 0;
      auto const begin = system_clock().monotonic();
      {
        WorkerPool pool(32, 64);
        for (int i = 0; i < count; ++i)
          pool.submit([&, i] {
            if (!action("k/" + std::to_string(size) + "/" + std::to_string(i))) ++failures;
          });
      }
      double const seconds = std::chrono::duration<double>(system_clock().monotonic() - begin).count();
      CHECK(failures == 0);
      WARN(what << (tls ? " over TLS: " : ": ") << count << " × " << size << " bytes in " << seconds << " s, "
                << count / seconds << " objects/s, " << count * static_cast<double>(size) / seconds / 1e6
                << " MB/s");
    };
    timed("put", [&](std::string const& key) { return store->put(key, MemorySource(body), {}).has_value(); });
    timed("get", [&](std::string const& key) { return text_of(*store, key).has_value(); });
  }
}

}  // namespace b2b::test
