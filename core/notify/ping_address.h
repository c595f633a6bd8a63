// The address of a health check taken apart. Pure. Whoever knows the address can report in our name, so
// nothing here puts more of it than the host into a message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/util/error.h"
#include "core/util/secret.h"

namespace b2b {

enum class Ping { start, success, failure };

struct PingAddress {
  bool tls = true;
  std::string host;  // without brackets, lower case
  std::uint16_t port = 443;
  Secret path;   // "/ping/ID", no '/' at the end
  Secret query;  // "?create=1" or empty

  // The request's target: "/ping/ID", "/ping/ID/start", "/ping/ID/fail", then the query.
  Secret target(Ping ping) const;
};

// "https://host[:port]/path[?query]" or http://; a fragment is left out. bad_config else, also for a user
// name in the address or characters that no address has.
Result<PingAddress> parse_ping_address(Secret const& url);

}  // namespace b2b
