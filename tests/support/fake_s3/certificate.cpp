#include "tests/support/fake_s3/certificate.h"

#include <memory>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "core/store/s3/endpoint.h"

namespace b2b::test {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

void require(bool good, char const* what) {
  if (!good) throw std::runtime_error(std::string("test certificate: ") + what);
}

Key new_key() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  require(key != nullptr, "key generation failed");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, std::string const& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "extension refused");
}

Certificate new_certificate(EVP_PKEY* key, std::string const& name, long from, long until) {
  Certificate certificate(X509_new());
  long serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 4) == 1, "no randomness");
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), until);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void write_pem(std::string const& path, X509* certificate, EVP_PKEY* key) {
  std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(path.c_str(), "w"), BIO_free);
  require(file != nullptr, "cannot write the file");
  bool const written =
      key != nullptr ? PEM_write_bio_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1
                     : PEM_write_bio_X509(file.get(), certificate) == 1;
  require(written, "cannot write the file");
}

}  // namespace

CertificateFiles make_certificate(std::string const& directory, std::string const& name,
                                  CertificateSpec const& spec) {
  Key const authority_key = new_key();
  Certificate const authority =
      new_certificate(authority_key.get(), "b2backupd test authority", -86'400, 86'400 * 365);
  X509_set_issuer_name(authority.get(), X509_get_subject_name(authority.get()));
  add_extension(authority.get(), authority.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(authority.get(), authority.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  require(X509_sign(authority.get(), authority_key.get(), EVP_sha256()) > 0, "signing failed");

  Key const key = new_key();
  Certificate const certificate =
      new_certificate(key.get(), spec.host, spec.valid_from_seconds, spec.valid_for_seconds);
  X509* const issuer = spec.self_signed ? certificate.get() : authority.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer));
  add_extension(certificate.get(), issuer, NID_subject_alt_name,
                (s3::is_ip_address(spec.host) ? "IP:" : "DNS:") + spec.host);
  require(X509_sign(certificate.get(), spec.self_signed ? key.get() : authority_key.get(), EVP_sha256()) > 0,
          "signing failed");

  CertificateFiles const files{directory + "/" + name + "-authority.pem", directory + "/" + name + ".pem",
                               directory + "/" + name + ".key"};
  write_pem(files.authority, authority.get(), nullptr);
  write_pem(files.certificate, certificate.get(), nullptr);
  write_pem(files.private_key, nullptr, key.get());
  return files;
}

}  // namespace b2b::test
