// The whole conversation with a script for a person, against the fake B2.
#include <deque>
#include <filesystem>

#include <sys/stat.h>

#include "core/util/file.h"
#include "daemon/setup/setup.h"
#include "tests/support/catch.h"
#include "tests/support/fake_s3/server.h"
#include "tests/support/scratch.h"

using namespace b2b;
using namespace b2b::setup;

namespace {

// Gives the answers in order; then Ctrl-C.
class Script final : public Asker {
 public:
  explicit Script(std::deque<std::string> answers) : answers_(std::move(answers)) {}
  bool is_there() const override { return true; }
  Result<std::string> line(std::string_view question) override {
    asked.emplace_back(question);
    if (answers_.empty()) return make_error(Condition::cancelled, "interrupted");
    std::string answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  Result<Secret> hidden(std::string_view question) override {
    B2B_ASSIGN(std::string const typed, line(question));
    return Secret(typed);
  }
  bool asked_for(std::string_view words) const {
    for (std::string const& question : asked)
      if (question.find(words) != std::string::npos) return true;
    return false;
  }
  std::vector<std::string> asked;

 private:
  std::deque<std::string> answers_;
};

// B2 names the region in the server's name; this server's name is a number, and has the default one.
test::FakeServerOptions of_no_region() {
  test::FakeServerOptions options;
  options.s3.region = "us-east-1";
  return options;
}

struct World {
  World() : fake(of_no_region()) {
    REQUIRE(make_directories(home / ".openclaw/workspace"));
    REQUIRE(atomic_write_file(home / ".openclaw/openclaw.json", "{}\n"));
    REQUIRE(atomic_write_file(home / ".openclaw/workspace/MEMORY.md", "# memory\n"));
    options.no_service = true;
  }

  int talk(Script& script) {
    Arguments arguments;
    arguments.direct = true;
    arguments.quiet = true;
    daemonctl::Console console(false, false);
    ConfigSources sources;
    sources.home = home.path();
    sources.working_directory = home.path();
    sources.system_config_dir = home / "etc";
    sources.environment["TMPDIR"] = scratch.path();
    Conversation conversation{arguments, options, console, script, sources, system_clock(), {}};
    conversation.b2_api_url = fake.url();
    return run(conversation);
  }

  std::string config_dir() const { return home / ".config/b2backupd"; }
  std::string file(std::string_view name) const {
    auto const text = read_file(join_path(config_dir(), name), 1 << 20);
    return text ? *text : "(none)";
  }

  test::Scratch home;
  test::Scratch scratch;
  test::FakeServer fake;
  SetupArguments options;
};

unsigned mode_of(std::string const& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777u;
}

}  // namespace

TEST_CASE("conversation: from nothing to a tested backup") {
  World world;
  auto const& account = world.fake.options();
  Script script({" keyID: " + account.key_id + " ", "\"" + account.application_key + "\"",
                 "'" + account.bucket + "'", "3"});
  CHECK(world.talk(script) == 0);
  CHECK(world.file("application-key.txt") == account.application_key + "\n");
  CHECK(world.file("config.json5").find(account.key_id) != std::string::npos);
  CHECK(world.file("config.json5").find(account.application_key) == std::string::npos);
  CHECK(mode_of(world.config_dir() + "/config.json5") == 0600);
  CHECK(mode_of(world.config_dir() + "/application-key.txt") == 0600);
  CHECK(mode_of(world.config_dir()) == 0700);
  CHECK(world.fake.requests("PUT") > 2);
  CHECK(std::filesystem::is_empty(world.scratch.path()));  // the test restore is gone

  SECTION("again: what is known is offered and kept, and nothing is written") {
    std::string const before = world.file("config.json5");
    Script again({"", "3"});
    CHECK(world.talk(again) == 0);
    CHECK(world.file("config.json5") == before);
    CHECK_FALSE(path_exists(world.config_dir() + "/config.json5.bak"));
    CHECK(again.asked.size() == 2);
  }
  SECTION("again with a passphrase: the old file and the old passphrase are kept") {
    Script again({"", "2", "correct horse battery staple", "correct horse battery staple", "y"});
    CHECK(world.talk(again) == 0);
    CHECK(path_exists(world.config_dir() + "/config.json5.bak"));
    CHECK(world.file("passphrase.txt") == "correct horse battery staple\n");
    // The application key opens the earlier backups still: it is at hand anyway.
    CHECK(world.file("config.json5").find("decryptionKeys") == std::string::npos);
    Script third({"", "n", "2", "another passphrase here", "another passphrase here", "y"});
    CHECK(world.talk(third) == 0);
    CHECK(world.file("config.json5").find("decryptionKeys: [\"correct horse battery staple\"]") !=
          std::string::npos);
    CHECK(path_exists(world.config_dir() + "/config.json5.bak2"));
    CHECK(world.file("passphrase.txt.bak") == "correct horse battery staple\n");
  }
}

TEST_CASE("conversation: the mistakes people make are corrected on the way") {
  World world;
  auto const& account = world.fake.options();
  std::string const a_key = "K004" + std::string(27, 'x');
  SECTION("key id and key swapped") {
    Script script({a_key, account.key_id, "", account.application_key, account.bucket, "3"});
    CHECK(world.talk(script) == 0);
  }
  SECTION("a wrong key: asked again, and the id may stay") {
    Script script({account.key_id, a_key, account.bucket, "y", "", account.application_key, "3"});
    CHECK(world.talk(script) == 0);
    CHECK(script.asked_for("Correct it and try again?"));
    CHECK(world.file("application-key.txt") == account.application_key + "\n");
  }
  SECTION("the wrong bucket: the one that the key is for is offered") {
    Script script({account.key_id, account.application_key, "not-mine", "y", "", "3"});
    CHECK(world.talk(script) == 0);
    CHECK(script.asked_for("Enter takes " + account.bucket));
  }
  SECTION("no bucket name at all") {
    Script script({account.key_id, account.application_key, "my bucket!", account.bucket, "3"});
    CHECK(world.talk(script) == 0);
  }
  SECTION("given up") {
    Script script({account.key_id, a_key, account.bucket, "n"});
    CHECK(world.talk(script) == 77);
    CHECK_FALSE(path_exists(world.config_dir()));
  }
}

TEST_CASE("conversation: Ctrl-C at any question leaves nothing") {
  World world;
  auto const& account = world.fake.options();
  std::deque<std::string> const all = {account.key_id,         account.application_key, account.bucket, "2",
                                       "a passphrase of mine", "a passphrase of mine"};
  for (std::size_t answered = 0; answered < all.size(); ++answered) {
    INFO(answered);
    Script script(std::deque<std::string>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(answered)));
    CHECK(world.talk(script) == 130);
    CHECK_FALSE(path_exists(world.config_dir()));
    CHECK(std::filesystem::is_empty(world.scratch.path()));
  }
  Script whole(all);
  CHECK(world.talk(whole) == 0);
}

TEST_CASE("conversation: openclaw.json has the fields already") {
  World world;
  auto const& account = world.fake.options();
  REQUIRE(atomic_write_file(world.home / ".openclaw/openclaw.json",
                            R"({plugins: {entries: {"b2-backup": {config: {keyId: ")" + account.key_id +
                                R"(", applicationKey: ")" + account.application_key + R"(", bucket: ")" +
                                account.bucket + R"("}}}}})"));
  Script script({"y", "3"});
  CHECK(world.talk(script) == 0);
  CHECK(script.asked.size() == 2);
  CHECK(world.file("application-key.txt") == account.application_key + "\n");
}

TEST_CASE("conversation: a profile has a file and a folder of its own") {
  World world;
  auto const& account = world.fake.options();
  REQUIRE(make_directories(world.home / ".openclaw-work"));
  REQUIRE(atomic_write_file(world.home / ".openclaw-work/openclaw.json", "{}\n"));
  Script script({"2", account.key_id, account.application_key, account.bucket, "3"});
  CHECK(world.talk(script) == 0);
  CHECK(world.file("config-work.json5").find("prefix: \"openclaw-backup-work\"") != std::string::npos);
  CHECK(world.file("application-key-work.txt") == account.application_key + "\n");
  CHECK(world.file("config.json5") == "(none)");
}

TEST_CASE("conversation: where values come from, in words") {
  CHECK(where_from_words("openclaw.json") == "found in openclaw.json");
  CHECK(where_from_words("environment (B2_BUCKET_NAME)") == "from the environment (B2_BUCKET_NAME)");
  CHECK(where_from_words("applicationKeyFile /home/a/key.txt") == "found in /home/a/key.txt");
  CHECK(where_from_words("default").empty());
  CHECK(where_from_words("default of the profile x").empty());
}
