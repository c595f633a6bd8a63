#include "core/config/schema.h"

#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <catch2/catch.hpp>

using namespace b2b;

namespace {

KeySpec const& key(std::string_view name) {
  KeySpec const* const found = find_key(name);
  REQUIRE(found != nullptr);
  return *found;
}

std::string refused(std::string_view name, boost::json::value const& value) {
  auto const checked = check_value(key(name), value);
  REQUIRE(checked.has_error());
  CHECK(checked.error().condition == Condition::bad_config);
  CHECK(checked.error().message.starts_with(std::string(name) + " "));
  CHECK(checked.error().subject == name);
  return checked.error().message;
}

std::string accepted(std::string_view name, std::string_view text) {
  auto const checked = check_value(key(name), boost::json::value(text));
  if (!checked) return "refused: " + checked.error().message;
  return std::string(checked->get_string());
}

}  // namespace

TEST_CASE("schema: the table is sound") {
  std::set<std::string_view> names;
  for (KeySpec const& entry : key_table()) {
    INFO(entry.name);
    CHECK(names.insert(entry.name).second);
    CHECK(entry.description.ends_with("."));
    CHECK(entry.minimum <= entry.maximum);
    bool const bounded = entry.type == KeyType::integer || entry.type == KeyType::size ||
                         entry.type == KeyType::rate || entry.type == KeyType::duration;
    CHECK((entry.maximum > 0) == bounded);
    CHECK((entry.type == KeyType::choice) == !entry.choices.empty());
    CHECK_FALSE((entry.in_openclaw_json && entry.type == KeyType::arguments));
  }
}

TEST_CASE("schema: what may come from openclaw.json is the plugin's own list and the socket") {
  std::set<std::string_view> names;
  for (KeySpec const& entry : key_table())
    if (entry.in_openclaw_json) names.insert(entry.name);
  CHECK(names == std::set<std::string_view>{"keyId", "applicationKey", "bucket", "region", "endpoint",
                                            "prefix", "schedule", "encrypt", "keepSnapshots",
                                            "keepSafetySnapshots", "socket"});
}

TEST_CASE("schema: nearest key") {
  CHECK(nearest_key("buckt") == "bucket");
  CHECK(nearest_key("Bucket") == "bucket");
  CHECK(nearest_key("application_key") == "applicationKey");
  CHECK(nearest_key("key_id") == "keyId");
  CHECK(nearest_key("keyID") == "keyId");
  CHECK(nearest_key("keepSnapshot") == "keepSnapshots");
  CHECK(nearest_key("limits.uplaod") == "limits.upload");
  CHECK(nearest_key("upload") == "limits.upload");
  CHECK(nearest_key("encyrpt") == "encrypt");
  CHECK_FALSE(nearest_key("").empty());
  CHECK_FALSE(nearest_key(std::string(100000, 'x')).empty());
}

TEST_CASE("schema: groups") {
  CHECK(is_key_group("limits"));
  CHECK(is_key_group("watch"));
  CHECK(is_key_group("gateway"));
  CHECK(is_key_group("retention"));
  REQUIRE(group_flag("watch") != nullptr);
  CHECK(group_flag("watch")->name == "watch.push");
  REQUIRE(group_flag("check") != nullptr);
  CHECK(group_flag("check")->name == "check.enabled");
  CHECK(group_flag("limits") == nullptr);
  CHECK_FALSE(is_key_group("limit"));
  CHECK_FALSE(is_key_group("bucket"));
  CHECK_FALSE(is_key_group(""));
}

TEST_CASE("schema: types") {
  CHECK(refused("bucket", 5) == "bucket must be text, not a number");
  CHECK(refused("bucket", nullptr) == "bucket must be text, not null");
  CHECK(refused("encrypt", "true") == "encrypt must be true or false, not text");
  CHECK(refused("keepSnapshots", "10") == "keepSnapshots must be a whole number, not text");
  CHECK(refused("keepSnapshots", 1.5) == "keepSnapshots must be a whole number, not 1.5");
  CHECK(refused("keepSnapshots", -0.25) == "keepSnapshots must be a whole number, not -0.25");
  CHECK(refused("keepSnapshots", 1e20) == "keepSnapshots must be between 1 and 1000000, not 1e+20");
  CHECK(refused("keepSnapshots", std::uint64_t{1} << 63) ==
        "keepSnapshots must be between 1 and 1000000, not 9223372036854775808");
  CHECK(refused("limits.upload", 0.5) ==
        "limits.upload must be a whole number of bytes or text like \"10MB\", not 0.5");
  CHECK(refused("keepSnapshots", 0) == "keepSnapshots must be between 1 and 1000000, not 0");
  CHECK(refused("limits.transfers", 65) == "limits.transfers must be between 1 and 64, not 65");
  CHECK(refused("limits.upload", -1) == "limits.upload must be at least 0, not -1");
  CHECK(refused("limits.upload", true) ==
        "limits.upload must be a whole number of bytes or text like \"10MB\", not true or false");
  CHECK(refused("limits.spool", "1 KiB").starts_with("limits.spool must be between 1048576 and"));
  CHECK(refused("limits.upload", "fast").starts_with("limits.upload \"fast\" is no size"));
  CHECK(refused("include", "a") == "include must be a list of texts, not text");
  CHECK(refused("include", boost::json::array{1}) == "include must be a list of texts only, not a number");
  CHECK(refused("include", boost::json::array{""}) == "include must not hold empty texts");
  CHECK(refused("include", boost::json::array{"a["}).starts_with("include has the pattern \"a[\""));
  CHECK(refused("onFailure", "mail") == "onFailure must be a list of texts, not text");
  CHECK(refused("onFailure", boost::json::array{}) == "onFailure must name a program");
  CHECK(refused("retention.last", 0) == "retention.last must be between 1 and 1000000, not 0");
  CHECK(refused("retention.daily", -1) == "retention.daily must be between 0 and 1000000, not -1");
  CHECK(check_value(key("retention.monthly"), 0)->get_int64() == 0);
  CHECK(refused("watch.quiet", true) ==
        "watch.quiet must be a whole number of seconds or text like \"5m\", not true or false");
  CHECK(refused("watch.quiet", 1.5) ==
        "watch.quiet must be a whole number of seconds or text like \"5m\", not 1.5");
  CHECK(refused("watch.quiet", -1).starts_with("watch.quiet \"-1\" is no length of time"));
  CHECK(refused("watch.quiet", "2d") == "watch.quiet must be between 0s and 1d, not 2d");
  CHECK(refused("stopTimeout", "500ms") == "stopTimeout must be between 1s and 1d, not 500ms");
  CHECK(check_value(key("watch.quiet"), "1.5m")->get_int64() == 90'000);
  CHECK(check_value(key("watch.quiet"), 20)->get_int64() == 20'000);
  CHECK(check_value(key("watch.quiet"), 20.0)->get_int64() == 20'000);
  CHECK(refused("secrets", "all") == "secrets must be \"exclude\" or \"include\", not \"all\"");
  CHECK(refused("layout", "flat") == "layout must be \"plugin\" or \"packed\", not \"flat\"");
  CHECK(accepted("layout", "packed") == "packed");
  CHECK(refused("applicationKey", "") == "applicationKey must not be empty");
  CHECK(refused("healthcheckUrl", "ping").find("https://") != std::string::npos);
  CHECK(refused("healthcheckUrl", "https:///ping") == "healthcheckUrl names no host");
  CHECK(refused("healthcheckUrl", "https://a:hunter2@b/ping") ==
        "healthcheckUrl must not hold a user name or password");
  CHECK(accepted("healthcheckUrl", "http://monitor:8000/ping/1?create=1") ==
        "http://monitor:8000/ping/1?create=1");
  CHECK(check_value(key("keepSnapshots"), 10.0)->get_int64() == 10);
  CHECK(check_value(key("limits.upload"), "2MB/s")->get_int64() == 2'000'000);
  CHECK(check_value(key("onFailure"), boost::json::array{"mail", ""}).has_value());
}

TEST_CASE("schema: a wrong secret is not in its message") {
  CHECK(refused("decryptionKeys", "hunter2").find("hunter2") == std::string::npos);
  CHECK(refused("applicationKey", boost::json::array{"hunter2"}).find("hunter2") == std::string::npos);
}

TEST_CASE("schema: endpoints") {
  CHECK(accepted("endpoint", "https://s3.us-west-004.backblazeb2.com") ==
        "https://s3.us-west-004.backblazeb2.com");
  CHECK(accepted("endpoint", "https://s3.us-west-004.backblazeb2.com/") ==
        "https://s3.us-west-004.backblazeb2.com");
  CHECK(accepted("endpoint", "s3.us-west-004.backblazeb2.com") == "https://s3.us-west-004.backblazeb2.com");
  CHECK(accepted("endpoint", "https://host:8443") == "https://host:8443");
  CHECK(accepted("endpoint", "http://127.0.0.1:7480") == "http://127.0.0.1:7480");
  CHECK(accepted("endpoint", "http://localhost") == "http://localhost");
  CHECK(accepted("endpoint", "http://[::1]:80") == "http://[::1]:80");
  CHECK(accepted("endpoint", "file:///mnt/backup/") == "file:///mnt/backup");
  for (char const* text :
       {"http://s3.example.org", "http://127.evil.org", "http://localhost.evil.org", "ftp://host", "https://",
        "https://user:pw@host", "https://host/bucket", "https://host?x", "https://host:0",
        "https://host:99999", "https://host:", "https://ho st", "https://[::1", "file://mnt", "file:///",
        "https://h\nost", "", "https:/", "/mnt/backup", "./backup", "~/backup"}) {
    INFO(text);
    refused("endpoint", text);
  }
  CHECK(check_text(*find_key("endpoint"), "/mnt/backup").error().message.find("file:///mnt/backup") != std::string::npos);
}

TEST_CASE("schema: prefixes, buckets, regions") {
  CHECK(accepted("prefix", "/a/b/") == "a/b");
  for (std::string const& text :
       {std::string(), std::string("/"), std::string("a//b"), std::string("a/../b"), std::string("."),
        std::string("a\nb"), std::string(251, 'x'), std::string("\xff"), std::string(600, 'x')}) {
    INFO(text);
    refused("prefix", boost::json::value(text));
  }
  CHECK(accepted("bucket", "my-bucket.2") == "my-bucket.2");
  for (char const* text : {"", "ab", "a/b", "..a", "bücket", "a b c"})
    refused("bucket", text);
  CHECK(accepted("region", "us-west-004") == "us-west-004");
  for (char const* text : {"", "us west", "https://x"})
    refused("region", text);
}

TEST_CASE("schema: values that come as text") {
  CHECK(check_text(key("encrypt"), "false")->get_bool() == false);
  CHECK(check_text(key("encrypt"), "1")->get_bool());
  CHECK(check_text(key("encrypt"), "maybe").has_error());
  CHECK(check_text(key("keepSnapshots"), "12")->get_int64() == 12);
  CHECK(check_text(key("keepSnapshots"), "12x").has_error());
  CHECK(check_text(key("keepSnapshots"), "0").has_error());
  CHECK(check_text(key("limits.upload"), "1 MiB/s")->get_int64() == 1 << 20);
  CHECK(check_text(key("limits.upload"), "1000")->get_int64() == 1000);
  CHECK(check_text(key("stopTimeout"), "90")->get_int64() == 90'000);
  CHECK(check_text(key("include"), "notes/**")->get_array().size() == 1);
  CHECK(check_text(key("include"), "['a', 'b']")->get_array().size() == 2);
  CHECK(check_text(key("include"), "['a'").has_error());
  CHECK(check_text(key("retention.hourly"), "48")->get_int64() == 48);
  CHECK(check_text(key("bucket"), "my-bucket")->get_string() == "my-bucket");
}
