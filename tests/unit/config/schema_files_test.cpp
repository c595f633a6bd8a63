// config/schema.json, config/config.example.json5 and docs/configuration.md against the table in the code.
#include <algorithm>
#include <set>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include "core/config/json5.h"
#include "core/config/schema.h"
#include "core/util/file.h"
#include "tests/support/paths.h"
#include "tests/unit/config/config_fixture.h"
#include "tests/unit/config/json_schema.h"

using namespace b2b;

namespace {

std::string project_file(std::string const& name) {
  auto const text = read_file(b2b::test::source_directory() + "/" + name, 1 << 20);
  if (!text) FAIL(text.error().text());
  return *text;
}

boost::json::object json_schema() {
  auto const schema = parse_json5(project_file("config/schema.json"), "schema.json");
  if (!schema) FAIL(schema.error().text());
  return schema->as_object();
}

// The schema's entry of a key of the table; null when it has none.
boost::json::object const* property(boost::json::object const& schema, std::string_view name) {
  std::size_t const dot = name.find('.');
  boost::json::value const* found = schema.at("properties").as_object().if_contains(name.substr(0, dot));
  if (found == nullptr || dot == std::string_view::npos)
    return found == nullptr ? nullptr : &found->as_object();
  return property(found->as_object(), name.substr(dot + 1));
}

std::string json_type(KeyType type) {
  switch (type) {
    case KeyType::flag:
      return "boolean";
    case KeyType::integer:
      return "integer";
    case KeyType::text_list:
    case KeyType::arguments:
      return "array";
    default:
      return "string";
  }
}

// Is this line a commented-out setting, "//key: …"? Prose has a space after the slashes.
bool is_setting(std::string_view line) {
  if (!line.starts_with("//")) return false;
  line.remove_prefix(2);
  std::size_t const end = line.find(": ");
  return end != std::string_view::npos && end > 0 &&
         std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(end),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

// The example with its commented-out settings switched on.
std::string uncommented_example() {
  std::string result;
  std::string const text = project_file("config/config.example.json5");
  for (std::size_t from = 0; from < text.size();) {
    std::size_t const to = std::min(text.find('\n', from), text.size());
    std::string_view line = std::string_view(text).substr(from, to - from);
    while (line.starts_with(' '))
      line.remove_prefix(1);
    result += std::string(is_setting(line) ? line.substr(2) : line) + "\n";
    from = to + 1;
  }
  return result;
}

}  // namespace

TEST_CASE("schema.json agrees with the table, key by key") {
  boost::json::object const schema = json_schema();
  CHECK(schema.at("$schema") == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema.at("additionalProperties") == false);

  std::set<std::string> known{"$schema"};
  for (KeySpec const& key : key_table()) {
    INFO(key.name);
    known.insert(std::string(key.name));
    boost::json::object const* const entry = property(schema, key.name);
    REQUIRE(entry != nullptr);
    CHECK(std::string(entry->at("description").as_string()) == key.description);
    CHECK(entry->contains("writeOnly") == key.secret);

    boost::json::object const* typed = entry;
    if (key.type == KeyType::size || key.type == KeyType::rate || key.type == KeyType::duration) {
      auto const& forms = entry->at("anyOf").as_array();
      REQUIRE(forms.size() == 2);
      typed = &forms[0].as_object();
      CHECK(typed->at("type") == "integer");
      CHECK(forms[1].at("type") == "string");
    } else {
      CHECK(std::string(entry->at("type").as_string()) == json_type(key.type));
    }
    if (key.maximum != 0) CHECK(typed->at("minimum") == key.minimum);
    if (typed->contains("maximum")) CHECK(typed->at("maximum") == key.maximum);
    if (key.type == KeyType::integer) CHECK(typed->contains("maximum"));
    if (key.type == KeyType::choice) {
      std::string choices;
      for (auto const& choice : entry->at("enum").as_array())
        choices += (choices.empty() ? "" : " ") + std::string(choice.as_string());
      CHECK(choices == key.choices);
    }

    // A default that does not depend on the machine is in the schema, and means the same.
    bool const depends = key.name == "stateDir" || key.name == "dataDir";
    CHECK(entry->contains("default") == (!key.default_text.empty() && !depends));
    if (entry->contains("default")) {
      auto const from_schema = check_value(key, entry->at("default"));
      auto const from_table = check_text(key, key.default_text);
      REQUIRE(from_schema.has_value());
      REQUIRE(from_table.has_value());
      CHECK(*from_schema == *from_table);
    }
  }

  for (auto const& member : schema.at("properties").as_object()) {
    std::string const name(member.key());
    INFO(name);
    if (!is_key_group(name)) {
      CHECK(known.contains(name));
      continue;
    }
    CHECK(member.value().at("additionalProperties") == false);
    for (auto const& inner : member.value().at("properties").as_object())
      CHECK(known.contains(name + "." + std::string(inner.key())));
  }
}

TEST_CASE("the defaults of the table are those of Config") {
  test::ConfigHome home;
  LoadedConfig const loaded = home.load();
  Config const plain;
  CHECK(test::shown(loaded, "prefix").value == plain.prefix);
  CHECK(test::shown(loaded, "encrypt").value == (plain.encrypt ? "true" : "false"));
  CHECK(test::shown(loaded, "keepSnapshots").value == std::to_string(plain.keep_snapshots));
  CHECK(test::shown(loaded, "keepSafetySnapshots").value == "10");
  CHECK_FALSE(plain.keep_safety_snapshots.has_value());
  CHECK(test::shown(loaded, "secrets").value ==
        (plain.secrets == SecretRows::exclude ? "exclude" : "include"));
  CHECK(test::shown(loaded, "layout").source == "not set");
  CHECK(plain.layout == LayoutChoice::automatic);
  CHECK(test::shown(loaded, "retention.last").source == "not set");
  CHECK_FALSE(plain.retention.has_value());
  auto const number_of = [&](char const* name) {
    return check_text(*find_key(name), find_key(name)->default_text)->as_int64();
  };
  auto const number = [&](char const* name) { return static_cast<std::uint64_t>(number_of(name)); };
  CHECK(number("limits.upload") == plain.limits.upload_bytes_per_second);
  CHECK(number("limits.download") == plain.limits.download_bytes_per_second);
  CHECK(number("limits.spool") == plain.limits.spool_bytes);
  CHECK(number("limits.transfers") == plain.limits.transfers);
  CHECK(number("limits.retrySeconds") == plain.limits.retry_seconds);

  ServiceConfig const& service = plain.service;
  auto const time = [&](char const* name) { return std::chrono::milliseconds(number_of(name)); };
  CHECK(test::shown(loaded, "schedule").value == service.schedule);
  CHECK(time("jitter") == service.jitter);
  CHECK(test::shown(loaded, "watch.push").source == "not set");   // the layout decides
  CHECK_FALSE(service.watch.push.has_value());
  CHECK(time("watch.quiet") == service.watch.quiet);
  CHECK(time("watch.minInterval") == service.watch.min_interval);
  CHECK(test::shown(loaded, "check.enabled").value == (service.check.enabled ? "true" : "false"));
  CHECK(time("check.every") == service.check.every);
  CHECK(test::shown(loaded, "check.subset").value == std::to_string(service.check.percent) + "%");
  CHECK(time("compactionUploadInterval") == service.compaction_upload_interval);
  CHECK(test::shown(loaded, "autoRestore").value == (service.auto_restore ? "true" : "false"));
  CHECK(time("gateway.stopTimeout") == service.gateway.stop_timeout);
  CHECK(time("notifyInterval") == service.notify_interval);
  CHECK(time("stopTimeout") == service.stop_timeout);
  CHECK(loaded.config.service == service);
}

TEST_CASE("the example is valid, and loads with its three fields") {
  std::string const text = project_file("config/config.example.json5");
  auto const parsed = parse_json5(text, "config.example.json5");
  if (!parsed) FAIL(parsed.error().text());
  CHECK(parsed->as_object().size() == 3);
  CHECK(test::schema_problem(json_schema(), *parsed).empty());

  test::ConfigHome home;
  home.write_config(text);
  LoadedConfig const loaded = home.load();
  CHECK(loaded.warnings.empty());
  CHECK(require_store(loaded.config).has_value());
}

TEST_CASE("the example shows every key, each with a value that is valid") {
  auto const parsed = parse_json5(uncommented_example(), "config.example.json5");
  if (!parsed) FAIL(parsed.error().text());
  boost::json::object settings = parsed->as_object();
  for (KeySpec const& key : key_table()) {
    INFO(key.name);
    std::size_t const dot = key.name.find('.');
    boost::json::value const* value = settings.if_contains(key.name.substr(0, dot));
    REQUIRE(value != nullptr);
    if (dot != std::string_view::npos) value = value->as_object().if_contains(key.name.substr(dot + 1));
    REQUIRE(value != nullptr);
    auto const checked = check_value(key, *value);
    CHECK((checked.has_value() ? "" : checked.error().message) == "");
  }
  // The two ways to give a key exclude each other, in the schema and in the program.
  CHECK(test::schema_problem(json_schema(), settings).find("forbidden combination") != std::string::npos);
  settings.erase("applicationKeyFile");
  settings.erase("encryptionKeyFile");
  CHECK(test::schema_problem(json_schema(), settings) == "");
  test::ConfigHome home;
  home.write_config(boost::json::serialize(settings));
  LoadedConfig const loaded = home.load();
  CHECK(loaded.config.retention == RetentionRules{});
  CHECK(loaded.notes.size() == 1);  // keepSnapshots and retention
}

TEST_CASE("schema.json refuses what the program refuses") {
  boost::json::object const schema = json_schema();
  for (char const* text : {"{buckt: 'abc'}",
                           "{keepSnapshots: 0}",
                           "{keepSnapshots: 'x'}",
                           "{encrypt: 'yes'}",
                           "{limits: {uplaod: 1}}",
                           "{limits: {upload: '10M'}}",
                           "{limits: {upload: -1}}",
                           "{limits: {transfers: 65}}",
                           "{layout: 'flat'}",
                           "{retention: true}",
                           "{retention: {last: 0}}",
                           "{retention: {weekly: 1}}",
                           "{include: 'a'}",
                           "{include: ['']}",
                           "{onFailure: []}",
                           "{secrets: 'all'}",
                           "{stateDir: ''}",
                           "{applicationKey: 'a', applicationKeyFile: 'b'}",
                           "{watch: 'yes'}",
                           "{watch: {quite: 1}}",
                           "{watch: {quiet: '5 weeks'}}",
                           "{watch: {quiet: '1.'}}",
                           "{gateway: true}",
                           "{gateway: {restart: ['x']}}",
                           "{gateway: {stop: []}}",
                           "{gateway: {port: 0}}",
                           "{jitter: -1}",
                           "{stopTimeout: 0}",
                           "{notifyInterval: 1.5}",
                           "{schedule: ''}",
                           "{staleAfter: false}"}) {
    INFO(text);
    auto const value = parse_json5(text, "t");
    REQUIRE(value.has_value());
    CHECK_FALSE(test::schema_problem(schema, *value).empty());
    test::ConfigHome home;
    home.write_config(text);
    CHECK(home.fail().condition == Condition::bad_config);
  }
}

TEST_CASE("docs/configuration.md has every key and every variable") {
  std::string const text = project_file("docs/configuration.md");
  for (KeySpec const& key : key_table()) {
    INFO(key.name);
    CHECK(text.find("`" + std::string(key.name) + "`") != std::string::npos);
    if (!key.environment.empty())
      CHECK(text.find("`" + std::string(key.environment) + "`") != std::string::npos);
  }
}
