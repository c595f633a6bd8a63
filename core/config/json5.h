// JSON5 (https://spec.json5.org) → boost::json::value. Pure. Comments, trailing commas, unquoted keys, single
// quotes, hex numbers, multi-line strings. Depth is limited to 64; the text must be UTF-8 and fit into memory
// (callers bound it).
//
// Deliberately stricter than the specification in the strict dialect: duplicate keys, Infinity, NaN and
// numbers out of range are errors, since none of them can be meant in a configuration. Deliberately wider in
// both: an unquoted key may hold any character above U+007F that is no white space, where the specification
// asks for Unicode letters.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/util/error.h"

namespace b2b {

enum class Json5Dialect {
  strict,   // our own files
  foreign,  // files that another program reads: what its reader accepts is accepted (the last of duplicate
            // keys wins)
};

struct Json5Position {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 1, in characters
};

// Where each key of the document stands, by its dotted path ("limits.upload"). Keys inside lists are left
// out.
using Json5Positions = std::map<std::string, Json5Position, std::less<>>;

struct Json5Options {
  Json5Dialect dialect = Json5Dialect::strict;
  Json5Positions* positions = nullptr;  // filled when given
};

// `name` is the file's name for messages: "config.json5:3:14: expected ',' or '}' after a value, found 'b'".
// Errors are Condition::bad_config with `name` as their subject.
Result<boost::json::value> parse_json5(std::string_view text, std::string_view name,
                                       Json5Options options = {});

}  // namespace b2b
