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

GatewayState seen(Running running, GatewayState::Holder holder = GatewayState::Holder::gateway) {
  return {running, "an agent in a terminal", {}, {}, holder};
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
    CHECK(plan.looked(seen(gateway), asked + after, can_stop) == (then != State::queued));
    CHECK(plan.record().state == then);
    CHECK_FALSE(plan.record().gateway_ran);
  }
}

TEST_CASE("rollback plan: an agent in a terminal is waited for, and no gateway is started after it") {
  auto const agent = seen(Running::running, GatewayState::Holder::command);
  RollbackPlan plan(queued(RollbackMode::stop));
  CHECK_FALSE(plan.looked(agent, asked + 60s, true));
  CHECK(plan.record().state == State::queued);
  CHECK(rollback_text(plan.record(), {{}, agent.detail}, asked).find("as soon as this ends, within 15 minutes: an agent in a terminal.") !=
        std::string::npos);
  SECTION("it ends") {
    REQUIRE(plan.looked(seen(Running::stopped), asked + 61s, true));
    CHECK(plan.record().state == State::restoring);
    // One is begun right then: it waits again.
    REQUIRE(plan.restored(failure(Condition::refused), agent, asked + 62s));
    CHECK(plan.record().state == State::queued);
    REQUIRE(plan.looked(seen(Running::stopped), asked + 70s, true));
    REQUIRE(plan.restored(answer, seen(Running::stopped), asked + 71s));
    CHECK_FALSE(plan.record().gateway_ran);
    CHECK(plan.record().state == State::checking);
  }
  SECTION("it does not") {
    REQUIRE(plan.looked(agent, asked + 900s, true));
    CHECK(plan.record().state == State::expired);
    CHECK(plan.record().problem.find("an agent in a terminal, and did not end in time") != std::string::npos);
  }
  RollbackPlan begun = at(State::restoring, RollbackMode::stop, false);
  REQUIRE(begun.stop_wanted(agent));
  CHECK_FALSE(begun.record().gateway_ran);
}

TEST_CASE("rollback plan: a clock that is set back does not make it wait for longer") {
  RollbackPlan plan(queued(RollbackMode::when_stopped));
  CHECK_FALSE(plan.looked(seen(Running::running), asked - 10h, true));
  CHECK_FALSE(plan.looked(seen(Running::running), asked - 10h + 899s, true));
  CHECK(plan.looked(seen(Running::running), asked - 10h + 900s, true));
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
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(answer, seen(Running::stopped), asked); }, State::done},
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(failure(Condition::corrupt), seen(Running::stopped), asked); }, State::failed},
           Case{State::restoring, [](RollbackPlan& p) { return p.restored(failure(Condition::refused), seen(Running::running), asked); }, State::failed},
           Case{State::restoring, [](RollbackPlan& p) { return p.cancel() && p.restored(failure(Condition::cancelled), seen(Running::stopped), asked); },
                State::cancelled},
           // The swap was done before the cancellation came to it.
           Case{State::restoring, [](RollbackPlan& p) { return p.cancel() && p.restored(answer, seen(Running::stopped), asked); }, State::done},
       }) {
    RollbackPlan plan = at(from);
    REQUIRE(event(plan));
    CHECK(plan.record().state == State::starting_gateway);
    CHECK(plan.step() == RollbackPlan::Step::start_gateway);
    CHECK_FALSE(plan.cancel());
    REQUIRE(plan.started({{"up", true}}));
    if (outcome == State::done) {
      CHECK(plan.record().state == State::checking);
      CHECK(plan.step() == RollbackPlan::Step::check);
      CHECK_FALSE(plan.cancel());
      REQUIRE(plan.checked({{"good", true}}, std::nullopt));
      CHECK(plan.record().report.at("doctor").at("good").as_bool());
    }
    CHECK(plan.record().state == outcome);
    CHECK(plan.step() == RollbackPlan::Step::none);
    CHECK(plan.record().report.at("gateway").at("up").as_bool());
  }
}

TEST_CASE("rollback plan: a gateway that did not run is not started, unless one tried to") {
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  SECTION("it did not") {
    REQUIRE(plan.restored(answer, seen(Running::stopped), asked));
    CHECK(plan.record().state == State::checking);
  }
  SECTION("it tried to") {
    CHECK(plan.gateway_wanted());
    CHECK_FALSE(plan.gateway_wanted());
    REQUIRE(plan.restored(answer, seen(Running::stopped), asked));
    CHECK(plan.record().state == State::starting_gateway);
  }
}

TEST_CASE("rollback plan: the end of the daemon changes nothing, so that the next one goes on there") {
  for (State const state : {State::stopping_gateway, State::restoring}) {
    RollbackPlan plan = at(state);
    CHECK_FALSE(plan.stopped(error(Condition::cancelled)));
    CHECK_FALSE(plan.restored(failure(Condition::cancelled), seen(Running::stopped), asked));
    CHECK(plan.record().state == state);
  }
}

TEST_CASE("rollback plan: a gateway that was started in between makes a restore that waited wait again") {
  RollbackPlan plan = at(State::restoring, RollbackMode::when_stopped, false);
  SECTION("in time") {
    REQUIRE(plan.restored(failure(Condition::refused), seen(Running::running), asked + 899s));
    CHECK(plan.record().state == State::queued);
  }
  SECTION("too late") {
    REQUIRE(plan.restored(failure(Condition::refused), seen(Running::running), asked + 900s));
    CHECK(plan.record().state == State::failed);
  }
  SECTION("it was refused for another reason") {
    REQUIRE(plan.restored(failure(Condition::refused), seen(Running::stopped), asked));
    CHECK(plan.record().state == State::failed);
  }
  SECTION("it failed for another reason") {
    REQUIRE(plan.restored(failure(Condition::no_space), seen(Running::running), asked));
    CHECK(plan.record().state == State::failed);
  }
}

TEST_CASE("rollback plan: the gateway is told to stop when everything is fetched, and is started again if it ran") {
  for (Running const gateway : {Running::running, Running::unknown, Running::stopped}) {
    RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
    REQUIRE(plan.stop_wanted(seen(gateway)));
    CHECK(plan.record().state == State::stopping_gateway);
    CHECK(plan.record().gateway_ran == (gateway != Running::stopped));
    REQUIRE(plan.stopped({}));
    CHECK(plan.record().state == State::restoring);
    REQUIRE(plan.restored(answer, seen(Running::stopped), asked));
    CHECK(plan.record().state == (gateway == Running::stopped ? State::checking : State::starting_gateway));
  }
  // Plain files only: it was never told to stop.
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  REQUIRE(plan.restored(answer, seen(Running::running), asked));
  CHECK(plan.record().state == State::checking);
}

TEST_CASE("rollback plan: doctor comes after the start of the gateway, whoever carries it out") {
  RollbackPlan plan = at(State::restoring);
  CHECK_FALSE(plan.checked({}, std::nullopt));
  REQUIRE(plan.swapped(answer));
  REQUIRE(plan.restored(plan.record().report, seen(Running::stopped), asked));
  REQUIRE(plan.started({{"up", false}, {"detail", "no"}}));
  CHECK(plan.record().state == State::checking);
  RollbackPlan next(*rollback_record_from(rollback_record_text(plan.record())));
  REQUIRE(next.resumed(11));
  CHECK(next.step() == RollbackPlan::Step::check);
  REQUIRE(next.checked({{"good", true}}, json::object{{"up", true}, {"detail", "at the second try"}}));
  CHECK(next.record().state == State::done);
  CHECK(next.record().report.at("gateway").at("up").as_bool());
  CHECK_FALSE(next.checked({}, std::nullopt));
}

TEST_CASE("rollback plan: daemons that end while doctor runs do not run it for ever") {
  RollbackPlan plan = at(State::restoring);
  REQUIRE(plan.restored(answer, seen(Running::stopped), asked));
  REQUIRE(plan.started({{"up", true}}));
  for (unsigned i = 0; i < RollbackPlan::tries_max; ++i) {
    REQUIRE(plan.resumed(i + 1));
    CHECK(plan.record().state == State::checking);
  }
  REQUIRE(plan.resumed(9));
  CHECK(plan.record().state == State::done);
  CHECK_FALSE(plan.record().report.at("doctor").at("ran").as_bool());
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
  CHECK(next.restored(next.record().report, seen(Running::stopped), asked));
  CHECK(next.record().state == State::starting_gateway);
  CHECK_FALSE(at(State::starting_gateway).swapped(answer));
}

TEST_CASE("rollback plan: what the next daemon makes of it") {
  struct Case {
    State state;
    State then;
  };
  for (auto const& [state, then] : {Case{State::queued, State::queued}, Case{State::stopping_gateway, State::restoring},
                                    Case{State::restoring, State::restoring}, Case{State::starting_gateway, State::starting_gateway}, Case{State::checking, State::checking}}) {
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
    CHECK_FALSE(plan.looked(seen(Running::stopped), asked, true));
    CHECK_FALSE(plan.stopped({}));
    CHECK_FALSE(plan.restored(answer, seen(Running::stopped), asked));
    CHECK_FALSE(plan.started({}));
    CHECK_FALSE(plan.cancel());
    CHECK_FALSE(plan.failed(error(Condition::io)));
    CHECK(plan.record().state == state);
  }
  CHECK_FALSE(at(State::queued).stopped({}));
  CHECK_FALSE(at(State::queued).stop_wanted(seen(Running::running)));
  CHECK_FALSE(at(State::starting_gateway).failed(error(Condition::io)));
}

TEST_CASE("rollback plan: the words for a person name the snapshot, and loudly a gateway that is down") {
  for (State const state : {State::queued, State::stopping_gateway, State::restoring, State::starting_gateway, State::checking, State::done, State::failed,
                            State::cancelled, State::expired}) {
    auto const text = rollback_text(at(state).record(), {}, asked);
    CHECK(text.ends_with("."));
    if (state != State::starting_gateway) CHECK(text.find("2026-11-25T00-00-00-000Z-1a2b3c4d") != std::string::npos);
    CHECK(rollback_state_from(state_name(state)) == state);
  }
  CHECK(rollback_text(queued(RollbackMode::when_stopped), {}, asked).find("within 15 minutes") != std::string::npos);
  CHECK(rollback_text(queued(RollbackMode::stop), {"no way", {}}, asked).find("it cannot be stopped from here: no way. Stop it yourself: ") != std::string::npos);
  CHECK(rollback_text(queued(RollbackMode::stop), {"no way", {}}, asked).find("within 15 minutes (until 12:15 UTC)") != std::string::npos);
  CHECK(rollback_answer(queued(RollbackMode::stop), {"no way", {}}, asked).at("waits") == true);
  CHECK(rollback_answer(queued(RollbackMode::stop), {{}, "an agent"}, asked).at("waits") == true);
  CHECK(rollback_answer(queued(RollbackMode::when_stopped), {}, asked).at("waits") == true);
  CHECK(rollback_answer(queued(RollbackMode::stop), {}, asked).at("waits") == false);
  CHECK(rollback_text(queued(RollbackMode::stop), {}, asked).find("In 5 s snapshot ") != std::string::npos);
  RollbackPlan plan = at(State::restoring);
  REQUIRE(plan.restored(answer, seen(Running::stopped), asked));
  REQUIRE(plan.started({{"up", false}, {"detail", "port 1"}}));
  CHECK(rollback_text(plan.record(), {}, asked).find("THE GATEWAY IS NOT UP: port 1") != std::string::npos);
  CHECK(rollback_text(plan.record(), {}, asked).find("openclaw doctor looks at it") != std::string::npos);
  REQUIRE(plan.checked({{"good", true}}, std::nullopt));
  CHECK(rollback_text(plan.record(), {}, asked).find("THE GATEWAY IS NOT UP: port 1") != std::string::npos);
  auto const shown = rollback_answer(plan.record(), {}, asked);
  CHECK(shown.at("state") == "done");
  CHECK(shown.at("report").at("restored") == 3);
  CHECK(shown.at("report").at("advice").as_array().size() >= 4);
}

TEST_CASE("rollback plan: a swap that was begun may be found done, and what it did is known then") {
  RollbackPlan plan = at(State::restoring);
  REQUIRE(plan.committing(answer));
  CHECK_FALSE(plan.record().restored);
  RollbackPlan next(*rollback_record_from(rollback_record_text(plan.record())));
  SECTION("it was finished, more often than a restore is tried") {
    REQUIRE(next.swapped(next.record().report));
    for (unsigned i = 0; i < RollbackPlan::tries_max + 2; ++i) REQUIRE(next.resumed(i + 1));
    CHECK(next.record().state == State::restoring);
    REQUIRE(next.restored(next.record().report, seen(Running::stopped), asked));
    CHECK(next.record().state == State::starting_gateway);
    CHECK(next.record().outcome == State::done);
    CHECK(next.record().report.at("restored") == 3);
  }
  SECTION("it was undone, and fails when it is tried again") {
    REQUIRE(next.resumed(1));
    REQUIRE(next.restored(failure(Condition::no_space), seen(Running::stopped), asked));
    CHECK(next.record().outcome == State::failed);
    CHECK(next.record().report.empty());
  }
}

TEST_CASE("rollback plan: a swap that nobody knows of any more leaves the gateway to see to") {
  auto const finished = record_of_interrupted("2026-11-25T00-00-00-000Z-1a2b3c4d", true, false, asked);
  REQUIRE(finished);
  RollbackPlan plan(*rollback_record_from(rollback_record_text(*finished)));
  REQUIRE(plan.resumed(3));
  REQUIRE(plan.restored(plan.record().report, seen(Running::stopped), asked));
  CHECK(plan.step() == RollbackPlan::Step::start_gateway);
  CHECK_FALSE(record_of_interrupted("", true, false, asked));
  CHECK_FALSE(record_of_interrupted("2026-11-25T00-00-00-000Z-1a2b3c4d", false, true, asked));
  auto const undone = record_of_interrupted("2026-11-25T00-00-00-000Z-1a2b3c4d", true, true, asked);
  REQUIRE(undone);
  RollbackPlan back(*undone);
  CHECK(back.step() == RollbackPlan::Step::start_gateway);
  REQUIRE(back.started({{"up", true}}));
  CHECK(back.record().state == State::failed);
}

TEST_CASE("rollback plan: what was cancelled on the way is not begun again by the next daemon") {
  for (State const state : {State::stopping_gateway, State::restoring}) {
    for (bool const gateway_ran : {true, false}) {
      RollbackPlan plan = at(state, RollbackMode::stop, gateway_ran);
      REQUIRE(plan.cancel());
      auto const read = rollback_record_from(rollback_record_text(plan.record()));
      REQUIRE(read);
      CHECK(read->cancel_wanted);
      RollbackPlan next(*read);
      REQUIRE(next.resumed(11));
      CHECK(next.record().state == (gateway_ran ? State::starting_gateway : State::cancelled));
      CHECK(next.record().outcome == State::cancelled);
      if (!gateway_ran) continue;
      REQUIRE(next.started({{"up", true}}));
      CHECK(next.record().state == State::cancelled);
    }
  }
  // The swap was faster.
  RollbackPlan plan = at(State::restoring);
  REQUIRE(plan.cancel());
  REQUIRE(plan.swapped(answer));
  REQUIRE(plan.resumed(11));
  CHECK(plan.record().state == State::restoring);
  REQUIRE(plan.restored(plan.record().report, seen(Running::stopped), asked));
  CHECK(plan.record().outcome == State::done);
}

TEST_CASE("rollback plan: the way back is a command that works, and one file is one file") {
  RollbackPlan plan = at(State::restoring, RollbackMode::stop, false);
  json::object one = answer;
  one["restored"] = 1;
  one["safety"] = "safety-1/2";
  REQUIRE(plan.restored(one, seen(Running::stopped), asked));
  REQUIRE(plan.checked({{"good", true}}, std::nullopt));
  CHECK(rollback_text(plan.record(), {}, asked).find(": 1 file came back, 1 was set aside.") != std::string::npos);
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
  record.gateway_ran = record.restored = record.cancel_wanted = true;
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
    if (member.key() != "cancelWanted") CHECK_FALSE(rollback_record_from(json::serialize(changed)));
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
