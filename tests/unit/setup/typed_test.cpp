#include "daemon/setup/typed.h"

#include "tests/support/catch.h"

using namespace b2b::setup;

namespace {

constexpr char const* key_id = "0001a2b3c4d5e6f0000000001";
constexpr char const* key = "K001abcdefghijklmnopqrstuvwxy/+";

}  // namespace

TEST_CASE("typed: what comes along with a copy goes") {
  for (char const* pasted :
       {"0042", "  0042\t", "\"0042\"", "'0042'", "`0042`", "\"0042\",", "keyID: 0042", "keyID = \"0042\",",
        "key_id: '0042'", "B2_APPLICATION_KEY_ID=0042", "\u00a00042\u200b", "\u201c0042\u201d",
        "\ufeff0042\r\n", " \" 0042 \" ", "applicationKey:0042"})
    CHECK(clean_value(pasted) == "0042");
  CHECK(clean_value("key: keyID: 0042") == "0042");
  CHECK(clean_value("") == "");
  CHECK(clean_value(" \"\" ") == "");
  CHECK(clean_value("a b") == "a b");              // inside it stays, and is refused by name
  CHECK(clean_value("K001a=b:c") == "K001a=b:c");  // no label that is known
  CHECK(clean_secret(" \"K001secret\" ").reveal() == "K001secret");
  CHECK(clean_bucket(" b2://my-bucket/ ") == "my-bucket");
  CHECK(clean_bucket("s3://my-bucket") == "my-bucket");
  CHECK(clean_bucket("'my-bucket'") == "my-bucket");
}

TEST_CASE("typed: key id and key swapped are told apart") {
  CHECK(looks_like_key_id(key_id));
  CHECK(looks_like_application_key(key));
  CHECK_FALSE(looks_like_key_id(key));
  CHECK_FALSE(looks_like_application_key(key_id));
  CHECK_FALSE(key_id_problem(key_id, true));
  CHECK_FALSE(application_key_problem(key, key_id, true));
  REQUIRE(key_id_problem(key, true));
  CHECK(key_id_problem(key, true)->find("application key itself") != std::string::npos);
  CHECK(key_id_problem(key, true)->find(key) == std::string::npos);  // never the secret
  REQUIRE(application_key_problem(key_id, "other", true));
  CHECK(application_key_problem(key_id, "other", true)->find("keyID") != std::string::npos);
  REQUIRE(application_key_problem("same", "same", false));
  // Another store's keys look as they like.
  CHECK_FALSE(key_id_problem(key, false));
  CHECK_FALSE(application_key_problem(key_id, "backup", false));
}

TEST_CASE("typed: what cannot be right is refused with what to do") {
  CHECK(key_id_problem("", true));
  CHECK(key_id_problem("00 42", false));
  CHECK(key_id_problem("1a2b3c4d5e6f", true));  // the master key
  CHECK_FALSE(key_id_problem("1a2b3c4d5e6f", false));
  CHECK(application_key_problem("", key_id, true));
  CHECK(application_key_problem("two words", key_id, false));
  CHECK(application_key_problem("\x01", key_id, false));
  CHECK(bucket_problem(""));
  CHECK(bucket_problem("my bucket"));
  CHECK(bucket_problem("ab"));
  CHECK_FALSE(bucket_problem("my-openclaw-backups"));
  CHECK(shown_key_id(key_id) == key_id);
  CHECK(shown_key_id(key).find(key) == std::string::npos);
}
