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

TEST_CASE("arguments: setup") {
  auto const none = std::get<SetupArguments>(parse({"setup"}).arguments.verb);
  CHECK_FALSE(none.yes);
  CHECK_FALSE(none.encrypt);
  auto const all = std::get<SetupArguments>(parse({"setup", "--yes", "--key-id", "004", "--key-file", "f", "--bucket", "b", "--endpoint", "file:///x",
                                                   "--prefix", "p", "--no-encrypt", "--no-test", "--no-service", "--no-linger"})
                                                .arguments.verb);
  CHECK(all.yes);
  CHECK(all.key_id == "004");
  CHECK(all.key_file == "f");
  CHECK(all.bucket == "b");
  CHECK(all.endpoint == "file:///x");
  CHECK(all.prefix == "p");
  CHECK(all.no_encrypt);
  CHECK(all.no_test);
  CHECK(all.no_service);
  CHECK(all.no_linger);
  CHECK(parse({"setup", "--encrypt", "--no-encrypt"}).exit_code == 64);
  // A key in the list of processes is a key that is lost: there is no option for it.
  CHECK(parse({"setup", "--key", "K004"}).exit_code == 64);
}

TEST_CASE("arguments: a restore around the gateway, and giving it up") {
  auto const stop = std::get<RestoreArguments>(parse({"restore", "latest", "--stop-gateway"}).arguments.verb);
  CHECK(stop.stop_gateway);
  CHECK_FALSE(stop.when_stopped);
  auto const when = std::get<RestoreArguments>(parse({"restore", "latest", "--when-stopped", "--expires", "1h"}).arguments.verb);
  CHECK(when.when_stopped);
  CHECK(when.expires == "1h");
  CHECK(parse({"restore", "latest", "--when-stopped", "--stop-gateway"}).exit_code == 64);
  CHECK(parse({"restore", "latest", "--expires", "1h"}).exit_code == 64);
  CHECK(std::get<CancelArguments>(parse({"cancel"}).arguments.verb).job.empty());
  CHECK(std::get<CancelArguments>(parse({"cancel", "12"}).arguments.verb).job == "12");
}

TEST_CASE("arguments: which daemon") {
  auto const parsed = parse({"--socket", "/s", "push", "--profile", "work"});
  REQUIRE(parsed.run);
  CHECK(parsed.arguments.socket == "/s");
  CHECK(parsed.arguments.profile == "work");
  CHECK_FALSE(parsed.arguments.direct);
  CHECK(parsed.arguments.verb_name == "push");
}
