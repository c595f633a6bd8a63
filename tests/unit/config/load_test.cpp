#include <sys/stat.h>
#include <unistd.h>

#include "core/config/own_file.h"
#include "tests/unit/config/config_fixture.h"

using namespace b2b;
using test::any_contains;
using test::shown;

namespace {
bool has(std::string const& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
constexpr std::string_view three_fields = "{keyId: 'id', applicationKey: 'key', bucket: 'my-bucket'}";
}  // namespace

TEST_CASE("load: nothing configured") {
  test::ConfigHome home;
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.state_dir == home.path(".openclaw"));
  CHECK(loaded.config.data_dir == home.path(".local/state/b2backupd"));
  CHECK(loaded.warnings.empty());
  CHECK(loaded.files.empty());
  CHECK(loaded.openclaw_json == home.path(".openclaw/openclaw.json"));
  CHECK_FALSE(loaded.config.retention_uncertain);
  CHECK(shown(loaded, "bucket").source == "not set");
  CHECK(shown(loaded, "stateDir").source == "default");
  Error const missing = require_store(loaded.config).error();
  CHECK(missing.condition == Condition::bad_config);
  CHECK(has(missing.message, "bucket, keyId and applicationKey are not set"));
  CHECK(has(missing.advice, "B2_BUCKET_NAME, B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY"));
}

TEST_CASE("load: the three fields in a file") {
  test::ConfigHome home;
  std::string const file = home.write_config(three_fields);
  LoadedConfig const loaded = home.load();
  CHECK(require_store(loaded.config).has_value());
  CHECK(loaded.config.application_key.reveal() == "key");
  CHECK(loaded.config.encrypt);
  CHECK(loaded.files == std::vector<std::string>{file});
  CHECK(shown(loaded, "applicationKey").value == "***");
  CHECK(shown(loaded, "applicationKey").source == file);
}

TEST_CASE("load: each source overrides the ones below, key by key") {
  test::ConfigHome home;
  home.write_plugin(
      "{keyId: 'plugin', applicationKey: 'plugin', bucket: 'plugin', region: 'plugin', prefix: 'plugin', "
      "endpoint: 'https://plugin'}");
  CHECK(home.load().config.key_id.reveal() == "plugin");

  home.write_config("{keyId: 'file', bucket: 'file', region: 'file', prefix: 'file'}");
  home.write("credentials/keyId", "credential\n");
  home.write("credentials/encryptionKey", "passphrase");
  home.sources.environment["CREDENTIALS_DIRECTORY"] = home.path("credentials");
  home.sources.environment["B2_BUCKET_NAME"] = "environment";
  home.sources.environment["B2_PREFIX"] = "environment";
  home.sources.environment["B2_REGION"] = "";  // empty is not set
  home.sources.command_line["prefix"] = "command";
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.application_key.reveal() == "plugin");
  CHECK(shown(loaded, "applicationKey").source == "openclaw.json");
  CHECK(loaded.config.region == "file");
  CHECK(loaded.config.key_id.reveal() == "credential");
  CHECK(shown(loaded, "keyId").source == "systemd credential (keyId)");
  CHECK(loaded.config.encryption_key.reveal() == "passphrase");
  CHECK(loaded.config.bucket == "environment");
  CHECK(shown(loaded, "bucket").source == "environment (B2_BUCKET_NAME)");
  CHECK(loaded.config.prefix == "command");
  CHECK(shown(loaded, "prefix").source == "command line");
  CHECK(loaded.config.endpoint == "https://plugin");
}

TEST_CASE("load: all variables of the environment") {
  test::ConfigHome home;
  home.sources.environment = {{"B2_APPLICATION_KEY_ID", "a"}, {"B2_APPLICATION_KEY", "b"},
                              {"B2_BUCKET_NAME", "ccc"},      {"B2_REGION", "d"},
                              {"B2_ENDPOINT", "https://e"},   {"B2_PREFIX", "f"},
                              {"B2_ENCRYPTION_KEY", "g"},     {"B2_CA_FILE", "h.pem"},
                              {"OPENCLAW_STATE_DIR", "~/i/"}, {"XDG_STATE_HOME", "/j"}};
  Config const config = home.load().config;
  CHECK(config.key_id.reveal() == "a");
  CHECK(config.application_key.reveal() == "b");
  CHECK(config.bucket == "ccc");
  CHECK(config.region == "d");
  CHECK(config.endpoint == "https://e");
  CHECK(config.prefix == "f");
  CHECK(config.encryption_key.reveal() == "g");
  CHECK(config.ca_file == home.path("h.pem"));
  CHECK(config.state_dir == home.path("i"));
  CHECK(config.data_dir == "/j/b2backupd");
  home.sources.environment["B2_ENDPOINT"] = "http://e";
  CHECK(has(home.fail().message, "in the environment variable B2_ENDPOINT: endpoint "));
}

TEST_CASE("load: every key of the file reaches the configuration") {
  test::ConfigHome home;
  home.write_config(R"({
    stateDir: "state", bucket: "bbb", endpoint: "file:///mnt/x/", caFile: "~/ca.pem", prefix: "/p/q/", encrypt: false,
    encryptionKey: "e", decryptionKeys: ["d1", "d2"], keepSnapshots: 3, keepSafetySnapshots: 4, layout: "plugin",
    include: ["notes/**"], exclude: ["*.iso"], secrets: "include", dataDir: "../data",
    limits: {upload: "2MB/s", download: 1000, spool: "64MiB", transfers: 8},
  })");
  Config const config = home.load().config;
  CHECK(config.state_dir == home.path(".config/b2backupd/state"));
  CHECK(config.endpoint == "file:///mnt/x");
  CHECK(config.ca_file == home.path("ca.pem"));
  CHECK(config.prefix == "p/q");
  CHECK_FALSE(config.encrypt);
  CHECK(config.decryption_keys.size() == 2);
  CHECK(config.keep_snapshots == 3);
  CHECK(config.keep_safety_snapshots == 4);
  CHECK(config.include == std::vector<std::string>{"notes/**"});
  CHECK(config.exclude == std::vector<std::string>{"*.iso"});
  CHECK(config.secrets == SecretRows::include);
  CHECK(config.limits.upload_bytes_per_second == 2'000'000);
  CHECK(config.limits.download_bytes_per_second == 1000);
  CHECK(config.limits.spool_bytes == 64ull << 20);
  CHECK(config.limits.transfers == 8);
  CHECK(config.data_dir == home.path(".config/b2backupd/../data"));
  CHECK(require_store(config).has_value());
}

TEST_CASE("load: errors in the file say where") {
  test::ConfigHome home;
  auto const message = [&](std::string_view text) {
    std::string const file = home.write_config(text);
    Error const error = home.fail();
    CHECK(error.condition == Condition::bad_config);
    CHECK(exit_code_of(error.condition) == 65);
    CHECK(error.message.starts_with(file));
    return error.message.substr(file.size());
  };
  CHECK(message("{\n  buckt: 'abc',\n}") == ":2:3: unknown key 'buckt'; the nearest known key is 'bucket'");
  CHECK(message("{limits: {\n uplaod: 1}}") ==
        ":2:2: unknown key 'limits.uplaod'; the nearest known key is 'limits.upload'");
  CHECK(message("{'limits.upload': '1M'}") == ":1:2: limits.upload must be written as limits: { upload: … }");
  CHECK(message("{'watch.push': true}") == ":1:2: watch.push must be written as watch: { push: … }");
  CHECK(message("{'limits.uplaod': 1}") ==
        ":1:2: unknown key 'limits.uplaod'; the nearest known key is 'limits.upload'");
  CHECK(message("{limits: 5}") == ":1:2: limits must be an object");
  CHECK(message("{bucket: 5}") == ":1:2: bucket must be text, not a number");
  CHECK(message("{bucket: 'abc' prefix: 'x'}") == ":1:16: expected ',' or '}' after a value, found 'p'");
  CHECK(message("[]") == ":1:1: the file must hold one object: { … }");
  CHECK(message("") == ":1:1: the file holds no value");
  CHECK(message("{applicationKey: 'a', applicationKeyFile: 'b'}") ==
        ":1:23: applicationKey and applicationKeyFile are both set");
  CHECK(message("{layout: 'flat'}") == ":1:2: layout must be \"plugin\" or \"packed\", not \"flat\"");
  CHECK(message("{prefix: '${NAME}', bucket: 1}").find("bucket must be text") != std::string::npos);
}

TEST_CASE("load: --config") {
  test::ConfigHome home;
  home.write_config("{bucket: 'default'}");
  home.sources.config_file = "other.json5";
  Error const missing = home.fail();
  CHECK(missing.condition == Condition::bad_config);
  CHECK(has(missing.message, home.path("other.json5") + " does not exist"));
  home.write("other.json5", "{bucket: 'other'}");
  CHECK(home.load().config.bucket == "other");
  home.sources.config_file = home.path(".config");
  CHECK(has(home.fail().message, "is not a regular file"));
}

TEST_CASE("load: a configuration file that is a symbolic link to nothing") {
  test::ConfigHome home;
  std::string const file = home.write_config("{}");
  REQUIRE(::unlink(file.c_str()) == 0);
  REQUIRE(::symlink("moved-away.json5", file.c_str()) == 0);
  auto const refused = [&] {
    Error const error = home.fail();
    CHECK(exit_code_of(error.condition) == 65);
    CHECK(error.subject == file);
    return error.message;
  };
  std::string const expected =
      "the configuration file " + file + " is a symbolic link to moved-away.json5, which does not exist";
  CHECK(refused() == expected);  // it is not passed over for the next place
  home.write("etc/config.json5", "{bucket: 'other'}");
  CHECK(refused() == expected);
  home.sources.config_file = file;
  CHECK(refused() == expected);

  REQUIRE(::unlink(file.c_str()) == 0);
  REQUIRE(::symlink("config.json5", file.c_str()) == 0);  // to itself
  CHECK(has(refused(), file));
}

TEST_CASE("load: a FIFO in place of the file does not block") {
  test::ConfigHome home;
  REQUIRE(::mkfifo(home.path("fifo").c_str(), 0600) == 0);
  home.sources.config_file = "fifo";
  CHECK(has(home.fail().message, "is not a regular file"));
}

TEST_CASE("load: places of the file") {
  test::ConfigHome home;
  home.write("etc/config.json5", "{bucket: 'system'}");
  CHECK(home.load().config.bucket == "system");
  home.write(".config/b2backupd/config.json5", "{bucket: 'home'}");
  CHECK(home.load().config.bucket == "home");
  home.sources.environment["XDG_CONFIG_HOME"] = home.path("xdg");
  CHECK(home.load().config.bucket == "home");
  home.write("xdg/b2backupd/config.json5", "{bucket: 'xdg'}");
  CHECK(home.load().config.bucket == "xdg");
  home.sources.environment["XDG_CONFIG_HOME"] = "relative";
  CHECK(home.load().config.bucket == "home");
}

TEST_CASE("load: profiles have files of their own") {
  test::ConfigHome home;
  home.write_config("{bucket: 'default'}");
  home.sources.environment["OPENCLAW_STATE_DIR"] = home.path(".openclaw-work");
  CHECK(home.load().config.bucket.empty());  // never the default profile's
  home.write(".config/b2backupd/config-work.json5", "{bucket: 'work'}");
  CHECK(home.load().config.bucket == "work");
  CHECK(home.load().config.state_dir == home.path(".openclaw-work"));
  home.sources.environment.clear();
  CHECK(home.load().config.bucket == "default");
  home.sources.config_file = home.path(".config/b2backupd/config-work.json5");
  CHECK(home.load().config.state_dir == home.path(".openclaw-work"));
  CHECK(shown(home.load(), "stateDir").source == "default of the profile work");
  home.sources.environment["OPENCLAW_STATE_DIR"] = "/data/openclaw";
  CHECK(home.load().config.state_dir == "/data/openclaw");

  CHECK(profile_of_state_dir("/h/.openclaw-a.b", "/h") == "a.b");
  CHECK(profile_of_state_dir("/h/.openclaw-a/b", "/h").empty());
  CHECK(profile_of_state_dir("/h/.openclaw-", "/h").empty());
  CHECK(profile_of_state_dir("/x/.openclaw-a", "/h").empty());
  CHECK(profile_of_config_file("/x/config-a.json5") == "a");
  CHECK(profile_of_config_file("/x/config.json5").empty());
  CHECK(profile_of_config_file("config-.json5").empty());
}

TEST_CASE("load: where the state directory comes from") {
  test::ConfigHome home;
  home.sources.environment["OPENCLAW_HOME"] = "~/service";
  CHECK(home.load().config.state_dir == home.path("service/.openclaw"));
  home.write_config("{stateDir: '~/from-file'}");
  CHECK(home.load().config.state_dir == home.path("from-file"));
  home.sources.environment["OPENCLAW_STATE_DIR"] = "from-environment";
  CHECK(home.load().config.state_dir == home.path("from-environment"));
  home.sources.command_line["stateDir"] = "./from-command-line/";
  CHECK(home.load().config.state_dir == home.path("from-command-line"));
}

TEST_CASE("load: the command line") {
  test::ConfigHome home;
  home.sources.command_line["keepSnapshots"] = "x";
  CHECK(home.fail().condition == Condition::usage);
  home.sources.command_line = {{"buckt", "x"}};
  CHECK(home.fail().condition == Condition::usage);
  CHECK(has(home.fail().advice, "'bucket'"));
  home.sources.command_line = {{"exclude", "*.iso"}, {"limits.upload", "1MB/s"}, {"encrypt", "false"}};
  Config const config = home.load().config;
  CHECK(config.exclude.size() == 1);
  CHECK(config.limits.upload_bytes_per_second == 1'000'000);
  CHECK_FALSE(config.encrypt);
}

TEST_CASE("load: keys from files") {
  test::ConfigHome home;
  home.write_config("{applicationKeyFile: 'key.txt', encryptionKeyFile: '~/pass.txt'}");
  CHECK(
      has(home.fail().message, "applicationKeyFile (" + home.path(".config/b2backupd/config.json5") + "): "));
  home.write(".config/b2backupd/key.txt", "the key\n");
  home.write("pass.txt", " two \n\n", 0644);
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.application_key.reveal() == "the key");
  CHECK(loaded.config.encryption_key.reveal() == " two \n");  // one line break goes
  CHECK(shown(loaded, "applicationKey").source ==
        "applicationKeyFile " + home.path(".config/b2backupd/key.txt"));
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(has(loaded.warnings.front(),
            "pass.txt holds a secret and can be read by others (mode 0644); run: chmod 600 " +
                home.path("pass.txt")));

  home.write(".config/b2backupd/key.txt", "\n");
  CHECK(has(home.fail().message, "which is empty"));
  // A key from above makes the file unnecessary.
  REQUIRE(::unlink(home.path(".config/b2backupd/key.txt").c_str()) == 0);
  home.sources.environment["B2_APPLICATION_KEY"] = "env";
  CHECK(home.load().config.application_key.reveal() == "env");
}

TEST_CASE("load: systemd credentials") {
  test::ConfigHome home;
  home.sources.environment["CREDENTIALS_DIRECTORY"] = home.path("credentials");
  CHECK(home.load().config.application_key.empty());
  home.write("credentials/applicationKey", "k\n");
  CHECK(home.load().config.application_key.reveal() == "k");
  home.write("credentials/applicationKey", "");
  CHECK(has(home.fail().message, "is empty"));
}

TEST_CASE("load: a file with secrets that others may read") {
  test::ConfigHome home;
  std::string const file = home.write_config(three_fields, 0644);
  CHECK(any_contains(home.load().warnings,
                     file + " holds secrets and can be read by others (mode 0644); run: chmod 600 " + file));
  home.write_config(three_fields, 0640);
  CHECK(any_contains(home.load().warnings, "mode 0640"));
  home.write_config("{bucket: 'abc'}", 0644);
  CHECK(home.load().warnings.empty());
}

TEST_CASE("load: a broken openclaw.json stops only who depends on it") {
  test::ConfigHome home;
  home.write_openclaw("{plugins: oops");
  CHECK(home.fail().condition == Condition::bad_config);
  CHECK(has(home.fail().message, "openclaw.json:1:11: "));
  CHECK(has(home.fail().message, "nothing else names a complete store"));
  CHECK(has(home.fail().advice, "~/.config/b2backupd/config.json5"));

  home.write_config(three_fields);
  LoadedConfig loaded = home.load();
  REQUIRE(loaded.warnings.size() == 2);
  CHECK(has(loaded.warnings[0], "openclaw.json:1:11: "));
  CHECK(has(loaded.warnings[0], "meanwhile this program's own settings are used"));
  CHECK(loaded.openclaw_problem == loaded.warnings[0]);
  CHECK(loaded.config.retention_uncertain);
  CHECK(has(loaded.warnings[1], "nothing is pruned"));

  home.write_config(
      "{keyId: 'id', applicationKey: 'key', bucket: 'my-bucket', keepSnapshots: 5, keepSafetySnapshots: 5}");
  loaded = home.load();
  CHECK(loaded.warnings.size() == 1);
  CHECK_FALSE(loaded.config.retention_uncertain);

  // openclaw.json has no say in `retention`, but its count of safety snapshots is not known.
  home.write_config("{keyId: 'id', applicationKey: 'key', bucket: 'my-bucket', retention: {daily: 7}}");
  CHECK(home.load().config.retention_uncertain);
  home.write_config(
      "{keyId: 'id', applicationKey: 'key', bucket: 'my-bucket', retention: {daily: 7}, keepSafetySnapshots: 5}");
  CHECK_FALSE(home.load().config.retention_uncertain);

  home.write_config("{bucket: 'my-bucket', endpoint: 'file:///mnt/x'}");
  CHECK(home.load().warnings.size() == 2);
  home.write_config("{keyId: 'id', bucket: 'my-bucket'}");
  CHECK(home.fail().condition == Condition::bad_config);
}

TEST_CASE("load: the last good openclaw.json stands in, and nothing is pruned by its counts") {
  test::ConfigHome home;
  home.write_openclaw("{");
  home.write(".openclaw/openclaw.json.last-good",
             "{plugins: {entries: {'b2-backup': {config: {keyId: 'i', applicationKey: 'k', bucket: 'abc', "
             "keepSnapshots: 99}}}}}");
  LoadedConfig const loaded = home.load();
  CHECK(require_store(loaded.config).has_value());
  CHECK(loaded.config.keep_snapshots == 99);
  CHECK(loaded.config.retention_uncertain);
  CHECK(shown(loaded, "bucket").source == "openclaw.json.last-good");
  CHECK(has(loaded.openclaw_problem, "openclaw.json:1:"));
  CHECK(has(loaded.openclaw_problem, "meanwhile its copy "));
  CHECK(has(loaded.openclaw_problem, "openclaw.json.last-good is used"));
  CHECK(loaded.openclaw_problem == loaded.warnings[0]);
  home.write_openclaw("{}");
  CHECK(home.load().openclaw_problem.empty());
}

TEST_CASE("load: values of the plugin's entry that cannot be used") {
  test::ConfigHome home;
  home.write_plugin(
      "{keyId: 'i', applicationKey: {source: 'exec', provider: 'vault', id: 'x'}, bucket: 'abc', "
      "keepSnapshots: 'many', schedule: 5}");
  Error const needed = home.fail();
  CHECK(needed.condition == Condition::bad_config);
  CHECK(has(needed.message, "the SecretRef exec:vault:x cannot be resolved"));
  CHECK(has(needed.advice, "systemd credential"));

  home.sources.environment["B2_APPLICATION_KEY"] = "k";
  CHECK(has(home.fail().message, "keepSnapshots must be a whole number"));

  home.sources.environment["B2_APPLICATION_KEY_ID"] = "i";
  home.sources.environment["B2_BUCKET_NAME"] = "abc";
  LoadedConfig const loaded = home.load();
  CHECK(any_contains(loaded.warnings, "exec:vault:x"));
  CHECK(any_contains(loaded.warnings, "keepSnapshots must be a whole number"));
  CHECK(any_contains(loaded.warnings, "schedule must be text"));
  CHECK(loaded.config.retention_uncertain);
  home.write_config("{retention: {last: 5}}");
  CHECK_FALSE(home.load().config.retention_uncertain);  // keepSnapshots would not be used
  home.write_config("{}");

  home.sources.environment.clear();
  home.write_config("{endpoint: 'file:///mnt/x', keepSnapshots: 5}");
  CHECK(any_contains(home.load().warnings, "exec:vault:x"));  // a directory needs no key
}

TEST_CASE("load: openclaw.json must not steer the keys of others unseen") {
  test::ConfigHome home;
  home.write_config(three_fields);
  home.write_plugin("{endpoint: 'https://elsewhere.example.org', encrypt: false, bucket: 'theirs'}");
  LoadedConfig loaded = home.load();
  CHECK(loaded.config.bucket == "my-bucket");
  CHECK(any_contains(loaded.warnings, "endpoint comes from openclaw.json, which agents can write"));
  CHECK(any_contains(loaded.warnings, "encrypt comes from openclaw.json"));
  home.write_plugin(
      "{keyId: 'i', applicationKey: 'k', bucket: 'abc', endpoint: 'https://elsewhere.example.org', encrypt: "
      "true}");
  home.write_config("{}");
  CHECK(home.load().warnings.empty());
}

TEST_CASE("load: what pruning keeps, and the layout") {
  test::ConfigHome home;
  home.write_config("{retention: {}}");
  CHECK_FALSE(home.load().config.retention.has_value());
  CHECK_FALSE(home.load().config.keep_snapshots_set);
  CHECK(home.load().config.layout == LayoutChoice::automatic);
  home.write_config("{layout: 'packed', retention: {daily: 7}}");
  CHECK(home.load().config.layout == LayoutChoice::packed);
  CHECK(home.load().config.retention == RetentionRules{10, 24, 7, 12});
  CHECK(home.load().notes.empty());
  home.write_config("{layout: 'plugin', keepSnapshots: 10, retention: {last: 1, hourly: 0, daily: 0, monthly: 0}}");
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.layout == LayoutChoice::plugin);
  CHECK(loaded.config.retention == RetentionRules{1, 0, 0, 0});
  CHECK(loaded.config.keep_snapshots_set);
  REQUIRE(loaded.notes.size() == 1);
  CHECK(loaded.notes[0] == "keepSnapshots is set and not used, because retention goes before it");
  CHECK(loaded.warnings.empty());
  home.write_config("{retention: true}");
  CHECK(has(home.fail().message, "retention must be an object"));
}

TEST_CASE("load: every key of the daemon reaches the configuration") {
  test::ConfigHome home;
  home.write_config(R"({
    schedule: "15 3 * * *", timezone: "Europe/Berlin", jitter: "1h", watch: {push: true, quiet: "7s", minInterval: 8},
    check: {enabled: false, every: "30d", subset: "12%"}, compactionUploadInterval: "9m", autoRestore: false,
    gateway: {stop: ["a", "b c"], start: ["d"], port: 65535, stopTimeout: "10s"},
    onSuccess: ["e", ""], onFailure: ["f"], onStale: ["g"], notifyInterval: "1d", staleAfter: "1.5h",
    healthcheckUrl: "https://hc.example.org/ping/hunter2", metricsTextfile: "m.prom", socket: "~/s", stopTimeout: "500s",
  })");
  LoadedConfig const loaded = home.load();
  ServiceConfig const& service = loaded.config.service;
  using namespace std::chrono_literals;
  CHECK(service.schedule == "15 3 * * *");
  CHECK(service.timezone == "Europe/Berlin");
  CHECK(service.jitter == 1h);
  CHECK(service.watch.push == true);
  CHECK(service.watch.quiet == 7s);
  CHECK(service.watch.min_interval == 8s);
  CHECK_FALSE(service.check.enabled);
  CHECK(service.check.every == 720h);
  CHECK(service.check.percent == 12);
  CHECK(service.compaction_upload_interval == 9min);
  CHECK_FALSE(service.auto_restore);
  CHECK(service.gateway.stop == std::vector<std::string>{"a", "b c"});
  CHECK(service.gateway.start == std::vector<std::string>{"d"});
  CHECK(service.gateway.port == std::uint16_t{65535});
  CHECK(service.gateway.stop_timeout == 10s);
  CHECK(service.on_success == std::vector<std::string>{"e", ""});
  CHECK(service.on_failure == std::vector<std::string>{"f"});
  CHECK(service.on_stale == std::vector<std::string>{"g"});
  CHECK(service.notify_interval == 24h);
  CHECK(service.stale_after == std::chrono::milliseconds(90min));
  CHECK(service.healthcheck_url.reveal() == "https://hc.example.org/ping/hunter2");
  CHECK(service.metrics_textfile == home.path(".config/b2backupd/m.prom"));
  CHECK(service.socket == home.path("s"));
  CHECK(service.stop_timeout == 500s);
  CHECK(shown(loaded, "staleAfter").value == "90m");
  CHECK(shown(loaded, "jitter").value == "1h");
  CHECK(shown(loaded, "healthcheckUrl").value == "***");
  CHECK(shown(loaded, "gateway.stop").value == R"(["a","b c"])");
  CHECK(loaded.notes.empty());
}

TEST_CASE("load: `check: false` turns the checks off, and a share is a percentage") {
  test::ConfigHome home;
  home.write_config("{check: false}");
  CHECK_FALSE(home.load().config.service.check.enabled);
  for (char const* const wrong : {"5", "0%", "101%", "-5%", "5.5%", "%", "5 %", ""}) {
    INFO(wrong);
    home.write_config(std::string("{check: {subset: '") + wrong + "'}}");
    CHECK(has(home.fail().message, "check.subset"));
  }
}

TEST_CASE("load: `watch: true` is short for its group") {
  test::ConfigHome home;
  home.write_config("{watch: true}");
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.service.watch.push == true);
  CHECK(loaded.config.service.watch.quiet == std::chrono::seconds(20));
  CHECK(shown(loaded, "watch.push").source == home.path(".config/b2backupd/config.json5"));
  home.write_config("{watch: false}");
  CHECK(home.load().config.service.watch.push == false);
  home.write_config("{watch: 'yes'}");
  CHECK(has(home.fail().message, "watch must be an object, true or false"));
  home.write_config("{gateway: true}");
  CHECK(has(home.fail().message, "gateway must be an object"));
}

TEST_CASE("load: what agents can write names no command and no address to call") {
  test::ConfigHome home;
  home.write_plugin(
      "{bucket: 'abc', schedule: 'hourly', socket: 'run/s.sock', onFailure: ['sh'], gateway: {stop: ['sh']}, "
      "healthcheckUrl: 'https://elsewhere.example.org', watch: {push: true}, autoRestore: false, "
      "metricsTextfile: '/x'}");
  LoadedConfig const loaded = home.load();
  ServiceConfig expected;
  expected.schedule = "hourly";
  expected.socket = home.path(".openclaw/run/s.sock");  // as a path of that file
  CHECK(loaded.config.service == expected);
  for (char const* key :
       {"onFailure", "gateway", "healthcheckUrl", "watch", "autoRestore", "metricsTextfile"}) {
    INFO(key);
    CHECK(any_contains(loaded.warnings, "config." + std::string(key) + " is ignored: "));
  }
}

TEST_CASE("load: a profile that is asked for") {
  test::ConfigHome home;
  home.write_config("{bucket: 'default'}");
  home.sources.profile = "work";
  LoadedConfig loaded = home.load();
  CHECK(loaded.config.bucket.empty());  // never the default profile's
  CHECK(loaded.config.state_dir == home.path(".openclaw-work"));
  CHECK(shown(loaded, "stateDir").source == "default of the profile work");
  home.write("etc/config-work.json5", "{bucket: 'work', stateDir: '/data/work'}");
  CHECK(home.load().config.bucket == "work");
  CHECK(home.load().config.state_dir == "/data/work");

  // The environment does not lead it elsewhere; the command line may.
  home.sources.environment["OPENCLAW_STATE_DIR"] = "/data/other";
  loaded = home.load();
  CHECK(loaded.config.state_dir == "/data/work");
  CHECK(any_contains(loaded.warnings, "OPENCLAW_STATE_DIR is not used, since --profile work"));
  home.sources.command_line["stateDir"] = "/data/third";
  CHECK(home.load().config.state_dir == "/data/third");
  CHECK(home.load().config.bucket == "work");
  home.sources.command_line.clear();

  home.sources.config_file = home.write("b.json5", "{bucket: 'given'}");
  CHECK(home.load().config.bucket == "given");
  CHECK(home.load().config.state_dir == home.path(".openclaw-work"));
  home.sources.config_file.clear();

  home.sources.profile = "default";
  CHECK(home.load().config.bucket == "default");
  CHECK(home.load().config.state_dir == home.path(".openclaw"));
  home.sources.profile = "work";
  home.sources.environment = {{"OPENCLAW_HOME", "/srv"}};
  home.write("etc/config-work.json5", "{}");
  CHECK(home.load().config.state_dir == "/srv/.openclaw-work");
}

TEST_CASE("load: names of profiles") {
  for (char const* name : {"a", "Work-2_b", "0"})
    CHECK(check_profile(name).has_value());
  CHECK(check_profile(std::string(64, 'x')).has_value());
  for (std::string const& name : {std::string(), std::string("a/b"), std::string(".."), std::string("a.b"),
                                  std::string("a b"), std::string("\xc3\xa4"), std::string(65, 'x')}) {
    INFO(name);
    REQUIRE(check_profile(name).has_error());
    CHECK(check_profile(name).error().condition == Condition::usage);
  }
  test::ConfigHome home;
  home.sources.profile = "../x";
  CHECK(home.fail().condition == Condition::usage);
}

TEST_CASE("load: no secret in any message or row") {
  test::ConfigHome home;
  home.write_config(
      "{keyId: 'hunter2', applicationKey: 'hunter2', encryptionKey: 'hunter2', decryptionKeys: ['hunter2'], "
      "bucket: 'abc'}",
      0644);
  home.write_plugin("{applicationKey: 'hunter2', prefix: 5}");
  LoadedConfig const loaded = home.load();
  for (ShownValue const& row : loaded.shown)
    CHECK_FALSE(has(row.value, "hunter2"));
  CHECK_FALSE(any_contains(loaded.warnings, "hunter2"));
  CHECK(shown(loaded, "decryptionKeys").value == "***");
}

TEST_CASE("process_sources: the surroundings of this process") {
  ConfigSources const sources = process_sources();
  CHECK(sources.working_directory.starts_with('/'));
  CHECK(sources.home.starts_with('/'));
  CHECK(sources.environment.contains("PATH"));
  CHECK(sources.system_config_dir == "/etc/b2backupd");
}
