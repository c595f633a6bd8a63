#include "daemon/control/status_text.h"

#include "daemon/control/tell_waiting.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::daemonctl;
namespace json = boost::json;

namespace {

TimePoint const now = *parse_iso8601("2026-02-19T12:00:00Z");

// All is well; tests change what they are about.
json::object healthy() {
  return json::parse(R"({"health":"ok","store":"B2","storeReachable":true,"stale":false,"staleAfterSeconds":172800,
    "lastGood":{"snapshot":"2026-02-19T11-48-00Z","time":"2026-02-19T11:48:00.000Z","ageSeconds":720},"lastError":null,
    "schedule":{"text":"daily","timezone":"Europe/Berlin","next":"2026-02-19T23:00:00.000Z"},"jobs":[],"queue":[],
    "queueBytes":0,"queueLimitBytes":268435456,"nextUploadSeconds":null,
    "changes":{"paths":[],"count":0,"more":false,"since":null},"watch":{"state":"healthy","reason":"","advice":""},
    "gateway":{"running":"running","detail":""},"bucket":{"snapshots":10,"bytes":62000000,"otherInstances":[]},
    "keyReminder":null,"recoveryCode":null,"prunePaused":false,"warnings":[]})")
      .as_object();
}

json::object with(std::string const& changes) {
  json::object status = healthy();
  json::value const parsed = json::parse(changes);
  for (auto const& member : parsed.as_object()) status[member.key()] = member.value();
  return status;
}

std::string first_line(json::object const& status, bool colour = false) {
  std::string const text = status_text(status, now, colour);
  return text.substr(0, text.find('\n'));
}

bool says(json::object const& status, std::string const& line) {
  return ("\n" + status_text(status, now, false)).find("\n  " + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("status: when all is well there is little to say") {
  CHECK(status_text(healthy(), now, false) ==
        "Backed up 12 minutes ago.\n"
        "  Next:      in 11 hours (daily, Europe/Berlin)\n"
        "  Stored:    10 snapshots, 62.0 MB\n");
}

TEST_CASE("status: the last check") {
  std::string const fine = R"({"time":"2026-02-16T11:00:00.000Z","outcome":"fine","bytesRead":3400000,"filesRestored":32,"text":"all is well"})";
  std::string const damaged = R"({"time":"2026-02-16T11:00:00.000Z","outcome":"damaged","bytesRead":1,"filesRestored":1,"text":"what is stored is damaged. x"})";
  CHECK(says(with(R"({"lastCheck":)" + fine + "}"), "Checked:   last check: 3 days ago, fine (3.4 MB read, 32 files restored to try)"));
  CHECK(says(with(R"({"lastCheck":)" + damaged + "}"), "DAMAGED:   last check: 3 days ago, what is stored is damaged. x"));
  CHECK_FALSE(says(with(R"({"lastCheck":)" + damaged + "}"), "Checked:"));
  CHECK(says(with(R"({"lastCheck":)" + fine + R"(,"lastLook":)" + damaged + "}"), "DAMAGED:   last look: 3 days ago, what is stored is damaged. x"));
  CHECK_FALSE(status_text(with(R"({"lastCheck":null,"lastLook":null})"), now, false).find("check") != std::string::npos);
  std::string const overdue = R"("checkOverdue":{"kind":"content","since":"2026-02-03T11:00:00.000Z","error":"less than 512 MiB are free"})";
  CHECK(says(with("{" + overdue + R"(,"lastCheck":)" + fine + "}"), "Checked:   not for 16 days: less than 512 MiB are free"));
  CHECK_FALSE(says(with("{" + overdue + R"(,"lastCheck":)" + fine + "}"), "Checked:   last check: 3 days ago, fine (3.4 MB read, 32 files restored to try)"));
  CHECK(says(with(R"({"checkOverdue":{"kind":"presence","since":"2026-02-16T11:00:00.000Z","error":"no"}})"),
             "Checked:   whether all is there: not for 3 days: no"));
}

TEST_CASE("status: the verdict") {
  struct Row {
    std::string changes;
    std::string verdict;
  };
  std::vector<Row> const rows{
      {R"({"health":"never","lastGood":null})", "Nothing was backed up yet."},
      {R"({"health":"failing","lastGood":null,"lastError":{"time":"2026-02-19T11:00:00Z","error":"the key is wrong"}})",
       "Nothing was backed up yet: the key is wrong"},
      {R"({"health":"stale","lastGood":{"snapshot":"x","time":"2026-02-16T11:00:00Z","ageSeconds":1}})",
       "The last good backup is 3 days old: there should be one every 2 days"},
      {R"({"health":"stale","storeReachable":false,"lastGood":{"snapshot":"x","time":"2026-02-16T11:00:00Z"}})",
       "The last good backup is 3 days old: the store is not reachable"},
      {R"({"health":"failing","lastError":{"time":"2026-02-19T11:59:00Z","error":"no room"}})",
       "The last good backup is 12 minutes old: no room"},
      {R"({"health":"degraded"})", "Backed up 12 minutes ago."},
      {R"({"lastGood":{"snapshot":"x","time":"2026-02-19T12:00:00Z"}})", "Backed up a moment ago."},
      {R"({"lastGood":{"snapshot":"x","time":"2026-02-19T12:00:30Z"}})", "Backed up a moment ago."},  // a clock that jumped
      {R"({"lastGood":{"snapshot":"x","time":"nonsense","ageSeconds":7200.5}})", "Backed up 2 hours ago."},
  };
  for (Row const& row : rows) {
    CAPTURE(row.changes);
    CHECK(first_line(with(row.changes)) == row.verdict);
  }
}

TEST_CASE("status: lines about what matters") {
  CHECK(says(with(R"({"schedule":{"text":"off","timezone":"UTC","next":null}})"), "Next:      none is scheduled"));
  CHECK(says(with(R"({"schedule":{"text":"hourly","timezone":"","next":"2026-02-19T11:59:00Z"}})"), "Next:      now (hourly)"));
  CHECK(says(with(R"J({"jobs":[{"id":7,"what":"push (manual)","phase":"uploading","filesDone":1,"filesTotal":4,"bytesDone":0,"bytesTotal":0}]})J"),
             "Now:       push (manual), uploading 1/4 files"));
  CHECK(says(with(R"({"jobs":[{"id":7,"what":"verify","phase":""}]})"), "Now:       verify"));
  CHECK(says(with(R"({"queue":[{"snapshot":"x","captured":"2026-02-19T10:00:00Z"}],"queueBytes":2000000,"nextUploadSeconds":300})"),
             "Waiting:   1 capture, 2.0 MB, the oldest from 2 hours ago; next try in 5 minutes"));
  CHECK(says(with(R"({"queue":[{"captured":"2026-02-19T10:00:00Z"},{}],"queueBytes":262144000})"),
             "Waiting:   2 captures, 262.1 MB, the oldest from 2 hours ago; there is room for 268.4 MB (limits.spool)"));
  CHECK(says(with(R"({"changes":{"paths":["a","b","c","d"],"count":4,"more":false,"since":"2026-02-19T11:50:00Z"}})"),
             "Changed:   4 paths, the first 10 minutes ago (a, b, c, …)"));
  CHECK(says(with(R"({"changes":{"paths":["a"],"count":1,"more":true,"since":null}})"), "Changed:   at least 1 path (a)"));
  CHECK(says(with(R"({"changes":{"paths":[],"count":0,"more":true,"since":"2026-02-19T11:50:00Z"}})"),
             "Changed:   maybe; not every change could be seen, so the next backup looks at every file"));
  CHECK(says(with(R"({"storeReachable":false,"lastError":{"time":"2026-02-19T11:00:00Z","error":"no route"}})"),
             "Store:     away since 60 minutes ago; what is captured meanwhile is uploaded when it is back"));
  CHECK(says(with(R"({"storeReachable":false,"notAnsweringSince":"2026-02-19T11:58:30.000Z"})"),
             "Store:     not answering since 11:58 UTC; what is captured meanwhile is uploaded when it is back"));
  CHECK(says(with(R"({"lastError":{"time":"2026-02-19T10:00:00Z","error":"no route"}})"), "Error:     2 hours ago: no route"));
  CHECK(says(with(R"({"watch":{"state":"degraded","reason":"too few watches","advice":"Raise it"}})"),
             "Watching:  too few watches. Raise it"));
  CHECK(says(with(R"({"prunePaused":true})"),
             "Pruning:   paused, since more than half of the files vanished. If that was meant: daemonctl prune --yes"));
  CHECK(says(with(R"({"deletesRefusedSince":"2026-02-10T11:00:00.000Z"})"),
             "Pruning:   none: the application key may not delete, or Object Lock holds what should go (known since 2026-02-10). Backups and restores go on, and the bucket grows"));
  CHECK(says(with(R"({"keyReminder":"put it away"})"), "Key:       put it away"));
  CHECK(says(with(R"({"recoveryCode":false})"), "Key:       no recovery code yet, for when this machine and the B2 key are lost: daemonctl key recovery"));
  for (char const* const known : {"true", "null"})
    CHECK(status_text(with(std::string(R"({"recoveryCode":)") + known + "}"), now, false).find("recovery code") == std::string::npos);
  CHECK(says(with(R"({"warnings":["one","two"]})"), "Warning:   one"));
  CHECK(says(with(R"({"warnings":["one","two"]})"), "Warning:   two"));
  CHECK(says(with(R"({"bucket":{"snapshots":2,"bytes":5,"otherInstances":["alpha","beta"]}})"),
             "Shared:    alpha, beta back up to the same prefix, so nothing is pruned. Give each machine a prefix of its own, or "
             "say which one prunes: daemonctl prune --take-over"));
  CHECK(says(with(R"({"bucket":{"snapshots":2,"bytes":5,"otherInstances":[],"mayPrune":true,"layout":"plugin","maySwitch":true}})"),
             "Layout:    plugin. To upload only what changed from now on, and hide names and sizes: daemonctl copy latest --to-layout packed "
             "--switch"));
  CHECK(says(with(R"({"bucket":{"snapshots":2,"bytes":5,"otherInstances":["alpha"],"mayPrune":true}})"),
             "Shared:    alpha back up to the same prefix; this machine prunes there"));
  CHECK(says(with(R"({"bucket":{"snapshots":1,"bytes":5,"otherInstances":[]}})"), "Stored:    1 snapshot, 5 B"));
  CHECK(says(with(R"({"watch":{"state":"healthy","push":{"on":true,"why":"the packed layout's default","quietSeconds":20,"intervalSeconds":300}}})"),
             "On change: on (the packed layout's default), at most every 5 minutes"));
  CHECK(says(with(R"({"watch":{"state":"healthy","push":{"on":false,"why":"the plugin layout's default","intervalSeconds":300}}})"),
             "On change: off (the plugin layout's default)"));
  CHECK(says(with(R"({"watch":{"state":"healthy","push":{"on":true,"why":"\u001b","intervalSeconds":-3}}})"), "On change: on (\\x1b)"));
  CHECK_FALSE(says(with(R"({"watch":{"state":"healthy"}})"), "On change: "));
  CHECK_FALSE(says(with(R"({"watch":{"state":"off","reason":"","advice":""}})"), "Watching:  "));
}

TEST_CASE("status: an error that the verdict tells is not told twice") {
  std::string const text =
      status_text(with(R"({"health":"failing","lastError":{"time":"2026-02-19T11:59:00Z","error":"no room"}})"), now, false);
  CHECK(text.find("no room") == text.rfind("no room"));
}

TEST_CASE("status: colour is of the verdict only") {
  CHECK(first_line(healthy(), true) == "\033[32mBacked up 12 minutes ago.\033[0m");
  CHECK(first_line(with(R"({"health":"degraded"})"), true).starts_with("\033[33m"));
  CHECK(first_line(with(R"({"health":"never","lastGood":null})"), true).starts_with("\033[33m"));
  CHECK(first_line(with(R"({"health":"stale"})"), true).starts_with("\033[31m"));
  CHECK(status_text(healthy(), now, false).find('\033') == std::string::npos);
}

TEST_CASE("status: nothing from the other side controls the terminal, and nothing is relied on") {
  auto const evil = with(R"({"warnings":["a\u001b[2J\nb"],"changes":{"paths":["x\u0007"],"count":1},
    "lastError":{"time":7,"error":"\u001b[1m"},"jobs":[1,{"what":"\u001b"}],"watch":{"state":"gone","reason":"\u001b"}})");
  std::string const text = status_text(evil, now, false);
  CHECK(text.find('\033') == std::string::npos);
  CHECK(text.find('\007') == std::string::npos);
  CHECK(text.find("Warning:   a\\x1b[2J\\nb\n") != std::string::npos);
  CHECK(first_line({}) == "Nothing was backed up yet.");
  CHECK(first_line(with(R"({"lastGood":7,"queue":{},"bucket":[],"schedule":null})")) == "Backed up a moment ago.");
}

TEST_CASE("status: a restore that waits for the gateway comes before everything else") {
  auto const waits = with(R"({"restore":{"job":12,"state":"queued","text":"Snapshot s waits."}})");
  CHECK(first_line(waits) == "Snapshot s waits. To give it up: daemonctl cancel 12");
  CHECK(restore_is_active(waits));
  for (char const* state : {"done", "cancelled"}) {
    auto const over = with(R"({"restore":{"job":12,"text":"It is over.","state":")" + std::string(state) + R"("}})");
    CHECK_FALSE(restore_is_active(over));
    CHECK(status_text(over, now, false).find("It is over.") == std::string::npos);
  }
  for (char const* end : {R"("state":"failed")", R"("state":"expired")", R"("state":"done","report":{"gateway":{"up":false}})"}) {
    auto const bad = with(R"({"restore":{"job":12,"text":"It is over.",)" + std::string(end) + "}}");
    CHECK(first_line(bad) == "Backed up 12 minutes ago.");
    CHECK(status_text(bad, now, false).find("Restore:   It is over.\n") != std::string::npos);
  }
}

TEST_CASE("status: what the last restore did is shown for a day, with the way back") {
  auto const ended = [](std::string const& when, std::string const& state) {
    return with(R"({"restore":{"job":12,"state":")" + state + R"(","text":"Old words."},"lastRestore":{"ended":")" + when + R"(","state":")" + state +
                R"(","text":"Snapshot s was restored.","undo":"daemonctl restore t","advice":["To undo it: daemonctl restore t","Link it again"]}})");
  };
  std::string const text = status_text(ended("2026-02-19T10:00:00Z", "done"), now, false);
  CHECK(text.find("  Restored:  2 hours ago. Snapshot s was restored.\n"
                  "             - To undo it: daemonctl restore t\n"
                  "             - Link it again\n") != std::string::npos);
  for (char const* state : {"failed", "expired", "cancelled"}) {
    std::string const bad = status_text(ended("2026-02-19T10:00:00Z", state), now, false);
    CHECK(bad.find("  Restore:   2 hours ago. Snapshot s was restored.\n") != std::string::npos);
    CHECK(bad.find("Old words") == std::string::npos);
  }
  for (char const* state : {"done", "failed", "expired", "cancelled"}) {
    std::string const later = status_text(ended("2026-02-18T11:59:59Z", state), now, false);
    CHECK(later.find("Restore") == std::string::npos);
    CHECK(later.find("Old words") == std::string::npos);
  }
  auto active = ended("2026-02-19T10:00:00Z", "done");
  active["restore"] = json::object{{"job", 13}, {"state", "queued"}, {"text", "The next one."}};
  CHECK(status_text(active, now, false).find("Restored:") == std::string::npos);
  auto const down = with(R"({"restore":{"job":12,"state":"done","text":"It is down.","report":{"gateway":{"up":false}}},
    "lastRestore":{"ended":"2026-02-10T10:00:00Z","state":"done","text":"x","advice":[]}})");
  CHECK(says(down, "Restore:   It is down."));
}

TEST_CASE("status: whoever waits for a restore is told when it waits for a person, and of nothing else") {
  auto const told = [](std::string const& restore) {
    bool settled = false;
    auto const text = waiting_text(with(R"({"restore":)" + restore + "}"), settled);
    return std::pair(text, settled);
  };
  using Told = std::pair<std::optional<std::string>, bool>;
  CHECK(told("null") == Told(std::nullopt, false));
  CHECK(told(R"({"job":3,"state":"done","text":"x","waits":false})") == Told(std::nullopt, false));   // the one before
  CHECK(told(R"({"job":4,"state":"queued","text":"In 5 s.","waits":false})") == Told(std::nullopt, false));
  CHECK(told(R"({"job":4,"state":"restoring","text":"x","waits":false})") == Told(std::nullopt, true));
  CHECK(told(R"({"job":4,"state":"queued","text":"Stop it yourself.","waits":true})") ==
        Told("Stop it yourself. To give it up: Ctrl-C, or daemonctl cancel 4", true));
}

TEST_CASE("status: lengths of time") {
  CHECK(human_duration(-5) == "a moment");
  CHECK(human_duration(1) == "a moment");
  CHECK(human_duration(2) == "2 seconds");
  CHECK(human_duration(119) == "119 seconds");
  CHECK(human_duration(120) == "2 minutes");
  CHECK(human_duration(7199) == "119 minutes");
  CHECK(human_duration(7200) == "2 hours");
  CHECK(human_duration(2 * 86400 - 1) == "47 hours");
  CHECK(human_duration(3 * 86400 + 5) == "3 days");
}

TEST_CASE("events: one line each") {
  CHECK(event_text("captured", R"({"snapshot":"s","files":3,"ok":true})", now) ==
        "12:00:00  captured  snapshot s, files 3, ok true");
  CHECK(event_text("gap", "{}", now) == "12:00:00  gap");
  CHECK(event_text("x", "", now) == "12:00:00  x");
  CHECK(event_text("x\033", "no\njson", now) == "12:00:00  x\\x1b  no\\njson");
}
