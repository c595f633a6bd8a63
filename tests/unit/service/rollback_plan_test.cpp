#include "daemon/service/rollback_plan.h"

#include <boost/json.hpp>
#include <functional>

#include "daemon/service/rollback_record.h"
#include "tests/support/catch.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::service;
using namespace std::chrono_literals;
using Running = GatewayState::Running;
using State = RollbackState;
namespace json = boost::json;

namespace {

TimePoint const asked = *parse_iso8601("2026-11-25T12:00:00Z");

RollbackRecord queued(RollbackMode mode) {
  RollbackRecord record;
  record.request.snapshot = "2026-11-25T00-00-00-000Z-1a2b3c4d";
  record.request.mode = mode;
  record.job = 7;
  record.asked = asked;
  record.not_before = asked + 5s;
  record.expires = asked + 15min;
  return record;
}

RollbackPlan at(State state, RollbackMode mode = RollbackMode::stop, bool gateway_ran = true) {
  RollbackRecord record = queued(mode);
  record.state = state;
  record.gateway_ran = gateway_ran;
  return RollbackPlan(std::move(record));
}

json::object const answer{{"snapshot", "x"}, {"restored", 3}, {"removed", 1}, {"quarantine", "/q"}};
Error error(Condition condition) { return make_error(condition, "no"); }
Result<json::object> failure(Condition condition) { return error(condition); }

}  // namespace

TEST_CASE("rollback plan: what a look at the gateway does to one that is queued") {
  struct Case {
    RollbackMode mode;
    Running gateway;
    std::chrono::seconds after;
    bool can_stop;
    State then;
  };
  auto const when = RollbackMode::when_stopped, stop = RollbackMode::stop;
  for (auto const& [mode, gateway, after, can_stop, then] : {
           Case{when, Running::running, 0s, true, State::queued},
           Case{when, Running::unknown, 899s, true, State::queued},
           Case{when, Running::running, 900s, true, State::expired},
           Case{when, Running::unknown, 900s, false, State::expired},
           Case{when, Running::stopped, 0s, false, State::restoring},
           Case{when, Running::stopped, 900s, true, State::restoring},
           Case{stop, Running::running, 4s, true, State::queued},
           Case{stop, Running::running, 5s, true, State::restoring},
           Case{stop, Running::unknown, 5s, true, State::restoring},
           Case{stop, Running::running, 901s, true, State::restoring},
           Case{stop, Running::stopped, 0s, true, State::restoring},
           Case{stop, Running::running, 5s, false, State::queued},
           Case{stop, Running::running, 900s, false, State::expired},
       }) {
    CAPTURE(mode_name(mode), static_cast<int>(gateway), after.count(), can_stop);
    RollbackPlan plan(queued(mode));
    CHECK(plan.looked(gateway, asked + after, can_stop) == (then != State::queued));
    CHECK(plan.record().state == then);
    CHECK_FALSE(plan.record().gateway_ran);
  }
}

TEST_CASE("rollback plan: a clock that is set back does not make it wait for longer") {
  RollbackPlan plan(queued(RollbackMode::when_stopped));
  CHECK_FALSE(plan.looked(Running::running, asked - 10h, true));
  CHECK_FALSE(plan.looked(Running::running, asked - 10h + 899s, true));
  CHECK(plan.looked(Running::running, asked - 10h + 900s, true));
  CHECK(plan.record().state == State::expired);
}

TEST_CASE("rollback plan: from the stop of the gateway on every way out leads through its start") {
  struct Case {
    State from;
    std::function<bool(RollbackPlan&)> event;
    State outcome;
  };
  for (auto const& [from, event, outcome] : {
           Case{State::stopping_gateway, [](RollbackPlan& p) { return p.stopped(error(Condition::refused)); }, State::failed},
           Case{State::stopping_gateway, [](RollbackPlan& p) { return p.cancel() && p.stopped({}); }, State::cancelled},
           Case{State::stopping_gateway, [](RollbackPlan& p) { return p.cancel() && p.stopped(error(Condition::cancelled)); }, State::cancelled},
           Case{State::stopping_gateway, [](RollbackPlan& p) { return p.failed(error(Condition::io)); }, State::failed},
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(answer, Running::stopped, asked); }, State::done},
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(failure(Condition::corrupt), Running::stopped, asked); }, State::failed},
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(failure(Condition::refused), Running::running, asked); }, State::failed},
           Case{State::restoring, [](RollbackPlan& p) { return p.cancel() && p.restored(failure(Condition::cancelled), Running::stopped, asked); },
                State::cancelled},
           // The swap was done before the cancellation came to it.
           Case{State::restoring, [](RollbackPlan& p) { return p.cancel() && p.restored(answer, Running::stopped, asked); }, State::done},
       }) {
    RollbackPlan plan = at(from);
    REQUIRE(event(plan));
    CHECK(plan.record().state == State::starting_gateway);
    CHECK(plan.step() == RollbackPlan::Step::start_gateway);
    CHECK_FALSE(plan.cancel());
    REQUIRE(plan.started({{"up", true}}));
    CHECK(plan.record().state == outcome);
    CHECK(plan.step() == RollbackPlan::Step::none);
    CHECK(plan.record().report.at("gateway").at("up").as_bool());
  }
}

TEST_CASE("rollback plan: a gateway that did not run is not started, unless one tried to") {
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  SECTION("it did not") {
    REQUIRE(plan.restored(answer, Running::stopped, asked));
    CHECK(plan.record().state == State::done);
  }
  SECTION("it tried to") {
    CHECK(plan.gateway_wanted());
    CHECK_FALSE(plan.gateway_wanted());
    REQUIRE(plan.restored(answer, Running::stopped, asked));
    CHECK(plan.record().state == State::starting_gateway);
  }
}

TEST_CASE("rollback plan: the end of the daemon changes nothing, so that the next one goes on there") {
  for (State const state : {State::stopping_gateway, State::restoring}) {
    RollbackPlan plan = at(state);
    CHECK_FALSE(plan.stopped(error(Condition::cancelled)));
    CHECK_FALSE(plan.restored(failure(Condition::cancelled), Running::stopped, asked));
    CHECK(plan.record().state == state);
  }
}

TEST_CASE("rollback plan: a gateway that was started in between makes a restore that waited wait again") {
  RollbackPlan plan = at(State::restoring, RollbackMode::when_stopped, false);
  SECTION("in time") {
    REQUIRE(plan.restored(failure(Condition::refused), Running::running, asked + 899s));
    CHECK(plan.record().state == State::queued);
  }
  SECTION("too late") {
    REQUIRE(plan.restored(failure(Condition::refused), Running::running, asked + 900s));
    CHECK(plan.record().state == State::failed);
  }
  SECTION("it was refused for another reason") {
    REQUIRE(plan.restored(failure(Condition::refused), Running::stopped, asked));
    CHECK(plan.record().state == State::failed);
  }
  SECTION("it failed for another reason") {
    REQUIRE(plan.restored(failure(Condition::no_space), Running::running, asked));
    CHECK(plan.record().state == State::failed);
  }
}

TEST_CASE("rollback plan: the gateway is told to stop when everything is fetched, and is started again if it ran") {
  for (Running const gateway : {Running::running, Running::unknown, Running::stopped}) {
    RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
    REQUIRE(plan.stop_wanted(gateway));
    CHECK(plan.record().state == State::stopping_gateway);
    CHECK(plan.record().gateway_ran == (gateway != Running::stopped));
    REQUIRE(plan.stopped({}));
    CHECK(plan.record().state == State::restoring);
    REQUIRE(plan.restored(answer, Running::stopped, asked));
    CHECK(plan.record().state == (gateway == Running::stopped ? State::done : State::starting_gateway));
  }
  // Plain files only: it was never told to stop.
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  REQUIRE(plan.restored(answer, Running::running, asked));
  CHECK(plan.record().state == State::done);
}

TEST_CASE("rollback plan: what was swapped in is not restored a second time by the next daemon") {
  RollbackPlan plan = at(State::restoring);
  CHECK(plan.swapped(answer));
  CHECK_FALSE(plan.swapped(answer));
  CHECK(plan.record().state == State::restoring);
  CHECK(plan.record().restored);
  RollbackPlan next(plan.record());
  CHECK(next.resumed(11));
  CHECK(next.record().restored);
  CHECK(next.record().report.at("restored") == 3);
  CHECK(next.restored(next.record().report, Running::stopped, asked));
  CHECK(next.record().state == State::starting_gateway);
  CHECK_FALSE(at(State::starting_gateway).swapped(answer));
}

TEST_CASE("rollback plan: what the next daemon makes of it") {
  struct Case {
    State state;
    State then;
  };
  for (auto const& [state, then] : {Case{State::queued, State::queued}, Case{State::stopping_gateway, State::restoring},
                                    Case{State::restoring, State::restoring}, Case{State::starting_gateway, State::starting_gateway}}) {
    RollbackPlan plan = at(state);
    CHECK(plan.resumed(11));
    CHECK(plan.record().state == then);
    CHECK(plan.record().job == 11);
    CHECK(plan.record().gateway_ran);
  }
  RollbackPlan over = at(State::done);
  CHECK_FALSE(over.resumed(11));
}

TEST_CASE("rollback plan: daemons that end on the way again and again give up, and start the gateway") {
  for (State const state : {State::stopping_gateway, State::restoring}) {
    RollbackPlan plan = at(state);
    for (unsigned i = 0; i < RollbackPlan::tries_max; ++i) {
      REQUIRE(plan.resumed(i + 1));
      CHECK(plan.record().state == State::restoring);
    }
    REQUIRE(plan.resumed(9));
    CHECK(plan.record().state == State::starting_gateway);
    CHECK(plan.record().outcome == State::failed);
    // The start of the gateway is tried for ever.
    for (int i = 0; i < 10; ++i) REQUIRE(plan.resumed(10));
    CHECK(plan.record().state == State::starting_gateway);
  }
}

TEST_CASE("rollback plan: events that do not belong to the state change nothing") {
  for (State const state : {State::done, State::failed, State::cancelled, State::expired}) {
    RollbackPlan plan = at(state);
    CHECK_FALSE(plan.looked(Running::stopped, asked, true));
    CHECK_FALSE(plan.stopped({}));
    CHECK_FALSE(plan.restored(answer, Running::stopped, asked));
    CHECK_FALSE(plan.started({}));
    CHECK_FALSE(plan.cancel());
    CHECK_FALSE(plan.failed(error(Condition::io)));
    CHECK(plan.record().state == state);
  }
  CHECK_FALSE(at(State::queued).stopped({}));
  CHECK_FALSE(at(State::queued).stop_wanted(Running::running));
  CHECK_FALSE(at(State::starting_gateway).failed(error(Condition::io)));
}

TEST_CASE("rollback plan: the words for a person name the snapshot, and loudly a gateway that is down") {
  for (State const state : {State::queued, State::stopping_gateway, State::restoring, State::starting_gateway, State::done, State::failed,
                            State::cancelled, State::expired}) {
    auto const text = rollback_text(at(state).record(), "", asked);
    CHECK(text.ends_with("."));
    if (state != State::starting_gateway) CHECK(text.find("2026-11-25T00-00-00-000Z-1a2b3c4d") != std::string::npos);
    CHECK(rollback_state_from(state_name(state)) == state);
  }
  CHECK(rollback_text(queued(RollbackMode::when_stopped), "", asked).find("within 15 minutes") != std::string::npos);
  CHECK(rollback_text(queued(RollbackMode::stop), "no way", asked).find("it cannot be stopped from here: no way. Stop it yourself: ") != std::string::npos);
  CHECK(rollback_text(queued(RollbackMode::stop), "no way", asked).find("within 15 minutes (until 12:15 UTC)") != std::string::npos);
  CHECK(rollback_answer(queued(RollbackMode::stop), "no way", asked).at("waits") == true);
  CHECK(rollback_answer(queued(RollbackMode::when_stopped), "", asked).at("waits") == true);
  CHECK(rollback_answer(queued(RollbackMode::stop), "", asked).at("waits") == false);
  CHECK(rollback_text(queued(RollbackMode::stop), "", asked).find("In 5 s snapshot ") != std::string::npos);
  RollbackPlan plan = at(State::restoring);
  REQUIRE(plan.restored(answer, Running::stopped, asked));
  REQUIRE(plan.started({{"up", false}, {"detail", "port 1"}}));
  CHECK(rollback_text(plan.record(), "", asked).find("THE GATEWAY IS NOT UP: port 1") != std::string::npos);
  auto const shown = rollback_answer(plan.record(), "", asked);
  CHECK(shown.at("state") == "done");
  CHECK(shown.at("report").at("restored") == 3);
  CHECK(shown.at("report").at("advice").as_array().size() >= 4);
}

TEST_CASE("rollback plan: the way back is a command that works, and one file is one file") {
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  json::object one = answer;
  one["restored"] = 1;
  one["safety"] = "safety-1/2";
  REQUIRE(plan.restored(one, Running::stopped, asked));
  CHECK(rollback_text(plan.record(), "", asked).find(": 1 file came back, 1 was set aside.") != std::string::npos);
  auto const advice = rollback_advice(plan.record());
  REQUIRE(advice.size() == 5);
  CHECK(advice[0] == "To undo it, with what was there before: daemonctl restore safety-1/2 --stop-gateway");
  CHECK(advice[1] == "What was set aside is in /q. Nobody removes it: delete it when you miss nothing");
  CHECK(advice[2].find("WhatsApp") != std::string::npos);
  auto const end = restore_end(plan.record());
  CHECK(end.state == "done");
  CHECK(end.safety == "safety-1/2");
  CHECK(restore_end(at(State::expired).record()).safety.empty());
}

TEST_CASE("rollback record: comes back as it was, and only whole") {
  RollbackRecord record = queued(RollbackMode::stop);
  record.request.paths = {"workspace/**", std::string("caf\xe9\n", 5)};
  record.request.safety = false;
  record.state = State::starting_gateway;
  record.outcome = State::failed;
  record.gateway_ran = record.restored = true;
  record.tries = 2;
  record.safety = "safety-1/2";
  record.problem = "it broke";
  record.condition = Condition::no_space;
  record.report = answer;
  b2b::test::Scratch const scratch;
  CHECK_FALSE(load_rollback_record(scratch.path()).value());
  REQUIRE(keep_rollback_record(scratch.path(), record));
  auto const loaded = load_rollback_record(scratch.path());
  REQUIRE((loaded && *loaded));
  RollbackRecord const& read = **loaded;
  CHECK(read.request == record.request);
  CHECK(rollback_record_text(read) == rollback_record_text(record));
  CHECK(read.state == State::starting_gateway);
  CHECK(read.report == answer);

  std::string const text = rollback_record_text(record);
  for (std::size_t length = 0; length + 2 < text.size(); ++length) CHECK_FALSE(rollback_record_from(text.substr(0, length)));
  json::object const whole = json::parse(text).as_object();
  for (auto const& member : whole) {
    json::object changed = whole;
    changed.erase(member.key());
    CHECK_FALSE(rollback_record_from(json::serialize(changed)));
    changed[member.key()] = json::array{1};
    CHECK_FALSE(rollback_record_from(json::serialize(changed)));
  }
  REQUIRE(atomic_write_file(rollback_record_path(scratch.path()), "{}"));
  CHECK(load_rollback_record(scratch.path()).error().condition == Condition::corrupt);
}

TEST_CASE("rollback record: a report too long for it loses its lists, not its sense") {
  RollbackRecord record = queued(RollbackMode::stop);
  record.report = answer;
  json::array failed;
  for (int i = 0; i < 20'000; ++i) failed.push_back(json::object{{"path", std::string(100, 'x')}, {"error", "e"}});
  record.report["failed"] = std::move(failed);
  auto const read = rollback_record_from(rollback_record_text(record));
  REQUIRE(read);
  CHECK_FALSE(read->report.contains("failed"));
  CHECK(read->report.at("restored") == 3);
}
