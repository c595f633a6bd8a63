#include "core/config/show.h"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

using namespace b2b;

namespace {
LoadedConfig sample() {
  LoadedConfig loaded;
  loaded.shown = {{"bucket", "my-bucket", "environment (B2_BUCKET_NAME)"},
                  {"applicationKey", "***", "/c.json5"},
                  {"region", "", "not set"}};
  loaded.files = {"/c.json5"};
  loaded.warnings = {"w"};
  loaded.notes = {"n"};
  return loaded;
}
}  // namespace

TEST_CASE("config show: the table") {
  CHECK(format_config_show(sample()) ==
        "bucket          my-bucket  environment (B2_BUCKET_NAME)\n"
        "applicationKey  ***        /c.json5\n"
        "region          -          not set\n"
        "read: /c.json5\n"
        "note: n\n"
        "warning: w\n");
  LoadedConfig long_value = sample();
  long_value.shown[0].value = std::string(80, 'x');
  CHECK(format_config_show(long_value).find("***" + std::string(43, ' ') + "/c.json5\n") !=
        std::string::npos);
}

TEST_CASE("config show: JSON") {
  CHECK(boost::json::serialize(config_show_json(sample())) ==
        "{\"config\":{\"bucket\":{\"value\":\"my-bucket\",\"source\":\"environment (B2_BUCKET_NAME)\"},"
        "\"applicationKey\":{\"value\":\"***\",\"source\":\"/"
        "c.json5\"},\"region\":{\"value\":null,\"source\":\"not set\"}},"
        "\"files\":[\"/c.json5\"],\"warnings\":[\"w\"],\"notes\":[\"n\"]}");
}
