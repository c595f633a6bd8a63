#include "core/config/plugin_entry.h"

#include "tests/unit/config/config_fixture.h"

using namespace b2b;
using test::any_contains;

namespace {

PluginEntry entry_of(test::ConfigHome const& home) {
  return read_plugin_entry(home.sources, home.path(".openclaw"));
}

std::string text(PluginEntry const& entry, std::string_view key) {
  SourcedValue const* const value = entry.values.find(key);
  return value == nullptr ? "(none)" : std::string(value->value.as_string());
}

std::string problem(PluginEntry const& entry, std::string const& key) {
  auto const found = entry.unusable.find(key);
  return found == entry.unusable.end() ? "(none)" : found->second.text();
}

bool has(std::string const& text_, std::string_view part) {
  return text_.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("plugin entry: both names, and none") {
  test::ConfigHome home;
  CHECK_FALSE(entry_of(home).failure);
  CHECK(entry_of(home).files.empty());
  home.write_openclaw("{}");
  CHECK_FALSE(entry_of(home).failure);
  for (char const* name : {"b2-backup", "openclaw-b2-backup"}) {
    home.write_openclaw("{plugins: {entries: {'" + std::string(name) + "': {config: {bucket: 'abc'}}}}}");
    PluginEntry const entry = entry_of(home);
    CHECK(text(entry, "bucket") == "abc");
    CHECK(entry.values.find("bucket")->source == "openclaw.json");
    CHECK(entry.files == std::vector<std::string>{home.path(".openclaw/openclaw.json")});
  }
  home.write_openclaw(
      "{plugins: {entries: {'b2-backup': {config: {bucket: 'abc'}}, 'openclaw-b2-backup': {config: {bucket: "
      "'def'}}}}}");
  CHECK(text(entry_of(home), "bucket") == "abc");
  CHECK(any_contains(entry_of(home).warnings, "entries for both"));
  home.write_openclaw("{plugins: {entries: {'b2-backup': {config: 5}}}}");
  CHECK(has(entry_of(home).failure->message, "must be an object"));
}

TEST_CASE("plugin entry: keys that may not come from there are named and ignored") {
  test::ConfigHome home;
  home.write_plugin(
      "{bucket: 'abc', onFailure: ['rm', '-r'], encryptionKey: 'x', dataDir: '/tmp', buckt: 1, limits: {}}");
  PluginEntry const entry = entry_of(home);
  CHECK(entry.values.values().size() == 1);
  CHECK(entry.unusable.empty());
  REQUIRE(entry.warnings.size() == 5);
  CHECK(any_contains(entry.warnings, "config.onFailure is ignored: agents can write that file"));
  CHECK(any_contains(entry.warnings, "config.encryptionKey is ignored: agents can write"));
  CHECK(any_contains(entry.warnings, "config.dataDir is ignored"));
  CHECK(any_contains(entry.warnings,
                     "config.buckt is ignored: unknown key; the nearest known key is 'bucket'"));
}

TEST_CASE("plugin entry: variables, and which of them wins") {
  test::ConfigHome home;
  home.write_plugin(
      "{applicationKey: '${MY_KEY}', keyId: '$MY_ID', bucket: 'b-${NAME}', prefix: '$${NAME}', region: "
      "'${FROM_BLOCK}'}");
  home.write(".openclaw/.env", "MY_KEY=from-dotenv\nMY_ID='id from dotenv'\nNAME=dotenv\nFROM_VARS=no\n");
  home.sources.environment["NAME"] = "process";
  PluginEntry entry = entry_of(home);
  CHECK(text(entry, "applicationKey") == "from-dotenv");
  CHECK(text(entry, "keyId") == "id from dotenv");
  CHECK(text(entry, "bucket") == "b-process");
  CHECK(text(entry, "prefix") == "${NAME}");
  CHECK(
      has(problem(entry, "region"),
          "region is written with ${FROM_BLOCK}, and FROM_BLOCK is set neither in the environment nor in "));
  CHECK(has(problem(entry, "region"), home.path(".openclaw/.env")));

  home.write_openclaw(
      "{env: {FROM_BLOCK: 'low', vars: {FROM_BLOCK: 'block', NAME: 'x'}}, plugins: {entries: {'b2-backup': "
      "{config: "
      "{region: '${FROM_BLOCK}', bucket: 'b-${NAME}'}}}}}");
  entry = entry_of(home);
  CHECK(text(entry, "region") == "block");
  CHECK(text(entry, "bucket") == "b-process");
}

TEST_CASE("plugin entry: a secret variable does not end up in a name") {
  test::ConfigHome home;
  home.sources.environment["B2_APPLICATION_KEY"] = "hunter2";
  home.write_plugin("{prefix: 'x-${B2_APPLICATION_KEY}', applicationKey: '${B2_APPLICATION_KEY}'}");
  PluginEntry const entry = entry_of(home);
  CHECK(has(problem(entry, "prefix"), "which holds a secret"));
  CHECK_FALSE(has(problem(entry, "prefix"), "hunter2"));
  CHECK(text(entry, "applicationKey") == "hunter2");
}

TEST_CASE("plugin entry: SecretRefs that we can resolve") {
  test::ConfigHome home;
  home.write(".openclaw/.env", "MY_KEY=secret-1\n");
  home.write("secrets.json", "{\"b2\": {\"a/b\": \"secret-2\", \"n\": 5}}");
  home.write("one.txt", "secret-3\n");
  std::string const providers =
      "secrets: {providers: {main: {source: 'file', path: '~/secrets.json'}, one: {source: 'file', path: '" +
      home.path("one.txt") + "', mode: 'singleValue'}}}";
  auto const resolve = [&](std::string const& reference) {
    home.write_openclaw("{" + providers + ", plugins: {entries: {'b2-backup': {config: {applicationKey: " +
                        reference + "}}}}}");
    PluginEntry const entry = entry_of(home);
    CHECK(entry.warnings.empty());
    return entry.unusable.empty() ? text(entry, "applicationKey") : problem(entry, "applicationKey");
  };
  CHECK(resolve("{source: 'env', provider: 'default', id: 'MY_KEY'}") == "secret-1");
  CHECK(resolve("{source: 'file', provider: 'main', id: '/b2/a~1b'}") == "secret-2");
  CHECK(resolve("{source: 'file', provider: 'one', id: 'value'}") == "secret-3");

  CHECK(has(resolve("{source: 'env', provider: 'default', id: 'GONE'}"),
            "the SecretRef env:default:GONE cannot be resolved"));
  CHECK(has(resolve("{source: 'file', provider: 'main', id: '/b2/x'}"), "nothing stands at /b2/x"));
  CHECK(has(resolve("{source: 'file', provider: 'main', id: '/b2/n'}"), "is no text"));
  CHECK(has(resolve("{source: 'file', provider: 'one', id: 'other'}"), "must be \"value\""));
  CHECK(has(resolve("{source: 'file', provider: 'nope', id: 'value'}"),
            "no file under secrets.providers.nope"));
  CHECK(has(resolve("{source: 'exec', provider: 'vault', id: 'b2/key'}"),
            "the SecretRef exec:vault:b2/key cannot be resolved"));
  CHECK(has(resolve("{source: 'store', provider: 'default', id: 'b2'}"), "known to OpenClaw only"));
  CHECK(has(resolve("{source: 'env'}"), "it has no id"));
  CHECK(has(resolve("{other: 1}"), "must be text"));
}

TEST_CASE("plugin entry: files with secrets that others may read") {
  test::ConfigHome home;
  home.write_openclaw("{plugins: {entries: {'b2-backup': {config: {applicationKey: 'literal'}}}}}", 0640);
  CHECK(any_contains(entry_of(home).warnings,
                     "openclaw.json holds secrets and can be read by others (mode 0640); run: chmod 600 "));
  home.write_openclaw("{plugins: {entries: {'b2-backup': {config: {applicationKey: '${K}'}}}}}", 0644);
  home.write(".openclaw/.env", "K=1", 0644);
  PluginEntry const entry = entry_of(home);
  CHECK(any_contains(entry.warnings, ".env holds secrets"));
  CHECK_FALSE(any_contains(entry.warnings, "openclaw.json holds"));
}

TEST_CASE("plugin entry: a malformed file, with and without its last good copy") {
  test::ConfigHome home;
  home.write_openclaw("{plugins: ");
  PluginEntry const broken = entry_of(home);
  REQUIRE(broken.failure);
  CHECK(broken.failure->condition == Condition::bad_config);
  CHECK(has(broken.failure->message, "openclaw.json:1:11: expected a value"));
  CHECK_FALSE(broken.from_last_good);

  home.write(".openclaw/openclaw.json.last-good",
             "{plugins: {entries: {'b2-backup': {config: {bucket: 'abc'}}}}}");
  PluginEntry const entry = entry_of(home);
  CHECK_FALSE(entry.failure);
  CHECK(entry.from_last_good);
  CHECK(text(entry, "bucket") == "abc");
  CHECK(entry.values.find("bucket")->source == "openclaw.json.last-good");
  CHECK(has(entry.problem, "openclaw.json:1:11: "));
  CHECK(broken.problem.empty());
}

TEST_CASE("plugin entry: while openclaw.json is away the copy made for a restore is read") {
  test::ConfigHome home;
  home.write(".openclaw/b2backupd/openclaw.json", "{plugins: {entries: {'b2-backup': {config: {bucket: 'abc'}}}}}");
  PluginEntry const away = entry_of(home);
  CHECK_FALSE(away.failure);
  CHECK(text(away, "bucket") == "abc");
  CHECK(any_contains(away.warnings, "is away, as in the middle of a restore"));
  home.write_openclaw("{plugins: {entries: {'b2-backup': {config: {bucket: 'there'}}}}}");
  CHECK(text(entry_of(home), "bucket") == "there");
}

TEST_CASE("plugin entry: OPENCLAW_CONFIG_PATH and OPENCLAW_INCLUDE_ROOTS") {
  test::ConfigHome home;
  home.sources.environment["OPENCLAW_CONFIG_PATH"] = "~/elsewhere/my.json";
  CHECK(any_contains(entry_of(home).warnings, "OPENCLAW_CONFIG_PATH names " + home.path("elsewhere/my.json") +
                                                  ", which does not exist"));
  home.write("elsewhere/my.json", "{plugins: {$include: '../shared/plugins.json5'}}");
  home.write("shared/plugins.json5", "{entries: {'b2-backup': {config: {bucket: 'abc'}}}}");
  CHECK(has(entry_of(home).failure->message, "leads outside"));
  home.sources.environment["OPENCLAW_INCLUDE_ROOTS"] = "/nowhere:~/shared";
  PluginEntry const entry = entry_of(home);
  CHECK_FALSE(entry.failure);
  CHECK(text(entry, "bucket") == "abc");
  CHECK(entry.files.size() == 2);
}
