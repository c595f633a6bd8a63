#include "daemon/setup/recovery_note.h"

#include "tests/support/catch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

RecoveryFacts usual() {
  RecoveryFacts facts;
  facts.endpoint = "https://s3.us-west-004.backblazeb2.com";
  facts.bucket = "mine";
  facts.prefix = "openclaw-backup";
  facts.key_id = "0001a2b3c4d5e6f0000000001";
  facts.state_dir = "/home/a/.openclaw";
  facts.passphrase = Secret(std::string_view("aaaaa-bbbbb"));
  return facts;
}

}  // namespace

TEST_CASE("recovery note: all that a new machine needs is on it") {
  std::string const note = recovery_note(usual());
  for (char const* needed :
       {"aaaaa-bbbbb", "https://s3.us-west-004.backblazeb2.com", "mine", "openclaw-backup",
        "0001a2b3c4d5e6f0000000001", "B2_APPLICATION_KEY", "B2_ENCRYPTION_KEY",
        "daemonctl --direct restore latest", "Without the passphrase"})
    CHECK(note.find(needed) != std::string::npos);
  CHECK(note.ends_with("\n"));
  // The passphrase stands in one place: it is typed in the commands, not part of them.
  CHECK(note.find("aaaaa-bbbbb") == note.rfind("aaaaa-bbbbb"));
}

TEST_CASE("recovery note: a directory has no key; the rest is quoted for the shell") {
  RecoveryFacts facts = usual();
  facts.endpoint = "file:///mnt/it's here";
  facts.key_id.clear();
  std::string const note = recovery_note(facts);
  CHECK(note.find("APPLICATION_KEY") == std::string::npos);
  CHECK(note.find("B2_ENDPOINT='file:///mnt/it'\\''s here'") != std::string::npos);
  CHECK(note.find("B2_REGION") == std::string::npos);
  facts.region = "eu-1";
  CHECK(recovery_note(facts).find("B2_REGION=eu-1") != std::string::npos);
}

TEST_CASE("recovery note: words for a shell") {
  CHECK(shell_word("abc-1./:") == "abc-1./:");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("a b") == "'a b'");
  CHECK(shell_word("$(rm)") == "'$(rm)'");
}
