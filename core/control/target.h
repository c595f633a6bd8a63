// The target of a request line, "/v1/snapshots/{id}/files?path=a%2Fb", taken apart. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/control/message.h"

namespace b2b::control {

struct Target {
  std::string path;  // starts with '/', still encoded
  Fields query;      // decoded
};

// Condition::usage for what is not the path of a resource: no leading '/' (after an optional "http://host"),
// a fragment, a broken percent escape, a zero byte, more than 64 query parameters.
Result<Target> parse_target(std::string_view text);

// The decoded segments of a path: "/v1/a%2Fb" is {"v1", "a/b"}; "/" is {""}. Condition::usage for broken
// escapes, zero bytes and the segments "." and "..", which no route has.
Result<std::vector<std::string>> split_path(std::string_view path);

}  // namespace b2b::control
