// Hand-made manifests: what is malformed, unknown, too large or too deep.
#include "tests/unit/snapshot/manifest_support.h"

using namespace b2b;
using namespace b2b::test;

namespace {

std::string const hash_a = to_hex(sha256("a"));
std::string const good_file = R"({"hash":")" + hash_a + R"(","size":1})";

Result<ReadBack> read_text(std::string const& text) {
  Scratch scratch;
  Keyring keyring = keyring_of({});
  return read(text, keyring, scratch / "m");
}

// An error, told without having visited anything.
std::string problem_of(std::string const& text, Condition expected = Condition::corrupt) {
  auto const result = read_text(text);
  REQUIRE(result.has_error());
  CHECK(result.error().condition == expected);
  return result.error().message;
}

// A manifest of ours with this text in its places, and a right digest.
std::string ours(std::string const& files, std::string const& others = "[]",
                 std::string const& counts = R"("files":1,"bytes":1)", std::string const& id = test_id().text,
                 std::string const& more = "") {
  return with_digest(R"({"version":1,"timestamp":"t","b2backupd":{"id":")" + id +
                     R"(","complete":true,"encrypted":false,)" + counts + R"(},"files":)" + files +
                     R"(,"others":)" + others + more);
}

std::string ours_file(std::string const& members, std::string const& name = "a") {
  return ours("{\"" + name + "\":{\"hash\":\"" + hash_a + "\",\"size\":1" + members + "}}");
}

}  // namespace

TEST_CASE("what is no manifest at all") {
  for (std::string const text : {"",
                                 " ",
                                 "null",
                                 "1",
                                 "\"x\"",
                                 "[]",
                                 "{}",
                                 "{\"version\":1}",
                                 "{\"files\":{}}",
                                 "{\"version\":1,\"files\":[]}",
                                 "{\"version\":1,\"files\":null}",
                                 "{\"version\":\"1\",\"files\":{}}",
                                 "{\"version\":1.5,\"files\":{}}",
                                 "{\"version\":0,\"files\":{}}",
                                 "{\"version\":-1,\"files\":{}}",
                                 "{\"version\":1,\"files\":{}}x",
                                 "{\"version\":1,\"files\":{}}{}",
                                 "{\"version\":1,\"files\":{},}",
                                 "{\"version\":1,\"timestamp\":5,\"files\":{}}",
                                 "{\"version\":1,\"timestamp\":\"\xFF\",\"files\":{}}",
                                 "<html></html>",
                                 "B2EN"}) {
    CAPTURE(text);
    problem_of(text);
  }
}

TEST_CASE("a later version says so") {
  for (std::string const version : {"2", "99", "9223372036854775807", "18446744073709551615"})
    CHECK_THAT(problem_of(plugin_manifest("{}", version), Condition::unsupported),
               Catch::Contains("version"));
}

TEST_CASE("files of the wrong shape") {
  for (auto const& file : std::vector<std::string>{
           "1", "null", "[]", "\"x\"", "{}", R"({"hash":")" + hash_a + R"("})", R"({"size":1})",
           R"({"hash":"abc","size":1})", R"({"hash":1,"size":1})",
           R"({"hash":")" + hash_a + R"(","size":-1})", R"({"hash":")" + hash_a + R"(","size":1.5})",
           R"({"hash":")" + hash_a + R"(","size":"1"})",
           R"({"hash":")" + hash_a + R"(","size":9223372036854775808})"}) {
    CAPTURE(file);
    problem_of(plugin_manifest("{\"a\":" + file + "}"));
  }
}

TEST_CASE("a path or member that is there twice") {
  CHECK_THAT(problem_of(plugin_manifest("{\"a\":" + good_file + ",\"b\":" + good_file +
                                        ",\"a\":" + good_file + "}")),
             Catch::Contains("twice"));
  CHECK_THAT(problem_of(R"({"version":1,"version":1,"files":{}})"), Catch::Contains("twice"));
  CHECK_THAT(problem_of(R"({"version":1,"files":{},"files":{}})"), Catch::Contains("twice"));
  problem_of(ours("{\"a\":" + good_file + ",\"a\":" + good_file + "}", "[]", R"("files":2,"bytes":2)"));
  problem_of(ours("{\"b\":" + good_file + ",\"a\":" + good_file + "}", "[]", R"("files":2,"bytes":2)"));
  problem_of(ours("{\"a\":" + good_file + "}", R"([{"path":"d","type":"dir"},{"path":"d","type":"dir"}])"));
}

TEST_CASE("members that nobody knows are ignored wherever they stand") {
  std::string const junk = R"("future":{"a":[1,{"files":{}},"x",null,true,1.5],"digest":"y"})";
  auto const plugin =
      read_text("{" + junk + R"(,"version":1,"later":[[]],"files":{"a":{"hash":")" + hash_a +
                R"(","size":1,)" + junk + R"(}},"others":"theirs","z":18446744073709551615})");
  // "others" is a name of ours, but a list where we use it.
  CHECK(plugin.has_error());
  auto const fine =
      read_text("{" + junk + R"(,"version":1,"later":[[]],"files":{"a":{"hash":")" + hash_a +
                R"(","size":1,)" + junk + R"(}},"others":[{"path":"x"}],"z":18446744073709551615})");
  REQUIRE(fine.has_value());
  CHECK(fine->entries.size() == 1);
  auto const mine = read_text(ours("{\"a\":{\"hash\":\"" + hash_a + "\",\"size\":1," + junk + "}}",
                                   R"([{"path":"d","type":"dir",)" + junk + "}]",
                                   R"("files":1,"bytes":1,)" + junk, test_id().text, "," + junk));
  INFO((mine ? "" : mine.error().text()));
  REQUIRE(mine.has_value());
  CHECK(mine->entries.size() == 2);
}

TEST_CASE("metadata in a manifest that is not ours is not believed") {
  auto const result = read_text(plugin_manifest(
      R"({"a":{"hash":")" + hash_a + R"(","size":1,"mode":4095,"path":"/etc/passwd","link":"/x"}})"));
  REQUIRE(result.has_value());
  CHECK(result->entries.at(0).entry.path == "a");
  CHECK_FALSE(result->entries.at(0).entry.has_metadata);
  CHECK(result->entries.at(0).entry.hard_link_of.empty());
}

TEST_CASE("members of ours of the wrong type or out of range") {
  REQUIRE(read_text(ours_file("")).has_value());
  for (std::string const members :
       {R"(,"mode":4096)", R"(,"mode":-1)", R"(,"mode":"644")", R"(,"uid":4294967296)",
        R"(,"mode":1,"mtime":5)", R"(,"mode":1,"mtime":"")", R"(,"mode":1,"mtime":"12x")",
        R"(,"mode":1,"mtime":"99999999999999999999")", R"(,"xattrs":[])", R"(,"xattrs":{"user.a":"?"})",
        R"(,"xattrs":{"user.a":1})", R"(,"xattrs64":{"?":"YQ=="})", R"(,"db":1)", R"(,"cut":"true")",
        R"(,"link":5)", R"(,"link64":"?")", R"(,"path":"b")", R"(,"path64":"!")"}) {
    CAPTURE(members);
    problem_of(ours_file(members));
  }
  for (std::string const other :
       {"1", "{}", R"({"path":"d"})", R"({"type":"dir"})", R"({"path":"d","type":"fifo"})",
        R"({"path":"d","type":"symlink"})", R"({"path":"d","type":"symlink","target":1})"}) {
    CAPTURE(other);
    problem_of(ours("{\"a\":" + good_file + "}", "[" + other + "]"));
  }
}

TEST_CASE("an escaped name belongs to its path and to no other") {
  auto const escaped = layout::escaped_name("manifest.json");
  auto const good = read_text(ours_file(R"(,"path":"manifest.json")", escaped));
  REQUIRE(good.has_value());
  CHECK(good->entries.at(0).entry.path == "manifest.json");
  CHECK(good->entries.at(0).stored_name == escaped);
  problem_of(ours_file(R"(,"path":"openclaw.json")", escaped));
  problem_of(ours_file("", escaped));
  // In a plugin's manifest such a name is just a path.
  auto const theirs = read_text(plugin_manifest("{\"" + escaped + "\":" + good_file + "}"));
  REQUIRE(theirs.has_value());
  CHECK(theirs->entries.at(0).entry.path == escaped);
}

TEST_CASE("a header that does not fit") {
  std::string const files = "{\"a\":" + good_file + "}";
  CHECK_THAT(problem_of(ours(files, "[]", R"("files":2,"bytes":1)")), Catch::Contains("header says 2"));
  problem_of(ours(files, "[]", R"("files":1,"bytes":2)"));
  problem_of(ours(files, "[]", R"("files":1)"));
  problem_of(ours(files, "[]", R"("files":-1,"bytes":1)"));
  CHECK_THAT(problem_of(ours(files, "[]", R"("files":1,"bytes":1)", "2026-01-01T00-00-00Z")),
             Catch::Contains("2026-01-01T00-00-00Z"));
  problem_of(with_digest(R"({"version":1,"timestamp":"t","b2backupd":[],"files":{})"));
  problem_of(with_digest(R"({"version":1,"timestamp":"t","b2backupd":{},"files":{})"));
  CHECK_THAT(problem_of(with_digest(R"({"version":1,"timestamp":"t","files":{})")),
             Catch::Contains("no header"));
  std::string const header = R"("b2backupd":{"id":")" + test_id().text +
                             R"(","complete":true,"encrypted":false,"files":0,"bytes":0})";
  problem_of(with_digest(R"({"version":1,"files":{},)" + header));
  problem_of(R"({"version":1,)" + header + R"(,"files":{}})");
  problem_of(R"({"version":1,"files":{},"digest":"sha256:00"})");
  problem_of(R"({"version":1,"digest":"sha256:00","files":{}})");
}

TEST_CASE("the label of a root is one name that begins with @, its place absolute") {
  std::string const files = "{\"a\":" + good_file + "}";
  auto const with = [&](std::string const& roots) { return ours(files, "[]", R"("files":1,"bytes":1,"roots":)" + roots); };
  auto const good = read_text(with(R"([{"label":"@workspace","path":"/srv/w","written":"~/w"},{"label":"@agent-a","path":"/a"}])"));
  REQUIRE(good.has_value());
  REQUIRE(good->read.info.roots.size() == 2);
  CHECK(good->read.info.roots[0].path == "/srv/w");
  CHECK(good->read.info.roots[0].written == "~/w");
  for (char const* const roots :
       {"{}", "[1]", R"([{"label":"@w"}])", R"([{"path":"/w"}])", R"([{"label":"w","path":"/w"}])",
        R"([{"label":"@w/..","path":"/w"}])", R"([{"label":"@w","path":"w"}])", R"([{"label":1,"path":"/w"}])"}) {
    CAPTURE(roots);
    problem_of(with(roots));
  }
}

TEST_CASE("a keyed digest needs a salt in the header") {
  Scratch scratch;
  Keyring keyring = keyring_of({"pass"});
  std::string const body =
      R"({"version":1,"b2backupd":{"id":")" + test_id().text +
      R"(","complete":true,"encrypted":true,"keySalt":"00","files":0,"bytes":0},"files":{})";
  auto const result =
      read(body + ",\"digest\":\"hmac-sha256:" + std::string(64, '0') + "\"}\n", keyring, scratch / "m");
  REQUIRE(result.has_error());
  CHECK(result.error().condition == Condition::corrupt);
}

TEST_CASE("too deep, too long, too large") {
  std::string deep = "1";
  for (int i = 0; i < 40; ++i)
    deep = "[" + deep + "]";
  problem_of(plugin_manifest("{},\"x\":" + deep));
  problem_of(plugin_manifest("{\"" + std::string((1 << 20) + 1, 'n') + "\":" + good_file + "}"));
  problem_of(plugin_manifest("{},\"x\":\"" + std::string((1 << 20) + 1, 'v') + "\""));
  std::string many;
  for (int i = 0; i < 200000; ++i)
    many += ",\"m" + std::to_string(i) + "\":0";
  CHECK_THAT(problem_of(plugin_manifest(R"({"a":{"hash":")" + hash_a + R"(","size":1)" + many + "}}")),
             Catch::Contains("4 MB"));
  // A long name that is within the limit and crosses the reader's chunks.
  auto const long_name =
      read_text(plugin_manifest("{\"" + std::string(300000, 'n') + "\":" + good_file + "}"));
  REQUIRE(long_name.has_value());
  CHECK(long_name->entries.at(0).entry.path == std::string(300000, 'n'));
}

TEST_CASE("paths are handed on as they are written") {
  auto const result = read_text(plugin_manifest("{\"../x\":" + good_file + ",\"/etc/passwd\":" + good_file +
                                                ",\"\":" + good_file + ",\"a\\u0000b\":" + good_file +
                                                ",\"\\ud83e\\udd9e\":" + good_file + "}"));
  REQUIRE(result.has_value());
  REQUIRE(result->entries.size() == 5);
  CHECK(result->entries[0].entry.path == "../x");
  CHECK(result->entries[2].entry.path.empty());
  CHECK(result->entries[3].entry.path == std::string("a\0b", 3));
  CHECK(result->entries[4].entry.path == "\xF0\x9F\xA6\x9E");
}
