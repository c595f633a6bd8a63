#include "daemon/jobs/library_versions.h"

#include <openssl/crypto.h>
#include <sqlite3.h>
#include <zstd.h>

#include <CLI/Version.hpp>
#include <boost/version.hpp>
#include <algorithm>

namespace b2b::jobs {

std::string library_versions() {
  std::string boost = BOOST_LIB_VERSION;
  std::replace(boost.begin(), boost.end(), '_', '.');
  return std::string("OpenSSL ") + OpenSSL_version(OPENSSL_VERSION_STRING) + "\nSQLite " + sqlite3_libversion() + "\nzstd " +
         ZSTD_versionString() + "\nBoost " + boost + " (compiled with)\nCLI11 " CLI11_VERSION " (compiled with)";
}

}  // namespace b2b::jobs
