// The recovery note: what a person needs on a new machine when this one is gone. Shown on a terminal and
// nowhere else, since the passphrase is in it. Pure.
#pragma once

#include <string>

#include "core/util/secret.h"

namespace b2b::setup {

struct RecoveryFacts {
  std::string endpoint;  // as it is used: https://…, file:///…
  std::string bucket;
  std::string prefix;
  std::string key_id;     // empty for a directory
  std::string region;     // only where it is configured
  std::string state_dir;  // where it was
  Secret passphrase;
};

// Many lines, the last one with a line break. Holds the passphrase: wipe it when it is shown.
std::string recovery_note(RecoveryFacts const& facts);

// A word for a POSIX shell: as it is, or in single quotes.
std::string shell_word(std::string_view text);

}  // namespace b2b::setup
