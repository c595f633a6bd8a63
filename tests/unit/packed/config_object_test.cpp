#include "core/packed/config_object.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::packed;

namespace {

// The example of docs/format.md.
std::string const example =
    R"({"format": "b2backupd-packed", "version": 1, "repository": "000102030405060708090a0b0c0d0e0f",
 "chunks": {"min": 8192, "average": 32768, "max": 131072},
 "listChunks": {"min": 4096, "average": 16384, "max": 65536}}
)";

std::string with(std::string_view from, std::string_view to) {
  std::string out = example;
  std::size_t const at = out.find(from);
  REQUIRE(at != std::string::npos);
  return out.replace(at, from.size(), to);
}

Error error_of(std::string_view text) {
  auto const parsed = parse_config(text);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

}  // namespace

TEST_CASE("a configuration is written as in docs/format.md and read back", "[packed_config]") {
  RepositoryConfig config;
  for (std::uint8_t i = 0; i < config.id.size(); ++i)
    config.id[i] = i;
  CHECK(format_config(config) == example);
  CHECK(parse_config(example).value() == config);
  config.data = {256, 512, 1024};
  config.list = {1 << 20, 2 << 20, 4 << 20};
  CHECK(parse_config(format_config(config)).value() == config);
  CHECK(parse_config(with("\"version\"", "\"later\": [{}], \"version\"")).value().id == config.id);
}

TEST_CASE("another format and a newer version are named, whatever else they hold", "[packed_config]") {
  Error const newer = error_of(R"({"format": "b2backupd-packed", "version": 2})");
  CHECK(newer.condition == Condition::unsupported);
  CHECK(newer.message ==
        "the repository's configuration has format version 2, and this program knows up to 1");
  CHECK(newer.advice == "Use a newer b2backupd for this repository");
  Error const other = error_of(R"({"format": "x\ny"})");
  CHECK(other.condition == Condition::unsupported);
  CHECK(other.message.find("\"x\\ny\"") != std::string::npos);
}

TEST_CASE("what a configuration must not hold is corrupt, and named", "[packed_config]") {
  auto const [text, problem] = GENERATE_COPY(table<std::string, std::string>({
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {example + "x", "not valid JSON"},
      {std::string(max_config_bytes + 1, ' '), "longer than 65536 bytes"},
      {"{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}", "not valid JSON"},
      {"{}", "\"format\" is missing"},
      {with("\"version\": 1", "\"version\": 0"), "\"version\" is not a whole number"},
      {with("\"version\": 1", "\"version\": 1.0"), "\"version\" is not a whole number"},
      {with("\"version\": 1", "\"version\": \"1\""), "\"version\" is not a whole number"},
      {with("0f\"", "0F\""), "\"repository\" is not 32 lower-case hexadecimal digits"},
      {with("0f\"", "\""), "\"repository\" is not 32 lower-case hexadecimal digits"},
      {with("8192,", "8193,"), "\"chunks\": 8193 is not a power of two"},
      {with("8192,", "-1,"), "\"chunks\": \"min\" is not a whole number from 256 to 4194304"},
      {with("8192,", "128,"), "\"chunks\": \"min\" is not a whole number from 256 to 4194304"},
      {with("8192,", "32768,"), "\"chunks\": min, average and max do not ascend"},
      {with("131072", "32768"), "\"chunks\": min, average and max do not ascend"},
      {with("131072", "8388608"), "\"chunks\": \"max\" is not a whole number from 256 to 4194304"},
      {with("\"listChunks\": {", "\"listChunks\": 1, \"x\": {"), "\"listChunks\" is not an object"},
      {with("\"min\": 4096, ", ""), "\"listChunks\": \"min\" is missing"},
  }));
  Error const error = error_of(text);
  CHECK(error.condition == Condition::corrupt);
  CHECK(error.message.find(problem) != std::string::npos);
  CHECK_FALSE(error.advice.empty());
}
