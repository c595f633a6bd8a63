#include "daemon/jobs/last_check.h"

#include <boost/json.hpp>

#include "core/util/file.h"
#include "daemon/jobs/members.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::jobs;

namespace {

TimePoint const now = *parse_iso8601("2026-02-19T12:00:00Z");

CheckReport with(std::vector<VerifyProblem> problems) {
  CheckReport report;
  report.problems = std::move(problems);
  return report;
}

}  // namespace

TEST_CASE("last check: in words", "[last_check]") {
  CHECK(check_text(CheckKind::content, check_answer(CheckKind::content, {}, now, nullptr)) == "all is well");
  auto const one = check_answer(CheckKind::content, with({{"", "p.repo/packs/ab", "it is damaged"}}), now, nullptr);
  CHECK(check_text(CheckKind::content, one) ==
        "what is stored is damaged. p.repo/packs/ab: it is damaged. All that is affected: daemonctl verify --read-data. "
        "To store again what this machine still has: daemonctl repair");
  auto const more = check_answer(CheckKind::presence, with({{"2026-01-01T00-00-00Z", "", "it is unreadable"}, {"s", "a.md", "lost"}}), now, nullptr);
  CHECK(check_text(CheckKind::presence, more) ==
        "what is stored is damaged. snapshot 2026-01-01T00-00-00Z: it is unreadable; and 1 more. All that is affected: daemonctl verify. "
        "To store again what this machine still has: daemonctl repair");
}

TEST_CASE("last check: the advice is of what was found", "[last_check]") {
  CheckReport gone = with({{"s", "", "it is gone", Remedy::look_back}});
  gone.way_back = "3 snapshots were hidden";
  std::string const told = check_text(CheckKind::presence, check_answer(CheckKind::presence, gone, now, nullptr));
  CHECK(told == "what is stored is damaged. snapshot s: it is gone. Before you run daemonctl verify, which forgets snapshots that are gone: 3 snapshots were hidden");
  std::string const plugin = check_text(CheckKind::content, check_answer(CheckKind::content, with({{"s", "a", "bad", Remedy::push}}), now, nullptr));
  CHECK(plugin.find("daemonctl push") != std::string::npos);
  CHECK(plugin.find("daemonctl verify --read-data") != std::string::npos);
  CHECK(plugin.find("repair") == std::string::npos);
  std::string const keys = check_text(CheckKind::content, check_answer(CheckKind::content, with({{"s", "a", "not opened", Remedy::keys}}), now, nullptr));
  CHECK(keys.find("damaged") == std::string::npos);
  CHECK(keys.find("decryptionKeys") != std::string::npos);
}

TEST_CASE("last check: what concerns a snapshot or a pack that is no more is over", "[last_check]") {
  auto const before = check_answer(CheckKind::content,
                                   with({{"pruned", "a", "bad"}, {"kept", "a", "bad"}, {"", "p.repo/packs/aa/old", "bad"}, {"", "p.repo/packs/bb/here", "bad"}}),
                                   now - std::chrono::hours(168), nullptr);
  CheckReport report;
  report.listed = {"kept"};
  report.packs.emplace().insert("p.repo/packs/bb/here");
  auto const after = check_answer(CheckKind::content, report, now, &before);
  CHECK(number_of(after, "problemCount") == 2);
  CHECK(text_of(as_object(list_of(after, "problems")[0]), "snapshot") == "kept");
  CHECK(text_of(as_object(list_of(after, "problems")[1]), "path") == "p.repo/packs/bb/here");
  report.packs.reset();   // the index could not be read
  CHECK(number_of(check_answer(CheckKind::content, report, now, &before), "problemCount") == 3);
}

TEST_CASE("last check: what was gone or hidden is told for as long as it is so", "[last_check]") {
  auto const before = check_answer(CheckKind::content, with({{"hidden", "manifest.json", "was hidden", Remedy::look_back}, {"", "p.repo/snapshots/", "hidden", Remedy::look_back}}),
                                   now - std::chrono::hours(168), nullptr);
  CHECK(check_text(CheckKind::content, before).find("daemonctl repair") == std::string::npos);
  CheckReport report;
  report.listed = {"hidden"};  // a person removed its hide marker
  CHECK_FALSE(found_damage(check_answer(CheckKind::content, report, now, &before)));
}

TEST_CASE("last check: findings stay for a check of content, each once; the look sees everything anew", "[last_check]") {
  auto const before = check_answer(CheckKind::content, with({{"", "a", "bad"}, {"", "b", "bad"}}), now - std::chrono::hours(168), nullptr);
  auto const after = check_answer(CheckKind::content, with({{"", "b", "bad"}, {"", "c", "bad"}}), now, &before);
  CHECK(number_of(after, "problemCount") == 3);
  CHECK(found_damage(check_answer(CheckKind::content, {}, now, &before)));
  CHECK_FALSE(found_damage(check_answer(CheckKind::presence, {}, now, &before)));
}

TEST_CASE("last check: many problems are counted, and some kept", "[last_check]") {
  std::vector<VerifyProblem> problems;
  for (int i = 0; i < 1000; ++i) problems.push_back({"", std::to_string(i), "bad"});
  auto const answer = check_answer(CheckKind::content, with(problems), now, nullptr);
  CHECK(number_of(answer, "problemCount") == 1000);
  CHECK(list_of(answer, "problems").size() == 20);
}

TEST_CASE("last check: kept for its store, and nothing else is believed", "[last_check]") {
  auto const folder = TemporaryDirectory::create("/tmp", "b2b-last-check-").value();
  auto const index = Index::open(folder.path()).value();
  CHECK_FALSE(last_check(*index, CheckKind::content, "t").value());
  auto const answer = check_answer(CheckKind::content, with({{"", "a", "bad"}}), now, nullptr);
  REQUIRE(keep_last_check(*index, CheckKind::content, "t", answer));
  CHECK(last_check(*index, CheckKind::content, "t").value() == answer);
  CHECK_FALSE(last_check(*index, CheckKind::content, "u").value());
  CHECK_FALSE(last_check(*index, CheckKind::presence, "t").value());
  REQUIRE(index->set_value("last-check:content", "{\"target\":\"t\"}"));
  CHECK_FALSE(last_check(*index, CheckKind::content, "t").value());
  REQUIRE(index->set_value("last-check:content", "nonsense"));
  CHECK_FALSE(last_check(*index, CheckKind::content, "t").value());
}
