// OpenSSL's AES-256-GCM, for the two files that use it. Internal to core/crypto.
#pragma once

#include <openssl/evp.h>

#include <memory>

#include "core/util/error.h"

namespace b2b::aes_gcm {

inline EVP_CIPHER const* cipher() {
  static EVP_CIPHER const* const found = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  B2B_ASSERT(found != nullptr);
  return found;
}

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }  // wipes the key
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

}  // namespace b2b::aes_gcm
