#include "core/notify/ping_address.h"

#include <algorithm>

#include "core/store/s3/endpoint.h"

namespace b2b {
namespace {

Error malformed(std::string_view why) {
  return make_error(Condition::bad_config, "healthcheckUrl " + std::string(why),
                    "Copy the whole address from the page of the check, like https://hc-ping.com/…",
                    "healthcheckUrl");
}

}  // namespace

Secret PingAddress::target(Ping ping) const {
  std::string text(path.reveal());
  if (ping == Ping::start) text += "/start";
  if (ping == Ping::failure) text += "/fail";
  if (text.empty()) text = "/";
  text += query.reveal();
  Secret result{text};
  wipe(text.data(), text.size());
  return result;
}

Result<PingAddress> parse_ping_address(Secret const& url) {
  std::string_view rest = url.reveal();
  bool const clean = std::all_of(rest.begin(), rest.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!clean) return malformed("holds white space or characters that must be written as %XX");
  PingAddress address;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    address.tls = false;
    address.port = 80;
  } else {
    return malformed("begins with neither https:// nor http://");
  }
  rest = rest.substr(0, rest.find('#'));
  std::string_view const authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos)
    return malformed("must not hold a user name or password");
  if (!s3::split_authority(authority, address.host, address.port))
    return malformed("has no valid host name and port");
  std::string_view path = rest.substr(0, rest.find('?'));
  address.query = Secret(rest.substr(path.size()));
  while (path.ends_with('/'))
    path.remove_suffix(1);
  address.path = Secret(path);
  return address;
}

}  // namespace b2b
