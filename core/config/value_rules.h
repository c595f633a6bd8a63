// Rules for values that a type alone does not tell: what a bucket, an endpoint or a prefix may look like.
// Pure. Messages are the half of a sentence that follows the key's name: "must not be empty".
#pragma once

#include <optional>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/util/error.h"

namespace b2b {

Result<boost::json::value> check_not_empty(boost::json::value value);
Result<boost::json::value> check_bucket(boost::json::value value);  // 3 to 63 letters, digits, '-', '.', '_'
Result<boost::json::value> check_region(boost::json::value value);
// https://host[:port], http:// on loopback only, file:///path. A bare host, as B2's console shows it, gets
// https://.
Result<boost::json::value> check_endpoint(boost::json::value value);
Result<boost::json::value> check_prefix(
    boost::json::value value);  // slashes at either end go; B2's rules for keys
Result<boost::json::value> check_globs(boost::json::value value);
Result<boost::json::value> check_web_address(boost::json::value value);  // https:// or http://

Result<boost::json::value> check_percentage(boost::json::value value);   // percentage()

// "5%": a whole number from 1 to 100; nullopt for anything else.
std::optional<unsigned> percentage(std::string_view text);

}  // namespace b2b
