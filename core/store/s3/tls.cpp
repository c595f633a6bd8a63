#include "core/store/s3/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "core/store/s3/endpoint.h"
#include "core/store/s3/errors.h"
#include "core/util/encoding.h"

namespace b2b::s3 {
namespace {

struct CertificateProblem {
  std::string what;
  std::string advice;
};

CertificateProblem problem_of(long verify_result, std::string const& host, bool own_ca_file) {
  std::string const trust = own_ca_file
                                ? "caFile must hold the certificate authority that signed it."
                                : "If it is your own server, name its certificate authority in caFile; else "
                                  "something stands between this machine and the store.";
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {"has expired", "Renew the server's certificate, or check this machine's date."};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {"is not valid yet", "Check this machine's date."};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {"is not made out to " + printable(host),
              "Check the endpoint's name; the certificate belongs to another host."};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {"is signed by itself and not trusted", trust};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return {"is signed by an authority that is not trusted", trust};
    default:
      break;
  }
  return {std::string("does not pass: ") + X509_verify_cert_error_string(verify_result), trust};
}

}  // namespace

Result<std::unique_ptr<TlsContext>> TlsContext::create(std::string const& ca_file) {
  std::unique_ptr<TlsContext> out(new TlsContext(SSL_CTX_new(TLS_client_method())));
  SSL_CTX* const context = out->native();
  B2B_ASSERT(context != nullptr);
  B2B_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      ERR_clear_error();
      return make_error(Condition::bad_config, "the system's store of certificate authorities cannot be read",
                        "Install the package ca-certificates, or name a file in caFile.", "caFile");
    }
  } else if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    ERR_clear_error();
    return make_error(Condition::bad_config, "no certificate can be read from " + printable(ca_file),
                      "caFile must name a readable file with certificates in PEM form.", "caFile");
  }
  return out;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

bool expect_host(ssl_st* session, std::string const& host) {
  if (is_ip_address(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(host.c_str())) == 1 &&
         SSL_set1_host(session, host.c_str()) == 1;
}

Error handshake_error(ssl_st* session, std::string const& host, std::string const& reason, bool own_ca_file) {
  long const verify_result = SSL_get_verify_result(session);
  if (verify_result == X509_V_OK)
    return unreachable("no TLS session with " + printable(host) + ": " + printable(reason),
                       "Check that the endpoint's port speaks TLS 1.2 or newer.");
  auto const problem = problem_of(verify_result, host, own_ca_file);
  Error error = unreachable("the certificate of " + printable(host) + " " + problem.what, problem.advice);
  error.retryable = false;
  return error;
}

}  // namespace b2b::s3
