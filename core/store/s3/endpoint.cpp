#include "core/store/s3/endpoint.h"

#include <charconv>

#include <arpa/inet.h>

#include "core/store/s3/request.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

bool is_v4(std::string const& host) {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool is_v6(std::string const& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.front() == '-') return false;
  for (char const c : host)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_')) return false;
  return true;
}

Error bad(std::string_view url, std::string_view why) {
  return make_error(Condition::bad_config, "endpoint \"" + printable(url) + "\" " + std::string(why),
                    "Write it as https://s3.<region>.backblazeb2.com.", "endpoint");
}

}  // namespace

std::string Endpoint::authority() const {
  std::string out = is_v6(host) ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

bool is_ip_address(std::string_view host) {
  return is_v4(std::string(host)) || is_v6(std::string(host));
}

bool is_loopback(std::string_view host) {
  std::string const name = lower_case(host);
  if (name == "localhost" || name.ends_with(".localhost") || name == "::1") return true;
  return name.starts_with("127.") && is_v4(name);
}

bool split_authority(std::string_view authority, std::string& host, std::uint16_t& port) {
  std::string_view port_text;
  bool has_port = false;
  if (authority.starts_with('[')) {
    auto const close = authority.find(']');
    if (close == std::string_view::npos) return false;
    host = lower_case(authority.substr(1, close - 1));
    if (!is_v6(host)) return false;
    auto const rest = authority.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return false;
    has_port = !rest.empty();
    if (has_port) port_text = rest.substr(1);
  } else {
    auto const colon = authority.find(':');
    host = lower_case(authority.substr(0, colon));
    if (!is_host_name(host)) return false;
    has_port = colon != std::string_view::npos;
    if (has_port) port_text = authority.substr(colon + 1);
  }
  if (!has_port) return true;
  auto const [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  return error == std::errc{} && end == port_text.data() + port_text.size() && port != 0;
}

Result<Endpoint> parse_endpoint(std::string_view url) {
  Endpoint out;
  std::string_view rest = url;
  auto const scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return bad(url, "has no https:// in front");
  std::string const scheme = lower_case(url.substr(0, scheme_end));
  rest.remove_prefix(scheme_end + 3);
  if (scheme == "http") {
    out.tls = false;
    out.port = 80;
  } else if (scheme != "https") {
    return bad(url, "is neither https:// nor http://");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('@') != std::string_view::npos) {
    // Not shown: what stands before the '@' is a password.
    return make_error(Condition::bad_config, "the endpoint's URL holds a user name or password",
                      "Leave them out; keys belong into keyId and applicationKey.", "endpoint");
  }
  if (rest.find_first_of("/?#") != std::string_view::npos)
    return bad(url, "has something after the host name (the bucket has a key of its own)");
  if (!split_authority(rest, out.host, out.port)) return bad(url, "has no valid host name and port");
  if (!out.tls && !is_loopback(out.host))
    return bad(url, "is not encrypted: http:// is accepted only for this machine itself (localhost)");
  return out;
}

std::string region_of(Endpoint const& endpoint) {
  std::string_view const host = endpoint.host;
  for (std::string_view const domain : {".backblazeb2.com", ".amazonaws.com"}) {
    if (!host.starts_with("s3.") || !host.ends_with(domain) || host.size() <= 3 + domain.size()) continue;
    auto const region = host.substr(3, host.size() - 3 - domain.size());
    if (region.find('.') == std::string_view::npos) return std::string(region);
  }
  return "us-east-1";
}

}  // namespace b2b::s3
