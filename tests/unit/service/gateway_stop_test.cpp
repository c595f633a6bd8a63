#include "daemon/service/gateway_stop.h"

#include <boost/asio/io_context.hpp>
#include <vector>

#include "core/util/clock.h"
#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::service;
using namespace std::chrono_literals;
using Running = GatewayState::Running;
using End = GatewayStop::End;

namespace {

// A gateway that is looked at once at the hint and then once per interval; the last state lasts.
struct Gateway {
  explicit Gateway(std::vector<GatewayState> states_in, std::chrono::milliseconds interval = 1ms)
      : states(std::move(states_in)),
        stop(loop.get_executor(), [this] { return states[std::min(looks++, states.size() - 1)]; },
             [this](End end) { ends.push_back(end); }, interval) {}
  boost::asio::io_context loop;
  std::vector<GatewayState> states;
  std::size_t looks = 0;
  std::vector<End> ends;
  GatewayStop stop;
};

GatewayState running(int pid) { return {Running::running, "", pid, {}}; }
GatewayState const stopped{Running::stopped, "", {}, {}};
GatewayState const unknown{Running::unknown, "", {}, {}};

}  // namespace

TEST_CASE("gateway stop: which reasons are a stop") {
  CHECK(is_real_stop("gateway stopping"));
  for (char const* reason : {"gateway restarting", "reload", "Gateway stopping", "gateway stopping soon", ""})
    CHECK_FALSE(is_real_stop(reason));
}

TEST_CASE("gateway stop: it is gone when its lock is free, however long that takes within the limit") {
  Gateway gateway({running(7), running(7), unknown, running(7), stopped});
  gateway.stop.hint("gateway stopping", 100ms);
  CHECK(gateway.stop.waiting());
  gateway.loop.run();
  CHECK(gateway.ends == std::vector<End>{End::stopped});
  CHECK(gateway.looks == 5);
  CHECK_FALSE(gateway.stop.waiting());
}

TEST_CASE("gateway stop: one that runs on past the limit is told as running") {
  Gateway gateway({running(7)});
  gateway.stop.hint("gateway stopping", 30ms);
  gateway.loop.run();
  CHECK(gateway.ends == std::vector<End>{End::running});
  CHECK(gateway.looks == 31);
}

TEST_CASE("gateway stop: a limit below the interval still looks once") {
  Gateway gateway({running(7)}, 2ms);
  gateway.stop.hint("gateway stopping", 1ms);
  gateway.loop.run();
  CHECK(gateway.ends == std::vector<End>{End::running});
  CHECK(gateway.looks == 2);
}

TEST_CASE("gateway stop: another gateway that runs instead ends the wait") {
  Gateway gateway({running(7), running(7), running(8)});
  gateway.stop.hint("gateway stopping", 1s);
  gateway.loop.run();
  CHECK(gateway.ends == std::vector<End>{End::running});
  CHECK(gateway.looks == 3);
}

TEST_CASE("gateway stop: a hint that was no stop is dropped after twenty looks, unless the gateway is gone") {
  SECTION("it runs on") {
    Gateway gateway({running(7)});
    gateway.stop.hint("reload", 10s);
    gateway.loop.run();
    CHECK(gateway.ends == std::vector<End>{End::dropped});
    CHECK(gateway.looks == 21);
  }
  SECTION("it is gone") {
    Gateway gateway({running(7), stopped});
    gateway.stop.hint("reload", 10s);
    gateway.loop.run();
    CHECK(gateway.ends == std::vector<End>{End::stopped});
  }
}

TEST_CASE("gateway stop: hints while one is waited for prolong it, never shorten it, and end once") {
  SECTION("a stop after a mere hint") {
    Gateway gateway({running(7)});
    gateway.stop.hint("reload", 10s);
    gateway.stop.hint("gateway stopping", 40ms);
    gateway.loop.run();
    CHECK(gateway.ends == std::vector<End>{End::running});
    CHECK(gateway.looks == 41);
  }
  SECTION("a mere hint after a stop") {
    Gateway gateway({running(7)});
    gateway.stop.hint("gateway stopping", 40ms);
    gateway.stop.hint("reload", 1ms);
    gateway.loop.run();
    CHECK(gateway.ends == std::vector<End>{End::running});
    CHECK(gateway.looks == 41);
  }
}

TEST_CASE("gateway stop: the next hint after an end is a wait of its own") {
  Gateway gateway({running(7), stopped, running(8)});
  gateway.stop.hint("gateway stopping", 100ms);
  gateway.loop.run();
  gateway.loop.restart();
  gateway.stop.hint("reload", 100ms);
  gateway.loop.run();
  CHECK(gateway.ends == std::vector<End>{End::stopped, End::dropped});
}

TEST_CASE("gateway stop: after cancel nothing ends any more, even if the time had come already") {
  Gateway gateway({stopped});
  boost::asio::steady_timer first(gateway.loop);
  first.expires_after(0ms);
  first.async_wait([&](boost::system::error_code) { gateway.stop.cancel(); });
  gateway.stop.hint("gateway stopping", 100ms);
  auto const both_are_over = system_clock().monotonic() + 2ms;
  while (system_clock().monotonic() < both_are_over) continue;
  gateway.loop.run();
  CHECK(gateway.ends.empty());
  CHECK_FALSE(gateway.stop.waiting());
}
