// What people type or paste for the fields of a store: cleaned of what comes along with a copy, and looked at
// for the mistakes that people make. Pure. The store has the last word: what only looks unusual is not
// refused here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/util/secret.h"

namespace b2b::setup {

// Without white space (the invisible kinds that web pages have, too), quotes and commas around it, and
// without a label in front ("keyID: 004…", "applicationKey = …").
std::string clean_value(std::string_view text);
Secret clean_secret(std::string_view text);
// The same for a bucket's name; "b2://NAME/" and "s3://NAME" are NAME.
std::string clean_bucket(std::string_view text);

// B2's forms: a key's id is 25 hexadecimal digits, the account's master key's 12; the key itself is 31
// characters that begin with K and three digits.
bool looks_like_key_id(std::string_view text);
bool looks_like_master_key_id(std::string_view text);
bool looks_like_application_key(std::string_view text);

// A whole sentence that says what is wrong with a value and what to type instead; nullopt: it may be right.
// With `at_b2`, what is certainly not of B2's form is refused, too. No secret is ever in the sentence.
std::optional<std::string> key_id_problem(std::string_view key_id, bool at_b2);
std::optional<std::string> application_key_problem(std::string_view key, std::string_view key_id, bool at_b2);
std::optional<std::string> bucket_problem(std::string_view bucket);

// The key's id for the screen: all of it, unless it is an application key that was typed there by mistake.
std::string shown_key_id(std::string_view key_id);

}  // namespace b2b::setup
