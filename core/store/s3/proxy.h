// Which HTTP proxy stands between us and the store, by the environment's usual variables. Pure apart from
// getenv.
//
// https_proxy or HTTPS_PROXY (the lower-case one wins) names it: "http://[user:password@]host[:port]", the
// scheme may be left out. no_proxy or NO_PROXY is a list of names that are reached directly: "*", a host, a
// domain (with or without a leading dot, its hosts included), an address, any of them with ":port". The proxy
// is asked to CONNECT, so it sees host names and no content. This machine itself is never reached through a
// proxy.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/s3/endpoint.h"
#include "core/util/secret.h"

namespace b2b::s3 {

struct Proxy {
  std::string host;
  std::uint16_t port = 8080;
  Secret authorization;  // value of Proxy-Authorization ("Basic …"), or empty
};

using Environment = std::function<std::optional<std::string>(std::string const& name)>;
std::optional<std::string> process_environment(std::string const& name);

// Nothing: go directly. Condition::bad_config when the variable is malformed or names a proxy that is spoken
// to in TLS.
Result<std::optional<Proxy>> proxy_for(Endpoint const& endpoint, Environment const& environment);

bool bypasses_proxy(std::string_view no_proxy, Endpoint const& endpoint);

// The CONNECT request's head.
std::string connect_request(Endpoint const& endpoint, Proxy const& proxy);

}  // namespace b2b::s3
