// A real S3 server, Ceph's radosgw, with versioned buckets. scripts/lib/radosgw.sh starts one; B2B_RADOSGW_ENV names the file that it
// writes. Without that the tests are skipped.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/store/s3/client.h"
#include "tests/support/catch.h"
#include "tests/unit/store/s3/fixture.h"

namespace b2b::test {

inline std::optional<std::map<std::string, std::string>> radosgw() {
  char const* const path = std::getenv("B2B_RADOSGW_ENV");
  if (path == nullptr || *path == '\0') return std::nullopt;
  std::ifstream in(path);
  if (!in) throw std::runtime_error(std::string("cannot read ") + path);
  std::map<std::string, std::string> out;
  for (std::string line; std::getline(in, line);) {
    auto const equals = line.find('=');
    if (line.starts_with("export ") && equals != std::string::npos)
      out[line.substr(7, equals - 7)] = line.substr(equals + 1);
  }
  return out;
}

#define B2B_REQUIRE_RADOSGW(variable)                                                          \
  auto const variable##_found = radosgw();                                                     \
  if (!variable##_found) {                                                                     \
    WARN("skipped: no radosgw here (scripts/lib/radosgw.sh up DIR; B2B_RADOSGW_ENV=DIR/env)"); \
    return;                                                                                    \
  }                                                                                            \
  auto const variable = *variable##_found

inline s3::Settings settings_of(std::map<std::string, std::string> const& env, bool tls) {
  s3::Settings settings;
  settings.endpoint = env.at(tls ? "B2B_RADOSGW_TLS_ENDPOINT" : "B2B_RADOSGW_ENDPOINT");
  if (tls) settings.ca_file = env.at("B2B_RADOSGW_CA");
  settings.key_id = Secret(env.at("B2B_RADOSGW_KEY_ID"));
  settings.application_key = Secret(env.at("B2B_RADOSGW_APPLICATION_KEY"));
  settings.part_bytes = 5 << 20;
  settings.multipart_threshold_bytes = 12'000'000;
  settings.copy_part_threshold_bytes = 12'000'000;
  return settings;
}

// A versioned bucket of its own for each call.
inline s3::Settings with_new_bucket(s3::Settings settings) {
  static std::atomic<unsigned> count = 0;
  settings.bucket = "b2b-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  auto const client = s3::Client::create(settings, system_clock()).value();
  client->send(client->call("PUT", "make", ""), {}).value();
  std::string const xml =
      "<VersioningConfiguration "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
  s3::SpanSource const body(as_bytes(xml));
  auto call = client->call("PUT", "version", "");
  call.request.query.emplace_back("versioning", "");
  call.body = &body;
  call.digest = s3::digest_of(as_bytes(xml));
  client->send(call, {}).value();
  return settings;
}

}  // namespace b2b::test
