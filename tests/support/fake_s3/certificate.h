// Certificates made on the spot for tests: an authority, and server certificates that it signed.
#pragma once

#include <string>

namespace b2b::test {

struct CertificateSpec {
  std::string host = "127.0.0.1";   // subject alternative name: an address or a DNS name
  long valid_from_seconds = -3600;  // relative to now
  long valid_for_seconds = 86'400;  // from now; negative: expired already
  bool self_signed = false;         // by itself instead of by the authority
};

struct CertificateFiles {
  std::string authority;  // PEM files below the directory
  std::string certificate;
  std::string private_key;
};

// Writes NAME-authority.pem, NAME.pem and NAME.key into `directory`. Throws std::runtime_error.
CertificateFiles make_certificate(std::string const& directory, std::string const& name,
                                  CertificateSpec const& spec);

}  // namespace b2b::test
