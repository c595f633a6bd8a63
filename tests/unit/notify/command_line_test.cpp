#include "core/notify/command_line.h"

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("command line: the environment has the event and no secret") {
  EnvironmentMap const ours{{"PATH", "/bin"},
                            {"B2_APPLICATION_KEY", "hunter2"},
                            {"B2_APPLICATION_KEY_ID", "hunter2"},
                            {"B2_ENCRYPTION_KEY", "hunter2"},
                            {"B2_BUCKET_NAME", "bucket"},
                            {"CREDENTIALS_DIRECTORY", "/run/credentials/x"},
                            {"NOTIFY_SOCKET", "/run/n"},
                            {"LISTEN_FDS", "1"},
                            {"INVOCATION_ID", "1"},
                            {"XDG_RUNTIME_DIR", "/run/user/1"},
                            {"B2B_SNAPSHOT", "from outside"}};
  CommandEvent event;
  event.event = "failure";
  event.error = "two\nlines \x1b[1m";
  event.state_dir = "/home/a b/.openclaw";
  CHECK(command_environment(ours, event) == EnvironmentMap{{"PATH", "/bin"},
                                                           {"B2_BUCKET_NAME", "bucket"},
                                                           {"XDG_RUNTIME_DIR", "/run/user/1"},
                                                           {"B2B_EVENT", "failure"},
                                                           {"B2B_ERROR", "two\\nlines \\x1b[1m"},
                                                           {"B2B_STATE_DIR", "/home/a b/.openclaw"}});
  event.snapshot = "2026-02-19T12-00-00-000Z";
  event.recovered = true;
  event.error = std::string(1 << 20, 'x');
  EnvironmentMap const told = command_environment({}, event);
  CHECK(told.at("B2B_SNAPSHOT") == event.snapshot);
  CHECK(told.at("B2B_RECOVERED") == "1");
  CHECK(told.at("B2B_ERROR").size() == 8192);
}

TEST_CASE("command line: which manager can run it outside") {
  EnvironmentMap const user{{"INVOCATION_ID", "1"}, {"MANAGERPID", "2"}, {"XDG_RUNTIME_DIR", "/run/user/1"}};
  EnvironmentMap const system{{"INVOCATION_ID", "1"}};
  CHECK(service_manager({}, true) == ServiceManagerKind::none);
  CHECK(service_manager({{"MANAGERPID", "2"}}, false) == ServiceManagerKind::none);
  CHECK(service_manager({{"INVOCATION_ID", ""}}, true) == ServiceManagerKind::none);
  CHECK(service_manager(user, false) == ServiceManagerKind::user);
  CHECK(service_manager(user, true) == ServiceManagerKind::user);
  CHECK(service_manager(system, true) == ServiceManagerKind::system);
  CHECK(service_manager(system, false) == ServiceManagerKind::none);
  CHECK(bus_socket(ServiceManagerKind::user, user) == "/run/user/1/bus");
  CHECK(bus_socket(ServiceManagerKind::user, system).empty());
  CHECK(bus_socket(ServiceManagerKind::system, {}) == "/run/dbus/system_bus_socket");
  CHECK(bus_socket(ServiceManagerKind::none, user).empty());
}

TEST_CASE("command line: as a transient service") {
  CommandArguments const command{"/opt/$x", "-a", "cost: $5 $HOME", ""};
  CHECK(outside_service_line(ServiceManagerKind::user, command,
                             {{"B2B_EVENT", "stale"}, {"B2B_ERROR", "e"}, {"PATH", "/"}},
                             std::chrono::seconds(60)) ==
        CommandArguments{"systemd-run", "--user", "--quiet", "--collect", "--pipe", "--wait",
                         "--service-type=exec", "--property=RuntimeMaxSec=60000ms",
                         "--property=TimeoutStopSec=5", "--setenv=B2B_EVENT", "--setenv=B2B_ERROR", "--",
                         "/opt/$x", "-a", "cost: $$5 $$HOME", ""});
  CHECK(outside_service_line(ServiceManagerKind::system, {"x"}, {}, std::chrono::seconds(1))[1] == "--system");
}
