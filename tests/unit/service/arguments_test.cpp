#include "daemon/service/arguments.h"

#include <sqlite3.h>

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::service;

namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

Arguments good(std::vector<std::string> words) {
  auto const parsed = parse_arguments(std::move(words));
  INFO(parsed.text);
  REQUIRE(parsed.run);
  CHECK(parsed.exit_code == 0);
  return parsed.arguments;
}

std::string complaint(std::vector<std::string> words) {
  auto const parsed = parse_arguments(std::move(words));
  CHECK_FALSE(parsed.run);
  CHECK(parsed.exit_code == 64);
  CHECK(parsed.text_is_error);
  CHECK(parsed.text.ends_with("\n"));
  return parsed.text;
}

}  // namespace

TEST_CASE("service arguments: none are needed") {
  auto const arguments = good({});
  CHECK(arguments.config_file.empty());
  CHECK(arguments.profile.empty());
  CHECK(arguments.settings.empty());
  CHECK(arguments.log.format == LogFormat::text);
  CHECK(arguments.log.file.empty());
  CHECK_FALSE(arguments.verbose);
}

TEST_CASE("service arguments: all of them") {
  auto const arguments = good({"--config", "/etc/b.json5", "--profile", "work", "--log-format", "json", "--log-file", "/var/log/b",
                               "-v", "--set", "prefix=a=b", "--state-dir", "/srv/state", "--set", "bucket="});
  CHECK(arguments.config_file == "/etc/b.json5");
  CHECK(arguments.profile == "work");
  CHECK(arguments.log.format == LogFormat::json);
  CHECK(arguments.log.file == "/var/log/b");
  CHECK(arguments.verbose);
  CHECK(arguments.settings == Settings{{"stateDir", "/srv/state"}, {"prefix", "a=b"}, {"bucket", ""}});
}

TEST_CASE("service arguments: help and version end well, on standard output") {
  auto const help = parse_arguments({"--help"});
  CHECK_FALSE(help.run);
  CHECK(help.exit_code == 0);
  CHECK_FALSE(help.text_is_error);
  for (char const* expected : {"--config", "--profile", "--state-dir", "--set", "--log-format", "--log-file", "SIGHUP"})
    CHECK(help.text.find(expected) != std::string::npos);
  auto const version = parse_arguments({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.text.starts_with("b2backupd " B2B_VERSION "\nOpenSSL 3."));
  CHECK(version.text.find("\nSQLite " + std::string(sqlite3_libversion()) + "\n") != std::string::npos);
  for (char const* library : {"\nzstd 1.", "\nBoost 1.", "\nCLI11 "}) CHECK(version.text.find(library) != std::string::npos);
}

TEST_CASE("service arguments: mistakes are usage errors that name what is wrong") {
  CHECK(complaint({"--colour"}).find("--colour") != std::string::npos);
  CHECK(complaint({"start"}).find("start") != std::string::npos);
  CHECK(complaint({"--log-format", "xml"}).find("xml") != std::string::npos);
  CHECK(complaint({"--config"}).find("--config") != std::string::npos);
  CHECK(complaint({"--set", "prefix"}).find("KEY=VALUE, not prefix") != std::string::npos);
  CHECK(complaint({"--confg", "x"}).starts_with("b2backupd has no option --confg. Did you mean --config?\n"));
  CHECK(complaint({"start"}).find("To ask it something: daemonctl") != std::string::npos);
  CHECK(complaint({"--set", "=value"}).find("KEY=VALUE") != std::string::npos);
}
