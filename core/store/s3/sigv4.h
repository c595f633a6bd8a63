// AWS Signature Version 4, header form, in named stages so that each can be compared with published vectors:
// canonical request → string to sign → signing key → signature → Authorization header.
// Source: "Signature Version 4 signing process" in the AWS documentation. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/crypto/hash.h"
#include "core/store/s3/request.h"
#include "core/util/clock.h"
#include "core/util/secret.h"

namespace b2b::s3 {

enum class PathMode {
  as_sent,     // S3: the path is signed as it is, encoded once
  normalised,  // other services: "." and ".." are resolved and runs of '/' become one
};

struct SigningScope {
  std::string timestamp;  // "20150830T123600Z"
  std::string region;
  std::string service = "s3";

  std::string date() const { return timestamp.substr(0, 8); }
  std::string text() const;  // "20150830/us-east-1/s3/aws4_request"
};

// "host;x-amz-date": the request's header names in lower case, sorted, each once.
std::string signed_header_names(Request const& request);

// `payload_sha256` is in lower-case hex.
std::string canonical_request(Request const& request, std::string_view payload_sha256, PathMode mode);

std::string string_to_sign(SigningScope const& scope, std::string_view canonical);

// Holds for one day, region and service: worth keeping.
Sha256Digest signing_key(Secret const& secret_key, SigningScope const& scope);

std::string signature(Sha256Digest const& key, std::string_view text_to_sign);

std::string authorization(std::string_view key_id, SigningScope const& scope, std::string_view header_names,
                          std::string_view hex_signature);

// All stages for S3: sets X-Amz-Date, X-Amz-Content-SHA256 and Authorization. Host must be set already.
void sign(Request& request, std::string_view payload_sha256, std::string_view key_id, Sha256Digest const& key,
          SigningScope const& scope);

}  // namespace b2b::s3
