// A few days of the daemon against a real S3 server.
#include "tests/unit/service/week_story.h"
#include "tests/unit/store/s3/radosgw.h"

using namespace b2b;
using namespace b2b::test;

TEST_CASE("radosgw: a few days with everything in them") {
  B2B_REQUIRE_RADOSGW(env);
  auto const store = store_at(with_new_bucket(settings_of(env, false)));
  // The server's own clock judges ages, so these days are the last ones.
  auto const today = std::chrono::floor<std::chrono::days>(system_clock().now());
  tell_story(TimePoint(today) - std::chrono::days(4), store.get());
}
