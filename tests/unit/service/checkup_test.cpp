// Weeks of the daemon's own checks, with a real coordinator and a packed repository in memory, on a clock that is stepped by hand.
#include "daemon/service/checkup.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <mutex>

#include "daemon/jobs/jobs.h"
#include "daemon/jobs/last_check.h"
#include "daemon/jobs/members.h"
#include "tests/unit/engine/packed_damage.h"

using namespace b2b;
using namespace b2b::service;
using namespace b2b::test;
using namespace std::chrono_literals;
using b2b::jobs::number_of;
using b2b::jobs::text_of;

namespace {

class Watched {
 public:
  Watched() {
    machine.config.service.check.percent = 100;
    machine.take_three();
    // As the daemon's own pushes keep it.
    REQUIRE(machine.open().index->set_value("last-good", std::to_string(machine.clock.now().time_since_epoch().count())));
    start();
  }
  ~Watched() { coordinator.reset(); }

  void start() {
    FaultPlan plan;
    plan.before = [this](std::uint64_t, std::string_view, std::string const&) -> Result<void> {
      if (away) return make_error(Condition::unreachable, "the store is away");
      return {};
    };
    store = std::make_unique<FaultStore>(*machine.memory, std::move(plan));
    auto context = machine.open();
    CoordinatorOptions options;
    options.clock = &machine.clock;
    options.index = context.index;
    options.instance = context.instance;
    options.open = [this](std::stop_token) -> Result<EngineContext> { return machine.open(store.get()); };
    coordinator = std::make_unique<Coordinator>(std::move(options));
    CheckupSurroundings around;
    around.clock = &machine.clock;
    around.index = context.index;
    around.instance = context.instance;
    around.instance.id = "0123456789abcdef";  // the same times in every run
    around.coordinator = [this]() -> Coordinator& { return *coordinator; };
    around.post = [this](std::function<void()> what) {
      std::scoped_lock lock(mutex);
      posted.push_back(std::move(what));
    };
    around.publish = [this](std::string_view name, boost::json::object data) { events.emplace_back(std::string(name), std::move(data)); };
    around.alarm = [this](std::string const& text) { alarms.push_back(text); };
    around.ended = [] {};
    checkup = std::make_unique<Checkup>(std::move(around), machine.config);
  }
  void restart() {
    coordinator.reset();
    checkup.reset();
    posted.clear();
    start();
  }

  void run_for(std::chrono::nanoseconds length) {
    TimePoint const end = machine.clock.now() + length;
    for (int round = 0;; ++round) {
      REQUIRE(round < 10'000);
      auto const again = checkup->look(1h, false);
      coordinator->wait_idle();
      std::vector<std::function<void()>> news;
      {
        std::scoped_lock lock(mutex);
        news.swap(posted);
      }
      for (auto const& what : news) what();
      if (!news.empty()) continue;
      TimePoint const now = machine.clock.now();
      if (now >= end) return;
      machine.clock.advance(std::min(again.value_or(end), end) - now);
    }
  }

  boost::json::object last(CheckKind kind) {
    auto const found = checkup->last(kind);
    REQUIRE(found);
    return *found;
  }
  int count(std::string const& kind) const {
    return static_cast<int>(std::count_if(events.begin(), events.end(), [&](auto const& event) { return text_of(event.second, "kind") == kind; }));
  }

  PackedMachine machine;
  std::unique_ptr<FaultStore> store;
  std::atomic<bool> away{false};
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  std::vector<std::pair<std::string, boost::json::object>> events;
  std::vector<std::string> alarms;
  std::unique_ptr<Coordinator> coordinator;
  std::unique_ptr<Checkup> checkup;
};

}  // namespace

TEST_CASE("checkup: three weeks in which all is well", "[checkup]") {
  Watched watched;
  watched.coordinator->wait_idle();
  watched.run_for(21 * 24h);
  CHECK(watched.count("content") == 3);
  CHECK(watched.count("presence") >= 19);
  CHECK(watched.alarms.empty());
  CHECK_FALSE(watched.checkup->found_damage());
  auto const content = watched.last(CheckKind::content);
  CHECK(text_of(content, "outcome") == "fine");
  CHECK(text_of(content, "snapshot") == watched.machine.snapshots.back().first.text);
  CHECK(number_of(content, "bytesRead") > 0);
  CHECK(number_of(content, "filesRestored") == watched.machine.snapshots.back().second.size());
  CHECK(watched.machine.clock.now() - *parse_iso8601(text_of(content, "time")) < 8 * 24h);
}

TEST_CASE("checkup: damage is told, and stays in the status until a verification finds nothing", "[checkup]") {
  Watched watched;
  watched.machine.remember();
  for (std::string const& key : watched.machine.objects("packs/")) watched.machine.flip(key, 100);
  watched.run_for(8 * 24h);
  REQUIRE_FALSE(watched.alarms.empty());
  CHECK(watched.alarms[0].find("what is stored is damaged. ") != std::string::npos);
  CHECK(watched.alarms[0].find("daemonctl verify --read-data") != std::string::npos);
  CHECK(watched.alarms[0].find("daemonctl repair") != std::string::npos);
  CHECK(watched.checkup->found_damage());
  CHECK(watched.checkup->damage().find("what is stored is damaged. ") != std::string::npos);
  watched.restart();
  CHECK(watched.checkup->found_damage());

  // Whole again. The next check, of a share, does not say so; a person's verification of everything does.
  for (std::string const& key : watched.machine.objects("packs/")) watched.machine.flip(key, 100);
  auto const found_at = text_of(boost::json::object(watched.last(CheckKind::content).at("problems").as_array()[0].as_object()), "found");
  watched.run_for(8 * 24h);
  CHECK(watched.checkup->found_damage());
  CHECK(text_of(watched.last(CheckKind::content).at("problems").as_array()[0].as_object(), "found") == found_at);
  auto context = watched.machine.open();
  REQUIRE(jobs::verify(context, {}));
  CHECK(watched.checkup->found_damage());
  REQUIRE(jobs::verify(context, {{"readData", true}}));
  CHECK_FALSE(watched.checkup->found_damage());
  watched.alarms.clear();
  watched.run_for(8 * 24h);
  CHECK(watched.alarms.empty());
}

TEST_CASE("checkup: a snapshot that somebody deleted is told within a day", "[checkup]") {
  Watched watched;
  watched.run_for(24h + 30min);
  REQUIRE(watched.alarms.empty());
  watched.machine.erase(watched.machine.objects("snapshots/").front());
  watched.run_for(24h + 30min);
  REQUIRE_FALSE(watched.alarms.empty());
  CHECK(watched.alarms[0].find(watched.machine.snapshots[0].first.text) != std::string::npos);
  CHECK(text_of(watched.last(CheckKind::presence), "outcome") == "damaged");
}

TEST_CASE("checkup: a daemon that is restarted often checks no more often", "[checkup]") {
  Watched watched;
  for (int day = 0; day < 14; ++day) {
    watched.run_for(24h);
    watched.restart();
  }
  CHECK(watched.count("content") == 2);
  CHECK(watched.count("presence") <= 15);
}

TEST_CASE("checkup: a store that is away is no damage, and is tried until it is back", "[checkup]") {
  Watched watched;
  watched.run_for(1h);
  watched.away = true;
  watched.run_for(9 * 24h);
  CHECK(watched.count("content") == 0);
  CHECK(watched.alarms.empty());
  watched.run_for(7 * 24h);
  auto const overdue = watched.checkup->overdue();
  REQUIRE(overdue);
  CHECK(text_of(*overdue, "kind") == "content");
  CHECK(text_of(*overdue, "error").find("the store is away") != std::string::npos);
  CHECK(watched.machine.clock.now() - *parse_iso8601(text_of(*overdue, "since")) > 14 * 24h);
  watched.away = false;
  watched.run_for(25h);
  CHECK(watched.count("content") == 1);
  CHECK_FALSE(watched.checkup->overdue());
}

TEST_CASE("checkup: a check that a reload to another target overtakes counts for the old one", "[checkup]") {
  Watched watched;
  watched.run_for(1h);
  auto moved = watched.machine.config;
  moved.prefix = "another";
  for (int i = 0; i < 1000 && watched.posted.empty(); ++i) {
    auto const again = watched.checkup->look(1h, false);
    watched.coordinator->wait_idle();
    if (again) watched.machine.clock.advance(*again - watched.machine.clock.now());
  }
  REQUIRE_FALSE(watched.posted.empty());
  watched.checkup->configure(moved);
  for (auto const& what : watched.posted) what();
  CHECK_FALSE(watched.checkup->last(CheckKind::presence));
  auto const kept = watched.machine.open().index->value("check-times").value();
  CHECK(kept == "0 0 0 0 0 0 " + jobs::check_target(moved));
}

TEST_CASE("checkup: nothing is checked before there is a backup, or when it is turned off", "[checkup]") {
  Watched watched;
  watched.machine.config.service.check.enabled = false;
  watched.checkup->configure(watched.machine.config);
  watched.run_for(30 * 24h);
  CHECK(watched.events.empty());
  watched.machine.config.prefix = "another";
  watched.checkup->configure(watched.machine.config);
  CHECK_FALSE(watched.checkup->last(CheckKind::content));
}
