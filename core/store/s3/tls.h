// TLS settings: 1.2 or newer, certificates checked against the system's store or a file, the host's name
// verified. Over OpenSSL; its types are only named here.
#pragma once

#include <memory>
#include <string>

#include "core/util/error.h"

struct ssl_st;
struct ssl_ctx_st;

namespace b2b::s3 {

class TlsContext {
 public:
  // `ca_file` empty: the system's store. Condition::bad_config when the file cannot be read or holds no
  // certificate.
  static Result<std::unique_ptr<TlsContext>> create(std::string const& ca_file);
  ~TlsContext();
  ssl_ctx_st* native() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

// Sets the name to send (SNI) and to verify; an IP address is verified as one. False: OpenSSL refused the
// name.
bool expect_host(ssl_st* session, std::string const& host);

// Why a handshake failed. A certificate that does not pass is not retryable and says what is wrong with it
// and what to do; everything else is (`reason` is the text of the connection's error).
Error handshake_error(ssl_st* session, std::string const& host, std::string const& reason, bool own_ca_file);

}  // namespace b2b::s3
