// The configuration file that setup writes: commented JSON5. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b::setup {

// Empty texts are left out of the file.
struct FileValues {
  std::string state_dir;  // only where it is not the file's default
  std::string key_id;
  std::string application_key_file;  // relative to the file's folder
  std::string bucket;
  std::string endpoint;
  std::string found_endpoint;  // what B2 said, for the comment
  std::string region;
  std::string ca_file;
  std::string prefix;  // left out when it is the default
  bool encrypt = true;
  std::string encryption_key_file;  // relative; empty: the application key is the passphrase
  std::vector<Secret> decryption_keys;
  boost::json::object kept;  // the other settings of the file that was there
};

// Ends with a line break. May hold secrets (decryption_keys): wipe it when it is written.
std::string config_text(FileValues const& values);

// The members of a configuration file's object that setup does not decide, in their order; `decryptionKeys`
// is not among them.
boost::json::object kept_settings(boost::json::object const& file);

// The keys that setup writes.
bool is_setup_key(std::string_view key);

}  // namespace b2b::setup
