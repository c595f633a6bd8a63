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

TEST_CASE("arguments: what is to be forgotten must be named") {
  auto const forget = std::get<ForgetArguments>(parse({"forget", "--path", "a", "--path", "b*", "-y"}).arguments.verb);
  CHECK(forget.paths == std::vector<std::string>{"a", "b*"});
  CHECK(forget.yes);
  CHECK_FALSE(forget.dry_run);
  CHECK(parse({"forget", "--yes"}).exit_code == 64);
  CHECK(parse({"delete"}).text.find("daemonctl forget --path") != std::string::npos);
}

TEST_CASE("arguments: pins") {
  CHECK(std::get<PinArguments>(parse({"pin"}).arguments.verb).snapshot.empty());
  auto const pin = std::get<PinArguments>(parse({"pin", "latest"}).arguments.verb);
  CHECK(pin.snapshot == "latest");
  CHECK_FALSE(pin.remove);
  CHECK(std::get<PinArguments>(parse({"pin", "2026", "--remove"}).arguments.verb).remove);
  CHECK(parse({"pin", "--remove"}).exit_code == 64);
  CHECK(parse({"pin", ""}).exit_code == 64);
  CHECK(parse({"unpin", "x"}).text.find("daemonctl pin SNAPSHOT --remove") != std::string::npos);
}

TEST_CASE("arguments: another time") {
  std::string const at = "2026-02-19T12:00:00.123Z";
  CHECK(std::get<SnapshotsArguments>(parse({"snapshots", "--at", at}).arguments.verb).at == at);
  CHECK(std::get<LsArguments>(parse({"ls", "latest", "--at", at}).arguments.verb).at == at);
  CHECK(std::get<CatArguments>(parse({"cat", "latest", "x", "--at", at}).arguments.verb).at == at);
  CHECK(std::get<DiffArguments>(parse({"diff", "latest", "--at", at}).arguments.verb).at == at);
  CHECK(std::get<RestoreArguments>(parse({"restore", "latest", "--at", at}).arguments.verb).at == at);
  CHECK(std::get<RestoreArguments>(parse({"restore", "latest"}).arguments.verb).at.empty());
  for (char const* const wrong : {"", "yesterday", "2026-02-19", "2026-02-30T12:00:00Z", "2026-02-19T12:00:00"})
    CHECK(parse({"restore", "latest", "--at", wrong}).exit_code == 64);
}

TEST_CASE("arguments: which daemon") {
  auto const parsed = parse({"--socket", "/s", "push", "--profile", "work"});
  REQUIRE(parsed.run);
  CHECK(parsed.arguments.socket == "/s");
  CHECK(parsed.arguments.profile == "work");
  CHECK_FALSE(parsed.arguments.direct);
  CHECK(parsed.arguments.verb_name == "push");
}

TEST_CASE("arguments: a mistake is told with what was probably meant, and with the verb's own help") {
  struct Row {
    std::vector<std::string> words;
    std::string text;
  };
  std::vector<Row> const rows{
      {{"pusch"}, "There is no verb pusch. Did you mean push?\ndaemonctl --help shows what it takes.\n"},
      {{"snapshot"}, "There is no verb snapshot. Did you mean snapshots?\ndaemonctl --help shows what it takes.\n"},
      {{"resotre", "latest", "--yes"}, "There is no verb resotre. Did you mean restore?\ndaemonctl --help shows what it takes.\n"},
      {{"backup"}, "There is no verb backup. To back up now: daemonctl push\ndaemonctl --help shows what it takes.\n"},
      {{"frobnicate"}, "There is no verb frobnicate.\ndaemonctl --help shows what it takes.\n"},
      {{}, "What shall it do? daemonctl status says how the backups are, daemonctl setup sets them up.\ndaemonctl --help shows what it takes.\n"},
      {{"restore"}, "restore needs to know which snapshot: latest, an id, or the beginning of one. daemonctl snapshots lists them.\n"
                    "daemonctl restore --help shows what it takes.\n"},
      {{"restore", "latest", "--stopgateway"}, "restore has no option --stopgateway. Did you mean --stop-gateway?\n"
                                               "daemonctl restore --help shows what it takes.\n"},
      {{"restore", "--dryrun"}, "restore has no option --dryrun. Did you mean --dry-run?\ndaemonctl restore --help shows what it takes.\n"},
      {{"restore", "latest", "workspace/a.md"}, "restore cannot use \"workspace/a.md\" there. To bring back only some files: --path 'workspace/a.md'\n"
                                                "daemonctl restore --help shows what it takes.\n"},
      {{"status", "now"}, "status cannot use \"now\" there.\ndaemonctl status --help shows what it takes.\n"},
      {{"push", "--jsn"}, "push has no option --jsn. Did you mean --json?\ndaemonctl push --help shows what it takes.\n"},
      {{"push", "--frobnicate"}, "push has no option --frobnicate.\ndaemonctl push --help shows what it takes.\n"},
      {{"--diret", "push"}, "push has no option --diret. Did you mean --direct?\ndaemonctl push --help shows what it takes.\n"},
      {{"config"}, "config needs one more word: check, show, acknowledge-key.\ndaemonctl config --help shows what it takes.\n"},
      {{"config", "chek"}, "There is no verb config chek. Did you mean config check?\ndaemonctl config --help shows what it takes.\n"},
      {{"config", "xyz"}, "There is no verb config xyz. There are: check, show, acknowledge-key\ndaemonctl config --help shows what it takes.\n"},
      {{"config", "check", "--ofline"}, "check has no option --ofline. Did you mean --offline?\ndaemonctl config check --help shows what it takes.\n"},
      {{"push", "--config"}, "--config needs a value: FILE.\ndaemonctl push --help shows what it takes.\n"},
      {{"cat", "latest"}, "cat needs to know which file: its path as daemonctl ls SNAPSHOT shows it.\ndaemonctl cat --help shows what it takes.\n"},
      {{"restore", "latest", "--stop-gateway", "--when-stopped"}, "--stop-gateway does not go together with --when-stopped.\n"
                                                                  "daemonctl restore --help shows what it takes.\n"},
      {{"restore", "latest", "--expires", "1h"}, "--expires goes only with --when-stopped.\ndaemonctl restore --help shows what it takes.\n"},
      {{"pu\033sch"}, "There is no verb pu\\x1bsch. Did you mean push?\ndaemonctl --help shows what it takes.\n"},
  };
  for (Row const& row : rows) {
    Parsed const parsed = parse(row.words);
    CAPTURE(row.words);
    CHECK(parsed.text == row.text);
    CHECK(parsed.text_is_error);
    CHECK(parsed.exit_code == 64);
  }
}

TEST_CASE("arguments: help is a word, too") {
  CHECK(parse({"help"}).text == parse({"--help"}).text);
  Parsed const help = parse({"help", "restore"});
  CHECK(help.text == parse({"restore", "--help"}).text);
  CHECK(help.text.find("--stop-gateway") != std::string::npos);
  CHECK(help.exit_code == 0);
}

TEST_CASE("arguments: key") {
  CHECK(std::holds_alternative<KeyListArguments>(parse({"key", "list"}).arguments.verb));
  CHECK(std::holds_alternative<KeyRewrapArguments>(parse({"key", "rewrap"}).arguments.verb));
  CHECK(std::holds_alternative<KeyRecoveryArguments>(parse({"key", "recovery"}).arguments.verb));
  auto const add = std::get<KeyAddArguments>(parse({"key", "add", "--from-file", "-", "--label", "safe"}).arguments.verb);
  CHECK(add.from_file == "-");
  CHECK(add.label == "safe");
  auto const remove = std::get<KeyRemoveArguments>(parse({"key", "remove", "abcd", "-y"}).arguments.verb);
  CHECK(remove.slot == "abcd");
  CHECK(remove.yes);
  auto const open = std::get<KeyOpenArguments>(parse({"key", "open", "--passphrase"}).arguments.verb);
  CHECK(open.passphrase);
  CHECK(open.from_file.empty());
  // Secrets are not for the list of processes.
  for (std::vector<std::string> const& words : {std::vector<std::string>{"key", "add", "secret"}, {"key", "open", "7XQ4"}, {"key", "recovery", "7XQ4"}})
    CHECK(parse(words).exit_code == 64);
  CHECK(parse({"key"}).text.find("list, add, remove, rewrap, recovery, open") != std::string::npos);
  CHECK(parse({"key", "remove"}).text.find("daemonctl key list shows them") != std::string::npos);
  CHECK(parse({"key", "rotate"}).exit_code == 64);
}
