#include "core/config/config.h"

#include <catch2/catch.hpp>

using namespace b2b;

namespace {
std::vector<std::string> revealed(Config const& config) {
  std::vector<std::string> result;
  for (Secret const& secret : config.passphrases())
    result.emplace_back(secret.reveal());
  return result;
}
}  // namespace

TEST_CASE("config: passphrases, the current one first, each once") {
  Config config;
  CHECK(revealed(config).empty());
  config.application_key = Secret("app");
  CHECK(revealed(config) == std::vector<std::string>{"app"});
  config.encryption_key = Secret("enc");
  config.decryption_keys = {Secret("old"), Secret("app"), Secret(""), Secret("old")};
  CHECK(revealed(config) == std::vector<std::string>{"enc", "app", "old"});
}

TEST_CASE("config: what a store needs") {
  Config config;
  config.bucket = "b";
  config.key_id = Secret("i");
  Error const one = require_store(config).error();
  CHECK(one.message.find("applicationKey is not set") != std::string::npos);
  CHECK(one.subject == "applicationKey");
  config.application_key = Secret("k");
  CHECK(require_store(config).has_value());

  Config directory;
  directory.endpoint = "file:///mnt/x";
  CHECK(require_store(directory).error().message.find("bucket is not set") != std::string::npos);
  directory.bucket = "b";
  CHECK(require_store(directory).error().message.find("no passphrase") != std::string::npos);
  directory.decryption_keys = {Secret("old")};  // for reading only
  CHECK(require_store(directory).has_error());
  directory.encryption_key = Secret("p");
  CHECK(require_store(directory).has_value());
  directory.encryption_key.clear();
  directory.encrypt = false;
  CHECK(require_store(directory).has_value());
}
