// What a key of B2 can and cannot do for a backup, in words for the person who made it. Pure, over the parsed
// answer of b2_authorize_account.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/s3/s3.h"

namespace b2b::setup {

struct KeyJudgement {
  std::vector<std::string> problems;  // sentences; any of them and the key cannot be used as things are
  std::vector<std::string> notes;     // sentences; the key works, and this could be better
  bool bucket_is_wrong = false;       // the key is right, for another bucket
  std::string bucket;                 // the one bucket that the key is for; empty: none or several
};

KeyJudgement judge_key(s3::B2Account const& account, std::string_view key_id, std::string_view bucket,
                       std::string_view prefix);

// How to make a proper key in the B2 console: a few lines, each with a line break.
std::string how_to_make_a_key(std::string_view bucket);

}  // namespace b2b::setup
