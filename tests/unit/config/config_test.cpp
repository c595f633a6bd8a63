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

TEST_CASE("config: the packed layout needs encryption, and a secret for it") {
  Config config;
  config.endpoint = "file:///mnt/x";
  config.bucket = "b";
  config.encryption_key = Secret("p");
  config.layout = LayoutChoice::packed;
  CHECK(require_store(config).has_value());
  config.encrypt = false;
  Error const plain = require_store(config).error();
  CHECK(plain.condition == Condition::bad_config);
  CHECK(plain.message == "layout is \"packed\", which always encrypts, and encrypt is false");
  CHECK(plain.advice.find("set layout to \"plugin\"") != std::string::npos);
  config.layout = LayoutChoice::plugin;
  CHECK(require_store(config).has_value());

  config.layout = LayoutChoice::packed;
  config.encrypt = true;
  config.encryption_key.clear();
  config.decryption_keys = {Secret("old")};
  Error const keyless = require_store(config).error();
  CHECK(keyless.condition == Condition::bad_config);
  CHECK(keyless.message.find("neither encryptionKey nor applicationKey is set") != std::string::npos);
  config.application_key = Secret("k");
  CHECK(require_store(config).has_value());
}
