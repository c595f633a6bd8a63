// Where the store is: the endpoint's URL taken apart, and the rules about it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/util/error.h"

namespace b2b::s3 {

struct Endpoint {
  bool tls = true;
  std::string host;  // name or address, without brackets, lower case
  std::uint16_t port = 443;

  std::string authority() const;  // for the Host header: "host", "host:9000", "[::1]:9000"
};

// "https://host[:port][/]"; "http://" is refused unless the host is this machine (loopback).
// Condition::bad_config else.
Result<Endpoint> parse_endpoint(std::string_view url);

// "localhost", names below it, 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view host);
bool is_ip_address(std::string_view host);

// "s3.us-west-004.backblazeb2.com" → "us-west-004"; "s3.eu-central-1.amazonaws.com" likewise; "us-east-1" for
// all others.
std::string region_of(Endpoint const& endpoint);

// "host", "host:8080", "[::1]:8080" → parts. False when malformed. `port` is left alone when there is none.
bool split_authority(std::string_view authority, std::string& host, std::uint16_t& port);

}  // namespace b2b::s3
