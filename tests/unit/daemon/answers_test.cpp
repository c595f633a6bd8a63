#include "daemon/jobs/answers.h"

#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::jobs;

namespace {

std::string text(boost::json::object const& answer) { return boost::json::serialize(answer); }

}  // namespace

TEST_CASE("answers: a push that found nothing to do") {
  PushReport report;
  report.unchanged = true;
  report.files = 3;
  auto const answer = push_answer(report);
  CHECK(text(answer) ==
        R"({"snapshot":null,"unchanged":true,"files":3,"changed":0,"added":0,"deleted":0,"bytesUploaded":0,"requests":0,)"
        R"("seconds":0E0,"complete":true,"vanishedAlarm":false,"skipped":[],"warnings":[]})");
  CHECK(exit_code_of_answer(answer) == 0);
}

TEST_CASE("answers: what makes a push incomplete") {
  PushReport report;
  report.snapshot = make_snapshot_id(SnapshotKind::regular, TimePoint{}, 1);
  CHECK(exit_code_of_answer(push_answer(report)) == 0);
  CHECK_FALSE(push_answer(report).contains("unchanged"));
  SECTION("a file that was left out") {
    report.skipped.push_back({});
    report.skipped.back().path = "a\nb";
    report.skipped.back().detail = "no";
    CHECK(boost::json::serialize(push_answer(report).at("skipped")) == R"([{"path":"a\\nb","reason":"no"}])");
  }
  SECTION("a snapshot that is not whole") { report.complete = false; }
  SECTION("files that vanished") { report.vanished_alarm = true; }
  CHECK(exit_code_of_answer(push_answer(report)) == 3);
  CHECK(is_incomplete(push_answer(report)));
}

TEST_CASE("answers: restore, verify and prune have exit codes of their own") {
  RestoreReport restored;
  CHECK(exit_code_of_answer(restore_answer(restored)) == 0);
  CHECK(text(restore_answer(restored)).find(R"("safety":null)") != std::string::npos);
  restored.failed.push_back({"a\x1b", "is \xff"});
  CHECK(boost::json::serialize(restore_answer(restored).at("failed")) == R"([{"path":"a\\x1b","error":"is \\xff"}])");
  CHECK(exit_code_of_answer(restore_answer(restored)) == 3);

  VerifyReport verified;
  CHECK(exit_code_of_answer(verify_answer(verified)) == 0);
  verified.problems.push_back({"id", "p", "is gone"});
  CHECK(exit_code_of_answer(verify_answer(verified)) == 3);

  PruneReport pruned;
  CHECK(exit_code_of_answer(prune_answer(pruned)) == 0);
  pruned.paused = true;
  CHECK(exit_code_of_answer(prune_answer(pruned)) == 77);
}

TEST_CASE("answers: names that are not UTF-8 come with their exact bytes") {
  CatalogEntry row;
  row.entry.path = "a\xff";
  row.entry.type = EntryType::directory;
  auto const answer = entry_answer(row);
  CHECK(answer.at("path").as_string() == "a\\xff");
  CHECK(answer.at("path64").as_string() == "Yf8=");
  row.entry.path = "a";
  CHECK_FALSE(entry_answer(row).contains("path64"));
  row.entry.path = "a\nb";  // shown as a\\nb, which is not its name
  CHECK(entry_answer(row).at("path64").as_string() == "YQpi");
}

TEST_CASE("answers: a list of snapshots says what is wrong with each") {
  ListedSnapshot snapshot;
  snapshot.info.id = make_snapshot_id(SnapshotKind::regular, TimePoint{}, 1);
  snapshot.info.complete = false;
  snapshot.info.skipped_total = 2;
  snapshot.info.ours = true;
  snapshot.info.program = "b2backupd 1";
  snapshot.info.openclaw = "2026.9.6";
  auto const incomplete = snapshot_answer(snapshot);
  CHECK_FALSE(incomplete.at("complete").as_bool());
  CHECK(incomplete.at("filesMissing").to_number<int>() == 2);
  CHECK(incomplete.at("writtenBy").as_string() == "b2backupd 1");
  CHECK(incomplete.at("openclaw").as_string() == "2026.9.6");
  snapshot.has_manifest = false;
  CHECK(snapshot_answer(snapshot).at("unfinished").as_bool());
  CHECK_FALSE(snapshot_answer(snapshot).contains("filesMissing"));
}
