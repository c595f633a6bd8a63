// Checks and errors that the stores of this folder share.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b {

// Condition::usage for a key that no store takes. `doing` is the verb for the message ("store").
Result<void> check_key(std::string_view doing, std::string_view key);

// Condition::cancelled once a stop is requested. `subject` is a key or prefix; it may be empty.
Result<void> check_stop(std::stop_token const& stop, std::string_view doing, std::string_view subject);

// Condition::not_found for `key` in the store called `store_name`.
Error no_such_object(std::string_view store_name, std::string_view key);

// Condition::changed for a body that is not as long as it was said to be.
Error body_changed(std::string_view key, std::uint64_t announced, std::uint64_t found);

// Condition::changed for copy(): the source has another size than the caller knows.
Error copy_source_changed(std::string_view key, std::uint64_t expected, std::uint64_t found);

}  // namespace b2b
