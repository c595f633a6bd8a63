#include "daemon/setup/key_judgement.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

constexpr char const* key_id = "0001a2b3c4d5e6f0000000001";

s3::B2Account good_account() {
  s3::B2Account account;
  account.s3_endpoint = "https://s3.us-west-004.backblazeb2.com";
  account.capabilities = {"listBuckets", "listFiles", "readFiles", "writeFiles", "deleteFiles"};
  account.allowed_buckets = {"mine"};
  return account;
}

bool any_holds(std::vector<std::string> const& texts, std::string_view word) {
  for (std::string const& text : texts)
    if (text.find(word) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("key judgement: a proper key has nothing to be said about") {
  auto const judged = judge_key(good_account(), key_id, "mine", "openclaw-backup");
  CHECK(judged.problems.empty());
  CHECK(judged.notes.empty());
  CHECK_FALSE(judged.bucket_is_wrong);
  CHECK(judged.bucket == "mine");
}

TEST_CASE("key judgement: each missing capability is named, with what it costs") {
  for (char const* missing : {"listFiles", "readFiles", "writeFiles"}) {
    auto account = good_account();
    std::erase(account.capabilities, missing);
    auto const judged = judge_key(account, key_id, "mine", "p");
    REQUIRE(judged.problems.size() == 1);
    CHECK(judged.problems.front().find(missing) != std::string::npos);
    CHECK(judged.problems.front().find(": ") != std::string::npos);
  }
  for (char const* useful : {"deleteFiles", "listBuckets"}) {
    auto account = good_account();
    std::erase(account.capabilities, useful);
    auto const judged = judge_key(account, key_id, "mine", "p");
    CHECK(judged.problems.empty());  // it works without
    CHECK(any_holds(judged.notes, useful));
  }
}

TEST_CASE("key judgement: the wrong bucket, and which is the right one") {
  auto const judged = judge_key(good_account(), key_id, "other", "p");
  CHECK(judged.bucket_is_wrong);
  CHECK(judged.bucket == "mine");
  CHECK(any_holds(judged.problems, "mine"));
  auto several = good_account();
  several.allowed_buckets = {"one", "two"};
  CHECK(judge_key(several, key_id, "three", "p").bucket.empty());
  CHECK(judge_key(several, key_id, "two", "p").problems.empty());
}

TEST_CASE("key judgement: a name prefix, all buckets, the master key") {
  auto account = good_account();
  account.name_prefix = "else/";
  CHECK(any_holds(judge_key(account, key_id, "mine", "openclaw-backup").problems, "else/"));
  account.name_prefix = "openclaw-backup/";
  CHECK(judge_key(account, key_id, "mine", "openclaw-backup").problems.empty());
  account = good_account();
  account.allowed_buckets.clear();
  CHECK(judge_key(account, key_id, "mine", "p").problems.empty());
  CHECK(any_holds(judge_key(account, key_id, "mine", "p").notes, "all of the account's buckets"));
  CHECK(any_holds(judge_key(account, "1a2b3c4d5e6f", "mine", "p").problems, "master key"));
}

TEST_CASE("key judgement: how to make a key names the bucket") {
  CHECK(how_to_make_a_key("mine").find("mine") != std::string::npos);
  CHECK(how_to_make_a_key("").find("Read and Write") != std::string::npos);
}
