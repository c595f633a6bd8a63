#include "core/config/plugin_registration.h"

#include <boost/json.hpp>

#include "tests/support/catch.h"

using namespace b2b;

namespace {

bool is_ours(std::string_view path) {
  return path.ends_with("/ours");
}

std::optional<std::string> keep(std::string_view local, std::string_view restored) {
  return keep_plugin_registration(local, restored, is_ours);
}

boost::json::value kept(std::string_view local, std::string_view restored) {
  auto const text = keep(local, restored);
  REQUIRE(text);
  CHECK(text->ends_with("\n"));
  return boost::json::parse(*text);
}

}  // namespace

TEST_CASE("an openclaw.json from a snapshot: this machine's B2 fields stay, all else is the restored one's") {
  auto const result = kept(
      R"(// as the installer wrote it
    {plugins: {entries: {"b2-backup": {config: {bucket: "here"}}, other: {enabled: true}}}, port: 1})",
      R"({"port":2,"plugins":{"deny":["x"],"entries":{"b2-backup":{"config":{"bucket":"there"}},"mine":{}}}})");
  CHECK(
      result ==
      boost::json::parse(
          R"({"port":2,"plugins":{"deny":["x"],"entries":{"b2-backup":{"config":{"bucket":"here"}},"mine":{}}}})"));
}

TEST_CASE("an openclaw.json from a snapshot: the entry is added where the restored one has no place for it") {
  auto const local = R"({"plugins":{"entries":{"openclaw-b2-backup":{"config":{"bucket":"here"}}}}})";
  for (char const* restored :
       {"{}", R"({"plugins":{}})", R"({"plugins":null})", R"({"plugins":{"entries":null}})"}) {
    INFO(restored);
    auto const result = kept(local, restored);
    CHECK(result.at("plugins").at("entries").at("openclaw-b2-backup").at("config").at("bucket") == "here");
  }
}

TEST_CASE(
    "an openclaw.json from a snapshot: what has no entry, or cannot be read, is left as it was restored") {
  auto const entry = R"({"plugins":{"entries":{"b2-backup":{}}}})";
  CHECK_FALSE(keep("{}", entry));
  CHECK_FALSE(keep(R"({"plugins":{"entries":{"other":{}}}})", entry));
  CHECK_FALSE(keep(R"({"plugins":[]})", entry));
  CHECK_FALSE(keep("[]", entry));
  CHECK_FALSE(keep("{", entry));
  CHECK_FALSE(keep(entry, "{"));
  CHECK_FALSE(keep(entry, "[]"));
  CHECK_FALSE(keep(entry, R"({"plugins":[]})"));
  CHECK_FALSE(keep(entry, R"({"plugins":{"entries":"none"}})"));
}

TEST_CASE("an openclaw.json from a snapshot: nothing to change leaves it as it is") {
  auto const same =
      R"({plugins: {entries: {"b2-backup": {config: {a: 1}}}, load: {paths: ["/x/ours"]}, allow: ["b2-backup"]}} // mine)";
  CHECK_FALSE(keep(same, same));
  CHECK_FALSE(keep(R"({"plugins":{"load":{"paths":["/x/other", 7]}}})", "{}"));
}

TEST_CASE(
    "an openclaw.json from a snapshot: the paths and records that load the plugin stay, others do not come") {
  auto const local =
      R"({"plugins":{"load":{"paths":["/x/other","/x/ours"]},"installs":{"b2-backup":{"path":"/x/ours"},"y":{}}}})";
  auto const result = kept(local, R"({"plugins":{"load":{"paths":["/z"]}}})");
  CHECK(
      result ==
      boost::json::parse(
          R"({"plugins":{"load":{"paths":["/z","/x/ours"]},"installs":{"b2-backup":{"path":"/x/ours"}}}})"));
  CHECK(kept(local, "{}").at("plugins").at("load").at("paths").as_array().size() == 1);
}

TEST_CASE("an openclaw.json from a snapshot: lists that would keep the plugin out let it in") {
  auto const local = R"({"plugins":{"entries":{"b2-backup":{}}}})";
  auto const result = kept(local, R"({"plugins":{"allow":["x"],"deny":["b2-backup","y"]}})");
  CHECK(result.at("plugins").at("allow") == boost::json::parse(R"(["x","b2-backup"])"));
  CHECK(result.at("plugins").at("deny") == boost::json::parse(R"(["y"])"));
  // Where it is kept out now, it stays out.
  auto const off = R"({"plugins":{"entries":{"b2-backup":{"enabled":false}}}})";
  CHECK(kept(off, R"({"plugins":{"allow":["x"]}})").at("plugins").at("allow").as_array().size() == 1);
  auto const denied = R"({"plugins":{"entries":{"b2-backup":{}},"deny":["b2-backup"]}})";
  CHECK(kept(denied, R"({"plugins":{"deny":["b2-backup"]}})").at("plugins").at("deny").as_array().size() ==
        1);
}

TEST_CASE("an openclaw.json from a snapshot: of two names of the plugin the one in use now stays") {
  auto const result = kept(R"({"plugins":{"entries":{"b2-backup":{"config":{}}}}})",
                           R"({"plugins":{"entries":{"openclaw-b2-backup":{}}}})");
  CHECK(result == boost::json::parse(R"({"plugins":{"entries":{"b2-backup":{"config":{}}}}})"));
}

TEST_CASE("an openclaw.json from a snapshot: what is written is as OpenClaw writes it") {
  CHECK(*keep(R"({"plugins":{"entries":{"b2-backup":{}}}})", "{a: [1, \"x\\n\", {}], b: []}") ==
        "{\n  \"a\": [\n    1,\n    \"x\\n\",\n    {}\n  ],\n  \"b\": [],\n  \"plugins\": {\n    "
        "\"entries\": {\n      \"b2-backup\": {}\n    }\n  }\n}\n");
}
