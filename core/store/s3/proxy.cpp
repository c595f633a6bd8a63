#include "core/store/s3/proxy.h"

#include <cstdlib>

#include "core/store/s3/request.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// The proxy's URL may hold a password, so no message shows it.
Error bad_proxy(std::string const& variable, std::string_view why) {
  return make_error(Condition::bad_config, "the environment variable " + variable + " " + std::string(why),
                    "Write it as http://host:port, or unset it to connect directly.", variable);
}

Result<Proxy> parse_proxy(std::string_view url, std::string const& variable) {
  Proxy out;
  if (auto const scheme_end = url.find("://"); scheme_end != std::string_view::npos) {
    if (lower_case(url.substr(0, scheme_end)) != "http")
      return bad_proxy(variable, "names a proxy that is not of the kind http://");
    url.remove_prefix(scheme_end + 3);
  }
  if (auto const slash = url.find('/'); slash != std::string_view::npos) url = url.substr(0, slash);
  if (auto const at = url.rfind('@'); at != std::string_view::npos) {
    auto decoded = uri_decode(url.substr(0, at));
    if (!decoded) return bad_proxy(variable, "has a malformed user name or password");
    out.authorization = Secret("Basic " + to_base64(as_bytes(*decoded)));
    wipe(decoded->data(), decoded->size());
    url.remove_prefix(at + 1);
  }
  if (!split_authority(url, out.host, out.port))
    return bad_proxy(variable, "has no valid host name and port");
  return out;
}

}  // namespace

std::optional<std::string> process_environment(std::string const& name) {
  char const* const value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

bool bypasses_proxy(std::string_view no_proxy, Endpoint const& endpoint) {
  while (!no_proxy.empty()) {
    auto const comma = no_proxy.find_first_of(", ");
    auto entry = trim(no_proxy.substr(0, comma));
    no_proxy.remove_prefix(comma == std::string_view::npos ? no_proxy.size() : comma + 1);
    if (entry == "*") return true;
    if (entry.starts_with('.')) entry.remove_prefix(1);
    std::string host;
    std::uint16_t port = endpoint.port;
    bool const bare_v6 = is_ip_address(entry);  // "::1" has colons of its own
    if (bare_v6)
      host = lower_case(entry);
    else if (entry.empty() || !split_authority(entry, host, port))
      continue;
    if (port != endpoint.port) continue;
    if (host == endpoint.host) return true;
    if (!is_ip_address(endpoint.host) && endpoint.host.ends_with("." + host)) return true;
  }
  return false;
}

Result<std::optional<Proxy>> proxy_for(Endpoint const& endpoint, Environment const& environment) {
  if (!endpoint.tls || is_loopback(endpoint.host)) return std::optional<Proxy>{};
  std::string variable = "https_proxy";
  auto url = environment(variable);
  if (!url) url = environment(variable = "HTTPS_PROXY");
  if (!url || trim(*url).empty()) return std::optional<Proxy>{};
  auto no_proxy = environment("no_proxy");
  if (!no_proxy) no_proxy = environment("NO_PROXY");
  if (no_proxy && bypasses_proxy(*no_proxy, endpoint)) return std::optional<Proxy>{};
  B2B_ASSIGN(Proxy proxy, parse_proxy(trim(*url), variable));
  return std::optional<Proxy>(std::move(proxy));
}

std::string connect_request(Endpoint const& endpoint, Proxy const& proxy) {
  bool const v6 = endpoint.host.find(':') != std::string::npos;
  std::string const target =
      (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
  std::string out = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!proxy.authorization.empty()) {
    out += "Proxy-Authorization: ";
    out += proxy.authorization.reveal();
    out += "\r\n";
  }
  return out + "\r\n";
}

}  // namespace b2b::s3
