#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::s3 {

TEST_CASE("the answers of all versions of b2_authorize_account are understood") {
  auto const v4 = parse_authorize_account(
      R"({"accountId":"a","apiInfo":{"storageApi":{"apiUrl":"x","s3ApiUrl":"https://s3.us-west-004.backblazeb2.com",
          "allowed":{"buckets":[{"id":"1","name":"one"},{"id":"2","name":null}],"capabilities":["listFiles","readFiles"],"namePrefix":"p/"}}}})");
  REQUIRE(v4);
  CHECK(v4->region == "us-west-004");
  CHECK(v4->s3_endpoint == "https://s3.us-west-004.backblazeb2.com");
  CHECK(v4->capabilities == std::vector<std::string>{"listFiles", "readFiles"});
  CHECK(v4->allowed_buckets == std::vector<std::string>{"one", "(deleted bucket)"});
  CHECK(v4->name_prefix == "p/");

  auto const v3 = parse_authorize_account(
      R"({"apiInfo":{"storageApi":{"s3ApiUrl":"https://s3.eu-central-003.backblazeb2.com","capabilities":["writeFiles"],
          "bucketId":"b","bucketName":"two","namePrefix":null}}})");
  REQUIRE(v3);
  CHECK(v3->region == "eu-central-003");
  CHECK(v3->allowed_buckets == std::vector<std::string>{"two"});
  CHECK(v3->name_prefix.empty());

  auto const v2 = parse_authorize_account(
      R"({"s3ApiUrl":"https://s3.us-east-005.backblazeb2.com","allowed":{"bucketId":null,"bucketName":null,"capabilities":[],"namePrefix":null}})");
  REQUIRE(v2);
  CHECK(v2->region == "us-east-005");
  CHECK(v2->allowed_buckets.empty());
}

TEST_CASE("answers that make no sense are refused") {
  for (auto const* bad : {"", "[]", "{}", "{\"apiInfo\":{}}", "{\"s3ApiUrl\":\"x\",\"capabilities\":[]}",
                          "{\"s3ApiUrl\":\"https://h\"}", "{\"s3ApiUrl\":\"https://h\",\"capabilities\":[1]}",
                          "{\"s3ApiUrl\":\"https://h\",\"capabilities\":[],\"buckets\":[1]}"}) {
    INFO(bad);
    auto const account = parse_authorize_account(bad);
    REQUIRE_FALSE(account);
    CHECK(account.error().condition == Condition::unsupported);
  }
  std::string deep(10'000, '[');
  CHECK_FALSE(parse_authorize_account(deep));
}

TEST_CASE("what a key lacks is named") {
  B2Account account;
  account.capabilities = {"listFiles", "readFiles", "writeFiles", "deleteFiles"};
  CHECK(check_account(account, "b", "p"));
  account.capabilities = {"listFiles", "readFiles", "writeFiles"};
  CHECK(check_account(account, "b", "p"));  // append-only
  account.capabilities = {"listFiles", "writeFiles"};
  account.allowed_buckets = {"other"};
  account.name_prefix = "elsewhere/";
  auto const result = check_account(account, "b", "p");
  REQUIRE_FALSE(result);
  CHECK(result.error().condition == Condition::permission);
  for (auto const* word : {"readFiles", "other", "elsewhere/"})
    CHECK(result.error().message.find(word) != std::string::npos);
  account.capabilities = {"listFiles", "readFiles", "writeFiles", "deleteFiles"};
  account.allowed_buckets = {"b"};
  for (auto const* prefix : {"p", "p/", "p/q"}) {
    account.name_prefix = prefix;
    CAPTURE(prefix);
    CHECK(check_account(account, "b", "p/q").has_value());
  }
  account.name_prefix = "p/q/r";
  CHECK_FALSE(check_account(account, "b", "p/q"));
}

TEST_CASE("the account is asked, with patience") {
  test::FakeServer server({});
  Secret const id(server.options().key_id);
  Secret const key(server.options().application_key);
  server.faults().add({.action = test::FaultAction::status});
  auto const account = discover(server.url(), id, key, "", system_clock(), {});
  REQUIRE(account);
  CHECK(account->s3_endpoint == server.url());
  CHECK(account->allowed_buckets == std::vector<std::string>{server.options().bucket});
  CHECK(check_account(*account, server.options().bucket, "any"));
  CHECK(server.requests("GET") == 2);
}

TEST_CASE("a key that B2 does not know is refused at once") {
  test::FakeServer server({});
  auto const account = discover(server.url(), Secret("x"), Secret("sesame"), "", system_clock(), {});
  REQUIRE_FALSE(account);
  CHECK(account.error().condition == Condition::permission);
  CHECK(account.error().remote_code == "bad_auth_token");
  CHECK(account.error().text().find("sesame") == std::string::npos);
  CHECK(server.requests("GET") == 1);
}

}  // namespace b2b::s3
