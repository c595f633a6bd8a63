#include "daemon/control/arguments.h"

#include "tests/support/catch.h"

using namespace b2b::daemonctl;

namespace {

Parsed parse(std::vector<std::string> words) { return parse_arguments(std::move(words)); }

}  // namespace

TEST_CASE("arguments: the daemon's verbs") {
  CHECK_FALSE(std::get<StatusArguments>(parse({"status"}).arguments.verb).watch);
  CHECK(std::get<StatusArguments>(parse({"status", "--watch"}).arguments.verb).watch);
  CHECK(std::holds_alternative<EventsArguments>(parse({"events"}).arguments.verb));
  CHECK(std::holds_alternative<MetricsArguments>(parse({"metrics"}).arguments.verb));
  auto const notify = std::get<NotifyArguments>(parse({"notify", "gateway_stop", R"({"reason":"x"})"}).arguments.verb);
  CHECK(notify.event == "gateway_stop");
  CHECK(notify.data == R"({"reason":"x"})");
  CHECK(parse({"notify"}).exit_code == 64);
  CHECK_FALSE(parse({"notify"}).run);
}

TEST_CASE("arguments: which daemon") {
  auto const parsed = parse({"--socket", "/s", "push", "--profile", "work"});
  REQUIRE(parsed.run);
  CHECK(parsed.arguments.socket == "/s");
  CHECK(parsed.arguments.profile == "work");
  CHECK_FALSE(parsed.arguments.direct);
  CHECK(parsed.arguments.verb_name == "push");
}
