#include "daemon/jobs/last_restore.h"

#include <boost/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::jobs;
namespace json = boost::json;

namespace {

TimePoint const ended = *parse_iso8601("2026-11-25T12:00:00Z");

json::object answer(int restored, int removed) {
  return {{"snapshot", "s"}, {"restored", restored}, {"removed", removed}, {"safety", "safety-1/2"}, {"quarantine", "/q"}, {"failed", json::array{}}};
}

}  // namespace

TEST_CASE("last restore: says what it did and how to undo it") {
  auto const last = last_restore_answer(restore_end_of(answer(1, 2), true), ended);
  CHECK(last.at("text") == "Snapshot s was restored: 1 file came back, 2 were set aside.");
  CHECK(last.at("ended") == "2026-11-25T12:00:00.000Z");
  CHECK(last.at("state") == "done");
  CHECK(last.at("safety") == "safety-1/2");
  CHECK(last.at("undo") == "daemonctl restore safety-1/2");
  REQUIRE(last.at("advice").as_array().size() == 5);
  CHECK(last.at("advice").at(0) == "To undo it, with what was there before: daemonctl restore safety-1/2");
}

TEST_CASE("last restore: what was not changed needs no advice") {
  CHECK(restore_advice(restore_end_of(answer(3, 0), false)).size() == 2);  // some files only: no channel is affected
  CHECK(restore_advice(restore_end_of({{"snapshot", "s"}, {"restored", 0}, {"removed", 0}, {"safety", nullptr}}, true)).empty());
  RestoreEnd expired;
  expired.state = "expired";
  expired.quarantine = "/q";
  CHECK(restore_advice(expired).empty());
  json::object bad = answer(1, 0);
  bad["failed"] = json::array{json::object{{"path", "a"}}};
  CHECK(restore_end_of(bad, true).text.ends_with(" 1 file could not be restored."));
}

TEST_CASE("last restore: is kept, and what cannot be understood is none") {
  b2b::test::Scratch const scratch;
  auto index = Index::open(scratch.path()).value();
  CHECK_FALSE(last_restore(*index).value());
  auto const last = last_restore_answer(restore_end_of(answer(1, 2), true), ended);
  REQUIRE(keep_last_restore(*index, last));
  CHECK(last_restore(*index).value() == last);
  for (char const* text : {"", "{", "[]", "{}", R"({"ended":7})", R"({"ended":"soon"})"}) {
    REQUIRE(index->set_value("last-restore", text));
    CHECK_FALSE(last_restore(*index).value());
  }
}
